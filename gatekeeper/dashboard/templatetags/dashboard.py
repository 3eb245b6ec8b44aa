"""Small words of the dashboard's templates."""

from dataclasses import dataclass

from django import template

from gatekeeper.dashboard.queries.portfolio import Portfolio
from gatekeeper.dashboard.queries.setup import FirstSteps

register = template.Library()


@register.simple_tag
def health_count(board: Portfolio, value: str) -> int:
    """How many releases have a health, in the filtered set."""
    return board.figures.count(value)


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
