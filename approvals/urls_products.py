"""Addresses of the products pages."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
