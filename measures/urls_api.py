"""Addresses of the API: forecasts."""

from django.urls import path

from measures import api

urlpatterns = [
    path(
        "releases/<slug:product>/<str:version>/forecast/",
        api.ReleaseForecastView.as_view(),
        name="api-release-forecast",
    )
]
