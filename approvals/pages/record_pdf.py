"""The gate record as a PDF: A4 or Letter, embedded fonts, page numbers, everything that people typed escaped."""

import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final
from xml.sax.saxutils import escape

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4, LETTER
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
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
from reportlab.platypus.doctemplate import LayoutError

from approvals.pages.paper import BODY, BOLD, INK, LINE, MONO, QUIET, plain_paragraphs, text_flowables
from approvals.pages.record import GateRecord

FONTS: Final = Path(__file__).resolve().parent.parent / "fonts"
PAPERS = {"a4": A4, "letter": LETTER}
MARGIN, HEAD, FOOT = 48, 64, 48
TONES = {
    "ok": HexColor("#17794a"), "cond": HexColor("#b07a00"), "dec": HexColor("#c5282f"), "rev": HexColor("#2563c9"),
    "prep": HexColor("#6b4fc0"), "late": HexColor("#bf4c08"), "none": HexColor("#76849a"), "na": HexColor("#76849a"),
}  # fmt: skip
_CONTROL = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufdd0-\ufdef\ufffe\uffff]"
)


def _fonts() -> None:
    """Register the fonts once per process."""
    if BODY not in pdfmetrics.getRegisteredFontNames():
        for name, file in ((BODY, "Inter-Regular"), (BOLD, "Inter-SemiBold"), (MONO, "DejaVuSansMono")):
            pdfmetrics.registerFont(TTFont(name, FONTS / f"{file}.ttf"))


def _style(size: float, leading: float, font: str = BODY, **more: Any) -> ParagraphStyle:
    return ParagraphStyle(
        f"{font}-{size}-{sorted(more.items())}", fontName=font, fontSize=size, leading=leading,
        **{"textColor": INK, "splitLongWords": 1} | more,
    )  # fmt: skip


TEXT = _style(9, 13)
SMALL = _style(8, 11, textColor=QUIET)
STRONG = _style(9, 13, BOLD)
CELL_HEAD = _style(8, 11, BOLD)
TITLE = _style(17, 22, BOLD)
SECTION = _style(10.5, 14, BOLD, spaceBefore=14, spaceAfter=4, keepWithNext=1)
HASH = _style(7, 9.5, MONO, textColor=QUIET)
CODE = _style(10.5, 15, MONO)


class Mark(Flowable):
    """The symbol of a gate's state, as on the pages: a shape beside its word, readable in grey."""

    def __init__(self, state: str, size: float = 9) -> None:
        super().__init__()
        self.state, self.width, self.height = state, size, size

    def wrap(self, _width: float, _height: float) -> tuple[float, float]:
        return self.width, self.height

    def draw(self) -> None:
        pen, tone = self.canv, TONES[self.state]
        pen.saveState()
        pen.translate(0, -1)
        pen.scale(self.width / 16, self.height / 16)
        pen.setFillColor(tone)
        pen.setStrokeColor(tone)
        pen.setLineCap(1)
        pen.setLineJoin(1)
        getattr(self, f"_{self.state}")(pen)
        pen.restoreState()

    def _line(self, pen: Any, points: Sequence[tuple[float, float]], width: float, color: Any = None) -> None:
        if color is not None:
            pen.setStrokeColor(color)
        pen.setLineWidth(width)
        path = pen.beginPath()
        path.moveTo(points[0][0], 16 - points[0][1])
        for x, y in points[1:]:
            path.lineTo(x, 16 - y)
        pen.drawPath(path)

    def _ok(self, pen: Any) -> None:
        pen.circle(8, 8, 7.5, stroke=0, fill=1)
        self._line(pen, ((4.6, 8.3), (6.9, 10.6), (11.4, 5.7)), 1.9, HexColor("#ffffff"))

    def _cond(self, pen: Any) -> None:
        pen.setStrokeColor(TONES["ok"])
        pen.setLineWidth(1.9)
        pen.circle(7.5, 8, 6.4, stroke=1, fill=0)
        self._line(pen, ((4.8, 8.3), (6.8, 10.3), (10.4, 6.3)), 1.8)
        pen.setFillColor(TONES["cond"])
        pen.setStrokeColor(HexColor("#ffffff"))
        pen.setLineWidth(1.2)
        pen.roundRect(9.6, 9.6, 6.8, 6.8, 1.6, stroke=1, fill=1)

    def _rev(self, pen: Any) -> None:
        path = pen.beginPath()
        path.moveTo(8, 0.8)
        for x, y in ((15.2, 8), (8, 15.2), (0.8, 8)):
            path.lineTo(x, y)
        path.close()
        pen.drawPath(path, stroke=0, fill=1)
        self._line(pen, ((8, 4.9), (8, 8.2), (10, 9.6)), 1.6, HexColor("#ffffff"))

    def _prep(self, pen: Any) -> None:
        pen.setLineWidth(1.8)
        pen.circle(8, 8, 6.6, stroke=1, fill=0)
        pen.wedge(3.6, 3.6, 12.4, 12.4, -90, 180, stroke=0, fill=1)

    def _dec(self, pen: Any) -> None:
        path = pen.beginPath()
        path.moveTo(5, 15.4)
        for x, y in ((11, 15.4), (15.4, 11), (15.4, 5), (11, 0.6), (5, 0.6), (0.6, 5), (0.6, 11)):
            path.lineTo(x, y)
        path.close()
        pen.drawPath(path, stroke=0, fill=1)
        for line in (((5.4, 5.4), (10.6, 10.6)), ((10.6, 5.4), (5.4, 10.6))):
            self._line(pen, line, 1.8, HexColor("#ffffff"))

    def _none(self, pen: Any) -> None:
        pen.setLineWidth(1.5)
        pen.circle(8, 8, 6, stroke=1, fill=0)

    def _na(self, pen: Any) -> None:
        self._line(pen, ((4, 8), (12, 8)), 1.8)


class _Numbered(Canvas):
    """Knows how many pages there are only at the end, so head and foot are drawn then."""

    def __init__(self, *args: Any, record: GateRecord, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._record, self._pages = record, list[dict[str, Any]]()

    def showPage(self) -> None:  # reportlab's name
        self._pages.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        for number, page in enumerate(self._pages, 1):
            self.__dict__.update(page)
            self._frame(number, len(self._pages))
            super().showPage()
        super().save()

    def _frame(self, number: int, count: int) -> None:
        record = self._record
        width, height = self._pagesize
        right, top = width - MARGIN, height - 46
        self.setFillColor(INK)
        self.setFont(BOLD, 8.5)
        self.setFillColor(HexColor("#2a4fc4"))
        self.roundRect(MARGIN, top - 3.5, 13, 13, 3, stroke=0, fill=1)
        self.setStrokeColor(HexColor("#ffffff"))
        self.setLineWidth(1.3)
        self.setLineCap(1)
        tick = self.beginPath()
        tick.moveTo(MARGIN + 3.6, top + 3)
        tick.lineTo(MARGIN + 5.8, top + 0.8)
        tick.lineTo(MARGIN + 9.6, top + 5.4)
        self.drawPath(tick)
        self.setFillColor(INK)
        self.drawString(MARGIN + 19, top, "Gate record")
        self.setFont(BODY, 8)
        self.drawRightString(right, top, _fit(f"{record.organisation or 'gatekeeper'} · Confidential", 300))
        self.setLineWidth(0.8)
        self.setStrokeColor(INK)
        self.line(MARGIN, top - 8, right, top - 8)
        self.setStrokeColor(LINE)
        self.line(MARGIN, 40, right, 40)
        self.setFillColor(QUIET)
        made = f"{record.release} · Gate {record.gate.position} · made {record.made} by {record.made_by}"
        self.drawString(MARGIN, 28, _fit(made, right - MARGIN - 70))
        self.drawRightString(right, 28, f"Page {number} of {count}")


def _fit(text: str, width: float) -> str:
    """One line, cut where it would be too long."""
    clean = _CONTROL.sub("", text)
    while pdfmetrics.stringWidth(clean, BODY, 8) > width:
        clean = f"{clean[:-2].rstrip('…')}…"
    return clean


class _Writer:
    """Makes paragraphs and tables, and remembers characters that the fonts cannot draw."""

    def __init__(self, width: float, *, is_plain: bool = False) -> None:
        self.width, self.is_plain = width, is_plain
        self.unknown: set[str] = set()
        self._known = pdfmetrics.getFont(BODY).face.charToGlyph

    def clean(self, text: str) -> str:
        """What the fonts can draw, safe in reportlab's markup; line ends are kept."""
        plain = _CONTROL.sub("", text)
        self.unknown |= {c for c in plain if ord(c) not in self._known and not c.isspace()}
        return escape(plain).replace("\n", "<br/>")

    def p(self, text: str, style: ParagraphStyle = TEXT) -> Paragraph:
        return Paragraph(self.clean(text), style)

    def with_lead(self, lead: str, text: str, style: ParagraphStyle = TEXT) -> Paragraph:
        return Paragraph(f'<font name="{BOLD}">{self.clean(lead)}</font> {self.clean(text)}', style)

    def marked(self, icon: str, words: str) -> Table:
        """A mark and its word."""
        table = Table([[Mark(icon), self.p(words)]], colWidths=[14, None])
        table.setStyle(TableStyle([("LEFTPADDING", (0, 0), (-1, -1), 0), ("RIGHTPADDING", (0, 0), (-1, -1), 0),
                                   ("TOPPADDING", (0, 0), (-1, -1), 0), ("BOTTOMPADDING", (0, 0), (-1, -1), 0),
                                   ("VALIGN", (0, 0), (-1, -1), "MIDDLE")]))  # fmt: skip
        return table

    def table(self, heads: Sequence[str], rows: Iterable[Sequence[Any]], parts: Sequence[float]) -> Table:
        """A table over the whole width, its head repeated on every page; `parts` are shares of the width."""
        cells: list[list[Any]] = [[self.p(head, CELL_HEAD) for head in heads]] if any(heads) else []
        cells += [[self.p(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]
        total = sum(parts)
        table = Table(cells, colWidths=[self.width * part / total for part in parts], repeatRows=1 if any(heads) else 0)
        style: list[Any] = [
            ("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 0),
            ("RIGHTPADDING", (0, 0), (-1, -1), 8), ("TOPPADDING", (0, 0), (-1, -1), 4),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 5), ("LINEBELOW", (0, 0), (-1, -1), 0.5, LINE),
        ]  # fmt: skip
        if any(heads):
            style.append(("LINEBELOW", (0, 0), (-1, 0), 0.8, INK))
        table.setStyle(TableStyle(style))
        return table


def record_pdf(record: GateRecord, *, verify_url: str, paper: str = "a4") -> bytes:
    """The file's bytes; `paper` is a4 or letter."""
    _fonts()
    try:
        return _build(record, verify_url, paper, is_plain=False)
    except (LayoutError, ValueError):  # somebody's text that fits on no page stands as it was written
        return _build(record, verify_url, paper, is_plain=True)


def _build(record: GateRecord, verify_url: str, paper: str, *, is_plain: bool) -> bytes:
    width, height = PAPERS.get(paper, A4)
    out = io.BytesIO()
    document = BaseDocTemplate(
        out, pagesize=(width, height), title=f"Gate record: {record.gate.name}, {record.release}",
        author=str(record.made_by), subject=record.state_words, creator="gatekeeper", lang="en",
    )  # fmt: skip
    frame = Frame(MARGIN, FOOT, width - 2 * MARGIN, height - HEAD - FOOT, 0, 0, 0, 0)
    document.addPageTemplates([PageTemplate(frames=[frame])])
    document.build(
        _story(record, _Writer(width - 2 * MARGIN, is_plain=is_plain), verify_url),
        canvasmaker=lambda *args, **kwargs: _Numbered(*args, record=record, **kwargs),
    )
    return out.getvalue()


def _story(record: GateRecord, w: _Writer, verify_url: str) -> list[Flowable]:
    story: list[Flowable] = [w.p(record.over, SMALL), w.p(record.gate.name, TITLE), Spacer(0, 6)]
    state = Table(
        [[Mark(record.icon, 20), [w.p(record.state_words, _style(11, 15, BOLD)), w.p(record.state_line, SMALL)]]],
        colWidths=[36, w.width - 36],
    )
    state.setStyle(TableStyle([("BOX", (0, 0), (-1, -1), 0.9, INK, None, None, None, 1),
                               ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
                               ("LEFTPADDING", (0, 0), (-1, -1), 9), ("TOPPADDING", (0, 0), (-1, -1), 7),
                               ("BOTTOMPADDING", (0, 0), (-1, -1), 8)]))  # fmt: skip
    story += [state, Spacer(0, 8)]
    details = [[w.p(name, SMALL), w.p(words, STRONG)] for name, words in record.details]
    grid = Table([[details[i], details[i + 1], details[i + 2]] for i in (0, 3)], colWidths=[w.width / 3] * 3)
    grid.setStyle(
        TableStyle([("LEFTPADDING", (0, 0), (-1, -1), 0), ("VALIGN", (0, 0), (-1, -1), "TOP"),
                    ("TOPPADDING", (0, 0), (-1, -1), 2), ("BOTTOMPADDING", (0, 0), (-1, -1), 4)])
    )  # fmt: skip
    story.append(grid)
    number = 0

    def section(name: str) -> Flowable:
        nonlocal number
        number += 1
        return Paragraph(f"{number} {w.clean(name)}", SECTION)

    story += _waiver(record, w, section)
    story.append(section("Decisions" + (f" of round {record.gate.round_number}" if record.gate.round_number else "")))
    story += _decisions(record, w)
    if record.conditions:
        story.append(section("Conditions"))
        rows = [
            [str(i), [w.p(c.text), *([w.p(c.note, SMALL)] if c.note else [])], c.owner, c.due_on, c.state]
            for i, c in enumerate(record.conditions, 1)
        ]
        story.append(w.table(("No.", "Condition", "Owner", "Due", "State"), rows, (1, 8, 3, 2.4, 4)))
    if record.comments:
        story.append(section("Comments of the approvers"))
        story += [w.with_lead(f"{who}:", text, _style(9, 13, spaceAfter=4)) for who, text in record.comments]
    if record.checks:
        story.append(section("Checks at the time of submission"))
        rows = [[w.marked(c.icon, c.name), c.words, c.summary] for c in record.checks]
        story.append(w.table(("Check", "Result", "Summary"), rows, (6, 4, 6)))
    story.append(section("Evidence"))
    story += _evidence(record, w)
    if record.rounds:
        story.append(section("Rounds"))
        rows = [
            [str(r.number), f"{r.submitted} by {r.by}", [w.marked(r.icon, r.outcome), w.p(r.ended, SMALL)],
             [w.p(r.digest[:32], HASH), w.p(r.digest[32:], HASH)]]
            for r in record.rounds
        ]  # fmt: skip
        story.append(w.table(("No.", "Submitted", "Outcome", "Digest, SHA-256"), rows, (1, 5.4, 5, 6)))
    story.append(section("History"))
    rows = [[h.when, [w.p(h.text), *([w.p(f"“{h.quote}”", SMALL)] if h.quote else [])]] for h in record.history]
    story.append(w.table(("", ""), rows, (4, 12)) if rows else w.p("Nothing has happened yet.", SMALL))
    said = "comment" if record.comment_count == 1 else "comments"
    more = " Earlier events are left out here; the activity of the release has them." if record.has_more_history else ""
    story.append(Spacer(0, 4))
    story.append(w.p(f"The discussion has {record.comment_count} {said}; they are no decisions.{more}", SMALL))
    story += [Spacer(0, 12), KeepTogether(_integrity(record, w, verify_url))]
    return story


def _waiver(record: GateRecord, w: _Writer, section: Any) -> list[Flowable]:
    found: list[Flowable] = []
    waiver = record.waiver
    if waiver is not None:
        who = f"{waiver.printed_name}{f', {waiver.printed_title}' if waiver.printed_title else ''}"
        found += [section("Waiver"), w.with_lead(f"{who}:", waiver.reason)]
        found.append(w.p(f"{record.waiver_when} · expires {waiver.expires_on.isoformat()}", SMALL))
        if waiver.meaning:
            found.append(w.p(f"Signed: “{waiver.meaning}”", SMALL))
    if record.exceptions:
        found += [section("Exceptions"), w.table(("What is excused", "By whom and why"), record.exceptions, (5, 11))]
    return found


def _decisions(record: GateRecord, w: _Writer) -> list[Flowable]:
    rows = []
    for d in record.decisions:
        person: list[Flowable] = [w.p(d.person)] if d.person else []
        person += [w.p(d.title, SMALL)] if d.title else []
        verdict: list[Flowable] = [w.marked(d.icon, d.words)]
        verdict += [w.p(d.note, SMALL)] if d.note else []
        verdict += [w.p(f"Signed: “{d.meaning}”", SMALL)] if d.meaning else []
        rows.append([d.role, d.quorum, person, verdict, d.when])
    found: list[Flowable] = [
        w.table(("Role", "Quorum", "Person", "Decision", "When"), rows, (3.4, 1.8, 4, 5.4, 4))
        if rows
        else w.p("No round was put to the approvers.", SMALL)
    ]
    found += [w.p(f"{who} stepped aside, {when}: {why}", SMALL) for who, when, why in record.recusals]
    return found


def _evidence(record: GateRecord, w: _Writer) -> list[Flowable]:
    if not record.evidence:
        return [w.p("No evidence is on record.", SMALL)]
    rows = [
        [w.p(e.deliverable, STRONG), e.kind, e.author, [w.p(line, HASH) for line in e.hash_lines]]
        for e in record.evidence
    ]
    found: list[Flowable] = [w.table(("Deliverable", "Kind", "From", "SHA-256"), rows, (4.6, 4, 3, 6.2))]
    for text in record.texts:
        found.append(w.p(text.deliverable, _style(9, 13, BOLD, spaceBefore=8, keepWithNext=1)))
        found += plain_paragraphs(text.text, w) if w.is_plain else text_flowables(text.text, w)
        if text.is_cut:
            found.append(w.p("The text goes on; the page of the round has it whole.", SMALL))
    return found


def _integrity(record: GateRecord, w: _Writer, verify_url: str) -> list[Flowable]:
    code = record.code
    said = record.broken or "Digest and event chain were recomputed when this record was made, and hold."
    inside: list[Flowable] = [w.p("Integrity", STRONG), w.p(said, SMALL)]
    if record.rounds:
        inside += [w.p(f"Digest of round {record.rounds[-1].number}", SMALL), w.p(record.rounds[-1].digest, HASH)]
    inside += [w.p(f"Event {code.number} of the release, the head of its chain", SMALL), w.p(code.hash, HASH)]
    inside += [w.p(f"Times are in {record.zone}. Verify this record at {verify_url} with the code", SMALL)]
    inside += [w.p(code.text, CODE)]
    if w.unknown:
        inside.append(
            w.p(f"{len(w.unknown)} characters cannot be drawn here; the page of this record has them.", SMALL)
        )
    box = Table([[Mark("ok" if not record.broken else "dec", 14), inside]], colWidths=[30, w.width - 30])
    box.setStyle(TableStyle([("BOX", (0, 0), (-1, -1), 0.8, LINE), ("VALIGN", (0, 0), (-1, -1), "TOP"),
                             ("LEFTPADDING", (0, 0), (-1, -1), 9), ("TOPPADDING", (0, 0), (-1, -1), 8),
                             ("BOTTOMPADDING", (0, 0), (-1, -1), 9)]))  # fmt: skip
    return [box]
