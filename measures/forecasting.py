"""When gates will be passed: past ratios of actual to planned time, put one after the other in whole days.

For each remaining gate in order: the planned interval from the gate before it, times the ratios actual/planned of past
intervals of the same gate; the first one conditioned on the days that have gone by already. The sums are exact (every
day with its probability), so the same facts always give the same forecast. Pure: no database, no clock.

Source of the method: reference class forecasting (Kahneman and Tversky 1979; Flyvbjerg 2006) on intervals, and the
pinball loss (Koenker and Bassett 1978) to judge it.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from itertools import accumulate
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
class Spread:
    """Probabilities of days that follow each other, from `first` on; the first and the last one are not 0."""

    first: int
    chances: Sequence[float]

    @classmethod
    def of(cls, days: Mapping[int, float]) -> "Spread":
        """From days, with their probabilities, in any order."""
        first = min(days)
        chances = [0.0] * (max(days) - first + 1)
        for day, chance in days.items():
            chances[day - first] = chance
        return trimmed(first, chances)

    @property
    def days(self) -> Days:
        """Every day that can be, with its probability."""
        return {day: chance for day, chance in enumerate(self.chances, start=self.first) if chance}

    def quantile(self, share: float) -> int:
        """The first day by which a share (0 to 1) of the probability has come."""
        come = self.come
        return self.first + min(bisect_left(come, share - 1e-9), len(come) - 1)

    @cached_property
    def come(self) -> list[float]:
        """The probability that it has come by the end of each day."""
        return list(accumulate(self.chances))


def trimmed(first: int, chances: list[float]) -> Spread:
    """Without the days at both ends that cannot be."""
    start, end = 0, len(chances)
    while end > start + 1 and not chances[end - 1]:
        end -= 1
    while start < end - 1 and not chances[start]:
        start += 1
    return Spread(first + start, chances[start:end])


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
    spread: Spread
    ratios: Ratios

    @property
    def days(self) -> Days:
        return self.spread.days

    def chance_by(self, day: date) -> float:
        """The probability that it is passed by the end of a day, 0 to 1."""
        index = day.toordinal() - self.spread.first
        return 0.0 if index < 0 else min(1.0, self.spread.come[min(index, len(self.spread.come) - 1)])


_PRIOR_RATIOS = Ratios(PRIOR, NOTHING, 0)


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
    before = Spread(passed_on.toordinal(), [1.0])
    due_before: int | None = None
    found = []
    for step in steps:
        spread = _next(before, due_before, step, ratios[step.gate], carry)
        spread = _not_yet(spread, first, passed_on.toordinal())
        p50_on, p85_on = (date.fromordinal(spread.quantile(share)) for share in (0.5, 0.85))
        found.append(GateForecast(step.gate, p50_on, p85_on, spread, ratios[step.gate]))
        if step.is_measured:
            before, due_before = spread, step.due_on.toordinal()
    return found


def _next(before: Spread, due_before: int | None, step: Step, ratios: Ratios, carry: float) -> Spread:
    """The days of a gate from those of the one before it."""
    due = step.due_on.toordinal()
    if step.is_pinned:
        carry = 0.0
    # What is late moves the due date along, with all of it or with a part: from there on the same interval is planned.
    on_time = len(before.chances) if due_before is None else max(0, due_before - before.first + 1)
    if step.follows and due_before is not None:
        on_time = 0
    moved = before.chances[on_time:] if carry > 0 else []
    days: Days = defaultdict(float)
    for index, chance in enumerate(before.chances):
        if index >= on_time:
            chance *= 1 - carry
        if not chance:
            continue
        day = before.first + index
        if due <= day:  # due already: it follows at once
            days[day] += chance
            continue
        for duration, weight in ratios.durations(due - day).items():
            days[day + duration] += chance * weight
    if not moved or due_before is None:
        return Spread.of(days)
    planned = due - due_before
    start, sums = _sums(before.first + on_time, moved, ratios.durations(planned) if planned > 0 else {0: 1.0})
    if carry < 1:
        sums = [chance * carry for chance in sums]
    if not days:
        return trimmed(start, sums)
    first, last = min(start, *days), max(start + len(sums) - 1, *days)
    chances = [0.0] * (start - first) + sums + [0.0] * (last - start - len(sums) + 1)
    for day, chance in days.items():
        chances[day - first] += chance
    return trimmed(first, chances)


def _sums(first: int, chances: Sequence[float], durations: Days) -> tuple[int, list[float]]:
    """Every day plus every duration: the first day, and the probabilities from there on."""
    least, span = min(durations), len(chances)
    sums = [0.0] * (span + max(durations) - least)
    likely = [(index, chance) for index, chance in enumerate(chances) if chance]
    for duration, weight in durations.items():
        at = duration - least
        if span > 3 * len(likely):  # few days far from each other
            for index, chance in likely:
                sums[at + index] += weight * chance
        else:
            part = sums[at : at + span]
            sums[at : at + span] = [so_far + weight * chance for so_far, chance in zip(part, chances, strict=True)]
    return first + least, sums


def _not_yet(spread: Spread, first: int, start: int) -> Spread:
    """The same, knowing that it has not happened before a day."""
    if spread.first >= first:
        return spread
    left = list(spread.chances[first - spread.first :])
    total = sum(left)
    if total < 1e-9:
        # It has outlasted everything that was ever seen: the prior, on the time that it has taken.
        taken = max(1, first - start)
        return Spread.of({start + days: weight for days, weight in _PRIOR_RATIOS.durations(taken).items()})
    return trimmed(first, [chance / total for chance in left])


def quantile(days: Mapping[int, float], share: float) -> int:
    """The first day by which a share (0 to 1) of the probability has come."""
    return Spread.of(days).quantile(share)


def pinball(share: float, actual: int, forecast: int) -> float:
    """The loss of a quantile forecast in days: lateness costs `share`, earliness the rest."""
    return share * (actual - forecast) if actual >= forecast else (1 - share) * (forecast - actual)
