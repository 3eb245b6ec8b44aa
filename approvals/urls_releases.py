"""Addresses of the releases pages."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
