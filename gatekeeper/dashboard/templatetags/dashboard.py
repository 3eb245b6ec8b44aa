"""Small words of the dashboard's templates."""

from dataclasses import dataclass
from datetime import timedelta

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from gatekeeper.common.templatetags.gk import svg
from gatekeeper.dashboard.queries.portfolio import Portfolio
from gatekeeper.dashboard.queries.setup import FirstSteps
from gatekeeper.dashboard.queries.words import span_words

register = template.Library()


@register.simple_tag
def health_count(board: Portfolio, value: str) -> int:
    """How many releases have a health, in the filtered set."""
    return board.figures.count(value)


TREND_WORDS = {"better": ("arrow-up", "ok"), "worse": ("arrow-down", "dec")}


@register.simple_tag
def trend_arrow(trend: str) -> SafeString:
    """An arrow beside a health mark, which says the same in words; nothing where nothing has changed."""
    if trend not in TREND_WORDS:
        return SafeString("")
    name, tone = TREND_WORDS[trend]
    return format_html('<span class="change tx-{}">{}</span>', tone, svg(name, "i i-12"))


@register.simple_tag
def change_words(change: int | str | None, good: str) -> SafeString:
    """`· +2 since 13 Nov`, with an arrow; `good` is up or down. Nothing where the change is not known."""
    if not isinstance(change, int):
        return SafeString("")
    return _change(change, str(abs(change)), good)


@register.simple_tag
def span_change(change: timedelta | None) -> SafeString:
    """The same for a length of time, of which less is better."""
    if change is None:
        return SafeString("")
    minutes = round(change.total_seconds() / 60)
    return _change(minutes, " ".join(span_words(abs(change))), "down")


def _change(change: int, words: str, good: str) -> SafeString:
    if not change:
        return SafeString(' <span class="nowrap">· ±0</span>')
    name, direction = ("arrow-up", "up") if change > 0 else ("arrow-down", "down")
    return format_html(
        ' <span class="nowrap">· <b class="change tx-{}">{}{}{}</b></span>',
        "ok" if direction == good else "dec", svg(name, "i i-12"), "+" if change > 0 else "−", words,
    )  # fmt: skip


@register.filter
def signed_d(value: int) -> str:
    """+14 d: a slip where there is little room."""
    return f"{'+' if value > 0 else '−'}{abs(value)} d"


@register.filter
def gate_key_words(key: str) -> str:
    """A key where no name is at hand: release-readiness is Release readiness."""
    return key.replace("-", " ").capitalize()


@dataclass(frozen=True)
class Arch:
    """One arch of the row over the first steps."""

    x: float
    is_done: bool

    @property
    def middle(self) -> float:
        return self.x + 22


@register.simple_tag
def arches(first: FirstSteps) -> list[Arch]:
    """One arch a step, with a tick in those that are done."""
    start = (520 - 44 - 100 * (len(first.steps) - 1)) / 2
    return [Arch(start + 100 * index, step.is_done) for index, step in enumerate(first.steps)]
