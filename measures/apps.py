from functools import partial
from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


def _guard(sender: AppConfig, using: str, **_kwargs: Any) -> None:
    from gatekeeper.common.append_only import create_guards

    create_guards(sender.label, using)


class MeasuresConfig(AppConfig):
    name = "measures"
    label = "measures"

    def ready(self) -> None:
        """Forecasts: shown by the pages of approvals, woken by every commit that wrote events."""
        from approvals import ports
        from gatekeeper.common.queue import nudge
        from measures.forecasts import heading_of
        from measures.health import trends
        from releases import events

        post_migrate.connect(_guard, sender=self, dispatch_uid="guard measures")
        ports.forecasts.heading_of = heading_of
        ports.forecasts.trends = trends
        events.after_commit.append(partial(nudge, "measures.tasks.forecast"))
