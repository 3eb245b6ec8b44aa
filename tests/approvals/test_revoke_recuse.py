"""Taking back one's own decision, and stepping aside for a round."""

import pytest
from django.db import IntegrityError, transaction

from approvals.actions.decisions import recuse, revoke_decision
from approvals.actions.rounds import withdraw_submission
from approvals.actions.seats import grant_seat
from approvals.models import Decision, Recusal, Revocation, Submission
from releases.kinds import EventKind, GateState
from releases.models import Gate, Release
from tests.cast import (
    MARKET,
    Cast,
    approve,
    at,
    conflict,
    decline,
    event_kinds,
    fields_of,
    fresh,
    gate_of,
    last_event,
    make_person,
    moment,
    not_allowed,
    refused,
    submit,
)

pytestmark = pytest.mark.usefixtures("invariants")


@pytest.fixture
def round_one(cast: Cast, gate: Gate) -> Submission:
    return submit(cast, gate)


def revoke(
    cast: Cast, decision: Decision, *, on: int = 4, reason: str = "New figures came in.", **words: object
) -> Revocation:
    arguments = {"actor": decision.decided_by, "clock": at(on)} | words
    return revoke_decision(decision_id=decision.pk, reason=reason, **arguments)  # type: ignore[arg-type]


# --- Revoking ---------------------------------------------------------------------------------------------------


def test_a_revoked_approval_does_not_count_and_stays_on_record(
    cast: Cast, release: Release, gate: Gate, round_one: Submission
) -> None:
    mine = approve(cast, gate, "engineering")
    number = fresh(release).event_number
    revocation = revoke(cast, mine, reason=" New figures came in. ")
    assert (revocation.reason, revocation.revoked_at) == ("New figures came in.", moment(4))
    assert Decision.objects.get() == mine
    assert event_kinds(release, since=number) == [EventKind.DECISION_REVOKED]
    assert last_event(release, EventKind.DECISION_REVOKED).payload == {
        "decision": mine.pk, "round": 1, "role": "engineering", "reason": "New figures came in.",
    }  # fmt: skip
    approve(cast, gate, "sales", on=5)
    assert gate_of(release, MARKET).state == GateState.IN_REVIEW
    again = approve(cast, gate, "engineering", on=6)
    assert again.attempt == 2
    assert gate_of(release, MARKET).state == GateState.APPROVED


def test_after_a_revocation_one_may_take_another_hat_or_decline(cast: Cast, gate: Gate, round_one: Submission) -> None:
    grant_seat(role_id=cast.seat(MARKET, "sales").pk, holder=cast.approver, actor=cast.administrator, clock=at(2))
    revoke(cast, approve(cast, gate, "engineering"))
    second = approve(cast, gate, "sales", actor=cast.approver, on=5)
    assert (second.attempt, second.role.key) == (2, "sales")
    revoke(cast, second, on=6)
    assert decline(cast, gate, "engineering", on=7).attempt == 3
    assert gate_of(gate.release, MARKET).state == GateState.DECLINED


def test_a_reason_is_needed(cast: Cast, gate: Gate, round_one: Submission) -> None:
    mine = approve(cast, gate, "engineering")
    with refused("required"):
        revoke(cast, mine, reason=" ")


@pytest.mark.parametrize("who", ["pm", "second_approver", "administrator", "executive", "outsider"])
def test_only_ones_own_decision(cast: Cast, gate: Gate, round_one: Submission, who: str) -> None:
    mine = approve(cast, gate, "engineering")
    with not_allowed("not_own_decision"):
        revoke(cast, mine, actor=getattr(cast, who))


def test_a_decision_is_revoked_once(cast: Cast, gate: Gate, round_one: Submission) -> None:
    mine = approve(cast, gate, "engineering")
    revoke(cast, mine)
    with conflict("already_revoked"):
        revoke(cast, mine, on=5)
    with pytest.raises(IntegrityError), transaction.atomic():
        Revocation.objects.create(decision=mine, reason="Twice", revoked_at=moment(5))


def test_only_while_the_round_is_open(cast: Cast, gate: Gate, round_one: Submission) -> None:
    mine = approve(cast, gate, "engineering")
    decline(cast, gate, "sales")
    with conflict("stale_round"):
        revoke(cast, mine)
    submit(cast, gate, on=5)
    with conflict("stale_round"):
        revoke(cast, mine, on=6)
    withdraw_submission(gate_id=gate.pk, actor=cast.pm, clock=at(7))
    with conflict("stale_round"):
        revoke(cast, mine, on=8)


def test_not_after_the_gate_is_approved(cast: Cast, gate: Gate, round_one: Submission) -> None:
    mine = approve(cast, gate, "engineering")
    approve(cast, gate, "sales")
    with conflict("stale_round"):
        revoke(cast, mine)


# --- Recusing ---------------------------------------------------------------------------------------------------


def step_aside(cast: Cast, gate: Gate, *, on: int = 3, **words: object) -> Recusal:
    arguments = {"actor": cast.second_approver, "round_number": 1, "comment": "My own plan.", "clock": at(on)} | words
    return recuse(gate_id=gate.pk, **arguments)  # type: ignore[arg-type]


def test_a_holder_steps_aside_for_the_round(cast: Cast, release: Release, gate: Gate) -> None:
    other = make_person("sam", "Sam Seller")
    grant_seat(role_id=cast.seat(MARKET, "sales").pk, holder=other, actor=cast.administrator, clock=at(1))
    submit(cast, gate)
    number = fresh(release).event_number
    recusal = step_aside(cast, gate, comment="My brother works there.")
    assert (recusal.person, recusal.comment, recusal.recused_at) == (
        cast.second_approver, "My brother works there.", moment(3),
    )  # fmt: skip
    assert event_kinds(release, since=number) == [EventKind.RECUSED]
    with conflict("recused"):
        approve(cast, gate, "sales")
    with conflict("recused"):
        decline(cast, gate, "sales")
    with conflict("recused"):
        step_aside(cast, gate)
    approve(cast, gate, "sales", actor=other)


def test_nobody_steps_aside_without_a_word(cast: Cast, gate: Gate, round_one: Submission) -> None:
    with refused("required") as found:
        step_aside(cast, gate, comment=" ")
    assert fields_of(found) == [("comment", "required")]


def test_the_next_round_is_open_again_for_who_stepped_aside(cast: Cast, gate: Gate, round_one: Submission) -> None:
    step_aside(cast, gate)
    withdraw_submission(gate_id=gate.pk, actor=cast.pm, clock=at(4))
    submit(cast, gate, on=5)
    assert approve(cast, gate, "sales", on=6).submission.number == 2


def test_a_quorum_out_of_reach_is_told_at_once(cast: Cast, release: Release, gate: Gate, round_one: Submission) -> None:
    number = fresh(release).event_number
    step_aside(cast, gate)
    assert event_kinds(release, since=number) == [EventKind.RECUSED, EventKind.QUORUM_UNREACHABLE]
    assert last_event(release, EventKind.QUORUM_UNREACHABLE).payload == {"round": 1, "roles": ["sales"]}
    assert fresh(release).is_quorum_unreachable
    number = fresh(release).event_number
    recuse(gate_id=gate.pk, round_number=1, actor=cast.approver, comment="My own plan.", clock=at(4))
    # it was out of reach already
    assert event_kinds(release, since=number) == [EventKind.RECUSED]


def test_a_seat_given_to_somebody_else_brings_the_quorum_back(
    cast: Cast, release: Release, gate: Gate, round_one: Submission
) -> None:
    step_aside(cast, gate)
    grant_seat(role_id=cast.seat(MARKET, "sales").pk, holder=cast.outsider, actor=cast.administrator, clock=at(4))
    assert not fresh(release).is_quorum_unreachable


def test_stepping_aside_counts_for_every_hat(cast: Cast, gate: Gate, round_one: Submission) -> None:
    grant_seat(
        role_id=cast.seat(MARKET, "engineering").pk, holder=cast.second_approver, actor=cast.administrator, clock=at(2)
    )
    step_aside(cast, gate)
    for role in ("engineering", "sales"):
        with conflict("recused"):
            approve(cast, gate, role, actor=cast.second_approver)


@pytest.mark.parametrize("who", ["pm", "outsider", "contributor", "administrator", "executive"])
def test_only_holders_step_aside(cast: Cast, gate: Gate, round_one: Submission, who: str) -> None:
    with not_allowed("not_holder"):
        step_aside(cast, gate, actor=getattr(cast, who))


def test_who_has_decided_revokes_first(cast: Cast, gate: Gate, round_one: Submission) -> None:
    mine = approve(cast, gate, "sales")
    with conflict("already_decided"):
        step_aside(cast, gate, on=4)
    revoke(cast, mine)
    assert step_aside(cast, gate, on=5).person == cast.second_approver


def test_the_submitter_has_no_vote_to_step_aside_from(cast: Cast, gate: Gate) -> None:
    grant_seat(role_id=cast.seat(MARKET, "sales").pk, holder=cast.pm, actor=cast.administrator, clock=at(1))
    submit(cast, gate)
    with not_allowed("is_submitter"):
        step_aside(cast, gate, actor=cast.pm)


def test_a_stale_round_is_none_to_step_aside_from(cast: Cast, gate: Gate, round_one: Submission) -> None:
    with conflict("stale_round"):
        step_aside(cast, gate, round_number=2)
    decline(cast, gate, "sales")
    with conflict("stale_round"):
        step_aside(cast, gate, on=4)
