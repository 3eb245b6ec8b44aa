"""The pure rules of releases: transitions, the cascade, date problems, the board and its display states."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releases import rules
from releases.kinds import PASSED, UNDECIDED, GateState, ReleaseState
from releases.rules import DateProblem, Move, PlannedGate
from tests.cast import day

# --- Transitions ------------------------------------------------------------------------------------------------


def test_releases_change_state_only_along_the_table() -> None:
    allowed = {(a, b) for a, found in rules.RELEASE_TRANSITIONS.items() for b in found}
    assert allowed == {
        ("draft", "active"), ("draft", "cancelled"),
        ("active", "on_hold"), ("active", "released"), ("active", "cancelled"),
        ("on_hold", "active"), ("on_hold", "cancelled"),
        ("released", "closed"),
    }  # fmt: skip
    assert set(rules.RELEASE_TRANSITIONS) == set(ReleaseState)


def test_gates_change_state_only_along_the_table() -> None:
    allowed = {(a, b) for a, found in rules.GATE_TRANSITIONS.items() for b in found}
    assert allowed == {
        ("upcoming", "open"),
        ("open", "in_review"), ("in_review", "approved"), ("in_review", "declined"), ("in_review", "open"),
        ("declined", "in_review"),
        ("open", "waived"), ("in_review", "waived"), ("declined", "waived"),
    }  # fmt: skip


def test_no_way_leads_from_the_beginning_to_approved_without_a_review() -> None:
    without_review = {a: found - {"in_review"} for a, found in rules.GATE_TRANSITIONS.items() if a != "in_review"}
    reached, edge = {"upcoming"}, ["upcoming"]
    while edge:
        for state in without_review.get(edge.pop(), ()):
            if state not in reached:
                reached.add(state)
                edge.append(state)
    assert GateState.APPROVED not in reached


# --- The current gate -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("states", "index"),
    [
        ([], None),
        (["open", "upcoming", "upcoming"], 0),
        (["approved", "in_review", "upcoming"], 1),
        (["waived", "declined", "upcoming"], 1),
        (["approved", "approved", "upcoming"], None),
        (["approved", "approved", "open"], 2),
        (["approved", "waived", "in_review"], 2),
        (["approved", "approved", "approved"], None),
    ],
)
def test_the_current_gate_is_the_first_not_passed_unless_it_waits_for_the_release(
    states: list[str], index: int | None
) -> None:
    assert rules.current_index(states, [False, False, True][: len(states)]) == index


# --- The cascade ------------------------------------------------------------------------------------------------

KEYS = ("a", "b", "c", "d")


def plan(*days: int, pinned: str = "") -> list[PlannedGate]:
    return [PlannedGate(k, k.upper(), day(n), k in pinned) for k, n in zip(KEYS, days, strict=False)]


def moved(moves: Sequence[Move]) -> dict[str, int]:
    return {move.key or "target": (move.to_on - day(0)).days for move in moves}


@pytest.mark.parametrize(
    ("pinned", "wanted", "result"),
    [
        ("", {}, {}),
        ("", {"a": 10}, {}),
        ("", {"a": 13}, {"a": 13, "b": 23, "c": 33, "target": 43}),
        ("", {"b": 25}, {"b": 25, "c": 35, "target": 45}),
        ("", {"c": 28}, {"c": 28, "target": 38}),
        ("b", {"a": 13}, {"a": 13, "c": 33, "target": 43}),
        ("bc", {"a": 13}, {"a": 13, "target": 43}),
        ("abc", {"a": 13}, {"a": 13, "target": 43}),
        ("", {"a": 13, "b": 20}, {"a": 13}),
        ("", {"a": 13, "b": 21}, {"a": 13, "b": 21, "c": 31, "target": 41}),
        ("", {"a": 13, "target": 40}, {"a": 13, "b": 23, "c": 33}),
        ("", {"target": 47}, {"target": 47}),
        ("c", {"c": 34}, {"c": 34, "target": 44}),
    ],
)
def test_gates_move_along_with_the_last_named_one_before_them(
    pinned: str, wanted: dict[str, int], result: dict[str, int]
) -> None:
    moves = rules.cascade(plan(10, 20, 30, pinned=pinned), day(40), {k: day(n) for k, n in wanted.items()})
    assert moved(moves) == result
    assert {m.key or "target" for m in moves if not m.is_cascade} == set(wanted) & set(result)
    assert all(move.from_on != move.to_on for move in moves)


@st.composite
def plans(draw: st.DrawFn) -> tuple[list[PlannedGate], date]:
    days = sorted(draw(st.lists(st.integers(0, 60), min_size=5, max_size=5)))
    pins = draw(st.lists(st.booleans(), min_size=4, max_size=4))
    gates = [PlannedGate(k, k, day(n), pin) for k, n, pin in zip(KEYS, days[:4], pins, strict=True)]
    return gates, day(days[4])


def applied(gates: Sequence[PlannedGate], target: date, moves: Sequence[Move]) -> tuple[list[PlannedGate], date]:
    to = {move.key: move.to_on for move in moves}
    return [replace(g, due_on=to.get(g.key, g.due_on)) for g in gates], to.get(None, target)


@given(plans(), st.sampled_from(KEYS), st.integers(-60, 60))
def test_one_gate_moves_every_unpinned_later_date_by_its_days_and_nothing_else(
    what: tuple[list[PlannedGate], date], key: str, shift: int
) -> None:
    gates, target = what
    index = KEYS.index(key)
    wanted = {key: gates[index].due_on + timedelta(days=shift)}
    after, new_target = applied(gates, target, rules.cascade(gates, target, wanted))
    assert after[:index] == gates[:index]
    for old, new in zip(gates[index + 1 :], after[index + 1 :], strict=True):
        assert (new.due_on - old.due_on).days == (0 if old.is_pinned else shift)
    assert (new_target - target).days == shift


@given(plans(), st.dictionaries(st.sampled_from((*KEYS, "target")), st.integers(0, 90)))
def test_named_dates_land_where_they_were_put_and_repeating_a_plan_changes_nothing(
    what: tuple[list[PlannedGate], date], numbers: dict[str, int]
) -> None:
    gates, target = what
    wanted: Mapping[str, date] = {k: day(n) for k, n in numbers.items()}
    after, new_target = applied(gates, target, rules.cascade(gates, target, wanted))
    for gate in after:
        if gate.key in wanted:
            assert gate.due_on == wanted[gate.key]
    assert "target" not in wanted or new_target == wanted["target"]
    if "target" in wanted:
        assert rules.cascade(after, new_target, wanted) == []


@given(plans(), st.sampled_from(KEYS), st.integers(0, 60))
def test_moving_later_never_puts_unpinned_gates_out_of_order(
    what: tuple[list[PlannedGate], date], key: str, shift: int
) -> None:
    gates = [replace(gate, is_pinned=False) for gate in what[0]]
    wanted = {key: gates[KEYS.index(key)].due_on + timedelta(days=shift)}
    after, target = applied(gates, what[1], rules.cascade(gates, what[1], wanted))
    days = [gate.due_on for gate in after] + [target]
    assert days == sorted(days)


# --- Date problems ----------------------------------------------------------------------------------------------


def problems(days: dict[str, int], changed: str, today: int = 10, latest: int = 100) -> list[tuple[str, str]]:
    ordered = [(key, key.upper(), day(number)) for key, number in days.items()]
    return [(p.key, p.code) for p in rules.date_problems(ordered, changed, day(today), day(latest))]


@pytest.mark.parametrize(
    ("days", "changed", "found"),
    [
        ({"a": 10, "b": 20, "t": 30}, "abt", []),
        ({"a": 10, "b": 10, "t": 10}, "abt", []),
        ({"a": 9, "b": 20, "t": 30}, "abt", [("a", "date_in_past")]),
        ({"a": 9, "b": 20, "t": 30}, "bt", []),
        ({"a": 10, "b": 20, "t": 100}, "abt", []),
        ({"a": 10, "b": 20, "t": 101}, "abt", [("t", "date_too_far")]),
        ({"a": 21, "b": 20, "t": 30}, "a", [("a", "dates_out_of_order")]),
        ({"a": 21, "b": 20, "t": 30}, "b", [("b", "dates_out_of_order")]),
        ({"a": 21, "b": 20, "t": 30}, "t", []),
        ({"a": 21, "b": 20, "t": 19}, "ab", [("a", "dates_out_of_order"), ("b", "dates_out_of_order")]),
        ({"a": 8, "b": 7, "t": 200}, "abt", [
            ("a", "date_in_past"), ("b", "date_in_past"), ("t", "date_too_far"), ("a", "dates_out_of_order"),
        ]),
        ({}, "", []),
    ],
)  # fmt: skip
def test_changed_dates_lie_ahead_in_range_and_in_order(
    days: dict[str, int], changed: str, found: list[tuple[str, str]]
) -> None:
    assert problems(days, changed) == found


@given(st.lists(st.integers(0, 120), max_size=6), st.sets(st.integers(0, 5)))
def test_a_plan_has_no_problem_exactly_when_every_changed_date_fits(numbers: list[int], changed: set[int]) -> None:
    days = {str(index): number for index, number in enumerate(numbers)}
    touched = {str(index) for index in changed}
    fits = all(10 <= n <= 100 for k, n in days.items() if k in touched) and all(
        a[1] <= b[1] for a, b in pairwise(days.items()) if a[0] in touched or b[0] in touched
    )
    ordered = [(key, key, day(number)) for key, number in days.items()]
    assert (rules.date_problems(ordered, touched, day(10), day(100)) == []) == fits


def test_a_problem_between_two_dates_is_shown_at_the_one_that_was_typed() -> None:
    problem = DateProblem("a", "dates_out_of_order", "A would be due after B.", "b")
    assert problem.about({"b": 1}) == "b"
    assert problem.about({"a": 1, "b": 1}) == "a"
    assert problem.about({}) == "a"
    assert DateProblem("a", "date_in_past", "A is in the past.").about({"b": 1}) == "a"


# --- Plans from offsets -----------------------------------------------------------------------------------------

OFFSETS = st.lists(st.integers(-400, 0), min_size=1, max_size=7).map(
    lambda days: [*((str(i), n, None) for i, n in enumerate(sorted(days))), ("after", None, 6)]
)


@given(OFFSETS, st.dates(date(2026, 1, 1), date(2040, 1, 1)))
def test_the_earliest_target_fits_and_the_day_before_it_does_not(
    offsets: list[tuple[str, int | None, int | None]], today: date
) -> None:
    earliest = rules.earliest_target(offsets, today)

    def fits(target: date) -> bool:
        days = [rules.planned_dates(offsets, target)[key] for key, n, _months in offsets if n is not None]
        return min([*days, target]) >= today

    assert fits(earliest)
    assert not fits(earliest - timedelta(days=1))


@given(OFFSETS, st.dates(date(2026, 1, 1), date(2040, 1, 1)))
def test_planned_dates_keep_the_order_of_the_playbook(
    offsets: list[tuple[str, int | None, int | None]], target: date
) -> None:
    days = list(rules.planned_dates(offsets, target).values())
    assert days == sorted(days)


# --- Slip days and forecast -------------------------------------------------------------------------------------


def test_the_slip_of_a_release_is_target_less_baseline_less_days_on_hold() -> None:
    assert rules.slip_days_of(day(97), day(90), 0) == 7
    assert rules.slip_days_of(day(97), day(90), 7) == 0
    assert rules.slip_days_of(day(85), day(90), 0) == -5
    assert rules.slip_days_of(None, day(90), 0) == 0
    assert rules.slip_days_of(day(90), None, 0) == 0


def test_while_a_miss_is_unsettled_everything_is_forecast_later_by_the_days_since_the_due_day() -> None:
    assert rules.forecast_days_late(day(30), True, day(37)) == 7
    assert rules.forecast_days_late(day(30), True, day(29)) == 0
    assert rules.forecast_days_late(day(30), False, day(37)) == 0
    assert rules.forecast_days_late(None, True, day(37)) == 0


# --- Display states ---------------------------------------------------------------------------------------------


def test_display_states_follow_the_order_in_which_one_wins() -> None:
    """Approved, Waived, Late, Declined, Waiting, Preparing, Not started."""
    for state in GateState:
        for due in (day(9), day(10), None):
            for conditions in (0, 2):
                found = rules.display_state(state, due_on=due, today=day(10), conditions=conditions)
                if state == GateState.APPROVED:
                    wanted = "cond" if conditions else "ok"
                elif state == GateState.WAIVED:
                    wanted = "na"
                elif state in UNDECIDED and due == day(9):
                    wanted = "late"
                else:
                    wanted = {"declined": "dec", "in_review": "rev", "open": "prep", "recorded": "ok"}.get(
                        state, "none"
                    )
                assert found == wanted, (state, due, conditions)


def test_a_gate_of_a_release_that_does_not_run_is_never_late() -> None:
    assert rules.display_state("open", due_on=day(1), today=day(10), is_running=False) == "prep"
    assert rules.display_state("in_review", due_on=day(1), today=day(10), is_running=False) == "rev"


def test_upcoming_gates_are_not_late() -> None:
    assert rules.display_state("upcoming", due_on=day(1), today=day(10)) == "none"


def test_the_board_reads_as_cells_with_days() -> None:
    row = ["a", "Alpha", 1, "approved", "2028-02-29", None, "2028-03-01", 2, False, 1, False]
    cell = rules.cells([row])[0]
    assert (cell.due_day, cell.decided_day, cell.slips) == (date(2028, 2, 29), date(2028, 3, 1), 2)
    assert (rules.cells([[*row[:4], None, None, None, *row[7:]]])[0].due_day) is None


def test_every_gate_state_is_passed_waiting_or_before_its_time() -> None:
    rest = set(GateState) - set(PASSED) - set(UNDECIDED)
    assert rest == {GateState.UPCOMING, GateState.RECORDED, GateState.NOT_RECORDED}
