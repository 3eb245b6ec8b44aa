"""Small words of the dashboard's templates."""

from django import template

from gatekeeper.dashboard.queries.portfolio import Portfolio

register = template.Library()


@register.simple_tag
def health_count(board: Portfolio, value: str) -> int:
    """How many releases have a health, in the filtered set."""
    return board.figures.count(value)


@register.filter
def signed_d(value: int) -> str:
    """+14 d: a slip where there is little room."""
    return f"{'+' if value > 0 else '−'}{abs(value)} d"
