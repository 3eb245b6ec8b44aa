"""One answer for everybody: what is in the way, whose turn it is, and what a person may do. The engine agrees."""

from collections.abc import Callable

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from approvals.actions.decisions import NewCondition, record_decision, recuse, revoke_decision
from approvals.actions.evidence import save_evidence
from approvals.actions.exceptions import grant_exception
from approvals.actions.rounds import submit_evidence, waive_gate, withdraw_submission
from approvals.actions.seats import grant_seat, revoke_seat
from approvals.inbox import waiting_for
from approvals.models import Condition, Decision, Deliverable
from approvals.status import GateStatus, gate_status
from approvals.sweep import sweep
from gatekeeper.accounts.models import User
from gatekeeper.common.errors import DomainError
from releases.actions.products import grant_product_permission
from releases.actions.releases import cancel_release, hold_release, ship_release
from releases.models import Gate, Release
from tests.cast import (
    ASSESSMENT,
    COMPLETENESS,
    MARKET,
    Cast,
    approve,
    at,
    day,
    decline,
    fill,
    fresh,
    gate_of,
    make_person,
    moment,
    pass_gate,
    pass_gates_before_release,
    submit,
    waive,
)


def status(release: Release, key: str = MARKET, user: User | None = None, on: int = 5) -> GateStatus:
    stored = fresh(release)
    gates = list(stored.gates.order_by("position"))
    return gate_status(stored, next(g for g in gates if g.key == key), gates, day(on), user)


def codes(found: GateStatus) -> list[tuple[str, str]]:
    return [(blocker.code, blocker.subject) for blocker in found.blockers]


# --- What is in the way -----------------------------------------------------------------------------------------


def test_an_open_gate_waits_for_evidence_and_submission(cast: Cast, release: Release, gate: Gate) -> None:
    assert codes(status(release)) == [("deliverable_missing", "brief"), ("not_submitted", MARKET)]
    fill(cast, gate)
    assert codes(status(release)) == [("not_submitted", MARKET)]


def test_an_upcoming_gate_waits_for_the_ones_before_it(cast: Cast, release: Release) -> None:
    assert codes(status(release, COMPLETENESS)) == [
        ("earlier_gate_open", MARKET),
        ("not_open", COMPLETENESS),
        ("deliverable_missing", "defects"),
    ]


def test_a_gate_in_review_waits_for_each_role_that_is_out(cast: Cast, release: Release, gate: Gate) -> None:
    submit(cast, gate)
    assert codes(status(release)) == [("role_approval_missing", "engineering"), ("role_approval_missing", "sales")]
    approve(cast, gate, "engineering")
    assert codes(status(release)) == [("role_approval_missing", "sales")]


def test_a_round_out_of_reach_says_so(cast: Cast, release: Release, gate: Gate) -> None:
    submit(cast, gate)
    recuse(gate_id=gate.pk, round_number=1, actor=cast.second_approver, comment="My own plan.", clock=at(3))
    found = status(release)
    assert codes(found) == [
        ("role_approval_missing", "engineering"),
        ("role_approval_missing", "sales"),
        ("quorum_unreachable", "sales"),
    ]
    assert "1 of 1 seats stepped aside" in found.blockers[-1].message
    assert found.turn.stuck == "Sales cannot reach its quorum"
    assert [role.key for role in found.roles if role.is_unreachable] == ["sales"]


def test_a_declined_gate_says_who_declined_and_why_first(cast: Cast, release: Release, gate: Gate) -> None:
    submit(cast, gate)
    decline(cast, gate, "sales", comment="Nobody asked for it.")
    found = status(release)
    assert codes(found) == [("declined", MARKET), ("not_submitted", MARKET)]
    assert found.blockers[0].message == "Sales declined: Nobody asked for it."


def test_nothing_is_in_the_way_of_a_passed_gate_until_its_waiver_expires(
    cast: Cast, release: Release, gate: Gate
) -> None:
    pass_gate(cast, gate)
    assert codes(status(release)) == []
    waive(cast, gate_of(release, COMPLETENESS), on=4, until=10)
    assert codes(status(release, COMPLETENESS)) == []
    sweep(clock=at(11))
    assert codes(status(release, COMPLETENESS, on=11)) == [("waiver_expired", COMPLETENESS)]


def test_a_release_that_does_not_run_is_in_the_way(cast: Cast, release: Release, gate: Gate) -> None:
    submit(cast, gate)
    hold_release(release_id=release.pk, actor=cast.pm, reason="Strike", resume_by=day(40), clock=at(4))
    assert codes(status(release))[0] == ("release_not_active", "1.0")


def test_an_overdue_condition_is_in_the_way_of_later_gates_only(cast: Cast, release: Release, gate: Gate) -> None:
    submit(cast, gate)
    approve(cast, gate, "engineering", comment="If priced.", conditions=(NewCondition("Prices", cast.pm, day(10)),))
    approve(cast, gate, "sales")
    late = ("condition_overdue", str(Condition.objects.get().pk))
    assert late not in codes(status(release, COMPLETENESS, on=10))
    assert late in codes(status(release, COMPLETENESS, on=11))
    assert codes(status(release, MARKET, on=11)) == []


def test_an_empty_seat_is_in_the_way_before_anything_is_submitted(cast: Cast, release: Release, gate: Gate) -> None:
    seat = cast.seat(MARKET, "sales")
    revoke_seat(role_id=seat.pk, holder=cast.sales_group, actor=cast.administrator, clock=at(1))
    assert ("quorum_unreachable", "sales") in codes(status(release))


def test_every_blocker_is_a_sentence(cast: Cast, release: Release, gate: Gate) -> None:
    for key in (MARKET, COMPLETENESS, ASSESSMENT):
        for blocker in status(release, key).blockers:
            assert blocker.message[0].isupper() or blocker.message[0].isdigit()
            assert blocker.message.endswith(".")


# --- Whose turn it is -------------------------------------------------------------------------------------------


def turn(release: Release, key: str = MARKET) -> tuple[str, tuple[str, ...], object]:
    found = status(release, key).turn
    return found.who, found.roles, found.since


def test_the_turn_goes_from_manager_to_roles_and_back(cast: Cast, release: Release, gate: Gate) -> None:
    assert turn(release) == ("pm", (), moment(0))
    submit(cast, gate, on=2)
    assert turn(release) == ("role", ("engineering", "sales"), moment(2))
    approve(cast, gate, "engineering", on=3)
    assert turn(release) == ("role", ("sales",), moment(2))
    assert status(release).turn.words == "Sales"
    decline(cast, gate, "sales", on=4)
    assert turn(release) == ("pm", (), moment(4))
    submit(cast, gate, on=5)
    withdraw_submission(gate_id=gate.pk, actor=cast.pm, clock=at(6))
    assert turn(release) == ("pm", (), moment(6))


def test_it_is_nobodys_turn_before_after_on_hold_and_when_cancelled(cast: Cast, release: Release, gate: Gate) -> None:
    assert turn(release, COMPLETENESS)[0] == "none"
    pass_gate(cast, gate)
    assert turn(release)[0] == "none"
    assert turn(release, COMPLETENESS) == ("pm", (), moment(3))
    hold_release(release_id=release.pk, actor=cast.pm, reason="Strike", resume_by=day(40), clock=at(4))
    assert turn(release, COMPLETENESS)[0] == "none"
    cancel_release(release_id=release.pk, actor=cast.pm, reason="No case", clock=at(5))
    assert turn(release, COMPLETENESS)[0] == "none"


# --- Roles ------------------------------------------------------------------------------------------------------


def test_roles_show_who_decided_and_who_may_still(cast: Cast, release: Release, gate: Gate) -> None:
    submit(cast, gate)
    mine = approve(cast, gate, "engineering")
    engineering, sales = status(release).roles
    assert (engineering.state, engineering.approvals, engineering.decisions) == ("approved", 1, (mine,))
    assert (sales.state, sales.approvals, sales.decisions) == ("waiting", 0, ())
    assert [holder.user for holder in sales.waiting] == [cast.second_approver]
    assert engineering.waiting == ()


def test_a_revoked_decision_is_shown_and_not_counted(cast: Cast, release: Release, gate: Gate) -> None:
    submit(cast, gate)
    mine = approve(cast, gate, "engineering")
    revoke_decision(decision_id=mine.pk, actor=cast.approver, reason="Second thoughts", clock=at(4))
    engineering = status(release).roles[0]
    assert (engineering.state, engineering.approvals, engineering.decisions) == ("waiting", 0, (mine,))


def test_a_declined_round_keeps_its_marks_until_the_next_one(cast: Cast, release: Release, gate: Gate) -> None:
    submit(cast, gate)
    approve(cast, gate, "engineering")
    decline(cast, gate, "sales")
    assert [role.state for role in status(release).roles] == ["approved", "declined"]
    submit(cast, gate, on=5)
    assert [role.state for role in status(release).roles] == ["waiting", "waiting"]


def test_the_answer_takes_the_same_number_of_queries_however_many_people_and_decisions(
    cast: Cast, release: Release, gate: Gate
) -> None:
    def count() -> int:
        stored = fresh(release)
        gates = list(stored.gates.order_by("position"))
        user = User.objects.get(pk=cast.approver.pk)
        with CaptureQueriesContext(connection) as queries:
            gate_status(stored, gates[0], gates, day(5), user)
        return len(queries)

    submit(cast, gate)
    few = count()
    seat = cast.seat(MARKET, "sales")
    for number in range(12):
        person = make_person(f"seller{number}", f"Seller {number}")
        grant_seat(role_id=seat.pk, holder=person, actor=cast.administrator, clock=at(2))
        decision = approve(cast, gate, "sales", actor=person)
        revoke_decision(decision_id=decision.pk, actor=person, reason="Later", clock=at(3))
    assert count() == few


# --- A page never offers what the engine refuses ----------------------------------------------------------------


def story(name: str, cast: Cast, release: Release) -> None:
    """Bring the first gate into a state."""
    gate = gate_of(release, MARKET)
    match name:
        case "filled":
            fill(cast, gate)
        case "filled by the contributor":
            fill(cast, gate, actor=cast.contributor)
        case "in review" | "on hold" | "cancelled":
            submit(cast, gate)
        case "one approval":
            submit(cast, gate)
            approve(cast, gate, "engineering")
        case "recused":
            submit(cast, gate)
            recuse(gate_id=gate.pk, round_number=1, actor=cast.second_approver, comment="My own plan.", clock=at(3))
        case "revoked":
            submit(cast, gate)
            mine = approve(cast, gate, "engineering")
            revoke_decision(decision_id=mine.pk, actor=cast.approver, reason="Later", clock=at(3))
        case "declined":
            submit(cast, gate)
            decline(cast, gate, "sales")
        case "approved":
            pass_gate(cast, gate)
        case "waived":
            waive(cast, gate)
        case "released":
            pass_gates_before_release(cast, release)
            ship_release(release_id=release.pk, actor=cast.pm, released_on=day(4), clock=at(4))
            fill(cast, gate_of(release, ASSESSMENT), on=4)
    if name == "on hold":
        hold_release(release_id=release.pk, actor=cast.pm, reason="Strike", resume_by=day(40), clock=at(4))
    if name == "cancelled":
        cancel_release(release_id=release.pk, actor=cast.pm, reason="No case", clock=at(4))


STORIES = [
    "empty", "filled", "filled by the contributor", "in review", "one approval", "recused", "revoked", "declined",
    "approved", "waived", "released", "on hold", "cancelled",
]  # fmt: skip


def crowd(cast: Cast) -> list[User]:
    """The cast, and people whose hats get in each other's way."""
    everybody = [
        cast.pm, cast.second_pm, cast.approver, cast.second_approver, cast.contributor, cast.outsider, cast.executive,
        cast.administrator,
    ]  # fmt: skip
    sales = cast.seat(MARKET, "sales")
    both = make_person("bodo", "Bodo Bothhats")
    for key in ("engineering", "sales"):
        grant_seat(role_id=cast.seat(MARKET, key).pk, holder=both, actor=cast.administrator, clock=at(0))
    # the second PM and the contributor hold a seat, the PM a seat and the authority to waive
    grant_seat(role_id=sales.pk, holder=cast.pm, actor=cast.administrator, clock=at(0))
    grant_seat(role_id=sales.pk, holder=cast.contributor, actor=cast.administrator, clock=at(0))
    grant_seat(role_id=sales.pk, holder=cast.second_pm, actor=cast.administrator, clock=at(0))
    for person in (cast.pm, cast.contributor):
        grant_product_permission(
            product=cast.product, codename="waive_gate", holder=person, actor=cast.administrator, clock=at(0)
        )
    return [*everybody, both]


def deeds(cast: Cast, gate: Gate, person: User) -> dict[str, Callable[[], object]]:
    """Every action of the status, tried for real."""
    number = gate.round_number
    thing = Deliverable.objects.filter(gate=gate).first()
    assert thing is not None
    clock = at(5)

    def deciding(role: str) -> Callable[[], object]:
        return lambda: record_decision(
            gate_id=gate.pk, round_number=number, role_key=role, actor=person, verdict="approve", clock=clock
        )

    def revoking(pk: int) -> Callable[[], object]:
        return lambda: revoke_decision(decision_id=pk, actor=person, reason="Later", clock=clock)

    found: dict[str, Callable[[], object]] = {
        "edit_evidence": lambda: save_evidence(
            deliverable_id=thing.pk, actor=person, kind="text", text="More", clock=clock
        ),
        "submit": lambda: submit_evidence(gate_id=gate.pk, actor=person, clock=clock),
        "withdraw": lambda: withdraw_submission(gate_id=gate.pk, actor=person, clock=clock),
        "waive": lambda: waive_gate(gate_id=gate.pk, actor=person, reason="x" * 20, expires_on=day(99), clock=clock),
        "except": lambda: grant_exception(
            gate_id=gate.pk,
            kind="deliverable",
            subject=thing.key,
            actor=person,
            reason="x" * 20,
            expires_on=day(99),
            clock=clock,
        ),
        "recuse": lambda: recuse(
            gate_id=gate.pk, round_number=number, actor=person, comment="My own plan.", clock=clock
        ),
    }
    for key in gate.roles.values_list("role__key", flat=True):
        found[f"decide:{key}"] = deciding(key)
    for pk in Decision.objects.filter(submission__gate=gate).values_list("pk", flat=True):
        found[f"revoke:{pk}"] = revoking(pk)
    return found


@pytest.mark.parametrize("name", STORIES)
def test_what_is_offered_is_exactly_what_the_engine_accepts(cast: Cast, release: Release, name: str) -> None:
    people = crowd(cast)
    story(name, cast, release)
    keys = (MARKET, ASSESSMENT) if name == "released" else (MARKET, COMPLETENESS)
    for person in people:
        for key in keys:
            gate = gate_of(release, key)
            offered = set(status(release, key, person).allowed_actions)
            accepted = set()
            for action, deed in deeds(cast, gate, person).items():
                with transaction.atomic():
                    try:
                        deed()
                    except DomainError:
                        pass
                    else:
                        accepted.add(action)
                    transaction.set_rollback(True)
            assert offered == accepted, (person, key)


@pytest.mark.parametrize("name", STORIES)
def test_the_inbox_holds_the_rounds_in_which_one_may_fill_a_missing_approval(
    cast: Cast, release: Release, name: str
) -> None:
    people = crowd(cast)
    story(name, cast, release)
    for person in people:
        wanted = set()
        for key in (MARKET, COMPLETENESS, ASSESSMENT):
            found = status(release, key, person)
            if set(found.my_roles) & {r.key for r in found.roles if r.state == "waiting"}:
                wanted.add(key)
        assert {s.gate.key for s in waiting_for(person)} == wanted, person


def test_the_role_that_needs_most_is_offered_first(cast: Cast, release: Release, gate: Gate) -> None:
    both = crowd(cast)[-1]
    submit(cast, gate)
    assert status(release, user=both).my_roles == ("engineering", "sales")
    approve(cast, gate, "engineering")
    assert status(release, user=both).my_roles == ("sales", "engineering")


def test_without_a_person_nothing_is_offered(cast: Cast, release: Release) -> None:
    found = status(release)
    assert found.allowed_actions == ()
    assert not found.may("submit")
