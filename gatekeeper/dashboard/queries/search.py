"""Search: releases, gates, products and people by their words, as far as somebody may see them.

A fixed number of queries: a count per kind, and the rows of the kinds that are shown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property, reduce
from operator import or_
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Case, IntegerField, Q, QuerySet, Value, When

from approvals.pages.rows import STATE_WORDS, ReleaseRow, release_rows
from approvals.pages.steps import gate_url
from gatekeeper.accounts.models import User
from releases import rules
from releases.kinds import UNDECIDED, GateState, PlaybookKind, ReleaseState
from releases.models import Gate, Product, Release
from releases.permissions import is_administrator
from releases.querysets import visible_products

PER_PAGE = 50
# so many of each kind when all kinds stand on one page
FEW = 8
TEXT_LENGTH = 200
MOST_WORDS = 10
KINDS = {"releases": "Releases", "gates": "Gates", "products": "Products", "people": "People"}


@dataclass(frozen=True)
class GateRow:
    """A gate in the list: its state in words, its release, its address."""

    gate: Gate
    release: Release
    state: str
    words: str
    url: str


@dataclass(frozen=True)
class Section:
    """One kind of results; `more` when the list shows only the first ones."""

    key: str
    title: str
    total: int
    rows: Sequence[Any]
    more: bool


def clean_text(raw: str) -> str:
    """What somebody typed, as the databases take it: they refuse a NUL."""
    return raw.replace("\x00", "").strip()[:TEXT_LENGTH]


def _every_word(words: Sequence[str], *fields: str) -> Q:
    """Each word stands in one of the fields."""
    found = Q()
    for word in words:
        found &= reduce(or_, (Q(**{f"{field}__icontains": word}) for field in fields))
    return found


class Search:
    """What one person finds with one text; `kind` is one of KINDS, or empty for the first of each."""

    def __init__(self, user: User, text: str, today: date, kind: str = "", number: str = "1") -> None:
        self.user = user
        self.text = clean_text(text)
        self.words = self.text.split()[:MOST_WORDS]
        self.today = today
        self.kinds = [key for key in KINDS if key != "people" or is_administrator(user)]
        self.kind = kind if kind in self.kinds else ""
        self.number = number

    def found(self, kind: str) -> QuerySet[Any]:
        """The query of one kind: what the person does not see is not counted either."""
        finders = {
            "releases": self._releases, "gates": self._gates, "products": self._products, "people": self._people
        }  # fmt: skip
        return finders[kind]()

    def _releases(self) -> QuerySet[Release]:
        found = Release.objects.visible_to(self.user).filter(
            _every_word(self.words, "product__name", "version", "name")
        )
        states = (ReleaseState.ACTIVE, ReleaseState.RELEASED, ReleaseState.ON_HOLD, ReleaseState.DRAFT)
        rank = [When(state=state, then=Value(position)) for position, state in enumerate(states)]
        return (
            found.for_board()
            .annotate(rank=Case(*rank, default=Value(len(rank)), output_field=IntegerField()))
            .order_by("rank", "product__name", "-target_on", "version", "pk")
        )

    def _gates(self) -> QuerySet[Gate]:
        # a product's name alone is no search for its gates: one word has to be the gate's own
        named = reduce(or_, (Q(name__icontains=word) | Q(short_name__icontains=word) for word in self.words))
        found = Gate.objects.filter(
            visible_products(self.user, "release__product__"),
            _every_word(self.words, "name", "short_name", "release__product__name", "release__version"),
            named,
        )
        running = Q(release__state__in=[ReleaseState.ACTIVE, ReleaseState.RELEASED])
        rank = Case(
            When(running & Q(state__in=UNDECIDED), then=Value(0)),
            When(running, then=Value(1)),
            default=Value(2),
            output_field=IntegerField(),
        )
        return (
            found.select_related("release__product")
            .annotate(rank=rank)
            .order_by("rank", "release__product__name", "-release__target_on", "release__version", "position", "pk")
        )

    def _products(self) -> QuerySet[Product]:
        found = Product.objects.visible_to(self.user).filter(
            _every_word(self.words, "name", "slug", "description", "line__name")
        )
        return found.select_related("line", "owner").order_by("name")

    def _people(self) -> QuerySet[User]:
        found = User.objects.filter(_every_word(self.words, "full_name", "username", "email", "title"))
        return found.order_by("-is_active", "full_name", "username")

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many of each kind."""
        return {kind: self.found(kind).count() if self.words else 0 for kind in self.kinds}

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @cached_property
    def page(self) -> Page[Any]:
        """One page of the chosen kind."""
        paginator = Paginator(self.found(self.kind), PER_PAGE)
        paginator.__dict__["count"] = self.counts[self.kind]  # counted already
        return paginator.get_page(self.number)

    @cached_property
    def sections(self) -> list[Section]:
        """What is shown: one page of the chosen kind, or the first few of every kind."""
        if not self.words:
            return []
        if self.kind:
            total = self.counts[self.kind]
            rows = self._rows(self.kind, list(self.page.object_list)) if total else []
            return [Section(self.kind, KINDS[self.kind], total, rows, False)]
        return [
            Section(kind, KINDS[kind], total, self._rows(kind, list(self.found(kind)[:FEW])), total > FEW)
            for kind, total in self.counts.items()
            if total
        ]

    def _rows(self, kind: str, things: list[Any]) -> Sequence[ReleaseRow] | Sequence[GateRow] | Sequence[Any]:
        if kind == "releases":
            return release_rows(things, self.today)
        return [self._gate_row(gate) for gate in things] if kind == "gates" else things

    def _gate_row(self, gate: Gate) -> GateRow:
        release = gate.release
        state = rules.display_state(
            gate.state,
            due_on=gate.due_on,
            today=self.today,
            conditions=gate.open_conditions,
            is_running=release.is_running,
        )
        words = GateState(gate.state).label if release.kind == PlaybookKind.HISTORY else STATE_WORDS[state]
        return GateRow(gate, release, state, words, gate_url(release, gate.key))
