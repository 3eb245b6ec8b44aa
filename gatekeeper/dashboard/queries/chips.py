"""Filters as chips: an inactive one is a menu, an active one a link that takes it away."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from django.http import QueryDict

from gatekeeper.common.templatetags.gk import changed_query
from gatekeeper.dashboard.queries.filters import (
    DEBTS,
    GATES,
    HEALTHS,
    ME,
    STATES,
    TARGETS,
    quarter_words,
    quarters_around,
)
from gatekeeper.dashboard.queries.portfolio import MOST_CHOICES, Choice, Portfolio

RARE = ("product", "current", "quarter", "playbook", "debt", "state")


@dataclass(frozen=True)
class Option:
    """One entry of a chip's menu."""

    words: str
    url: str


@dataclass(frozen=True)
class Chip:
    """A filter: its label, what it is without a choice, the words of the choice, how to take it away or to choose.

    `more` counts the entries that the menu leaves out; a rare filter stands behind "More filters" until it is on.
    """

    label: str
    without: str
    words: str
    remove: str
    options: Sequence[Option]
    more: int
    is_rare: bool = False


def chips_for(board: Portfolio, query: QueryDict) -> list[Chip]:
    """The filters of the page, in their order."""
    filters, menus = board.filters, board.menus
    people = [Choice(ME, "Me"), *menus["pm"]] if menus["pm"] else []
    rows = [
        ("line", "Product line", "All", filters.line, menus["line"]),
        ("product", "Product", "All", filters.product, menus["product"]),
        ("pm", "Product manager", "Anyone", filters.pm, people),
        ("target", "Target", "Any", filters.target, _choices(TARGETS)),
        ("health", "Health", "Any", filters.health, _choices(HEALTHS)),
        ("gate", "Gate state", "Any", filters.gate, _choices(GATES)),
        ("current", "Current gate", "Any", filters.current, menus.get("current", [])),
        ("quarter", "Target quarter", "Any", filters.quarter, _quarters(filters.quarter, board.today)),
        ("playbook", "Playbook", "Any", filters.playbook, menus.get("playbook", [])),
        ("debt", "Debts", "Any", filters.debt, _choices(DEBTS)),
        ("state", "State", "Current", filters.state, _choices(STATES)),
    ]
    if filters.is_history:
        rows = [row for row in rows if row[0] in ("line", "product", "target", "quarter")]
    # a menu of one entry chooses nothing
    return [_chip(query, *row) for row in rows if row[3] or len(row[4]) > 1]


def _choices(words: Mapping[str, str]) -> list[Choice]:
    return [Choice(value, text) for value, text in words.items()]


def _quarters(chosen: str, today: date) -> list[Choice]:
    quarters = quarters_around(today)
    return [Choice(one, quarter_words(one)) for one in sorted({*quarters, chosen} - {""})]


def _chip(query: QueryDict, key: str, label: str, without: str, value: str, choices: Sequence[Choice]) -> Chip:
    return Chip(
        label=label,
        without=without,
        words=next((choice.words for choice in choices if choice.value == value), value),
        remove=changed_query(query, {key: None, "page": None}),
        options=[
            Option(choice.words, changed_query(query, {key: choice.value, "page": None}))
            for choice in choices[:MOST_CHOICES]
        ],
        more=max(0, len(choices) - MOST_CHOICES),
        is_rare=key in RARE,
    )
