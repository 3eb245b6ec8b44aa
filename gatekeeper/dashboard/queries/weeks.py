"""The next six weeks of my releases as a chart: where each date stands, and which labels have room."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from gatekeeper.common.templatetags.gk import day, day_short
from gatekeeper.dashboard.queries.home import shown
from gatekeeper.dashboard.queries.portfolio import release_path
from releases import rules
from releases.kinds import PASSED
from releases.models import Release

WEEKS = 6
MOST_ROWS = 8
WIDTH = 680
LEFT = 128
TOP = 30
ROW = 28
# average width of a letter at 11 px, and the room a mark takes
LETTER = 5.9
MARK = 12
GAP = 8


@dataclass(frozen=True)
class Mark:
    """A date on the chart: the mark's centre, its label where there is room for one, and the whole sentence."""

    x: float
    y: float
    state: str
    name: str
    label: str
    label_x: float
    anchor: str
    title: str
    is_release: bool
    on: date
    url: str

    @property
    def top(self) -> float:
        return self.y - 5

    @property
    def text_y(self) -> float:
        return self.y + 4


@dataclass(frozen=True)
class WeekRow:
    """One release on the chart."""

    name: str
    y: float
    release: Release
    marks: tuple[Mark, ...]

    @property
    def text_y(self) -> float:
        return self.y + 4

    @property
    def line_y(self) -> float:
        return self.y + ROW / 2


@dataclass(frozen=True)
class Week:
    """A Monday with its label, and the weekend before the next."""

    x: float
    label: str
    weekend_x: float

    @property
    def label_x(self) -> float:
        return self.x + 4


@dataclass(frozen=True)
class Chart:
    """Everything the template prints."""

    rows: tuple[WeekRow, ...]
    weeks: tuple[Week, ...]
    today_x: float
    height: float
    weekend_width: float
    more: int

    width = WIDTH

    @property
    def plot_height(self) -> float:
        return self.height - 26

    @property
    def today_height(self) -> float:
        return self.height - 20


def chart_of(
    releases: Iterable[Release], boards: Mapping[int, Mapping[str, rules.BoardCell]], today: date
) -> Chart | None:
    """Gates that are not passed and targets within six weeks from this Monday on; None when there are none."""
    start = today - timedelta(days=today.weekday())
    end = start + timedelta(weeks=WEEKS)
    per_day = (WIDTH - LEFT - 4) / (WEEKS * 7)

    def x_of(on: date) -> float:
        return round(LEFT + ((on - start).days + 0.5) * per_day, 1)

    found: list[tuple[Release, list[tuple[date, str, str, str, bool]]]] = []
    for release in releases:
        dates = [
            (cell.due_day, shown(cell, release, today), cell.name, f"{release_path(release)}gates/{cell.key}/", False)
            for cell in boards[release.pk].values()
            if cell.state not in PASSED and cell.due_day is not None and start <= cell.due_day < end
        ]
        if release.released_on is None and release.target_on is not None and start <= release.target_on < end:
            dates.append((release.target_on, "none", "Release", release_path(release), True))
        if dates:
            found.append((release, sorted(dates, key=lambda row: (row[0], row[4]))))
    if not found:
        return None
    rows = []
    for index, (release, dates) in enumerate(found[:MOST_ROWS]):
        y = TOP + ROW * index + ROW / 2
        places = [x_of(on) for on, *_rest in dates]
        marks = []
        free_from = float(LEFT)
        for at, (on, state, name, url, is_release) in enumerate(dates):
            x = places[at]
            needed = len(name) * LETTER
            next_x = places[at + 1] - MARK if at + 1 < len(places) else WIDTH
            if x + GAP + needed <= next_x:
                label, label_x, anchor = name, x + GAP + 2, "start"
                taken = label_x + needed
            elif x - GAP - needed >= free_from:
                label, label_x, anchor = name, x - GAP - 2, "end"
                taken = x + MARK / 2
            else:
                label, label_x, anchor, taken = "", x, "start", x + MARK / 2
            free_from = taken
            title = f"{release}, {name}: {day(on)}"
            marks.append(Mark(x, y, state, name, label, round(label_x, 1), anchor, title, is_release, on, url))
        rows.append(WeekRow(_short(str(release)), y, release, tuple(marks)))
    weeks = tuple(
        Week(
            x=round(LEFT + number * 7 * per_day, 1),
            # the word "Today" stands there instead
            label=""
            if abs(LEFT + number * 7 * per_day + 20 - x_of(today)) < 36
            else day_short(start + timedelta(weeks=number)),
            weekend_x=round(LEFT + (number * 7 + 5) * per_day, 1),
        )
        for number in range(WEEKS)
    )
    return Chart(
        rows=tuple(rows),
        weeks=weeks,
        today_x=x_of(today),
        height=TOP + ROW * len(rows) + 6,
        weekend_width=round(2 * per_day, 1),
        more=max(0, len(found) - MOST_ROWS),
    )


def _short(name: str) -> str:
    most = int((LEFT - 10) / LETTER)
    return name if len(name) <= most else f"{name[: most - 1]}…"
