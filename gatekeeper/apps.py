from django.apps import AppConfig


class GatekeeperConfig(AppConfig):
    """Hosts the commands that belong to no single room."""

    name = "gatekeeper"
    label = "gatekeeper"
    verbose_name = "Gatekeeper"
