"""The slip ledger of all releases that somebody sees: filtered by the address, counted, listed, and told by cause."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Any

from django.db.models import Count, F, Max, OrderBy, Q, QuerySet, Sum, Value
from django.http import QueryDict

from approvals.pages.ledger import CAUSE_WORDS, HOW_WORDS, LedgerRow, ledger
from gatekeeper.accounts.models import User
from gatekeeper.common.calendars import add_months
from gatekeeper.common.charts import Bar, Chart, bar_chart
from gatekeeper.common.templatetags.gk import changed_query, day
from gatekeeper.dashboard.queries.chips import Chip, Option
from gatekeeper.dashboard.queries.portfolio import MOST_CHOICES, Choice
from gatekeeper.dashboard.queries.words import counted
from releases.kinds import Cause, MoveKind, PlaybookKind, ReleaseState, SettledHow
from releases.models import DateMove, Slip
from releases.querysets import SlipQuerySet

ME = "me"
CAUSES: Mapping[str, str] = {cause: CAUSE_WORDS[cause] for cause in Cause.values if cause != Cause.RECORDED}
RECORDED = Cause.RECORDED.value
SETTLED: Mapping[str, str] = {
    "no": "Not settled",
    "yes": "Settled",
    **{how: HOW_WORDS[how] for how in (SettledHow.LATE_APPROVAL, SettledHow.WAIVER, SettledHow.REPLAN)},
}
PERIODS: Mapping[str, str] = {
    "30-days": "Last 30 days",
    "90-days": "Last 90 days",
    "this-year": "This year",
    "12-months": "Last 12 months",
}
MEASURES: Mapping[str, str] = {"days": "By days", "misses": "By missed dates"}
SORTS: Mapping[str, tuple[str, ...]] = {
    "release": ("release__product__name", "release__version"),
    "gate": ("gate__name",),
    "due": ("due_on",),
    "cause": ("cause",),
    "days": ("days",),
    "settled": ("settled_on",),
}
TEXT_LENGTH = 150
CHUNK = 500
HEAD = (
    "product line", "product", "version", "product manager", "release state", "gate", "date missed", "cause",
    "whose turn it was", "days", "settled", "settled on", "settled by", "note", "dates moved", "what moved",
)  # fmt: skip


@dataclass(frozen=True)
class SlipFilters:
    """What somebody asked for; an empty text is no filter, words that are not allowed were dropped."""

    line: str = ""
    product: str = ""
    pm: str = ""
    cause: str = ""
    gate: str = ""
    settled: str = ""
    period: str = ""
    since: date | None = None
    until: date | None = None
    has_cancelled: bool = False
    measure: str = "days"
    sort: str = "-due"

    @property
    def is_filtered(self) -> bool:
        words = (self.line, self.product, self.pm, self.cause, self.gate, self.settled, self.period)
        return any(words) or self.since is not None or self.until is not None


def read_slip_filters(query: Mapping[str, str]) -> SlipFilters:
    """From the query string."""

    def allowed(name: str, words: Iterable[str]) -> str:
        value = query.get(name, "")
        return value if value in words else ""

    def text(name: str) -> str:
        return query.get(name, "").replace("\x00", "").strip()[:TEXT_LENGTH]

    def day_of(name: str) -> date | None:
        try:
            return date.fromisoformat(query.get(name, ""))
        except ValueError:
            return None

    sort = query.get("sort", "")
    return SlipFilters(
        line=text("line"),
        product=text("product"),
        pm=text("pm"),
        cause=allowed("cause", (*CAUSES, RECORDED)),
        gate=text("gate"),
        settled=allowed("settled", SETTLED),
        period=allowed("period", PERIODS),
        since=day_of("from"),
        until=day_of("until"),
        has_cancelled=query.get("cancelled") == "with",
        measure=allowed("measure", MEASURES) or "days",
        sort=sort if sort.removeprefix("-") in SORTS else "-due",
    )


def found_slips(user: User, filters: SlipFilters, today: date, *, with_cause: bool = True) -> SlipQuerySet:
    """The slips that somebody sees and asked for. Cancelled releases leave the averages, so they are left out unless
    asked for; the Pareto leaves the cause out, so that it stays a choice.
    """
    is_history = filters.cause == RECORDED
    kind = PlaybookKind.HISTORY if is_history else PlaybookKind.GATES
    found: SlipQuerySet = Slip.objects.visible_to(user).filter(release__kind=kind)
    if not filters.has_cancelled:
        found = found.exclude(release__state=ReleaseState.CANCELLED)
    if filters.line:
        found = found.filter(release__product__line__slug=filters.line)
    if filters.product:
        found = found.filter(release__product__slug=filters.product)
    if filters.pm:
        mine = Q(release__owner=user) if filters.pm == ME else Q(release__owner__username=filters.pm)
        found = found.filter(mine)
    if filters.gate:
        found = found.filter(gate__key=filters.gate)
    if filters.settled in ("yes", "no"):
        found = found.filter(settled_at__isnull=filters.settled == "no")
    elif filters.settled:
        found = found.filter(settled_how=filters.settled)
    if filters.period:
        found = found.filter(due_on__gte=_period_start(filters.period, today))
    if filters.since is not None:
        found = found.filter(due_on__gte=filters.since)
    if filters.until is not None:
        found = found.filter(due_on__lte=filters.until)
    if with_cause and filters.cause and not is_history:
        found = found.filter(cause=filters.cause)
    return found


def _period_start(period: str, today: date) -> date:
    return {
        "30-days": today - timedelta(days=30),
        "90-days": today - timedelta(days=90),
        "this-year": date(today.year, 1, 1),
        "12-months": add_months(today, -12),
    }[period]


def ordered_slips(found: SlipQuerySet, filters: SlipFilters) -> SlipQuerySet:
    """As asked, the newest miss first among equals; open ones stand at the end of days and settled."""
    names = SORTS[filters.sort.removeprefix("-")]
    is_down = filters.sort.startswith("-")
    asked: list[OrderBy] = [
        F(name).desc(nulls_last=True) if is_down else F(name).asc(nulls_last=True) for name in names
    ]
    return found.order_by(*asked, "-due_on", "-pk")


def with_facts(found: SlipQuerySet) -> SlipQuerySet:
    """What a row shows, and not the long columns beside it."""
    return found.select_related(
        "release", "release__product", "release__product__line", "release__owner", "gate", "settled_by"
    ).defer("release__board", "gate__questions", "gate__informed")


def ledger_rows(slips: Sequence[Slip]) -> list[LedgerRow]:
    """The rows as the release's own page words them, with what moved. One query."""
    settled = {slip.settled_at for slip in slips if slip.settled_at is not None}
    moves: list[DateMove] = []
    if settled:
        moves = list(
            DateMove.objects.filter(
                release__in={slip.release_id for slip in slips},
                recorded_at__in=settled,
                kind__in=[MoveKind.SLIP, MoveKind.REPLAN],
            )
            .select_related("gate")
            .only("release", "gate__name", "kind", "from_on", "to_on", "recorded_at")
            .order_by("pk")
        )
    gates = {slip.gate_id: slip.gate for slip in slips}
    return ledger(slips, moves, gates)


def slip_lines(found: QuerySet[Slip, Slip]) -> Iterator[Sequence[Any]]:
    """The head, then a row a slip, for files; a query for each few hundred rows."""
    yield HEAD
    chunk: list[Slip] = []
    for slip in found.iterator(CHUNK):
        chunk.append(slip)
        if len(chunk) == CHUNK:
            yield from _lines(chunk)
            chunk = []
    yield from _lines(chunk)


def _lines(slips: list[Slip]) -> Iterator[Sequence[Any]]:
    for row in ledger_rows(slips):
        slip, release = row.slip, row.slip.release
        yield (
            str(release.product.line),
            release.product.name,
            release.version,
            str(release.owner or ""),
            release.state,
            row.gate,
            slip.due_on,
            row.cause,
            row.turn,
            slip.days,
            row.how or "not settled",
            slip.settled_on,
            str(slip.settled_by or ""),
            slip.note,
            len(row.moves),
            "; ".join(f"{one.label}: {one.from_on} to {one.to_on}" for one in row.moves),
        )


@dataclass(frozen=True)
class CauseRow:
    """One cause of the Pareto: what it cost, and its part of all, summed up from the greatest."""

    cause: str
    name: str
    days: int
    misses: int
    open: int
    cumulative: int
    url: str


class SlipBoard:
    """What the page shows."""

    def __init__(self, user: User, filters: SlipFilters, today: date, query: QueryDict) -> None:
        self.user, self.filters, self.today, self.query = user, filters, today, query
        self.found = found_slips(user, filters, today)

    @cached_property
    def figures(self) -> dict[str, int]:
        """Of the rows listed: missed dates, those not settled, days lost by the settled ones, releases. One query."""
        row = self.found.order_by().aggregate(
            misses=Count("pk"),
            open=Count("pk", filter=Q(settled_at__isnull=True)),
            days=Sum("days", default=0),
            releases=Count("release", distinct=True),
        )
        return {key: int(value) for key, value in row.items()}

    @cached_property
    def causes(self) -> list[CauseRow]:
        """Every cause, the dearest first. One query."""
        whole = found_slips(self.user, self.filters, self.today, with_cause=False).order_by()
        rows = {
            cause: (int(days), misses, still_open)
            for cause, days, misses, still_open in whole.values_list("cause").annotate(
                lost=Sum("days", default=0),
                misses=Count("pk"),
                still_open=Count("pk", filter=Q(settled_at__isnull=True)),
            )
        }
        index = 0 if self.filters.measure == "days" else 1
        order = sorted(CAUSES, key=lambda cause: (-rows.get(cause, (0, 0, 0))[index], list(CAUSES).index(cause)))
        total = sum(row[index] for cause, row in rows.items() if cause in CAUSES)
        found, so_far = [], 0
        for cause in order:
            days, misses, still_open = rows.get(cause, (0, 0, 0))
            so_far += (days, misses)[index]
            found.append(
                CauseRow(
                    cause=cause,
                    name=CAUSES[cause],
                    days=days,
                    misses=misses,
                    open=still_open,
                    cumulative=round(100 * so_far / total) if total else 0,
                    url=changed_query(self.query, {"cause": cause, "page": None}) if misses else "",
                )
            )
        return found

    @cached_property
    def pareto(self) -> Chart | None:
        """Causes by what they cost, with the summed share beside each bar; nothing where nothing was missed."""
        if self.filters.cause == RECORDED or not any(row.misses for row in self.causes):
            return None
        by_days = self.filters.measure == "days"
        bars = [
            Bar(
                row.name,
                row.days if by_days else row.misses,
                f"{row.days} d" if by_days else str(row.misses),
                row.url,
                note=f"{row.cumulative}%",
            )
            for row in self.causes
        ]
        what = "days of settled slips" if by_days else "missed dates"
        says = f"The {what} by cause, the most first, and the share of all {what} up to and including each cause."
        heads = ("Cause", "Days" if by_days else "Missed dates", "Summed share")
        return bar_chart("causes", "Slips by cause", says, bars, heads=heads)

    @cached_property
    def menus(self) -> dict[str, list[Choice]]:
        """What the slips that somebody sees can be narrowed to. Two queries."""
        whole = found_slips(self.user, SlipFilters(has_cancelled=True), self.today).order_by()
        columns = ("kind", "slug", "name")
        found: dict[str, list[Choice]] = {"line": [], "pm": [], "product": []}
        queries = [
            whole.annotate(kind=Value(kind), slug=F(slug), name=F(name)).values_list(*columns).distinct()
            for kind, slug, name in (
                ("line", "release__product__line__slug", "release__product__line__name"),
                ("product", "release__product__slug", "release__product__name"),
                ("pm", "release__owner__username", "release__owner__full_name"),
            )
        ]
        for kind, value, words in queries[0].union(*queries[1:]).order_by("kind", "name")[: 10 * MOST_CHOICES]:
            if value:
                found[kind].append(Choice(value, words))
        gates = whole.values_list("gate__key").annotate(name=Max("gate__name"), place=Max("gate__position"))
        found["gate"] = [Choice(key, name) for key, name, _place in gates.order_by("place", "name")[: 3 * MOST_CHOICES]]
        return found

    @cached_property
    def chips(self) -> list[Chip]:
        """The filters in their order."""
        filters, menus = self.filters, self.menus
        people = [Choice(ME, "Me"), *menus["pm"]] if menus["pm"] else []
        rows: list[tuple[str, str, str, str, list[Choice]]] = [
            ("line", "Product line", "All", filters.line, menus["line"]),
            ("product", "Product", "All", filters.product, menus["product"]),
            ("pm", "Product manager", "Anyone", filters.pm, people),
            ("gate", "Gate", "Any", filters.gate, menus["gate"]),
            ("cause", "Cause", "Any", filters.cause, [*_choices(CAUSES), Choice(RECORDED, "Recorded history")]),
            ("settled", "Settled", "Any", filters.settled, _choices(SETTLED)),
            ("period", "Missed", "Any time", filters.period, _choices(PERIODS)),
            (
                "cancelled", "Cancelled releases", "Left out", "with" if filters.has_cancelled else "",
                [Choice("with", "With them")],
            ),
        ]  # fmt: skip
        chips = [self._chip(*row) for row in rows if row[3] or len(row[4]) > 1 or row[0] == "cancelled"]
        for key, label, on in (("from", "From", filters.since), ("until", "Until", filters.until)):
            if on is not None:
                chips.append(self._chip(key, label, "", day(on), []))
        return chips

    def _chip(self, key: str, label: str, without: str, value: str, choices: Sequence[Choice]) -> Chip:
        return Chip(
            label=label,
            without=without,
            words=next((choice.words for choice in choices if choice.value == value), value),
            remove=changed_query(self.query, {key: None, "page": None}),
            options=[
                Option(choice.words, changed_query(self.query, {key: choice.value, "page": None}))
                for choice in choices[:MOST_CHOICES]
            ],
            more=max(0, len(choices) - MOST_CHOICES),
        )

    @property
    def says(self) -> str:
        """The line under the heading."""
        figures = self.figures
        if not figures["misses"]:
            return "No missed date"
        missed = counted(figures["misses"], "missed date")
        return f"{missed} in {counted(figures['releases'], 'release')}, {counted(figures['days'], 'day')} lost"


def _choices(words: Mapping[str, str]) -> list[Choice]:
    return [Choice(value, text) for value, text in words.items()]
