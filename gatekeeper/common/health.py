"""Alive, and ready: for load balancers and people on call. Says which part fails, and no more than that."""

import logging
import os
from collections.abc import Callable
from datetime import timedelta

from celery import current_app
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from gatekeeper.common.append_only import missing_guards
from gatekeeper.common.clock import database_clock
from gatekeeper.common.models import Heartbeat
from gatekeeper.common.tasks import BEAT

logger = logging.getLogger(__name__)

BEAT_MAY_BE_OLD = timedelta(seconds=120)
BROKER_TIMEOUT = 2


class NotReady(Exception):  # a finding, not a fault
    """One part does not work; the text goes to the log."""


def has_pending_migrations() -> bool:
    """Whether the database is older than the code."""
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def check_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


_is_migrated = False


def check_migrations() -> None:
    """Asked until the answer is yes: code does not change while it runs, and reading all migrations is slow."""
    global _is_migrated
    if not _is_migrated and has_pending_migrations():
        raise NotReady("migrations are pending")
    _is_migrated = True


def check_broker() -> None:
    if not settings.REDIS_URL:
        folder = settings.QUEUE_DIR / "messages"
        if not os.access(folder, os.W_OK):
            raise NotReady(f"{folder} cannot be written")
        return
    with current_app.connection_for_write() as broker:
        broker.ensure_connection(max_retries=1, timeout=BROKER_TIMEOUT)
        broker.default_channel.client.ping()


def check_beat() -> None:
    beat = Heartbeat.objects.filter(name=BEAT).first()
    if beat is None:
        raise NotReady("no tick yet")
    age = database_clock() - beat.at
    if age > BEAT_MAY_BE_OLD:
        raise NotReady(f"the last tick is {age.total_seconds():.0f} s old")


def check_guards() -> None:
    if missing := missing_guards():
        raise NotReady(f"append-only triggers are missing on {', '.join(missing)}: run migrate")


CHECKS: dict[str, Callable[[], None]] = {
    "database": check_database,
    "migrations": check_migrations,
    "history": check_guards,
    "broker": check_broker,
    "beat": check_beat,
}


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """The process answers. Touches nothing else, so that a sick database does not get web processes killed."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Every part the service needs, by name; 503 when one fails."""
    findings = {name: _finding(name, check) for name, check in CHECKS.items()}
    is_ready = all(word == "ok" for word in findings.values())
    body = {"status": "ok" if is_ready else "failing", "checks": findings}
    return JsonResponse(body, status=200 if is_ready else 503)


def _finding(name: str, check: Callable[[], None]) -> str:
    try:
        check()
    except (NotReady, DatabaseError, OSError) as error:
        logger.warning("not ready: %s: %s", name, error)
        return "failing"
    except current_app.connection_for_write().connection_errors as error:
        logger.warning("not ready: %s: %s", name, error)
        return "failing"
    return "ok"
