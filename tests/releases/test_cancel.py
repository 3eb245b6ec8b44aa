"""Cancelling: the open round ends and every timer stops."""

import pytest

from approvals.actions.evidence import save_evidence
from approvals.actions.rounds import submit_evidence
from approvals.inbox import waiting_for
from approvals.kinds import RoundState
from approvals.models import Deliverable, Submission
from releases.actions.releases import activate_release, cancel_release, hold_release, ship_release
from releases.actions.replan import replan_release
from releases.actions.slips import record_all_misses
from releases.kinds import EventKind, GateState, ReleaseState
from releases.models import DateMove, Gate, Release, Slip
from tests.cast import (
    MARKET,
    Cast,
    approve,
    at,
    conflict,
    day,
    draft_release,
    event_kinds,
    fresh,
    gate_of,
    last_event,
    not_allowed,
    pass_gates_before_release,
    refused,
    submit,
    waive,
)

pytestmark = pytest.mark.usefixtures("invariants")


def cancel(cast: Cast, release: Release, *, on: int = 10) -> Release:
    return cancel_release(release_id=release.pk, actor=cast.pm, reason="The market study says no.", clock=at(on))


def test_a_reason_is_needed(cast: Cast, release: Release) -> None:
    with refused("required"):
        cancel_release(release_id=release.pk, actor=cast.pm, reason="\n", clock=at(10))


def test_a_cancelled_release_keeps_its_reason_and_its_dates(cast: Cast, release: Release) -> None:
    cancelled = cancel(cast, release)
    assert (cancelled.state, cancelled.state_reason) == (ReleaseState.CANCELLED, "The market study says no.")
    assert cancelled.ended_at is not None
    assert last_event(release, EventKind.RELEASE_CANCELLED).payload == {"reason": "The market study says no."}
    assert not DateMove.objects.exists()


def test_cancelling_ends_the_open_round(cast: Cast, release: Release) -> None:
    gate = gate_of(release, MARKET)
    submit(cast, gate)
    approve(cast, gate, "engineering")
    assert waiting_for(cast.second_approver).count() == 1
    cancel(cast, release)
    assert Submission.objects.get().state == RoundState.CANCELLED
    assert gate_of(release, MARKET).state == GateState.OPEN
    assert waiting_for(cast.second_approver).count() == 0
    with conflict("release_not_active"):
        approve(cast, gate, "sales", on=11)


def test_every_timer_stops(cast: Cast, release: Release) -> None:
    cancel(cast, release)
    assert not Gate.objects.filter(sweep_on__isnull=False).exists()
    assert record_all_misses(day(500), clock=at(500)) == 0
    assert not Slip.objects.exists()


def test_a_miss_before_the_cancellation_stays_on_record(cast: Cast, release: Release) -> None:
    cancel(cast, release, on=31)
    assert [slip.due_on for slip in Slip.objects.all()] == [day(30)]


def test_nothing_goes_on_in_a_cancelled_release(cast: Cast, release: Release) -> None:
    gate = gate_of(release, MARKET)
    brief = Deliverable.objects.get(gate=gate, key="brief")
    cancel(cast, release)
    with conflict("release_not_active"):
        save_evidence(deliverable_id=brief.pk, actor=cast.pm, kind="text", text="Still", clock=at(11))
    with conflict("release_not_active"):
        submit_evidence(gate_id=gate.pk, actor=cast.pm, clock=at(11))
    with conflict("release_not_active"):
        waive(cast, gate, on=11)
    with conflict("release_not_active"):
        replan_release(release_id=release.pk, actor=cast.pm, dates={MARKET: day(40)}, reason="Later", clock=at(11))
    with conflict("wrong_state"):
        hold_release(release_id=release.pk, actor=cast.pm, reason="Strike", resume_by=day(40), clock=at(11))
    with conflict("wrong_state"):
        activate_release(release_id=release.pk, actor=cast.pm, clock=at(11))
    with conflict("wrong_state"):
        cancel(cast, release, on=11)


def test_a_draft_can_be_cancelled_but_a_release_that_is_out_cannot(cast: Cast, release: Release) -> None:
    assert cancel(cast, draft_release(cast, "2.0")).state == ReleaseState.CANCELLED
    pass_gates_before_release(cast, release)
    ship_release(release_id=release.pk, actor=cast.pm, released_on=day(5), clock=at(5))
    with conflict("wrong_state"):
        cancel(cast, release)


@pytest.mark.parametrize("who", ["approver", "contributor", "outsider", "executive"])
def test_only_managers_and_administrators_cancel(cast: Cast, release: Release, who: str) -> None:
    with not_allowed("not_manager"):
        cancel_release(release_id=release.pk, actor=getattr(cast, who), reason="No case", clock=at(5))
    cancel_release(release_id=release.pk, actor=cast.administrator, reason="No case", clock=at(5))
    assert fresh(release).state == ReleaseState.CANCELLED
    assert event_kinds(release)[-1] == EventKind.RELEASE_CANCELLED
