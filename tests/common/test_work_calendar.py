"""Working days of an organisation's calendar, and dates across leap days and year ends: pure functions."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatekeeper.common.calendars import (
    MONDAY_TO_FRIDAY,
    Freeze,
    WorkCalendar,
    add_months,
    is_working_day,
    last_day_with_fewer_working_days,
    off_day_words,
    working_days_between,
    working_days_left,
)
from releases import rules

DAYS = st.dates(date(2023, 11, 1), date(2029, 2, 28))
CALENDARS = st.builds(
    WorkCalendar,
    weekdays=st.frozensets(st.integers(0, 6), min_size=1),
    holidays=st.dictionaries(DAYS, st.just("Holiday"), max_size=40),
)


@given(DAYS, st.integers(-30, 400), CALENDARS)
def test_working_days_between_are_counted_day_by_day(after: date, ahead: int, calendar: WorkCalendar) -> None:
    until = after + timedelta(days=ahead)
    counted = sum(is_working_day(after + timedelta(days=n), calendar) for n in range(1, ahead + 1))
    assert working_days_between(after, until, calendar) == working_days_left(after, until, calendar) == counted


@given(DAYS, st.integers(0, 60), st.integers(0, 60), CALENDARS)
def test_working_days_add_up(start: date, first: int, second: int, calendar: WorkCalendar) -> None:
    middle, end = start + timedelta(days=first), start + timedelta(days=first + second)
    assert working_days_between(start, end, calendar) == (
        working_days_between(start, middle, calendar) + working_days_between(middle, end, calendar)
    )


@given(DAYS, st.integers(1, 5), CALENDARS)
def test_the_border_for_sql_agrees_with_counting(today: date, count: int, calendar: WorkCalendar) -> None:
    border = last_day_with_fewer_working_days(today, count, calendar)
    assert border >= today
    left = working_days_left(today, border + timedelta(days=1), calendar)
    assert working_days_left(today, border, calendar) < count <= left


def test_holidays_are_off_and_a_freeze_is_only_told() -> None:
    christmas = date(2026, 12, 25)
    calendar = WorkCalendar(
        holidays={christmas: "Christmas Day", date(2026, 12, 26): ""},
        freezes=(Freeze(date(2026, 12, 21), date(2027, 1, 3), "Year end"),),
    )
    assert not is_working_day(christmas, calendar)
    assert is_working_day(date(2026, 12, 28), calendar), "people work in a freeze"
    assert working_days_between(date(2026, 12, 18), date(2027, 1, 4), calendar) == 10
    assert working_days_between(date(2026, 12, 18), date(2027, 1, 4)) == 11
    assert off_day_words(christmas, calendar) == "a holiday (Christmas Day) and in the freeze Year end"
    assert off_day_words(date(2026, 12, 26), calendar) == "a holiday and in the freeze Year end"
    named = WorkCalendar(freezes=(Freeze(christmas, christmas, "Year-end freeze"),))
    assert off_day_words(christmas, named) == "in the Year-end freeze"
    assert off_day_words(date(2026, 12, 12), calendar) == "a Saturday"
    assert off_day_words(date(2026, 12, 21), calendar) == off_day_words(date(2027, 1, 2), calendar).split(" and ")[1]
    assert off_day_words(date(2027, 1, 4), calendar) == off_day_words(date(2026, 12, 18), MONDAY_TO_FRIDAY) == ""


OFFSETS = [("a", -180, None), ("b", -100, None), ("c", -14, None), ("d", None, 6)]


@pytest.mark.parametrize(
    ("target", "due"),
    [
        # 2028 has a 29 February, which is a day like any other for offsets in days
        (date(2028, 3, 14), {"a": date(2027, 9, 16), "b": date(2027, 12, 5), "c": date(2028, 2, 29)}),
        (date(2027, 3, 14), {"a": date(2026, 9, 15), "b": date(2026, 12, 4), "c": date(2027, 2, 28)}),
        (date(2028, 2, 29), {"a": date(2027, 9, 2), "b": date(2027, 11, 21), "c": date(2028, 2, 15)}),
        (date(2027, 1, 1), {"c": date(2026, 12, 18), "d": date(2027, 7, 1)}),
        (date(2026, 12, 31), {"c": date(2026, 12, 17), "d": date(2027, 6, 30)}),
        (date(2027, 8, 31), {"d": date(2028, 2, 29)}),
        (date(2028, 8, 31), {"d": date(2029, 2, 28)}),
    ],
)
def test_offsets_across_leap_days_and_year_ends(target: date, due: dict[str, date]) -> None:
    found = rules.planned_dates(OFFSETS, target)
    assert {key: found[key] for key in due} == due


@given(DAYS)
def test_planned_dates_keep_their_distance_and_their_order(target: date) -> None:
    due = rules.planned_dates(OFFSETS, target)
    assert [(target - due[key]).days for key in "abc"] == [180, 100, 14]
    assert due["a"] < due["b"] < due["c"] < target < due["d"]
    assert due["d"].month == (target.month + 5) % 12 + 1
    earliest = rules.earliest_target(OFFSETS, target)
    assert rules.planned_dates(OFFSETS, earliest)["a"] == target
    assert rules.planned_dates(OFFSETS, earliest - timedelta(days=1))["a"] < target


@given(DAYS, st.integers(-200, 200), st.sampled_from("abc"))
def test_a_move_and_its_opposite_give_the_old_plan(target: date, days: int, key: str) -> None:
    def gates_of(due: dict[str, date]) -> list[rules.PlannedGate]:
        return [rules.PlannedGate(name, name, due[name], False) for name in "abc"]

    due = rules.planned_dates(OFFSETS, target)
    shift = timedelta(days=days)
    there = rules.cascade(gates_of(due), target, {key: due[key] + shift})
    moved = due | {move.key: move.to_on for move in there if move.key}
    new_target = next((move.to_on for move in there if move.key is None), target)
    assert new_target - target == shift
    back = rules.cascade(gates_of(moved), new_target, {key: due[key]})
    assert {(move.key, move.to_on) for move in back} == {(move.key, move.from_on) for move in there}
    # The assessment is worked out anew from the target, so it comes back as well, clamped or not.
    assert add_months(new_target - shift, 6) == due["d"]
