"""The picture of a playbook's schedule: where each gate lies before and after the release. Pure geometry."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from gatekeeper.common.calendars import add_months
from gatekeeper.common.templatetags.gk import day_short

WIDTH, LEFT, RIGHT = 1120, 56, 56
AXIS_Y, ROW = 44, 34
# How wide a letter of a label is at most, and how close two circles may come.
LETTER, CIRCLES_APART = 6.1, 25


@dataclass(frozen=True)
class Stop:
    """One gate on the axis: its circle, and its label in the first or second row under it."""

    number: int
    key: str
    name: str
    label: str
    day: date
    when: str
    words: str
    x: float
    row: int
    is_chosen: bool

    @property
    def label_y(self) -> float:
        return AXIS_Y + 30 + self.row * ROW

    @property
    def day_y(self) -> float:
        return self.label_y + 15

    @property
    def lead_y(self) -> float:
        return self.label_y - 11


@dataclass(frozen=True)
class Schedule:
    """The whole picture, for a release on an example day."""

    stops: list[Stop]
    release_x: float
    target_on: date
    ticks: list[float]
    height: int

    width: int = WIDTH
    axis_y: int = AXIS_Y
    left: int = LEFT
    right: int = WIDTH - RIGHT


def days_of(gate: Mapping[str, Any], target_on: date) -> int | None:
    """Calendar days from the release to a gate; None while the draft does not say."""
    days, months = gate.get("offset_days"), gate.get("offset_months")
    if isinstance(months, int) and 1 <= months <= 60:
        return (add_months(target_on, months) - target_on).days
    return days if isinstance(days, int) and -3650 <= days <= 0 else None


def draw(gates: Sequence[Mapping[str, Any]], words: Sequence[str], today: date, chosen: str = "") -> Schedule | None:
    """Lay out the gates that have a day; `words` are their due dates in words. None when there are fewer than two."""
    target_on = today + timedelta(days=max([-(days_of(gate, today) or 0) for gate in gates] + [0]))
    found = [(number, gate, days_of(gate, target_on)) for number, gate in enumerate(gates, start=1)]
    placed = [(number, gate, days) for number, gate, days in found if days is not None]
    if len(placed) < 2:
        return None
    first = min([days for _n, _g, days in placed] + [0])
    last = max([days for _n, _g, days in placed] + [0])
    scale = (WIDTH - LEFT - RIGHT) / max(1, last - first)
    stops: list[Stop] = []
    ends = [0.0, 0.0]
    at = -1e9
    for number, gate, days in placed:
        at = max(LEFT + (days - first) * scale, at + CIRCLES_APART)
        label = str(gate.get("short_name") or gate.get("name"))
        label = label if len(label) <= 22 else f"{label[:21].rstrip()}…"
        half = max(len(label), 9) * LETTER / 2 + 4
        row = 0 if at - half >= ends[0] or (at - half < ends[1] and ends[0] <= ends[1]) else 1
        ends[row] = at + half
        day = target_on + timedelta(days=days)
        stops.append(
            Stop(
                number=number,
                key=str(gate["key"]),
                name=str(gate.get("name")),
                label=label,
                day=day,
                when=str(day_short(day)),
                words=words[number - 1],
                x=round(min(at, WIDTH - 14), 1),
                row=row,
                is_chosen=gate["key"] == chosen,
            )
        )
    months = range(first // 30, last // 30 + 1) if last - first < 1500 else range(0)
    return Schedule(
        stops=stops,
        release_x=round(LEFT - first * scale, 1),
        target_on=target_on,
        ticks=[round(LEFT + (30 * month - first) * scale, 1) for month in months if first <= 30 * month <= last],
        height=AXIS_Y + 52 + (ROW if any(stop.row for stop in stops) else 0),
    )
