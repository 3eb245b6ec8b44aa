"""Addresses of the API, each room's own. Names begin with `api-`."""

from django.urls import include, path

from gatekeeper import api

urlpatterns = [
    path("schema/", api.SchemaView.as_view(), name="api-schema"),
    path("docs/", api.docs, name="api-docs"),
    path("", include("releases.urls_api")),
    path("", include("approvals.urls_api")),
    path("", include("measures.urls_api")),
    path("", include("notifications.urls_api")),
    path("", include("gatekeeper.dashboard.urls_api")),
]
