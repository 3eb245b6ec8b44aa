"""Addresses of home, portfolio, first steps and settings."""

from django.urls import path

from gatekeeper.dashboard.views import portfolio, search

urlpatterns = [
    path("portfolio/", portfolio.portfolio, name="portfolio"),
    path("portfolio/export.csv", portfolio.portfolio_export, name="portfolio-export"),
    path("search/", search.search, name="search"),
]
