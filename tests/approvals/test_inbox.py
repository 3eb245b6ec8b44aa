"""Waiting for you: the open rounds in which a person may decide now, most urgent first."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from approvals.actions.decisions import recuse, revoke_decision
from approvals.actions.people import add_to_group, deactivate_person, remove_from_group
from approvals.actions.rounds import withdraw_submission
from approvals.actions.seats import grant_seat, revoke_seat
from approvals.inbox import waiting_for
from approvals.shell import waiting_count
from gatekeeper.accounts.models import User
from releases.actions.releases import cancel_release, hold_release, resume_release
from releases.models import Gate, Release
from tests.cast import (
    MARKET,
    SMALL_PLAYBOOK,
    Cast,
    active_release,
    approve,
    at,
    day,
    decline,
    fill,
    gate_of,
    make_person,
    make_playbook,
    submit,
    waive,
)


def waits(user: User) -> list[str]:
    """Versions of the releases that wait for a person, in the order of the inbox."""
    found = [round.gate.release.version for round in waiting_for(user)]
    assert waiting_count(user) == len(found)
    return found


def test_a_round_waits_for_everybody_who_may_decide_it(cast: Cast, release: Release, gate: Gate) -> None:
    assert waits(cast.approver) == []
    submit(cast, gate)
    assert waits(cast.approver) == ["1.0"]
    assert waits(cast.second_approver) == ["1.0"]
    for person in (cast.pm, cast.second_pm, cast.contributor, cast.outsider, cast.executive, cast.administrator):
        assert waits(person) == []


def test_it_waits_no_more_for_who_has_decided_or_stepped_aside(cast: Cast, gate: Gate) -> None:
    submit(cast, gate)
    mine = approve(cast, gate, "engineering")
    assert (waits(cast.approver), waits(cast.second_approver)) == ([], ["1.0"])
    revoke_decision(decision_id=mine.pk, actor=cast.approver, reason="Later", clock=at(4))
    assert waits(cast.approver) == ["1.0"]
    recuse(gate_id=gate.pk, round_number=1, actor=cast.second_approver, comment="My own plan.", clock=at(4))
    assert waits(cast.second_approver) == []


def test_a_role_that_has_its_quorum_waits_for_nobody(cast: Cast, gate: Gate) -> None:
    other = make_person("emil", "Emil Engineer")
    grant_seat(role_id=cast.seat(MARKET, "engineering").pk, holder=other, actor=cast.administrator, clock=at(1))
    submit(cast, gate)
    approve(cast, gate, "engineering", actor=other)
    assert waits(cast.approver) == []


def test_a_quorum_of_two_waits_for_the_second(cast: Cast) -> None:
    gates = [dict(g) for g in SMALL_PLAYBOOK["gates"]]
    gates[0]["roles"] = [{"key": "engineering", "name": "Engineering", "quorum": 2}]
    playbook = make_playbook(SMALL_PLAYBOOK | {"slug": "two", "gates": gates})
    gate = gate_of(active_release(cast, "2.0", playbook=playbook), MARKET)
    other = make_person("emil", "Emil Engineer")
    grant_seat(role_id=cast.seat(MARKET, "engineering").pk, holder=other, actor=cast.administrator, clock=at(1))
    submit(cast, gate)
    approve(cast, gate, "engineering")
    assert (waits(cast.approver), waits(other)) == ([], ["2.0"])


@pytest.mark.parametrize("ending", ["withdraw", "decline", "waive", "cancel", "hold"])
def test_a_round_that_is_over_or_on_hold_waits_for_nobody(
    cast: Cast, release: Release, gate: Gate, ending: str
) -> None:
    submit(cast, gate)
    match ending:
        case "withdraw":
            withdraw_submission(gate_id=gate.pk, actor=cast.pm, clock=at(4))
        case "decline":
            decline(cast, gate, "sales", on=4)
        case "waive":
            waive(cast, gate, on=4)
        case "cancel":
            cancel_release(release_id=release.pk, actor=cast.pm, reason="No case", clock=at(4))
        case "hold":
            hold_release(release_id=release.pk, actor=cast.pm, reason="Strike", resume_by=day(40), clock=at(4))
    assert waits(cast.approver) == []
    if ending == "hold":
        resume_release(release_id=release.pk, actor=cast.pm, clock=at(6))
        assert waits(cast.approver) == ["1.0"]


def test_neither_the_submitter_nor_a_contributor_is_waited_for(cast: Cast, gate: Gate) -> None:
    for person in (cast.second_pm, cast.contributor):
        grant_seat(role_id=cast.seat(MARKET, "sales").pk, holder=person, actor=cast.administrator, clock=at(1))
    fill(cast, gate, actor=cast.contributor)
    submit(cast, gate, actor=cast.second_pm)
    assert (waits(cast.second_pm), waits(cast.contributor)) == ([], [])
    assert waits(cast.second_approver) == ["1.0"]


def test_seats_groups_and_deactivation_count_at_once(cast: Cast, gate: Gate) -> None:
    submit(cast, gate)
    add_to_group(group=cast.sales_group, person=cast.outsider, actor=cast.administrator, clock=at(3))
    assert waits(cast.outsider) == ["1.0"]
    remove_from_group(
        group=cast.sales_group, person=cast.second_approver, actor=cast.administrator, is_confirmed=True, clock=at(3)
    )
    assert waits(cast.second_approver) == []
    seat = cast.seat(MARKET, "sales")
    grant_seat(role_id=seat.pk, holder=cast.second_approver, actor=cast.administrator, clock=at(4))
    revoke_seat(role_id=seat.pk, holder=cast.sales_group, actor=cast.administrator, clock=at(4))
    assert (waits(cast.outsider), waits(cast.second_approver)) == ([], ["1.0"])
    deactivate_person(person=cast.second_approver, actor=cast.administrator, clock=at(5))
    assert waits(User.objects.get(pk=cast.second_approver.pk)) == []


def test_the_most_urgent_comes_first(cast: Cast) -> None:
    for version, target in (("1.0", 100), ("2.0", 90), ("3.0", 95), ("4.0", 90)):
        submit(cast, gate_of(active_release(cast, version, target=target), MARKET), on=int(version[0]))
    assert waits(cast.approver) == ["2.0", "4.0", "3.0", "1.0"]


def test_the_number_of_queries_does_not_grow_with_the_rounds(cast: Cast) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            for found in waiting_for(cast.approver):
                str(found.gate.release)
        return len(queries)

    submit(cast, gate_of(active_release(cast, "1.0"), MARKET))
    assert count() == 2  # the rounds, and for whom the person stands in today
    for version in ("2.0", "3.0", "4.0"):
        submit(cast, gate_of(active_release(cast, version), MARKET))
    assert count() == 2
