"""The portfolio: releases by their summary columns, never by their gates.

Five queries for the table: figures, rows, groups, filter menus and playbooks. The tiles and charts ask each their own,
whose number does not depend on the rows.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Count, F, Max, Q, QuerySet, Value
from django.db.models.functions import TruncMonth
from django.utils.functional import cached_property

from approvals.models import Waiver
from approvals.pages.debts import expired_debts
from approvals.pages.rows import STATE_WORDS, health_of
from gatekeeper.accounts.models import User
from gatekeeper.common.templatetags.gk import MONTHS, day, day_short
from gatekeeper.dashboard.queries.figures import PortfolioFigures
from gatekeeper.dashboard.queries.filters import HEALTHS, Filters, ordered
from gatekeeper.dashboard.queries.words import counted
from measures.health import health_then
from releases import rules
from releases.kinds import GateState
from releases.models import Product, ProductLine, Release
from releases.permissions import sees_every_product

PER_PAGE = 50
# rows of each of the two tables of what was let through
MOST_TALLIES = 6
# a longer menu is a search box
MOST_CHOICES = 30
# what a late gate is beside being late
STATE_OF_CELL = {
    GateState.IN_REVIEW: "waiting for decision",
    GateState.DECLINED: "declined",
    GateState.OPEN: "preparing",
}


@dataclass(frozen=True)
class Column:
    """A column of gates: the gate's name when all releases on the page share it, else only its position."""

    position: int
    name: str


@dataclass(frozen=True)
class Cell:
    """One gate of one release: its display state, the date or lateness, the full words, its address."""

    state: str
    text: str
    label: str
    url: str
    title: str = ""


@dataclass(frozen=True)
class Row:
    """One release of the matrix; a draft has no gates yet, and so no cells.

    `trend` is better, worse or same against 14 days ago, or empty; `reason` is what the health mark says of itself.
    """

    release: Release
    url: str
    health: rules.HealthMark
    slip: int
    cells: tuple[Cell | None, ...]
    trend: str = ""
    reason: str = ""


@dataclass(frozen=True)
class HistoryRow:
    """One release of recorded history, with the figures of the slip report."""

    release: Release
    url: str
    recorded: int
    milestones: int
    slipped: int
    slip_days: int
    missed: int
    missed_days: int


@dataclass(frozen=True)
class Group:
    """Rows that stand together, and how many there are in the whole filtered set."""

    title: str
    note: str
    rows: tuple[Any, ...]


@dataclass(frozen=True)
class Tally:
    """Of one person or one gate: how many waivers and exceptions, and how many of them have expired."""

    key: str
    name: str
    total: int
    expired: int


@dataclass(frozen=True)
class LetThrough:
    """Who let how much through, and where."""

    people: Sequence[Tally]
    gates: Sequence[Tally]


@dataclass(frozen=True)
class Choice:
    """One entry of a filter's menu."""

    value: str
    words: str


def release_path(release: Release) -> str:
    """Where a release's page is; its version holds only characters that stand in an address."""
    return f"/releases/{release.product.slug}/{release.version}/"


class Portfolio(PortfolioFigures):
    """One page of the portfolio for one person."""

    def __init__(
        self, user: User, filters: Filters, now: datetime, today: date, number: str = "1", *, per_page: int = 0
    ) -> None:
        super().__init__(user, filters, now, today)
        self.number = number
        self.per_page = per_page or PER_PAGE

    @cached_property
    def page(self) -> Page[Release]:
        rows = ordered(self.found, self.filters)
        paginator = _Counted(rows, self.per_page)
        paginator.count = self.figures.total
        return paginator.get_page(self.number)

    @cached_property
    def releases(self) -> list[Release]:
        """The rows of the page: found by their keys alone, so that the database sorts no boards of other pages."""
        keys = self.page.object_list.values("pk")  # type: ignore[attr-defined]  # it is a query set
        rows = Release.objects.filter(pk__in=keys).with_health(self.today)
        return list(ordered(rows, self.filters).select_related("product", "product__line", "owner"))

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The gates that stand in the head."""
        return columns_of(self.releases)

    @property
    def width(self) -> int:
        """How many columns the table has."""
        return 3 + max(1, len(self.columns))

    @cached_property
    def groups(self) -> list[Group]:
        rows = (
            history_rows(self.releases)
            if self.filters.is_history
            else with_trends(matrix_rows(self.releases, self.columns, self.today), self.rows_before, self.then)
        )
        notes = self._group_notes()
        groups: list[Group] = []
        for key, title, row in ((*self._group_of(row.release), row) for row in rows):
            if not groups or groups[-1].title != title:
                groups.append(Group(title, notes.get(key, ""), ()))
            groups[-1] = Group(title, groups[-1].note, (*groups[-1].rows, row))
        return groups

    @cached_property
    def rows_before(self) -> dict[int, str]:
        """The health then of the rows of this page."""
        return self.health_before if self.health_before is not None else health_then(self.releases, self.then)

    def _group_of(self, release: Release) -> tuple[Any, str]:
        if self.filters.group == "pm":
            return release.owner_id, str(release.owner) if release.owner else "Nobody"
        if self.filters.group == "target":
            on = release.target_on
            return (on.replace(day=1), f"{MONTHS[on.month - 1]} {on.year}") if on else (None, "No date")
        return release.product.line_id, str(release.product.line)

    def _group_notes(self) -> dict[Any, str]:
        """How many products and releases the groups on this page have in the whole filtered set."""
        keys = {self._group_of(release)[0] for release in self.releases}
        found: QuerySet[Release, Any] = self.found
        if self.filters.group == "target":
            found = found.annotate(group_key=TruncMonth("target_on"))
        else:
            found = found.annotate(group_key=F("owner" if self.filters.group == "pm" else "product__line"))
        in_page = Q(group_key__in=keys - {None})
        if None in keys:
            in_page |= Q(group_key__isnull=True)
        rows = (
            found.filter(in_page)
            .values_list("group_key")
            .annotate(products=Count("product", distinct=True), releases=Count("pk"))
            .order_by()
        )
        return {
            key: f"{counted(products, 'product')} · {counted(releases, 'release')}" for key, products, releases in rows
        }

    @cached_property
    def menus(self) -> dict[str, list[Choice]]:
        """Product lines, PMs and products that somebody can choose from, playbooks and their gates: two queries."""
        products = Product.objects.visible_to(self.user)
        lines = ProductLine.objects.filter(pk__in=products.values("line"))
        releases = Release.objects.visible_to(self.user).filter(owner__isnull=False)
        people = User.objects.filter(pk__in=releases.values("owner"))
        columns = ("kind", "slug", "name")
        found: dict[str, list[Choice]] = {"line": [], "pm": [], "product": []}
        rows = (lines.order_by().annotate(kind=Value("line")).values_list(*columns)).union(
            people.order_by().annotate(kind=Value("pm"), slug=F("username"), name=F("full_name")).values_list(*columns),
            products.order_by().annotate(kind=Value("product")).values_list(*columns),
            all=True,
        )
        for kind, value, words in rows.order_by("kind", "name")[: 10 * MOST_CHOICES]:
            found[kind].append(Choice(value, words))
        if self.filters.is_history:
            return found
        gates: dict[str, str] = {}
        for playbook in self.playbooks:
            for gate in playbook.definition["gates"]:
                gates.setdefault(gate["key"], gate["name"])
        found["playbook"] = [Choice(playbook.slug, playbook.name) for playbook in self.playbooks]
        found["current"] = [Choice(key, name) for key, name in gates.items()]
        return found

    @cached_property
    def let_through(self) -> LetThrough:
        """Waivers and exceptions of the releases shown, counted by person and by gate. Two queries."""
        found = Waiver.objects.filter(gate__release__in=self.whole).order_by()
        expired = Count("pk", filter=expired_debts())
        people = found.values_list("waived_by__username", "waived_by__full_name").annotate(
            total=Count("pk"), expired=expired
        )
        gates = found.values_list("gate__key").annotate(name=Max("gate__name"), total=Count("pk"), expired=expired)
        return LetThrough(
            people=[Tally(*row) for row in people.order_by("-total", "waived_by__full_name")[:MOST_TALLIES]],
            gates=[Tally(*row) for row in gates.order_by("-total", "gate__key")[:MOST_TALLIES]],
        )

    @property
    def sees_everything(self) -> bool:
        return sees_every_product(self.user)


class _Counted(Paginator):
    """A paginator whose count is known from the figures."""

    count = 0


def columns_of(releases: Iterable[Release]) -> tuple[Column, ...]:
    """Named columns when all boards have the same gates, numbered ones when playbooks are mixed."""
    boards = [rules.cells(release.board) for release in releases if release.board]
    if not boards:
        return ()
    keys = {tuple(cell.key for cell in board) for board in boards}
    if len(keys) == 1:
        return tuple(Column(cell.position, cell.name) for cell in boards[0])
    return tuple(Column(position, "") for position in range(1, max(len(board) for board in boards) + 1))


def matrix_rows(releases: Iterable[Release], columns: Sequence[Column], today: date) -> list[Row]:
    """Releases as rows of the matrix."""
    is_mixed = any(not column.name for column in columns)
    rows = []
    for release in releases:
        url = release_path(release)
        board = rules.cells(release.board)
        current = next((cell.name for cell in board if cell.key == release.current_gate), "")
        by_position = {cell.position: cell for cell in board}
        rows.append(
            Row(
                release=release,
                url=url,
                health=health_of(release, today, current),
                slip=release.slip_days,
                cells=tuple(
                    cell_of(by_position[column.position], url, today, release.is_running, is_mixed)
                    if column.position in by_position
                    else None
                    for column in columns
                )
                if board
                else (),
            )
        )
    return rows


def with_trends(rows: Iterable[Row], before: Mapping[int, str], then: date) -> list[Row]:
    """The rows with their trend since a day, also in the words of the mark."""
    found = []
    for row in rows:
        was = before.get(row.release.pk, "")
        trend = rules.trend(row.health.value, was)
        words = {"better": f"Better than on {day_short(then)}: it was {HEALTHS[was].lower()} then",
                 "worse": f"Worse than on {day_short(then)}: it was {HEALTHS[was].lower()} then",
                 "same": f"As on {day_short(then)}"}[trend] if trend else ""  # fmt: skip
        found.append(replace(row, trend=trend, reason=". ".join(filter(None, (row.health.reason, words)))))
    return found


def cell_of(cell: rules.BoardCell, url: str, today: date, is_running: bool, is_mixed: bool = False) -> Cell:
    """A gate as a cell, with its whole story as the accessible name."""
    state = rules.display_state(
        cell.state, due_on=cell.due_day, today=today, conditions=cell.conditions, is_running=is_running
    )
    words = STATE_WORDS[state]
    if state == "late" and cell.due_day is not None:
        late = (today - cell.due_day).days
        text = f"{late} d late"
        label = f"{words}, {counted(late, 'day')}, {STATE_OF_CELL[GateState(cell.state)]}"
    elif state == "na":
        text, label = "Waived", f"{words} {day(cell.decided_day)}{', expired' if cell.is_waiver_expired else ''}"
    elif cell.decided_day is not None:
        text, label = day_short(cell.decided_day), f"{words} {day(cell.decided_day)}"
    else:
        text, label = day_short(cell.due_day), f"{words}, due {day(cell.due_day)}"
    label = f"{cell.name}: {label}"
    return Cell(state, text, label, f"{url}gates/{cell.key}/", label if is_mixed else "")


def history_rows(releases: Iterable[Release]) -> list[HistoryRow]:
    """Recorded releases as rows, from their boards alone."""
    rows = []
    for release in releases:
        board = rules.cells(release.board)
        slips = [days for cell in board if (days := _days_late(cell.baseline_due_on, cell.decided_on)) > 0]
        misses = [days for cell in board if (days := _days_late(cell.due_on, cell.decided_on)) > 0]
        rows.append(
            HistoryRow(
                release=release,
                url=release_path(release),
                recorded=sum(cell.state == GateState.RECORDED for cell in board),
                milestones=len(board),
                slipped=len(slips),
                slip_days=sum(slips),
                missed=len(misses),
                missed_days=sum(misses),
            )
        )
    return rows


def _days_late(planned: str | None, actual: str | None) -> int:
    if planned is None or actual is None:
        return 0
    return (date.fromisoformat(actual) - date.fromisoformat(planned)).days
