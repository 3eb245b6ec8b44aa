"""Was what we said right? Of the gates said to pass by their P85, how many did: by product, from what was stated."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.core.paginator import Page, Paginator
from django.db.models import Case, CharField, Count, Exists, F, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Cast, Concat
from django.urls import reverse

from gatekeeper.accounts.models import User
from gatekeeper.common.charts import Bar, Chart, bar_chart
from measures.models import Backtest, Statement
from releases import rules
from releases.kinds import ReleaseState
from releases.models import Gate, Hold, Product, Release

# Of fewer forecasts a share says little, and the page says so.
LEAST_TO_JUDGE = 20
PER_PAGE = 50


@dataclass(frozen=True)
class Share:
    """How many of some forecasts came true."""

    hits: int
    total: int

    @property
    def percent(self) -> float | None:
        """None where there are too few to judge."""
        return round(100 * self.hits / self.total, 1) if self.total >= LEAST_TO_JUDGE else None

    @property
    def words(self) -> str:
        """82.9 %, or 5 of 7 where that is all there is."""
        if not self.total:
            return "–"
        counts = f"{self.hits} of {self.total}"
        return counts if self.percent is None else f"{self.percent:g} % ({counts})"


@dataclass(frozen=True)
class Row:
    """One product, or all of them."""

    slug: str
    name: str
    gates: int
    p50: Share
    p85: Share


@dataclass(frozen=True)
class Told:
    """One statement and what became of it."""

    statement: Statement
    gate: str
    passed_on: date | None
    came_by_p50: bool | None
    came_by_p85: bool


@dataclass(frozen=True)
class CalibrationPage:
    """Everything that the page shows."""

    rows: Sequence[Row]
    whole: Row | None
    chart: Chart | None
    backtests: Sequence[Backtest]
    waiting: int
    least: int = LEAST_TO_JUDGE

    @property
    def verdict(self) -> str:
        """What the figures come to, in a sentence."""
        if self.whole is None or self.whole.p85.percent is None:
            return "There are too few forecasts whose day has come to say how good they are."
        percent = self.whole.p85.percent
        if percent < 75:
            return f"The P85 is too early: only {percent:g} % of what was said to come by it did."
        if percent <= 95:
            return f"The P85 keeps its word: {percent:g} % of what was said to come by it did."
        return f"The P85 is cautious: {percent:g} % of what was said to come by it did."


def due_statements(user: User, today: date) -> QuerySet[Statement]:
    """Statements whose P85 day has ended, with the day on which it happened as `passed_on`.

    Only these are counted, early or late: whoever also counts what came early while its day is still ahead sees only
    the good news. Left out are cancelled releases, what was said before a hold that fell into its days, and gates that
    a newer playbook has taken away.
    """
    gate = Gate.objects.filter(release=OuterRef("release"), key=OuterRef("gate"))
    held = Hold.objects.filter(
        release=OuterRef("release"), held_on__gte=OuterRef("stated_on"), held_on__lte=OuterRef("p85_on")
    )
    return (
        Statement.objects.filter(release__in=Release.objects.visible_to(user), p85_on__lt=today)
        .exclude(release__state=ReleaseState.CANCELLED)
        .filter(Q(gate=rules.TARGET) | Exists(gate))
        .exclude(Exists(held))
        .annotate(
            passed_on=Case(
                When(gate=rules.TARGET, then=F("release__released_on")),
                default=Subquery(gate.order_by().values("decided_on")[:1]),
            )
        )
    )


def calibration_page(user: User, today: date) -> CalibrationPage:
    """The page, counted by the database. Three queries for any number of statements."""
    found = due_statements(user, today).order_by()
    one_gate = Concat(Cast("release", CharField()), Value(" "), "gate")
    counted = found.values_list("release__product__slug", "release__product__name").annotate(
        total=Count("pk"),
        gates=Count(one_gate, distinct=True),
        by_p50=Count("pk", filter=Q(passed_on__lte=F("p50_on"))),
        by_p85=Count("pk", filter=Q(passed_on__lte=F("p85_on"))),
    )
    rows = [
        Row(slug, name, gates, Share(by_p50, total), Share(by_p85, total))
        for slug, name, total, gates, by_p50, by_p85 in counted.order_by("release__product__name")
    ]
    whole = None
    if rows:
        totals = [
            sum(values) for values in zip(*((r.gates, r.p50.hits, r.p85.hits, r.p85.total) for r in rows), strict=True)
        ]
        whole = Row("", "All products", totals[0], Share(totals[1], totals[3]), Share(totals[2], totals[3]))
    backtests = Backtest.objects.filter(product__in=Product.objects.visible_to(user)).select_related("product")
    waiting = (
        Statement.objects.filter(release__in=Release.objects.visible_to(user), p85_on__gte=today)
        .exclude(release__state=ReleaseState.CANCELLED)
        .count()
    )
    return CalibrationPage(rows, whole, _chart(rows), list(backtests.order_by("product__name")), waiting)


def _chart(rows: Sequence[Row]) -> Chart | None:
    """Shares by product with the promise as a tick; only products of which enough was said."""
    judged = [row for row in rows if row.p85.percent is not None]
    if not judged:
        return None
    bars = [
        Bar(
            row.name, row.p85.percent or 0, f"{row.p85.percent:g} %", goal=85, note=str(row.p85.total),
            url=reverse("calibration-product", args=[row.slug]),
        )
        for row in judged
    ]  # fmt: skip
    return bar_chart(
        "calibration", "Came by their P85", "Share of forecasts that came by their P85, by product; the tick is 85 %",
        bars, heads=("Product", "By P85", "Forecasts"), unit=" %",
    )  # fmt: skip


def told_page(user: User, product: Product, today: date, number: str) -> tuple[Page[Statement], list[Told]]:
    """What was said of one product and what became of it, newest first."""
    found = due_statements(user, today).filter(release__product=product).select_related("release__product")
    page = Paginator(found.order_by("-p85_on", "-pk"), PER_PAGE).get_page(number)
    shown = list(page.object_list)
    names = {
        (release, key): name
        for release, key, name in Gate.objects.filter(release__in=[one.release_id for one in shown]).values_list(
            "release", "key", "name"
        )
    }
    rows = []
    for one in shown:
        passed_on: date | None = one.passed_on  # type: ignore[attr-defined]
        name = "Release" if one.gate == rules.TARGET else names.get((one.release_id, one.gate), one.gate)
        rows.append(
            Told(
                one, name, passed_on, passed_on is not None and passed_on <= one.p50_on,
                passed_on is not None and passed_on <= one.p85_on,
            )
        )  # fmt: skip
    return page, rows
