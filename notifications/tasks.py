"""Wakes the relay and the delivery. Both look at what is due, so they may run twice, late or at once."""

from celery import shared_task

from gatekeeper.common.clock import database_clock
from gatekeeper.common.queue import nudge
from notifications.delivery import deliver_waiting, has_work
from notifications.relay import relay_events


@shared_task
def relay() -> None:
    """Every 5 s, and after each commit that wrote events."""
    relay_events()
    if has_work(database_clock()):
        nudge("notifications.tasks.deliver")


@shared_task
def deliver() -> None:
    """Sends what waits; woken by the relay."""
    deliver_waiting()
