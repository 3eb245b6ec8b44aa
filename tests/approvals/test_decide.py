"""Deciding: who may, on which round, and what an approval or a decline brings about."""

import pytest
from django.db import IntegrityError, transaction

from approvals.actions.decisions import record_decision
from approvals.actions.evidence import remove_evidence, save_evidence
from approvals.actions.people import add_to_group, change_profile, deactivate_person, remove_from_group
from approvals.actions.rounds import submit_evidence, withdraw_submission
from approvals.actions.seats import grant_seat, revoke_seat
from approvals.kinds import RoundState
from approvals.models import Decision, Deliverable, Submission
from gatekeeper.accounts.models import User
from releases.actions.products import grant_product_permission
from releases.kinds import EventKind, GateState
from releases.models import Gate, Release
from tests.cast import (
    COMPLETENESS,
    MARKET,
    SMALL_PLAYBOOK,
    Cast,
    active_release,
    approve,
    at,
    conflict,
    decide,
    decline,
    event_kinds,
    fields_of,
    fill,
    fresh,
    gate_of,
    last_event,
    make_person,
    make_playbook,
    moment,
    not_allowed,
    pass_gate,
    refused,
    submit,
)

pytestmark = pytest.mark.usefixtures("invariants")


@pytest.fixture
def round_one(cast: Cast, gate: Gate) -> Submission:
    """The first gate in review since day 2, with evidence of the PM."""
    return submit(cast, gate)


# --- Approving --------------------------------------------------------------------------------------------------


def test_an_approval_is_kept_with_name_title_seat_and_digest(cast: Cast, gate: Gate, round_one: Submission) -> None:
    decision = approve(cast, gate, "engineering", comment=" Good. ")
    assert (decision.verdict, decision.comment, decision.attempt) == ("approve", "Good.", 1)
    assert (decision.decided_by, decision.on_behalf_of, decision.decided_at) == (cast.approver, None, moment(3))
    assert (decision.printed_name, decision.printed_title) == ("Erik Engineer", "VP Engineering")
    assert (decision.held_through, decision.digest) == ("direct", round_one.digest)
    through_group = approve(cast, gate, "sales")
    assert through_group.held_through == "group: Sales approvers"


def test_decisions_keep_the_name_of_their_time(cast: Cast, gate: Gate, round_one: Submission) -> None:
    decision = approve(cast, gate, "engineering")
    change_profile(
        person=cast.approver, actor=cast.approver, full_name="Erik Married", email="erik@example.org", title="CTO",
        clock=at(4),
    )  # fmt: skip
    stored = Decision.objects.get(pk=decision.pk)
    assert (stored.printed_name, stored.printed_title) == ("Erik Engineer", "VP Engineering")


def test_the_gate_is_approved_with_the_last_quorum_and_not_before(
    cast: Cast, release: Release, gate: Gate, round_one: Submission
) -> None:
    approve(cast, gate, "engineering", on=3)
    assert gate_of(release, MARKET).state == GateState.IN_REVIEW
    number = fresh(release).event_number
    approve(cast, gate, "sales", on=4)
    stored = gate_of(release, MARKET)
    assert (stored.state, stored.decided_at, stored.decided_on) == (GateState.APPROVED, moment(4), moment(4).date())
    ended = Submission.objects.get()
    assert (ended.state, ended.ended_at) == (RoundState.APPROVED, moment(4))
    assert event_kinds(release, since=number) == [
        EventKind.DECISION_RECORDED, EventKind.GATE_APPROVED, EventKind.GATE_OPENED,
    ]  # fmt: skip
    assert last_event(release, EventKind.GATE_APPROVED).payload == {"round": 1}
    assert gate_of(release, COMPLETENESS).state == GateState.OPEN


def test_a_decision_is_told_with_role_verdict_and_digest(
    cast: Cast, release: Release, gate: Gate, round_one: Submission
) -> None:
    decision = approve(cast, gate, "engineering", comment="Good.")
    event = last_event(release, EventKind.DECISION_RECORDED)
    assert event.actor == cast.approver
    assert event.payload == {
        "round": 1, "role": "engineering", "role_name": "Engineering", "decision": decision.pk, "verdict": "approve",
        "comment": "Good.", "conditions": 0, "digest": round_one.digest,
    }  # fmt: skip


def test_the_order_of_roles_does_not_matter(cast: Cast, release: Release, gate: Gate, round_one: Submission) -> None:
    approve(cast, gate, "sales")
    approve(cast, gate, "engineering")
    assert gate_of(release, MARKET).state == GateState.APPROVED


# --- Declining --------------------------------------------------------------------------------------------------


def test_a_decline_ends_the_round_at_once_and_says_who_and_why(
    cast: Cast, release: Release, gate: Gate, round_one: Submission
) -> None:
    approve(cast, gate, "engineering")
    number = fresh(release).event_number
    decision = decline(cast, gate, "sales", on=4, comment="Nobody asked for it.")
    stored = gate_of(release, MARKET)
    assert (stored.state, stored.turn_since, stored.decided_on) == (GateState.DECLINED, moment(4), None)
    assert Submission.objects.get().state == RoundState.DECLINED
    assert event_kinds(release, since=number) == [EventKind.DECISION_RECORDED, EventKind.GATE_DECLINED]
    assert last_event(release, EventKind.GATE_DECLINED).payload == {
        "round": 1, "role": "sales", "role_name": "Sales", "comment": "Nobody asked for it.", "decision": decision.pk,
    }  # fmt: skip
    assert gate_of(release, COMPLETENESS).state == GateState.UPCOMING


@pytest.mark.parametrize("comment", ["", "  \n "])
def test_a_decline_needs_a_comment(cast: Cast, gate: Gate, round_one: Submission, comment: str) -> None:
    with refused("required") as found:
        decline(cast, gate, "sales", comment=comment)
    assert fields_of(found) == [("comment", "required")]


def test_the_database_holds_that_a_decline_has_a_comment(cast: Cast, gate: Gate, round_one: Submission) -> None:
    role = cast.seat(MARKET, "sales")
    with pytest.raises(IntegrityError), transaction.atomic():
        Decision.objects.create(
            submission=round_one, role=role, decided_by=cast.second_approver, verdict="decline",
            digest=round_one.digest, decided_at=moment(3), held_through="direct", printed_name="Sara",
        )  # fmt: skip


def test_a_decline_in_a_role_that_has_its_quorum_is_still_a_veto(cast: Cast, gate: Gate) -> None:
    second = make_person("emil", "Emil Engineer")
    grant_seat(role_id=cast.seat(MARKET, "engineering").pk, holder=second, actor=cast.administrator, clock=at(1))
    submit(cast, gate)
    approve(cast, gate, "engineering")
    decline(cast, gate, "engineering", actor=second)
    assert gate_of(gate.release, MARKET).state == GateState.DECLINED


# --- Stale rounds -----------------------------------------------------------------------------------------------


def test_a_decision_on_a_round_that_was_withdrawn_is_refused(cast: Cast, gate: Gate, round_one: Submission) -> None:
    withdraw_submission(gate_id=gate.pk, actor=cast.pm, clock=at(3))
    with conflict("stale_round"):
        approve(cast, gate, "sales", on=4)


def test_a_decision_on_an_earlier_round_is_refused_and_the_current_one_named(
    cast: Cast, gate: Gate, round_one: Submission
) -> None:
    withdraw_submission(gate_id=gate.pk, actor=cast.pm, clock=at(3))
    submit(cast, gate, on=4)
    with conflict("stale_round") as found:
        decide(cast, gate, "sales", "approve", on=5, round_number=1)
    assert "round 2" in found.value.message
    with conflict("stale_round"):
        decide(cast, gate, "sales", "approve", on=5, round_number=3)
    assert decide(cast, gate, "sales", "approve", on=5, round_number=2).verdict == "approve"


def test_late_approvals_on_a_declined_round_change_nothing(cast: Cast, gate: Gate, round_one: Submission) -> None:
    decline(cast, gate, "sales")
    for verdict in ("approve", "decline"):
        with conflict("stale_round"):
            decide(cast, gate, "engineering", verdict, comment="Late", on=4)


def test_a_passed_gate_takes_no_decisions(cast: Cast, gate: Gate, round_one: Submission) -> None:
    approve(cast, gate, "engineering")
    approve(cast, gate, "sales")
    for verdict in ("approve", "decline"):
        with conflict("stale_round"):
            decide(cast, gate, "sales", verdict, comment="Late", on=4)


def test_an_open_gate_takes_no_decisions(cast: Cast, gate: Gate) -> None:
    for number in (0, 1):
        with conflict("stale_round"):
            decide(cast, gate, "sales", "approve", round_number=number)


# --- Who may ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "who", ["pm", "second_pm", "contributor", "outsider", "executive", "administrator", "approver"]
)
def test_only_holders_of_the_role_decide(cast: Cast, gate: Gate, round_one: Submission, who: str) -> None:
    for verdict in ("approve", "decline"):
        with not_allowed("not_holder"):
            decide(cast, gate, "sales", verdict, actor=getattr(cast, who), comment="Mine")


def test_a_superuser_has_no_hidden_vote(cast: Cast, gate: Gate, round_one: Submission) -> None:
    root = User.objects.create_superuser("root", "root@example.org", "x" * 20, full_name="Root")
    with not_allowed("not_holder"):
        approve(cast, gate, "sales", actor=root)


def test_a_seat_at_another_gate_or_product_is_none_here(cast: Cast, gate: Gate, round_one: Submission) -> None:
    grant_seat(
        role_id=cast.seat(COMPLETENESS, "engineering").pk, holder=cast.outsider, actor=cast.administrator, clock=at(2)
    )
    with not_allowed("not_holder"):
        approve(cast, gate, "engineering", actor=cast.outsider)


def test_the_submitter_never_decides(cast: Cast, gate: Gate) -> None:
    grant_seat(role_id=cast.seat(MARKET, "sales").pk, holder=cast.second_pm, actor=cast.administrator, clock=at(1))
    fill(cast, gate)
    submit(cast, gate, actor=cast.second_pm)
    for verdict in ("approve", "decline"):
        with not_allowed("is_submitter"):
            decide(cast, gate, "sales", verdict, actor=cast.second_pm, comment="Mine")


def test_whoever_wrote_any_version_of_an_item_never_decides(cast: Cast, gate: Gate) -> None:
    grant_seat(role_id=cast.seat(MARKET, "sales").pk, holder=cast.contributor, actor=cast.administrator, clock=at(1))
    fill(cast, gate, actor=cast.contributor)
    for thing in Deliverable.objects.filter(gate=gate):
        save_evidence(deliverable_id=thing.pk, actor=cast.pm, kind="text", text="All new", clock=at(2))
    submit(cast, gate)
    with not_allowed("is_contributor"):
        approve(cast, gate, "sales", actor=cast.contributor)


def test_whoever_wrote_for_another_gate_decides_here(cast: Cast, release: Release, gate: Gate) -> None:
    grant_seat(role_id=cast.seat(MARKET, "sales").pk, holder=cast.contributor, actor=cast.administrator, clock=at(1))
    fill(cast, gate_of(release, COMPLETENESS), actor=cast.contributor)
    submit(cast, gate)
    assert approve(cast, gate, "sales", actor=cast.contributor).decided_by == cast.contributor


def test_a_contributor_of_a_declined_round_is_none_of_the_next_when_the_item_is_gone(cast: Cast, gate: Gate) -> None:
    grant_seat(role_id=cast.seat(MARKET, "sales").pk, holder=cast.contributor, actor=cast.administrator, clock=at(1))
    teardown = Deliverable.objects.get(gate=gate, key="teardown")
    save_evidence(deliverable_id=teardown.pk, actor=cast.contributor, kind="text", text="Draft", clock=at(1))
    submit(cast, gate)
    decline(cast, gate, "engineering")
    remove_evidence(deliverable_id=teardown.pk, actor=cast.pm, clock=at(4))
    submit_evidence(gate_id=gate.pk, actor=cast.pm, clock=at(5))
    assert approve(cast, gate, "sales", actor=cast.contributor, on=6).submission.number == 2


def test_a_person_with_two_hats_picks_one(cast: Cast, gate: Gate, round_one: Submission) -> None:
    grant_seat(role_id=cast.seat(MARKET, "sales").pk, holder=cast.approver, actor=cast.administrator, clock=at(2))
    approve(cast, gate, "engineering")
    with conflict("already_decided"):
        approve(cast, gate, "sales", actor=cast.approver)
    with conflict("already_decided"):
        decline(cast, gate, "sales", actor=cast.approver)
    with conflict("already_decided"):
        approve(cast, gate, "engineering")


def test_taking_the_wrong_hat_is_told_at_once_when_it_leaves_a_role_empty(
    cast: Cast, release: Release, gate: Gate
) -> None:
    """Only Erik can decide for Engineering; as Sales he is one of two."""
    grant_seat(role_id=cast.seat(MARKET, "sales").pk, holder=cast.approver, actor=cast.administrator, clock=at(1))
    submit(cast, gate)
    approve(cast, gate, "sales", actor=cast.approver)
    assert last_event(release, EventKind.QUORUM_UNREACHABLE).payload == {"round": 1, "roles": ["engineering"]}
    assert fresh(release).is_quorum_unreachable


def test_a_successor_takes_over_running_rounds_at_once(cast: Cast, gate: Gate, round_one: Submission) -> None:
    seat = cast.seat(MARKET, "engineering")
    grant_seat(role_id=seat.pk, holder=cast.outsider, actor=cast.administrator, clock=at(3))
    revoke_seat(role_id=seat.pk, holder=cast.approver, actor=cast.administrator, clock=at(3))
    with not_allowed("not_holder"):
        approve(cast, gate, "engineering", on=4)
    assert approve(cast, gate, "engineering", actor=cast.outsider, on=4).held_through == "direct"


def test_a_decision_stands_when_its_author_loses_the_seat_afterwards(
    cast: Cast, release: Release, gate: Gate, round_one: Submission
) -> None:
    """Eligibility is judged at the moment of deciding."""
    approve(cast, gate, "engineering")
    seat = cast.seat(MARKET, "engineering")
    revoke_seat(role_id=seat.pk, holder=cast.approver, actor=cast.administrator, clock=at(4))
    approve(cast, gate, "sales", on=5)
    assert gate_of(release, MARKET).state == GateState.APPROVED


def test_joining_and_leaving_a_group_counts_at_once(cast: Cast, gate: Gate, round_one: Submission) -> None:
    add_to_group(group=cast.sales_group, person=cast.outsider, actor=cast.administrator, clock=at(3))
    remove_from_group(
        group=cast.sales_group, person=cast.second_approver, actor=cast.administrator, is_confirmed=True, clock=at(3)
    )
    with not_allowed("not_holder"):
        approve(cast, gate, "sales", on=4)
    assert approve(cast, gate, "sales", actor=cast.outsider, on=4).held_through == "group: Sales approvers"


def test_the_deactivated_decide_nothing_even_with_an_old_session(cast: Cast, gate: Gate, round_one: Submission) -> None:
    stale = User.objects.get(pk=cast.second_approver.pk)
    deactivate_person(person=cast.second_approver, actor=cast.administrator, clock=at(3))
    assert stale.is_active
    with not_allowed("not_holder"):
        approve(cast, gate, "sales", actor=stale, on=4)


def test_a_seat_held_directly_counts_before_one_through_a_group(cast: Cast, gate: Gate, round_one: Submission) -> None:
    seat = cast.seat(MARKET, "sales")
    grant_seat(role_id=seat.pk, holder=cast.second_approver, actor=cast.administrator, clock=at(2))
    assert approve(cast, gate, "sales").held_through == "direct"


def test_managing_the_product_is_no_bar_to_deciding_for_who_neither_wrote_nor_submitted(
    cast: Cast, gate: Gate, round_one: Submission
) -> None:
    grant_product_permission(
        product=cast.product, codename="manage_product", holder=cast.approver, actor=cast.administrator, clock=at(2)
    )
    assert approve(cast, gate, "engineering").verdict == "approve"


# --- What is refused --------------------------------------------------------------------------------------------


def test_unknown_roles_and_verdicts_are_refused(cast: Cast, gate: Gate, round_one: Submission) -> None:
    for role in ("finance", "", "Engineering"):
        with refused("unknown_role"):
            decide(cast, gate, role, "approve", actor=cast.approver)
    for verdict in ("reject", "", "APPROVE"):
        with refused("unknown_verdict"):
            decide(cast, gate, "engineering", verdict)


def test_a_comment_that_is_too_long_is_refused(cast: Cast, gate: Gate, round_one: Submission) -> None:
    with refused("too_long"):
        approve(cast, gate, "engineering", comment="x" * 5001)


def test_the_database_holds_one_decision_per_person_and_attempt(cast: Cast, gate: Gate, round_one: Submission) -> None:
    made = approve(cast, gate, "engineering")
    with pytest.raises(IntegrityError), transaction.atomic():
        Decision.objects.create(
            submission=round_one, role=cast.seat(MARKET, "sales"), decided_by=cast.approver, verdict="approve",
            digest=made.digest, decided_at=moment(3), held_through="direct", printed_name="Erik",
        )  # fmt: skip


def test_quorums_of_two_roles_with_shared_people_are_filled_one_hat_each(cast: Cast) -> None:
    gates = [dict(g) for g in SMALL_PLAYBOOK["gates"]]
    gates[0]["roles"] = [
        {"key": "engineering", "name": "Engineering", "quorum": 2},
        {"key": "sales", "name": "Sales", "quorum": 1},
    ]
    playbook = make_playbook(SMALL_PLAYBOOK | {"slug": "two", "gates": gates})
    gate = gate_of(active_release(cast, "2.0", playbook=playbook), MARKET)
    grant_seat(
        role_id=cast.seat(MARKET, "engineering").pk, holder=cast.second_approver, actor=cast.administrator, clock=at(1)
    )
    other = make_person("sam", "Sam Seller")
    add_to_group(group=cast.sales_group, person=other, actor=cast.administrator, clock=at(1))
    submit(cast, gate)
    approve(cast, gate, "engineering")
    approve(cast, gate, "engineering", actor=cast.second_approver)
    assert gate_of(gate.release, MARKET).state == GateState.IN_REVIEW
    approve(cast, gate, "sales", actor=other)
    assert gate_of(gate.release, MARKET).state == GateState.APPROVED


def test_a_gate_that_does_not_exist_is_not_found(cast: Cast, release: Release) -> None:
    with pytest.raises(Gate.DoesNotExist):
        record_decision(
            gate_id=10**9, round_number=1, role_key="sales", actor=cast.second_approver, verdict="approve",
            clock=at(3),
        )  # fmt: skip


def test_the_last_gate_before_release_passes_without_opening_the_assessment(cast: Cast, release: Release) -> None:
    for gate in release.gates.filter(offset_months=None).order_by("position"):
        pass_gate(cast, gate)
    assert fresh(release).current_gate == ""
