"""Scheduled work: thin tasks, each repeatable without effect."""

from celery import shared_task

from gatekeeper.common.queue import nudge
from measures import backtest as backtesting
from measures import forecasts


@shared_task
def forecast() -> None:
    """Every five minutes and after each commit that wrote events: forecasts that are due, all of them at midnight."""
    forecasts.refresh(seconds=forecasts.MOST_SECONDS)


@shared_task
def backtest() -> None:
    """Every hour: the next product whose recorded history was loaded since it was scored, and so on."""
    if backtesting.keep_next():
        nudge("measures.tasks.backtest")
