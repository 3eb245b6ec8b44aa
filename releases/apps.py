from typing import Any

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate


def _guard(sender: AppConfig, using: str, **_kwargs: Any) -> None:
    from gatekeeper.common.append_only import create_guards

    create_guards(sender.label, using)


class ReleasesConfig(AppConfig):
    name = "releases"
    label = "releases"

    def ready(self) -> None:
        """Append-only tables get their triggers anew after each migration of their app."""
        for label in ("releases", "approvals"):
            post_migrate.connect(_guard, sender=apps.get_app_config(label), dispatch_uid=f"guard {label}")
