"""Pure rules of releases and gates: transitions, dates, the slip rule, health. No database, no clock, no request."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

from gatekeeper.common.calendars import MONDAY_TO_FRIDAY, WorkCalendar, add_months, working_days_left
from releases.kinds import PASSED, UNDECIDED, GateState, Health, ReleaseState

DAYS_TO_AT_RISK = timedelta(days=7)
WORKING_DAYS_FOR_REVIEW = 2

# Which state may follow which. Everything else is a conflict.
RELEASE_TRANSITIONS: Mapping[str, frozenset[str]] = {
    ReleaseState.DRAFT: frozenset({ReleaseState.ACTIVE, ReleaseState.CANCELLED}),
    ReleaseState.ACTIVE: frozenset({ReleaseState.ON_HOLD, ReleaseState.RELEASED, ReleaseState.CANCELLED}),
    ReleaseState.ON_HOLD: frozenset({ReleaseState.ACTIVE, ReleaseState.CANCELLED}),
    ReleaseState.RELEASED: frozenset({ReleaseState.CLOSED}),
    ReleaseState.CLOSED: frozenset(),
    ReleaseState.CANCELLED: frozenset(),
    ReleaseState.RECORDED: frozenset(),
}
GATE_TRANSITIONS: Mapping[str, frozenset[str]] = {
    GateState.UPCOMING: frozenset({GateState.OPEN}),
    GateState.OPEN: frozenset({GateState.IN_REVIEW, GateState.WAIVED}),
    GateState.IN_REVIEW: frozenset({GateState.APPROVED, GateState.DECLINED, GateState.OPEN, GateState.WAIVED}),
    GateState.DECLINED: frozenset({GateState.IN_REVIEW, GateState.WAIVED}),
    GateState.APPROVED: frozenset(),
    GateState.WAIVED: frozenset(),
}


class BoardCell(NamedTuple):
    """One gate in a release's compact board: dates are ISO text or None; `slips` counts misses on record."""

    key: str
    name: str
    position: int
    state: str
    due_on: str | None
    baseline_due_on: str | None
    decided_on: str | None
    slips: int
    is_missed: bool
    conditions: int
    is_waiver_expired: bool

    @property
    def due_day(self) -> date | None:
        return date.fromisoformat(self.due_on) if self.due_on else None

    @property
    def decided_day(self) -> date | None:
        return date.fromisoformat(self.decided_on) if self.decided_on else None


def cells(board: Iterable[Sequence[Any]]) -> list[BoardCell]:
    """The stored board as cells, in order of position."""
    return [BoardCell(*row) for row in board]


# Display states of UI guide section 3, in the order in which one wins.
def display_state(state: str, *, due_on: date | None, today: date, conditions: int = 0, is_running: bool = True) -> str:
    """One of ok, cond, na, late, dec, rev, prep, none: the mark that fits a gate best."""
    if state == GateState.APPROVED:
        return "cond" if conditions else "ok"
    if state == GateState.RECORDED:
        return "ok"
    if state == GateState.WAIVED:
        return "na"
    if state in UNDECIDED:
        if is_running and due_on is not None and due_on < today:
            return "late"
        return {GateState.DECLINED: "dec", GateState.IN_REVIEW: "rev"}.get(GateState(state), "prep")
    return "none"


def planned_dates(offsets: Sequence[tuple[str, int | None, int | None]], target_on: date) -> dict[str, date]:
    """Due dates from (key, offset in days, offset in months) and the target GA date."""
    return {
        key: add_months(target_on, months) if months is not None else target_on + timedelta(days=days or 0)
        for key, days, months in offsets
    }


def earliest_target(offsets: Sequence[tuple[str, int | None, int | None]], today: date) -> date:
    """The earliest GA date whose gates all fall on today or later."""
    return today + timedelta(days=max([-(days or 0) for _key, days, months in offsets if months is None] + [0]))


@dataclass(frozen=True)
class PlannedGate:
    """What the cascade needs of a gate before GA that is not passed."""

    key: str
    name: str
    due_on: date
    is_pinned: bool


@dataclass(frozen=True)
class Move:
    """One date that would move; `key` is None for the target GA."""

    key: str | None
    name: str
    from_on: date
    to_on: date
    is_cascade: bool


@dataclass(frozen=True)
class DateProblem:
    """Why a planned date is refused; `key` is `target` for GA. `other` is the date it is out of order with."""

    key: str
    code: str
    message: str
    other: str = ""

    def about(self, typed: Container[str]) -> str:
        """The key to show the problem at: the date that a person typed, if one of the two was typed."""
        return self.other if self.key not in typed and self.other in typed else self.key


TARGET = "target"


def cascade(gates: Sequence[PlannedGate], target_on: date, wanted: Mapping[str, date]) -> list[Move]:
    """Every date that moves when some are re-planned.

    Gates move along with the last re-planned gate before them by the same days, unless pinned; so does the target
    (key `target`), unless it is named itself.
    """
    moves: list[Move] = []
    shift = timedelta()
    for gate in gates:
        if gate.key in wanted:
            shift = wanted[gate.key] - gate.due_on
            to_on, along = wanted[gate.key], False
        elif gate.is_pinned:
            continue
        else:
            to_on, along = gate.due_on + shift, True
        if to_on != gate.due_on:
            moves.append(Move(gate.key, gate.name, gate.due_on, to_on, along))
    new_target = wanted.get(TARGET, target_on + shift)
    if new_target != target_on:
        moves.append(Move(None, "Release", target_on, new_target, TARGET not in wanted))
    return moves


def date_problems(
    ordered: Sequence[tuple[str, str, date]], changed: Iterable[str], today: date, latest: date
) -> list[DateProblem]:
    """What is wrong with a plan: `ordered` is (key, name, day) of undecided gates and last the target.

    Dates that were not changed may lie in the past (a missed gate); changed ones may not, none may lie beyond
    `latest`, and no gate may be due after the next one.
    """
    problems: list[DateProblem] = []
    touched = set(changed)
    for key, name, day in ordered:
        if key in touched and day < today:
            problems.append(DateProblem(key, "date_in_past", f"{name}: {day:%-d %b %Y} is in the past."))
        elif key in touched and day > latest:
            problems.append(DateProblem(key, "date_too_far", f"{name}: {day:%-d %b %Y} is more than ten years ahead."))
    for (key, name, day), (next_key, next_name, next_day) in pairwise(ordered):
        if day > next_day and (key in touched or next_key in touched):
            problems.append(
                DateProblem(
                    key if key in touched else next_key,
                    "dates_out_of_order",
                    f"{name} ({day:%-d %b %Y}) would be due after {next_name} ({next_day:%-d %b %Y}).",
                    next_key if key in touched else key,
                )
            )
    return problems


def slip_days_of(target_on: date | None, baseline_on: date | None, held_days: int) -> int:
    """A release's slip: target − baseline in calendar days, held days taken out; 0 without both dates."""
    if target_on is None or baseline_on is None:
        return 0
    return (target_on - baseline_on).days - held_days


@dataclass(frozen=True)
class HealthMark:
    """A health value and the sentence that explains it."""

    value: str
    reason: str


def health(
    *,
    state: str,
    today: date,
    slip_days: int,
    open_slips: int,
    current_gate: str,
    current_state: str,
    next_due_on: date | None,
    is_quorum_unreachable: bool,
    state_reason: str = "",
    target_on: date | None = None,
    p50_on: date | None = None,
    calendar: WorkCalendar = MONDAY_TO_FRIDAY,
) -> HealthMark:
    """A release's health from stored columns, the day and the organisation's calendar; never typed by anybody."""
    if state != ReleaseState.ACTIVE:
        words = ReleaseState(state).label
        return HealthMark(state, f"{words}: {state_reason}" if state_reason else words)
    if open_slips:
        return HealthMark(Health.SLIPPED, f"{current_gate} was missed and is not settled")
    if slip_days > 0:
        return HealthMark(Health.SLIPPED, f"The target is {slip_days} {_days(slip_days)} after the baseline")
    if is_quorum_unreachable:
        return HealthMark(Health.AT_RISK, f"{current_gate} cannot reach its quorums")
    if next_due_on is not None and current_state == GateState.IN_REVIEW:
        left = working_days_left(today, next_due_on, calendar)
        if left < WORKING_DAYS_FOR_REVIEW:
            return HealthMark(
                Health.AT_RISK, f"{current_gate} waits for a decision with {left} working {_days(left)} left"
            )
    elif next_due_on is not None and next_due_on <= today + DAYS_TO_AT_RISK:
        left = (next_due_on - today).days
        when = "today" if left == 0 else f"in {left} {_days(left)}"
        return HealthMark(Health.AT_RISK, f"{current_gate} is due {when} and not in review")
    if p50_on is not None and target_on is not None and p50_on > target_on:
        late = (p50_on - target_on).days
        return HealthMark(Health.AT_RISK, f"The P50 forecast is {late} {_days(late)} after the target")
    return HealthMark(Health.ON_TRACK, "No date has slipped and the current gate has time")


# From worst to best; any other health is a state and has no trend.
HEALTH_ORDER = (Health.SLIPPED, Health.AT_RISK, Health.ON_TRACK)
TREND_DAYS = timedelta(days=14)


def trend(now: str, then: str) -> str:
    """`better`, `worse` or `same` against the health of some days before; empty when one of the two is a state."""
    if now not in HEALTH_ORDER or then not in HEALTH_ORDER:
        return ""
    change = HEALTH_ORDER.index(Health(now)) - HEALTH_ORDER.index(Health(then))
    return "better" if change > 0 else "worse" if change < 0 else "same"


def _days(count: int) -> str:
    return "day" if count == 1 else "days"


def forecast_days_late(current_due_on: date | None, has_open_slip: bool, today: date) -> int:
    """The slip rule's projection: while a miss is unsettled, every later date is forecast later by these days."""
    if not has_open_slip or current_due_on is None:
        return 0
    return max(0, (today - current_due_on).days)


def current_index(states: Sequence[str], after_release: Sequence[bool]) -> int | None:
    """Index of the gate that is worked on: the first that is not passed, unless it waits for the release itself."""
    for index, state in enumerate(states):
        if state not in PASSED:
            return None if after_release[index] and state == GateState.UPCOMING else index
    return None
