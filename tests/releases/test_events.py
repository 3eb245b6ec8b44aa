"""The event log: one chained event per change, in the transaction of the change, signed as a whole."""

import hashlib
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from gatekeeper.common.append_only import lift_guards
from gatekeeper.common.clock import fixed_clock
from gatekeeper.common.errors import Conflict
from releases import events
from releases.actions.products import create_product
from releases.actions.releases import cancel_release, hold_release
from releases.actions.slips import record_all_misses
from releases.events import canonical, merkle_root, verify_checkpoints, verify_streams
from releases.kinds import EVENT_KINDS, EventKind
from releases.models import Checkpoint, Event, EventPosition, Organisation, Release
from tests.cast import (
    MARKET,
    Cast,
    active_release,
    approve,
    at,
    conflict,
    day,
    decline,
    fill,
    fresh,
    gate_of,
    make_cast,
    moment,
    nothing_changes,
    submit,
)

# --- Canonical text ---------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=8), JSON, max_size=6))
def test_canonical_text_depends_on_the_value_alone_and_reads_back(value: dict[str, Any]) -> None:
    backwards = dict(reversed(list(value.items())))
    assert canonical(value) == canonical(backwards)
    assert json.loads(canonical(value)) == value


def test_canonical_text_has_sorted_keys_no_spaces_plain_letters_and_iso_dates() -> None:
    assert canonical({"b": [1, None], "a": date(2028, 2, 29), "ä": "ü"}) == '{"a":"2028-02-29","b":[1,null],"ä":"ü"}'
    with pytest.raises(TypeError):
        canonical({"a": object()})


@given(st.lists(st.text(max_size=5), max_size=9))
def test_the_root_depends_on_every_leaf_and_its_place(leaves: list[str]) -> None:
    root = merkle_root(leaves)
    for index in range(len(leaves)):
        changed = [*leaves[:index], leaves[index] + "x", *leaves[index + 1 :]]
        assert merkle_root(changed) != root
    if len(leaves) > 1 and leaves[0] != leaves[-1]:
        assert merkle_root(leaves[::-1]) != root


def test_the_root_of_one_two_and_three_leaves_is_what_it_says() -> None:
    def h(data: bytes) -> bytes:
        return hashlib.sha256(data).digest()

    assert merkle_root([]) == h(b"").hex()
    assert merkle_root(["a"]) == h(b"a").hex()
    assert merkle_root(["a", "b", "c"]) == h(h(h(b"a") + h(b"b")) + h(b"c")).hex()


# --- Writing ----------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_an_event_outside_a_transaction_is_a_mistake() -> None:
    organisation = Organisation.objects.create(pk=1)
    with pytest.raises(RuntimeError, match="transaction"):
        events.record(organisation, EventKind.GROUP_SAVED, actor=None, at=moment(0))
    assert not Event.objects.exists()


def test_an_event_of_an_unknown_kind_is_a_mistake(db: None) -> None:
    with pytest.raises(RuntimeError, match="not a kind"), transaction.atomic():
        events.record_for_organisation("releases.release.rejected", actor=None, at=moment(0))


def test_names_of_events_are_dotted_and_end_in_what_happened() -> None:
    for kind in EVENT_KINDS:
        assert len(kind.split(".")) == 3, kind
        assert kind == kind.lower()


def test_streams_count_from_one_without_holes_and_each_event_follows_the_one_before(
    cast: Cast, release: Release
) -> None:
    other = active_release(cast, "2.0")
    gate = gate_of(release, MARKET)
    submit(cast, gate)
    hold_release(release_id=other.pk, actor=cast.pm, reason="Strike", resume_by=day(9), clock=at(3))
    decline(cast, gate, "sales")
    for stream, head in (
        (release.stream, fresh(release)),
        (other.stream, fresh(other)),
        ("organisation", Organisation.objects.get()),
    ):
        found = list(Event.objects.filter(stream=stream).order_by("number"))
        assert [e.number for e in found] == list(range(1, len(found) + 1))
        assert [e.previous_hash for e in found] == ["", *(e.hash for e in found[:-1])]
        assert (head.event_number, head.event_hash) == (len(found), found[-1].hash)
    assert list(verify_streams()) == []


def test_the_hash_does_not_depend_on_the_time_zone_in_which_the_time_is_read(release: Release) -> None:
    for zone in ("Pacific/Kiritimati", "Pacific/Niue"):
        with override_settings(TIME_ZONE=zone):
            assert list(verify_streams()) == []


def test_the_hash_does_not_depend_on_the_zone_of_the_clock_that_was_read(cast: Cast) -> None:
    local = datetime(2026, 3, 2, 9, 30, tzinfo=ZoneInfo("Pacific/Kiritimati"))
    create_product(
        name="Switch", line=cast.product.line, owner=cast.pm, actor=cast.administrator, clock=fixed_clock(local)
    )
    assert list(verify_streams()) == []


def test_an_event_says_who_when_what_and_about_what(cast: Cast, release: Release) -> None:
    gate = gate_of(release, MARKET)
    submit(cast, gate, on=4, summary="First round")
    event = Event.objects.get(release=release, kind=EventKind.SUBMITTED)
    assert (event.actor, event.on_behalf_of, event.recorded_at) == (cast.pm, None, moment(4))
    assert (event.effective_on, event.product) == (day(4), cast.product)
    assert event.about == {"product": "router", "version": "1.0", "gate": MARKET}
    assert event.payload["round"] == 1
    assert event.payload["summary"] == "First round"


def test_a_refused_verb_writes_no_event(cast: Cast, release: Release) -> None:
    with conflict("stale_round"):
        approve(cast, gate_of(release, MARKET), "engineering")


def test_whatever_a_failing_verb_had_written_is_rolled_back_with_its_events(
    cast: Cast, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fault comes at the very end, after every row and event of the verb is written."""
    gate = gate_of(release, MARKET)
    fill(cast, gate)

    def fail(self: Release, *args: object, **kwargs: object) -> None:
        raise ConnectionError("the database is gone")

    monkeypatch.setattr(Release, "save", fail)
    with nothing_changes(), pytest.raises(ConnectionError):
        submit(cast, gate)


@pytest.mark.django_db(transaction=True)
def test_work_is_announced_once_after_each_commit_and_never_after_a_rollback(monkeypatch: pytest.MonkeyPatch) -> None:
    cast = make_cast()
    told: list[int] = []
    monkeypatch.setattr(events, "after_commit", [lambda: told.append(Event.objects.count())])
    release = active_release(cast)
    assert told == [told[0], Event.objects.count()]
    told.clear()
    with pytest.raises(Conflict):
        approve(cast, gate_of(release, MARKET), "engineering")
    assert told == []
    with transaction.atomic():
        record_all_misses(day(31), clock=at(31))
        cancel_release(release_id=release.pk, actor=cast.pm, reason="No case", clock=at(31))
        assert told == []
    assert told == [Event.objects.count()]


@pytest.mark.django_db(transaction=True)
def test_a_savepoint_that_fails_does_not_silence_the_rest_of_its_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []
    monkeypatch.setattr(events, "after_commit", [lambda: told.append(1)])
    with transaction.atomic():
        with transaction.atomic():
            events.record_for_organisation(EventKind.GROUP_SAVED, actor=None, at=moment(0))
            transaction.set_rollback(True)
        events.record_for_organisation(EventKind.GROUP_SAVED, actor=None, at=moment(1))
    assert told == [1]
    assert Event.objects.count() == 1


def test_an_event_gets_one_global_position_however_often_it_is_published(release: Release) -> None:
    first, *rest = Event.objects.order_by("pk")
    events.publish([first])
    events.publish([first, *rest])
    events.publish(rest)
    positions = list(EventPosition.objects.order_by("position").values_list("event", flat=True))
    assert positions == [first.pk, *(e.pk for e in rest)]


# --- Reading ----------------------------------------------------------------------------------------------------


def test_everybody_sees_events_of_the_products_they_see_and_only_administrators_those_of_the_organisation(
    cast: Cast, release: Release
) -> None:
    secret = create_product(
        name="Secret", line=cast.line, owner=cast.second_pm, is_restricted=True, actor=cast.administrator, clock=at(0)
    )
    everything = set(Event.objects.all())
    about_secret = set(Event.objects.filter(product=secret))
    of_organisation = set(Event.objects.filter(product=None))
    assert about_secret
    assert of_organisation
    assert set(Event.objects.visible_to(cast.outsider)) == everything - of_organisation - about_secret
    assert set(Event.objects.visible_to(cast.second_pm)) == everything - of_organisation
    assert set(Event.objects.visible_to(cast.executive)) == everything - of_organisation
    assert set(Event.objects.visible_to(cast.administrator)) == everything


# --- Sealing ----------------------------------------------------------------------------------------------------


def test_a_checkpoint_signs_the_heads_of_all_streams_and_only_when_one_has_moved(cast: Cast, release: Release) -> None:
    first = events.seal_history(moment(1))
    assert first is not None
    heads = {stream: (number, digest) for stream, number, digest in json.loads(first.heads)}
    assert heads[release.stream] == (release.event_number, release.event_hash)
    assert set(heads) == {release.stream, "organisation"}
    assert events.seal_history(moment(2)) is None
    active_release(cast, "2.0")
    second = events.seal_history(moment(3))
    assert second is not None
    assert second.previous == first.signature
    assert list(verify_checkpoints()) == []


def test_a_changed_checkpoint_is_named(cast: Cast, release: Release) -> None:
    events.seal_history(moment(1))
    active_release(cast, "2.0")
    newest = events.seal_history(moment(2))
    assert newest is not None
    for column, value, words in (
        ("heads", "[]", "do not match its root"),
        ("previous", "", "does not follow"),
        ("made_at", datetime(2020, 1, 1, tzinfo=UTC), "signature"),
        ("signature", "0" * 64, "signature"),
    ):
        with transaction.atomic():
            _as_superuser()
            Checkpoint.objects.filter(pk=newest.pk).update(**{column: value})
            broken = list(verify_checkpoints())
            transaction.set_rollback(True)
        assert [(b.stream, b.number) for b in broken] == [("checkpoints", newest.pk)]
        assert words in broken[0].reason


def test_a_checkpoint_of_another_installation_is_not_ours_unless_its_key_was(release: Release) -> None:
    with override_settings(SECRET_KEY="another installation's secret, forty characters"):
        events.seal_history(moment(1))
    assert "not this installation’s" in next(verify_checkpoints()).reason
    with override_settings(SECRET_KEY_FALLBACKS=["another installation's secret, forty characters"]):
        assert list(verify_checkpoints()) == []


def test_a_stream_that_lost_its_end_does_not_match_the_checkpoint(cast: Cast, release: Release) -> None:
    events.seal_history(moment(1))
    last = Event.objects.filter(release=release).latest("number")
    _as_superuser()
    before = Event.objects.get(release=release, number=last.number - 1)
    last.delete()
    Release.objects.filter(pk=release.pk).update(event_number=before.number, event_hash=before.hash)
    assert list(verify_streams()) == []
    assert [(b.stream, b.number) for b in verify_checkpoints()] == [(release.stream, last.number)]


def test_a_stream_without_its_release_and_a_release_without_its_stream_are_named(release: Release) -> None:
    _as_superuser()
    Event.objects.filter(release=release).update(release=None, stream="release:999999")
    found = {(b.stream, b.number, b.reason.split(",")[0]) for b in verify_streams()}
    assert {(stream, number) for stream, number, _reason in found} == {("release:999999", 1), (release.stream, 1)}


def _as_superuser() -> None:
    """What a superuser of the database could do; the rollback of the test brings the guards back."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        lift_guards(connection)


def test_a_time_before_an_earlier_events_does_not_break_the_chain(cast: Cast, release: Release) -> None:
    """Clocks of hosts differ; the number orders a stream, not the time."""
    hold_release(
        release_id=release.pk, actor=cast.pm, reason="Strike", resume_by=day(9) - timedelta(days=1), clock=at(0, 8)
    )
    assert list(verify_streams()) == []
