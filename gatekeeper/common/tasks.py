"""Jobs of the house itself."""

from celery import shared_task
from celery.signals import beat_init
from django.core.management import call_command

from gatekeeper.common.clock import database_clock
from gatekeeper.common.models import Heartbeat, KeptAnswer

BEAT = "beat"


@shared_task
def heartbeat() -> None:
    """Every 30 s: what /readyz and the worker's health check look at."""
    Heartbeat.objects.beat(BEAT, database_clock())


@shared_task
def clear_sessions() -> None:
    """Every night: sessions that have ended."""
    call_command("clearsessions")


@beat_init.connect
def first_heartbeat(**_: object) -> None:
    """Beat waits a whole interval before its first tick; an installation is ready sooner than that."""
    heartbeat.apply_async(expires=30)


@shared_task
def clear_kept_answers() -> None:
    """Every hour: answers to retried requests, a day after they were given."""
    KeptAnswer.objects.forget_old(database_clock())
