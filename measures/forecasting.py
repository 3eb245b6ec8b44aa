"""When gates will be passed: past ratios of actual to planned time, put one after the other in whole days.

For each remaining gate in order: the planned interval from the gate before it, times the ratios actual/planned of past
intervals of the same gate; the first one conditioned on the days that have gone by already. The sums are exact (every
day with its probability), so the same facts always give the same forecast. Pure: no database, no clock.

Source of the method: reference class forecasting (Kahneman and Tversky 1979; Flyvbjerg 2006) on intervals, and the
pinball loss (Koenker and Bassett 1978) to judge it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from math import gcd

LEAST_SAMPLES = 8
# What is believed of an interval of which nothing is known: mostly the plan holds, and seldom it takes twice as long.
# It counts as many samples as a gate needs to be judged by its own, so that a few on-time gates promise nothing.
PRIOR: Mapping[tuple[int, int], float] = {(1, 1): 0.75, (11, 10): 0.10, (5, 4): 0.05, (3, 2): 0.05, (2, 1): 0.05}
# The same for gates that are decided under the slip rule. They stand in a row, what is passed early gives the next one
# time, and each is believed so often that seven of them and the release hold their plan together with two in three:
# by the prior above nearly every new release would be late before anything has happened.
RULED_PRIOR: Mapping[tuple[int, int], float] = {(1, 1): 0.95, (11, 10): 0.02, (5, 4): 0.01, (3, 2): 0.01, (2, 1): 0.01}
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
    _durations: dict[int, Days] = field(default_factory=dict, repr=False, compare=False)

    def durations(self, planned: int) -> Days:
        """How many days an interval of so many planned days takes, with the probability of each; worked out once."""
        found = self._durations.get(planned)
        if found is None:
            days: Days = defaultdict(float)
            for (actual, of), weight in self.weights.items():
                days[(2 * planned * actual + of) // (2 * of)] += weight  # rounded to whole days
            found = self._durations[planned] = dict(days)
        return found


@dataclass(frozen=True)
class Step:
    """A remaining gate and its due date in force. One that is not measured is told, but nothing waits for it.

    The date of a pinned one stays where it is when the gate before is late; that of one that follows moves with the
    gate before, earlier as well as later (an assessment is due so many months after the release).
    """

    gate: str
    due_on: date
    is_measured: bool = True
    is_pinned: bool = False
    follows: bool = False


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


class Samples:
    """Past intervals of a product line, and the ratios that each gate of each product is judged by, worked out once."""

    def __init__(self, intervals: Iterable[Interval], prior: Mapping[tuple[int, int], float] = PRIOR) -> None:
        self.all = tuple(intervals)
        self.prior = prior
        self._of_product: dict[int, list[Interval]] = defaultdict(list)
        for one in self.all:
            self._of_product[one.product].append(one)
        self._ratios: dict[tuple[int, str], Ratios] = {}
        self._of_line: Ratios | None = None

    def ratios(self, gate: str, product: int) -> Ratios:
        """As `ratios_of`."""
        found = self._ratios.get((product, gate))
        if found is None:
            found = ratios_of(gate, product, self._of_product[product], self.prior)
            if found.source == NOTHING:
                if self._of_line is None:
                    self._of_line = ratios_of(gate, product, self.all, self.prior)
                found = self._of_line
            self._ratios[product, gate] = found
        return found


def ratios_of(
    gate: str, product: int, intervals: Iterable[Interval], prior: Mapping[tuple[int, int], float] = PRIOR
) -> Ratios:
    """The ratios that a gate is judged by: its own, else any gate's of the product, else of the line, else the prior.

    Args:
        intervals: of the product line. Planned intervals of 0 days or less are skipped; a longer interval says more,
            so each weighs as its planned days.
    """
    usable = [one for one in intervals if one.planned > 0]
    mine = [one for one in usable if one.product == product]
    for source, found in ((GATE, [one for one in mine if one.gate == gate]), (PRODUCT, mine), (LINE, usable)):
        if len(found) >= LEAST_SAMPLES:
            return Ratios(_weighed(found, prior), source, len(found))
    return Ratios(dict(prior), NOTHING, 0)


def _weighed(found: Sequence[Interval], prior: Mapping[tuple[int, int], float]) -> dict[tuple[int, int], float]:
    total = len(found) + PRIOR_SAMPLES
    planned = sum(one.planned for one in found)
    weights: dict[tuple[int, int], float] = defaultdict(float)
    for one in found:
        divisor = gcd(one.actual, one.planned)
        weights[one.actual // divisor, one.planned // divisor] += one.planned / planned * len(found) / total
    for ratio, weight in prior.items():
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
        days = _next(before, due_before, step, ratios[step.gate], carry)
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


def _next(before: Days, due_before: int | None, step: Step, ratios: Ratios, carry: float) -> Days:
    """The days of a gate from those of the one before it."""
    due = step.due_on.toordinal()
    if step.is_pinned:
        carry = 0.0
    # Days from which the same interval is planned are taken together: the ratios are then applied once.
    starts: dict[int, Days] = defaultdict(lambda: defaultdict(float))
    for day, chance in before.items():
        late = day - due_before if due_before is not None else 0
        if late <= 0 and not (step.follows and late):
            starts[due - day][day] += chance
            continue
        if carry < 1:
            starts[due - day][day] += chance * (1 - carry)
        if carry > 0:
            starts[due - day + late][day] += chance * carry
    days: Days = defaultdict(float)
    for planned, found in starts.items():
        # What is due already follows at once.
        _add_sums(days, found, ratios.durations(planned) if planned > 0 else {0: 1.0})
    return dict(days)


def _add_sums(days: Days, starts: Days, durations: Days) -> None:
    """Add every start plus every duration to the days; in lists where the starts lie close together."""
    first, last = min(starts), max(starts)
    span = last - first + 1
    if len(durations) < 3 or span > 3 * len(starts):
        for duration, weight in durations.items():
            for day, chance in starts.items():
                days[day + duration] += chance * weight
        return
    chances = [starts.get(day, 0.0) for day in range(first, last + 1)]
    least = min(durations)
    sums = [0.0] * (span + max(durations) - least)
    for duration, weight in durations.items():
        at = duration - least
        part = sums[at : at + span]
        sums[at : at + span] = [so_far + weight * chance for so_far, chance in zip(part, chances, strict=True)]
    for day, chance in enumerate(sums, start=first + least):
        if chance:
            days[day] += chance


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
