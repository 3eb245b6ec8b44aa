from django.apps import AppConfig


class DashboardConfig(AppConfig):
    name = "gatekeeper.dashboard"
    label = "dashboard"
