"""Scheduled work: thin tasks, each repeatable without effect."""

from celery import shared_task

from approvals import sweep as sweeping


@shared_task
def sweep() -> None:
    """Record misses and slips; expire waivers; begin and end absences."""
    sweeping.sweep()
