"""Seats: who decides where, given by administrators, and never taken so that an open round is stuck."""

import pytest

from approvals.actions.people import add_to_group, deactivate_person, save_group
from approvals.actions.seats import grant_seat, prepare_seats, revoke_seat
from approvals.models import ApproverRole
from approvals.permissions import holds_seat_in, seat_holders
from gatekeeper.accounts.models import User
from releases.actions.products import create_product, grant_product_permission, save_product_line
from releases.kinds import EventKind
from releases.models import Event, Gate, Release
from tests.cast import (
    COMPLETENESS,
    MARKET,
    SMALL_PLAYBOOK,
    Cast,
    active_release,
    approve,
    at,
    conflict,
    event_kinds,
    fresh,
    gate_of,
    last_event,
    make_person,
    make_playbook,
    not_allowed,
    nothing_changes,
    pass_gate,
    refused,
    submit,
)

pytestmark = pytest.mark.usefixtures("invariants")


def held(role: ApproverRole) -> list[tuple[User, str]]:
    return [(holder.user, holder.through) for holder in seat_holders([role.pk])[role.pk]]


def last_of_organisation(kind: str) -> Event:
    return Event.objects.filter(stream="organisation", kind=kind).latest("number")


def test_a_seat_is_given_to_people_and_to_groups(cast: Cast) -> None:
    sales = cast.seat(MARKET, "sales")
    grant_seat(role_id=sales.pk, holder=cast.outsider, actor=cast.administrator, clock=at(1))
    assert held(sales) == [(cast.outsider, "direct"), (cast.second_approver, "group: Sales approvers")]
    event = last_of_organisation(EventKind.GRANT_GIVEN)
    assert (event.actor, event.product) == (cast.administrator, cast.product)
    assert event.payload == {"permission": "decide", "gate": MARKET, "role": "sales", "user": cast.outsider.pk}


def test_giving_twice_changes_nothing(cast: Cast) -> None:
    with nothing_changes():
        grant_seat(
            role_id=cast.seat(MARKET, "sales").pk, holder=cast.sales_group, actor=cast.administrator, clock=at(1)
        )


def test_a_seat_is_taken_back_from_who_holds_it_directly(cast: Cast) -> None:
    sales = cast.seat(MARKET, "sales")
    with refused("not_holder"):
        revoke_seat(role_id=sales.pk, holder=cast.second_approver, actor=cast.administrator, clock=at(1))
    revoke_seat(role_id=sales.pk, holder=cast.sales_group, actor=cast.administrator, clock=at(1))
    assert held(sales) == []
    assert last_of_organisation(EventKind.GRANT_REVOKED).payload == {
        "permission": "decide", "gate": MARKET, "role": "sales", "group": "Sales approvers",
    }  # fmt: skip


def test_a_person_who_holds_it_both_ways_is_there_once(cast: Cast) -> None:
    sales = cast.seat(MARKET, "sales")
    grant_seat(role_id=sales.pk, holder=cast.second_approver, actor=cast.administrator, clock=at(1))
    assert held(sales) == [(cast.second_approver, "direct")]
    revoke_seat(role_id=sales.pk, holder=cast.second_approver, actor=cast.administrator, clock=at(1))
    assert held(sales) == [(cast.second_approver, "group: Sales approvers")]


@pytest.mark.parametrize("who", ["pm", "second_pm", "approver", "contributor", "outsider", "executive"])
def test_only_administrators_give_and_take_seats_managers_of_the_product_neither(cast: Cast, who: str) -> None:
    sales = cast.seat(MARKET, "sales")
    friend = make_person("fred", "Fred Friend")
    with not_allowed("not_administrator"):
        grant_seat(role_id=sales.pk, holder=friend, actor=getattr(cast, who), clock=at(1))
    with not_allowed("not_administrator"):
        revoke_seat(role_id=sales.pk, holder=cast.sales_group, actor=getattr(cast, who), clock=at(1))


def test_nobody_gives_a_seat_to_themselves(cast: Cast) -> None:
    with not_allowed("own_seat"):
        grant_seat(
            role_id=cast.seat(MARKET, "sales").pk, holder=cast.administrator, actor=cast.administrator, clock=at(1)
        )


def test_nobody_gives_a_seat_to_themselves_through_a_group_they_are_in(cast: Cast) -> None:
    group = save_group(name="Administrators", actor=cast.administrator, clock=at(1))
    cast.administrator.groups.add(group)
    with not_allowed("own_seat"):
        grant_seat(role_id=cast.seat(MARKET, "sales").pk, holder=group, actor=cast.administrator, clock=at(1))


def test_a_deactivated_person_gets_no_seat_and_holds_none(cast: Cast) -> None:
    deactivate_person(person=cast.outsider, actor=cast.administrator, clock=at(1))
    gone = User.objects.get(pk=cast.outsider.pk)
    with refused("inactive"):
        grant_seat(role_id=cast.seat(MARKET, "sales").pk, holder=gone, actor=cast.administrator, clock=at(1))
    deactivate_person(person=cast.approver, actor=cast.administrator, clock=at(1))
    assert held(cast.seat(MARKET, "engineering")) == []


# --- Open rounds ------------------------------------------------------------------------------------------------


def test_a_seat_that_an_open_round_needs_is_not_taken(cast: Cast, gate: Gate) -> None:
    submit(cast, gate)
    with conflict("empties_needed_role") as found:
        revoke_seat(
            role_id=cast.seat(MARKET, "sales").pk, holder=cast.sales_group, actor=cast.administrator, clock=at(3)
        )
    assert "Router 1.0" in found.value.message


def test_taken_all_the_same_it_leaves_a_round_that_is_flagged_and_never_approved(
    cast: Cast, release: Release, gate: Gate
) -> None:
    submit(cast, gate)
    approve(cast, gate, "engineering")
    revoke_seat(
        role_id=cast.seat(MARKET, "sales").pk, holder=cast.sales_group, actor=cast.administrator, is_confirmed=True,
        clock=at(4),
    )  # fmt: skip
    assert last_event(release, EventKind.QUORUM_UNREACHABLE).payload == {"round": 1, "roles": ["sales"]}
    assert fresh(release).is_quorum_unreachable
    assert gate_of(release, MARKET).state == "in_review"


def test_it_is_taken_when_somebody_else_holds_it_or_the_role_has_its_quorum(cast: Cast, gate: Gate) -> None:
    submit(cast, gate)
    engineering, sales = cast.seat(MARKET, "engineering"), cast.seat(MARKET, "sales")
    grant_seat(role_id=sales.pk, holder=cast.outsider, actor=cast.administrator, clock=at(3))
    revoke_seat(role_id=sales.pk, holder=cast.sales_group, actor=cast.administrator, clock=at(3))
    approve(cast, gate, "engineering", on=4)
    revoke_seat(role_id=engineering.pk, holder=cast.approver, actor=cast.administrator, clock=at(5))
    approve(cast, gate, "sales", actor=cast.outsider, on=6)
    assert gate_of(gate.release, MARKET).state == "approved"


def test_a_seat_of_a_gate_that_only_prepares_is_taken_and_the_release_flagged(
    cast: Cast, release: Release, gate: Gate
) -> None:
    number = release.event_number
    seat = cast.seat(MARKET, "sales")
    revoke_seat(role_id=seat.pk, holder=cast.sales_group, actor=cast.administrator, clock=at(1))
    assert fresh(release).is_quorum_unreachable
    assert event_kinds(release, since=number) == [EventKind.QUORUM_UNREACHABLE]
    grant_seat(role_id=seat.pk, holder=cast.sales_group, actor=cast.administrator, clock=at(2))
    assert not fresh(release).is_quorum_unreachable
    assert event_kinds(release, since=number) == [EventKind.QUORUM_UNREACHABLE]


def test_a_seat_of_a_later_gate_flags_the_release_when_that_gate_opens(
    cast: Cast, release: Release, gate: Gate
) -> None:
    revoke_seat(
        role_id=cast.seat(COMPLETENESS, "engineering").pk, holder=cast.approver, actor=cast.administrator, clock=at(1)
    )
    assert not fresh(release).is_quorum_unreachable
    pass_gate(cast, gate)
    assert fresh(release).is_quorum_unreachable


def test_one_change_flags_every_release_that_decides_there(cast: Cast, release: Release) -> None:
    other = active_release(cast, "2.0")
    pass_gate(cast, gate_of(other, MARKET))
    third = active_release(cast, "3.0")
    seat = cast.seat(MARKET, "sales")
    revoke_seat(role_id=seat.pk, holder=cast.sales_group, actor=cast.administrator, clock=at(4))
    assert [fresh(r).is_quorum_unreachable for r in (release, other, third)] == [True, False, True]


def test_deactivating_the_last_holder_flags_the_open_round_and_tells(cast: Cast, release: Release, gate: Gate) -> None:
    """A person may always leave; the round is never approved by that, and the product manager is told."""
    submit(cast, gate)
    number = fresh(release).event_number
    deactivate_person(person=cast.approver, actor=cast.administrator, clock=at(3))
    assert fresh(release).is_quorum_unreachable
    assert event_kinds(release, since=number) == [EventKind.QUORUM_UNREACHABLE]
    assert gate_of(release, MARKET).state == "in_review"


# --- Preparing seats --------------------------------------------------------------------------------------------


def test_seats_of_a_playbook_are_prepared_once_from_the_lines_defaults(cast: Cast) -> None:
    line = save_product_line(
        name="Storage", default_seats={"sales": cast.sales_group}, actor=cast.administrator, clock=at(1)
    )
    product = create_product(name="Disk", line=line, owner=cast.pm, actor=cast.administrator, clock=at(1))
    made = prepare_seats(product=product, playbook=cast.playbook, actor=cast.administrator, clock=at(1))
    seats = ApproverRole.objects.filter(product=product)
    assert made == seats.count() == sum(len(g["roles"]) for g in SMALL_PLAYBOOK["gates"])
    assert held(seats.get(gate_key=MARKET, key="sales")) == [(cast.second_approver, "group: Sales approvers")]
    assert held(seats.get(gate_key=MARKET, key="engineering")) == []
    with nothing_changes():
        assert prepare_seats(product=product, playbook=cast.playbook, actor=cast.administrator, clock=at(2)) == 0


def test_recorded_history_has_no_seats_and_only_administrators_prepare_them(cast: Cast) -> None:
    history = make_playbook(
        {"slug": "past", "name": "Past", "kind": "history", "gates": [{"key": "beta-1", "name": "Beta 1"}]}
    )
    with refused("invalid"):
        prepare_seats(product=cast.product, playbook=history, actor=cast.administrator, clock=at(1))
    with not_allowed("not_administrator"):
        prepare_seats(product=cast.product, playbook=cast.playbook, actor=cast.pm, clock=at(1))


def test_holding_any_seat_of_a_product(cast: Cast) -> None:
    assert holds_seat_in(cast.approver, cast.product.pk)
    assert holds_seat_in(cast.second_approver, cast.product.pk)
    assert not holds_seat_in(cast.pm, cast.product.pk)


def test_no_administrator_gets_a_seat_through_defaults(cast: Cast) -> None:
    mine = save_group(name="Mine", actor=cast.administrator, clock=at(1))
    add_to_group(group=mine, person=cast.administrator, actor=cast.administrator, clock=at(1))
    line = save_product_line(name="Own", default_seats={"sales": mine}, actor=cast.administrator, clock=at(1))
    product = create_product(name="Own thing", line=line, owner=cast.pm, actor=cast.administrator, clock=at(1))
    with not_allowed("own_seat"):
        prepare_seats(product=product, playbook=cast.playbook, actor=cast.administrator, clock=at(2))


def test_an_administrator_who_manages_a_product_gives_no_seats_on_it(cast: Cast) -> None:
    grant_product_permission(
        product=cast.product,
        codename="manage_product",
        holder=cast.administrator,
        actor=cast.administrator,
        clock=at(1),
    )
    with not_allowed("manages_product"):
        grant_seat(role_id=cast.seat(MARKET, "sales").pk, holder=cast.outsider, actor=cast.administrator, clock=at(2))
