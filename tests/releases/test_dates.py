"""Calendar days: months, year ends, leap days, time zones. A due day is decided by the calendar alone."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from approvals.actions.decisions import record_decision
from approvals.actions.rounds import submit_evidence
from gatekeeper.common.calendars import (
    add_months,
    day_of,
    has_passed,
    last_day_with_fewer_working_days,
    latest_allowed_day,
    working_days_left,
)
from gatekeeper.common.clock import fixed_clock
from releases import rules
from releases.actions.releases import activate_release, create_release
from releases.actions.slips import record_all_misses
from releases.models import Slip
from tests.cast import MARKET, Cast, approve, fill, gate_of

DAYS = st.dates(date(2000, 1, 1), date(2099, 12, 31))


@pytest.mark.parametrize(
    ("day", "months", "found"),
    [
        (date(2027, 8, 31), 6, date(2028, 2, 29)),
        (date(2026, 8, 31), 6, date(2027, 2, 28)),
        (date(2099, 8, 30), 6, date(2100, 2, 28)),
        (date(2028, 2, 29), 12, date(2029, 2, 28)),
        (date(2028, 2, 29), 48, date(2032, 2, 29)),
        (date(2026, 6, 30), 6, date(2026, 12, 30)),
        (date(2026, 12, 31), 2, date(2027, 2, 28)),
        (date(2026, 12, 31), 1, date(2027, 1, 31)),
        (date(2026, 7, 31), 0, date(2026, 7, 31)),
        (date(2028, 2, 29), 120, date(2038, 2, 28)),
    ],
)
def test_months_are_clamped_to_the_end_of_the_month(day: date, months: int, found: date) -> None:
    assert add_months(day, months) == found


@given(DAYS, st.integers(0, 240))
def test_some_months_later_is_that_many_months_later_and_the_same_day_or_the_months_last(
    day: date, months: int
) -> None:
    found = add_months(day, months)
    assert (found.year * 12 + found.month) - (day.year * 12 + day.month) == months
    assert found.day == day.day or (found.day < day.day and (found + timedelta(days=1)).day == 1)


@given(DAYS, st.integers(-40, 40))
def test_working_days_left_counts_mondays_to_fridays_after_today(today: date, ahead: int) -> None:
    due = today + timedelta(days=ahead)
    counted = sum((today + timedelta(days=n)).weekday() < 5 for n in range(1, ahead + 1))
    assert working_days_left(today, due) == counted


@given(DAYS, st.integers(1, 12))
def test_the_last_day_with_fewer_working_days_is_the_border(today: date, count: int) -> None:
    border = last_day_with_fewer_working_days(today, count)
    assert working_days_left(today, border) < count <= working_days_left(today, border + timedelta(days=1))


def test_the_latest_allowed_day_is_ten_years_ahead_leap_day_or_not() -> None:
    assert latest_allowed_day(date(2028, 2, 29)) == date(2038, 2, 28)
    assert latest_allowed_day(date(2026, 1, 5)) == date(2036, 1, 5)


def test_a_due_day_has_passed_on_the_day_after_it() -> None:
    due = date(2028, 2, 29)
    assert [has_passed(due, due + timedelta(days=n)) for n in (-1, 0, 1)] == [False, False, True]


# --- Zones ------------------------------------------------------------------------------------------------------

ZONES = [
    "UTC",
    "Pacific/Kiritimati",  # the first to begin a day, fourteen hours ahead
    "Pacific/Niue",  # among the last, eleven hours behind
    "Australia/Lord_Howe",  # half an hour of summer time
    "America/New_York",
    "America/Sao_Paulo",
]
DUE_DAYS = [
    date(2026, 3, 8),  # New York goes over to summer time: 23 hours
    date(2026, 11, 1),  # and back: 25 hours
    date(2026, 4, 5),  # Lord Howe goes back
    date(2026, 10, 4),  # and forth
    date(2026, 12, 31),
    date(2028, 2, 29),
    date(2026, 6, 15),
]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("due", DUE_DAYS, ids=str)
def test_the_due_day_lasts_until_midnight_in_the_organisations_zone(settings: Settings, zone: str, due: date) -> None:
    settings.TIME_ZONE = zone
    tz = ZoneInfo(zone)
    after = due + timedelta(days=1)
    midnight = datetime(after.year, after.month, after.day, tzinfo=tz).astimezone(UTC)
    assert not has_passed(due, day_of(midnight - timedelta(microseconds=1)))
    assert has_passed(due, day_of(midnight))
    begin = datetime(due.year, due.month, due.day, tzinfo=tz).astimezone(UTC)
    assert day_of(begin) == due
    assert day_of(begin - timedelta(microseconds=1)) == due - timedelta(days=1)


@given(st.integers(0, 7 * 366 * 86_400), st.sampled_from(ZONES))
def test_every_moment_lies_in_exactly_one_day(seconds: int, zone: str) -> None:
    moment = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    tz = ZoneInfo(zone)
    with override_settings(TIME_ZONE=zone):
        day = day_of(moment)
    start = datetime(day.year, day.month, day.day, tzinfo=tz)
    following = day + timedelta(days=1)
    end = datetime(following.year, following.month, following.day, tzinfo=tz)
    assert start.astimezone(UTC) <= moment < end.astimezone(UTC)


@pytest.mark.parametrize(
    ("zone", "in_time", "late"),
    [
        ("Pacific/Kiritimati", datetime(2026, 2, 4, 9, 59, tzinfo=UTC), datetime(2026, 2, 4, 10, 0, tzinfo=UTC)),
        ("Pacific/Niue", datetime(2026, 2, 5, 10, 59, tzinfo=UTC), datetime(2026, 2, 5, 11, 0, tzinfo=UTC)),
        ("America/New_York", datetime(2026, 2, 5, 4, 59, tzinfo=UTC), datetime(2026, 2, 5, 5, 0, tzinfo=UTC)),
    ],
)
def test_an_approval_in_the_last_minute_of_the_due_day_is_in_time_and_a_minute_later_is_not(
    cast: Cast, settings: Settings, zone: str, in_time: datetime, late: datetime
) -> None:
    settings.TIME_ZONE = zone
    for version, at_last in (("1.0", in_time), ("2.0", late)):
        start = datetime(2026, 1, 10, 12, tzinfo=UTC)
        draft = create_release(
            product=cast.product, version=version, target_on=date(2026, 4, 5), playbook=cast.playbook, actor=cast.pm,
            clock=fixed_clock(start),
        )  # fmt: skip
        release = activate_release(release_id=draft.pk, actor=cast.pm, clock=fixed_clock(start))
        gate = gate_of(release, MARKET)
        assert gate.due_on == date(2026, 2, 4)
        fill(cast, gate, on=6)
        submit_evidence(gate_id=gate.pk, actor=cast.pm, clock=fixed_clock(start))
        approve(cast, gate, "engineering", on=6)
        record_decision(
            gate_id=gate.pk, round_number=1, role_key="sales", actor=cast.second_approver, verdict="approve",
            clock=fixed_clock(at_last),
        )  # fmt: skip
        assert Slip.objects.filter(release=release).count() == (version == "2.0")


def test_the_sweeps_day_is_the_organisations_not_greenwichs(cast: Cast, settings: Settings) -> None:
    settings.TIME_ZONE = "Pacific/Kiritimati"
    start = fixed_clock(datetime(2026, 1, 10, 12, tzinfo=UTC))
    draft = create_release(
        product=cast.product, version="1.0", target_on=date(2026, 4, 5), playbook=cast.playbook, actor=cast.pm,
        clock=start,
    )  # fmt: skip
    activate_release(release_id=draft.pk, actor=cast.pm, clock=start)
    for moment, misses in (
        (datetime(2026, 2, 4, 9, 59, 59, tzinfo=UTC), 0),
        (datetime(2026, 2, 4, 10, 0, tzinfo=UTC), 1),
    ):
        assert record_all_misses(day_of(moment), clock=fixed_clock(moment)) == misses


def test_the_plan_of_a_release_over_a_leap_day_counts_calendar_days() -> None:
    dates = rules.planned_dates([("a", -1, None), ("b", 0, None), ("c", None, 6)], date(2028, 3, 1))
    assert dates == {"a": date(2028, 2, 29), "b": date(2028, 3, 1), "c": date(2028, 9, 1)}
    assert rules.planned_dates([("a", -366, None)], date(2028, 12, 31)) == {"a": date(2027, 12, 31)}
