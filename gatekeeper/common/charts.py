"""Charts as geometry: pure functions from figures and dates to what templates/charts draws.

`line_chart`, `bar_chart` and `range_chart` give a `Chart`; a template prints it with `{% load charts %}{% chart it %}`
together with its twin, a table of the same figures. Every chart is laid out twice, for a page and for a phone, so that
its words stay 11 px. With fewer than five points it is the table alone. Samples: the component sheet.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from math import ceil, floor, log10
from typing import Any

from gatekeeper.common.templatetags.gk import MONTHS

Value = float | date

LEAST_POINTS = 5
MOST_SERIES = 7
# The width of a letter and the height of a line of 11 px text, in px.
LETTER = 6.1
BOLD_LETTER = 7.3
LINE = 13.0
WIDE, NARROW = 640, 340
# Marks that differ in shape, so that no line is known by its colour alone; paths around (0, 0).
SHAPES = (
    "M-3.2 0a3.2 3.2 0 1 0 6.4 0a3.2 3.2 0 1 0-6.4 0z",  # circle
    "M-3-3h6v6h-6z",  # square
    "M0-4.2l4.2 4.2-4.2 4.2-4.2-4.2z",  # diamond
    "M0-4l4 7h-8z",  # triangle
    "M0 4l4-7h-8z",  # triangle upside down
    "M-3.5-1.4L0-4l3.5 2.6L2.2 3h-4.4z",  # pentagon
    "M-1.2-3.6h2.4v2.4h2.4v2.4h-2.4v2.4h-2.4v-2.4h-2.4v-2.4h2.4z",  # cross
)


# --- scales and ticks -----------------------------------------------------------------------------------------------


def as_number(value: Value) -> float:
    """A day as its ordinal, a number as it is."""
    return value.toordinal() if isinstance(value, date) else float(value)


@dataclass(frozen=True)
class Scale:
    """From days or numbers between `first` and `last` to px between `start` and `end`; linear, one decimal."""

    first: float
    last: float
    start: float
    end: float

    def __call__(self, value: Value) -> float:
        span = self.last - self.first
        share = (as_number(value) - self.first) / span if span else 0.5
        return round(self.start + share * (self.end - self.start), 1)


@dataclass(frozen=True)
class Tick:
    """A place on an axis in px, with its words."""

    at: float
    label: str
    is_strong: bool = False


def steps(last: float, most: int = 5, least_step: float = 0) -> list[float]:
    """Round numbers from 0 to the first that is not below `last`: steps of 1, 2 or 5 times a power of ten."""
    if last <= 0:
        return [0.0, least_step or 1.0]
    rough = last / most
    power = 10.0 ** floor(log10(rough))
    step = max(least_step, next(power * by for by in (1, 2, 5, 10) if power * by >= rough - 1e-9))
    return [round(step * number, 6) for number in range(ceil(last / step - 1e-9) + 1)]


def month_starts(first: date, last: date, most: int) -> list[date]:
    """The first of each month between two days, or of every second, third, sixth or twelfth one: at most so many."""
    months, year, month = [], first.year, first.month
    while (on := date(year, month, 1)) <= last:
        if on >= first:
            months.append(on)
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    step = next((s for s in (1, 2, 3, 6, 12, 24, 60) if len(months) / s <= max(1, most)), 120)
    return [on for on in months if (on.year * 12 + on.month - 1) % step == 0]


def month_words(on: date, *, with_year: bool) -> str:
    """Mar, or Mar 27."""
    return f"{MONTHS[on.month - 1]} {on.year % 100:02d}" if with_year else MONTHS[on.month - 1]


def day_words(on: Value) -> str:
    """20 Nov 2026."""
    assert isinstance(on, date)
    return f"{on.day} {MONTHS[on.month - 1]} {on.year}"


def month_ticks(first: date, last: date, scale: Scale, most: int, *, is_upright: bool = False) -> list[Tick]:
    """Ticks at month starts. Along the bottom January bears its year; on an upright axis every month does.

    A span without a month start, or with only one, has its two ends for ticks.
    """
    months = month_starts(first, last, most)
    if len(months) < 2:
        ends = [first, last] if first != last else [first]
        return [Tick(scale(on), f"{on.day} {month_words(on, with_year=is_upright)}") for on in ends]
    return [Tick(scale(on), month_words(on, with_year=is_upright or on.month == 1), on.month == 1) for on in months]


# --- labels ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wanted:
    """Words that would like to stand with their left end and middle at a point."""

    x: float
    y: float
    width: float


Segment = tuple[float, float, float, float]


def place_labels(
    wanted: Sequence[Wanted], *, top: float, bottom: float, segments: Iterable[Segment] = (), height: float = LINE
) -> list[float]:
    """The y at which each label's middle stands: near its place, over no other label and, if it can be, over no line.

    From top to bottom, each label takes the best free place; a place over a line counts as one 30 px further off.
    """
    lines = list(segments)
    placed: list[tuple[float, float, float]] = []  # x, right end, y
    found: dict[int, float] = {}
    for index in sorted(range(len(wanted)), key=lambda i: (wanted[i].y, wanted[i].x, i)):
        one = wanted[index]
        right = one.x + one.width
        best = (float("inf"), one.y)
        for offset in range(max(2, round(bottom - top)) * 2):
            shift = (offset + 1) // 2 * (1 if offset % 2 else -1)
            y = min(max(one.y + shift, top), bottom)
            cost = abs(y - one.y) + 30 * sum(_crosses(s, one.x, right, y - height / 2, y + height / 2) for s in lines)
            cost += 1e4 * sum(x < right and one.x < end and abs(y - at) < height for x, end, at in placed)
            if cost < best[0]:
                best = (cost, y)
            if best[0] <= abs(shift) - 1:
                break
        found[index] = best[1]
        placed.append((one.x, right, best[1]))
    return [round(found[index], 1) for index in range(len(wanted))]


def _crosses(segment: Segment, left: float, right: float, top: float, bottom: float) -> bool:
    """Whether a piece of a line goes through a box."""
    x1, y1, x2, y2 = segment
    start, end = max(min(x1, x2), left), min(max(x1, x2), right)
    if start > end:
        return False
    slope = (y2 - y1) / (x2 - x1) if x2 != x1 else 0.0
    ends = (y1 + slope * (start - x1), y1 + slope * (end - x1)) if x2 != x1 else (y1, y2)
    return max(ends) > top and min(ends) < bottom


def shortened(text: str, width: float) -> str:
    """A text that fits into so many px, with an ellipsis where it was cut."""
    most = max(3, int(width / LETTER))
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


# --- the chart and its twin -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cell:
    """A figure of the twin; `url` leads to the rows behind it."""

    text: str
    url: str = ""


@dataclass(frozen=True)
class Twin:
    """The same figures as a table. The first cell of each row is its head."""

    heads: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class View:
    """One layout of a chart; `css` says on which screens it is shown."""

    css: str
    suffix: str
    plot: Any


@dataclass(frozen=True)
class Chart:
    """What `{% chart %}` prints. `key` is unique on its page; `name` and `description` are read aloud."""

    kind: str
    key: str
    name: str
    description: str
    views: tuple[View, ...]
    twin: Twin
    has_links: bool
    is_numbers: bool

    @property
    def template(self) -> str:
        return f"charts/_{self.kind}.html"

    @property
    def role(self) -> str:
        """What an image holds is hidden from screen readers: one with links in it is a group."""
        return "group" if self.has_links else "img"


def _chart(
    kind: str, key: str, name: str, description: str, draw: Callable[[int], Any], twin: Twin, points: int, links: bool
) -> Chart:
    views = (View("phone-hide", "wide", draw(WIDE)), View("sheet-only", "narrow", draw(NARROW)))
    return Chart(kind, key, name, description, views if points else (), twin, links, points < LEAST_POINTS)


# --- lines ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Point:
    """One figure of a line. `words` are its exact words; `state` draws a gate's mark instead of the line's own."""

    x: Value
    y: Value
    words: str
    url: str = ""
    state: str = ""


@dataclass(frozen=True)
class Series:
    """One line, named at its end (on a phone by `short`); `number` (1 to 7) chooses colour and mark."""

    name: str
    points: Sequence[Point]
    number: int = 1
    short: str = ""


@dataclass(frozen=True)
class DrawnPoint:
    x: float
    y: float
    words: str
    url: str
    state: str


@dataclass(frozen=True)
class DrawnLine:
    """A line with its marks, its label and where the label stands."""

    css: str
    shape: str
    path: str
    points: tuple[DrawnPoint, ...]
    label: str
    label_x: float
    label_y: float
    leader: str


@dataclass(frozen=True)
class Lines:
    """The geometry of a line chart."""

    width: int
    height: int
    left: float
    right: float
    top: float
    bottom: float
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    lines: tuple[DrawnLine, ...]
    past: str
    past_words: str
    x_title: str

    @property
    def middle(self) -> float:
        return round((self.left + self.right) / 2, 1)

    @property
    def y_label_x(self) -> float:
        return round(self.left - 8, 1)

    @property
    def ticks_y(self) -> float:
        return self.bottom + 16

    @property
    def title_y(self) -> float:
        return self.bottom + 31

    @property
    def past_x(self) -> float:
        return self.right - 6

    @property
    def past_y(self) -> float:
        return self.bottom - 7


def line_chart(
    key: str,
    name: str,
    description: str,
    series: Sequence[Series],
    *,
    height: int = 260,
    unit: str = "",
    x_title: str = "",
    x_head: str = "",
    is_trend: bool = False,
    x_until: date | None = None,
) -> Chart:
    """Lines over days, each with its own mark and its name at its end.

    Args:
        series: at most seven; y are numbers (the axis begins at 0 and bears `unit`) or days.
        x_head: the head of the twin's first column.
        is_trend: a milestone trend: y are days, and what lies under the 45° line is the past.
        x_until: the last day of the axis, when it lies after the last point.
    """
    shown = [one for one in series if one.points][:MOST_SERIES]
    count = sum(len(one.points) for one in shown)
    links = any(point.url for one in shown for point in one.points)

    def draw(width: int) -> Lines:
        return _lines(shown, width, height if width == WIDE else round(height * 0.9), unit, x_title, is_trend, x_until)

    return _chart("line", key, name, description, draw, _twin_of_lines(shown, x_head, unit), count, links)


def _twin_of_lines(series: Sequence[Series], x_head: str, unit: str) -> Twin:
    by_x: dict[Value, dict[int, Point]] = {}
    for at, one in enumerate(series):
        for point in one.points:
            by_x.setdefault(point.x, {})[at] = point
    rows = []
    for x in sorted(by_x, key=as_number):
        cells = [Cell(day_words(x) if isinstance(x, date) else f"{x:g}")]
        for at in range(len(series)):
            found = by_x[x].get(at)
            cells.append(Cell(_figure(found.y, unit), found.url) if found else Cell("–"))
        rows.append(tuple(cells))
    return Twin((x_head or "Day", *(one.name for one in series)), tuple(rows))


def _figure(value: Value, unit: str) -> str:
    return day_words(value) if isinstance(value, date) else f"{value:g}{unit}"


def _lines(
    series: Sequence[Series], width: int, height: int, unit: str, x_title: str, is_trend: bool, x_until: date | None
) -> Lines:
    xs = sorted(as_number(p.x) for one in series for p in one.points)
    ys = [p.y for one in series for p in one.points]
    has_days = isinstance(ys[0], date)
    top, bottom = 10.0, height - (40.0 if x_title else 24.0)
    names = [shortened(one.short or one.name if width < WIDE else one.name, width * 0.34) for one in series]
    right = width - max(len(name) for name in names) * LETTER - 12
    if has_days:
        first_y, last_y = min(map(as_number, ys)), max(map(as_number, ys))
        pad = max(7.0, (last_y - first_y) * 0.04)
        first_y, last_y = first_y - pad, last_y + pad
        y = Scale(first_y, last_y, bottom, top)
        span = date.fromordinal(round(first_y)), date.fromordinal(round(last_y))
        y_ticks = month_ticks(*span, y, int((bottom - top) / 26), is_upright=True)
    else:
        values = steps(max(map(as_number, ys)), max(3, int((bottom - top) / 44)))
        y = Scale(0, values[-1], bottom, top)
        y_ticks = [Tick(y(value), f"{value:g}{unit}") for value in values]
    left = max((len(tick.label) for tick in y_ticks), default=0) * LETTER + 12
    last_x = max(xs[-1], as_number(x_until)) if x_until else xs[-1]
    x = Scale(xs[0], last_x, left + 4, right - 2)
    days = date.fromordinal(round(xs[0])), date.fromordinal(round(last_x))
    paths = [[(x(p.x), y(p.y)) for p in one.points] for one in series]
    segments = [(*a, *b) for path in paths for a, b in pairwise(path)]
    wanted = [Wanted(path[-1][0] + 9, path[-1][1], len(name) * LETTER) for path, name in zip(paths, names, strict=True)]
    at = place_labels(wanted, top=top, bottom=bottom - 4, segments=segments)
    drawn = []
    for one, path, name, label, label_y in zip(series, paths, names, wanted, at, strict=True):
        end = path[-1]
        points = tuple(
            DrawnPoint(*place, p.words, p.url, p.state) for place, p in zip(path, one.points, strict=True)
        )  # fmt: skip
        drawn.append(
            DrawnLine(
                css=f"s{(one.number - 1) % MOST_SERIES + 1}",
                shape=SHAPES[(one.number - 1) % len(SHAPES)],
                path=" ".join(f"{a:g},{b:g}" for a, b in path),
                points=points,
                label=name,
                label_x=label.x,
                label_y=round(label_y + 4, 1),
                leader=f"M{end[0] + 5:g} {end[1]:g}L{label.x - 1:g} {label_y:g}" if abs(label_y - end[1]) > 9 else "",
            )
        )
    past = _past(x, y, bottom) if is_trend else ""
    return Lines(
        width=width,
        height=height,
        left=round(left, 1),
        right=round(right, 1),
        top=top,
        bottom=bottom,
        x_ticks=tuple(month_ticks(*days, x, int((right - left) / 46))),
        y_ticks=tuple(y_ticks),
        lines=tuple(drawn),
        past=past,
        past_words="Already in the past" if past and width == WIDE else "",
        x_title=x_title,
    )


def _past(x: Scale, y: Scale, bottom: float) -> str:
    """The area in which the planned day is the report day or earlier: under the 45° line."""
    start, end = max(x.first, y.first), x.last
    if start >= end:
        return ""
    crest = [(start, start)] + ([(y.last, y.last)] if start < y.last < end else []) + [(end, min(end, y.last))]
    return " ".join([f"{x(a):g},{y(b):g}" for a, b in crest] + [f"{x(end):g},{bottom:g}", f"{x(start):g},{bottom:g}"])


# --- bars -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bar:
    """One bar. `words` stand at its end ("28%"), `note` in the column at the right; `tone` (dec, late) lifts it out."""

    name: str
    value: float
    words: str
    url: str = ""
    tone: str = ""
    goal: float | None = None
    note: str = ""


@dataclass(frozen=True)
class DrawnBar:
    css: str
    label: str
    name: str
    y: float
    width: float
    words: str
    words_x: float
    goal_x: float | None
    note: str
    url: str

    @property
    def text_y(self) -> float:
        return self.y + 4

    @property
    def top(self) -> float:
        return self.y - 6

    @property
    def goal_top(self) -> float:
        return self.y - 8


@dataclass(frozen=True)
class Bars:
    """The geometry of a bar or range chart: names at the left, values along the bottom from zero."""

    width: int
    height: int
    left: float
    right: float
    top: float
    bottom: float
    x_ticks: tuple[Tick, ...]
    rows: tuple[Any, ...]
    note_x: float

    @property
    def label_x(self) -> float:
        return self.left - 8

    @property
    def ticks_y(self) -> float:
        return self.bottom + 16


ROW = 24.0


def bar_chart(
    key: str,
    name: str,
    description: str,
    bars: Sequence[Bar],
    *,
    heads: tuple[str, ...],
    unit: str = "",
) -> Chart:
    """Horizontal bars from zero, in the order given.

    Args:
        heads: of the twin: what a bar is, its figure, and (with notes) what the notes are.
    """
    goals = [one.goal for one in bars if one.goal is not None]
    most = max([one.value for one in bars] + goals, default=0)
    words = max((len(one.words) for one in bars), default=0) * BOLD_LETTER + 12

    def draw(width: int) -> Bars:
        frame = _frame(width, [one.name for one in bars], [one.note for one in bars], most, unit, words)
        x, rows = frame[1], []
        for index, one in enumerate(bars):
            end = x(one.value)
            rows.append(
                DrawnBar(
                    css=f"t-{one.tone}" if one.tone else "s5",
                    label=shortened(one.name, frame[0].left - 8),
                    name=one.name,
                    y=frame[0].top + ROW * (index + 0.5),
                    width=round(max(end - frame[0].left, 0), 1),
                    words=one.words,
                    words_x=round(max(end, x(one.goal) if one.goal is not None else 0) + 6, 1),
                    goal_x=x(one.goal) if one.goal is not None else None,
                    note=one.note,
                    url=one.url,
                )
            )
        return _with_rows(frame[0], rows)

    has_notes = any(one.note for one in bars)
    rows = tuple(
        (Cell(one.name, one.url), Cell(one.words), *((Cell(one.note or "–"),) if has_notes else ())) for one in bars
    )
    return _chart(
        "bars", key, name, description, draw, Twin(heads, rows), len(bars), any(one.url for one in bars)
    )  # fmt: skip


def _frame(
    width: int, names: Sequence[str], notes: Sequence[str], most: float, unit: str, words: float
) -> tuple[Bars, Scale]:
    """The ground that bars and ranges share, and its scale."""
    left = min(max((len(name) for name in names), default=0) * LETTER + 8, width * 0.42)
    note = max((len(one) for one in notes), default=0) * LETTER
    right = width - words - (note + 14 if note else 0)
    values = steps(most, max(2, int((right - left) / 60)))
    x = Scale(0, values[-1], left, right)
    top, bottom = 4.0, 4.0 + ROW * len(names)
    ticks = tuple(Tick(x(value), f"{value:g}{unit}") for value in values)
    return Bars(width, round(bottom + 22), round(left, 1), round(right, 1), top, bottom, ticks, (), width - 1.0), x


def _with_rows(frame: Bars, rows: Sequence[Any]) -> Bars:
    return Bars(
        frame.width, frame.height, frame.left, frame.right, frame.top, frame.bottom, frame.x_ticks, tuple(rows),
        frame.note_x,
    )  # fmt: skip


# --- ranges ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Range:
    """From the median to the 85th percentile, with a tick where the target is; `words` such as "9 / 17"."""

    name: str
    low: float
    high: float
    words: str
    url: str = ""
    goal: float | None = None


@dataclass(frozen=True)
class DrawnRange:
    label: str
    name: str
    y: float
    low_x: float
    high_x: float
    goal_x: float | None
    words: str
    title: str
    url: str

    @property
    def text_y(self) -> float:
        return self.y + 4

    @property
    def top(self) -> float:
        return self.y - 5

    @property
    def goal_top(self) -> float:
        return self.y - 6

    @property
    def width(self) -> float:
        return round(max(self.high_x - self.low_x, 0), 1)


def range_chart(
    key: str,
    name: str,
    description: str,
    ranges: Sequence[Range],
    *,
    heads: tuple[str, ...],
    unit: str = " d",
    marks: Mapping[str, str] | None = None,
) -> Chart:
    """Bands from a median (dot) to a P85 (ring), with the target as an upright tick.

    Args:
        heads: of the twin: what a row is, its median, its P85, and the target (left out when no row has one).
        marks: the words of the key under the chart, by low, high and goal.
    """
    goals = [one.goal for one in ranges if one.goal is not None]
    most = max([one.high for one in ranges] + goals, default=0)
    says = {"low": "median", "high": "P85", "goal": "target"} | dict(marks or {})

    def draw(width: int) -> Bars:
        words = [one.words for one in ranges]
        frame, x = _frame(width, [one.name for one in ranges], words, most, unit, 10)
        rows = [
            DrawnRange(
                label=shortened(one.name, frame.left - 8),
                name=one.name,
                y=frame.top + ROW * (index + 0.5),
                low_x=x(one.low),
                high_x=x(one.high),
                goal_x=x(one.goal) if one.goal is not None else None,
                words=one.words,
                title=f"{one.name}: {says['low']} {one.low:g}{unit}, {says['high']} {one.high:g}{unit}"
                + (f", {says['goal']} {one.goal:g}{unit}" if one.goal is not None else ""),
                url=one.url,
            )
            for index, one in enumerate(ranges)
        ]
        return _with_rows(frame, rows)

    rows = tuple(
        (
            Cell(one.name, one.url),
            Cell(f"{one.low:g}{unit}"),
            Cell(f"{one.high:g}{unit}"),
            *((Cell(f"{one.goal:g}{unit}" if one.goal is not None else "–"),) if goals else ()),
        )
        for one in ranges
    )
    twin = Twin(heads if goals else heads[:3], rows)
    return _chart("ranges", key, name, description, draw, twin, len(ranges), any(one.url for one in ranges))


# --- sparkline ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Spark:
    """A line of 52 by 24 px without axes: decoration beside a figure."""

    path: str
    end_x: float
    end_y: float


def sparkline(values: Sequence[float]) -> Spark | None:
    """The last seven values, lowest at the bottom; nothing for fewer than five."""
    shown = values[-7:]
    if len(shown) < LEAST_POINTS:
        return None
    x = Scale(0, len(shown) - 1, 2, 50)
    y = Scale(min(shown), max(shown), 21, 3)
    points = [(x(index), y(value)) for index, value in enumerate(shown)]
    return Spark(" ".join(f"{a:g},{b:g}" for a, b in points), *points[-1])


# --- months ---------------------------------------------------------------------------------------------------------


def month_starts_back(today: date, count: int) -> list[date]:
    """The first days of the last so many months, this one included: what a figure by month is counted over."""
    found, on = [], today.replace(day=1)
    for _ in range(count):
        found.append(on)
        on = (on - timedelta(days=1)).replace(day=1)
    return found[::-1]
