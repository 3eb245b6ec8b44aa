"""Withdrawing a round: the gate is open again, and nothing decided on the round counts."""

import pytest

from approvals.actions.decisions import NewCondition
from approvals.actions.rounds import withdraw_submission
from approvals.kinds import RoundState
from approvals.models import Condition, Decision, Submission
from releases.kinds import EventKind, GateState
from releases.models import Gate, Release
from tests.cast import (
    COMPLETENESS,
    MARKET,
    Cast,
    approve,
    at,
    conflict,
    day,
    decline,
    event_kinds,
    fresh,
    gate_of,
    last_event,
    moment,
    not_allowed,
    pass_gate,
    refused,
    submit,
    waive,
)

pytestmark = pytest.mark.usefixtures("invariants")


def withdraw(cast: Cast, gate: Gate, *, on: int = 4, **words: object) -> Gate:
    arguments = {"actor": cast.pm, "reason": "A page is missing.", "clock": at(on)} | words
    return withdraw_submission(gate_id=gate.pk, **arguments)  # type: ignore[arg-type]


def test_the_gate_is_open_again_and_it_is_the_product_managers_turn(cast: Cast, release: Release, gate: Gate) -> None:
    submit(cast, gate)
    number = fresh(release).event_number
    withdraw(cast, gate)
    stored = gate_of(release, MARKET)
    assert (stored.state, stored.round_number, stored.turn_since) == (GateState.OPEN, 1, moment(4))
    ended = Submission.objects.get()
    assert (ended.state, ended.ended_at) == (RoundState.WITHDRAWN, moment(4))
    assert event_kinds(release, since=number) == [EventKind.WITHDRAWN]
    assert last_event(release, EventKind.WITHDRAWN).payload == {"round": 1, "reason": "A page is missing."}


def test_the_next_round_starts_without_a_decision(cast: Cast, release: Release, gate: Gate) -> None:
    submit(cast, gate)
    approve(cast, gate, "engineering")
    withdraw(cast, gate)
    second = submit(cast, gate, on=5)
    assert not second.decisions.exists()
    approve(cast, gate, "sales", on=6)
    assert gate_of(release, MARKET).state == GateState.IN_REVIEW
    assert Decision.objects.count() == 2
    approve(cast, gate, "engineering", on=7)
    assert gate_of(release, MARKET).state == GateState.APPROVED


def test_a_reason_may_be_left_out_but_not_be_endless(cast: Cast, gate: Gate) -> None:
    submit(cast, gate)
    with refused("too_long"):
        withdraw(cast, gate, reason="x" * 5001)
    withdraw(cast, gate, reason="")


@pytest.mark.parametrize("who", ["second_pm", "administrator"])
def test_every_manager_and_administrators_may(cast: Cast, gate: Gate, who: str) -> None:
    submit(cast, gate)
    assert withdraw(cast, gate, actor=getattr(cast, who)).state == GateState.OPEN


@pytest.mark.parametrize("who", ["approver", "contributor", "outsider", "executive"])
def test_nobody_else_may(cast: Cast, gate: Gate, who: str) -> None:
    submit(cast, gate)
    with not_allowed("not_manager"):
        withdraw(cast, gate, actor=getattr(cast, who))


def test_only_an_open_round_can_be_withdrawn(cast: Cast, release: Release, gate: Gate) -> None:
    with conflict("not_in_review"):
        withdraw(cast, gate)
    submit(cast, gate)
    decline(cast, gate, "sales")
    with conflict("not_in_review"):
        withdraw(cast, gate)
    pass_gate(cast, gate, on=5)
    with conflict("not_in_review"):
        withdraw(cast, gate, on=6)
    waive(cast, gate_of(release, COMPLETENESS), on=6)
    with conflict("not_in_review"):
        withdraw(cast, gate_of(release, COMPLETENESS), on=7)


@pytest.mark.parametrize("ending", ["withdraw", "decline", "waive"])
def test_conditions_of_a_round_that_came_to_nothing_are_closed_with_it(
    cast: Cast, release: Release, gate: Gate, ending: str
) -> None:
    submit(cast, gate)
    approve(cast, gate, "engineering", comment="If priced.", conditions=(NewCondition("Price list", cast.pm, day(20)),))
    assert gate_of(release, MARKET).open_conditions == 1
    match ending:
        case "withdraw":
            withdraw(cast, gate)
        case "decline":
            decline(cast, gate, "sales", on=4)
        case "waive":
            waive(cast, gate, on=4)
    condition = Condition.objects.get()
    assert gate_of(release, MARKET).open_conditions == 0
    assert condition.closed_at == moment(4)
    assert condition.note.startswith("The round ended")
