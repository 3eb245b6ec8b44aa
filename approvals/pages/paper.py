"""Evidence texts on paper: the same markdown as on the pages, as paragraphs, lists and tables of a PDF."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from markdown_it.token import Token
from reportlab.lib.colors import HexColor
from reportlab.lib.styles import ParagraphStyle
from reportlab.platypus import Flowable, HRFlowable, Paragraph, Table, TableStyle

from approvals.markdown import MOST_CHARACTERS, PARSER

BODY, BOLD, MONO = "Inter", "Inter-SemiBold", "DejaVuSansMono"
INK, QUIET, LINE = HexColor("#15202f"), HexColor("#445164"), HexColor("#c5cdd7")
# Deeper lists and quotations are indented no further.
MOST_DEPTH, INDENT = 6, 12
BULLET = "•"
# A table of more columns has no room on paper: its rows become lines.
MOST_COLUMNS = 12
_CLOSING = "_close"


class Pen(Protocol):
    """What draws: the width there is, and text made safe for reportlab's markup."""

    width: float

    def clean(self, text: str) -> str: ...


def _style(font: str = BODY, size: float = 9, depth: int = 0, **more: Any) -> ParagraphStyle:
    return ParagraphStyle(
        f"paper-{font}-{size}-{depth}-{sorted(more.items())}", fontName=font, fontSize=size, leading=size + 4,
        **{"textColor": INK, "splitLongWords": 1, "spaceAfter": 3, "leftIndent": depth * INDENT} | more,
    )  # fmt: skip


def plain_paragraphs(text: str, pen: Pen) -> list[Flowable]:
    """A text as it was written."""
    return [Paragraph(pen.clean(part.strip()), _style()) for part in text.split("\n\n") if part.strip()]


def text_flowables(text: str, pen: Pen) -> list[Flowable]:
    """A markdown text; one too long to be parsed (as on the pages) stands as it was written."""
    if len(text) > MOST_CHARACTERS:
        return plain_paragraphs(text, pen)
    return list(_blocks(PARSER.parse(text), pen, 0))


def _inside(tokens: Sequence[Token], at: int) -> int:
    """The index of the token that closes the one at `at`."""
    level = tokens[at].level
    closing = tokens[at].type.removesuffix("_open") + _CLOSING
    return next(i for i in range(at + 1, len(tokens)) if tokens[i].level == level and tokens[i].type == closing)


def _blocks(tokens: Sequence[Token], pen: Pen, depth: int) -> Iterator[Flowable]:
    depth = min(depth, MOST_DEPTH)
    at = 0
    while at < len(tokens):
        token = tokens[at]
        end = _inside(tokens, at) if token.nesting == 1 else at
        inner = tokens[at + 1 : end]
        if token.type == "heading_open":
            size = {"h1": 10.5, "h2": 10}.get(token.tag, 9.0)
            style = _style(BOLD, size, depth, spaceBefore=5, keepWithNext=1)
            yield Paragraph(_inline(inner, pen), style)
        elif token.type == "paragraph_open":
            yield Paragraph(_inline(inner, pen), _style(depth=depth))
        elif token.type in ("bullet_list_open", "ordered_list_open"):
            yield from _list(token, inner, pen, depth)
        elif token.type == "blockquote_open":
            for flowable in _blocks(inner, pen, depth + 1):
                if isinstance(flowable, Paragraph):
                    flowable.style = flowable.style.clone(f"{flowable.style.name}-quote", textColor=QUIET)
                yield flowable
        elif token.type == "table_open":
            yield from _table(inner, pen)
        elif token.type in ("fence", "code_block"):
            yield Paragraph(_code(token.content, pen), _style(MONO, 7.5, depth + 1, spaceBefore=2))
        elif token.type == "hr":
            yield HRFlowable(width="100%", thickness=0.5, color=LINE, spaceBefore=4, spaceAfter=4)
        at = end + 1


def _list(token: Token, inner: Sequence[Token], pen: Pen, depth: int) -> Iterator[Flowable]:
    number = int(token.attrGet("start") or 1) if token.type == "ordered_list_open" else None
    at = 0
    while at < len(inner):
        end = _inside(inner, at)
        mark = BULLET if number is None else f"{number}."
        for index, flowable in enumerate(_blocks(inner[at + 1 : end], pen, depth + 1)):
            if index == 0 and isinstance(flowable, Paragraph):
                style = flowable.style.clone(
                    f"{flowable.style.name}-item", bulletIndent=depth * INDENT, bulletFontName=BODY, bulletFontSize=9,
                    leftIndent=(depth + 1) * INDENT + (6 if number is not None else 0),
                )  # fmt: skip
                flowable = Paragraph(flowable.text, style, bulletText=mark)
            yield flowable
        number = number + 1 if number is not None else None
        at = end + 1


def _table(inner: Sequence[Token], pen: Pen) -> Iterator[Flowable]:
    rows: list[list[Paragraph]] = []
    for at, token in enumerate(inner):
        if token.type == "tr_open":
            rows.append([])
        elif token.type in ("th_open", "td_open"):
            style = _style(BOLD if token.type == "th_open" else BODY, 8, spaceAfter=0)
            rows[-1].append(Paragraph(_inline(inner[at + 1 : _inside(inner, at)], pen), style))
    if not rows or not rows[0]:
        return
    if len(rows[0]) > MOST_COLUMNS:
        yield from (Paragraph(" · ".join(cell.text for cell in row), _style(size=8)) for row in rows)
        return
    width = pen.width / len(rows[0])
    # a cell may be longer than a page
    table = Table(rows, colWidths=[width] * len(rows[0]), repeatRows=1, splitInRow=1, spaceBefore=3, spaceAfter=6)
    table.setStyle(
        TableStyle([
            ("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (-1, -1), 3),
            ("RIGHTPADDING", (0, 0), (-1, -1), 6), ("TOPPADDING", (0, 0), (-1, -1), 2),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 3), ("LINEBELOW", (0, 0), (-1, -1), 0.4, LINE),
        ])
    )  # fmt: skip
    yield table


def _code(text: str, pen: Pen) -> str:
    """Lines as they are, their first spaces kept."""
    lines = []
    for line in text.rstrip("\n").expandtabs(4).split("\n"):
        rest = line.lstrip(" ")
        lines.append("&nbsp;" * (len(line) - len(rest)) + pen.clean(rest))
    return "<br/>".join(lines)


def _inline(tokens: Sequence[Token], pen: Pen) -> str:
    """Words in reportlab's markup. The fonts have no italics: what is emphasised stands as it is."""
    found: list[str] = []
    links: list[str] = []
    for token in (child for block in tokens for child in block.children or []):
        match token.type:
            case "text":
                found.append(pen.clean(token.content))
            case "code_inline":
                found.append(f'<font name="{MONO}" size="8">{pen.clean(token.content)}</font>')
            case "strong_open":
                found.append(f'<font name="{BOLD}">')
            case "strong_close":
                found.append("</font>")
            case "s_open":
                found.append("<strike>")
            case "s_close":
                found.append("</strike>")
            case "softbreak":
                found.append(" ")
            case "hardbreak":
                found.append("<br/>")
            case "link_open":
                links.append(str(token.attrGet("href") or ""))
            case "link_close":
                address = links.pop() if links else ""
                # on paper nobody can follow it, unless it is written out
                if address and not "".join(found).endswith(pen.clean(address)):
                    found.append(f" ({pen.clean(address)})")
            case "image":
                found.append(pen.clean(token.content))
    return "".join(found)
