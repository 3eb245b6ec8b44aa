"""Holidays and freeze windows from a pasted list or an .ics file: read and checked, every mistake named by its line.

A line of a list is a day or two days, then a name: `2026-12-25 Christmas Day`, `2026-12-21 to 2027-01-03 Year end`;
empty lines and what follows a `#` count for nothing. Of an .ics file each whole-day event is read.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from icalendar import Event as CalendarEvent

from gatekeeper.common.calendars import EARLIEST_DAY, add_months
from releases.importing import Problems

LAST_DAY = date(2100, 1, 1)
MOST_ENTRIES = 500
MOST_BYTES = 1_000_000
# A year of days is a mistake rather than a holiday.
LONGEST = {"holiday": 31, "freeze": 366}
YEARS_REPEATED = 10
_DAY = r"\d{4}-\d{2}-\d{2}"
_LINE = re.compile(rf"({_DAY})(?:\s*(?:to|\.\.\.?|–|/)\s*({_DAY}))?(?:[\s,;:]+(.*))?")
_YEARLY_PARTS = {"FREQ", "INTERVAL", "COUNT", "UNTIL", "BYMONTH", "BYMONTHDAY", "WKST"}


@dataclass(frozen=True, order=True)
class Entry:
    """Days off or frozen, both included."""

    starts_on: date
    ends_on: date
    name: str


def is_ics(text: str) -> bool:
    return text.lstrip("\ufeff \r\n\t").upper().startswith("BEGIN:VCALENDAR")


def read_entries(text: str, kind: str, today: date) -> list[Entry]:
    """The entries of a list or an .ics file; the same days twice count once, the last name wins.

    Raises:
        Refused: with a problem per line.
    """
    problems = Problems()
    found: dict[tuple[date, date], Entry] = {}
    rows = _from_ics(text, today, problems) if is_ics(text) else _from_list(text, problems)
    for line, entry in rows:
        if problem := _problem(entry, kind):
            problems.add(line, problem)
            continue
        found[entry.starts_on, entry.ends_on] = entry
        if len(found) > MOST_ENTRIES:
            problems.add(line, f"there are more than {MOST_ENTRIES} entries.", "too_many")
            break
    if not found and not problems.count:
        problems.add(1, "no day was found.", "empty")
    problems.refuse()
    return sorted(found.values())


def _problem(entry: Entry, kind: str) -> str:
    if not EARLIEST_DAY <= entry.starts_on <= LAST_DAY or not EARLIEST_DAY <= entry.ends_on <= LAST_DAY:
        return "the day does not lie between 1 Jan 2000 and 1 Jan 2100."
    if entry.ends_on < entry.starts_on:
        return f"it ends on {entry.ends_on} before it begins on {entry.starts_on}."
    if (entry.ends_on - entry.starts_on).days >= LONGEST[kind]:
        return f"it lasts longer than {LONGEST[kind]} days."
    if len(entry.name) > 120:
        return "the name is longer than 120 characters."
    if not entry.name.isprintable():
        return "the name holds a character that cannot be seen."
    return ""


def _from_list(text: str, problems: Problems) -> Iterator[tuple[int, Entry]]:
    for number, line in enumerate(text.lstrip("\ufeff").splitlines(), start=1):
        words = line.partition("#")[0].strip()
        if not words:
            continue
        match = _LINE.fullmatch(words)
        if match is None:
            problems.add(number, f"“{words[:60]}” is not a day and a name, such as 2026-12-25 Christmas Day.")
            continue
        try:
            first = date.fromisoformat(match[1])
            last = date.fromisoformat(match[2]) if match[2] else first
        except ValueError:
            problems.add(number, f"“{words[:60]}” names a day that no calendar has.")
            continue
        yield number, Entry(first, last, (match[3] or "").strip())


def _from_ics(text: str, today: date, problems: Problems) -> Iterator[tuple[int, Entry]]:
    """Each event by itself, so that a bad one is named by the line on which it begins."""
    begun, block = 0, []
    for number, line in enumerate(text.splitlines(), start=1):
        mark = line.strip().upper()
        if mark == "BEGIN:VEVENT":
            begun, block = number, [line]
        elif begun:
            block.append(line)
            if mark == "END:VEVENT":
                try:
                    entries = list(_entries_of("\r\n".join(block) + "\r\n", today))
                except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
                    problems.add(begun, f"this event cannot be read: {str(error)[:120] or type(error).__name__}.")
                else:
                    yield from ((begun, entry) for entry in entries)
                begun = 0
    if begun:
        problems.add(begun, "this event has no end.")


def _entries_of(block: str, today: date) -> Iterator[Entry]:
    event = CalendarEvent.from_ical(block)
    if str(event.get("STATUS", "")).upper() == "CANCELLED":
        return
    if event.get("DTSTART") is None:
        raise ValueError("it has no day")
    starts = event.decoded("DTSTART")
    first = _day(starts)
    if event.get("DTEND") is not None:
        ends = event.decoded("DTEND")
        # The end of a whole-day event is the day after its last; a time at midnight ends the day before, too.
        is_open = not isinstance(ends, datetime) or (ends.hour, ends.minute, ends.second) == (0, 0, 0)
        last = max(first, _day(ends) - timedelta(days=1 if is_open else 0))
    elif event.get("DURATION") is not None:
        last = first + max(timedelta(), event.decoded("DURATION") - timedelta(seconds=1))
    else:
        last = first
    name = " ".join(str(event.get("SUMMARY", "")).split())
    yield Entry(first, last, name)
    if event.get("RRULE") is not None:
        yield from _repeated(event.get("RRULE"), Entry(first, last, name), today)


def _repeated(rule: dict[str, list[object]], entry: Entry, today: date) -> Iterator[Entry]:
    """A yearly event for the years up to ten years ahead; any other rule is refused."""
    by_month, by_day = rule.get("BYMONTH", []), rule.get("BYMONTHDAY", [])
    is_same_day = all(int(str(month)) == entry.starts_on.month for month in by_month) and all(
        int(str(day)) == entry.starts_on.day for day in by_day
    )
    if rule.get("FREQ") != ["YEARLY"] or not set(rule) <= _YEARLY_PARTS or not is_same_day:
        raise ValueError("it repeats by a rule that is not “the same day every year”; list its days")
    (step,), (count,) = rule.get("INTERVAL", [1]), rule.get("COUNT", [0])
    (until,) = rule.get("UNTIL", [None])
    last_year = today.year + YEARS_REPEATED
    for index in range(1, last_year - entry.starts_on.year + 1):
        years = index * int(str(step))
        starts_on = add_months(entry.starts_on, 12 * years)
        is_over = (count and index >= int(str(count))) or (until is not None and starts_on > _day(until))
        if starts_on.year > last_year or is_over:
            return
        # 29 February comes in leap years only.
        if starts_on.day == entry.starts_on.day:
            yield Entry(starts_on, starts_on + (entry.ends_on - entry.starts_on), entry.name)


def _day(value: object) -> date:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    raise ValueError("it has no day")
