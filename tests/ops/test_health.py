"""/healthz and /readyz say what works, without sign-in and without telling more than that."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from gatekeeper.common import health
from gatekeeper.common.models import Heartbeat
from gatekeeper.common.queue import nudge
from gatekeeper.common.tasks import BEAT
from tests.processes import Process, wait_until


def test_healthz_answers_without_a_database(client: Client) -> None:
    response = client.get("/healthz")
    assert response.status_code == 200
    assert response.json() == {"status": "ok"}


@pytest.mark.django_db
def test_a_fresh_tick_makes_ready(client: Client) -> None:
    Heartbeat.objects.beat(BEAT, timezone.now())
    response = client.get("/readyz")
    body = response.json()
    assert response.status_code == 200
    assert body["status"] == "ok"
    assert {"database", "migrations", "broker", "beat"} <= set(body["checks"])
    assert set(body["checks"].values()) == {"ok"}


@pytest.mark.django_db
@pytest.mark.parametrize("age", [None, timedelta(minutes=3)])
def test_an_old_or_missing_tick_is_not_ready(client: Client, age: timedelta | None) -> None:
    if age is not None:
        Heartbeat.objects.beat(BEAT, timezone.now() - age)
    response = client.get("/readyz")
    assert response.status_code == 503
    checks = response.json()["checks"]
    assert [name for name, word in checks.items() if word != "ok"] == ["beat"]


@pytest.mark.django_db
def test_a_pending_migration_is_not_ready(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_is_migrated", False)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'common'")
    assert client.get("/readyz").json()["checks"]["migrations"] == "failing"


@pytest.mark.django_db(transaction=True)
def test_a_real_worker_ticks(worker: Process, client: Client) -> None:
    nudge("gatekeeper.common.tasks.heartbeat")
    wait_until(lambda: Heartbeat.objects.filter(name=BEAT).exists(), explain=worker.output)
    assert client.get("/readyz").status_code == 200
