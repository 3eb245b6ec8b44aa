"""Addresses of the API: who calls, product lines, products, playbooks, slips, events."""

from django.urls import path

from releases.api import events, me, products, slips

RELEASE = "releases/<slug:product>/<str:version>/"

urlpatterns = [
    path("me/", me.MeView.as_view(), name="api-me"),
    path("product-lines/", products.ProductLinesView.as_view(), name="api-product-lines"),
    path("products/", products.ProductsView.as_view(), name="api-products"),
    path("products/<slug:product>/", products.ProductView.as_view(), name="api-product"),
    path("playbooks/", products.PlaybooksView.as_view(), name="api-playbooks"),
    path("playbooks/<slug:playbook>/", products.PlaybookView.as_view(), name="api-playbook"),
    path("slips/", slips.SlipsView.as_view(), name="api-slips"),
    path(f"{RELEASE}slips/", slips.ReleaseSlipsView.as_view(), name="api-release-slips"),
    path("events/", events.EventsView.as_view(), name="api-events"),
]
