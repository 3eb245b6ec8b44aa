"""Twenty writers at once on an SQLite file: they wait for each other, and nobody reads "database is locked"."""

from collections.abc import Callable

import pytest
from django.conf import settings
from django.db import connection

from approvals.actions.decisions import record_decision
from approvals.actions.evidence import save_evidence
from approvals.actions.rounds import submit_evidence
from approvals.models import Deliverable
from releases.actions.slips import record_all_misses
from releases.models import Event, Gate, Slip
from tests.cast import MARKET, active_release, at, day, differences, gate_of, make_cast
from tests.races.together import together, without_announcements

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"), reason="SQLite only"),
]

WRITERS = 20


def test_the_database_is_a_file_with_a_write_ahead_log_and_immediate_transactions(transactional_db: None) -> None:
    assert connection.settings_dict["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode")
        assert cursor.fetchone() == ("wal",)
        cursor.execute("PRAGMA database_list")
        assert ".sqlite3" in cursor.fetchone()[2], "a file, not memory"


def test_twenty_writers_on_releases_of_their_own(transactional_db: None) -> None:
    cast = make_cast()
    gates = [gate_of(active_release(cast, f"1.{n}"), MARKET) for n in range(WRITERS)]

    def story(gate: Gate) -> Callable[[], None]:
        def tell() -> None:
            thing = Deliverable.objects.get(gate=gate, key="brief")
            save_evidence(deliverable_id=thing.pk, actor=cast.pm, kind="text", text="Words", clock=at(2))
            submit_evidence(gate_id=gate.pk, actor=cast.pm, clock=at(3))
            for role in ("engineering", "sales"):
                record_decision(
                    gate_id=gate.pk, round_number=1, role_key=role, actor=cast.decider(role), verdict="approve",
                    clock=at(4),
                )  # fmt: skip

        return tell

    with without_announcements():
        outcomes = together(*[story(gate) for gate in gates])
    assert [str(outcome.error) for outcome in outcomes if outcome.error] == []
    assert Gate.objects.filter(key=MARKET, state="approved").count() == WRITERS
    assert differences() == []


def test_twenty_writers_on_one_gate(transactional_db: None) -> None:
    """Each saves the same deliverable: twenty versions, one of them the latest, no event lost."""
    cast = make_cast()
    release = active_release(cast)
    thing = Deliverable.objects.get(gate__release=release, key="brief")

    def save() -> object:
        return save_evidence(deliverable_id=thing.pk, actor=cast.pm, kind="text", text="Words", clock=at(2))

    number = Event.objects.filter(release=release).count()
    with without_announcements():
        outcomes = together(*[save] * WRITERS)
    assert [str(outcome.error) for outcome in outcomes if outcome.error] == []
    assert sorted(thing.versions.values_list("version", flat=True)) == list(range(1, WRITERS + 1))
    assert Event.objects.filter(release=release).count() == number + WRITERS
    assert differences() == []


def test_twenty_sweeps(transactional_db: None) -> None:
    cast = make_cast()
    for n in range(5):
        active_release(cast, f"1.{n}")
    with without_announcements():
        outcomes = together(*[lambda: record_all_misses(day(31), clock=at(31))] * WRITERS)
    assert [str(outcome.error) for outcome in outcomes if outcome.error] == []
    assert sum(int(str(outcome.value)) for outcome in outcomes) == Slip.objects.count() == 5
    assert differences() == []
