"""Hold and resume: the round freezes, nobody is missed, and held days never count as slip."""

from datetime import date

import pytest

from approvals.actions.decisions import recuse, revoke_decision
from approvals.actions.evidence import remove_evidence, save_evidence
from approvals.actions.rounds import submit_evidence, waive_gate, withdraw_submission
from approvals.kinds import RoundState
from approvals.models import Deliverable, Submission
from gatekeeper.common.calendars import add_months
from releases.actions.releases import cancel_release, hold_release, resume_release, ship_release
from releases.actions.replan import replan_release
from releases.actions.slips import record_all_misses
from releases.kinds import EventKind, MoveKind, ReleaseState
from releases.models import DateMove, Gate, Hold, Release, Slip
from tests.cast import (
    ASSESSMENT,
    COMPLETENESS,
    MARKET,
    READINESS,
    Cast,
    active_release,
    approve,
    at,
    conflict,
    day,
    decline,
    draft_release,
    event_kinds,
    fill,
    fresh,
    gate_of,
    last_event,
    not_allowed,
    pass_gate,
    pass_gates_before_release,
    refused,
    submit,
)

pytestmark = pytest.mark.usefixtures("invariants")


def hold(cast: Cast, release: Release, *, on: int, until: int = 200) -> Release:
    return hold_release(
        release_id=release.pk, actor=cast.pm, reason="The supplier is on strike.", resume_by=day(until), clock=at(on)
    )


def resume(cast: Cast, release: Release, *, on: int) -> Release:
    return resume_release(release_id=release.pk, actor=cast.pm, clock=at(on))


def due_days(release: Release) -> dict[str, date | None]:
    return dict(release.gates.values_list("key", "due_on"))


def test_a_hold_needs_a_reason_and_a_day_to_resume_by(cast: Cast, release: Release) -> None:
    with refused("required"):
        hold_release(release_id=release.pk, actor=cast.pm, reason="  ", resume_by=day(20), clock=at(10))
    with refused("date_in_past"):
        hold_release(release_id=release.pk, actor=cast.pm, reason="Strike", resume_by=day(9), clock=at(10))
    with refused("date_in_past"):
        hold_release(
            release_id=release.pk, actor=cast.pm, reason="Strike", resume_by=add_months(day(10), 121), clock=at(10)
        )
    held = hold_release(release_id=release.pk, actor=cast.pm, reason="Strike", resume_by=day(10), clock=at(10))
    assert (held.state, held.held_on, held.resume_by, held.state_reason) == ("on_hold", day(10), day(10), "Strike")
    assert last_event(held, EventKind.RELEASE_HELD).payload == {"reason": "Strike", "resume_by": str(day(10))}


def test_only_active_releases_are_put_on_hold(cast: Cast) -> None:
    draft = draft_release(cast, "2.0")
    with conflict("wrong_state"):
        hold(cast, draft, on=1)
    released = pass_gates_before_release(cast, active_release(cast, "3.0"))
    ship_release(release_id=released.pk, actor=cast.pm, released_on=day(4), clock=at(4))
    with conflict("wrong_state"):
        hold(cast, released, on=5)
    cancelled = active_release(cast, "4.0")
    cancel_release(release_id=cancelled.pk, actor=cast.pm, reason="No case", clock=at(4))
    with conflict("wrong_state"):
        hold(cast, cancelled, on=5)


def test_only_releases_on_hold_are_resumed(cast: Cast, release: Release) -> None:
    with conflict("wrong_state"):
        resume(cast, release, on=3)
    hold(cast, release, on=3)
    with conflict("wrong_state"):
        hold(cast, release, on=4)


@pytest.mark.parametrize("who", ["approver", "contributor", "outsider", "executive"])
def test_only_managers_and_administrators_hold_and_resume(cast: Cast, release: Release, who: str) -> None:
    with not_allowed("not_manager"):
        hold_release(release_id=release.pk, actor=getattr(cast, who), reason="Strike", resume_by=day(20), clock=at(10))
    hold(cast, release, on=10)
    with not_allowed("not_manager"):
        resume_release(release_id=release.pk, actor=getattr(cast, who), clock=at(12))


def test_nobody_is_missed_while_on_hold(cast: Cast, release: Release) -> None:
    hold(cast, release, on=30)
    assert record_all_misses(day(400), clock=at(400)) == 0
    assert not Gate.objects.filter(sweep_on__isnull=False).exists()
    assert not Slip.objects.exists()


def test_resuming_moves_every_unmissed_due_date_and_the_target_by_the_days_held(cast: Cast, release: Release) -> None:
    replan_release(release_id=release.pk, actor=cast.pm, dates={}, pins={READINESS: True}, reason="Fair", clock=at(1))
    hold(cast, release, on=10)
    resumed = resume(cast, release, on=24)
    assert (resumed.state, resumed.held_on, resumed.resume_by, resumed.state_reason) == ("active", None, None, "")
    assert due_days(resumed) == {
        MARKET: day(44),
        COMPLETENESS: day(74),
        READINESS: day(94),
        ASSESSMENT: add_months(day(104), 6),
    }
    assert resumed.target_on == day(104)
    assert (resumed.held_days, resumed.slip_days) == (14, 0)
    assert last_event(resumed, EventKind.RELEASE_RESUMED).payload == {"days": 14}
    moves = DateMove.objects.filter(release=release)
    assert {m.kind for m in moves} == {MoveKind.HOLD}
    assert all("14 days" in m.reason and "strike" in m.reason for m in moves)
    assert Hold.objects.get().resumed_on == day(24)


def test_a_gate_that_passed_before_the_hold_keeps_its_date(cast: Cast, release: Release) -> None:
    pass_gate(cast, gate_of(release, MARKET))
    hold(cast, release, on=10)
    assert due_days(resume(cast, release, on=15))[MARKET] == day(30)


def test_a_hold_that_ends_on_its_own_day_moves_nothing(cast: Cast, release: Release) -> None:
    before = due_days(release)
    hold(cast, release, on=30)
    resumed = resume(cast, release, on=30)
    assert (due_days(resumed), resumed.held_days) == (before, 0)
    assert not DateMove.objects.exists()
    assert gate_of(release, MARKET).sweep_on == day(30)


def test_a_gate_due_on_the_day_of_the_hold_is_in_time_and_moves_on(cast: Cast, release: Release) -> None:
    hold(cast, release, on=30)
    resume(cast, release, on=40)
    assert gate_of(release, MARKET).due_on == day(40)
    assert record_all_misses(day(40), clock=at(40)) == 0
    assert record_all_misses(day(41), clock=at(41)) == 1


def test_a_hold_cannot_hide_a_miss(cast: Cast, release: Release) -> None:
    held = hold(cast, release, on=31)
    assert [(s.due_on, s.cause) for s in held.slips.all()] == [(day(30), "not_submitted")]
    kinds = event_kinds(release, since=3)
    assert kinds == [EventKind.GATE_MISSED, EventKind.RELEASE_SLIPPED, EventKind.RELEASE_HELD]


def test_a_missed_gate_keeps_its_date_over_a_hold_while_later_ones_move(cast: Cast, release: Release) -> None:
    hold(cast, release, on=32)
    resumed = resume(cast, release, on=42)
    assert due_days(resumed)[MARKET] == day(30)
    assert due_days(resumed)[COMPLETENESS] == day(70)
    assert (resumed.target_on, resumed.open_slips, resumed.slip_days) == (day(100), 1, 0)


def test_held_days_are_taken_out_when_a_slip_is_settled(cast: Cast, release: Release) -> None:
    first = gate_of(release, MARKET)
    record_all_misses(day(31), clock=at(31))
    hold(cast, release, on=32)
    resume(cast, release, on=42)
    pass_gate(cast, first, on=45)
    slip = Slip.objects.get()
    assert (slip.days, slip.settled_on) == (5, day(45))
    after = fresh(release)
    # Ten days held and five days late: the dates moved by both, only the five count as slip.
    assert due_days(after)[COMPLETENESS] == day(60 + 10 + 5)
    assert (after.target_on, after.slip_days, after.held_days) == (day(90 + 10 + 5), 5, 10)


def test_two_holds_add_up(cast: Cast, release: Release) -> None:
    hold(cast, release, on=5)
    resume(cast, release, on=7)
    hold(cast, release, on=9)
    resumed = resume(cast, release, on=12)
    assert (resumed.held_days, resumed.target_on, resumed.slip_days) == (5, day(95), 0)
    assert Hold.objects.count() == 2


def test_the_open_round_is_frozen_while_on_hold_and_goes_on_afterwards(cast: Cast, release: Release) -> None:
    first = gate_of(release, MARKET)
    submit(cast, first, on=2)
    mine = approve(cast, first, "engineering", on=3)
    hold(cast, release, on=4)
    assert Submission.objects.get().state == RoundState.OPEN
    with conflict("release_not_active"):
        approve(cast, first, "sales", on=5)
    with conflict("release_not_active"):
        decline(cast, first, "sales", on=5)
    with conflict("release_not_active"):
        revoke_decision(decision_id=mine.pk, actor=cast.approver, reason="Second thoughts", clock=at(5))
    with conflict("release_not_active"):
        recuse(gate_id=first.pk, round_number=1, actor=cast.second_approver, comment="My own plan.", clock=at(5))
    with conflict("release_not_active"):
        withdraw_submission(gate_id=first.pk, actor=cast.pm, clock=at(5))
    with conflict("release_not_active"):
        waive_gate(
            gate_id=first.pk, actor=cast.executive, reason="We know this market well enough.", expires_on=day(99),
            clock=at(5),
        )  # fmt: skip
    with conflict("release_not_active"):
        replan_release(release_id=release.pk, actor=cast.pm, dates={MARKET: day(50)}, reason="Later", clock=at(5))
    with conflict("wrong_state"):
        ship_release(release_id=release.pk, actor=cast.pm, released_on=day(5), clock=at(5))
    resume(cast, release, on=8)
    approve(cast, first, "sales", on=8)
    assert gate_of(release, MARKET).state == "approved"


def test_evidence_stands_still_while_on_hold(cast: Cast, release: Release) -> None:
    first = gate_of(release, MARKET)
    fill(cast, first, on=1)
    brief = Deliverable.objects.get(gate=first, key="brief")
    hold(cast, release, on=4)
    with conflict("release_not_active"):
        save_evidence(deliverable_id=brief.pk, actor=cast.pm, kind="text", text="More", clock=at(5))
    with conflict("release_not_active"):
        remove_evidence(deliverable_id=brief.pk, actor=cast.pm, clock=at(5))
    with conflict("release_not_active"):
        submit_evidence(gate_id=first.pk, actor=cast.pm, clock=at(5))


def test_a_release_on_hold_can_be_cancelled(cast: Cast, release: Release) -> None:
    hold(cast, release, on=4)
    cancelled = cancel_release(release_id=release.pk, actor=cast.pm, reason="No case", clock=at(9))
    assert (cancelled.state, cancelled.held_on, cancelled.resume_by) == (ReleaseState.CANCELLED, None, None)
    assert Hold.objects.get().resumed_on == day(9)
    with conflict("wrong_state"):
        resume(cast, release, on=10)


def test_a_pinned_assessment_moves_by_the_days_held_too(cast: Cast, release: Release) -> None:
    before = gate_of(release, ASSESSMENT).due_on
    assert before is not None
    replan_release(
        release_id=release.pk, actor=cast.pm, dates={}, pins={ASSESSMENT: True}, reason="Board day", clock=at(1)
    )
    hold(cast, release, on=10)
    resume(cast, release, on=20)
    assert gate_of(release, ASSESSMENT).due_on == before + (day(20) - day(10))
