"""Pages of products, releases, gates, the inbox and being away."""

from django.urls import include, path

urlpatterns = [
    path("", include("approvals.urls_products")),
    path("", include("approvals.urls_releases")),
    path("", include("approvals.urls_gates")),
    path("", include("approvals.urls_absences")),
]
