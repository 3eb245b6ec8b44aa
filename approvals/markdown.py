"""Evidence texts as HTML: CommonMark with tables, no raw HTML, no images; what comes out passed an allow-list."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import nh3
from django.utils.safestring import SafeString
from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

TAGS = {
    "a", "blockquote", "br", "code", "del", "div", "em", "h4", "h5", "h6", "hr", "li", "ol", "p", "pre", "s", "strong",
    "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
ATTRIBUTES = {
    "a": {"href", "title"},
    "ol": {"start"},
    "div": {"class", "tabindex", "role", "aria-label"},
    "pre": {"tabindex"},
    "th": {"scope"},
}
SCHEMES = {"http", "https", "mailto"}
# A card's title is an h3, so the first heading inside it is an h4.
FIRST_LEVEL, LAST_LEVEL = 4, 6
# Parsing takes up to the square of the length for texts made to be slow; a longer text is shown as it was written.
MOST_CHARACTERS = 50_000


def _image(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: Any) -> str:
    """The words of a picture: a remote picture would tell its host who reads the evidence."""
    return escapeHtml(renderer.renderInlineAsText(tokens[index].children or [], options, env))


def _code(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: Any) -> str:
    """Code may be wider than the page: it scrolls by itself, and the keyboard must be able to reach it."""
    return f'<pre tabindex="0"><code>{escapeHtml(tokens[index].content)}</code></pre>\n'


def _table_open(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: Any) -> str:
    """A wide table scrolls by itself instead of moving the page; for that it has to take the focus."""
    return '<div class="boxed" tabindex="0" role="group" aria-label="Table"><table>'


def _table_close(renderer: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: Any) -> str:
    return "</table></div>\n"


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    own = {
        "image": _image, "fence": _code, "code_block": _code,
        "table_open": _table_open, "table_close": _table_close,
    }  # fmt: skip
    for name, rule in own.items():
        parser.add_render_rule(name, rule)
    return parser


PARSER = _parser()


def _fit_headings(tokens: list[Token]) -> None:
    """Give headings levels that fit under the card's own and never skip one."""
    open_levels: list[int] = []
    for token in tokens:
        if token.type == "heading_open":
            wanted = int(token.tag[1:])
            while open_levels and open_levels[-1] >= wanted:
                open_levels.pop()
            open_levels.append(wanted)
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(LAST_LEVEL, FIRST_LEVEL - 1 + len(open_levels))}"
        elif token.type == "th_open":
            token.attrSet("scope", "col")


@lru_cache(maxsize=64)
def render_markdown(text: str) -> SafeString:
    """HTML of an evidence text. Safe by nh3's allow-list, which is the last step; equal texts are rendered once."""
    if len(text) > MOST_CHARACTERS:
        raw = f'<pre tabindex="0">{escapeHtml(text)}</pre>'
    else:
        tokens = PARSER.parse(text)
        _fit_headings(tokens)
        raw = PARSER.renderer.render(tokens, PARSER.options, {})
    return SafeString(
        nh3.clean(
            raw,
            tags=TAGS,
            attributes=ATTRIBUTES,
            url_schemes=SCHEMES,
            link_rel="noopener noreferrer nofollow",
        )
    )
