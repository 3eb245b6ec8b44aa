"""A gate may ask for a signature: a fresh password, a printed name, a time with its zone, a meaning."""

from copy import deepcopy
from datetime import timedelta

import pytest

from approvals.actions.decisions import record_decision
from approvals.actions.rounds import waive_gate
from approvals.actions.signing import Signature
from approvals.models import Decision, Waiver
from gatekeeper.accounts.models import User
from releases.kinds import EventKind
from releases.models import Gate
from tests.cast import (
    MARKET,
    SMALL_PLAYBOOK,
    Cast,
    active_release,
    at,
    day,
    decide,
    gate_of,
    last_event,
    make_playbook,
    moment,
    refused,
    submit,
    waive,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("invariants")]


@pytest.fixture
def signed_gate(cast: Cast) -> Gate:
    """The first gate of a release whose playbook asks for signatures there; round 1 is open."""
    spec = deepcopy(SMALL_PLAYBOOK) | {"slug": "signed", "name": "Signed"}
    spec["gates"][0]["signature"] = True
    release = active_release(cast, playbook=make_playbook(spec))
    gate = gate_of(release, MARKET)
    submit(cast, gate)
    return gate


def sign(gate: Gate, who: User, *, verdict: str = "approve", minutes_ago: float = 0, comment: str = "") -> Decision:
    now = moment(3)
    return record_decision(
        gate_id=gate.pk,
        round_number=1,
        role_key="engineering",
        actor=who,
        verdict=verdict,
        comment=comment,
        signature=Signature(now - timedelta(minutes=minutes_ago)),
        clock=lambda: now,
    )


def test_a_signed_decision_stores_name_title_time_zone_meaning_and_digest(cast: Cast, signed_gate: Gate) -> None:
    decision = sign(signed_gate, cast.approver, minutes_ago=10)
    decision.refresh_from_db()
    assert (decision.printed_name, decision.printed_title) == ("Erik Engineer", "VP Engineering")
    assert decision.decided_at == moment(3)
    assert decision.time_zone == "UTC"
    assert decision.meaning == "I approve Market Opportunity of Router 1.0, round 1, as Engineering."
    assert decision.digest == decision.submission.digest
    event = last_event(signed_gate.release, EventKind.DECISION_RECORDED)
    assert (event.payload["meaning"], event.payload["time_zone"]) == (decision.meaning, "UTC")


def test_a_signed_decline_says_so(cast: Cast, signed_gate: Gate) -> None:
    decision = sign(signed_gate, cast.approver, verdict="decline", comment="Not yet.")
    assert decision.meaning == "I decline Market Opportunity of Router 1.0, round 1, as Engineering."


@pytest.mark.parametrize("minutes_ago", [10.01, -0.01])
def test_a_password_of_another_time_signs_nothing(cast: Cast, signed_gate: Gate, minutes_ago: float) -> None:
    with refused("signature_required"):
        sign(signed_gate, cast.approver, minutes_ago=minutes_ago)


def test_without_a_signature_nothing_is_decided_or_waived(cast: Cast, signed_gate: Gate) -> None:
    with refused("signature_required"):
        decide(cast, signed_gate, "engineering", "approve")
    with refused("signature_required"):
        decide(cast, signed_gate, "engineering", "decline", comment="Not yet.")
    with refused("signature_required"):
        waive(cast, signed_gate)


def test_a_waiver_is_signed_too(cast: Cast, signed_gate: Gate) -> None:
    waive_gate(
        gate_id=signed_gate.pk,
        actor=cast.executive,
        reason="The market has moved and the study would be late.",
        expires_on=day(60),
        signature=Signature(moment(3)),
        clock=at(3),
    )
    waiver = Waiver.objects.get(gate=signed_gate)
    assert waiver.meaning == "I waive Market Opportunity of Router 1.0 until 2026-03-06; it is not approved."
    assert waiver.time_zone == "UTC"


def test_a_gate_that_asks_for_no_signature_stores_none(cast: Cast) -> None:
    gate = gate_of(active_release(cast), MARKET)
    submit(cast, gate)
    assert sign(gate, cast.approver).meaning == ""
