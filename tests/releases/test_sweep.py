"""The sweep: every running release at once, as often as one likes, for today or a past day."""

from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from approvals.sweep import Swept, sweep
from releases.actions import slips
from releases.actions.releases import cancel_release, hold_release, ship_release
from releases.actions.slips import record_all_misses
from releases.kinds import EventKind
from releases.models import Event, Gate, Release, Slip
from tests.cast import (
    ASSESSMENT,
    COMPLETENESS,
    MARKET,
    Cast,
    active_release,
    at,
    day,
    draft_release,
    event_kinds,
    fresh,
    gate_of,
    last_event,
    moment,
    nothing_changes,
    pass_gate,
    pass_gates_before_release,
    refused,
    submit,
    waive,
)

pytestmark = pytest.mark.usefixtures("invariants")


def test_one_sweep_records_every_miss_however_long_the_schedule_was_off(cast: Cast) -> None:
    early = active_release(cast, "1.0")
    late = active_release(cast, "2.0", target=100)
    in_time = active_release(cast, "3.0", target=300)
    on_hold = active_release(cast, "4.0")
    hold_release(release_id=on_hold.pk, actor=cast.pm, reason="Strike", resume_by=day(99), clock=at(5))
    cancelled = active_release(cast, "5.0")
    cancel_release(release_id=cancelled.pk, actor=cast.pm, reason="No case", clock=at(5))
    draft_release(cast, "6.0")
    out = pass_gates_before_release(cast, active_release(cast, "7.0"))
    ship_release(release_id=out.pk, actor=cast.pm, released_on=day(5), clock=at(5))
    assert record_all_misses(day(60), clock=at(60)) == 2
    found = {(s.release.version, s.gate.key, s.due_on, s.detected_at) for s in Slip.objects.all()}
    assert found == {("1.0", MARKET, day(30), moment(60)), ("2.0", MARKET, day(40), moment(60))}
    assert {early.pk, late.pk} == set(Slip.objects.values_list("release", flat=True))
    assert fresh(in_time).open_slips == 0
    later = record_all_misses(day(250), clock=at(250))
    assert set(Slip.objects.exclude(detected_at=moment(60)).values_list("release__version", "gate__key")) == {
        ("3.0", MARKET),
        ("7.0", ASSESSMENT),
    }
    assert later == 2


def test_repeating_a_sweep_changes_nothing(cast: Cast, release: Release) -> None:
    assert record_all_misses(day(31), clock=at(31)) == 1
    with nothing_changes():
        assert record_all_misses(day(31), clock=at(31)) == 0
        assert record_all_misses(day(90), clock=at(90)) == 0


def test_a_sweep_in_chunks_leaves_nothing_out(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slips, "CHUNK", 2)
    for version in ("1.0", "2.0", "3.0", "4.0", "5.0"):
        active_release(cast, version)
    assert record_all_misses(day(31), clock=at(31)) == 5


def test_the_search_for_misses_is_one_query_when_there_is_nothing_to_do(cast: Cast, release: Release) -> None:
    with CaptureQueriesContext(connection) as queries:
        assert record_all_misses(day(30), clock=at(30)) == 0
    assert len(queries) == 1


def test_a_release_that_was_passed_in_the_meantime_is_left_alone(cast: Cast, release: Release) -> None:
    """The search reads without a lock, so what it finds is looked at again under the lock."""
    pass_gate(cast, gate_of(release, MARKET), on=30)
    Gate.objects.filter(release=release, key=COMPLETENESS).update(sweep_on=day(60))
    assert slips.sweep_release(release.pk, day(31), at(31), skip_locked=False) == 0
    assert not Slip.objects.exists()


def test_a_release_that_is_gone_or_held_by_somebody_is_skipped(cast: Cast) -> None:
    assert slips.sweep_release(10**9, day(31), at(31), skip_locked=False) is None


# --- For a past day ---------------------------------------------------------------------------------------------


def test_a_sweep_for_a_past_day_records_what_was_true_then(cast: Cast) -> None:
    active_release(cast, "1.0")
    active_release(cast, "2.0", target=95)
    assert sweep(as_of=day(32), clock=at(60)) == Swept(misses=1, expired_waivers=0)
    assert [(s.release.version, s.due_on, s.detected_at) for s in Slip.objects.all()] == [("1.0", day(30), moment(60))]
    assert sweep(clock=at(60)) == Swept(misses=1, expired_waivers=0)


def test_a_sweep_for_a_future_day_is_refused(cast: Cast, release: Release) -> None:
    with refused("date_in_future"):
        sweep(as_of=day(61), clock=at(60))
    assert sweep(as_of=day(60), clock=at(60)).misses == 1


def test_the_command_sweeps(cast: Cast, release: Release) -> None:
    out = StringIO()
    with time_machine.travel(moment(90), tick=False):
        call_command("sweep", "--as-of", day(30).isoformat(), stdout=out)
        call_command("sweep", "--as-of", day(31).isoformat(), stdout=out)
        rest = "0 waivers and 0 exceptions expired, 0 conditions overdue"
        assert out.getvalue().splitlines() == [f"0 missed, {rest}", f"1 missed, {rest}"]
    assert Slip.objects.get().due_on == day(30)


def test_the_command_refuses_a_future_day_and_nonsense(cast: Cast, release: Release) -> None:
    with nothing_changes():
        with pytest.raises(CommandError, match="in the future"):
            call_command("sweep", "--as-of", "2999-01-01", stdout=StringIO())
        with pytest.raises(CommandError, match="as-of"):
            call_command("sweep", "--as-of", "yesterday", stdout=StringIO())


# --- Waivers ----------------------------------------------------------------------------------------------------


def test_a_waiver_expires_when_its_day_has_ended(cast: Cast, release: Release) -> None:
    waive(cast, gate_of(release, MARKET), on=3, until=20)
    submit(cast, gate_of(release, COMPLETENESS), on=4)
    with nothing_changes():
        assert sweep(clock=at(20)) == Swept(0, 0)
    number = fresh(release).event_number
    assert sweep(clock=at(21)) == Swept(misses=0, expired_waivers=1)
    gate = gate_of(release, MARKET)
    assert (gate.state, gate.is_waiver_expired) == ("waived", True)
    assert gate.waivers.get().expired_at == moment(21)
    assert event_kinds(release, since=number) == [EventKind.WAIVER_EXPIRED]
    assert last_event(release, EventKind.WAIVER_EXPIRED).payload == {"expires_on": str(day(20))}
    # an open debt: later gates go on
    assert gate_of(release, COMPLETENESS).state == "in_review"
    with nothing_changes():
        assert sweep(clock=at(30)) == Swept(0, 0)


def test_a_waiver_of_a_cancelled_release_does_not_expire_any_more(cast: Cast, release: Release) -> None:
    waive(cast, gate_of(release, MARKET), on=3, until=20)
    cancel_release(release_id=release.pk, actor=cast.pm, reason="No case", clock=at(5))
    with nothing_changes():
        assert sweep(clock=at(50)) == Swept(0, 0)


def test_nobody_did_what_a_sweep_records(cast: Cast, release: Release) -> None:
    waive(cast, gate_of(release, MARKET), on=3, until=20)
    number = fresh(release).event_number
    sweep(clock=at(61))
    kinds = {EventKind.GATE_MISSED, EventKind.RELEASE_SLIPPED, EventKind.WAIVER_EXPIRED}
    events = Event.objects.filter(release=release, number__gt=number)
    assert {(e.kind, e.actor) for e in events} == {(kind, None) for kind in kinds}
