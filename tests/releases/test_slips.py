"""Misses and slips: recorded once, by whoever comes first, with the cause; settled by a late decision."""

from datetime import date

import pytest

from approvals.actions.decisions import recuse, revoke_decision
from approvals.actions.evidence import save_evidence
from approvals.actions.rounds import submit_evidence, withdraw_submission
from approvals.actions.seats import grant_seat, revoke_seat
from approvals.models import Deliverable
from gatekeeper.common.calendars import add_months
from releases.actions.releases import cancel_release, change_release, hold_release, resume_release, ship_release
from releases.actions.replan import replan_release
from releases.actions.slips import record_all_misses
from releases.kinds import Cause, EventKind, MoveKind, SettledHow
from releases.models import DateMove, Event, Release, Slip
from releases.rules import cells
from tests.cast import (
    ASSESSMENT,
    COMPLETENESS,
    MARKET,
    READINESS,
    Cast,
    active_release,
    approve,
    at,
    day,
    decline,
    draft_release,
    event_kinds,
    fill,
    fresh,
    gate_of,
    last_event,
    make_person,
    moment,
    pass_gate,
    pass_gates_before_release,
    submit,
    waive,
)

pytestmark = pytest.mark.usefixtures("invariants")


def sweep(on: int) -> int:
    return record_all_misses(day(on), clock=at(on))


def due_days(release: Release) -> dict[str, date | None]:
    return dict(release.gates.values_list("key", "due_on"))


# --- When a gate is missed ---------------------------------------------------------------------------------------


def test_the_due_day_itself_still_counts_as_in_time(cast: Cast, release: Release) -> None:
    assert sweep(30) == 0
    assert sweep(31) == 1


def test_a_gate_passed_on_its_due_day_is_never_missed(cast: Cast, release: Release) -> None:
    pass_gate(cast, gate_of(release, MARKET), on=30)
    assert sweep(31) == 0
    assert not Slip.objects.exists()


def test_a_miss_says_which_day_was_missed_and_when_it_was_found(cast: Cast, release: Release) -> None:
    sweep(34)
    slip = Slip.objects.get()
    assert (slip.gate.key, slip.due_on, slip.detected_at) == (MARKET, day(30), moment(34))
    assert (slip.days, slip.settled_at, slip.settled_by, slip.settled_how) == (None, None, None, "")
    assert event_kinds(release, since=3) == [EventKind.GATE_MISSED, EventKind.RELEASE_SLIPPED]
    missed = last_event(release, EventKind.GATE_MISSED)
    assert (missed.actor, missed.effective_on, missed.recorded_at) == (None, day(31), moment(34))
    assert missed.payload == {
        "due_on": str(day(30)), "cause": "not_submitted", "waiting_on": [], "slip": slip.pk,
    }  # fmt: skip
    assert last_event(release, EventKind.RELEASE_SLIPPED).payload == missed.payload


def test_a_miss_shows_in_the_summary_and_moves_no_date_by_itself(cast: Cast, release: Release) -> None:
    before = due_days(release)
    sweep(34)
    after = fresh(release)
    assert (after.open_slips, after.slip_days, after.target_on, due_days(after)) == (1, 0, day(90), before)
    cell = cells(after.board)[0]
    assert (cell.is_missed, cell.slips, cell.state) == (True, 1, "open")
    assert not DateMove.objects.exists()


def test_only_the_current_gate_is_missed_however_late_the_others_are(cast: Cast, release: Release) -> None:
    assert sweep(85) == 1
    assert [slip.gate.key for slip in Slip.objects.all()] == [MARKET]


def test_drafts_and_ended_releases_are_never_missed(cast: Cast) -> None:
    draft_release(cast, "2.0")
    cancelled = active_release(cast, "3.0")
    cancel_release(release_id=cancelled.pk, actor=cast.pm, reason="No case", clock=at(10))
    assert sweep(400) == 0


# --- Every verb records the miss first ----------------------------------------------------------------------------


def test_a_late_approval_cannot_hide_a_miss(cast: Cast, release: Release) -> None:
    first = gate_of(release, MARKET)
    submit(cast, first, on=2)
    approve(cast, first, "engineering", on=3)
    approve(cast, first, "sales", on=33)
    slip = Slip.objects.get()
    assert (slip.due_on, slip.cause, slip.waiting_on, slip.days) == (day(30), Cause.AWAITING_DECISION, ["sales"], 3)
    kinds = event_kinds(release)
    assert kinds.index(EventKind.GATE_MISSED) < kinds.index(EventKind.GATE_APPROVED)


@pytest.mark.parametrize(
    "verb",
    [
        "save_evidence", "submit", "approve", "decline", "revoke", "recuse", "withdraw", "waive", "replan", "hold",
        "cancel", "change",
    ],
)  # fmt: skip
def test_every_verb_records_the_miss_before_anything_else(cast: Cast, release: Release, verb: str) -> None:
    first = gate_of(release, MARKET)
    common = {"actor": cast.pm, "clock": at(31)}
    if verb in ("approve", "decline", "revoke", "recuse", "withdraw"):
        submit(cast, first, on=2)
        mine = approve(cast, first, "engineering", on=3)
    if verb == "submit":
        fill(cast, first, on=2)
    number = fresh(release).event_number
    match verb:
        case "save_evidence":
            brief = Deliverable.objects.get(gate=first, key="brief")
            save_evidence(deliverable_id=brief.pk, kind="text", text="Late", **common)
        case "submit":
            submit_evidence(gate_id=first.pk, **common)
        case "approve":
            approve(cast, first, "sales", on=31)
        case "decline":
            decline(cast, first, "sales", on=31)
        case "revoke":
            revoke_decision(decision_id=mine.pk, actor=cast.approver, reason="Second thoughts", clock=at(31))
        case "recuse":
            recuse(gate_id=first.pk, round_number=1, actor=cast.second_approver, comment="My own plan.", clock=at(31))
        case "withdraw":
            withdraw_submission(gate_id=first.pk, **common)
        case "waive":
            waive(cast, first, on=31)
        case "replan":
            replan_release(release_id=release.pk, dates={MARKET: day(40)}, reason="Late", **common)
        case "hold":
            hold_release(release_id=release.pk, reason="Strike", resume_by=day(99), **common)
        case "cancel":
            cancel_release(release_id=release.pk, reason="No case", **common)
        case "change":
            change_release(release_id=release.pk, name="Late", owner=cast.pm, **common)
    kinds = event_kinds(release, since=number)
    assert kinds[:2] == [EventKind.GATE_MISSED, EventKind.RELEASE_SLIPPED]
    assert len(kinds) > 2
    assert Slip.objects.count() == 1
    assert sweep(31) == 0


def test_shipping_and_correcting_record_a_missed_assessment_first(cast: Cast, release: Release) -> None:
    from releases.actions.releases import correct_release_date

    pass_gates_before_release(cast, release)
    ship_release(release_id=release.pk, actor=cast.pm, released_on=day(10), clock=at(10))
    number = fresh(release).event_number
    correct_release_date(release_id=release.pk, actor=cast.pm, released_on=day(9), reason="Typo", clock=at(300))
    assert event_kinds(release, since=number) == [EventKind.GATE_MISSED, EventKind.RELEASE_DATE_CORRECTED]


def test_a_change_of_seats_records_the_miss_before_it_changes_the_cause(cast: Cast, release: Release) -> None:
    """Whose turn it was on the due day decides, not who lost a seat afterwards."""
    fill(cast, gate_of(release, MARKET), on=2)
    seat = cast.seat(MARKET, "sales")
    revoke_seat(role_id=seat.pk, holder=cast.sales_group, actor=cast.administrator, clock=at(31))
    assert [slip.cause for slip in Slip.objects.all()] == [Cause.NOT_SUBMITTED]


# --- Causes -----------------------------------------------------------------------------------------------------


def test_not_submitted_is_the_product_managers_turn(cast: Cast, release: Release) -> None:
    fill(cast, gate_of(release, MARKET))
    sweep(31)
    assert [(s.cause, s.waiting_on) for s in Slip.objects.all()] == [(Cause.NOT_SUBMITTED, [])]


def test_awaiting_decision_names_the_roles_still_out(cast: Cast, release: Release) -> None:
    submit(cast, gate_of(release, MARKET))
    sweep(31)
    assert [(s.cause, s.waiting_on) for s in Slip.objects.all()] == [
        (Cause.AWAITING_DECISION, ["engineering", "sales"])
    ]


def test_declined_is_a_cause_of_its_own(cast: Cast, release: Release) -> None:
    first = gate_of(release, MARKET)
    submit(cast, first)
    decline(cast, first, "sales")
    sweep(31)
    assert [s.cause for s in Slip.objects.all()] == [Cause.DECLINED]


def test_withdrawn_is_not_submitted(cast: Cast, release: Release) -> None:
    first = gate_of(release, MARKET)
    submit(cast, first)
    withdraw_submission(gate_id=first.pk, actor=cast.pm, clock=at(5))
    sweep(31)
    assert [s.cause for s in Slip.objects.all()] == [Cause.NOT_SUBMITTED]


def test_a_quorum_that_nobody_can_reach_is_a_cause_and_names_the_roles(cast: Cast, release: Release) -> None:
    first = gate_of(release, MARKET)
    submit(cast, first)
    recuse(gate_id=first.pk, round_number=1, actor=cast.second_approver, comment="My own plan.", clock=at(5))
    sweep(31)
    assert [(s.cause, s.waiting_on) for s in Slip.objects.all()] == [(Cause.QUORUM_UNREACHABLE, ["sales"])]


def test_an_open_gate_whose_seats_stand_empty_is_unreachable(cast: Cast, release: Release) -> None:
    seat = cast.seat(MARKET, "sales")
    revoke_seat(role_id=seat.pk, holder=cast.sales_group, actor=cast.administrator, clock=at(2))
    sweep(31)
    assert [s.cause for s in Slip.objects.all()] == [Cause.QUORUM_UNREACHABLE]


# --- Settling ---------------------------------------------------------------------------------------------------


def test_a_late_approval_settles_the_slip_and_moves_later_dates_and_the_target(cast: Cast, release: Release) -> None:
    sweep(31)
    pass_gate(cast, gate_of(release, MARKET), on=37)
    slip = Slip.objects.get()
    assert (slip.days, slip.settled_on, slip.settled_at) == (7, day(37), moment(37))
    assert (slip.settled_by, slip.settled_how) == (cast.second_approver, SettledHow.LATE_APPROVAL)
    after = fresh(release)
    assert due_days(after) == {
        MARKET: day(30),
        COMPLETENESS: day(67),
        READINESS: day(87),
        ASSESSMENT: add_months(day(97), 6),
    }
    assert (after.target_on, after.baseline_on, after.slip_days, after.open_slips) == (day(97), day(90), 7, 0)


def test_every_date_that_a_slip_moves_has_a_row_and_an_event(cast: Cast, release: Release) -> None:
    pass_gate(cast, gate_of(release, MARKET), on=37)
    slip = Slip.objects.get()
    moves = DateMove.objects.order_by("pk")
    assert [(m.gate.key if m.gate else None, m.days, m.kind, m.is_cascade) for m in moves[:3]] == [
        (COMPLETENESS, 7, MoveKind.SLIP, True),
        (READINESS, 7, MoveKind.SLIP, True),
        (None, 7, MoveKind.SLIP, True),
    ]
    assert moves[3].gate is not None
    assert moves[3].gate.key == ASSESSMENT
    assert {m.slip for m in moves[:3]} == {slip}
    for move in moves:
        event = Event.objects.get(release=release, number=move.event_number)
        assert event.kind == EventKind.GATE_DUE_CHANGED
        assert (event.payload["from"], event.payload["to"]) == (str(move.from_on), str(move.to_on))
    settled = last_event(release, EventKind.SLIP_SETTLED).payload
    assert settled == {"slip": slip.pk, "due_on": str(day(30)), "days": 7, "how": "late_approval"}


def test_a_late_waiver_settles_the_slip_too(cast: Cast, release: Release) -> None:
    waive(cast, gate_of(release, MARKET), on=35)
    slip = Slip.objects.get()
    assert (slip.days, slip.settled_how, slip.settled_by) == (5, SettledHow.WAIVER, cast.executive)
    assert fresh(release).target_on == day(95)


def test_a_pinned_gate_stays_where_it_is_when_a_slip_is_settled(cast: Cast, release: Release) -> None:
    replan_release(release_id=release.pk, actor=cast.pm, dates={}, pins={READINESS: True}, reason="Fair", clock=at(1))
    pass_gate(cast, gate_of(release, MARKET), on=35)
    assert due_days(release)[COMPLETENESS] == day(65)
    assert due_days(release)[READINESS] == day(80)
    assert fresh(release).target_on == day(95)


def test_a_slip_that_is_settled_twice_moves_the_dates_once(cast: Cast, release: Release) -> None:
    """Each gate's lateness is its own: the next gate, in time by its moved date, adds nothing."""
    pass_gate(cast, gate_of(release, MARKET), on=37)
    pass_gate(cast, gate_of(release, COMPLETENESS), on=67)
    assert (fresh(release).target_on, fresh(release).slip_days, Slip.objects.count()) == (day(97), 7, 1)


def test_slips_of_two_gates_add_up(cast: Cast, release: Release) -> None:
    pass_gate(cast, gate_of(release, MARKET), on=37)
    pass_gate(cast, gate_of(release, COMPLETENESS), on=70)
    assert (fresh(release).target_on, fresh(release).slip_days) == (day(100), 10)
    assert sorted(s.days or 0 for s in Slip.objects.all()) == [3, 7]


def test_passing_a_gate_early_moves_nothing(cast: Cast, release: Release) -> None:
    pass_gate(cast, gate_of(release, MARKET), on=3)
    assert fresh(release).target_on == day(90)
    assert not DateMove.objects.exists()


def test_a_decline_leaves_the_slip_open(cast: Cast, release: Release) -> None:
    first = gate_of(release, MARKET)
    submit(cast, first, on=2)
    decline(cast, first, "sales", on=33)
    assert fresh(release).open_slips == 1
    submit(cast, first, on=34)
    approve(cast, first, "engineering", on=35)
    approve(cast, first, "sales", on=36)
    assert [(s.days, s.cause) for s in Slip.objects.all()] == [(6, Cause.AWAITING_DECISION)]


def test_a_gate_missed_again_after_a_replan_has_a_slip_for_each_date(cast: Cast, release: Release) -> None:
    sweep(31)
    replan_release(release_id=release.pk, actor=cast.pm, dates={MARKET: day(40)}, reason="Late study", clock=at(33))
    assert sweep(40) == 0
    assert sweep(41) == 1
    pass_gate(cast, gate_of(release, MARKET), on=44)
    slips = Slip.objects.order_by("due_on")
    assert [(s.due_on, s.days, s.settled_how) for s in slips] == [
        (day(30), 10, SettledHow.REPLAN),
        (day(40), 4, SettledHow.LATE_APPROVAL),
    ]
    assert (fresh(release).target_on, cells(fresh(release).board)[0].slips) == (day(104), 2)


def test_days_of_every_hold_since_the_due_day_are_taken_out(cast: Cast, release: Release) -> None:
    sweep(31)
    for start, end in ((33, 36), (40, 45)):
        hold_release(release_id=release.pk, actor=cast.pm, reason="Strike", resume_by=day(99), clock=at(start))
        resume_release(release_id=release.pk, actor=cast.pm, clock=at(end))
    pass_gate(cast, gate_of(release, MARKET), on=50)
    assert [s.days for s in Slip.objects.all()] == [20 - 3 - 5]
    assert (fresh(release).slip_days, fresh(release).target_on) == (12, day(90 + 20))


def test_a_hold_from_before_the_due_day_counts_for_nothing_in_the_slip(cast: Cast, release: Release) -> None:
    hold_release(release_id=release.pk, actor=cast.pm, reason="Strike", resume_by=day(99), clock=at(10))
    resume_release(release_id=release.pk, actor=cast.pm, clock=at(15))
    assert sweep(36) == 1
    pass_gate(cast, gate_of(release, MARKET), on=38)
    assert [(s.due_on, s.days) for s in Slip.objects.all()] == [(day(35), 3)]


def test_a_late_first_gate_may_leave_a_pinned_second_one_in_the_past_and_that_is_a_miss_too(
    cast: Cast, release: Release
) -> None:
    replan_release(
        release_id=release.pk, actor=cast.pm, dates={}, pins={COMPLETENESS: True}, reason="Fair", clock=at(1)
    )
    pass_gate(cast, gate_of(release, MARKET), on=62)
    second = gate_of(release, COMPLETENESS)
    assert (second.due_on, second.state, second.sweep_on) == (day(60), "open", day(60))
    assert sweep(62) == 1
    assert set(Slip.objects.values_list("gate__key", "due_on")) == {(MARKET, day(30)), (COMPLETENESS, day(60))}


# --- The assessment ----------------------------------------------------------------------------------------------


def test_a_missed_assessment_is_recorded_but_cannot_slip_a_release_that_is_out(cast: Cast, release: Release) -> None:
    pass_gates_before_release(cast, release)
    ship_release(release_id=release.pk, actor=cast.pm, released_on=day(10), clock=at(10))
    due = gate_of(release, ASSESSMENT).due_on
    assert due == add_months(day(10), 6)
    number = fresh(release).event_number
    late = (due - day(0)).days + 4
    assert sweep(late) == 1
    assert event_kinds(release, since=number) == [EventKind.GATE_MISSED]
    target = fresh(release).target_on
    pass_gate(cast, gate_of(release, ASSESSMENT), on=late)
    after = fresh(release)
    assert [(s.gate.key, s.days) for s in Slip.objects.all()] == [(ASSESSMENT, 4)]
    assert (after.state, after.target_on, after.open_slips) == ("closed", target, 0)
    assert not DateMove.objects.exclude(kind=MoveKind.SHIP).exists()


def test_the_assessment_of_an_unreleased_release_is_never_missed(cast: Cast, release: Release) -> None:
    pass_gates_before_release(cast, release)
    assert sweep(500) == 0


def test_a_new_holder_makes_a_stuck_gate_go_on_and_settle(cast: Cast, release: Release) -> None:
    first = gate_of(release, MARKET)
    submit(cast, first, on=2)
    recuse(gate_id=first.pk, round_number=1, actor=cast.second_approver, comment="My own plan.", clock=at(3))
    assert sweep(31) == 1
    newcomer = make_person("nina", "Nina Newcomer")
    grant_seat(role_id=cast.seat(MARKET, "sales").pk, holder=newcomer, actor=cast.administrator, clock=at(32))
    approve(cast, first, "engineering", on=33)
    approve(cast, first, "sales", on=34, actor=newcomer)
    assert [(s.cause, s.days) for s in Slip.objects.all()] == [(Cause.QUORUM_UNREACHABLE, 4)]
