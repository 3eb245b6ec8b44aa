"""What all our PDFs are made of: fonts, paper, the marks of gates, a numbered frame, tables, everything escaped."""

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
from reportlab.platypus import Flowable, Paragraph, Table, TableStyle

from approvals.pages.paper import BODY, BOLD, INK, LINE, MONO, QUIET

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


def register_fonts() -> None:
    """Register the fonts once per process."""
    if BODY not in pdfmetrics.getRegisteredFontNames():
        for name, file in ((BODY, "Inter-Regular"), (BOLD, "Inter-SemiBold"), (MONO, "DejaVuSansMono")):
            pdfmetrics.registerFont(TTFont(name, FONTS / f"{file}.ttf"))


def style(size: float, leading: float, font: str = BODY, **more: Any) -> ParagraphStyle:
    return ParagraphStyle(
        f"{font}-{size}-{sorted(more.items())}", fontName=font, fontSize=size, leading=leading,
        **{"textColor": INK, "splitLongWords": 1} | more,
    )  # fmt: skip


TEXT = style(9, 13)
SMALL = style(8, 11, textColor=QUIET)
STRONG = style(9, 13, BOLD)
CELL_HEAD = style(8, 11, BOLD)
TITLE = style(17, 22, BOLD)
SECTION = style(10.5, 14, BOLD, spaceBefore=14, spaceAfter=4, keepWithNext=1)
HASH = style(7, 9.5, MONO, textColor=QUIET)
CODE = style(10.5, 15, MONO)


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

    def _late(self, pen: Any) -> None:
        path = pen.beginPath()
        path.moveTo(8, 14.4)
        for x, y in ((14.9, 1.6), (1.1, 1.6)):
            path.lineTo(x, y)
        path.close()
        pen.setLineWidth(1.6)
        pen.drawPath(path, stroke=1, fill=1)
        self._line(pen, ((8, 5.6), (8, 9.6)), 1.8, HexColor("#ffffff"))
        pen.setFillColor(HexColor("#ffffff"))
        pen.circle(8, 3.8, 1.05, stroke=0, fill=1)

    def _none(self, pen: Any) -> None:
        pen.setLineWidth(1.5)
        pen.circle(8, 8, 6, stroke=1, fill=0)

    def _na(self, pen: Any) -> None:
        self._line(pen, ((4, 8), (12, 8)), 1.8)


class Numbered(Canvas):
    """Knows how many pages there are only at the end, so head and foot are drawn then."""

    def __init__(self, *args: Any, head: str, aside: str, foot: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head, self._aside, self._foot = head, aside, foot
        self._pages = list[dict[str, Any]]()

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
        self.drawString(MARGIN + 19, top, _fit(self._head, right - MARGIN - 330))
        self.setFont(BODY, 8)
        self.drawRightString(right, top, _fit(self._aside, 300))
        self.setLineWidth(0.8)
        self.setStrokeColor(INK)
        self.line(MARGIN, top - 8, right, top - 8)
        self.setStrokeColor(LINE)
        self.line(MARGIN, 40, right, 40)
        self.setFillColor(QUIET)
        self.drawString(MARGIN, 28, _fit(self._foot, right - MARGIN - 70))
        self.drawRightString(right, 28, f"Page {number} of {count}")


def _fit(text: str, width: float) -> str:
    """One line, cut where it would be too long."""
    clean = _CONTROL.sub("", text)
    while pdfmetrics.stringWidth(clean, BODY, 8) > width:
        clean = f"{clean[:-2].rstrip('…')}…"
    return clean


class Writer:
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

    def p(self, text: str, look: ParagraphStyle = TEXT) -> Paragraph:
        return Paragraph(self.clean(text), look)

    def with_lead(self, lead: str, text: str, look: ParagraphStyle = TEXT) -> Paragraph:
        return Paragraph(f'<font name="{BOLD}">{self.clean(lead)}</font> {self.clean(text)}', look)

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
        look: list[Any] = [
            ("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 0),
            ("RIGHTPADDING", (0, 0), (-1, -1), 8), ("TOPPADDING", (0, 0), (-1, -1), 4),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 5), ("LINEBELOW", (0, 0), (-1, -1), 0.5, LINE),
        ]  # fmt: skip
        if any(heads):
            look.append(("LINEBELOW", (0, 0), (-1, 0), 0.8, INK))
        table.setStyle(TableStyle(look))
        return table
