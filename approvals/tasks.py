"""Scheduled work: thin tasks, each repeatable without effect."""

from celery import shared_task

from approvals import sweep as sweeping
from approvals.actions.files import clear_blobs, clear_uploads


@shared_task
def sweep() -> None:
    """Record misses and slips; expire waivers; begin and end absences."""
    sweeping.sweep()


@shared_task
def clear_files() -> None:
    """Every hour: uploads that stopped or that nobody wanted, and bytes that no row knows."""
    clear_uploads()
    clear_blobs()
