"""The organisation's calendar as a value, for rules, queries and pages. One query, asked once a request."""

from datetime import date, timedelta

from django.apps import apps

from gatekeeper.common.calendars import MONDAY_TO_FRIDAY, Freeze, WorkCalendar
from gatekeeper.common.once import forget, once
from releases.kinds import CalendarKind

_KEY = "calendar"


def organisation_calendar() -> WorkCalendar:
    """Working weekdays, holidays and freeze windows as they are now."""
    return once(_KEY, _load)


def calendar_changed() -> None:
    """For whoever has changed it: the rest of this request sees it."""
    forget(_KEY)


def _load() -> WorkCalendar:
    rows = list(
        apps.get_model("releases", "Organisation")
        ._default_manager.order_by("calendar_entries__starts_on")
        .values_list(
            "working_weekdays",
            "calendar_entries__kind",
            "calendar_entries__starts_on",
            "calendar_entries__ends_on",
            "calendar_entries__name",
        )
    )
    if not rows:
        return WorkCalendar()
    holidays: dict[date, str] = {}
    freezes: list[Freeze] = []
    for _weekdays, kind, starts_on, ends_on, name in rows:
        if kind == CalendarKind.FREEZE:
            freezes.append(Freeze(starts_on, ends_on, name))
        elif kind == CalendarKind.HOLIDAY:
            for ahead in range((ends_on - starts_on).days + 1):
                holidays.setdefault(starts_on + timedelta(days=ahead), name)
    # Without a working weekday counting would never end; the action refuses that, a hand in the database may not.
    weekdays = frozenset(int(number) - 1 for number in rows[0][0]) or MONDAY_TO_FRIDAY.weekdays
    return WorkCalendar(weekdays, holidays, tuple(freezes))
