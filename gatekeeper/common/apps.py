from django.apps import AppConfig


class CommonConfig(AppConfig):
    """The foundation: what every room stands on."""

    name = "gatekeeper.common"
    label = "common"

    def ready(self) -> None:
        from gatekeeper.common import checks  # noqa: F401  # registers them
