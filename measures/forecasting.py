"""When gates will be passed: past ratios of actual to planned time, put one after the other in whole days.

For each remaining gate in order: the planned interval from the gate before it, times the ratios actual/planned of past
intervals of the same gate; the first one conditioned on the days that have gone by already. The sums are exact (every
day with its probability), so the same facts always give the same forecast. Pure: no database, no clock.

Source of the method: reference class forecasting (Kahneman and Tversky 1979; Flyvbjerg 2006) on intervals, and the
pinball loss (Koenker and Bassett 1978) to judge it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import gcd

LEAST_SAMPLES = 8
# What is believed of an interval of which nothing is known: mostly the plan holds, and seldom it takes twice as long.
# It counts as many samples as a gate needs to be judged by its own, so that a few on-time gates promise nothing.
PRIOR: Mapping[tuple[int, int], float] = {(1, 1): 0.75, (11, 10): 0.10, (5, 4): 0.05, (3, 2): 0.05, (2, 1): 0.05}
PRIOR_SAMPLES = 8
# Half of a delay is passed on while nothing is known; five late days weigh as much as that belief.
PRIOR_CARRY = 0.5
PRIOR_CARRY_DAYS = 5
# One very late gate says no more than a month about the next.
MOST_CARRY_DAYS = 30

GATE, PRODUCT, LINE, NOTHING = "gate", "product", "line", "prior"

# Day (its ordinal) to probability.
Days = dict[int, float]


@dataclass(frozen=True)
class Interval:
    """One past interval: from the gate passed before to this one, in calendar days; `planned` as planned back then."""

    product: int
    gate: str
    planned: int
    actual: int
    known_on: date


@dataclass(frozen=True)
class Delay:
    """How late a gate was, and how late the one after it, in calendar days against the plan before both."""

    product: int
    late: int
    next_late: int
    known_on: date


@dataclass(frozen=True)
class Ratios:
    """Ratios actual/planned as (actual, planned) in lowest terms with weights that sum to 1; where they come from."""

    weights: Mapping[tuple[int, int], float]
    source: str
    samples: int


@dataclass(frozen=True)
class Step:
    """A remaining gate and its due date in force. One that is not measured is told, but nothing waits for it."""

    gate: str
    due_on: date
    is_measured: bool = True


@dataclass(frozen=True)
class GateForecast:
    """Where one gate is heading: the day by which it is passed with one half and with 85 in 100."""

    gate: str
    p50_on: date
    p85_on: date
    days: Mapping[int, float]
    ratios: Ratios

    def chance_by(self, day: date) -> float:
        """The probability that it is passed by the end of a day, 0 to 1."""
        return min(1.0, sum(chance for on, chance in self.days.items() if on <= day.toordinal()))


def ratios_of(gate: str, product: int, intervals: Iterable[Interval]) -> Ratios:
    """The ratios that a gate is judged by: its own, else any gate's of the product, else of the line, else the prior.

    Args:
        intervals: of the product line. Planned intervals of 0 days or less are skipped; a longer interval says more,
            so each weighs as its planned days.
    """
    usable = [one for one in intervals if one.planned > 0]
    mine = [one for one in usable if one.product == product]
    for source, found in ((GATE, [one for one in mine if one.gate == gate]), (PRODUCT, mine), (LINE, usable)):
        if len(found) >= LEAST_SAMPLES:
            return Ratios(_weighed(found), source, len(found))
    return Ratios(dict(PRIOR), NOTHING, 0)


def _weighed(found: Sequence[Interval]) -> dict[tuple[int, int], float]:
    total = len(found) + PRIOR_SAMPLES
    planned = sum(one.planned for one in found)
    weights: dict[tuple[int, int], float] = defaultdict(float)
    for one in found:
        divisor = gcd(one.actual, one.planned)
        weights[one.actual // divisor, one.planned // divisor] += one.planned / planned * len(found) / total
    for ratio, weight in PRIOR.items():
        weights[ratio] += weight * PRIOR_SAMPLES / total
    return dict(weights)


def carry_of(product: int, delays: Iterable[Delay]) -> float:
    """Which part of a delay the next gate takes over, 0 to 1: late days that came again, of all late days.

    Where due dates move along by rule, the rule is known and nothing has to be measured: pass 1 to `forecast`.
    """
    late = again = 0
    for one in delays:
        if one.product == product and one.late > 0:
            late += (days := min(one.late, MOST_CARRY_DAYS))
            again += min(days, max(0, one.next_late))
    return (again + PRIOR_CARRY * PRIOR_CARRY_DAYS) / (late + PRIOR_CARRY_DAYS)


def forecast(
    steps: Sequence[Step], *, passed_on: date, first_on: date, ratios: Mapping[str, Ratios], carry: float
) -> list[GateForecast]:
    """Forecast remaining gates in the order of their due dates.

    Args:
        passed_on: when the gate before the first one was passed (or the release began).
        first_on: the first day on which anything can still happen.
        ratios: by gate, see `ratios_of`.
        carry: which part of a delay moves the next due date along, 0 to 1.
    """
    first = first_on.toordinal()
    before: Days = {passed_on.toordinal(): 1.0}
    due_before: int | None = None
    found = []
    for step in steps:
        days = _next(before, due_before, step.due_on.toordinal(), ratios[step.gate].weights, carry)
        days = _not_yet(days, first, passed_on.toordinal())
        found.append(
            GateForecast(
                step.gate,
                date.fromordinal(quantile(days, 0.5)),
                date.fromordinal(quantile(days, 0.85)),
                days,
                ratios[step.gate],
            )
        )
        if step.is_measured:
            before, due_before = days, step.due_on.toordinal()
    return found


def _next(
    before: Days, due_before: int | None, due: int, ratios: Mapping[tuple[int, int], float], carry: float
) -> Days:
    """The days of a gate from those of the one before it."""
    # Days from which the same interval is planned are taken together: the ratios are then applied once.
    starts: dict[tuple[int, int], float] = defaultdict(float)
    for day, chance in before.items():
        late = max(0, day - due_before) if due_before is not None else 0
        if late and carry < 1:
            starts[day, due - day] += chance * (1 - carry)
        if not late or carry > 0:
            starts[day, due - day + late] += chance * (carry if late else 1)
    days: Days = defaultdict(float)
    for (day, planned), chance in starts.items():
        if planned <= 0:  # due already: it follows at once
            days[day] += chance
            continue
        for (actual, of), weight in ratios.items():
            days[day + (2 * planned * actual + of) // (2 * of)] += chance * weight  # rounded to whole days
    return dict(days)


def _not_yet(days: Days, first: int, start: int) -> Days:
    """The same, knowing that it has not happened before a day."""
    if min(days) >= first:
        return days
    left = {day: chance for day, chance in days.items() if day >= first}
    total = sum(left.values())
    if total < 1e-9:
        # It has outlasted everything that was ever seen: the prior, on the time that it has taken.
        taken = max(1, first - start)
        left = {start + (2 * taken * actual + of) // (2 * of): weight for (actual, of), weight in PRIOR.items()}
        total = sum(left.values())
    return {day: chance / total for day, chance in left.items()}


def quantile(days: Mapping[int, float], share: float) -> int:
    """The first day by which a share (0 to 1) of the probability has come."""
    come = 0.0
    for day in sorted(days):
        come += days[day]
        if come >= share - 1e-9:
            return day
    return max(days)


def pinball(share: float, actual: int, forecast: int) -> float:
    """The loss of a quantile forecast in days: lateness costs `share`, earliness the rest."""
    return share * (actual - forecast) if actual >= forecast else (1 - share) * (forecast - actual)
