"""Waivers: a gate let through by an authority, with a reason and an expiry, never counted as approved."""

from datetime import date

import pytest
from django.db import IntegrityError, transaction

from approvals.actions.delegations import make_delegation
from approvals.actions.evidence import remove_evidence
from approvals.actions.exceptions import grant_exception
from approvals.actions.rounds import submit_evidence, waive_gate, withdraw_submission
from approvals.kinds import RoundState
from approvals.models import Deliverable, Submission, Waiver
from gatekeeper.common.calendars import add_months
from releases.actions.products import grant_product_permission
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
    fields_of,
    fill,
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

REASON = "The market has moved and the study would be late."


def test_a_waiver_lets_the_gate_through_and_the_next_one_opens(cast: Cast, release: Release, gate: Gate) -> None:
    number = fresh(release).event_number
    waiver = waive(cast, gate, on=3, until=100)
    assert (waiver.waived_by, waiver.waived_at, waiver.expires_on) == (cast.executive, moment(3), day(100))
    assert (waiver.printed_name, waiver.printed_title, waiver.reason) == ("Eva Executive", "COO", REASON)
    stored = gate_of(release, MARKET)
    assert (stored.state, stored.decided_on, stored.waiver_expires_on) == (GateState.WAIVED, day(3), day(100))
    assert gate_of(release, COMPLETENESS).state == GateState.OPEN
    assert event_kinds(release, since=number) == [EventKind.GATE_WAIVED, EventKind.GATE_OPENED]
    assert last_event(release, EventKind.GATE_WAIVED).payload == {"reason": REASON, "expires_on": str(day(100))}


@pytest.mark.parametrize("state", ["open", "in_review", "declined"])
def test_open_submitted_and_declined_gates_can_be_waived(cast: Cast, gate: Gate, state: str) -> None:
    if state != "open":
        submit(cast, gate)
    if state == "declined":
        decline(cast, gate, "sales")
    waive(cast, gate, on=4)
    assert gate_of(gate.release, MARKET).state == GateState.WAIVED
    ended = {"in_review": RoundState.WAIVED, "declined": RoundState.DECLINED}
    assert list(Submission.objects.values_list("state", flat=True)) == ([] if state == "open" else [ended[state]])


def test_a_waived_round_takes_no_more_decisions(cast: Cast, gate: Gate) -> None:
    submit(cast, gate)
    approve(cast, gate, "engineering")
    waive(cast, gate, on=4)
    with conflict("stale_round"):
        approve(cast, gate, "sales", on=5)


def test_upcoming_and_passed_gates_cannot_be_waived(cast: Cast, release: Release, gate: Gate) -> None:
    with conflict("wrong_state"):
        waive(cast, gate_of(release, COMPLETENESS))
    pass_gate(cast, gate)
    with conflict("wrong_state"):
        waive(cast, gate, on=4)
    waive(cast, gate_of(release, COMPLETENESS), on=4)
    with conflict("wrong_state"):
        waive(cast, gate_of(release, COMPLETENESS), on=5)


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("", "required"),
        ("x" * 19, "too_short"),
        (" " * 10 + "x" * 19 + " " * 10, "too_short"),
        ("x" * 5001, "too_long"),
    ],
)
def test_the_reason_has_twenty_characters_or_more(cast: Cast, gate: Gate, reason: str, code: str) -> None:
    with refused(code) as found:
        waive_gate(gate_id=gate.pk, actor=cast.executive, reason=reason, expires_on=day(100), clock=at(3))
    assert fields_of(found) == [("reason", code)]


def test_twenty_characters_are_enough(cast: Cast, gate: Gate) -> None:
    waive_gate(gate_id=gate.pk, actor=cast.executive, reason="x" * 20, expires_on=day(100), clock=at(3))
    assert Waiver.objects.get().reason == "x" * 20


@pytest.mark.parametrize("expires", [day(2), day(3), add_months(day(3), 121)])
def test_it_expires_after_today_within_ten_years(cast: Cast, gate: Gate, expires: date) -> None:
    with refused("date_in_past") as found:
        waive_gate(gate_id=gate.pk, actor=cast.executive, reason=REASON, expires_on=expires, clock=at(3))
    assert fields_of(found) == [("expires_on", "date_in_past")]


# --- Who --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["pm", "second_pm", "approver", "contributor", "outsider", "administrator"])
def test_only_who_holds_the_permission_may_administrators_neither(cast: Cast, gate: Gate, who: str) -> None:
    with not_allowed("no_waive_gate"):
        waive(cast, gate, actor=getattr(cast, who))


def authorise(cast: Cast, who: str) -> None:
    grant_product_permission(
        product=cast.product, codename="waive_gate", holder=getattr(cast, who), actor=cast.administrator, clock=at(1)
    )


def test_the_submitter_never_waives_the_round(cast: Cast, gate: Gate) -> None:
    authorise(cast, "second_pm")
    fill(cast, gate)
    submit(cast, gate, actor=cast.second_pm)
    with not_allowed("is_submitter"):
        waive(cast, gate, actor=cast.second_pm)


def test_nor_after_it_was_declined_or_withdrawn(cast: Cast, gate: Gate) -> None:
    authorise(cast, "second_pm")
    fill(cast, gate)
    submit(cast, gate, actor=cast.second_pm)
    decline(cast, gate, "sales")
    with not_allowed("is_submitter"):
        waive(cast, gate, actor=cast.second_pm, on=4)
    submit_evidence(gate_id=gate.pk, actor=cast.second_pm, clock=at(5))
    withdraw_submission(gate_id=gate.pk, actor=cast.second_pm, clock=at(6))
    with not_allowed("is_submitter"):
        waive(cast, gate, actor=cast.second_pm, on=7)


@pytest.mark.parametrize("is_submitted", [False, True])
def test_a_contributor_never_waives(cast: Cast, gate: Gate, is_submitted: bool) -> None:
    authorise(cast, "contributor")
    fill(cast, gate, actor=cast.contributor)
    if is_submitted:
        submit(cast, gate)
    with not_allowed("is_contributor"):
        waive(cast, gate, actor=cast.contributor)


@pytest.mark.parametrize("is_over", [False, True])
def test_who_stands_in_for_the_submitter_never_waives_neither_grants_an_exception(
    cast: Cast, gate: Gate, is_over: bool
) -> None:
    fill(cast, gate, actor=cast.second_pm)
    submit(cast, gate)
    if is_over:
        decline(cast, gate, "sales")
        remove_evidence(deliverable_id=Deliverable.objects.get(gate=gate, key="brief").pk, actor=cast.pm, clock=at(3))
    make_delegation(
        person=cast.pm, actor=cast.pm, delegate=cast.executive, starts_on=day(3), ends_on=day(9), clock=at(3)
    )
    with not_allowed("is_stand_in") as found:
        waive(cast, gate, on=4)
    assert found.value.message == "You stand in for Petra Manager, whose work this is; somebody else has to waive it."
    if is_over:
        with not_allowed("is_stand_in"):
            grant_exception(
                gate_id=gate.pk, kind="deliverable", subject="brief", actor=cast.executive, reason=REASON,
                expires_on=day(50), clock=at(4),
            )  # fmt: skip
    assert waive(cast, gate, on=10).waived_by == cast.executive


def test_a_manager_with_the_permission_waives_what_another_one_prepared(cast: Cast, gate: Gate) -> None:
    authorise(cast, "second_pm")
    submit(cast, gate)
    assert waive(cast, gate, actor=cast.second_pm).waived_by == cast.second_pm


def test_the_database_holds_one_waiver_per_gate(cast: Cast, gate: Gate) -> None:
    first = waive(cast, gate)
    with pytest.raises(IntegrityError), transaction.atomic():
        Waiver.objects.create(
            gate=gate, waived_by=cast.executive, printed_name="Eva", waived_at=first.waived_at, reason=REASON,
            expires_on=day(100),
        )  # fmt: skip
