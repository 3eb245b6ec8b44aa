"""Scheduled work: thin tasks, each repeatable without effect."""

from celery import shared_task

from gatekeeper.common.clock import database_clock
from releases import events


@shared_task
def seal_history() -> None:
    """Sign the heads of all event streams."""
    events.seal_history(database_clock())
