"""Being away: who may say so, what is refused, who decides meanwhile, and how it ends."""

from datetime import timedelta

import pytest

from approvals.absences import warnings_of
from approvals.actions.decisions import recuse, revoke_decision
from approvals.actions.delegations import end_delegation, make_delegation, set_assistant
from approvals.actions.people import deactivate_person
from approvals.actions.seats import grant_seat
from approvals.inbox import waiting_for
from approvals.models import ApproverRole, Decision, Delegation
from approvals.status import gate_status
from approvals.sweep import sweep
from gatekeeper.accounts.models import User
from releases.actions.products import create_product, grant_product_permission
from releases.kinds import EventKind, GateState
from releases.models import Event, Gate, Product, Release
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
    make_person,
    not_allowed,
    refused,
    submit,
)

pytestmark = pytest.mark.usefixtures("invariants")


@pytest.fixture
def grace(cast: Cast) -> User:
    return make_person("grace", "Grace Kim", title="Engineering director")


def away(
    cast: Cast, delegate: User | None, *, person: User | None = None, actor: User | None = None, since: int = 2,
    until: int = 9, roles: list[ApproverRole] | None = None, on: int = 2, reason: str = "",
) -> Delegation:  # fmt: skip
    """The engineering approver is away for a week, unless somebody else is named."""
    person = person or cast.approver
    return make_delegation(
        person=person, actor=actor or person, delegate=delegate, starts_on=day(since), ends_on=day(until), roles=roles,
        reason=reason, clock=at(on),
    )  # fmt: skip


def organisation_kinds(since: int = 0) -> list[str]:
    return list(Event.objects.filter(release=None, pk__gt=since).order_by("pk").values_list("kind", flat=True))


def newest() -> int:
    return Event.objects.order_by("-pk").values_list("pk", flat=True)[0]


# --- Saying so ------------------------------------------------------------------------------------------------------


def test_an_absence_is_stored_with_who_said_so_and_is_an_event(cast: Cast, grace: User) -> None:
    made = away(cast, grace, reason=" Parental leave ")
    assert (made.person, made.delegate, made.made_by) == (cast.approver, grace, cast.approver)
    assert (made.covers_all, made.reason, made.begun_at, made.ended_at) == (True, "Parental leave", at(2)(), None)
    event = Event.objects.get(kind=EventKind.DELEGATION_MADE)
    assert event.release_id is None
    assert event.payload == {
        "delegation": made.pk, "absent": cast.approver.pk, "stand_in": grace.pk, "starts_on": "2026-01-07",
        "ends_on": "2026-01-14", "roles": "all", "reason": "Parental leave",
    }  # fmt: skip


def test_the_assistant_and_an_administrator_may_say_it_and_nobody_else(cast: Cast, grace: User) -> None:
    with not_allowed("not_self"):
        away(cast, grace, actor=cast.outsider)
    set_assistant(person=cast.approver, assistant=cast.outsider, actor=cast.approver, clock=at(1))
    cast.approver.refresh_from_db()
    assert away(cast, grace, actor=cast.outsider, until=3).made_by == cast.outsider
    assert away(cast, grace, actor=cast.administrator, since=4).made_by == cast.administrator
    set_assistant(person=cast.approver, assistant=None, actor=cast.approver, clock=at(2))
    cast.approver.refresh_from_db()
    with not_allowed("not_self"):
        away(cast, grace, actor=cast.outsider, since=20, until=21)


def test_nobody_gives_themselves_the_seats_of_another_nor_those_of_their_own_work(cast: Cast, grace: User) -> None:
    set_assistant(person=cast.approver, assistant=grace, actor=cast.approver, clock=at(1))
    cast.approver.refresh_from_db()
    for actor in (grace, cast.administrator):
        with not_allowed("own_seat"):
            away(cast, actor, actor=actor)
    set_assistant(person=cast.approver, assistant=cast.pm, actor=cast.administrator, clock=at(1))
    cast.approver.refresh_from_db()
    with not_allowed("manages_product"):
        away(cast, grace, actor=cast.pm)
    assert away(cast, None, actor=cast.pm).delegate is None


def test_an_assistant_is_named_by_the_person_or_an_administrator(cast: Cast, grace: User) -> None:
    with not_allowed("not_self"):
        set_assistant(person=cast.approver, assistant=grace, actor=grace, clock=at(1))
    with not_allowed("own_permissions"):
        set_assistant(person=cast.approver, assistant=cast.administrator, actor=cast.administrator, clock=at(1))
    with refused("oneself"):
        set_assistant(person=cast.approver, assistant=cast.approver, actor=cast.approver, clock=at(1))
    deactivate_person(person=grace, actor=cast.administrator, clock=at(1))
    with refused("inactive"):
        set_assistant(person=cast.approver, assistant=grace, actor=cast.approver, clock=at(1))


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ({"since": 1}, ("starts_on", "date_in_past")),
        ({"since": 4000, "until": 4001}, ("starts_on", "date_in_past")),
        ({"since": 5, "until": 4}, ("ends_on", "before_start")),
        ({"until": 2 + 181}, ("ends_on", "too_long")),
        ({"roles": []}, ("roles", "required")),
    ],
)
def test_days_and_seats_that_do_not_hold_are_refused(
    cast: Cast, grace: User, words: dict[str, int], problem: tuple[str, str]
) -> None:
    with refused("invalid_absence") as found:
        away(cast, grace, **words)  # type: ignore[arg-type]
    assert fields_of(found) == [problem]


def test_the_longest_absence_is_taken(cast: Cast, grace: User) -> None:
    made = away(cast, grace, until=2 + 180)
    assert made.ends_on - made.starts_on == timedelta(days=180)


def test_who_cannot_stand_in_is_refused(cast: Cast, grace: User) -> None:
    secret = create_product(
        name="Secret", line=cast.line, owner=cast.pm, is_restricted=True, actor=cast.administrator, clock=at(0)
    )
    seat = ApproverRole.objects.create(product=secret, gate_key=MARKET, key="engineering", name="Engineering")
    grant_seat(role_id=seat.pk, holder=cast.approver, actor=cast.administrator, clock=at(0))
    with refused("invalid_absence") as found:
        away(cast, grace, roles=[seat])
    assert fields_of(found) == [("delegate", "cannot_see")]
    with refused("invalid_absence") as found:
        away(cast, grace, roles=[cast.seat(MARKET, "sales")])
    assert fields_of(found) == [("roles", "not_held")]
    with refused("invalid_absence") as found:
        away(cast, cast.approver)
    assert fields_of(found) == [("delegate", "oneself")]
    # of all seats, those that the stand-in cannot see are left out, and that is told
    assert warnings_of(away(cast, grace)) == ["Grace Kim cannot see Secret and does not stand in there."]
    deactivate_person(person=cast.contributor, actor=cast.administrator, clock=at(2))
    with refused("invalid_absence") as found:
        away(cast, cast.contributor, since=20, until=21)
    assert fields_of(found) == [("delegate", "inactive")]


def test_two_absences_of_one_seat_do_not_share_a_day(cast: Cast, grace: User) -> None:
    market, later = cast.seat(MARKET, "engineering"), cast.seat(COMPLETENESS, "engineering")
    away(cast, grace, since=5, until=9, roles=[market])
    for words in ({"since": 9, "until": 12}, {"since": 2, "until": 5}, {"since": 6, "until": 7, "roles": [market]}):
        with refused("invalid_absence") as found:
            away(cast, None, **words)  # type: ignore[arg-type]
        assert fields_of(found) == [("starts_on", "overlaps")]
    away(cast, None, since=5, until=9, roles=[later])
    away(cast, grace, since=10, until=12)


def test_a_ring_of_stand_ins_is_refused_with_names_and_only_on_days_on_which_it_would_close(
    cast: Cast, grace: User
) -> None:
    away(cast, cast.second_approver, person=grace, since=5, until=12)
    away(cast, cast.approver, person=cast.second_approver, since=10, until=15)
    with refused("invalid_absence") as found:
        away(cast, grace, since=8, until=11)
    assert fields_of(found) == [("delegate", "ring")]
    assert (
        "Grace Kim for Erik Engineer; Sara Seller for Grace Kim; Erik Engineer for Sara Seller" in found.value.message
    )
    # day 13 is past the first link, so the three are never all away at once
    assert away(cast, grace, since=13, until=15).delegate == grace


# --- Deciding meanwhile ---------------------------------------------------------------------------------------------


def test_a_stand_in_decides_with_both_names_and_one_decision_counts(
    cast: Cast, release: Release, gate: Gate, grace: User
) -> None:
    submit(cast, gate, on=2)
    with not_allowed("not_holder"):
        approve(cast, gate, "engineering", actor=grace, on=2)
    away(cast, grace)
    decision = approve(cast, gate, "engineering", actor=grace, on=3)
    assert (decision.decided_by, decision.on_behalf_of) == (grace, cast.approver)
    assert (decision.printed_name, decision.held_through) == ("Grace Kim", "delegation: Erik Engineer")
    assert last_event(release, EventKind.DECISION_RECORDED).on_behalf_of == cast.approver
    with conflict("already_decided") as found:
        approve(cast, gate, "engineering", on=3)
    assert found.value.message == "Grace Kim has decided for you in this round already."
    with conflict("already_decided"):
        approve(cast, gate, "engineering", actor=grace, on=3)
    approve(cast, gate, "sales", on=3)
    assert gate_of(release, MARKET).state == GateState.APPROVED


def test_who_is_away_still_decides_and_then_the_stand_in_does_not(cast: Cast, gate: Gate, grace: User) -> None:
    submit(cast, gate, on=2)
    away(cast, grace)
    mine = approve(cast, gate, "engineering", on=3)
    with conflict("already_decided"):
        approve(cast, gate, "engineering", actor=grace, on=3)
    revoke_decision(decision_id=mine.pk, actor=cast.approver, reason="Let Grace judge.", clock=at(4))
    approve(cast, gate, "engineering", actor=grace, on=4)
    assert Decision.objects.filter(on_behalf_of=cast.approver).count() == 1


def test_a_decline_by_a_stand_in_names_both_in_the_event_that_is_told(
    cast: Cast, release: Release, gate: Gate, grace: User
) -> None:
    submit(cast, gate, on=2)
    away(cast, grace)
    decline(cast, gate, "engineering", actor=grace, on=3)
    event = last_event(release, EventKind.GATE_DECLINED)
    assert (event.actor, event.on_behalf_of) == (grace, cast.approver)


def test_before_the_first_and_after_the_last_day_nobody_stands_in(cast: Cast, gate: Gate, grace: User) -> None:
    submit(cast, gate, on=2)
    away(cast, grace, since=4, until=6)
    for number in (3, 7):
        with not_allowed("not_holder"):
            approve(cast, gate, "engineering", actor=grace, on=number)
    approve(cast, gate, "engineering", actor=grace, on=6)


def test_standing_in_is_for_the_named_seats_is_not_passed_on_and_not_for_ones_own_work(
    cast: Cast, gate: Gate, grace: User
) -> None:
    away(cast, grace, roles=[cast.seat(COMPLETENESS, "engineering")])
    away(cast, cast.outsider, person=grace)
    away(cast, cast.pm, person=cast.second_approver)
    submit(cast, gate, on=2)
    for actor, role, code in (
        (grace, "engineering", "not_holder"),
        (cast.outsider, "engineering", "not_holder"),
        (cast.pm, "sales", "is_submitter"),
    ):
        with not_allowed(code):
            approve(cast, gate, role, actor=actor, on=3)


def test_who_stands_in_for_the_submitter_does_not_decide(cast: Cast, gate: Gate) -> None:
    submit(cast, gate, on=2)
    made = away(cast, cast.approver, person=cast.pm)
    with not_allowed("is_stand_in"):
        approve(cast, gate, "engineering", on=3)
    end_delegation(delegation_id=made.pk, actor=cast.pm, clock=at(3))
    approve(cast, gate, "engineering", on=3)


def test_a_stand_in_who_does_not_see_the_product_neither_decides_nor_is_asked(
    cast: Cast, release: Release, gate: Gate, grace: User
) -> None:
    submit(cast, gate, on=2)
    made = away(cast, grace)
    assert list(waiting_for(grace, [made])) != []
    Product.objects.filter(pk=cast.product.pk).update(is_restricted=True)
    assert list(waiting_for(grace, [made])) == []
    with not_allowed("not_holder"):
        approve(cast, gate, "engineering", actor=grace, on=3)
    grant_product_permission(
        product=cast.product, codename="view_product", holder=grace, actor=cast.administrator, clock=at(3)
    )
    assert list(waiting_for(grace, [made])) != []
    approve(cast, gate, "engineering", actor=grace, on=3)


def test_only_holders_step_aside_and_pages_offer_nothing_else(
    cast: Cast, release: Release, gate: Gate, grace: User
) -> None:
    submit(cast, gate, on=2)
    away(cast, grace)
    here = gate_of(release, MARKET)
    status = gate_status(here.release, here, list(release.gates.all()), day(3), grace)
    assert status.my_roles == ("engineering",)
    assert not status.may("recuse")
    with not_allowed("not_holder"):
        recuse(gate_id=gate.pk, round_number=1, actor=grace, comment="Not mine.", clock=at(3))
    recuse(gate_id=gate.pk, round_number=1, actor=cast.approver, comment="Too near.", clock=at(3))
    with conflict("recused"):
        approve(cast, gate, "engineering", actor=grace, on=3)


# --- Ending ---------------------------------------------------------------------------------------------------------


def test_ending_takes_the_seats_back_at_once_and_stays_in_the_history(cast: Cast, gate: Gate, grace: User) -> None:
    submit(cast, gate, on=2)
    made = away(cast, grace)
    with not_allowed("not_self"):
        end_delegation(delegation_id=made.pk, actor=grace, clock=at(3))
    ended = end_delegation(delegation_id=made.pk, actor=cast.approver, clock=at(3))
    assert (ended.ended_at, ended.ended_by, ended.over_at) == (at(3)(), cast.approver, at(3)())
    with not_allowed("not_holder"):
        approve(cast, gate, "engineering", actor=grace, on=3)
    with conflict("over"):
        end_delegation(delegation_id=made.pk, actor=cast.approver, clock=at(3))
    assert Event.objects.get(kind=EventKind.DELEGATION_ENDED).payload["delegation"] == made.pk


def test_one_that_has_not_begun_can_be_ended_and_one_that_is_over_cannot(cast: Cast, grace: User) -> None:
    end_delegation(delegation_id=away(cast, grace, since=5).pk, actor=cast.administrator, clock=at(3))
    old = away(cast, grace, since=5, until=6)
    with conflict("over"):
        end_delegation(delegation_id=old.pk, actor=cast.approver, clock=at(7))


def test_deactivating_ends_the_absences_of_a_person_and_those_that_lean_on_them(cast: Cast, grace: User) -> None:
    mine = away(cast, None, person=grace, since=20, until=22)
    theirs = away(cast, grace)
    other = away(cast, cast.outsider, person=cast.second_approver)
    before = newest()
    deactivate_person(person=grace, actor=cast.administrator, clock=at(4))
    assert organisation_kinds(before) == [EventKind.USER_DEACTIVATED] + [EventKind.DELEGATION_ENDED] * 2
    for one in (mine, theirs, other):
        one.refresh_from_db()
    assert (mine.ended_at, theirs.ended_at, other.ended_at) == (at(4)(), at(4)(), None)


def test_the_sweep_tells_once_that_a_round_becomes_unreachable_and_reachable_again(
    cast: Cast, release: Release, gate: Gate
) -> None:
    """Who stands in for a contributor may not vote: here nobody else holds Engineering."""
    fill(cast, gate, on=2, actor=cast.contributor)
    submit(cast, gate, on=2)
    made = away(cast, cast.approver, person=cast.contributor, since=4, until=6)
    assert sweep(clock=at(3)).absences == 0
    assert not fresh(release).is_quorum_unreachable
    number = fresh(release).event_number
    assert [sweep(clock=at(4)).absences for _ in range(2)] == [1, 0]
    assert fresh(release).is_quorum_unreachable
    assert event_kinds(release, since=number) == [EventKind.QUORUM_UNREACHABLE]
    assert sweep(clock=at(6)).absences == 0
    assert [sweep(as_of=day(7), clock=at(7)).absences for _ in range(2)] == [1, 0]
    assert not fresh(release).is_quorum_unreachable
    made.refresh_from_db()
    assert (made.begun_at, made.over_at, made.ended_at) == (at(4)(), at(7)(), None)


def test_an_absence_that_begins_today_flags_what_it_leaves_stuck_at_once(
    cast: Cast, release: Release, gate: Gate
) -> None:
    fill(cast, gate, on=2, actor=cast.contributor)
    submit(cast, gate, on=2)
    made = away(cast, cast.approver, person=cast.contributor)
    assert fresh(release).is_quorum_unreachable
    end_delegation(delegation_id=made.pk, actor=cast.contributor, clock=at(3))
    assert not fresh(release).is_quorum_unreachable


def test_what_should_be_known_is_told_and_does_not_stand_against_it(cast: Cast, grace: User) -> None:
    grant_seat(role_id=cast.seat(MARKET, "engineering").pk, holder=grace, actor=cast.administrator, clock=at(1))
    away(cast, None, person=grace, since=9, until=12)
    assert warnings_of(away(cast, grace)) == [
        "Grace Kim holds Engineering too, and decides once in a round: for one of you.",
        "Grace Kim is away too, 14 Jan 2026 to 17 Jan 2026; standing in is not passed on.",
    ]
