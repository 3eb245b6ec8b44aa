"""How gates of a product line went in the past: what a forecast learns from, and nothing that was not known then."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby

from gatekeeper.common.calendars import day_of
from measures.forecasting import Delay, Interval
from releases.kinds import PlaybookKind, ReleaseState
from releases.models import DateMove, Gate, Hold, Release
from releases.rules import TARGET

# What is read of each gate: a whole row has lists and boards besides, which take longer than all of these.
COLUMNS = (
    "key", "position", "baseline_due_on", "decided_on", "offset_months", "release__product", "release__version",
    "release__state", "release__activated_at", "release__ended_at", "release__baseline_on", "release__released_on",
)  # fmt: skip


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
    """One release and its gates; of our own releases also the release itself, when it began and when it stood still."""

    release: int
    product: int
    version: str
    plans: list[Plan] = field(default_factory=list)
    began_on: date | None = None
    cancelled_on: date | None = None
    holds: list[Hold] = field(default_factory=list)

    def days_held(self, after: date, until: date) -> int:
        """Calendar days on hold after one day and up to another."""
        return sum(hold.days_within(after, until) for hold in self.holds)

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
    """Every release of a product line with its gates and their plans. Two queries, for our own releases three.

    Our own have one more plan, the release itself, under the key of the target.
    """
    is_own = kind == PlaybookKind.GATES
    plans: dict[tuple[int, int | None], Plan] = {}
    found: dict[int, History] = {}
    rows = Gate.objects.filter(release__product__line=line, release__kind=kind)
    if not is_own:
        rows = rows.exclude(release__state=ReleaseState.CANCELLED)
    gates = rows.select_related("release").only(*COLUMNS).order_by("release", "position")
    for release, group in groupby(gates.iterator(), key=lambda gate: gate.release):
        history = found[release.pk] = own_history(release) if is_own else history_of(release)
        for gate in group:
            if is_own and gate.is_after_release:
                _add_release(history, release, plans)
            history.plans.append(plan := Plan(gate.key, gate.position, gate.baseline_due_on, gate.decided_on))
            plans[release.pk, gate.pk] = plan
        if is_own:
            _add_release(history, release, plans)
    of_line = {"release__product__line": line, "release__kind": kind}
    moves = DateMove.objects.filter(**of_line) if is_own else DateMove.objects.filter(**of_line, gate__isnull=False)
    columns = ("release", "gate", "effective_on", "from_on", "to_on")
    for of, gate_id, on, from_on, to_on in moves.order_by("effective_on", "pk").values_list(*columns).iterator():
        if (plan_of := plans.get((of, gate_id))) is not None:
            if is_own and not plan_of.moves:
                plan_of.baseline_on = from_on  # the first one, which a re-baseline replaces on the gate
            plan_of.moves.append((on, to_on))
    if is_own:
        for hold in Hold.objects.filter(**of_line).order_by("release", "held_on", "pk").iterator():
            if hold.release_id in found:
                found[hold.release_id].holds.append(hold)
    return list(found.values())


def history_of(release: Release) -> History:
    """A release without its gates."""
    return History(release.pk, release.product_id, release.version)


def own_history(release: Release) -> History:
    """The same with what is known of our own releases only: when it began, and when it was cancelled."""
    history = history_of(release)
    history.began_on = day_of(release.activated_at) if release.activated_at else None
    if release.state == ReleaseState.CANCELLED and release.ended_at:
        history.cancelled_on = day_of(release.ended_at)
    return history


def _add_release(history: History, release: Release, plans: dict[tuple[int, int | None], Plan]) -> None:
    """The release itself stands after its last gate before GA."""
    if (release.pk, None) not in plans:
        position = history.plans[-1].position if history.plans else 0
        plans[release.pk, None] = plan = Plan(TARGET, position, release.baseline_on, release.released_on)
        history.plans.append(plan)


def intervals(found: Iterable[History]) -> list[Interval]:
    """The intervals between gates that were passed one after the other, as planned on the day of the one before.

    The first gate of our own releases is measured from their beginning, and days on hold are taken out.
    """
    return sorted((one for history in found for one in _intervals(history)), key=lambda one: one.known_on)


def _intervals(history: History) -> Iterator[Interval]:
    passed = history.passed()
    for index, plan in enumerate(passed):
        on = plan.passed_on
        before = [p.passed_on for p in passed[:index] if p.passed_on and on and p.passed_on < on]
        since = before[-1] if before else history.began_on
        due = plan.due_on(since) if since else None
        if on and since and due:
            actual = (on - since).days - history.days_held(since, on)
            yield Interval(history.product, plan.gate, (due - since).days, max(0, actual), on)


def known_before(found: Iterable[History], day: date) -> list[Interval]:
    """The intervals that were known when a day began: of gates passed earlier, in releases not cancelled by then."""
    kept = [one for one in found if one.cancelled_on is None or one.cancelled_on >= day]
    return [one for one in intervals(kept) if one.known_on < day]


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
