"""The timeline as geometry: pure functions from dates to coordinates; templates/releases/_timeline.html draws it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from gatekeeper.common.templatetags.gk import MONTHS
from gatekeeper.common.templatetags.gk import day as day_name

Scale = Callable[[date], float]

ROW_HEIGHT = 27
HEAD_HEIGHT = 30


@dataclass(frozen=True)
class Line:
    """One row: a gate, a milestone or the release itself. Any date may be missing."""

    name: str
    short_name: str
    state: str
    baseline_on: date | None
    due_on: date | None
    forecast_on: date | None
    actual_on: date | None
    actual_words: str = "Approved"
    is_waived: bool = False
    p50_on: date | None = None
    p85_on: date | None = None


@dataclass(frozen=True)
class Mark:
    """A point on a row: what kind, where, and its exact words."""

    kind: str
    x: float
    y: float
    title: str
    radius: float = 4.5

    @property
    def top(self) -> float:
        """Where a diamond begins."""
        return self.y - 5


@dataclass(frozen=True)
class Band:
    """From P50 to P85, with an upright line at the P50; or from a due day to where an open slip moves it."""

    x: float
    y: float
    width: float
    title: str
    css: str = "band"

    @property
    def top(self) -> float:
        return self.y - 5

    @property
    def line_x(self) -> float:
        """Where the upright line stands: at the P50, or at the end of what a slip moves."""
        return self.x if self.css == "band" else round(self.x + self.width, 1)


@dataclass(frozen=True)
class Row:
    """A line with its label and its marks."""

    label: str
    state: str
    y: float
    rule_y: float
    marks: tuple[Mark, ...]
    band: Band | None

    @property
    def text_y(self) -> float:
        return self.y + 4


@dataclass(frozen=True)
class Tick:
    """A month on the axis."""

    x: float
    label: str
    is_year: bool
    on: date


@dataclass(frozen=True)
class Chart:
    """Everything the template draws."""

    width: int
    height: int
    left: int
    rows: tuple[Row, ...]
    ticks: tuple[Tick, ...]
    today_x: float | None

    @property
    def today_box_x(self) -> float:
        """The left edge of the word "Today", kept inside the chart."""
        return round(min(max((self.today_x or 0) - 21, self.left - 30), self.width - 42), 1)

    @property
    def labelled_ticks(self) -> list[Tick]:
        """The ticks whose words do not run into "Today"; the first one of another year names it, or else the first."""
        shown: list[Tick] = []
        for tick in self.ticks:
            is_new_year = bool(shown) and shown[-1].on.year != tick.on.year
            label = f"{MONTHS[tick.on.month - 1]} {tick.on.year}" if is_new_year else tick.label
            if self.today_x is None or abs(tick.x - self.today_text_x) > 24 + 3.2 * len(label):
                shown.append(Tick(tick.x, label, tick.is_year or is_new_year, tick.on))
        if shown and not any(tick.is_year for tick in shown):
            first = shown[0]
            shown[0] = Tick(first.x, f"{first.label} {first.on.year}", True, first.on)
        return shown

    @property
    def today_text_x(self) -> float:
        return self.today_box_x + 21


def draw(lines: Sequence[Line], today: date | None, *, width: int, left: int, label_chars: int) -> Chart | None:
    """Lay out a timeline; None when fewer than two dates are known. `today` None leaves the today line out."""
    days = [
        day
        for line in lines
        for day in (line.baseline_on, line.due_on, line.forecast_on, line.actual_on, line.p50_on, line.p85_on)
        if day is not None
    ]
    if len(set(days)) < 2:
        return None
    first, last = min(days), max(days)
    if today is not None and first - timedelta(days=45) <= today <= last + timedelta(days=45):
        first, last = min(first, today), max(last, today)
    span = (last - first).days
    pad = timedelta(days=max(2, round(span * 0.03)))
    first, last = first - pad, last + pad
    scale = (width - left - 8) / (last - first).days

    def x(day: date) -> float:
        return round(left + (day - first).days * scale, 1)

    rows = []
    for index, line in enumerate(lines):
        y = HEAD_HEIGHT + index * ROW_HEIGHT + ROW_HEIGHT / 2
        label = line.short_name if len(line.name) > label_chars else line.name
        rows.append(
            Row(
                label=label if len(label) <= label_chars else f"{label[: label_chars - 1].rstrip()}…",
                state=line.state,
                y=y,
                rule_y=y + ROW_HEIGHT / 2,
                marks=tuple(_marks(line, x, y)),
                band=_band(line, x, y),
            )
        )
    return Chart(
        width=width,
        height=round(HEAD_HEIGHT + len(lines) * ROW_HEIGHT + 4),
        left=left,
        rows=tuple(rows),
        ticks=tuple(_ticks(first, last, x, room=width - left)),
        today_x=x(today) if today is not None and first <= today <= last else None,
    )


def _marks(line: Line, x: Scale, y: float) -> list[Mark]:
    """Baseline, due day where it says something more, and what happened: inside the diamond where both are one day."""
    found = []
    if line.baseline_on is not None and (line.baseline_on != line.due_on or line.actual_on is not None):
        found.append(Mark("base", x(line.baseline_on), y, f"{line.name}: baseline {day_name(line.baseline_on)}"))
    if line.due_on is not None and line.actual_on is None:
        found.append(Mark("target", x(line.due_on), y, f"{line.name}: due {day_name(line.due_on)}"))
    elif line.due_on is not None and line.due_on not in (line.baseline_on, line.actual_on):
        found.append(Mark("target", x(line.due_on), y, f"{line.name}: was due {day_name(line.due_on)}"))
    if line.actual_on is not None:
        words = f"{line.name}: {line.actual_words.lower()} {day_name(line.actual_on)}"
        radius = 2.8 if line.actual_on == line.baseline_on else 4.5
        found.append(Mark("waived" if line.is_waived else "actual", x(line.actual_on), y, words, radius))
    return found


def _band(line: Line, x: Scale, y: float) -> Band | None:
    if line.p50_on is not None and line.p85_on is not None:
        start, end = x(line.p50_on), x(line.p85_on)
        words = f"{line.name}: forecast P50 {day_name(line.p50_on)}, P85 {day_name(line.p85_on)}"
        return Band(start, y, max(2.0, round(end - start, 1)), words)
    if line.forecast_on is None or line.due_on is None or line.forecast_on <= line.due_on:
        return None
    start, end = x(line.due_on), x(line.forecast_on)
    return Band(
        start, y, round(end - start, 1), f"{line.name}: forecast {day_name(line.forecast_on)} while the slip is open",
        "band slip",
    )  # fmt: skip


def _ticks(first: date, last: date, x: Scale, *, room: int) -> list[Tick]:
    """The first of each month, every second, third, sixth or twelfth one, so that the labels do not touch."""
    months = []
    year, month = first.year, first.month
    while date(year, month, 1) <= last:
        if date(year, month, 1) >= first:
            months.append(date(year, month, 1))
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    most = max(2, room // 56)
    step = next((s for s in (1, 2, 3, 6, 12, 24, 60) if len(months) / s <= most), 120)
    months = [day for day in months if (day.year * 12 + day.month - 1) % step == 0]
    return [
        Tick(
            x(on),
            f"{MONTHS[on.month - 1]} {on.year}" if on.month == 1 or step >= 12 else MONTHS[on.month - 1],
            on.month == 1,
            on,
        )
        for on in months
    ]
