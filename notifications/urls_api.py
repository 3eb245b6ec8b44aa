"""Addresses of the API: watches, stakeholders, notices."""

from django.urls import path

from notifications.api import views

RELEASE = "releases/<slug:product>/<str:version>/"
PRODUCT = "products/<slug:product>/"

urlpatterns = [
    path(f"{PRODUCT}watch/", views.ProductWatchView.as_view(), name="api-product-watch"),
    path(f"{RELEASE}watch/", views.ReleaseWatchView.as_view(), name="api-release-watch"),
    path(f"{PRODUCT}stakeholders/", views.ProductStakeholdersView.as_view(), name="api-product-stakeholders"),
    path(f"{RELEASE}stakeholders/", views.ReleaseStakeholdersView.as_view(), name="api-release-stakeholders"),
    path("notifications/", views.NotificationsView.as_view(), name="api-notifications"),
    path("notifications/read/", views.NotificationsReadView.as_view(), name="api-notifications-read"),
]
