"""The organisation's calendar: read from lists and .ics files, changed by administrators, counted by health."""

from datetime import date, timedelta

import pytest

from approvals.pages.rows import health_of
from gatekeeper.common.errors import Refused
from gatekeeper.common.once import remembering
from releases.actions.calendars import add_calendar_entries, remove_calendar_entry, set_working_weekdays
from releases.calendar_files import Entry, read_entries
from releases.kinds import EventKind
from releases.models import CalendarEntry, Event, Organisation, Release
from releases.working_days import organisation_calendar
from tests.cast import MARKET, Cast, at, conflict, day, fresh, gate_of, not_allowed, nothing_changes, refused, submit
from tests.releases.test_health import rows_of

TODAY = date(2026, 11, 27)


def ics(*events: str) -> str:
    blocks = "".join(f"BEGIN:VEVENT\r\n{body}\r\nEND:VEVENT\r\n" for body in events)
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//y//EN\r\n{blocks}END:VCALENDAR\r\n"


def test_a_list_names_days_and_spans() -> None:
    lines = ["\ufeff# holidays", "2026-12-25 Christmas Day", "", "2026-12-21 to 2027-01-03  Year end # told"]
    text = "\n".join([*lines, "2027-01-01", "2026-12-25 Noel"])
    assert read_entries(text, "holiday", TODAY) == [
        Entry(date(2026, 12, 21), date(2027, 1, 3), "Year end"),
        Entry(date(2026, 12, 25), date(2026, 12, 25), "Noel"),
        Entry(date(2027, 1, 1), date(2027, 1, 1), ""),
    ]


def test_an_ics_file_is_read_event_by_event() -> None:
    text = ics(
        "DTSTART;VALUE=DATE:20261225\r\nDTEND;VALUE=DATE:20261227\r\nSUMMARY:Christmas\\, and the day\r\n  after",
        "DTSTART:20261231T220000Z\r\nDTEND:20261231T230000Z\r\nSUMMARY:Party",
        "DTSTART;VALUE=DATE:20261211\r\nSTATUS:CANCELLED\r\nSUMMARY:Not this",
        "DTSTART;VALUE=DATE:20270101\r\nRRULE:FREQ=YEARLY;COUNT=3\r\nSUMMARY:New Year",
    )
    assert read_entries(text, "holiday", TODAY) == [
        Entry(date(2026, 12, 25), date(2026, 12, 26), "Christmas, and the day after"),
        Entry(date(2026, 12, 31), date(2026, 12, 31), "Party"),
        *(Entry(date(year, 1, 1), date(year, 1, 1), "New Year") for year in (2027, 2028, 2029)),
    ]


@pytest.mark.parametrize(
    ("text", "kind", "lines"),
    [
        ("2026-02-29 No such day\n2026-12-25 Fine\nChristmas", "holiday", ["line 1", "line 3"]),
        ("2026-12-25 to 2026-12-20 Backwards", "holiday", ["line 1"]),
        ("2026-01-01 to 2026-03-01 Too long", "holiday", ["line 1"]),
        ("1999-12-31 Too early", "freeze", ["line 1"]),
        (f"2026-12-25 {'x' * 121}", "freeze", ["line 1"]),
        ("", "holiday", ["line 1"]),
        (ics("SUMMARY:No day", "DTSTART;VALUE=DATE:2026\r\nSUMMARY:Half a day"), "holiday", ["line 4", "line 7"]),
        (ics("DTSTART;VALUE=DATE:20270101\r\nRRULE:FREQ=WEEKLY"), "holiday", ["line 4"]),
        ("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:20270101", "holiday", ["line 2"]),
    ],
)
def test_every_bad_line_is_named(text: str, kind: str, lines: list[str]) -> None:
    with pytest.raises(Refused) as caught:
        read_entries(text, kind, TODAY)
    assert [problem.field for problem in caught.value.fields] == lines
    assert all(problem.message.startswith(problem.field) for problem in caught.value.fields)


def test_administrators_keep_the_calendar_and_each_change_is_an_event(cast: Cast) -> None:
    ada = cast.administrator
    made, known = add_calendar_entries(
        kind="holiday", text="2026-04-03 Good Friday\n2026-05-01", actor=ada, clock=at(1)
    )
    assert (len(made), known) == (2, 0)
    made, known = add_calendar_entries(kind="holiday", text="2026-05-01 Labour Day", actor=ada, clock=at(2))
    assert (len(made), known) == (0, 1)
    add_calendar_entries(kind="freeze", text="2026-05-01 to 2026-05-08 Fair", actor=ada, clock=at(2))
    set_working_weekdays(weekdays=[7, 1, 2, 3, 4], actor=ada, clock=at(3))
    calendar = organisation_calendar()
    assert calendar.weekdays == {0, 1, 2, 3, 6}
    assert calendar.holidays == {date(2026, 4, 3): "Good Friday", date(2026, 5, 1): "Labour Day"}
    assert [(one.starts_on, one.ends_on, one.name) for one in calendar.freezes] == [
        (date(2026, 5, 1), date(2026, 5, 8), "Fair")
    ]
    remove_calendar_entry(entry_id=CalendarEntry.objects.get(name="Fair").pk, actor=ada, clock=at(4))
    said = [event.payload for event in Event.objects.filter(kind=EventKind.CALENDAR_CHANGED).order_by("number")]
    assert [one["what"] for one in said] == ["added", "added", "added", "weekdays", "removed"]
    assert said[1]["renamed"] == [["2026-05-01", "2026-05-01", "Labour Day"]]
    assert said[3] == {"what": "weekdays", "before": "12345", "after": "12347"}
    assert said[4]["entries"] == [["2026-05-01", "2026-05-08", "Fair"]]
    # the same again is no change
    set_working_weekdays(weekdays=[1, 2, 3, 4, 7], actor=ada, clock=at(5))
    assert Event.objects.filter(kind=EventKind.CALENDAR_CHANGED).count() == 5


def test_a_change_of_the_calendar_is_refused_and_nothing_changes(cast: Cast) -> None:
    organisation = Organisation.objects.count()
    with nothing_changes():
        for who in (cast.pm, cast.executive):
            with not_allowed("not_administrator"):
                set_working_weekdays(weekdays=[1], actor=who)
            with not_allowed("not_administrator"):
                add_calendar_entries(kind="holiday", text="2026-05-01", actor=who)
            with not_allowed("not_administrator"):
                remove_calendar_entry(entry_id=1, actor=who)
        for weekdays in ([], [0], [8, 1]):
            with refused("required"):
                set_working_weekdays(weekdays=weekdays, actor=cast.administrator)
        with refused("invalid"):
            add_calendar_entries(kind="party", text="2026-05-01", actor=cast.administrator)
        with refused("invalid_file"):
            add_calendar_entries(kind="holiday", text="2026-05-01 Fine\nsoon", actor=cast.administrator)
        with conflict("gone"):
            remove_calendar_entry(entry_id=999, actor=cast.administrator)
    assert Organisation.objects.count() == organisation
    assert not CalendarEntry.objects.exists()


def both(release: Release, on: int) -> str:
    """The health as Python and as SQL have it, which is the same."""
    stored = Release.objects.with_health(day(on)).get(pk=release.pk)
    mark = health_of(stored, day(on))
    assert stored.health_value == mark.value  # type: ignore[attr-defined]
    return mark.value


def test_health_counts_the_organisations_working_days(cast: Cast, release: Release) -> None:
    """Market Opportunity is due on day 30, a Wednesday: two working days after the Monday before it."""
    submit(cast, gate_of(release, MARKET), on=20)
    release = fresh(release)
    assert day(30).weekday() == 2
    assert [both(release, on) for on in (25, 28, 29)] == ["on_track", "on_track", "at_risk"]
    add_calendar_entries(kind="holiday", text=f"{day(29)} Bank holiday", actor=cast.administrator, clock=at(20))
    assert [both(release, on) for on in (24, 25, 28, 29)] == ["on_track", "on_track", "at_risk", "at_risk"]
    assert "with 1 working day left" in health_of(release, day(28)).reason
    add_calendar_entries(kind="holiday", text=f"{day(28)} Bridge", actor=cast.administrator, clock=at(20))
    assert [both(release, on) for on in (24, 25)] == ["on_track", "at_risk"], "Friday: only the Wednesday is left"
    set_working_weekdays(weekdays=range(1, 8), actor=cast.administrator, clock=at(20))
    assert [both(release, on) for on in (25, 26, 27)] == ["on_track", "on_track", "at_risk"]
    # a due date stays a calendar day, also on a holiday
    add_calendar_entries(kind="holiday", text=f"{day(30)} Off", actor=cast.administrator, clock=at(20))
    assert gate_of(release, MARKET).due_on == day(20) + timedelta(days=10)


def test_python_and_sql_agree_under_any_calendar(cast: Cast) -> None:
    """Rounds that wait, due on each of forty days, seen from two weeks of days under calendars of all sorts."""
    base = day(20)
    values = [
        {
            "state": "active",
            "current_gate": MARKET,
            "current_state": "in_review",
            "next_due_on": base + timedelta(ahead),
        }
        for ahead in range(-3, 38)
    ]
    rows = Release.objects.bulk_create(rows_of(cast, values))
    lists = ["", f"{day(21)}", f"{day(24)} to {day(33)}", "\n".join(str(day(n)) for n in range(20, 45, 2))]
    found = set()
    for weekdays in ([1, 2, 3, 4, 5], [7, 1, 2, 3, 4], [3], range(1, 8)):
        set_working_weekdays(weekdays=weekdays, actor=cast.administrator)
        for text in lists:
            CalendarEntry.objects.all().delete()
            if text:
                add_calendar_entries(kind="holiday", text=text, actor=cast.administrator)
            with remembering():
                for today in (base + timedelta(days=ahead) for ahead in range(14)):
                    stored = {r.pk: r.health_value for r in Release.objects.with_health(today)}  # type: ignore[attr-defined]
                    for row in rows:
                        assert stored[row.pk] == health_of(row, today).value, (weekdays, text, today, row.next_due_on)
                        found.add(stored[row.pk])
    assert found == {"on_track", "at_risk"}
