"""Mounts the rooms. Each app brings its own urls; the order below decides nothing."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path

from gatekeeper.common import health

urlpatterns = [
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("admin/", admin.site.urls),
    path("api/v1/", include("gatekeeper.urls_api")),
    path("", include("gatekeeper.accounts.urls")),
    path("", include("gatekeeper.dashboard.urls")),
    path("", include("measures.urls")),
    path("", include("approvals.urls")),
    path("", include("notifications.urls")),
]

if settings.DEBUG:
    urlpatterns += [path("components/", include("gatekeeper.common.sheet"))]

handler400 = "gatekeeper.common.error_pages.bad_request"
handler403 = "gatekeeper.common.error_pages.permission_denied"
handler404 = "gatekeeper.common.error_pages.not_found"
handler500 = "gatekeeper.common.error_pages.server_error"
