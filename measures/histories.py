"""How gates of a product line went in the past: what a forecast learns from, and nothing that was not known then."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date

from measures.forecasting import Delay, Interval
from releases.kinds import PlaybookKind
from releases.models import DateMove, Gate


@dataclass
class Plan:
    """One gate: the plan as it stood on each day, and the day on which it was passed."""

    gate: str
    position: int
    baseline_on: date | None
    passed_on: date | None
    moves: list[tuple[date, date | None]] = field(default_factory=list)

    def due_on(self, day: date) -> date | None:
        """The due date in force at the end of a day."""
        before = bisect_right([on for on, _to in self.moves], day)
        return self.moves[before - 1][1] if before else self.baseline_on


@dataclass
class History:
    """One release and its gates."""

    release: int
    product: int
    version: str
    plans: list[Plan] = field(default_factory=list)

    def passed(self) -> list[Plan]:
        """The gates that were passed, in the order in which that happened."""
        return sorted((p for p in self.plans if p.passed_on), key=lambda p: (p.passed_on or date.min, p.position))

    def remaining(self, day: date) -> list[tuple[date, Plan]]:
        """The gates that were not passed by the end of a day, with their due dates then, in order of these."""
        rest = [plan for plan in self.plans if plan.passed_on is None or plan.passed_on > day]
        due = [(on, plan) for plan in rest if (on := plan.due_on(day)) is not None]
        return sorted(due, key=lambda one: (one[0], one[1].position))

    def overtaken(self, day: date, due_on: date) -> bool:
        """Whether something that was due later was passed by the end of a day: nobody waits for this any more."""
        return any(
            plan.passed_on <= day and (due := plan.due_on(plan.passed_on)) is not None and due > due_on
            for plan in self.plans
            if plan.passed_on
        )


def histories(line: int, kind: str = PlaybookKind.HISTORY) -> list[History]:
    """Every release of a product line with its gates and their plans. Two queries."""
    plans: dict[int, Plan] = {}
    found: dict[int, History] = {}
    rows = Gate.objects.filter(release__product__line=line, release__kind=kind).exclude(release__state="cancelled")
    gates = rows.select_related("release").order_by("release", "position")
    for gate in gates.iterator():
        release = gate.release
        history = found.setdefault(release.pk, History(release.pk, release.product_id, release.version))
        history.plans.append(plan := Plan(gate.key, gate.position, gate.baseline_due_on, gate.decided_on))
        plans[gate.pk] = plan
    moves = DateMove.objects.filter(gate__release__product__line=line, gate__release__kind=kind)
    rows_of_moves = moves.order_by("effective_on", "pk").values_list("gate", "effective_on", "to_on")
    for of, on, to_on in rows_of_moves.iterator():
        if of in plans:
            plans[of].moves.append((on, to_on))
    return list(found.values())


def intervals(found: Iterable[History]) -> list[Interval]:
    """The intervals between gates that were passed one after the other, as planned on the day of the one before."""
    return sorted((one for history in found for one in _intervals(history)), key=lambda one: one.known_on)


def _intervals(history: History) -> Iterator[Interval]:
    passed = history.passed()
    for index, plan in enumerate(passed):
        on = plan.passed_on
        before = [p.passed_on for p in passed[:index] if p.passed_on and on and p.passed_on < on]
        due = plan.due_on(before[-1]) if before else None
        if on and before and due:
            yield Interval(history.product, plan.gate, (due - before[-1]).days, (on - before[-1]).days, on)


def delays(found: Iterable[History]) -> list[Delay]:
    """For every day on which something was passed: how late the next gate was, and the one after it."""
    return sorted((one for history in found for one in _delays(history)), key=lambda one: one.known_on)


def _delays(history: History) -> Iterator[Delay]:
    days = sorted({plan.passed_on for plan in history.plans if plan.passed_on})
    for day in days:
        ahead = [(due, plan.passed_on) for due, plan in history.remaining(day) if plan.passed_on]
        if len(ahead) < 2 or ahead[0][0] == ahead[1][0]:
            continue
        (due, on), (next_due, next_on) = ahead[:2]
        if on > due:
            yield Delay(history.product, (on - due).days, (next_on - next_due).days, max(on, next_on))


def gates_recorded(found: Iterable[History], day: date) -> dict[int, set[str]]:
    """By product, the gates of which an actual date was known on a day."""
    known: dict[int, set[str]] = defaultdict(set)
    for history in found:
        known[history.product] |= {p.gate for p in history.plans if p.passed_on and p.passed_on <= day}
    return known
