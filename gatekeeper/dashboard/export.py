"""The portfolio as a table: the filtered set, every row."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import islice
from textwrap import wrap
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery
from django.template.loader import render_to_string
from django.utils.html import escape

from approvals.models import Waiver
from approvals.pages.debts import waiver_rows
from approvals.pages.rows import health_of
from gatekeeper.common.calendars import day_of
from gatekeeper.common.templatetags.gk import day
from gatekeeper.dashboard.queries import portfolio
from gatekeeper.dashboard.queries.portfolio_charts import Card
from releases import rules
from releases.models import Baseline, Playbook, Release
from releases.querysets import ReleaseQuerySet

CHUNK = 500
HEAD = (
    "product line", "product", "version", "theme", "product manager", "playbook", "state", "health", "health reason",
    "baseline", "target", "slip days", "held days", "released", "open slips", "current gate", "current gate state",
    "current gate due", "first baseline",
)  # fmt: skip
HISTORY_HEAD = (
    "product line", "product", "version", "theme", "playbook", "milestones", "recorded", "slipped", "slip days",
    "missed", "missed days", "baseline", "target", "released", "release slip days",
)  # fmt: skip


def gate_columns(found: ReleaseQuerySet) -> list[tuple[str, str]]:
    """(key, name) of every gate of the playbooks in use, in their order."""
    names: dict[str, str] = {}
    for playbook in Playbook.objects.filter(pk__in=found.order_by().values("playbook")).order_by("slug", "version"):
        for gate in playbook.definition["gates"]:
            names.setdefault(gate["key"], gate["name"])
    return list(names.items())


def release_rows(found: ReleaseQuerySet, today: date) -> Iterator[Sequence[Any]]:
    """The head, then a row a release: its facts, and state, due and decided day of each gate."""
    gates = gate_columns(found)
    yield [*HEAD, *(f"{name} {what}" for _key, name in gates for what in ("state", "due", "decided"))]
    for release in _streamed(found):
        board = {cell.key: cell for cell in rules.cells(release.board)}
        current = board.get(release.current_gate)
        health = health_of(release, today, current.name if current else "")
        yield [
            *_beginning(release),
            str(release.owner or ""),
            release.playbook.slug,
            release.state,
            health.value,
            health.reason,
            release.baseline_on,
            release.target_on,
            release.slip_days,
            release.held_days,
            release.released_on,
            release.open_slips,
            release.current_gate,
            release.current_state,
            release.next_due_on,
            release.first_baseline_on or release.baseline_on,  # type: ignore[attr-defined]  # of the query
            *(value for key, _name in gates for value in _gate_cells(board.get(key))),
        ]


def history_rows(found: ReleaseQuerySet) -> Iterator[Sequence[Any]]:
    """The head, then a row a recorded release."""
    yield HISTORY_HEAD
    for release in _streamed(found):
        (row,) = portfolio.history_rows([release])
        yield [
            *_beginning(release),
            release.playbook.slug,
            row.milestones,
            row.recorded,
            row.slipped,
            row.slip_days,
            row.missed,
            row.missed_days,
            release.baseline_on,
            release.target_on,
            release.released_on,
            release.slip_days,
        ]


def _beginning(release: Release) -> tuple[str, ...]:
    return str(release.product.line), release.product.name, release.version, release.name


def _gate_cells(cell: rules.BoardCell | None) -> tuple[str, str, str]:
    if cell is None:
        return "", "", ""
    return cell.state, cell.due_on or "", cell.decided_on or ""


def _streamed(found: ReleaseQuerySet) -> Iterator[Release]:
    first = Baseline.objects.filter(release=OuterRef("pk"), number=1).values("baseline_on")[:1]
    query = found.select_related("product", "product__line", "owner", "playbook").defer("playbook__definition")
    return iter(query.annotate(first_baseline_on=Subquery(first)).iterator(CHUNK))


def figure_rows(data: Mapping[str, Any]) -> Iterator[Sequence[Any]]:
    """Every figure as a row: its name, what it is of (a gate, a product line and month), and its value."""
    yield "figure", "of", "month", "value"
    for name, value in data.items():
        if not isinstance(value, list):
            yield name, "", "", value
            continue
        for entry in value:
            rest = dict(entry)
            of = rest.pop("gate", None) or " / ".join(str(rest.pop(key)) for key in ("line", "cause"))
            month = rest.pop("month", "")
            for key, figure in rest.items():
                yield f"{name}_{key}", of, month, figure


def waiver_lines(found: QuerySet[Waiver, Waiver], today: date) -> Iterator[Sequence[Any]]:
    """The head, then a row a waiver or exception."""
    yield "release", "gate", "what", "by", "on", "until", "state", "reason"
    rows = found.iterator(CHUNK)
    while chunk := list(islice(rows, CHUNK)):
        for row in waiver_rows(chunk, today):
            waiver = row.waiver
            yield [
                str(waiver.gate.release),
                waiver.gate.name,
                row.what,
                waiver.printed_name,
                day_of(waiver.waived_at),
                waiver.expires_on,
                row.words,
                waiver.reason,
            ]


# The light tokens: a file has no page around it to take colours from.
FILE_STYLE = """
text{font:11px Inter,Helvetica,Arial,sans-serif;fill:#445164}.b{font-weight:600;fill:#15202f}.q{fill:#596679}
.s1{--s:#2a4fc4}.s2{--s:#0c8a8a}.s3{--s:#b0481e}.s4{--s:#7b4bb8}.s5{--s:#5d6b7e}.s6{--s:#b3257b}.s7{--s:#4d7c0f}
.t-dec{--s:#c5282f}.t-late{--s:#bf4c08}.ln{fill:none;stroke:var(--s);stroke-width:1.8}
.pt{fill:#fff;stroke:var(--s);stroke-width:1.8}.pt-on,.bar,text.lbl{fill:var(--s)}.band{fill:var(--s);opacity:.22}
.grid{stroke:#dfe4ea;fill:none}.axis{stroke:#c5cdd7;fill:none}.goal{stroke:#15202f;stroke-width:2}
.leader{stroke:var(--s);opacity:.6;fill:none}.title{font-size:14px;font-weight:600;fill:#15202f}
"""


def chart_file(card: Card, now: datetime) -> str:
    """A chart as an SVG document, on white, with its title, what it counts and the day in it."""
    assert card.chart is not None
    view = card.chart.views[-1]
    plot = view.plot
    drawn: str = render_to_string(card.chart.template, {"chart": card.chart, "plot": plot, "suffix": view.suffix})
    drawn = re.sub(r"</?a\b[^>]*>", "", drawn)  # its links lead nowhere outside the page
    inner = drawn[drawn.index(">") + 1 : drawn.rindex("</svg>")]
    lines = wrap(f"{card.says} As of {day(now)}.", 60)
    notes = "".join(
        f'<text x="0" y="{40 + plot.height + 16 * index}">{escape(line)}</text>' for index, line in enumerate(lines)
    )
    width, height = plot.width + 32, plot.height + 56 + 16 * len(lines)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{2 * width}" height="{2 * height}" '
        f'viewBox="-16 -16 {width} {height}" role="img" aria-label="{escape(card.title)}">'
        f'<style>{FILE_STYLE}</style><rect x="-16" y="-16" width="{width}" height="{height}" fill="#fff"/>'
        f'<text class="title" x="0" y="8">{escape(card.title)}</text>'
        f'<g transform="translate(0 24)">{inner}</g>{notes}</svg>'
    )
