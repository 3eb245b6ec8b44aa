"""The timeline's geometry: pure functions, every mark inside the chart and with its exact words."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.pages.timeline import Chart, Line, draw

DAY = date(2026, 3, 2)


def line(name: str = "Market", **days: date | None) -> Line:
    get = days.get
    return Line(name, name, "none", get("baseline_on"), get("due_on"), get("forecast_on"), get("actual_on"))


def chart(*lines: Line, today: date | None = None) -> Chart:
    found = draw(lines, today, width=640, left=180, label_chars=20)
    assert found is not None
    return found


def test_fewer_than_two_days_are_no_chart() -> None:
    assert draw([line()], None, width=640, left=180, label_chars=20) is None
    assert draw([line(due_on=DAY)], DAY, width=640, left=180, label_chars=20) is None


def test_each_mark_says_what_it_is() -> None:
    later = DAY + timedelta(days=9)
    found = chart(
        line(baseline_on=DAY, due_on=later, forecast_on=later + timedelta(days=3)), line("Two", actual_on=DAY)
    )
    first, second = found.rows
    assert [(mark.kind, mark.title) for mark in first.marks] == [
        ("base", "Market: baseline Mon 2 Mar 2026"),
        ("target", "Market: due Wed 11 Mar 2026"),
    ]
    assert first.band is not None
    assert first.band.title == "Market: forecast Sat 14 Mar 2026 while the slip is open"
    assert first.band.x == first.marks[1].x
    assert [mark.title for mark in second.marks] == ["Two: approved Mon 2 Mar 2026"]


def test_what_happened_on_its_baseline_lies_inside_the_diamond() -> None:
    on_time, late = chart(
        line(baseline_on=DAY, due_on=DAY, actual_on=DAY), line(baseline_on=DAY, actual_on=DAY + timedelta(days=30))
    ).rows
    assert [mark.kind for mark in on_time.marks] == ["base", "actual"]
    assert on_time.marks[1].radius < late.marks[1].radius


def test_a_waived_gate_is_never_marked_as_approved() -> None:
    waived = Line("Market", "Market", "na", DAY, DAY, None, DAY + timedelta(days=2), "Waived", is_waived=True)
    mark = chart(waived).rows[0].marks[-1]
    assert (mark.kind, mark.title) == ("waived", "Market: waived Wed 4 Mar 2026")


@given(
    st.lists(st.integers(min_value=0, max_value=4000), min_size=2, max_size=12, unique=True),
    st.integers(min_value=-500, max_value=4500),
)
def test_every_mark_lies_inside_and_in_order(offsets: list[int], today: int) -> None:
    days = [DAY + timedelta(days=offset) for offset in sorted(offsets)]
    found = chart(*(line(f"G{n}", due_on=on) for n, on in enumerate(days)), today=DAY + timedelta(days=today))
    xs = [row.marks[0].x for row in found.rows]
    assert xs == sorted(xs)
    assert all(found.left <= x <= found.width for x in xs)
    assert all(found.left <= tick.x <= found.width for tick in found.ticks)
    assert len(found.ticks) <= (found.width - found.left) // 56 + 1
    if found.today_x is not None:
        assert found.left <= found.today_x <= found.width
    assert found.height > found.rows[-1].y


def test_the_year_is_named_where_january_would_run_into_today() -> None:
    found = chart(line(due_on=date(2026, 9, 1)), line(due_on=date(2027, 9, 1)), today=date(2027, 1, 1))
    assert "Jan 2027" not in [tick.label for tick in found.labelled_ticks]
    assert "Mar 2027" in [tick.label for tick in found.labelled_ticks]
    free = chart(line(due_on=date(2026, 9, 1)), line(due_on=date(2027, 9, 1)))
    assert "Jan 2027" in [tick.label for tick in free.labelled_ticks]


@pytest.mark.parametrize("chars", [8, 14, 40])
def test_labels_fit(chars: int) -> None:
    name = "Functional and Usability Requirements"
    long = Line(name, "Functional & Usability", "none", DAY, DAY + timedelta(days=1), None, None)
    found = draw([long], None, width=340, left=120, label_chars=chars)
    assert found is not None
    assert len(found.rows[0].label) <= chars
