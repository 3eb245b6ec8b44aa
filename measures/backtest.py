"""Would the forecast have been right? Recorded releases are forecast at each milestone with what was known that day."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median

from django.db.models import Count, Q

from gatekeeper.common.calendars import day_of
from gatekeeper.common.clock import Clock, database_clock
from measures.forecasting import Step, carry_of, forecast, pinball, ratios_of
from measures.histories import History, delays, gates_recorded, histories, intervals
from measures.models import Backtest
from releases.kinds import EventKind, PlaybookKind
from releases.models import Event, Product

P50, P85 = 0.5, 0.85
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Trial:
    """One gate forecast on one day: what was said, what the plan said, and when it happened."""

    product: int
    release: int
    gate: str
    on: date
    p50_on: date
    p85_on: date
    due_on: date
    passed_on: date
    source: str


def trials(product: int, found: Sequence[History], progress: Progress | None = None) -> Iterator[Trial]:
    """Every release of a product at each day on which a milestone was recorded; milestones that are still open are
    forecast too, but nothing can be said of how right that was."""
    all_intervals, all_delays = intervals(found), delays(found)
    mine = [history for history in found if history.product == product]
    for number, history in enumerate(mine, start=1):
        if progress is not None:
            progress(f"[{number}/{len(mine)}] {history.version}")
        for day in sorted({plan.passed_on for plan in history.plans if plan.passed_on}):
            rest = history.remaining(day)
            if not any(plan.passed_on for _due, plan in rest):
                continue
            known = [one for one in all_intervals if one.known_on <= day]
            recorded = gates_recorded(found, day)[product]
            steps = [
                Step(plan.gate, due, plan.gate in recorded and not history.overtaken(day, due)) for due, plan in rest
            ]
            said = forecast(
                steps,
                passed_on=day,
                first_on=day + timedelta(days=1),
                ratios={step.gate: ratios_of(step.gate, product, known) for step in steps},
                carry=carry_of(product, (one for one in all_delays if one.known_on <= day)),
            )
            for (due, plan), one in zip(rest, said, strict=True):
                if plan.passed_on:
                    yield Trial(
                        product, history.release, plan.gate, day, one.p50_on, one.p85_on, due, plan.passed_on,
                        one.ratios.source,
                    )  # fmt: skip


@dataclass(frozen=True)
class Score:
    """How right the forecasts were: shares 0 to 1, widths and losses in days; `plan_` is the plan as it stood."""

    n: int
    coverage_50: float
    coverage_85: float
    width: float
    loss_50: float
    loss_85: float
    plan_loss_50: float
    plan_loss_85: float


def score(found: Iterable[Trial]) -> Score | None:
    """The score of some trials; None of none."""
    rows = list(found)
    if not rows:
        return None
    n = len(rows)

    def loss(share: float, said: Callable[[Trial], date]) -> float:
        return sum(pinball(share, r.passed_on.toordinal(), said(r).toordinal()) for r in rows) / n

    return Score(
        n=n,
        coverage_50=sum(r.passed_on <= r.p50_on for r in rows) / n,
        coverage_85=sum(r.passed_on <= r.p85_on for r in rows) / n,
        width=median((r.p85_on - r.p50_on).days for r in rows),
        loss_50=loss(P50, lambda r: r.p50_on),
        loss_85=loss(P85, lambda r: r.p85_on),
        plan_loss_50=loss(P50, lambda r: r.due_on),
        plan_loss_85=loss(P85, lambda r: r.due_on),
    )


def last_load() -> int:
    """The id of the last event of loaded history; 0 when none was loaded."""
    loads = Event.objects.filter(kind__in=[EventKind.RELEASE_IMPORTED, EventKind.GATE_RECORDED])
    return loads.order_by("-pk").values_list("pk", flat=True).first() or 0


def keep(product: Product, found: Score | None, day: date, loaded: int) -> None:
    """Store the score of a product for the calibration page."""
    if found is None:
        Backtest.objects.filter(product=product).delete()
        return
    Backtest.objects.update_or_create(
        product=product, defaults={"made_on": day, "loaded": loaded} | dataclasses.asdict(found)
    )  # fmt: skip


def keep_next(*, clock: Clock = database_clock, most_gates: int = 1000) -> bool:
    """Score the next product whose history was loaded after its last score; False when there is none.

    Histories of more gates than a task has time for are left to `manage.py backtest_forecast`.
    """
    loaded = last_load()
    if not loaded:
        return False
    due = Product.objects.filter(releases__kind=PlaybookKind.HISTORY).exclude(backtest__loaded=loaded)
    sized = due.annotate(gates=Count("releases__gates", filter=Q(releases__kind=PlaybookKind.HISTORY)))
    product = sized.filter(gates__lte=most_gates).order_by("pk").first()
    if product is None:
        return False
    keep(product, score(backtest(product)), day_of(clock()), loaded)
    return True


def backtest(product: Product, progress: Progress | None = None) -> list[Trial]:
    """The trials of one product, from the recorded history of its product line."""
    return list(trials(product.pk, histories(product.line_id, PlaybookKind.HISTORY), progress))
