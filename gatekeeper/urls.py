"""Mounts the rooms. Each app brings its own urls; the order below decides nothing."""

from django.contrib import admin
from django.urls import include, path

from gatekeeper.common import health

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("admin/", admin.site.urls),
    path("", include("approvals.urls")),
]
