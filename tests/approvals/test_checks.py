"""Checks: what engineering tools report, and how a blocking one stands in the way."""

from typing import Any

import pytest

from approvals.actions.checks import Report, report_check
from approvals.models import Check
from approvals.status import gate_status
from approvals.sweep import sweep
from gatekeeper.accounts.models import User
from releases.actions.products import grant_product_permission
from releases.actions.releases import cancel_release
from releases.kinds import Cause, EventKind
from releases.models import Gate, Release, Slip
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
    fill,
    fresh,
    gate_of,
    last_event,
    make_person,
    make_playbook,
    moment,
    not_allowed,
    nothing_changes,
    refused,
    submit,
)

pytestmark = pytest.mark.usefixtures("invariants")


@pytest.fixture
def tool(cast: Cast) -> User:
    """The account of the build machine: no person of the team, and nothing but the right to report."""
    bot = make_person("build-bot", "Build Bot")
    grant_product_permission(
        product=cast.product, codename="report_checks", holder=bot, actor=cast.administrator, clock=at(0)
    )
    return bot


@pytest.fixture
def checked(cast: Cast) -> Gate:
    """The first gate of a release whose playbook asks for a blocking and an advisory check there."""
    first = SMALL_PLAYBOOK["gates"][0] | {
        "checks": [{"name": "ci/nightly", "blocking": True}, {"name": "Licence scan"}]
    }
    playbook = make_playbook(SMALL_PLAYBOOK | {"slug": "checked", "gates": [first, *SMALL_PLAYBOOK["gates"][1:]]})
    return gate_of(active_release(cast, "2.0", playbook=playbook), MARKET)


def report(gate: Gate, actor: User, *, on: int = 1, name: str = "ci/nightly", **words: Any) -> Report:
    said = {"status": "success", "run_number": 7} | words
    return report_check(gate_id=gate.pk, name=name, actor=actor, clock=at(on), **said)


def blockers(gate: Gate) -> list[tuple[str, str]]:
    stored = gate_of(gate.release, gate.key)
    found = gate_status(stored.release, stored, list(stored.release.gates.order_by("position")), day(1))
    return [(b.code, b.subject) for b in found.submission_blockers]


def test_a_report_is_stored_and_recorded(cast: Cast, checked: Gate, tool: User) -> None:
    found = report(checked, tool, summary=" 4182 of 4182 tests ", details_url="https://ci.example.org/7")
    check = Check.objects.get(gate=checked, name="ci/nightly")
    assert (found.is_applied, check.status, check.summary, check.run_number) == (
        True,
        "success",
        "4182 of 4182 tests",
        7,
    )
    assert (check.reported_by, check.reported_at) == (tool, moment(1))
    event = last_event(checked.release, EventKind.CHECK_REPORTED)
    assert event.actor == tool
    assert event.payload == {
        "check": "ci/nightly", "blocking": True, "status": "success", "before": "not_reported",
        "summary": "4182 of 4182 tests", "details_url": "https://ci.example.org/7", "run_number": 7,
    }  # fmt: skip


def test_an_older_run_and_the_same_report_again_change_nothing(checked: Gate, tool: User) -> None:
    report(checked, tool, status="failure")
    with nothing_changes():
        assert not report(checked, tool, on=2, run_number=6).is_applied
        assert report(checked, tool, on=2, status="failure").is_applied
    assert report(checked, tool, on=2).check.status == "success", "the same run may come to another end"
    with refused("required") as found:
        report(checked, tool, on=3, run_number=None)
    assert fields_of(found) == [("run_number", "required")]


def test_a_blocking_check_that_does_not_pass_keeps_the_gate_from_being_submitted(
    cast: Cast, checked: Gate, tool: User
) -> None:
    fill(cast, checked)
    report(checked, tool, name="Licence scan", status="failure")
    assert blockers(checked) == [("check_missing", "ci/nightly")], "the advisory one is shown, and stops nobody"
    report(checked, tool, status="pending", run_number=1)
    assert blockers(checked) == [("check_missing", "ci/nightly")]
    for number, status in enumerate(("error", "failure"), start=2):
        report(checked, tool, status=status, run_number=number)
        assert blockers(checked) == [("check_failing", "ci/nightly")]
    with refused("blocked") as found:
        submit(cast, checked)
    assert codes_of(found) == [("check_failing", "ci/nightly")]
    report(checked, tool, on=2)
    frozen = submit(cast, checked, on=3).frozen["checks"]
    assert [(c["name"], c["blocking"], c["status"], c["reported_by"]) for c in frozen] == [
        ("ci/nightly", True, "success", tool.pk), ("Licence scan", False, "failure", tool.pk),
    ]  # fmt: skip


def test_a_round_keeps_the_checks_that_it_was_submitted_with(cast: Cast, checked: Gate, tool: User) -> None:
    report(checked, tool)
    submission = submit(cast, checked)
    report(checked, tool, on=3, status="failure", run_number=8)
    submission.refresh_from_db()
    assert [c["status"] for c in submission.frozen["checks"]] == ["success", "not_reported"]
    assert Check.objects.get(gate=checked, name="ci/nightly").status == "failure"
    for role in ("engineering", "sales"):
        approve(cast, checked, role, on=4)
    with conflict("gate_passed"):
        report(checked, tool, on=5, run_number=9)


def test_only_the_account_of_a_tool_reports(cast: Cast, checked: Gate) -> None:
    for person in (cast.pm, cast.contributor, cast.approver, cast.administrator, cast.executive, cast.outsider):
        with not_allowed("no_report_checks"):
            report(checked, person)
    for person in (cast.pm, cast.contributor):
        grant_product_permission(
            product=cast.product, codename="report_checks", holder=person, actor=cast.administrator
        )
        with not_allowed("prepares_evidence"):
            report(checked, person)


def test_what_cannot_be_a_report_is_refused_by_field(checked: Gate, tool: User) -> None:
    cases: list[tuple[str, str, dict[str, Any]]] = [
        ("name", "unknown_check", {"name": "ci/weekly"}),
        ("name", "unknown_check", {"name": "ci\x00"}),
        ("status", "unknown_status", {"status": "not_reported"}),
        ("status", "unknown_status", {"status": "green"}),
        ("details_url", "invalid", {"details_url": "javascript:alert(1)"}),
        ("run_number", "invalid", {"run_number": -1}),
        ("run_number", "invalid", {"run_number": 2**63}),
        ("summary", "too_long", {"summary": "x" * 501}),
    ]
    for field, code, words in cases:
        with refused(code) as found:
            report(checked, tool, **words)
        assert fields_of(found) == [(field, code)], words


def test_a_miss_says_that_a_check_was_in_the_way(cast: Cast, checked: Gate, tool: User) -> None:
    fill(cast, checked)
    assert gate_turn(checked) == "tool"
    report(checked, tool, status="failure")
    sweep(clock=at(31))
    assert Slip.objects.get(gate=checked).cause == Cause.CHECK_FAILING


def test_a_miss_is_the_managers_while_evidence_is_missing_too(checked: Gate, tool: User) -> None:
    report(checked, tool, status="failure")
    assert gate_turn(checked) == "pm"
    sweep(clock=at(31))
    assert Slip.objects.get(gate=checked).cause == Cause.NOT_SUBMITTED


def gate_turn(gate: Gate) -> str:
    stored = gate_of(gate.release, gate.key)
    return gate_status(stored.release, stored, list(stored.release.gates.order_by("position")), day(1)).turn.who


def test_a_release_that_is_over_takes_no_reports(cast: Cast, checked: Gate, tool: User) -> None:
    cancel_release(release_id=checked.release_id, actor=cast.pm, reason="Nobody wants it.", clock=at(2))
    with conflict("release_not_active"):
        report(checked, tool, on=3)
    assert event_kinds(fresh(checked.release))[-1] == EventKind.RELEASE_CANCELLED


def test_a_gate_without_checks_is_as_before(release: Release, gate: Gate) -> None:
    assert not Check.objects.filter(gate=gate).exists()
    assert {code for code, _subject in blockers(gate)} == {"deliverable_missing"}
