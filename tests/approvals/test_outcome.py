"""The pure rules of approval: the outcome of a round, and whether its quorums can still be reached."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import combinations, permutations, product
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.rules import (
    APPROVED,
    DECLINED,
    PENDING,
    RoleNeed,
    Vote,
    decision_meaning,
    is_fresh,
    is_waiting_its_turn,
    missing_approvals,
    outcome,
    roles_before,
    roles_up,
    unreachable_roles,
)

ENGINEERING = RoleNeed("engineering", "Engineering", 1)
SALES = RoleNeed("sales", "Sales", 1)
TWO_OF_QUALITY = RoleNeed("quality", "Quality", 2)


def yes(person: int, role: str) -> Vote:
    return Vote(person, role, "approve")


def no(person: int, role: str) -> Vote:
    return Vote(person, role, "decline")


@pytest.mark.parametrize(
    ("needs", "votes", "result"),
    [
        ([], [], PENDING),
        ([], [yes(1, "engineering")], PENDING),
        ([ENGINEERING], [], PENDING),
        ([ENGINEERING], [yes(1, "engineering")], APPROVED),
        ([ENGINEERING], [yes(1, "sales")], PENDING),
        ([ENGINEERING, SALES], [yes(1, "engineering")], PENDING),
        ([ENGINEERING, SALES], [yes(1, "engineering"), yes(2, "sales")], APPROVED),
        ([ENGINEERING, SALES], [yes(1, "engineering"), yes(1, "sales")], PENDING),
        ([ENGINEERING], [yes(1, "engineering"), yes(2, "engineering")], APPROVED),
        ([TWO_OF_QUALITY], [yes(1, "quality")], PENDING),
        ([TWO_OF_QUALITY], [yes(1, "quality"), yes(1, "quality")], PENDING),
        ([TWO_OF_QUALITY], [yes(1, "quality"), yes(2, "quality")], APPROVED),
        ([TWO_OF_QUALITY], [yes(1, "quality"), yes(2, "quality"), yes(3, "quality")], APPROVED),
        ([ENGINEERING], [no(1, "engineering")], DECLINED),
        ([ENGINEERING, SALES], [yes(1, "engineering"), no(2, "sales")], DECLINED),
        ([ENGINEERING, SALES], [no(2, "sales"), yes(1, "engineering")], DECLINED),
        ([ENGINEERING], [yes(1, "engineering"), no(2, "engineering")], DECLINED),
    ],
)
def test_the_outcome_of_a_round(needs: list[RoleNeed], votes: list[Vote], result: str) -> None:
    assert outcome(needs, votes) == result


def test_the_whole_truth_table_of_three_people_and_two_roles() -> None:
    """Every quorum of one and two, every way in which three people decide or do not: 4 times 5 to the third rounds."""
    ways = [None, ("a", "approve"), ("b", "approve"), ("a", "decline"), ("b", "decline")]
    for quorums in product((1, 2), repeat=2):
        needs = [RoleNeed("a", "A", quorums[0]), RoleNeed("b", "B", quorums[1])]
        for round_ in product(ways, repeat=3):
            votes = [Vote(person, *way) for person, way in enumerate(round_) if way is not None]
            approvals = [sum(way == (role, "approve") for way in round_) for role in "ab"]
            wanted = PENDING
            if approvals[0] >= quorums[0] and approvals[1] >= quorums[1]:
                wanted = APPROVED
            if ("a", "decline") in round_ or ("b", "decline") in round_:
                wanted = DECLINED
            assert outcome(needs, votes) == wanted, (quorums, round_)


@pytest.mark.parametrize(
    ("orders", "decided", "up", "waiting"),
    [
        ((1, 1, 1), "", "abc", ""),
        ((1, 1, 1), "b", "ac", ""),
        ((1, 2, 3), "", "a", "bc"),
        ((1, 2, 3), "a", "b", "c"),
        ((1, 2, 3), "ab", "c", ""),
        ((1, 2, 3), "abc", "", ""),
        ((2, 1, 2), "", "b", "ac"),
        ((2, 1, 2), "b", "ac", ""),
        ((2, 1, 2), "ab", "c", ""),
        ((3, 3, 9), "ab", "c", ""),
        # a revoked approval of an early role puts the later ones back, those that have decided too
        ((1, 2, 2), "bc", "a", "bc"),
    ],
)
def test_whose_turn_it_is(orders: tuple[int, int, int], decided: str, up: str, waiting: str) -> None:
    needs = [RoleNeed(key, key.upper(), 1, order) for key, order in zip("abc", orders, strict=True)]
    votes = [yes(number, key) for number, key in enumerate(decided)]
    assert "".join(roles_up(needs, votes)) == up
    assert "".join(need.key for need in needs if is_waiting_its_turn(needs, votes, need.key)) == waiting


def test_the_roles_before_a_role_are_those_of_the_order_below_its_own() -> None:
    needs = [RoleNeed("a", "A", 1, 1), RoleNeed("b", "B", 1, 1), RoleNeed("c", "C", 1, 4), RoleNeed("d", "D", 1, 9)]
    assert [roles_before(needs, key) for key in "abcd"] == [(), (), ("A", "B"), ("C",)]
    assert roles_before(needs, "somebody") == ()


ROLES = ("a", "b", "c")
ORDERED = st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3)), min_size=1, max_size=3).map(
    lambda rows: [RoleNeed(key, key.upper(), *row) for key, row in zip(ROLES, rows, strict=False)]
)
NEEDS = st.lists(st.integers(1, 3), max_size=3).map(
    lambda quorums: [RoleNeed(key, key.upper(), quorum) for key, quorum in zip(ROLES, quorums, strict=False)]
)
VERDICTS = st.sampled_from(("approve", "approve", "decline"))
VOTES = st.lists(st.tuples(st.integers(1, 6), st.sampled_from((*ROLES, "other")), VERDICTS), max_size=8).map(
    lambda rows: [Vote(*row) for row in {row[0]: row for row in rows}.values()]
)


@given(NEEDS, VOTES)
def test_approved_exactly_when_every_role_has_its_quorum_of_different_people_and_nobody_declined(
    needs: list[RoleNeed], votes: list[Vote]
) -> None:
    declined = any(vote.verdict == "decline" for vote in votes)
    filled = all(
        len({v.person for v in votes if v.role == need.key and v.verdict == "approve"}) >= need.quorum for need in needs
    )
    wanted = DECLINED if declined else APPROVED if needs and filled else PENDING
    assert outcome(needs, votes) == wanted
    assert (wanted == APPROVED) == (bool(needs) and not declined and not missing_approvals(needs, votes))


@given(NEEDS, VOTES)
def test_the_order_of_decisions_never_matters(needs: list[RoleNeed], votes: list[Vote]) -> None:
    assert len({outcome(needs, order) for order in list(permutations(votes[:5]))[:24]}) <= 1


@given(NEEDS, VOTES, st.integers(7, 9), st.sampled_from(ROLES))
def test_another_approval_never_undoes_one_and_another_decline_always_ends_the_round(
    needs: list[RoleNeed], votes: list[Vote], person: int, role: str
) -> None:
    if outcome(needs, votes) == APPROVED:
        assert outcome(needs, [*votes, yes(person, role)]) == APPROVED
    assert outcome(needs, [*votes, no(person, role)]) == DECLINED


@given(NEEDS, VOTES)
def test_taking_a_decision_back_never_approves_and_only_a_decline_taken_back_reopens(
    needs: list[RoleNeed], votes: list[Vote]
) -> None:
    for rest in combinations(votes, max(0, len(votes) - 1)):
        if outcome(needs, rest) == APPROVED:
            assert outcome(needs, votes) in (APPROVED, DECLINED)
        if outcome(needs, votes) == PENDING:
            assert outcome(needs, rest) == PENDING


@given(NEEDS, VOTES, st.sampled_from(ROLES), st.integers(1, 9))
def test_a_larger_quorum_or_another_role_never_approves(
    needs: list[RoleNeed], votes: list[Vote], role: str, quorum: int
) -> None:
    if outcome(needs, votes) == PENDING:
        larger = [RoleNeed(n.key, n.name, n.quorum + (n.key == role) * quorum, n.order) for n in needs]
        assert outcome(larger, votes) == PENDING
        assert not needs or outcome([*needs, RoleNeed("more", "More", quorum)], votes) == PENDING


@given(NEEDS, VOTES)
def test_neither_the_order_of_roles_nor_an_approval_in_a_foreign_role_counts(
    needs: list[RoleNeed], votes: list[Vote]
) -> None:
    found = outcome(needs, votes)
    assert {outcome(list(order), votes) for order in permutations(needs)} == {found}
    assert outcome(needs, [*votes, yes(99, "foreign")]) == found


@given(NEEDS, VOTES)
def test_what_a_person_says_a_second_time_counts_for_nothing(needs: list[RoleNeed], votes: list[Vote]) -> None:
    own = [vote for vote in votes if vote.role in {need.key for need in needs}]
    again = [Vote(vote.person, role, "approve") for vote in own for role in ROLES]
    assert outcome(needs, [*own, *again]) == outcome(needs, own)


# --- Whose turn it is -------------------------------------------------------------------------------------------


@given(ORDERED, VOTES)
def test_somebody_is_up_exactly_while_an_approval_is_missing(needs: list[RoleNeed], votes: list[Vote]) -> None:
    missing, up = missing_approvals(needs, votes), roles_up(needs, votes)
    assert bool(up) == bool(missing)
    assert set(up) <= set(missing)
    assert not any(is_waiting_its_turn(needs, votes, role) for role in up)
    assert all(is_waiting_its_turn(needs, votes, role) for role in missing if role not in up)


@given(ORDERED, st.randoms(use_true_random=False))
def test_deciding_in_turn_always_comes_to_an_approval_after_as_many_votes_as_are_needed(
    needs: list[RoleNeed], random: Random
) -> None:
    votes: list[Vote] = []
    while up := roles_up(needs, votes):
        assert outcome(needs, votes) == PENDING
        votes.append(yes(len(votes), random.choice(up)))
    assert outcome(needs, votes) == APPROVED
    assert len(votes) == sum(need.quorum for need in needs)
    order = {need.key: need.order for need in needs}
    assert [order[vote.role] for vote in votes] == sorted(order[vote.role] for vote in votes)


# --- Reaching the quorums ---------------------------------------------------------------------------------------


def can_be_filled(slots: Sequence[str], candidates: Mapping[str, set[int]]) -> bool:
    """By trying every way of putting different people into the slots."""
    choices = [sorted(candidates.get(role, ())) for role in slots]
    return any(len(set(people)) == len(slots) for people in product(*choices))


CANDIDATES = st.dictionaries(st.sampled_from(ROLES), st.sets(st.integers(1, 6), max_size=6))
SMALL_NEEDS = st.lists(st.integers(1, 2), min_size=1, max_size=3).map(
    lambda quorums: [RoleNeed(key, key.upper(), quorum) for key, quorum in zip(ROLES, quorums, strict=False)]
)


@given(SMALL_NEEDS, VOTES, CANDIDATES)
def test_roles_are_unreachable_exactly_when_no_way_of_seating_people_fills_every_quorum(
    needs: list[RoleNeed], votes: list[Vote], candidates: dict[str, set[int]]
) -> None:
    voted = {vote.person for vote in votes}
    free = {role: people - voted for role, people in candidates.items()}
    missing = missing_approvals(needs, votes)
    slots = [role for role, count in missing.items() for _ in range(count)]
    short = unreachable_roles(needs, votes, free)
    assert (short == ()) == can_be_filled(slots, free)
    assert set(short) <= set(missing)
    # the roles that are not named can all be filled together
    assert can_be_filled([role for role in slots if role not in short], free)


@given(SMALL_NEEDS, CANDIDATES)
def test_a_role_with_too_few_people_of_its_own_is_always_named(
    needs: list[RoleNeed], candidates: dict[str, set[int]]
) -> None:
    short = unreachable_roles(needs, [], candidates)
    for need in needs:
        if len(candidates.get(need.key, ())) < need.quorum:
            assert need.key in short


@given(SMALL_NEEDS, CANDIDATES, st.integers(1, 6), st.sampled_from(ROLES))
def test_one_more_person_never_makes_it_worse(
    needs: list[RoleNeed], candidates: dict[str, set[int]], person: int, role: str
) -> None:
    more = candidates | {role: candidates.get(role, set()) | {person}}
    if not unreachable_roles(needs, [], candidates):
        assert not unreachable_roles(needs, [], more)


def test_one_person_with_two_hats_fills_one_seat() -> None:
    needs = [ENGINEERING, SALES]
    assert unreachable_roles(needs, [], {"engineering": {1}, "sales": {1}}) != ()
    assert unreachable_roles(needs, [], {"engineering": {1}, "sales": {1, 2}}) == ()
    assert unreachable_roles(needs, [yes(2, "sales")], {"engineering": {1}, "sales": {1}}) == ()


def test_a_chain_of_hats_is_untangled() -> None:
    needs = [RoleNeed(key, key, 1) for key in ("a", "b", "c", "d")]
    candidates = {"a": {1, 2}, "b": {2, 3}, "c": {3, 4}, "d": {3}}
    assert unreachable_roles(needs, [], candidates) == ()
    assert len(unreachable_roles(needs, [], candidates | {"c": {3}})) == 1


def test_the_scarce_role_is_the_one_that_is_named() -> None:
    needs = [RoleNeed("a", "A", 1), RoleNeed("b", "B", 2)]
    assert unreachable_roles(needs, [], {"a": {1}, "b": {1, 2}}) in (("a",), ("b",))
    assert unreachable_roles(needs, [], {"a": set(), "b": {1, 2}}) == ("a",)
    assert unreachable_roles(needs, [], {"a": {1}, "b": {2}}) == ("b",)


def test_missing_approvals_leaves_out_roles_that_have_theirs() -> None:
    needs = [ENGINEERING, TWO_OF_QUALITY]
    assert missing_approvals(needs, []) == {"engineering": 1, "quality": 2}
    assert missing_approvals(needs, [yes(1, "quality")]) == {"engineering": 1, "quality": 1}
    assert missing_approvals(needs, [yes(1, "engineering"), yes(2, "quality"), yes(3, "quality")]) == {}


# --- Signing ----------------------------------------------------------------------------------------------------


def test_a_password_stands_behind_a_signature_for_ten_minutes_and_never_ahead_of_time() -> None:
    given_at = datetime(2026, 3, 1, 9, tzinfo=UTC)
    ages = {-1: False, 0: True, 600: True, 601: False}
    assert {age: is_fresh(given_at, given_at + timedelta(seconds=age)) for age in ages} == ages


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        ({"verdict": "approve"}, "I approve Market of Router 1.0, round 2, as Sales."),
        ({"verdict": "decline"}, "I decline Market of Router 1.0, round 2, as Sales."),
        (
            {"verdict": "approve", "principal": "Sara", "has_conditions": True},
            "I approve Market of Router 1.0, round 2, as Sales, standing in for Sara, on the conditions that I name.",
        ),
    ],
)
def test_the_sentence_that_is_signed(words: dict[str, Any], meaning: str) -> None:
    assert decision_meaning("Market", "Router 1.0", round_number=2, role="Sales", **words) == meaning
