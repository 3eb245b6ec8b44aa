"""The portfolio and a release as PDFs fit for a board meeting: A4 or Letter, landscape, the filters in the head."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reportlab.lib.pagesizes import A4, landscape
from reportlab.platypus import (
    BaseDocTemplate,
    Flowable,
    Frame,
    KeepTogether,
    PageTemplate,
    Paragraph,
    Spacer,
    Table,
    TableStyle,
)

from approvals.pages.ledger import LedgerRow
from approvals.pages.paper import BODY, BOLD, INK, LINE
from approvals.pages.releases import ReleasePage
from approvals.pages.sheets import (
    CELL_HEAD,
    FOOT,
    HEAD,
    MARGIN,
    PAPERS,
    SECTION,
    SMALL,
    TITLE,
    Mark,
    Numbered,
    Writer,
    register_fonts,
    style,
)
from gatekeeper.common.templatetags.gk import GATE_WORDS, HEALTH, day, day_short, signed_days
from gatekeeper.dashboard.chart_pdf import PaperChart
from gatekeeper.dashboard.queries.portfolio import Cell, Column, Group
from gatekeeper.dashboard.queries.portfolio_charts import Card
from releases.models import Release

VALUE = style(17, 21, BOLD)
DENSE = style(7.5, 10)
DENSE_BOLD = style(7.5, 10, BOLD)
LEFT_OUT = "more releases are left out here: the CSV and XLSX files have every row."
TONE_OF_HEALTH = {"on_track": "ok", "at_risk": "cond", "slipped": "late"}


@dataclass(frozen=True)
class Sheet:
    """What stands on every page, and who made it when."""

    title: str
    sub: str
    filters: str
    organisation: str
    made: str
    paper: str


@dataclass(frozen=True)
class Tile:
    """One figure: its label, its value with a unit, and a line of context."""

    label: str
    value: str
    note: str


class Marked(Flowable):
    """A gate in a cell: its mark and its date, in one line."""

    def __init__(self, cell: Cell) -> None:
        super().__init__()
        self.cell, self.mark = cell, Mark(cell.state, 8)

    def wrap(self, width: float, _height: float) -> tuple[float, float]:
        self.width = width
        return width, 10

    def draw(self) -> None:
        self.mark.canv = self.canv
        self.canv.saveState()
        self.canv.translate(0, 2)
        self.mark.draw()
        self.canv.restoreState()
        self.canv.setFillColor(INK)
        self.canv.setFont(BOLD if self.cell.state in ("late", "dec", "rev", "prep") else BODY, 7.5)
        self.canv.drawString(12, 2.5, self.cell.text)


def _build(sheet: Sheet, tell: Any) -> bytes:
    """The file's bytes; `tell` gives the story from a writer."""
    register_fonts()
    width, height = landscape(PAPERS.get(sheet.paper, A4))
    out = io.BytesIO()
    document = BaseDocTemplate(
        out, pagesize=(width, height), title=sheet.title, author=sheet.organisation, subject=sheet.filters,
        creator="gatekeeper", lang="en",
    )  # fmt: skip
    frame = Frame(MARGIN, FOOT, width - 2 * MARGIN, height - HEAD - FOOT, 0, 0, 0, 0)
    document.addPageTemplates([PageTemplate(frames=[frame])])
    document.build(
        tell(Writer(width - 2 * MARGIN)),
        canvasmaker=lambda *args, **kwargs: Numbered(
            *args, head=sheet.title, aside=f"{sheet.organisation or 'gatekeeper'} · Confidential",
            foot=f"{sheet.filters} · {sheet.made}", **kwargs,
        ),
    )  # fmt: skip
    return out.getvalue()


def _bare(rows: Sequence[Sequence[Any]], widths: Sequence[float], *more: Any, repeat: int = 0) -> Table:
    table = Table([list(row) for row in rows], colWidths=list(widths), repeatRows=repeat)
    table.setStyle(TableStyle([
        ("VALIGN", (0, 0), (-1, -1), "MIDDLE"), ("LEFTPADDING", (0, 0), (-1, -1), 0),
        ("RIGHTPADDING", (0, 0), (-1, -1), 6), ("TOPPADDING", (0, 0), (-1, -1), 2),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 3), *more,
    ]))  # fmt: skip
    return table


def _tiles(w: Writer, tiles: Sequence[Tile]) -> Table:
    cells = [[w.p(tile.label, SMALL), w.p(tile.value, VALUE), w.p(tile.note, SMALL)] for tile in tiles]
    each = w.width / len(tiles)
    boxes = [("BOX", (index, 0), (index, 0), 0.6, LINE) for index in range(len(tiles))]
    return _bare([cells], [each] * len(tiles), *boxes, ("LEFTPADDING", (0, 0), (-1, -1), 8),
                 ("TOPPADDING", (0, 0), (-1, -1), 6), ("BOTTOMPADDING", (0, 0), (-1, -1), 7),
                 ("VALIGN", (0, 0), (-1, -1), "TOP"))  # fmt: skip


def _cards(w: Writer, cards: Sequence[Card]) -> list[Flowable]:
    """Charts, three abreast; what is too small for a drawing is a table."""
    each = w.width / 3
    cells: list[list[Flowable]] = []
    for card in cards:
        inside: list[Flowable] = [w.with_lead(card.title, card.note, style(9, 12)), Spacer(0, 4)]
        if card.chart is None:
            inside.append(w.p(card.empty, SMALL))
        elif card.chart.is_numbers:
            rows = [[w.p(cell.text, DENSE) for cell in row] for row in card.chart.twin.rows]
            heads = [w.p(head, DENSE_BOLD) for head in card.chart.twin.heads]
            inside.append(_bare([heads, *rows], [(each - 16) / len(heads)] * len(heads)))
        else:
            inside.append(PaperChart(card.chart, each - 16))
        inside += [Spacer(0, 3), w.p(card.says, SMALL)]
        cells.append(inside)
    rows_of_cells = [cells[start : start + 3] for start in range(0, len(cells), 3)]
    return [
        KeepTogether(_bare([[*row, *[""] * (3 - len(row))]], [each] * 3, ("VALIGN", (0, 0), (-1, -1), "TOP"),
                           ("BOTTOMPADDING", (0, 0), (-1, -1), 12)))
        for row in rows_of_cells
    ]  # fmt: skip


def portfolio_pdf(
    sheet: Sheet, *, tiles: Sequence[Tile], columns: Sequence[Column], groups: Sequence[Group], left_out: int,
    cards: Sequence[Card],
) -> bytes:  # fmt: skip
    """The dashboard: figures, matrix, charts. `left_out` counts the rows that do not stand on it."""

    def tell(w: Writer) -> list[Flowable]:
        story: list[Flowable] = [w.p(sheet.title, TITLE), w.p(f"{sheet.sub} · {sheet.filters}", SMALL), Spacer(0, 8)]
        if tiles:
            story += [_tiles(w, tiles), Spacer(0, 10)]
        story.append(_matrix(w, columns, groups))
        legend = ", ".join(words.lower() for words in GATE_WORDS.values())
        story += [Spacer(0, 4), w.p(f"Marks, in this order of progress: {legend}. Dates are due dates, or the days "
                                    "of approval.", SMALL)]  # fmt: skip
        if left_out:
            story.append(
                w.p(f"{left_out} more releases are left out here: the CSV and XLSX files have every row.", SMALL)
            )
        if cards:
            story += [Paragraph("Trends and gates", SECTION), *_cards(w, cards)]
        return story

    return _build(sheet, tell)


def _matrix(w: Writer, columns: Sequence[Column], groups: Sequence[Group]) -> Table:
    names = [f"{column.position} {column.name}" if column.name else f"Gate {column.position}" for column in columns]
    rows: list[list[Any]] = [[w.p(head, CELL_HEAD) for head in ("Release", "Health", "Target", *names)]]
    look: list[Any] = [("LINEBELOW", (0, 0), (-1, 0), 0.8, INK), ("LINEBELOW", (0, 1), (-1, -1), 0.4, LINE)]
    width = len(columns) + 3
    for group in groups:
        look += [("SPAN", (0, len(rows)), (-1, len(rows)))]
        rows.append([w.with_lead(group.title, group.note, DENSE), *[""] * (width - 1)])
        for row in group.rows:
            slip = f" {signed_days(row.slip)}" if row.slip else ""
            words, _icon, _tone = HEALTH[row.health.value]
            if columns and not row.cells:
                look.append(("SPAN", (3, len(rows)), (-1, len(rows))))
            gates = [Marked(cell) if cell is not None else "" for cell in row.cells]
            rows.append(
                [
                    w.p(str(row.release), DENSE_BOLD),
                    w.p(words, DENSE_BOLD if row.health.value in TONE_OF_HEALTH else DENSE),
                    w.p(f"{day_short(row.release.target_on)}{slip}", DENSE),
                    *(gates or ([w.p("Its gates are dated when it is activated", DENSE)] if columns else [])),
                    *[""] * (len(columns) - max(1, len(gates))),
                ]
            )
    first = [w.width * share for share in (0.17, 0.075, 0.13)]
    rest = (w.width - sum(first)) / max(1, len(columns))
    return _bare(rows, [*first, *[rest] * len(columns)], *look, repeat=1)


def history_pdf(sheet: Sheet, *, tiles: Sequence[Tile], rows: Sequence[Any], left_out: int) -> bytes:
    """Recorded history: its figures and its releases."""

    def tell(w: Writer) -> list[Flowable]:
        story: list[Flowable] = [w.p(sheet.title, TITLE), w.p(f"{sheet.sub} · {sheet.filters}", SMALL), Spacer(0, 8)]
        cells = [
            [
                str(row.release), f"{row.recorded} of {row.milestones}", str(row.slipped), str(row.slip_days),
                str(row.missed), str(row.missed_days), day_short(row.release.target_on) or "–",
                day_short(row.release.released_on) or "–", signed_days(row.release.slip_days),
            ]
            for row in rows
        ]  # fmt: skip
        heads = ("Release", "Recorded", "Slipped", "Slip days", "Missed", "Days late", "Target", "Released", "Slip")
        story += [_tiles(w, tiles), Spacer(0, 10), w.table(heads, cells, (5, 2, 2, 2, 2, 2, 3, 3, 3))]
        if left_out:
            story.append(
                w.p(f"{left_out} more releases are left out here: the CSV and XLSX files have every row.", SMALL)
            )
        return story

    return _build(sheet, tell)


def release_pdf(sheet: Sheet, *, release: Release, page: ReleasePage, slips: Sequence[LedgerRow]) -> bytes:
    """One release: how it stands and why, its dates, gates, slips and debts."""

    def tell(w: Writer) -> list[Flowable]:
        story: list[Flowable] = [
            w.p(sheet.sub, SMALL),
            w.p(str(release), TITLE),
            w.with_lead(page.banner.lead, page.banner.rest, style(10, 14)),
            Spacer(0, 8),
        ]
        tiles = [Tile(fact.label, fact.value, fact.note) for fact in page.facts]
        if release.p50_on is not None and release.p85_on is not None:
            tiles.append(Tile("Forecast", day(release.p50_on), f"P50; P85 {day(release.p85_on)}"))
        if tiles:
            story += [_tiles(w, tiles[:6]), Spacer(0, 4)]
        story.append(Paragraph("Gates", SECTION))
        rows = [
            [
                w.marked(step.state, step.gate.name), step.state_words, day(step.gate.baseline_due_on) or "–",
                day(step.gate.due_on) or "–", day(step.gate.decided_on) or "–", str(step.gate.round_number),
                str(step.misses) if step.misses else "–",
            ]
            for step in page.steps
        ]  # fmt: skip
        heads = ("Gate", "State", "Baseline", "Due", "Passed", "Rounds", "Missed")
        story.append(
            w.table(heads, rows, (6, 4, 4, 4, 4, 1.6, 1.6))
            if rows
            else w.p("Its gates are dated when it is activated.")
        )
        story.append(Paragraph("Slips", SECTION))
        told = [
            [day(row.slip.due_on), row.gate, row.cause, row.how,
             str(row.slip.days) if row.slip.days is not None else "open", row.moved]
            for row in slips
        ]  # fmt: skip
        story.append(
            w.table(("Missed on", "Gate", "Cause", "Settled", "Days", "What moved"), told, (3, 4, 4, 4, 1.6, 6))
            if told
            else w.p("No gate was missed.", SMALL)
        )
        if page.debts is not None and page.debts.is_any:
            story += [Paragraph("Debts", SECTION), w.p(f"{page.debts.words}.")]
        if page.waiting:
            story.append(Paragraph("Waiting on", SECTION))
            story += [w.with_lead(f"{one.title}.", one.note) for one in page.waiting]
        return story

    return _build(sheet, tell)
