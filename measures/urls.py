"""Addresses of forecasts."""

from django.urls import path

from measures import views

urlpatterns = [
    path("releases/<slug:product>/<str:version>/forecast/", views.release_forecast, name="release-forecast"),
    path("calibration/", views.calibration, name="calibration"),
    path("calibration/<slug:product>/", views.calibration_of, name="calibration-product"),
]
