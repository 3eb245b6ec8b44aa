"""Releasing, correcting the date, and closing."""

from datetime import date

import pytest

from gatekeeper.common.calendars import add_months
from releases.actions.releases import activate_release, cancel_release, correct_release_date, ship_release
from releases.actions.replan import replan_release
from releases.actions.slips import record_all_misses
from releases.kinds import EventKind, GateState, MoveKind, ReleaseState
from releases.models import DateMove, Gate, Release
from tests.cast import (
    ASSESSMENT,
    MARKET,
    READINESS,
    SMALL_PLAYBOOK,
    Cast,
    active_release,
    at,
    conflict,
    day,
    draft_release,
    event_kinds,
    fresh,
    gate_of,
    last_event,
    make_playbook,
    not_allowed,
    pass_gate,
    pass_gates_before_release,
    refused,
    waive,
)

pytestmark = pytest.mark.usefixtures("invariants")


@pytest.fixture
def ready(cast: Cast, release: Release) -> Release:
    """Every gate before GA is passed, on day 3."""
    return pass_gates_before_release(cast, release)


def ship(cast: Cast, release: Release, *, on: int, released: int | None = None) -> Release:
    return ship_release(
        release_id=release.pk, actor=cast.pm, released_on=day(on if released is None else released), clock=at(on)
    )


def test_between_readiness_and_release_no_gate_is_worked_on(cast: Cast, ready: Release) -> None:
    assert (ready.state, ready.current_gate, ready.next_due_on) == ("active", "", None)
    assert gate_of(ready, ASSESSMENT).state == GateState.UPCOMING
    assert not Gate.objects.filter(sweep_on__isnull=False).exists()


def test_shipping_needs_every_gate_before_it(cast: Cast, release: Release) -> None:
    with conflict("earlier_gate_open") as found:
        ship(cast, release, on=5)
    assert "Market Opportunity, Functional Completeness, Release Readiness" in found.value.message


def test_shipping_fixes_the_assessment_and_opens_it(cast: Cast, ready: Release) -> None:
    number = ready.event_number
    shipped = ship(cast, ready, on=100, released=98)
    assessment = gate_of(shipped, ASSESSMENT)
    assert (shipped.state, shipped.released_on, shipped.target_on) == ("released", day(98), day(90))
    assert (assessment.state, assessment.due_on) == (GateState.OPEN, add_months(day(98), 6))
    assert assessment.sweep_on == assessment.due_on
    assert (shipped.current_gate, shipped.next_due_on) == (ASSESSMENT, assessment.due_on)
    assert event_kinds(shipped, since=number) == [
        EventKind.RELEASE_SHIPPED, EventKind.GATE_DUE_CHANGED, EventKind.GATE_OPENED,
    ]  # fmt: skip
    assert last_event(shipped, EventKind.RELEASE_SHIPPED).payload == {
        "released_on": str(day(98)), "target_on": str(day(90)),
    }  # fmt: skip
    assert [m.kind for m in DateMove.objects.all()] == [MoveKind.SHIP]


def test_a_release_on_its_target_day_moves_nothing(cast: Cast, ready: Release) -> None:
    ship(cast, ready, on=90)
    assert not DateMove.objects.exists()


def test_a_waived_readiness_ships_too(cast: Cast, release: Release) -> None:
    for gate in release.gates.filter(offset_months=None).order_by("position")[:2]:
        pass_gate(cast, gate)
    waive(cast, gate_of(release, READINESS))
    assert ship(cast, release, on=5).state == ReleaseState.RELEASED


@pytest.mark.parametrize(
    ("target", "released", "due"),
    [
        (date(2026, 8, 31), date(2026, 8, 31), date(2027, 2, 28)),
        (date(2027, 8, 29), date(2027, 8, 29), date(2028, 2, 29)),
        (date(2027, 8, 31), date(2027, 8, 30), date(2028, 2, 29)),
        (date(2026, 5, 31), date(2026, 5, 31), date(2026, 11, 30)),
        (date(2026, 7, 1), date(2026, 6, 30), date(2026, 12, 30)),
        (date(2026, 9, 1), date(2026, 8, 28), date(2027, 2, 28)),
    ],
)
def test_six_calendar_months_are_clamped_to_the_end_of_the_month(
    cast: Cast, target: date, released: date, due: date
) -> None:
    release = active_release(cast, "2.0", target=(target - day(0)).days)
    pass_gates_before_release(cast, release)
    ship(cast, release, on=(released - day(0)).days)
    assert gate_of(release, ASSESSMENT).due_on == due


def test_the_release_date_is_a_day_that_has_come(cast: Cast, ready: Release) -> None:
    with refused("date_in_future"):
        ship(cast, ready, on=10, released=11)
    with refused("date_too_early"):
        ship(cast, ready, on=10, released=2)
    assert ship(cast, ready, on=10, released=3).released_on == day(3)


def test_a_release_ships_once(cast: Cast, ready: Release) -> None:
    ship(cast, ready, on=10)
    with conflict("wrong_state"):
        ship(cast, ready, on=11)


def test_drafts_and_cancelled_releases_do_not_ship(cast: Cast) -> None:
    draft = draft_release(cast, "2.0")
    with conflict("wrong_state"):
        ship(cast, draft, on=3)
    cancel_release(release_id=draft.pk, actor=cast.pm, reason="No case", clock=at(3))
    with conflict("wrong_state"):
        ship(cast, draft, on=3)


@pytest.mark.parametrize("who", ["approver", "contributor", "outsider", "executive"])
def test_only_managers_and_administrators_ship_and_correct(cast: Cast, ready: Release, who: str) -> None:
    actor = getattr(cast, who)
    with not_allowed("not_manager"):
        ship_release(release_id=ready.pk, actor=actor, released_on=day(5), clock=at(5))
    ship(cast, ready, on=5)
    with not_allowed("not_manager"):
        correct_release_date(release_id=ready.pk, actor=actor, released_on=day(4), reason="Typo", clock=at(6))


def test_shipping_late_slips_nothing_by_itself(cast: Cast, ready: Release) -> None:
    """The slip is target against baseline; the actual day stands beside it."""
    assert ship(cast, ready, on=120).slip_days == 0


# --- Correcting -------------------------------------------------------------------------------------------------


def test_the_actual_day_is_corrected_with_a_reason_and_the_assessment_follows(cast: Cast, ready: Release) -> None:
    ship(cast, ready, on=100)
    with refused("required"):
        correct_release_date(release_id=ready.pk, actor=cast.pm, released_on=day(97), reason="", clock=at(101))
    with refused("date_in_future"):
        correct_release_date(release_id=ready.pk, actor=cast.pm, released_on=day(102), reason="Typo", clock=at(101))
    number = fresh(ready).event_number
    corrected = correct_release_date(
        release_id=ready.pk, actor=cast.pm, released_on=day(97), reason="The mirrors had it earlier.", clock=at(101)
    )
    assert corrected.released_on == day(97)
    assert gate_of(ready, ASSESSMENT).due_on == add_months(day(97), 6)
    assert event_kinds(ready, since=number) == [EventKind.RELEASE_DATE_CORRECTED, EventKind.GATE_DUE_CHANGED]
    assert last_event(ready, EventKind.RELEASE_DATE_CORRECTED).payload == {
        "from": str(day(100)), "to": str(day(97)), "reason": "The mirrors had it earlier.",
    }  # fmt: skip


def test_a_missed_assessment_keeps_its_date_when_the_release_date_is_corrected(cast: Cast, ready: Release) -> None:
    ship(cast, ready, on=100)
    due = gate_of(ready, ASSESSMENT).due_on
    record_all_misses(day(400), clock=at(400))
    correct_release_date(release_id=ready.pk, actor=cast.pm, released_on=day(99), reason="Typo", clock=at(400))
    assert gate_of(ready, ASSESSMENT).due_on == due


def test_a_release_that_is_not_out_has_no_date_to_correct(cast: Cast, ready: Release) -> None:
    with conflict("release_not_active"):
        correct_release_date(release_id=ready.pk, actor=cast.pm, released_on=day(3), reason="Typo", clock=at(5))


# --- Closing ----------------------------------------------------------------------------------------------------


def test_the_release_closes_when_its_last_gate_is_approved(cast: Cast, ready: Release) -> None:
    ship(cast, ready, on=10)
    pass_gate(cast, gate_of(ready, ASSESSMENT), on=150)
    closed = fresh(ready)
    assert (closed.state, closed.current_gate) == (ReleaseState.CLOSED, "")
    assert closed.ended_at is not None
    assert event_kinds(closed)[-2:] == [EventKind.GATE_APPROVED, EventKind.RELEASE_CLOSED]
    with conflict("release_not_active"):
        replan_release(release_id=ready.pk, actor=cast.pm, dates={MARKET: day(200)}, reason="Later", clock=at(151))
    with conflict("wrong_state"):
        cancel_release(release_id=ready.pk, actor=cast.pm, reason="No case", clock=at(151))


def test_the_release_closes_when_its_last_gate_is_waived(cast: Cast, ready: Release) -> None:
    ship(cast, ready, on=10)
    waive(cast, gate_of(ready, ASSESSMENT), on=150)
    assert fresh(ready).state == ReleaseState.CLOSED


def test_a_playbook_without_assessment_closes_with_the_release(cast: Cast) -> None:
    short = make_playbook(SMALL_PLAYBOOK | {"slug": "short", "gates": SMALL_PLAYBOOK["gates"][:3]})
    release = active_release(cast, "2.0", playbook=short)
    pass_gates_before_release(cast, release)
    closed = ship(cast, release, on=10)
    assert (closed.state, closed.released_on) == (ReleaseState.CLOSED, day(10))
    assert event_kinds(closed)[-2:] == [EventKind.RELEASE_SHIPPED, EventKind.RELEASE_CLOSED]


def test_two_assessments_open_one_after_the_other(cast: Cast) -> None:
    year = SMALL_PLAYBOOK["gates"][3] | {"key": "year-assessment", "name": "Year Assessment", "offset_months": 12}
    longer = make_playbook(SMALL_PLAYBOOK | {"slug": "longer", "gates": [*SMALL_PLAYBOOK["gates"], year]})
    draft = draft_release(cast, "2.0", playbook=longer)
    release = activate_release(release_id=draft.pk, actor=cast.pm, clock=at(0))
    from approvals.actions.seats import grant_seat

    grant_seat(
        role_id=cast.seat("year-assessment", "sales").pk, holder=cast.sales_group, actor=cast.administrator,
        clock=at(0),
    )  # fmt: skip
    pass_gates_before_release(cast, release)
    ship(cast, release, on=10)
    assert gate_of(release, "year-assessment").state == GateState.UPCOMING
    assert gate_of(release, "year-assessment").due_on == add_months(day(10), 12)
    pass_gate(cast, gate_of(release, ASSESSMENT), on=50)
    assert (fresh(release).state, fresh(release).current_gate) == ("released", "year-assessment")
    pass_gate(cast, gate_of(release, "year-assessment"), on=60)
    assert fresh(release).state == ReleaseState.CLOSED


def test_a_release_is_not_out_before_its_gates_were_passed(cast: Cast) -> None:
    release = pass_gates_before_release(cast, active_release(cast), on=5)
    with refused("date_too_early"):
        ship_release(release_id=release.pk, actor=cast.pm, released_on=day(4), clock=at(20))
    assert ship_release(release_id=release.pk, actor=cast.pm, released_on=day(5), clock=at(20)).released_on == day(5)


def test_a_release_date_never_makes_an_assessment_late_that_nobody_could_have_made(cast: Cast) -> None:
    release = pass_gates_before_release(cast, active_release(cast), on=5)
    with refused("date_too_early"):
        ship_release(release_id=release.pk, actor=cast.pm, released_on=day(6), clock=at(300))
    ship_release(release_id=release.pk, actor=cast.pm, released_on=day(280), clock=at(300))
    with refused("date_too_early"):
        correct_release_date(
            release_id=release.pk, actor=cast.pm, released_on=day(6), reason="A typing error.", clock=at(301)
        )
    assert not release.slips.filter(gate__key=ASSESSMENT).exists()
