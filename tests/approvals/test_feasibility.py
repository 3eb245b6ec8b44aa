"""Whether the quorums can be reached, and in which words it is said that they cannot."""

import pytest

from approvals.actions.decisions import recuse
from approvals.actions.people import deactivate_person
from approvals.actions.seats import grant_seat, revoke_seat
from approvals.facts import load_facts
from approvals.feasibility import MAY_WRITE, RECUSED, SUBMITTER, WRITER, gate_shortages, planned_shortages, shortages
from approvals.models import Delegation
from approvals.rules import RoleNeed, Vote
from gatekeeper.accounts.models import User
from releases.actions.products import grant_product_permission, save_product_line
from releases.models import Gate
from releases.playbooks import parse_playbook
from tests.cast import (
    ENGINEERING,
    MARKET,
    SALES,
    SMALL_PLAYBOOK,
    Cast,
    at,
    day,
    draft_release,
    fill,
    gate_of,
    make_person,
    make_playbook,
    moment,
    submit,
)

FINANCE = RoleNeed("finance", "Finance", 1)
SUPPORT = RoleNeed("support", "Support", 2)


@pytest.mark.parametrize(
    ("needs", "votes", "seats", "barred", "doubtful", "inactive", "words"),
    [
        ([FINANCE], [], {"finance": [1, 2]}, {1: SUBMITTER}, {}, {}, []),
        ([FINANCE], [], {"finance": [1]}, {1: SUBMITTER}, {}, {},
         ["Finance cannot reach its quorum: 1 of 1 seats is the submitter."]),
        ([FINANCE], [], {}, {}, {}, {}, ["Finance cannot reach its quorum: nobody holds this role."]),
        ([FINANCE], [], {"finance": []}, {}, {}, {"finance": 2},
         ["Finance cannot reach its quorum: 2 of 2 seats are deactivated."]),
        ([SUPPORT], [], {"support": [1]}, {}, {}, {},
         ["Support cannot reach its quorum of 2: only one person holds this role."]),
        ([SUPPORT], [], {"support": [1, 2, 3, 4]}, {1: SUBMITTER, 2: WRITER, 3: WRITER}, {}, {},
         ["Support cannot reach its quorum of 2: 1 of 4 seats is the submitter and 2 of 4 seats wrote evidence."]),
        ([FINANCE, SUPPORT], [], {"finance": [1], "support": [1, 2]}, {}, {}, {},
         ["Support cannot reach its quorum of 2: the people who may decide are needed in other roles too."]),
        ([FINANCE, SUPPORT], [Vote(1, "finance", "approve")], {"finance": [1], "support": [2, 3]}, {2: RECUSED}, {}, {},
         ["Support cannot reach its quorum of 2: 1 of 2 seats stepped aside."]),
        ([FINANCE], [], {"finance": [1]}, {}, {1: MAY_WRITE}, {},
         ["Finance may not reach its quorum: 1 of 1 seats supplies evidence and loses the vote then."]),
        ([FINANCE], [], {"finance": [1]}, {1: SUBMITTER}, {1: MAY_WRITE}, {},
         ["Finance cannot reach its quorum: 1 of 1 seats is the submitter."]),
    ],
)  # fmt: skip
def test_a_shortage_says_which_seats_do_not_count(
    needs: list[RoleNeed],
    votes: list[Vote],
    seats: dict[str, list[int]],
    barred: dict[int, tuple[str, str]],
    doubtful: dict[int, tuple[str, str]],
    inactive: dict[str, int],
    words: list[str],
) -> None:
    found = shortages(needs, votes, seats, barred=barred, doubtful=doubtful, inactive=inactive)
    assert [short.words for short in found] == words


def words_at(gate: Gate, submitter: User | None = None, on: int = 3) -> list[str]:
    stored = gate_of(gate.release, gate.key)
    facts = load_facts(stored.release, stored, list(stored.release.gates.order_by("position")), day(on))
    return [short.words for short in gate_shortages(facts, submitter.pk if submitter else None)]


@pytest.mark.usefixtures("invariants")
def test_before_the_submission_the_reasons_are_those_of_the_coming_round(cast: Cast, gate: Gate) -> None:
    assert words_at(gate, cast.pm) == []
    seat = cast.seat(MARKET, "engineering")
    grant_seat(role_id=seat.pk, holder=cast.pm, actor=cast.administrator, clock=at(1))
    revoke_seat(role_id=seat.pk, holder=cast.approver, actor=cast.administrator, clock=at(1))
    assert words_at(gate, cast.pm) == ["Engineering cannot reach its quorum: 1 of 1 seats is the submitter."]
    assert words_at(gate, cast.second_pm) == []
    brief = gate.deliverables.get(key="brief")
    brief.assignee = cast.pm
    brief.save()
    assert words_at(gate, cast.second_pm) == [
        "Engineering may not reach its quorum: 1 of 1 seats supplies evidence and loses the vote then."
    ]
    fill(cast, gate)
    assert words_at(gate, cast.second_pm) == ["Engineering cannot reach its quorum: 1 of 1 seats wrote evidence."]


@pytest.mark.usefixtures("invariants")
def test_in_review_it_tells_of_recusal_and_deactivation(cast: Cast, gate: Gate) -> None:
    submit(cast, gate)
    recuse(gate_id=gate.pk, round_number=1, actor=cast.second_approver, comment="My own plan.", clock=at(3))
    deactivate_person(person=cast.approver, actor=cast.administrator, clock=at(3))
    assert words_at(gate) == [
        "Engineering cannot reach its quorum: 1 of 1 seats is deactivated.",
        "Sales cannot reach its quorum: 1 of 1 seats stepped aside.",
    ]


def test_somebody_away_without_a_stand_in_is_a_doubt_and_no_bar(cast: Cast, gate: Gate) -> None:
    submit(cast, gate)
    away = Delegation.objects.create(
        person=cast.approver, starts_on=day(3), ends_on=day(9), made_by=cast.approver, made_at=moment(2)
    )
    until = f"{day(9):%-d %b %Y}"
    assert words_at(gate) == [
        f"Engineering may not reach its quorum: 1 of 1 seats is away until {until} without a stand-in."
    ]
    assert words_at(gate, on=10) == []
    away.delegate = cast.outsider
    away.save()
    assert words_at(gate) == []


def test_a_draft_is_judged_by_its_seats_and_by_the_defaults_of_its_line(cast: Cast) -> None:
    gates = [SMALL_PLAYBOOK["gates"][0] | {"roles": [ENGINEERING, SALES, {"key": "finance", "name": "Finance"}]}]
    spec = parse_playbook(SMALL_PLAYBOOK | {"slug": "finance", "gates": [*gates, *SMALL_PLAYBOOK["gates"][1:]]})
    release = draft_release(cast, playbook=make_playbook(spec))

    def words(submitter: User) -> list[tuple[str, str]]:
        return [(g.gate.key, s.words) for g in planned_shortages(release, spec, submitter) for s in g.shortages]

    assert words(cast.pm) == [(MARKET, "Finance cannot reach its quorum: nobody holds this role.")]
    save_product_line(
        slug=cast.line.slug, name=cast.line.name, default_seats={"finance": cast.sales_group},
        actor=cast.administrator, clock=at(0),
    )  # fmt: skip
    assert words(cast.pm) == [
        (MARKET, "Sales cannot reach its quorum: the people who may decide are needed in other roles too.")
    ]
    accountant = make_person("fina", "Fina Finance")
    accountant.groups.add(cast.sales_group)
    assert words(cast.pm) == []
    assert [w for _key, w in words(cast.approver)] == [
        "Engineering cannot reach its quorum: 1 of 1 seats is the submitter."
    ] * 3
    grant_product_permission(
        product=cast.product, codename="contribute", holder=cast.approver, actor=cast.administrator, clock=at(0)
    )
    assert {w for _key, w in words(cast.pm)} == {
        "Engineering may not reach its quorum: 1 of 1 seats supplies evidence and loses the vote then."
    }
