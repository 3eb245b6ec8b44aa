"""Addresses of the notification centre, and of watching."""

from django.urls import path

from notifications import views

urlpatterns = [
    path("notifications/", views.notifications, name="notifications"),
    path("notifications/read/", views.read_all, name="notifications-read"),
    path("notifications/<int:delivery>/read/", views.read_one, name="notification-read"),
    path("notifications/<int:delivery>/open/", views.open_one, name="notification-open"),
    path("products/<slug:product>/watch/", views.watch, name="product-watch"),
    path("products/<slug:product>/stakeholders/", views.stakeholders, name="product-stakeholders"),
    path("products/<slug:product>/stakeholders/remove/", views.stakeholder_remove, name="product-stakeholder-remove"),
    path("releases/<slug:product>/<str:version>/watch/", views.watch, name="release-watch"),
    path("releases/<slug:product>/<str:version>/stakeholders/", views.stakeholders, name="release-stakeholders"),
    path(
        "releases/<slug:product>/<str:version>/stakeholders/remove/",
        views.stakeholder_remove,
        name="release-stakeholder-remove",
    ),
]
