"""History cannot be rewritten: triggers on PostgreSQL, and a check that names the first broken link everywhere."""

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from gatekeeper.common.append_only import lift_guards, missing_guards
from gatekeeper.common.clock import database_clock
from releases import events
from releases.kinds import EventKind
from releases.models import Event

pytestmark = pytest.mark.django_db


def write_events(count: int) -> list[Event]:
    """Some events in the organisation's stream."""
    with transaction.atomic():
        return [
            events.record_for_organisation(
                EventKind.GROUP_SAVED, actor=None, at=database_clock(), data={"group": str(n)}
            )
            for n in range(count)
        ]


def lift_for_this_test() -> None:
    """As a database superuser could; the test's rollback brings the triggers back."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        lift_guards(connection)


@pytest.mark.postgres
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE releases_event SET data = '{}'",
        "DELETE FROM releases_event",
        "TRUNCATE releases_event CASCADE",
    ],
)
def test_the_database_refuses_to_change_an_event(statement: str) -> None:
    write_events(2)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert Event.objects.count() == 2
    assert missing_guards() == []


@pytest.mark.postgres
def test_a_dropped_trigger_is_noticed() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER gatekeeper_no_change ON releases_event")
    assert missing_guards() == ["releases_event"]


TAMPERING = {
    "changed": ('UPDATE releases_event SET data = \'{"group":"x"}\' WHERE number = 3', "organisation 3"),
    "deleted in the middle": ("DELETE FROM releases_event WHERE number = 3", "organisation 3"),
    "deleted at the end": ("DELETE FROM releases_event WHERE number = 5", "organisation 5"),
    "inserted": (
        """INSERT INTO releases_event
        (stream, number, recorded_at, effective_on, token, kind, subject, data, previous_hash, hash)
        SELECT stream, 6, recorded_at, effective_on, token, kind, subject, data, hash, 'f' FROM releases_event
        WHERE number = 5""",
        "organisation 6",
    ),
    "swapped": (
        "UPDATE releases_event SET number = CASE number WHEN 2 THEN 1003 ELSE 1002 END WHERE number IN (2, 3)",
        "organisation 2",
    ),
}


@pytest.mark.parametrize("how", TAMPERING)
def test_tampering_is_named(how: str) -> None:
    statement, place = TAMPERING[how]
    write_events(5)
    call_command("verify_history")
    lift_for_this_test()
    with connection.cursor() as cursor:
        cursor.execute(statement)
        if how == "swapped":
            cursor.execute("UPDATE releases_event SET number = number - 1000 WHERE number > 1000")
    with pytest.raises(CommandError, match=f"broken at {place}"):
        call_command("verify_history")


def test_a_chain_hashed_anew_does_not_match_its_signed_checkpoint() -> None:
    write_events(5)
    events.seal_history(database_clock())
    call_command("verify_history")
    lift_for_this_test()
    previous = ""
    for event in Event.objects.order_by("number"):
        data = '{"group":"forged"}' if event.number == 2 else event.data
        event.data, event.previous_hash = data, previous
        previous = events.link_hash(previous, event)
        Event.objects.filter(pk=event.pk).update(data=data, previous_hash=event.previous_hash, hash=previous)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE releases_organisation SET event_hash = %s", [previous])
    assert list(events.verify_streams()) == []
    with pytest.raises(CommandError, match="signed another event"):
        call_command("verify_history")
