"""Roles in an order, and roles of which everybody decides."""

import pytest

from approvals.actions.decisions import record_decision, recuse, revoke_decision
from approvals.actions.people import add_to_group, deactivate_person
from approvals.inbox import waiting_for
from approvals.invariants import check_gates
from approvals.models import Decision, GateRole
from approvals.rules import RoleNeed, Vote, is_waiting_its_turn, outcome, roles_up
from approvals.status import gate_status
from approvals.sweep import sweep
from gatekeeper.accounts.models import User
from releases.models import Gate, Slip
from tests.cast import (
    ENGINEERING,
    MARKET,
    SALES,
    SMALL_PLAYBOOK,
    Cast,
    active_release,
    approve,
    at,
    conflict,
    day,
    decline,
    fresh,
    gate_of,
    make_person,
    make_playbook,
    submit,
)
from tests.faults.test_invariants import undone

FIRST = RoleNeed("engineering", "Engineering", 2, 1)
SECOND = RoleNeed("sales", "Sales", 1, 2)
ALSO_FIRST = RoleNeed("support", "Support", 1, 1)


@pytest.mark.parametrize(
    ("votes", "up", "sales_waits"),
    [
        ([], ("engineering", "support"), True),
        ([Vote(1, "engineering", "approve")], ("engineering", "support"), True),
        ([Vote(1, "engineering", "approve"), Vote(2, "engineering", "approve")], ("support",), True),
        (
            [Vote(1, "engineering", "approve"), Vote(2, "engineering", "approve"), Vote(3, "support", "approve")],
            ("sales",),
            False,
        ),
        (
            [Vote(1, "engineering", "approve"), Vote(2, "engineering", "approve"), Vote(3, "support", "approve"),
             Vote(4, "sales", "approve")],
            (),
            False,
        ),
    ],
)  # fmt: skip
def test_the_lowest_order_that_is_out_is_up(votes: list[Vote], up: tuple[str, ...], sales_waits: bool) -> None:
    needs = (FIRST, SECOND, ALSO_FIRST)
    assert roles_up(needs, votes) == up
    assert is_waiting_its_turn(needs, votes, "sales") is sales_waits
    assert not is_waiting_its_turn(needs, votes, "support")
    assert (outcome(needs, votes) == "approved") is (up == ())


@pytest.fixture
def ordered(cast: Cast) -> Gate:
    """A first gate, in review, where Sales decides after Engineering."""
    first = SMALL_PLAYBOOK["gates"][0] | {"roles": [ENGINEERING, SALES | {"order": 2}]}
    playbook = make_playbook(SMALL_PLAYBOOK | {"slug": "ordered", "gates": [first, *SMALL_PLAYBOOK["gates"][1:]]})
    gate = gate_of(active_release(cast, "2.0", playbook=playbook), MARKET)
    assert [(r["key"], r["order"]) for r in submit(cast, gate).frozen["roles"]] == [("engineering", 1), ("sales", 2)]
    return gate


def statuses(gate: Gate, user: User | None = None) -> tuple[list[tuple[str, str]], tuple[str, ...], str]:
    stored = gate_of(gate.release, gate.key)
    found = gate_status(stored.release, stored, list(stored.release.gates.order_by("position")), day(3), user)
    return [(r.key, r.state) for r in found.roles], found.my_roles, found.turn.words


@pytest.mark.usefixtures("invariants")
def test_a_later_role_sees_the_round_and_decides_when_it_is_its_turn(cast: Cast, ordered: Gate) -> None:
    for verdict in (approve, decline):
        with conflict("not_your_turn") as found:
            verdict(cast, ordered, "sales")
        assert found.value.message == "Engineering decides first."
    assert statuses(ordered, cast.second_approver) == (
        [("engineering", "waiting"), ("sales", "later")], (), "Engineering",
    )  # fmt: skip
    assert [waiting_for(p).count() for p in (cast.approver, cast.second_approver)] == [1, 0]
    approve(cast, ordered, "engineering")
    assert statuses(ordered, cast.second_approver) == (
        [("engineering", "approved"), ("sales", "waiting")], ("sales",), "Sales",
    )  # fmt: skip
    assert [waiting_for(p).count() for p in (cast.approver, cast.second_approver)] == [0, 1]
    approve(cast, ordered, "sales", on=4)
    assert gate_of(ordered.release, MARKET).state == "approved"


@pytest.mark.usefixtures("invariants")
def test_a_revoked_approval_makes_the_later_role_wait_again(cast: Cast, ordered: Gate) -> None:
    decision = approve(cast, ordered, "engineering")
    revoke_decision(decision_id=decision.pk, actor=cast.approver, reason="Too early.", clock=at(4))
    with conflict("not_your_turn"):
        approve(cast, ordered, "sales", on=5)
    assert waiting_for(cast.second_approver).count() == 0


@pytest.mark.usefixtures("invariants")
def test_who_is_not_up_yet_steps_aside_early_so_that_somebody_else_can_be_found(cast: Cast, ordered: Gate) -> None:
    recuse(gate_id=ordered.pk, round_number=1, actor=cast.second_approver, comment="My old firm.", clock=at(3))
    assert fresh(ordered.release).is_quorum_unreachable


@pytest.mark.usefixtures("invariants")
def test_a_miss_names_the_role_whose_turn_it_was(cast: Cast, ordered: Gate) -> None:
    sweep(clock=at(31))
    assert Slip.objects.get(gate=ordered).waiting_on == ["engineering"]


def test_the_checker_names_a_decision_before_its_turn(cast: Cast, ordered: Gate) -> None:
    decision = approve(cast, ordered, "engineering", on=4)
    approve(cast, ordered, "sales", on=5)
    assert list(check_gates()) == []
    with undone():
        Decision.objects.filter(pk=decision.pk).update(decided_at=at(6)())
        assert "decided as sales before it was the role’s turn" in {d.message for d in check_gates()}


@pytest.mark.usefixtures("invariants")
def test_all_is_everybody_who_may_decide_when_the_round_is_submitted(cast: Cast) -> None:
    first = SMALL_PLAYBOOK["gates"][0] | {"roles": [ENGINEERING, SALES | {"quorum": "all"}]}
    playbook = make_playbook(SMALL_PLAYBOOK | {"slug": "all", "gates": [first, *SMALL_PLAYBOOK["gates"][1:]]})
    gate = gate_of(active_release(cast, "2.0", playbook=playbook), MARKET)
    second, late = make_person("sven", "Sven Seller"), make_person("lena", "Lena Late")
    for person in (second, cast.pm):  # the PM submits, and so is not one of all
        add_to_group(group=cast.sales_group, person=person, actor=cast.administrator, clock=at(1))
    frozen = submit(cast, gate).frozen["roles"]
    assert [(r["key"], r["quorum"]) for r in frozen] == [("engineering", 1), ("sales", 2)]
    add_to_group(group=cast.sales_group, person=late, actor=cast.administrator, clock=at(3))
    approve(cast, gate, "engineering", on=3)
    approve(cast, gate, "sales", on=3)
    assert gate_of(gate.release, MARKET).state == "in_review", "one of two"
    assert waiting_for(second).count() == 1
    deactivate_person(person=second, actor=cast.administrator, clock=at(4))
    record_decision(gate_id=gate.pk, round_number=1, role_key="sales", actor=late, verdict="approve", clock=at(5))
    assert gate_of(gate.release, MARKET).state == "approved", "the number is frozen, who sits there is not"
    assert GateRole.objects.get(gate=gate, role__key="sales").quorum == 2
