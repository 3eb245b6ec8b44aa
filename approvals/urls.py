"""Pages of products, releases, gates and the inbox."""

from django.urls import include, path

urlpatterns = [
    path("", include("approvals.urls_products")),
    path("", include("approvals.urls_releases")),
    path("", include("approvals.urls_gates")),
]
