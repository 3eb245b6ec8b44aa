"""System checks: what must be true of an installation before it serves anybody."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connection


@register(Tags.database)
def postgresql_driver(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Django silently prefers psycopg 3 where it can be imported; everything here is tried with psycopg2."""
    if connection.vendor != "postgresql":
        return []
    from django.db.backends.postgresql.psycopg_any import is_psycopg3

    if is_psycopg3:
        return [Error("psycopg 3 is installed and would be used.", hint="Uninstall psycopg.", id="gatekeeper.E001")]
    return []


@register()
def queue_times(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """A task that may run longer than the queue hides its message would run twice."""
    if settings.CELERY_TASK_TIME_LIMIT >= settings.CELERY_VISIBILITY_TIMEOUT:
        return [Error("The task time limit reaches the queue's visibility timeout.", id="gatekeeper.E002")]
    return []
