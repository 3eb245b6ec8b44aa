"""The milestone trend: what each gate was planned for at each report date, read from the ledger of moves."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.urls import reverse

from approvals.pages.steps import Step
from gatekeeper.common.calendars import day_of
from gatekeeper.common.charts import MOST_SERIES, Chart, Point, Series, line_chart, month_starts
from gatekeeper.common.templatetags.gk import day as day_name
from releases.models import DateMove, Release

MOST_REPORTS = 12
SHORT = timedelta(days=100)
# Marks nearer to each other than this share of the axis run into one another.
CLOSE = 0.03
MOVED = "moved"


@dataclass(frozen=True)
class Slice:
    """One choice of lines where there are more than a chart can bear."""

    key: str
    words: str
    is_current: bool


@dataclass(frozen=True)
class Trend:
    """The chart, and how to choose other lines."""

    chart: Chart
    slices: tuple[Slice, ...]


@dataclass
class _Line:
    """One gate: its moves oldest first, and the date in force before and after them."""

    step: Step
    moves: list[DateMove]

    def planned(self, on: date) -> date | None:
        """The date in force at the end of a day."""
        count = bisect_right([move.effective_on for move in self.moves], on)
        if count:
            return self.moves[count - 1].to_on
        return self.moves[0].from_on if self.moves else self.step.gate.due_on


def report_days(first: date, last: date) -> list[date]:
    """When the plan is read: at its two ends and at the first of each month, in a short span each week."""
    if last - first < SHORT:
        between = [first + timedelta(days=7 * week) for week in range(1, (last - first).days // 7 + 1)]
    else:
        # Beside the two ends there is no room for another mark.
        room = (last - first) * CLOSE
        months = month_starts(first, last, MOST_REPORTS)
        between = [on for on in months if first + room < on < last - room]
    return sorted({first, *between, last})


def slices_of(count: int, wanted: str) -> tuple[Slice, ...]:
    """The choices for so many lines; none where all of them fit."""
    if count <= MOST_SERIES:
        return ()
    starts = range(1, count + 1, MOST_SERIES)
    keys = [MOVED, *(str(start) for start in starts)]
    current = wanted if wanted in keys else MOVED
    words = ["Moved most"] + [
        f"{start} to {min(start + MOST_SERIES - 1, count)}" if start < count else str(start) for start in starts
    ]
    return tuple(Slice(key, text, key == current) for key, text in zip(keys, words, strict=True))


def milestone_trend(
    release: Release, steps: Sequence[Step], moves: Sequence[DateMove], today: date, wanted: str, is_whole: bool
) -> Trend | None:
    """The trend of a release; None before there is anything to compare.

    Args:
        moves: newest first.
        wanted: the choice of lines in the address.
        is_whole: whether `moves` are all there are; else the chart begins with the oldest of them.
    """
    by_gate: dict[int, list[DateMove]] = {}
    for move in reversed(moves):
        if move.gate_id is not None:
            by_gate.setdefault(move.gate_id, []).append(move)
    lines = [_Line(step, by_gate.get(step.gate.pk, [])) for step in steps]
    span = _span(release, steps, moves, today, is_whole)
    if span is None:
        return None
    slices = slices_of(len(lines), wanted)
    series = [
        found
        for number, (position, line) in enumerate(_chosen(lines, slices), start=1)
        if (found := _series(release, line, position, number, *span)).points
    ]
    if not series:
        return None
    chart = line_chart(
        "milestone-trend", "Milestone trend",
        "What each gate was planned for, at each report date: a level line holds its date, a rising line slips, "
        "a tick is on the day on which the gate was passed",
        series, height=330, x_title="Report date", x_head="Report date", is_trend=True,
    )  # fmt: skip
    return Trend(chart, slices)


def _span(
    release: Release, steps: Sequence[Step], moves: Sequence[DateMove], today: date, is_whole: bool
) -> tuple[date, date] | None:
    """From the first day of the plan to today, or to the last day on record."""
    days = [step.gate.decided_on for step in steps if step.gate.decided_on]
    moved = [move.effective_on for move in moves]
    if release.is_history:
        first = min([*days, *moved, *(s.gate.baseline_due_on for s in steps if s.gate.baseline_due_on)], default=None)
        last = max([*days, *moved], default=None)
    else:
        first = day_of(release.activated_at) if release.activated_at else None
        ended = day_of(release.ended_at) if release.ended_at else None
        last = min(today, ended) if ended else today
    if moved and not is_whole:
        first = min(moved)
    if first is None or last is None or last <= first:
        return None
    return first, last


def _chosen(lines: Sequence[_Line], slices: Sequence[Slice]) -> list[tuple[int, _Line]]:
    """At most seven lines with their numbers, in their order."""
    numbered = list(enumerate(lines, start=1))
    current = next((one for one in slices if one.is_current), None)
    if current is None:
        return numbered
    if current.key != MOVED:
        first = int(current.key)
        return numbered[first - 1 : first - 1 + MOST_SERIES]
    most = sorted(numbered, key=lambda one: (-len(one[1].moves), one[0]))[:MOST_SERIES]
    return sorted(most, key=lambda one: one[0])


def _series(release: Release, line: _Line, position: int, number: int, first: date, last: date) -> Series:
    gate, name = line.step.gate, line.step.gate.name
    passed = gate.decided_on
    end = min(passed, last) if passed else last
    points: list[Point] = []
    ledger = reverse("release-replans", args=[release.product.slug, release.version])
    before: date | None = None
    for on in report_days(first, last):
        if passed and (on >= end or (on > first and end - on < (last - first) * CLOSE)):
            break
        planned = line.planned(on)
        if planned is None:
            continue
        words = f"{name}: on {day_name(on)} planned for {day_name(planned)}"
        points.append(Point(on, planned, words, ledger if before not in (None, planned) else ""))
        before = planned
    if passed and first <= passed <= last:
        verb = _PASSED.get(gate.state, "approved")
        url = "" if release.is_history else line.step.url
        points.append(Point(passed, passed, f"{name}: {verb} {day_name(passed)}", url, line.step.state))
    prefix = "" if release.is_history else f"{position} "
    return Series(f"{prefix}{name}", points, number, f"{prefix}{gate.short_name}")


_PASSED: Mapping[str, str] = {"waived": "waived", "recorded": "happened"}
