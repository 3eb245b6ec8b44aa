"""Day arithmetic: pure functions on dates, and the one deadline function."""

import calendar
from datetime import date, datetime, timedelta
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
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def latest_allowed_day(today: date) -> date:
    """The last day that a plan may name."""
    return add_months(today, YEARS_AHEAD * 12)


def is_working_day(day: date) -> bool:
    """Monday to Friday."""
    return day.weekday() < 5


def working_days_left(today: date, due_on: date) -> int:
    """Working days after today up to and including the due day; 0 when it is today or past."""
    if due_on <= today:
        return 0
    weeks, rest = divmod((due_on - today).days, 7)
    return weeks * 5 + sum(is_working_day(due_on - timedelta(days=i)) for i in range(rest))


def last_day_with_fewer_working_days(today: date, working_days: int) -> date:
    """The latest due day that has fewer than so many working days left, so that SQL can compare dates."""
    day = today
    while working_days_left(today, day + timedelta(days=1)) < working_days:
        day += timedelta(days=1)
    return day
