"""Submitting: the evidence is frozen as the next round, or every reason against it is given at once."""

import hashlib
import json

import pytest
from django.db import IntegrityError, transaction

from approvals.actions.decisions import NewCondition, close_condition
from approvals.actions.evidence import save_evidence
from approvals.actions.rounds import digest_of, submit_evidence, withdraw_submission
from approvals.actions.seats import grant_seat, revoke_seat
from approvals.kinds import RoundState
from approvals.models import Condition, Deliverable, Evidence, GateRole, Submission
from releases.actions.releases import ship_release
from releases.events import canonical
from releases.kinds import EventKind, GateState
from releases.models import Gate, Release
from tests.cast import (
    ASSESSMENT,
    COMPLETENESS,
    MARKET,
    READINESS,
    SMALL_PLAYBOOK,
    Cast,
    active_release,
    approve,
    at,
    codes_of,
    conflict,
    day,
    decline,
    event_kinds,
    fill,
    fresh,
    gate_of,
    last_event,
    make_person,
    make_playbook,
    moment,
    not_allowed,
    pass_gate,
    pass_gates_before_release,
    refused,
    submit,
    waive,
)

pytestmark = pytest.mark.usefixtures("invariants")


def send(cast: Cast, gate: Gate, *, on: int = 2, **words: object) -> Submission:
    arguments = {"actor": cast.pm, "clock": at(on)} | words
    return submit_evidence(gate_id=gate.pk, **arguments)  # type: ignore[arg-type]


def test_submitting_begins_the_first_round(cast: Cast, release: Release, gate: Gate) -> None:
    fill(cast, gate)
    number = fresh(release).event_number
    submission = send(cast, gate, summary="  Ready.  ")
    assert (submission.number, submission.state, submission.summary) == (1, RoundState.OPEN, "Ready.")
    assert (submission.submitted_by, submission.submitted_at) == (cast.pm, moment(2))
    stored = gate_of(release, MARKET)
    assert (stored.state, stored.round_number, stored.turn_since) == (GateState.IN_REVIEW, 1, moment(2))
    assert fresh(release).current_state == "in_review"
    assert event_kinds(release, since=number) == [EventKind.SUBMITTED]
    assert last_event(release, EventKind.SUBMITTED).payload == {
        "round": 1, "digest": submission.digest, "summary": "Ready.", "roles": ["engineering", "sales"],
    }  # fmt: skip


def test_a_round_freezes_evidence_roles_quorums_and_contributors(cast: Cast, release: Release, gate: Gate) -> None:
    brief = Deliverable.objects.get(gate=gate, key="brief")
    save_evidence(deliverable_id=brief.pk, actor=cast.contributor, kind="text", text="Draft", clock=at(1))
    save_evidence(deliverable_id=brief.pk, actor=cast.pm, kind="link", url="https://example.org/", clock=at(1))
    submission = send(cast, gate)
    frozen = submission.frozen
    assert (frozen["product"], frozen["version"], frozen["gate"], frozen["round"]) == ("router", "1.0", MARKET, 1)
    assert [(e["deliverable"], e["version"], e["kind"], e["url"]) for e in frozen["evidence"]] == [
        ("brief", 2, "link", "https://example.org/")
    ]
    assert [(r["key"], r["quorum"]) for r in frozen["roles"]] == [("engineering", 1), ("sales", 1)]
    assert frozen["contributors"] == sorted([cast.pm.pk, cast.contributor.pk])
    assert set(submission.contributors.all()) == {cast.pm, cast.contributor}


def test_the_digest_is_the_hash_of_the_canonical_snapshot(cast: Cast, gate: Gate) -> None:
    submission = submit(cast, gate)
    text = submission.snapshot
    assert submission.digest == f"sha256:{hashlib.sha256(text.encode()).hexdigest()}" == digest_of(text)
    assert canonical(json.loads(text)) == text


def test_an_optional_deliverable_may_stay_empty(cast: Cast, gate: Gate) -> None:
    brief = Deliverable.objects.get(gate=gate, key="brief")
    save_evidence(deliverable_id=brief.pk, actor=cast.pm, kind="text", text="Enough", clock=at(1))
    assert [item["deliverable"] for item in send(cast, gate).frozen["evidence"]] == ["brief"]


def test_a_required_deliverable_may_not(cast: Cast, gate: Gate) -> None:
    with refused("blocked") as found:
        send(cast, gate)
    assert codes_of(found) == [("deliverable_missing", "brief")]


# --- Who --------------------------------------------------------------------------------------------------------


def test_every_manager_of_the_product_may_submit(cast: Cast, gate: Gate) -> None:
    fill(cast, gate)
    assert send(cast, gate, actor=cast.second_pm).submitted_by == cast.second_pm


@pytest.mark.parametrize("who", ["approver", "contributor", "outsider", "executive", "administrator"])
def test_nobody_else_may_administrators_neither(cast: Cast, gate: Gate, who: str) -> None:
    fill(cast, gate)
    with not_allowed("no_manage_product"):
        send(cast, gate, actor=getattr(cast, who))


# --- When -------------------------------------------------------------------------------------------------------


def test_gates_run_in_order(cast: Cast, release: Release, gate: Gate) -> None:
    second = gate_of(release, COMPLETENESS)
    fill(cast, second)
    with conflict("earlier_gate_open") as found:
        send(cast, second)
    assert codes_of(found) == [("earlier_gate_open", MARKET), ("not_open", COMPLETENESS)]
    third = gate_of(release, READINESS)
    with conflict("earlier_gate_open") as found:
        send(cast, third)
    assert [subject for code, subject in codes_of(found) if code == "earlier_gate_open"] == [MARKET, COMPLETENESS]


def test_the_next_gate_opens_when_the_one_before_is_approved_or_waived(cast: Cast, release: Release) -> None:
    pass_gate(cast, gate_of(release, MARKET))
    assert gate_of(release, COMPLETENESS).state == GateState.OPEN
    waive(cast, gate_of(release, COMPLETENESS), on=4)
    third = gate_of(release, READINESS)
    assert (third.state, third.opened_at) == (GateState.OPEN, moment(4))
    assert submit(cast, third, on=5).number == 1


def test_a_round_is_submitted_once(cast: Cast, gate: Gate) -> None:
    submit(cast, gate)
    with conflict("not_open"):
        send(cast, gate, on=3)


def test_the_database_holds_one_open_round_per_gate(cast: Cast, gate: Gate) -> None:
    first = submit(cast, gate)
    with pytest.raises(IntegrityError), transaction.atomic():
        Submission.objects.create(
            gate=gate, number=2, snapshot="{}", digest="sha256:", submitted_by=cast.pm, submitted_at=first.submitted_at
        )


def test_a_passed_gate_is_not_submitted_again(cast: Cast, release: Release, gate: Gate) -> None:
    pass_gate(cast, gate)
    with conflict("not_open"):
        send(cast, gate, on=4)
    waive(cast, gate_of(release, COMPLETENESS), on=4)
    with conflict("not_open"):
        send(cast, gate_of(release, COMPLETENESS), on=5)


def test_the_assessment_is_submitted_after_the_release_only(cast: Cast, release: Release) -> None:
    pass_gates_before_release(cast, release)
    last = gate_of(release, ASSESSMENT)
    fill(cast, last, on=4)
    with conflict("not_open"):
        send(cast, last, on=4)
    ship_release(release_id=release.pk, actor=cast.pm, released_on=day(5), clock=at(5))
    assert send(cast, last, on=6).number == 1


# --- Rounds -----------------------------------------------------------------------------------------------------


def test_rounds_count_on_and_each_starts_with_the_evidence_of_the_one_before(
    cast: Cast, release: Release, gate: Gate
) -> None:
    first = submit(cast, gate, on=2)
    decline(cast, gate, "sales", on=3)
    brief = Deliverable.objects.get(gate=gate, key="brief")
    save_evidence(deliverable_id=brief.pk, actor=cast.pm, kind="text", text="Better", clock=at(4))
    second = send(cast, gate, on=5)
    withdraw_submission(gate_id=gate.pk, actor=cast.pm, clock=at(6))
    third = send(cast, gate, on=7)
    assert [s.number for s in (first, second, third)] == [1, 2, 3]
    versions = {
        s.number: {e["deliverable"]: e["version"] for e in s.frozen["evidence"]} for s in (first, second, third)
    }
    assert versions == {1: {"brief": 1, "teardown": 1}, 2: {"brief": 2, "teardown": 1}, 3: {"brief": 2, "teardown": 1}}
    assert len({first.digest, second.digest, third.digest}) == 3
    assert Submission.objects.get(number=1).digest == first.digest


def test_what_was_frozen_stays_when_people_go_on_writing(cast: Cast, gate: Gate) -> None:
    first = submit(cast, gate, on=2)
    text = first.snapshot
    decline(cast, gate, "sales", on=3)
    brief = Deliverable.objects.get(gate=gate, key="brief")
    save_evidence(deliverable_id=brief.pk, actor=cast.pm, kind="text", text="Other words", clock=at(4))
    frozen = Submission.objects.get(pk=first.pk)
    assert (frozen.snapshot, digest_of(frozen.snapshot)) == (text, first.digest)
    assert Evidence.objects.get(pk=frozen.frozen["evidence"][0]["id"]).text == "What we found."


def test_a_round_that_was_declined_may_be_submitted_again_as_it_is(cast: Cast, gate: Gate) -> None:
    submit(cast, gate)
    decline(cast, gate, "sales")
    assert send(cast, gate, on=4).number == 2


# --- Quorums ----------------------------------------------------------------------------------------------------


def test_a_role_that_nobody_holds_stops_the_submission(cast: Cast, gate: Gate) -> None:
    fill(cast, gate)
    seat = cast.seat(MARKET, "sales")
    revoke_seat(role_id=seat.pk, holder=cast.sales_group, actor=cast.administrator, clock=at(1))
    with refused("blocked") as found:
        send(cast, gate)
    assert codes_of(found) == [("quorum_unreachable", "sales")]


def test_the_submitter_does_not_count_for_the_quorum(cast: Cast, gate: Gate) -> None:
    """The PM who also holds the only seat cannot submit; another PM can."""
    seat = cast.seat(MARKET, "engineering")
    fill(cast, gate, actor=cast.contributor)
    grant_seat(role_id=seat.pk, holder=cast.pm, actor=cast.administrator, clock=at(1))
    revoke_seat(role_id=seat.pk, holder=cast.approver, actor=cast.administrator, clock=at(1))
    with refused("blocked") as found:
        send(cast, gate)
    assert codes_of(found) == [("quorum_unreachable", "engineering")]
    assert send(cast, gate, actor=cast.second_pm).number == 1


def test_a_contributor_does_not_count_for_the_quorum(cast: Cast, gate: Gate) -> None:
    seat = cast.seat(MARKET, "engineering")
    grant_seat(role_id=seat.pk, holder=cast.contributor, actor=cast.administrator, clock=at(1))
    revoke_seat(role_id=seat.pk, holder=cast.approver, actor=cast.administrator, clock=at(1))
    fill(cast, gate, actor=cast.contributor)
    with refused("blocked") as found:
        send(cast, gate)
    assert codes_of(found) == [("quorum_unreachable", "engineering")]


def test_a_contributor_of_any_version_counts_as_one(cast: Cast, gate: Gate) -> None:
    seat = cast.seat(MARKET, "engineering")
    grant_seat(role_id=seat.pk, holder=cast.contributor, actor=cast.administrator, clock=at(1))
    revoke_seat(role_id=seat.pk, holder=cast.approver, actor=cast.administrator, clock=at(1))
    fill(cast, gate, actor=cast.contributor)
    for thing in Deliverable.objects.filter(gate=gate):
        save_evidence(deliverable_id=thing.pk, actor=cast.pm, kind="text", text="All new", clock=at(2))
    with refused("blocked"):
        send(cast, gate)


def test_one_person_in_two_roles_cannot_fill_both(cast: Cast, gate: Gate) -> None:
    fill(cast, gate)
    sales = cast.seat(MARKET, "sales")
    grant_seat(role_id=sales.pk, holder=cast.approver, actor=cast.administrator, clock=at(1))
    revoke_seat(role_id=sales.pk, holder=cast.sales_group, actor=cast.administrator, clock=at(1))
    with refused("blocked") as found:
        send(cast, gate)
    assert [code for code, _subject in codes_of(found)] == ["quorum_unreachable"]
    grant_seat(role_id=sales.pk, holder=cast.outsider, actor=cast.administrator, clock=at(1))
    assert send(cast, gate).number == 1


def test_a_quorum_of_two_needs_two_people(cast: Cast) -> None:
    gates = [dict(g) for g in SMALL_PLAYBOOK["gates"]]
    gates[0]["roles"] = [{"key": "engineering", "name": "Engineering", "quorum": 2}]
    playbook = make_playbook(SMALL_PLAYBOOK | {"slug": "two", "gates": gates})
    gate = gate_of(active_release(cast, "2.0", playbook=playbook), MARKET)
    fill(cast, gate)
    with refused("blocked") as found:
        send(cast, gate)
    assert "only one person holds this role" in found.value.message
    second = make_person("emil", "Emil Engineer")
    grant_seat(role_id=cast.seat(MARKET, "engineering").pk, holder=second, actor=cast.administrator, clock=at(1))
    send(cast, gate)
    approve(cast, gate, "engineering")
    assert gate_of(gate.release, MARKET).state == "in_review"
    approve(cast, gate, "engineering", actor=second)
    assert gate_of(gate.release, MARKET).state == "approved"


def test_a_round_keeps_its_quorums_when_the_gates_change(cast: Cast, gate: Gate) -> None:
    submit(cast, gate)
    GateRole.objects.filter(gate=gate).update(quorum=5)
    approve(cast, gate, "engineering")
    approve(cast, gate, "sales")
    assert gate_of(gate.release, MARKET).state == "approved"


# --- Conditions and all reasons at once -------------------------------------------------------------------------


def test_an_overdue_condition_of_an_earlier_gate_stops_the_submission(cast: Cast, release: Release, gate: Gate) -> None:
    submit(cast, gate)
    approve(cast, gate, "engineering")
    approve(cast, gate, "sales", comment="If priced.", conditions=(NewCondition("Price list", cast.pm, day(10)),))
    second = gate_of(release, COMPLETENESS)
    fill(cast, second)
    condition = Condition.objects.get()
    with refused("blocked") as found:
        send(cast, second, on=11)
    assert codes_of(found) == [("condition_overdue", str(condition.pk))]
    close_condition(condition_id=condition.pk, actor=cast.pm, note="Priced", clock=at(11))
    assert send(cast, second, on=11).number == 1


def test_a_condition_that_is_due_today_does_not_stop_it(cast: Cast, release: Release, gate: Gate) -> None:
    submit(cast, gate)
    approve(cast, gate, "engineering")
    approve(cast, gate, "sales", comment="If priced.", conditions=(NewCondition("Price list", cast.pm, day(10)),))
    second = gate_of(release, COMPLETENESS)
    fill(cast, second)
    assert send(cast, second, on=10).number == 1


def test_every_reason_is_given_at_once(cast: Cast, release: Release, gate: Gate) -> None:
    submit(cast, gate)
    approve(cast, gate, "engineering")
    approve(cast, gate, "sales", comment="If priced.", conditions=(NewCondition("Price list", cast.pm, day(10)),))
    seat = cast.seat(COMPLETENESS, "engineering")
    revoke_seat(role_id=seat.pk, holder=cast.approver, actor=cast.administrator, clock=at(11))
    with refused("blocked") as found:
        send(cast, gate_of(release, COMPLETENESS), on=11)
    assert codes_of(found) == [
        ("deliverable_missing", "defects"),
        ("condition_overdue", str(Condition.objects.get().pk)),
        ("quorum_unreachable", "engineering"),
    ]
    assert all(blocker.message in found.value.message for blocker in found.value.blockers)


def test_a_note_that_is_too_long_is_refused(cast: Cast, gate: Gate) -> None:
    fill(cast, gate)
    with refused("too_long"):
        send(cast, gate, summary="x" * 5001)
