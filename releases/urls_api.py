"""Addresses of the API: who calls, product lines, products, playbooks, slips, events."""

from django.urls import path

from releases.api import events, me

urlpatterns = [
    path("me/", me.MeView.as_view(), name="api-me"),
    path("events/", events.EventsView.as_view(), name="api-events"),
]
