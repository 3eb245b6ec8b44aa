"""Addresses of the API: the portfolio."""

from django.urls import path

from gatekeeper.dashboard import api

urlpatterns = [path("portfolio/", api.PortfolioView.as_view(), name="api-portfolio")]
