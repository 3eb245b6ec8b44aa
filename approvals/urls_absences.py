"""Addresses of being away."""

from django.urls import path

from approvals.views import absences

urlpatterns = [
    path("settings/away/", absences.away, name="away"),
    path("settings/away/assistant/", absences.assistant, name="away-assistant"),
    path("settings/away/<int:person>/", absences.away, name="away-of"),
    path("settings/away/<int:person>/assistant/", absences.assistant, name="away-assistant-of"),
    path("settings/away/<int:delegation>/end/", absences.end, name="away-end"),
]
