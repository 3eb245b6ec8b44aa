"""The pure rules of approval: the outcome of a round, and whether its quorums can still be reached."""

from collections.abc import Mapping, Sequence
from itertools import permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.rules import (
    APPROVED,
    DECLINED,
    PENDING,
    RoleNeed,
    Vote,
    missing_approvals,
    outcome,
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


ROLES = ("a", "b", "c")
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
