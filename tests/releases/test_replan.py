"""Re-plan: dates change with a reason, later ones move along unless pinned, and a missed gate's slip is settled."""

from datetime import date

import pytest

from gatekeeper.common.calendars import add_months
from releases.actions.releases import cancel_release, ship_release
from releases.actions.replan import Plan, plan_dates, replan_release
from releases.actions.slips import record_all_misses
from releases.kinds import EventKind, MoveKind, SettledHow
from releases.models import DateMove, Event, Gate, Release, Slip
from tests.cast import (
    ASSESSMENT,
    COMPLETENESS,
    MARKET,
    READINESS,
    Cast,
    at,
    conflict,
    day,
    draft_release,
    event_kinds,
    fields_of,
    fresh,
    gate_of,
    last_event,
    not_allowed,
    nothing_changes,
    pass_gate,
    pass_gates_before_release,
    refused,
    waive,
)

pytestmark = pytest.mark.usefixtures("invariants")


def replan(
    cast: Cast,
    release: Release,
    dates: dict[str, int],
    *,
    on: int = 5,
    reason: str = "The lab is late.",
    pins: dict[str, bool] | None = None,
) -> Release:
    wanted = {key: day(number) for key, number in dates.items()}
    return replan_release(release_id=release.pk, actor=cast.pm, dates=wanted, reason=reason, pins=pins, clock=at(on))


def preview(release: Release, dates: dict[str, int], *, on: int = 5, pins: dict[str, bool] | None = None) -> Plan:
    gates = list(Gate.objects.filter(release=release).order_by("position"))
    return plan_dates(fresh(release), gates, {k: day(n) for k, n in dates.items()}, pins or {}, day(on))


def due_days(release: Release) -> dict[str, date | None]:
    return dict(release.gates.values_list("key", "due_on"))


def test_later_gates_the_target_and_the_assessment_move_along(cast: Cast, release: Release) -> None:
    after = replan(cast, release, {MARKET: 35})
    assert due_days(after) == {
        MARKET: day(35),
        COMPLETENESS: day(65),
        READINESS: day(85),
        ASSESSMENT: add_months(day(95), 6),
    }
    assert (after.target_on, after.baseline_on, after.slip_days) == (day(95), day(90), 5)
    assert (after.next_due_on, gate_of(after, MARKET).sweep_on) == (day(35), day(35))


def test_earlier_gates_stay(cast: Cast, release: Release) -> None:
    replan(cast, release, {READINESS: 88})
    assert due_days(release)[COMPLETENESS] == day(60)
    assert fresh(release).target_on == day(98)


def test_pinned_gates_stay(cast: Cast, release: Release) -> None:
    after = replan(cast, release, {MARKET: 35}, pins={COMPLETENESS: True})
    assert due_days(after)[COMPLETENESS] == day(60)
    assert due_days(after)[READINESS] == day(85)
    assert gate_of(after, COMPLETENESS).is_pinned


def test_an_unpinned_gate_moves_along_again(cast: Cast, release: Release) -> None:
    replan(cast, release, {}, pins={COMPLETENESS: True})
    replan(cast, release, {MARKET: 33}, pins={COMPLETENESS: False})
    assert due_days(release)[COMPLETENESS] == day(63)


def test_a_pinned_gate_that_is_named_moves_and_stays_pinned(cast: Cast, release: Release) -> None:
    replan(cast, release, {}, pins={COMPLETENESS: True})
    replan(cast, release, {COMPLETENESS: 66})
    assert due_days(release)[COMPLETENESS] == day(66)
    assert gate_of(release, COMPLETENESS).is_pinned


def test_the_last_named_gate_carries_those_after_it(cast: Cast, release: Release) -> None:
    replan(cast, release, {MARKET: 40, COMPLETENESS: 62})
    assert due_days(release)[READINESS] == day(82)
    assert fresh(release).target_on == day(92)


def test_a_target_that_is_named_stays_where_it_is_put(cast: Cast, release: Release) -> None:
    after = replan(cast, release, {MARKET: 33, "target": 90 + 30})
    assert after.target_on == day(120)
    assert due_days(after)[READINESS] == day(83)
    assert due_days(after)[ASSESSMENT] == add_months(day(120), 6)


def test_the_target_alone_moves_no_gate_before_it(cast: Cast, release: Release) -> None:
    replan(cast, release, {"target": 100})
    assert due_days(release)[READINESS] == day(80)
    assert due_days(release)[ASSESSMENT] == add_months(day(100), 6)


def test_dates_are_pulled_in_again_by_a_replan_with_a_reason(cast: Cast, release: Release) -> None:
    pass_gate(cast, gate_of(release, MARKET), on=40)
    assert fresh(release).target_on == day(100)
    replan(cast, release, {COMPLETENESS: 60}, on=41, reason="Two more engineers.")
    assert (fresh(release).target_on, fresh(release).slip_days) == (day(90), 0)


def test_a_pinned_assessment_stays_when_the_target_moves(cast: Cast, release: Release) -> None:
    before = due_days(release)[ASSESSMENT]
    replan(cast, release, {MARKET: 35}, pins={ASSESSMENT: True})
    assert due_days(release)[ASSESSMENT] == before


def test_a_replan_is_one_event_and_one_row_for_each_date(cast: Cast, release: Release) -> None:
    number = fresh(release).event_number
    replan(cast, release, {MARKET: 35}, pins={READINESS: True}, reason=" The lab is late. ")
    assert event_kinds(release, since=number) == [EventKind.RELEASE_REPLANNED] + 4 * [EventKind.GATE_DUE_CHANGED]
    event = last_event(release, EventKind.RELEASE_REPLANNED)
    assert (event.actor, event.payload) == (
        cast.pm,
        {
            "reason": "The lab is late.",
            "moves": [
                [MARKET, str(day(30)), str(day(35)), False],
                [COMPLETENESS, str(day(60)), str(day(65)), True],
                ["target", str(day(90)), str(day(95)), True],
                [ASSESSMENT, "2026-10-05", "2026-10-10", True],
            ],
            "pins": {READINESS: True},
        },
    )
    moves = DateMove.objects.order_by("pk")
    assert [(m.gate.key if m.gate else None, m.is_cascade) for m in moves] == [
        (MARKET, False), (COMPLETENESS, True), (None, True), (ASSESSMENT, True),
    ]  # fmt: skip
    assert {(m.kind, m.reason, m.actor, m.slip) for m in moves} == {
        (MoveKind.REPLAN, "The lab is late.", cast.pm, None)
    }
    changed = Event.objects.get(release=release, number=moves[0].event_number).payload
    assert changed == {
        "from": str(day(30)), "to": str(day(35)), "why": "replan", "reason": "The lab is late.", "is_cascade": False,
    }  # fmt: skip


# --- Refusals ---------------------------------------------------------------------------------------------------


def test_a_reason_is_needed(cast: Cast, release: Release) -> None:
    with refused("required") as found:
        replan(cast, release, {MARKET: 35}, reason=" ")
    assert fields_of(found) == [("reason", "required")]


def test_a_replan_that_changes_nothing_is_refused(cast: Cast, release: Release) -> None:
    for dates, pins in (({}, None), ({MARKET: 30}, None), ({}, {MARKET: False})):
        with refused("nothing_changed"):
            replan(cast, release, dates, pins=pins)


@pytest.mark.parametrize(
    ("dates", "pins", "problem"),
    [
        ({MARKET: 4}, {}, (f"dates.{MARKET}", "date_in_past")),
        ({"target": 3}, {}, ("dates.target", "date_in_past")),
        ({MARKET: 4000}, {}, (f"dates.{MARKET}", "date_too_far")),
        ({COMPLETENESS: 20}, {}, (f"dates.{COMPLETENESS}", "dates_out_of_order")),
        ({MARKET: 61}, {COMPLETENESS: True}, (f"dates.{MARKET}", "dates_out_of_order")),
        ({"target": 79}, {}, ("dates.target", "dates_out_of_order")),
        ({ASSESSMENT: 89}, {}, (f"dates.{ASSESSMENT}", "dates_out_of_order")),
        ({"nothing": 50}, {}, ("dates.nothing", "unknown_gate")),
        ({MARKET: 40}, {"nothing": True}, ("pins.nothing", "unknown_gate")),
    ],
)
def test_no_date_in_the_past_too_far_or_out_of_order(
    cast: Cast, release: Release, dates: dict[str, int], pins: dict[str, bool], problem: tuple[str, str]
) -> None:
    with refused(problem[1]) as found:
        replan(cast, release, dates, pins=pins)
    assert problem in fields_of(found)


def test_every_problem_is_named_at_once(cast: Cast, release: Release) -> None:
    with refused("date_in_past") as found:
        replan(cast, release, {MARKET: 2, COMPLETENESS: 3, READINESS: 4})
    assert [field for field, _code in fields_of(found)] == [
        f"dates.{MARKET}", f"dates.{COMPLETENESS}", f"dates.{READINESS}",
    ]  # fmt: skip


def test_a_date_that_only_moves_along_may_not_land_in_the_past_either(cast: Cast, release: Release) -> None:
    replan(cast, release, {"target": 80, READINESS: 80})
    with refused("date_in_past"):
        replan(cast, release, {MARKET: 20, COMPLETENESS: 20}, on=50)


def test_today_is_allowed(cast: Cast, release: Release) -> None:
    replan(cast, release, {MARKET: 5}, on=5)
    assert due_days(release)[MARKET] == day(5)
    assert fresh(release).target_on == day(65)


def test_a_passed_gate_keeps_its_date(cast: Cast, release: Release) -> None:
    pass_gate(cast, gate_of(release, MARKET))
    with refused("gate_passed") as found:
        replan(cast, release, {MARKET: 50})
    assert fields_of(found) == [(f"dates.{MARKET}", "gate_passed")]
    waive(cast, gate_of(release, COMPLETENESS), on=4)
    with refused("gate_passed"):
        replan(cast, release, {COMPLETENESS: 70})


def test_after_the_release_only_the_assessment_can_be_moved(cast: Cast, release: Release) -> None:
    pass_gates_before_release(cast, release)
    ship_release(release_id=release.pk, actor=cast.pm, released_on=day(10), clock=at(10))
    with refused("released"):
        replan(cast, release, {"target": 99}, on=11)
    replan(cast, release, {ASSESSMENT: 250}, on=11)
    assert due_days(release)[ASSESSMENT] == day(250)
    with refused("date_in_past"):
        replan(cast, release, {ASSESSMENT: 11}, on=12)


def test_drafts_and_ended_releases_are_not_replanned(cast: Cast) -> None:
    draft = draft_release(cast, "2.0")
    with conflict("release_not_active"):
        replan(cast, draft, {"target": 99})
    cancel_release(release_id=draft.pk, actor=cast.pm, reason="No case", clock=at(3))
    with conflict("release_not_active"):
        replan(cast, draft, {"target": 99})


@pytest.mark.parametrize("who", ["approver", "contributor", "outsider", "executive"])
def test_only_managers_and_administrators_replan(cast: Cast, release: Release, who: str) -> None:
    with not_allowed("not_manager"):
        replan_release(
            release_id=release.pk, actor=getattr(cast, who), dates={MARKET: day(40)}, reason="Later", clock=at(5)
        )
    for actor in (cast.second_pm, cast.administrator):
        replan_release(
            release_id=release.pk, actor=actor, dates={MARKET: day(40 + actor.pk)}, reason="Later", clock=at(5)
        )


# --- The preview ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dates", "pins"),
    [
        ({MARKET: 35}, {}),
        ({MARKET: 35}, {COMPLETENESS: True}),
        ({COMPLETENESS: 64, "target": 120}, {READINESS: True}),
        ({"target": 99}, {ASSESSMENT: True}),
        ({ASSESSMENT: 400}, {}),
    ],
)
def test_the_preview_changes_nothing_and_shows_what_will_move(
    cast: Cast, release: Release, dates: dict[str, int], pins: dict[str, bool]
) -> None:
    with nothing_changes():
        plan = preview(release, dates, pins=pins)
    assert not plan.problems
    replan(cast, release, dates, pins=pins)
    done = DateMove.objects.order_by("pk")
    assert [(m.gate.key if m.gate else None, m.from_on, m.to_on, m.is_cascade) for m in done] == [
        (m.key, m.from_on, m.to_on, m.is_cascade) for m in plan.moves
    ]


def test_the_preview_names_the_same_problems_as_the_refusal(cast: Cast, release: Release) -> None:
    wrong = {MARKET: 2, READINESS: 200}
    plan = preview(release, wrong)
    with refused(plan.problems[0].code) as found:
        replan(cast, release, wrong)
    assert found.value.fields == plan.problems


# --- Settling a slip --------------------------------------------------------------------------------------------


def test_a_replan_of_a_missed_gate_settles_its_slip(cast: Cast, release: Release) -> None:
    record_all_misses(day(31), clock=at(31))
    after = replan(cast, release, {MARKET: 44}, on=33, reason="The lab is late.")
    slip = Slip.objects.get()
    assert (slip.days, slip.settled_on, slip.settled_how) == (14, day(33), SettledHow.REPLAN)
    assert (slip.settled_by, slip.note) == (cast.pm, "The lab is late.")
    assert due_days(after)[COMPLETENESS] == day(74)
    assert (after.target_on, after.slip_days, after.open_slips) == (day(104), 14, 0)
    assert last_event(release, EventKind.SLIP_SETTLED).payload == {
        "slip": slip.pk, "due_on": str(day(30)), "days": 14, "how": "replan",
    }  # fmt: skip


def test_every_date_that_moves_along_with_a_missed_gate_belongs_to_its_slip(cast: Cast, release: Release) -> None:
    record_all_misses(day(31), clock=at(31))
    replan(cast, release, {MARKET: 44}, on=33)
    assert set(DateMove.objects.values_list("slip", flat=True)) == {Slip.objects.get().pk}


def test_dates_that_were_moved_by_hand_do_not_belong_to_the_slip(cast: Cast, release: Release) -> None:
    record_all_misses(day(31), clock=at(31))
    replan(cast, release, {MARKET: 44, READINESS: 90}, on=33)
    slip = Slip.objects.get()
    moved = {m.gate.key if m.gate else "target": m.slip for m in DateMove.objects.all()}
    assert moved == {MARKET: slip, COMPLETENESS: slip, READINESS: None, "target": None, ASSESSMENT: None}


def test_a_replan_cannot_hide_a_miss_that_nobody_has_swept(cast: Cast, release: Release) -> None:
    number = fresh(release).event_number
    replan(cast, release, {MARKET: 44}, on=31)
    assert event_kinds(release, since=number)[:3] == [
        EventKind.GATE_MISSED, EventKind.RELEASE_SLIPPED, EventKind.RELEASE_REPLANNED,
    ]  # fmt: skip
    assert Slip.objects.get().settled_how == SettledHow.REPLAN


def test_moving_other_dates_leaves_the_slip_open(cast: Cast, release: Release) -> None:
    record_all_misses(day(31), clock=at(31))
    after = replan(cast, release, {COMPLETENESS: 70}, on=33)
    assert (after.open_slips, Slip.objects.get().settled_at) == (1, None)
    pass_gate(cast, gate_of(release, MARKET), on=35)
    assert due_days(release)[COMPLETENESS] == day(75)


def test_a_pinned_gate_that_is_missed_is_settled_by_its_own_replan(cast: Cast, release: Release) -> None:
    replan(cast, release, {}, pins={MARKET: True})
    record_all_misses(day(31), clock=at(31))
    replan(cast, release, {MARKET: 36}, on=32)
    assert Slip.objects.get().days == 6
