"""The organisation's calendar: working weekdays, holidays and freeze windows. For administrators."""

from collections.abc import Collection

from django.db import transaction

from gatekeeper.accounts.models import User
from gatekeeper.common.calendars import day_of
from gatekeeper.common.clock import Clock, database_clock
from gatekeeper.common.errors import Conflict, Refused
from releases import events
from releases.calendar_files import MOST_BYTES, Entry, read_entries
from releases.kinds import CalendarKind, EventKind
from releases.models import CalendarEntry, Organisation
from releases.permissions import require_administrator
from releases.working_days import calendar_changed

MOST_KEPT = 1000


@transaction.atomic
def set_working_weekdays(*, weekdays: Collection[int], actor: User, clock: Clock = database_clock) -> Organisation:
    """Say on which weekdays the organisation works: 1 is Monday, 7 is Sunday; at least one.

    Raises:
        Refused: none, or a number that is no weekday.
    """
    require_administrator(actor)
    organisation = events.lock_organisation()
    if not weekdays or not set(weekdays) <= set(range(1, 8)):
        raise Refused.for_field("weekdays", "required", "Choose at least one weekday.")
    wanted = "".join(str(number) for number in sorted(set(weekdays)))
    if wanted != organisation.working_weekdays:
        before, organisation.working_weekdays = organisation.working_weekdays, wanted
        data = {"what": "weekdays", "before": before, "after": wanted}
        events.record(organisation, EventKind.CALENDAR_CHANGED, actor=actor, at=clock(), data=data)
        organisation.save()
        calendar_changed()
    return organisation


@transaction.atomic
def add_calendar_entries(
    *, kind: str, text: str, actor: User, clock: Clock = database_clock
) -> tuple[list[CalendarEntry], int]:
    """Add holidays or freeze windows from a list or an .ics file: all or nothing. Days there already get the new name.

    Returns the new entries, and how many were there already.

    Raises:
        Refused: naming every bad line, or when there would be too many.
    """
    require_administrator(actor)
    if kind not in CalendarKind.values:
        raise Refused.for_field("kind", "invalid", "Choose holidays or freeze windows.")
    if len(text.encode()) > MOST_BYTES:
        raise Refused.for_field("text", "too_long", "This is larger than 1 MB.")
    if "\x00" in text:
        raise Refused.for_field("text", "invalid", "This holds a character that cannot be stored.")
    organisation = events.lock_organisation()
    at = clock()
    entries = read_entries(text, kind, day_of(at))
    there = {(row.starts_on, row.ends_on): row for row in CalendarEntry.objects.filter(kind=kind)}
    fresh = [entry for entry in entries if (entry.starts_on, entry.ends_on) not in there]
    if CalendarEntry.objects.count() + len(fresh) > MOST_KEPT:
        raise Refused.for_field("text", "too_many", f"The calendar would have more than {MOST_KEPT} entries.")
    renamed = [
        (row, entry)
        for entry in entries
        if (row := there.get((entry.starts_on, entry.ends_on))) is not None and row.name != entry.name
    ]
    for row, entry in renamed:
        row.name = entry.name
        row.save(update_fields=["name"])
    made = CalendarEntry.objects.bulk_create(
        CalendarEntry(organisation=organisation, kind=kind, starts_on=one.starts_on, ends_on=one.ends_on, name=one.name)
        for one in fresh
    )
    if made or renamed:
        data = {"what": "added", "kind": kind, "entries": [_told(entry) for entry in fresh],
                "renamed": [_told(entry) for _row, entry in renamed]}  # fmt: skip
        events.record(organisation, EventKind.CALENDAR_CHANGED, actor=actor, at=at, data=data)
        organisation.save()
        calendar_changed()
    return made, len(entries) - len(fresh)


@transaction.atomic
def remove_calendar_entry(*, entry_id: int, actor: User, clock: Clock = database_clock) -> None:
    """Take a holiday or a freeze window out of the calendar.

    Raises:
        Conflict: it is not there any more.
    """
    require_administrator(actor)
    organisation = events.lock_organisation()
    entry = CalendarEntry.objects.filter(pk=entry_id).first()
    if entry is None:
        raise Conflict("gone", "This entry is not in the calendar any more.")
    told = _told(Entry(entry.starts_on, entry.ends_on, entry.name))
    data = {"what": "removed", "kind": entry.kind, "entries": [told]}
    entry.delete()
    events.record(organisation, EventKind.CALENDAR_CHANGED, actor=actor, at=clock(), data=data)
    organisation.save()
    calendar_changed()


def _told(entry: Entry) -> list[str]:
    return [entry.starts_on.isoformat(), entry.ends_on.isoformat(), entry.name]
