"""Exceptions: an authority excuses one deliverable or one blocking check until a day."""

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from approvals.actions.evidence import remove_evidence, save_evidence
from approvals.actions.exceptions import grant_exception
from approvals.actions.rounds import submit_evidence, withdraw_submission
from approvals.models import Check, Deliverable, Waiver
from approvals.status import gate_status
from approvals.sweep import sweep
from gatekeeper.accounts.models import User
from releases.actions.products import grant_product_permission
from releases.kinds import EventKind
from releases.models import Gate
from tests.cast import (
    MARKET,
    SMALL_PLAYBOOK,
    Cast,
    active_release,
    approve,
    at,
    codes_of,
    conflict,
    day,
    event_kinds,
    fields_of,
    fresh,
    gate_of,
    last_event,
    make_playbook,
    moment,
    not_allowed,
    nothing_changes,
    refused,
    waive,
)
from tests.cast import submit as fill_and_submit

pytestmark = pytest.mark.usefixtures("invariants")
REASON = "The pilot customers have answered this question."


def excuse(cast: Cast, gate: Gate, subject: str = "brief", *, on: int = 1, until: int = 20, **words: Any) -> Waiver:
    said = {"kind": "deliverable", "actor": cast.executive, "reason": REASON} | words
    return grant_exception(gate_id=gate.pk, subject=subject, expires_on=day(until), clock=at(on), **said)


def to_submit(gate: Gate, on: int) -> list[tuple[str, str]]:
    stored = gate_of(gate.release, gate.key)
    found = gate_status(stored.release, stored, list(stored.release.gates.order_by("position")), day(on))
    return [(b.code, b.subject) for b in found.submission_blockers]


def offered(gate: Gate, person: User, on: int = 1) -> bool:
    stored = gate_of(gate.release, gate.key)
    return gate_status(stored.release, stored, list(stored.release.gates.order_by("position")), day(on), person).may(
        "except"
    )


def test_an_excused_deliverable_is_not_in_the_way_and_is_frozen_with_the_round(cast: Cast, gate: Gate) -> None:
    with refused("blocked"):
        submit_evidence(gate_id=gate.pk, actor=cast.pm, clock=at(1))
    waiver = excuse(cast, gate)
    assert (waiver.printed_name, waiver.printed_title, waiver.waived_at) == ("Eva Executive", "COO", moment(1))
    assert last_event(gate.release, EventKind.EXCEPTION_GRANTED).payload == {
        "exception": waiver.pk, "kind": "deliverable", "subject": "brief", "name": "Market opportunity brief",
        "reason": REASON, "expires_on": str(day(20)),
    }  # fmt: skip
    submission = submit_evidence(gate_id=gate.pk, actor=cast.pm, clock=at(2))
    assert submission.frozen["evidence"] == []
    assert submission.frozen["exceptions"] == [
        {
            "kind": "deliverable", "subject": "brief", "by": cast.executive.pk, "name": "Eva Executive",
            "reason": REASON, "expires_on": str(day(20)),
        }
    ]  # fmt: skip


def test_an_excused_check_is_not_in_the_way(cast: Cast) -> None:
    first = SMALL_PLAYBOOK["gates"][0] | {"checks": [{"name": "ci/nightly", "blocking": True}, {"name": "Licences"}]}
    playbook = make_playbook(SMALL_PLAYBOOK | {"slug": "checked", "gates": [first, *SMALL_PLAYBOOK["gates"][1:]]})
    gate = gate_of(active_release(cast, "2.0", playbook=playbook), MARKET)
    with refused("nothing_to_excuse"):
        excuse(cast, gate, "Licences", kind="check")
    assert ("check_missing", "ci/nightly") in to_submit(gate, 1)
    excuse(cast, gate, "ci/nightly", kind="check")
    assert ("check_missing", "ci/nightly") not in to_submit(gate, 1)
    assert Check.objects.get(gate=gate, name="ci/nightly").status == "not_reported", "it is excused, not passed"


def test_an_exception_holds_through_its_last_day_and_blocks_again_after_it(cast: Cast, gate: Gate) -> None:
    excuse(cast, gate, until=10)
    assert to_submit(gate, 10) == []
    with nothing_changes():
        assert sweep(clock=at(10)).expired_exceptions == 0
    assert to_submit(gate, 11) == [("deliverable_missing", "brief")], "even before the sweep has come by"
    assert sweep(clock=at(11)).expired_exceptions == 1
    assert Waiver.objects.get().expired_at == moment(11)
    assert event_kinds(gate.release)[-1] == EventKind.EXCEPTION_EXPIRED
    with nothing_changes():
        assert sweep(clock=at(12)).expired_exceptions == 0
    with refused("blocked") as found:
        submit_evidence(gate_id=gate.pk, actor=cast.pm, clock=at(12))
    assert codes_of(found) == [("deliverable_missing", "brief")]
    excuse(cast, gate, on=12, until=20)
    assert to_submit(gate, 12) == []


def test_a_second_exception_ends_one_that_no_sweep_has_ended(cast: Cast, gate: Gate) -> None:
    excuse(cast, gate, until=10)
    excuse(cast, gate, on=12, until=20)
    assert event_kinds(gate.release)[-2:] == [EventKind.EXCEPTION_EXPIRED, EventKind.EXCEPTION_GRANTED]
    assert Waiver.objects.filter(expired_at__isnull=True).count() == 1


def test_it_expires_after_the_gate_was_passed_and_stays_on_record(cast: Cast, gate: Gate) -> None:
    excuse(cast, gate, until=10)
    submit_evidence(gate_id=gate.pk, actor=cast.pm, clock=at(2))
    for role in ("engineering", "sales"):
        approve(cast, gate, role, on=3)
    assert sweep(clock=at(11)).expired_exceptions == 1
    assert gate_of(gate.release, MARKET).state == "approved"


def test_it_needs_the_authority_to_waive(cast: Cast, gate: Gate) -> None:
    for person in (cast.pm, cast.second_pm, cast.approver, cast.contributor, cast.administrator, cast.outsider):
        assert not offered(gate, person)
        with not_allowed("no_waive_gate"):
            excuse(cast, gate, actor=person)


def test_whoever_wrote_evidence_or_submitted_excuses_nothing(cast: Cast, gate: Gate) -> None:
    for codename in ("contribute", "manage_product"):
        grant_product_permission(
            product=cast.product, codename=codename, holder=cast.executive, actor=cast.administrator, clock=at(0)
        )
    teardown = Deliverable.objects.get(gate=gate, key="teardown")
    assert offered(gate, cast.executive)
    save_evidence(deliverable_id=teardown.pk, actor=cast.executive, kind="text", text="Mine.", clock=at(1))
    assert not offered(gate, cast.executive)
    with not_allowed("is_contributor"):
        excuse(cast, gate)
    remove_evidence(deliverable_id=teardown.pk, actor=cast.executive, clock=at(1))
    fill_and_submit(cast, gate, actor=cast.executive)
    withdraw_submission(gate_id=gate.pk, actor=cast.pm, clock=at(3))
    with not_allowed("is_submitter"):
        excuse(cast, gate, on=4)


def test_there_has_to_be_something_to_excuse(cast: Cast, gate: Gate) -> None:
    for subject in ("teardown", "unknown"):  # optional, and no deliverable at all
        with refused("nothing_to_excuse"):
            excuse(cast, gate, subject)
    excuse(cast, gate)
    assert not offered(gate, cast.executive)
    with conflict("already_excused"):
        excuse(cast, gate)
    with pytest.raises(IntegrityError), transaction.atomic():  # nor around the action
        Waiver.objects.create(
            gate=gate, kind="deliverable", subject="brief", waived_by=cast.executive, printed_name="Eva",
            waived_at=moment(1), reason=REASON, expires_on=day(30),
        )  # fmt: skip


def test_reason_and_expiry_are_those_of_a_waiver(cast: Cast, gate: Gate) -> None:
    cases: list[tuple[str, str, dict[str, Any]]] = [
        ("reason", "too_short", {"reason": "Too short."}),
        ("expires_on", "date_in_past", {"until": 1}),
        ("expires_on", "date_in_past", {"until": 4000}),
        ("kind", "unknown_kind", {"kind": "gate"}),
    ]
    for field, code, words in cases:
        with refused(code) as found:
            excuse(cast, gate, **words)
        assert fields_of(found) == [(field, code)]


def test_a_round_that_waits_and_a_gate_that_is_passed_have_nothing_to_excuse(cast: Cast, gate: Gate) -> None:
    fill_and_submit(cast, gate)
    with conflict("wrong_state"):
        excuse(cast, gate, "teardown", on=3)
    waive(cast, gate, on=3)
    with conflict("wrong_state"):
        excuse(cast, gate, "teardown", on=4)
    assert fresh(gate.release).state == "active"
