"""Addresses of the API: who calls, product lines, products, playbooks, slips."""

from django.urls import path

from releases.api import me

urlpatterns = [
    path("me/", me.MeView.as_view(), name="api-me"),
]
