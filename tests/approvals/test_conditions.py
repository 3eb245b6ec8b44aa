"""Conditional approvals: what they are conditional on has an owner and a due day."""

from datetime import date

import pytest

from approvals.actions.decisions import NewCondition, close_condition, revoke_decision
from approvals.actions.people import deactivate_person
from approvals.models import Condition, Decision
from approvals.sweep import sweep
from gatekeeper.accounts.models import User
from gatekeeper.common.calendars import add_months
from releases.actions.products import change_product
from releases.actions.releases import cancel_release, hold_release, resume_release
from releases.kinds import EventKind, GateState
from releases.models import Gate, Release
from releases.rules import cells
from tests.cast import (
    MARKET,
    Cast,
    approve,
    at,
    conflict,
    day,
    decide,
    event_kinds,
    fields_of,
    fresh,
    gate_of,
    last_event,
    moment,
    not_allowed,
    nothing_changes,
    refused,
    submit,
)

pytestmark = pytest.mark.usefixtures("invariants")


def conditional(
    cast: Cast,
    gate: Gate,
    *conditions: NewCondition,
    role: str = "engineering",
    on: int = 3,
    comment: str = "If priced.",
) -> Decision:
    return approve(cast, gate, role, on=on, comment=comment, conditions=conditions)


@pytest.fixture
def condition(cast: Cast, gate: Gate) -> Condition:
    """Engineering has approved on condition that the contributor makes a price list by day 20; Sales is still out."""
    submit(cast, gate)
    conditional(cast, gate, NewCondition(" Price list ", cast.contributor, day(20)))
    return Condition.objects.get()


def test_a_condition_has_a_text_an_owner_and_a_due_day(cast: Cast, release: Release, condition: Condition) -> None:
    assert (condition.text, condition.owner, condition.due_on) == ("Price list", cast.contributor, day(20))
    assert (condition.closed_at, condition.gate.key) == (None, MARKET)
    assert gate_of(release, MARKET).open_conditions == 1
    assert last_event(release, EventKind.DECISION_RECORDED).payload["conditions"] == 1
    assert last_event(release, EventKind.CONDITION_OPENED).payload == {
        "condition": condition.pk, "text": "Price list", "owner": cast.contributor.pk, "due_on": str(day(20)),
    }  # fmt: skip


def test_a_conditional_approval_counts_when_it_is_decided(
    cast: Cast, release: Release, gate: Gate, condition: Condition
) -> None:
    approve(cast, gate, "sales", on=4)
    stored = gate_of(release, MARKET)
    assert (stored.state, stored.open_conditions) == (GateState.APPROVED, 1)
    assert cells(fresh(release).board)[0].conditions == 1
    assert Condition.objects.get().closed_at is None


def test_one_approval_may_carry_several(cast: Cast, gate: Gate) -> None:
    submit(cast, gate)
    decision = conditional(
        cast, gate, NewCondition("One", cast.pm, day(5)), NewCondition("Two", cast.contributor, day(9))
    )
    assert [c.text for c in decision.conditions.all()] == ["One", "Two"]
    assert gate_of(gate.release, MARKET).open_conditions == 2


def test_conditions_go_with_an_approval_that_says_why(cast: Cast, gate: Gate) -> None:
    submit(cast, gate)
    one = NewCondition("Price list", cast.pm, day(20))
    with refused("required"):
        conditional(cast, gate, one, comment="")
    with refused("not_an_approval"):
        decide(cast, gate, "engineering", "decline", comment="No.", conditions=(one,))


@pytest.mark.parametrize(
    ("text", "due", "field"),
    [
        ("", day(20), "conditions.0.text"),
        ("x" * 501, day(20), "conditions.0.text"),
        ("Price list", day(2), "conditions.0.due_on"),
        ("Price list", add_months(day(3), 121), "conditions.0.due_on"),
    ],
)
def test_each_problem_names_its_condition(cast: Cast, gate: Gate, text: str, due: date, field: str) -> None:
    submit(cast, gate)
    with refused_at(field):
        conditional(cast, gate, NewCondition(text, cast.pm, due))
    with refused_at(field.replace("0", "1")):
        conditional(cast, gate, NewCondition("Fine", cast.pm, day(20)), NewCondition(text, cast.pm, due))


def test_everything_that_is_wrong_is_said_at_once(cast: Cast, gate: Gate) -> None:
    submit(cast, gate)
    conditions = (NewCondition("", cast.pm, day(2)), NewCondition("Fine", cast.pm, day(1)))
    with refused("required") as found:
        conditional(cast, gate, *conditions, comment=" ")
    assert [name for name, _code in fields_of(found)] == [
        "comment", "conditions.0.text", "conditions.0.due_on", "conditions.1.due_on",
    ]  # fmt: skip


class refused_at:
    """Refused at one field, with whatever code."""

    def __init__(self, field: str) -> None:
        self.field = field

    def __enter__(self) -> None:
        self.before = (Decision.objects.count(), Condition.objects.count())

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        assert error is not None, "was not refused"
        assert [problem.field for problem in getattr(error, "fields", ())] == [self.field]
        assert (Decision.objects.count(), Condition.objects.count()) == self.before
        return True


def test_today_is_a_day_that_a_condition_may_be_due(cast: Cast, gate: Gate) -> None:
    submit(cast, gate)
    assert conditional(cast, gate, NewCondition("At once", cast.pm, day(3))).conditions.get().due_on == day(3)


def test_the_owner_has_to_see_the_product(cast: Cast, gate: Gate) -> None:
    submit(cast, gate)
    change_product(
        product=cast.product, actor=cast.administrator, name="Router", description="", owner=cast.pm,
        is_restricted=True, clock=at(2),
    )  # fmt: skip
    with refused("cannot_see") as found:
        conditional(cast, gate, NewCondition("Price list", cast.outsider, day(20)))
    assert fields_of(found) == [("conditions.0.owner", "cannot_see")]
    deactivate_person(person=cast.contributor, actor=cast.administrator, clock=at(2))
    with refused("cannot_see"):
        conditional(cast, gate, NewCondition("Price list", cast.contributor, day(20)))


# --- Closing ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["contributor", "pm", "second_pm"])
def test_its_owner_or_a_manager_closes_it_with_a_note(
    cast: Cast, release: Release, condition: Condition, who: str
) -> None:
    actor: User = getattr(cast, who)
    number = fresh(release).event_number
    closed = close_condition(condition_id=condition.pk, actor=actor, note=" Priced. ", clock=at(9))
    assert (closed.closed_by, closed.closed_at, closed.note) == (actor, moment(9), "Priced.")
    assert gate_of(release, MARKET).open_conditions == 0
    assert event_kinds(release, since=number) == [EventKind.CONDITION_CLOSED]


@pytest.mark.parametrize("who", ["approver", "second_approver", "outsider", "executive", "administrator"])
def test_nobody_else_closes_it(cast: Cast, condition: Condition, who: str) -> None:
    with not_allowed("not_condition_owner"):
        close_condition(condition_id=condition.pk, actor=getattr(cast, who), note="Done", clock=at(9))


def test_it_is_closed_once_and_with_a_note(cast: Cast, condition: Condition) -> None:
    with refused("required"):
        close_condition(condition_id=condition.pk, actor=cast.pm, note="", clock=at(9))
    close_condition(condition_id=condition.pk, actor=cast.pm, note="Done", clock=at(9))
    with conflict("already_closed"):
        close_condition(condition_id=condition.pk, actor=cast.pm, note="Done", clock=at(9))


def test_it_can_be_closed_after_the_gate_is_passed_and_while_on_hold(
    cast: Cast, release: Release, gate: Gate, condition: Condition
) -> None:
    approve(cast, gate, "sales", on=4)
    hold_release(release_id=release.pk, actor=cast.pm, reason="Strike", resume_by=day(50), clock=at(5))
    close_condition(condition_id=condition.pk, actor=cast.contributor, note="Done", clock=at(9))
    assert cells(fresh(release).board)[0].conditions == 0


def test_a_revoked_approval_takes_its_conditions_along(cast: Cast, release: Release, condition: Condition) -> None:
    revoke_decision(decision_id=condition.decision_id, actor=cast.approver, reason="Second thoughts", clock=at(4))
    closed = Condition.objects.get()
    assert (closed.closed_by, closed.note) == (cast.approver, "The approval was revoked.")
    assert gate_of(release, MARKET).open_conditions == 0


def test_cancelling_closes_the_conditions_of_the_open_round(cast: Cast, release: Release, condition: Condition) -> None:
    cancel_release(release_id=release.pk, actor=cast.pm, reason="No case", clock=at(4))
    assert Condition.objects.get().closed_at == moment(4)
    assert gate_of(release, MARKET).open_conditions == 0


def test_the_sweep_tells_once_that_a_condition_is_overdue(cast: Cast, release: Release, condition: Condition) -> None:
    with nothing_changes():
        assert sweep(clock=at(20)).overdue_conditions == 0
    assert sweep(clock=at(21)).overdue_conditions == 1
    condition.refresh_from_db()
    assert condition.overdue_at == moment(21)
    assert last_event(release, EventKind.CONDITION_OVERDUE).payload == {
        "condition": condition.pk, "text": "Price list", "owner": cast.contributor.pk, "due_on": str(day(20)),
    }  # fmt: skip
    with nothing_changes():
        assert sweep(clock=at(22)).overdue_conditions == 0


def test_on_hold_nobody_is_told_that_a_condition_is_overdue(cast: Cast, release: Release, condition: Condition) -> None:
    hold_release(release_id=release.pk, actor=cast.pm, reason="A strike at the plant.", resume_by=day(25), clock=at(15))
    with nothing_changes():
        assert sweep(clock=at(22)).overdue_conditions == 0
    resume_release(release_id=release.pk, actor=cast.pm, clock=at(25))
    assert sweep(clock=at(26)).overdue_conditions == 1
