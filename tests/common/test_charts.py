"""Charts are geometry: scales, ticks, labels that do not touch, and what the templates make of them."""

import re
from datetime import date, timedelta

import pytest
from django.template import Context, Template
from hypothesis import given
from hypothesis import strategies as st

from gatekeeper.common import charts
from gatekeeper.common.sheet import sample_charts


def test_a_scale_is_linear_over_numbers_and_days_and_stands_in_the_middle_without_a_span() -> None:
    assert [charts.Scale(0, 10, 100, 200)(v) for v in (0, 5, 10)] == [100, 150, 200]
    first = date(2028, 2, 28)
    days = charts.Scale(first.toordinal(), first.toordinal() + 2, 0, 10)
    assert [days(first + timedelta(days=n)) for n in range(3)] == [0, 5, 10]  # 29 February is a day like others
    assert charts.Scale(3, 3, 0, 10)(3) == 5


@pytest.mark.parametrize(
    ("last", "expected"),
    [(12, [0, 5, 10, 15]), (34, [0, 10, 20, 30, 40]), (0.4, [0, 0.1, 0.2, 0.3, 0.4]), (0, [0, 1]), (1000, None)],
)
def test_number_ticks_are_round_begin_at_zero_and_reach_the_last_value(last: float, expected: list[float]) -> None:
    found = charts.steps(last)
    assert expected is None or found == expected
    assert found[0] == 0
    assert found[-1] >= last


def test_month_ticks_name_the_year_in_january_and_fall_back_to_the_ends_of_a_short_span() -> None:
    first, last = date(2026, 11, 19), date(2027, 4, 2)
    scale = charts.Scale(first.toordinal(), last.toordinal(), 0, 300)
    assert [t.label for t in charts.month_ticks(first, last, scale, 9)] == ["Dec", "Jan 27", "Feb", "Mar", "Apr"]
    assert [t.label for t in charts.month_ticks(first, last, scale, 2)] == ["Jan 27", "Apr"]
    assert [t.label for t in charts.month_ticks(first, first + timedelta(days=5), scale, 9)] == ["19 Nov", "24 Nov"]
    assert charts.month_starts_back(date(2027, 1, 31), 3) == [date(2026, 11, 1), date(2026, 12, 1), date(2027, 1, 1)]


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(10, 240), st.integers(20, 120)), max_size=7))
def test_labels_never_overlap_while_there_is_room(places: list[tuple[int, int, int]]) -> None:
    wanted = [charts.Wanted(x, y, width) for x, y, width in places]
    at = charts.place_labels(wanted, top=10, bottom=250)
    boxes = [(w.x, w.x + w.width, y) for w, y in zip(wanted, at, strict=True)]
    for index, (left, right, y) in enumerate(boxes):
        assert 10 <= y <= 250
        for other_left, other_right, other_y in boxes[:index]:
            assert right <= other_left or other_right <= left or abs(y - other_y) >= charts.LINE - 0.2


def test_a_label_stands_aside_of_a_line_that_would_strike_it_through() -> None:
    wanted = [charts.Wanted(50, 100, 60)]
    assert charts.place_labels(wanted, top=0, bottom=200) == [100]
    (moved,) = charts.place_labels(wanted, top=0, bottom=200, segments=[(0, 101, 200, 101)])
    assert abs(moved - 101) >= charts.LINE / 2


def printed(chart: charts.Chart) -> str:
    return Template("{% load charts %}{% chart it %}").render(Context({"it": chart}))


def test_every_kind_has_a_name_a_description_titles_links_and_a_twin_and_no_style() -> None:
    for name, chart in sample_charts().items():
        html = printed(chart)
        assert "style" not in html, name
        assert '<th scope="row">' in html
        if name == "few":
            assert "<svg" not in html
            assert "21 days" in html
            continue
        assert html.count("<svg") == 2
        role = "group" if chart.has_links else "img"
        assert f'role="{role}" aria-label="{chart.name}"' in html
        described = re.findall(r'aria-describedby="([^"]+)"', html)
        assert len(set(described)) == 2
        assert all(f'<desc id="{one}">' in html for one in described)
        assert html.count("<title>") >= 2 * charts.LEAST_POINTS
        assert "View as table" in html


def test_lines_differ_in_shape_as_well_as_in_colour_and_stop_at_seven() -> None:
    day = date(2026, 11, 1)
    series = [
        charts.Series(f"Line {n}", [charts.Point(day + timedelta(days=d), n + d, "") for d in range(3)], n)
        for n in range(1, 10)
    ]
    (wide, narrow) = charts.line_chart("k", "Name", "Words", series).views
    assert len({line.shape for line in wide.plot.lines}) == len({line.css for line in wide.plot.lines}) == 7
    assert (wide.plot.width, narrow.plot.width) == (640, 340)
    for view in (wide, narrow):
        ends = [line.label_x + len(line.label) * charts.LETTER for line in view.plot.lines]
        assert max(ends) <= view.plot.width + 1


def test_the_past_of_a_milestone_trend_lies_under_the_45_degree_line() -> None:
    start = date(2026, 6, 1)
    points = [charts.Point(start + timedelta(days=30 * n), start + timedelta(days=60), "") for n in range(5)]
    (wide, _narrow) = charts.line_chart("k", "N", "D", [charts.Series("1 Gate", points)], is_trend=True).views
    corners = [tuple(map(float, one.split(","))) for one in wide.plot.past.split()]
    assert corners[-1][1] == corners[-2][1] == wide.plot.bottom
    # Where the report day is the planned day, the line meets the edge of the past: at the third report.
    x, y = (wide.plot.lines[0].points[2].x, wide.plot.lines[0].points[2].y)
    (x1, y1), (x2, y2) = corners[0], corners[1]
    if not x1 <= x <= x2:
        (x1, y1), (x2, y2) = corners[1], corners[2]
    assert y == pytest.approx(y1 + (y2 - y1) * (x - x1) / (x2 - x1), abs=0.5)


def test_bars_and_ranges_begin_at_zero_and_a_sparkline_needs_five_values() -> None:
    bars = [charts.Bar(f"Gate {n}", n * 10, f"{n * 10}%", goal=20) for n in range(5)]
    plot = charts.bar_chart("k", "N", "D", bars, heads=("Gate", "Share"), unit="%").views[0].plot
    assert (plot.x_ticks[0].label, plot.rows[0].width) == ("0%", 0)
    assert plot.rows[4].width == pytest.approx(2 * plot.rows[2].width, abs=0.2)
    assert plot.rows[2].goal_x == pytest.approx(plot.left + plot.rows[2].width, abs=0.2)
    assert charts.sparkline([1, 2, 3, 4]) is None
    line = charts.sparkline([9, 9, 0, 1, 2, 3, 4, 5, 6])
    assert line is not None
    assert (len(line.path.split()), line.end_x, line.end_y) == (7, 50, 3)
