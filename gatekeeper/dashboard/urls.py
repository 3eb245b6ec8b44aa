"""Addresses of home, portfolio, first steps and settings."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
