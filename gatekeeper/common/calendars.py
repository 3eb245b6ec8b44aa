"""Day arithmetic: pure functions on dates, and the one deadline function."""

import calendar as months_of
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from django.conf import settings

EARLIEST_DAY = date(2000, 1, 1)
YEARS_AHEAD = 10


def organisation_zone() -> ZoneInfo:
    """The organisation's time zone, in which days begin and end."""
    return ZoneInfo(settings.TIME_ZONE)


def day_of(at: datetime) -> date:
    """The calendar day of a moment in the organisation's zone."""
    return at.astimezone(organisation_zone()).date()


def has_passed(due_on: date, today: date) -> bool:
    """The one deadline function: a due day has passed when that whole day has ended; today still counts as in time.

    `today` is the organisation's calendar day (`day_of` a moment), so no hour of a clock change ever decides a miss.
    """
    return due_on < today


def add_months(day: date, months: int) -> date:
    """The same day some calendar months later, clamped to the month's end (31 Aug + 6 months = 28 or 29 Feb)."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(day.day, months_of.monthrange(year, month + 1)[1]))


def latest_allowed_day(today: date) -> date:
    """The last day that a plan may name."""
    return add_months(today, YEARS_AHEAD * 12)


@dataclass(frozen=True)
class Freeze:
    """Days, both included, in which the organisation wants no release and no deadline."""

    starts_on: date
    ends_on: date
    name: str


@dataclass(frozen=True)
class WorkCalendar:
    """Which days the organisation works on: weekdays as numbers (Monday 0), and holidays with their names.

    A freeze is told wherever a date falls into it; its days are working days all the same.
    """

    weekdays: frozenset[int] = frozenset(range(5))
    holidays: Mapping[date, str] = field(default_factory=dict)
    freezes: tuple[Freeze, ...] = ()

    @cached_property
    def days_off(self) -> list[date]:
        """Holidays that fall on a working weekday, in order."""
        return sorted(day for day in self.holidays if day.weekday() in self.weekdays)


MONDAY_TO_FRIDAY = WorkCalendar()
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def is_working_day(day: date, calendar: WorkCalendar = MONDAY_TO_FRIDAY) -> bool:
    """A working weekday that is no holiday."""
    return day.weekday() in calendar.weekdays and day not in calendar.holidays


def working_days_between(after: date, until: date, calendar: WorkCalendar = MONDAY_TO_FRIDAY) -> int:
    """Working days after one day up to and including another; 0 when that is not later."""
    if until <= after:
        return 0
    weeks, rest = divmod((until - after).days, 7)
    days = weeks * len(calendar.weekdays)
    days += sum((until - timedelta(days=i)).weekday() in calendar.weekdays for i in range(rest))
    off = calendar.days_off
    return days - (bisect_right(off, until) - bisect_right(off, after))


def working_days_left(today: date, due_on: date, calendar: WorkCalendar = MONDAY_TO_FRIDAY) -> int:
    """Working days after today up to and including the due day; 0 when it is today or past."""
    return working_days_between(today, due_on, calendar)


def last_day_with_fewer_working_days(today: date, working_days: int, calendar: WorkCalendar = MONDAY_TO_FRIDAY) -> date:
    """The latest due day that has fewer than so many working days left, so that SQL can compare dates."""
    day, left = today, 0
    while True:
        following = day + timedelta(days=1)
        left += is_working_day(following, calendar)
        if left >= working_days:
            return day
        day = following


def _freeze_words(name: str) -> str:
    """in the freeze Year end, in the Year-end freeze, in a freeze."""
    if not name:
        return "in a freeze"
    return f"in the {name}" if name.lower().endswith("freeze") else f"in the freeze {name}"


def off_day_words(day: date, calendar: WorkCalendar) -> str:
    """Why somebody should look twice at a date: "a Saturday", "a holiday (Labour Day)", "in the freeze Year end"."""
    words = []
    if day in calendar.holidays:
        name = calendar.holidays[day]
        words.append(f"a holiday ({name})" if name else "a holiday")
    elif day.weekday() not in calendar.weekdays:
        words.append(f"a {WEEKDAYS[day.weekday()]}")
    words += [_freeze_words(freeze.name) for freeze in calendar.freezes if freeze.starts_on <= day <= freeze.ends_on]
    return " and ".join(words)
