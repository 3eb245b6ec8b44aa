"""The lists that tiles and charts of the portfolio lead to: rounds, gates, slips, conditions. One shape for all.

A list has the rows of a query set of `ledgers`, narrowed by words of the address; its page, CSV and XLSX have the
same columns.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import QuerySet

from approvals.kinds import RoundState
from approvals.models import Condition, Submission
from gatekeeper.accounts.models import User
from gatekeeper.common.calendars import day_of
from gatekeeper.common.templatetags.gk import day_short
from gatekeeper.dashboard.queries import ledgers
from gatekeeper.dashboard.queries.filters import Filters, filtered
from gatekeeper.dashboard.queries.words import span_words
from releases.kinds import Cause, GateState, SettledHow
from releases.models import Gate, Release, Slip

CHUNK = 500
YES_NO = {"yes": "Yes", "no": "No"}
# what the address may say besides the filters of the portfolio, with its label
WORDS: Mapping[str, str] = {
    "key": "Gate", "result": "Result", "kept": "On time", "month": "Missed in", "of": "Product line", "cause": "Cause",
    "within": "Decided within",
}  # fmt: skip
RESULTS = {RoundState.APPROVED: "Approved", RoundState.DECLINED: "Declined"}
GATE_RESULTS = {GateState.APPROVED: "Approved", GateState.WAIVED: "Waived"}
RECENT = "90-days"
CHOICES: Mapping[str, Mapping[str, str]] = {
    "result": {str(value): words for value, words in (RESULTS | GATE_RESULTS).items()},
    "kept": YES_NO,
    "cause": {str(one.value): str(one.label) for one in Cause},
}


@dataclass(frozen=True)
class Cell:
    """`text` is what a page shows, `value` what a file holds."""

    text: str
    value: Any
    url: str = ""
    state: str = ""
    is_number: bool = False


@dataclass(frozen=True)
class Narrowing:
    """What a list was narrowed by, beside the filters of the portfolio."""

    name: str
    label: str
    words: str


@dataclass(frozen=True)
class Ledger:
    """One list: its words, its rows for somebody under some filters, and the cells of one row."""

    slug: str
    title: str
    counted: tuple[str, str]
    empty: str
    heads: tuple[str, ...]
    narrowed_by: tuple[str, ...]
    find: Callable[[User, Filters, Mapping[str, str], datetime], QuerySet[Any, Any]]
    cells: Callable[[Any, date], Sequence[Cell]]

    def narrowings(self, query: Mapping[str, str]) -> list[Narrowing]:
        """The words of the address that this list understands."""
        return [
            Narrowing(name, WORDS[name], CHOICES.get(name, {}).get(value, value.replace("-", " ")))
            for name in self.narrowed_by
            if (value := asked(query, name))
        ]

    def lines(self, found: QuerySet[Any, Any], today: date) -> Iterator[Sequence[Any]]:
        """The rows of a file, the head first."""
        yield self.heads
        for row in found.iterator(CHUNK):
            yield [cell.value for cell in self.cells(row, today)]


def asked(query: Mapping[str, str], name: str) -> str:
    """A word of the address; no database takes a NUL."""
    return query.get(name, "").replace("\x00", "").strip()[:64]


def _release(release: Release) -> Cell:
    return Cell(str(release), str(release), f"/releases/{release.product.slug}/{release.version}/")


def _gate(gate: Gate, suffix: str = "") -> Cell:
    release = gate.release
    url = f"/releases/{release.product.slug}/{release.version}/gates/{gate.key}/{suffix}"
    return Cell(gate.name, gate.name, url)


def _day(on: date | None) -> Cell:
    return Cell(day_short(on) or "–", on)


def _number(value: int | None) -> Cell:
    return Cell("–" if value is None else str(value), value, is_number=True)


def _rounds(user: User, filters: Filters, query: Mapping[str, str], now: datetime) -> QuerySet[Any, Any]:
    today = day_of(now)
    if asked(query, "within") == RECENT:
        whole = filtered(user, filters, today, with_health_filter=False).order_by().values("pk")
        found = ledgers.recent_rounds(whole, now)
    else:
        found = ledgers.decided_rounds(ledgers.counted_releases(user, filters, today), today)
    if key := asked(query, "key"):
        found = found.filter(gate__key=key)
    if asked(query, "result") in RESULTS:
        found = found.filter(state=asked(query, "result"))
    return found.select_related("gate__release__product", "submitted_by").order_by("-ended_at", "-pk")


def _round_cells(row: Submission, _today: date) -> Sequence[Cell]:
    assert row.ended_at is not None
    took = row.ended_at - row.submitted_at
    state = {RoundState.APPROVED: "ok", RoundState.DECLINED: "dec"}[RoundState(row.state)]
    return (
        _release(row.gate.release),
        _gate(row.gate, f"rounds/{row.number}/"),
        _number(row.number),
        Cell(RESULTS[RoundState(row.state)], row.state, state=state),
        _day(day_of(row.submitted_at)),
        _day(day_of(row.ended_at)),
        Cell(" ".join(span_words(took)), round(took.total_seconds() / 3600, 2), is_number=True),
    )


def _gates(user: User, filters: Filters, query: Mapping[str, str], now: datetime) -> QuerySet[Any, Any]:
    today = day_of(now)
    found = ledgers.passed_gates(ledgers.counted_releases(user, filters, today), today)
    if key := asked(query, "key"):
        found = found.filter(key=key)
    if asked(query, "result") in GATE_RESULTS:
        found = found.filter(state=asked(query, "result"))
    if (kept := asked(query, "kept")) in YES_NO:
        found = found.filter(was_missed=kept == "no")
    return found.select_related("release__product").order_by("-decided_on", "-pk")


def _gate_cells(row: Any, _today: date) -> Sequence[Cell]:
    return (
        _release(row.release),
        _gate(row),
        Cell("Waived" if row.state == GateState.WAIVED else "Approved", row.state,
             state="na" if row.state == GateState.WAIVED else "ok"),
        _day(row.due_on),
        _day(row.decided_on),
        _number(max(0, row.span.days)),
        _number(row.round_number),
        Cell(YES_NO["no" if row.was_missed else "yes"], "no" if row.was_missed else "yes"),
    )  # fmt: skip


def _slips(user: User, filters: Filters, query: Mapping[str, str], now: datetime) -> QuerySet[Any, Any]:
    today = day_of(now)
    found = ledgers.settled_slips(ledgers.counted_releases(user, filters, today), today)
    month = asked(query, "month")
    if len(month) == 7 and month[:4].isdigit() and month[4] == "-" and month[5:] in MONTH_NUMBERS:
        found = found.filter(due_on__year=int(month[:4]), due_on__month=int(month[5:]))
    if line := asked(query, "of"):
        found = found.filter(release__product__line__slug=line)
    if asked(query, "cause") in Cause.values:
        found = found.filter(cause=asked(query, "cause"))
    return found.select_related("gate", "release__product", "settled_by").order_by("-due_on", "-pk")


MONTH_NUMBERS = frozenset(f"{number:02d}" for number in range(1, 13))


def _slip_cells(row: Slip, _today: date) -> Sequence[Cell]:
    row.gate.release = row.release
    return (
        _release(row.release),
        _gate(row.gate),
        _day(row.due_on),
        Cell(Cause(row.cause).label, row.cause),
        _number(row.days),
        _day(row.settled_on),
        Cell(SettledHow(row.settled_how).label, row.settled_how),
        Cell(str(row.settled_by or "–"), str(row.settled_by or "")),
    )


def _conditions(user: User, filters: Filters, _query: Mapping[str, str], now: datetime) -> QuerySet[Any, Any]:
    today = day_of(now)
    whole = filtered(user, filters, today, with_health_filter=False).order_by().values("pk")
    found = ledgers.late_conditions_of(whole, today)
    return found.select_related("gate__release__product", "owner").order_by("due_on", "pk")


def _condition_cells(row: Condition, today: date) -> Sequence[Cell]:
    return (
        _release(row.gate.release),
        _gate(row.gate),
        Cell(row.text, row.text),
        Cell(str(row.owner), str(row.owner)),
        _day(row.due_on),
        _number((today - row.due_on).days),
    )


LEDGERS: Mapping[str, Ledger] = {
    one.slug: one
    for one in (
        Ledger(
            "rounds", "Rounds that were decided", ("round", "rounds"), "No round was decided",
            ("Release", "Gate", "Round", "Result", "Submitted", "Decided", "Hours to the decision"),
            ("within", "key", "result"), _rounds, _round_cells,
        ),
        Ledger(
            "gates", "Gates that were passed", ("gate", "gates"), "No gate was passed",
            ("Release", "Gate", "Result", "Due", "Passed", "Days from opening", "Rounds", "On time"),
            ("key", "result", "kept"), _gates, _gate_cells,
        ),
        Ledger(
            "slips", "Slips that were settled", ("slip", "slips"), "No slip was settled",
            ("Release", "Gate", "Missed on", "Cause", "Days", "Settled on", "Settled by way of", "Settled by"),
            ("of", "month", "cause"), _slips, _slip_cells,
        ),
        Ledger(
            "conditions", "Late conditions", ("condition", "conditions"), "No condition is late",
            ("Release", "Gate", "Condition", "Owner", "Due", "Days late"),
            (), _conditions, _condition_cells,
        ),
    )
}  # fmt: skip


def rows_of(ledger: Ledger, objects: Sequence[Any], today: date) -> list[list[tuple[str, Cell]]]:
    """Rows of a page: each cell with its head, for the narrow screen."""
    return [list(zip(ledger.heads, ledger.cells(row, today), strict=True)) for row in objects]
