"""Scheduled work: thin tasks, each repeatable without effect."""

from celery import shared_task

from measures import forecasts


@shared_task
def forecast() -> None:
    """Every five minutes and after each commit that wrote events: forecasts that are due, all of them at midnight."""
    forecasts.refresh(seconds=forecasts.MOST_SECONDS)
