"""The pure rules of recorded history: keys, the release among the milestones, and the replay of a plan's changes."""

from collections.abc import Sequence
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releases import history
from releases.history import Change, Replay, find_release_milestone, keys_of, merge_order, replay


def on(number: int) -> date:
    """A day of the story."""
    return date(2020, 1, 1) + timedelta(days=number)


def play(baseline: int | None, current: int | None, actual: int | None, *changes: Change, known: int = 1000) -> Replay:
    return replay(
        baseline_on=None if baseline is None else on(baseline),
        current_on=None if current is None else on(current),
        actual_on=None if actual is None else on(actual),
        changes=changes,
        known_on=on(known),
    )


def moved(day: int, old: int | None, new: int | None, reason: str = "later", line: int = 7) -> Change:
    return Change(on(day), None if old is None else on(old), None if new is None else on(new), reason, line=line)


def moves(found: Replay) -> list[tuple[date, date | None, date | None]]:
    return [(move.on, move.from_on, move.to_on) for move in found.moves]


def missed(found: Replay) -> list[tuple[date, int, str]]:
    return [(miss.due_on, miss.days, miss.how) for miss in found.misses]


# --- Names ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "version", "key"),
    [
        ("v1.19.0-rc.1", "1.19", "rc-1"),
        ("v1.19.0 release", "1.19", "release"),
        ("Kernel v1.19.0 release", "1.19", "kernel-release"),
        ("v1.11.0-rc.1", "1.1", "rc-1"),
        ("3.12.0a1", "3.12", "a1"),
        ("alpha 1", "3.2", "alpha-1"),
        ("final", "3.2", "final"),
        ("Docs Placeholder PRs", "1.11", "docs-placeholder-prs"),
        ("2.0", "2.0", "2-0"),
        ("Étape première", "1.0", "etape-premiere"),
    ],
)
def test_a_key_is_the_name_without_the_version(name: str, version: str, key: str) -> None:
    assert history.key_of(name, version) == key


def test_a_name_without_a_latin_letter_has_a_key_too() -> None:
    first, second = history.key_of("发布", "1.0"), history.key_of("冻结", "1.0")
    assert first.startswith("milestone-")
    assert first != second


def test_two_names_for_one_key_keep_their_version_numbers() -> None:
    keys = keys_of(["v1.19.0-rc.1", "v1.19.1-rc.1", "Code Freeze"], "1.19", {})
    assert keys.by_name == {
        "v1.19.0-rc.1": "v1-19-0-rc-1", "v1.19.1-rc.1": "v1-19-1-rc-1", "Code Freeze": "code-freeze",
    }  # fmt: skip
    assert keys.told_apart == ("v1.19.0-rc.1", "v1.19.1-rc.1")
    assert not keys.clashing


def test_a_stored_milestone_keeps_its_key_when_another_comes_for_it() -> None:
    keys = keys_of(["v1.19.0-rc.1", "v1.19.1-rc.1"], "1.19", {"v1.19.0-rc.1": "rc-1"})
    assert keys.by_name == {"v1.19.0-rc.1": "rc-1", "v1.19.1-rc.1": "v1-19-1-rc-1"}


def test_names_that_differ_in_nothing_clash() -> None:
    assert keys_of(["Code Freeze", "Code freeze"], "1.19", {}).clashing == (("Code Freeze", "Code freeze"),)


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["alpha 1", "final"], "final"),
        (["Code Freeze", "v1.0.0 release"], "v1.0.0 release"),
        (["Press release", "v1.0.0 release", "Thaw release"], "v1.0.0 release"),
        (["Preview release", "Public release"], "Public release"),
        (["v1.0.0 release", "Final"], "Final"),
        (["Start of Release Cycle", "Releases", "release"], None),
    ],
)
def test_the_release_among_the_milestones(names: list[str], found: str | None) -> None:
    index, _fits = find_release_milestone((name, history.key_of(name, "1.0")) for name in names)
    assert (names[index] if index is not None else None) == found


def test_a_new_milestone_stands_before_its_successor() -> None:
    known = [("alpha", "alpha"), ("rc-1", "rc 1"), ("release", "release")]
    order = merge_order(known, [[("alpha", "alpha"), ("rc-0", "rc 0"), ("rc-1", "rc 1"), ("thaw", "Thaw")]])
    assert [key for key, _label in order] == ["alpha", "rc-0", "rc-1", "release", "thaw"]
    assert merge_order(order, [known]) == order


# --- Dates without changes ------------------------------------------------------------------------------------------


def test_a_late_milestone_missed_the_plan_in_force() -> None:
    found = play(10, 20, 23)
    assert found.due_on == on(20)
    assert missed(found) == [(on(20), 3, "recorded")]


def test_a_re_plan_on_an_unknown_day_is_in_the_ledger_and_claims_no_miss() -> None:
    found = play(10, 20, 20)
    assert moves(found) == [(on(10), on(10), on(20))]
    assert not found.moves[0].is_day_known
    assert not found.misses


def test_an_unknown_day_lies_before_the_actual_day_and_the_day_of_loading() -> None:
    assert moves(play(10, 20, 5)) == [(on(4), on(10), on(20))]
    assert moves(play(10, 20, None, known=3)) == [(on(3), on(10), on(20))]


@pytest.mark.parametrize(("baseline", "current"), [(10, 10), (10, 20), (10, None), (None, 10), (None, None)])
def test_without_an_actual_date_nothing_is_missed(baseline: int | None, current: int | None) -> None:
    found = play(baseline, current, None)
    assert not found.misses
    assert found.due_on == (None if current is None else on(current))


def test_a_plan_that_was_dropped_is_a_move_to_no_date() -> None:
    assert moves(play(10, None, None)) == [(on(10), on(10), None)]


def test_a_plan_that_nobody_knows_of_a_milestone_that_happened_is_no_move() -> None:
    found = play(10, None, 20, moved(5, 10, 15))
    assert found.due_on is None
    assert moves(found) == [(on(5), on(10), on(15))]
    assert not found.misses
    assert not found.disagreements


def test_a_first_date_is_no_move() -> None:
    assert not play(None, 20, 25).moves


def test_on_the_day_is_in_time() -> None:
    assert not play(10, 10, 10).misses
    assert not play(10, 10, 9).misses


# --- Changes --------------------------------------------------------------------------------------------------------


def test_a_change_moves_the_plan_on_its_day() -> None:
    found = play(10, 20, 20, moved(5, 10, 20))
    assert moves(found) == [(on(5), on(10), on(20))]
    assert found.moves[0].is_day_known
    assert not found.misses


def test_a_change_after_the_due_day_settles_a_miss() -> None:
    found = play(10, 20, 21, moved(12, 10, 20))
    assert missed(found) == [(on(10), 10, "replan"), (on(20), 1, "recorded")]
    assert found.moves[0].settles == on(10)
    assert found.misses[0].missed_on == on(11)
    assert found.misses[0].settled_on == on(12)


def test_a_change_on_the_due_day_is_in_time() -> None:
    assert not play(10, 20, 20, moved(10, 10, 20)).misses


@pytest.mark.parametrize("day", [20, 21, 400])
def test_a_change_on_or_after_the_actual_day_is_a_note(day: int) -> None:
    found = play(10, 10, 20, moved(day, 10, 20))
    assert found.due_on == on(10)
    assert not found.moves
    assert missed(found) == [(on(10), 10, "recorded")]
    assert not found.disagreements


def test_changes_of_one_day_count_in_their_order_and_only_the_last_is_in_force() -> None:
    found = play(10, 30, 30, moved(12, 10, 11), moved(12, 11, 30))
    assert moves(found) == [(on(12), on(10), on(11)), (on(12), on(11), on(30))]
    assert missed(found) == [(on(10), 1, "replan")]


def test_a_date_that_was_past_when_it_came_in_force_is_missed_at_the_end_of_a_whole_day() -> None:
    found = play(10, 14, 20, moved(15, 10, 14))
    assert missed(found) == [(on(10), 4, "replan"), (on(14), 6, "recorded")]
    assert found.misses[1].missed_on == on(16)


def test_a_due_date_that_is_missed_twice_is_one_miss() -> None:
    found = play(10, 10, 30, moved(12, 10, 20), moved(15, 20, 10))
    assert missed(found) == [(on(10), 20, "recorded")]
    assert found.misses[0].missed_on == on(11)
    assert len(found.moves) == 2


def test_a_milestone_that_is_dropped_after_its_day_was_missed_until_then() -> None:
    assert missed(play(10, None, None, moved(14, 10, None))) == [(on(10), 4, "replan")]


def test_an_open_milestone_with_a_late_re_plan_was_missed_before_it() -> None:
    found = play(10, 20, None, moved(12, 10, 20))
    assert missed(found) == [(on(10), 10, "replan")]
    assert found.due_on == on(20)


def test_changes_lead_on_from_the_plan_of_an_open_milestone() -> None:
    found = play(10, 10, None, moved(5, 10, 20))
    assert found.due_on == on(20)
    assert not found.disagreements


# --- Typing errors --------------------------------------------------------------------------------------------------


def test_a_typing_error_and_its_correction_make_no_ledger_row_and_no_miss() -> None:
    wrong = moved(3, 20, 2, "typing error: wrong month")
    right = moved(9, 2, 40, "Typing error: corrected")
    found = play(20, 50, 50, wrong, right, moved(30, 40, 50))
    assert moves(found) == [(on(30), on(40), on(50))]
    assert not found.misses
    assert not found.disagreements


def test_a_corrected_baseline_is_no_disagreement() -> None:
    found = play(20, 20, 20, moved(3, 99, 20, "typing error: page did not agree"))
    assert not found.moves
    assert not found.disagreements


def test_a_date_that_was_mended_after_it_passed_was_never_missed() -> None:
    assert not play(10, 40, 40, moved(12, 10, 30, "typing error: no such day"), moved(20, 30, 40)).misses


# --- What does not agree --------------------------------------------------------------------------------------------


def test_a_change_from_another_date_is_named_and_the_gap_closed() -> None:
    found = play(10, 30, 30, moved(8, 20, 30, line=4))
    assert [d.line for d in found.disagreements] == [4]
    assert "old_date is 2020-01-21" in found.disagreements[0].message
    assert moves(found) == [(on(8), on(10), on(20)), (on(8), on(20), on(30))]
    assert [move.is_day_known for move in found.moves] == [False, True]


def test_changes_that_lead_elsewhere_do_not_move_the_plan_on_the_eve() -> None:
    found = play(10, 30, 31, moved(5, 10, 20, line=4))
    assert found.due_on == on(30)
    assert [d.line for d in found.disagreements] == [4]
    assert moves(found) == [(on(5), on(10), on(20)), (on(20), on(20), on(30))]
    assert missed(found) == [(on(30), 1, "recorded")]


def test_a_change_to_the_date_in_force_moves_nothing() -> None:
    found = play(10, 10, 10, moved(5, 20, 10, line=4))
    assert not found.moves
    assert [d.line for d in found.disagreements] == [4]


def test_a_change_that_was_found_needs_no_old_date() -> None:
    found = play(10, 40, None, moved(5, 10, 30), Change(on(7), on(10), on(40), is_found=True))
    assert moves(found) == [(on(5), on(10), on(30)), (on(7), on(30), on(40))]
    assert not found.disagreements


# --- Whatever is known ----------------------------------------------------------------------------------------------

days = st.integers(0, 60)
maybe = st.none() | days
reasons = st.sampled_from(["later", "earlier", "typing error: wrong year"])
some_changes = st.lists(
    st.builds(moved, days, maybe, maybe, reasons).filter(lambda c: c.old_on != c.new_on), max_size=6
)


@given(maybe, maybe, maybe, some_changes)
def test_the_figures_do_not_depend_on_changes(
    baseline: int | None, current: int | None, actual: int | None, changes: Sequence[Change]
) -> None:
    found = play(baseline, current, actual, *changes)
    if actual is None:
        return
    assert found.due_on == (None if current is None else on(current))
    last = [miss for miss in found.misses if miss.how == "recorded"]
    if current is not None and actual > current:
        assert [(miss.due_on, miss.days) for miss in last] == [(on(current), actual - current)]
    else:
        assert not last


@given(maybe, maybe, maybe, some_changes)
def test_the_ledger_is_a_chain_and_a_miss_is_settled_after_its_day(
    baseline: int | None, current: int | None, actual: int | None, changes: Sequence[Change]
) -> None:
    found = play(baseline, current, actual, *changes)
    assert [move.on for move in found.moves] == sorted(move.on for move in found.moves)
    assert all(move.from_on != move.to_on for move in found.moves)
    assert len({miss.due_on for miss in found.misses}) == len(found.misses)
    for miss in found.misses:
        assert miss.due_on < miss.missed_on <= miss.settled_on
    if actual is not None:
        assert all(move.on < on(actual) for move in found.moves)
    if not any(change.is_typing_error for change in changes):
        for first, second in zip(found.moves, found.moves[1:], strict=False):
            assert first.to_on == second.from_on
        if found.moves:
            assert found.moves[-1].to_on == found.due_on or (current is None and actual is not None)
            assert baseline is None or found.moves[0].from_on == on(baseline)


@given(maybe, maybe, maybe)
def test_with_no_changes_a_miss_needs_an_actual_date(
    baseline: int | None, current: int | None, actual: int | None
) -> None:
    found = play(baseline, current, actual)
    assert len(found.misses) == int(current is not None and actual is not None and actual > current)
