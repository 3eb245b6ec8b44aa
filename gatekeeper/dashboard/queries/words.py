"""Words that several pages share."""

from collections.abc import Sequence
from datetime import timedelta


def span_words(span: timedelta) -> tuple[str, str]:
    """A length of time as a value and its unit: minutes under an hour, hours under two days, else days."""
    hours = span.total_seconds() / 3600
    if hours < 1:
        return str(max(1, round(hours * 60))), "min"
    if hours < 48:
        return str(round(hours)), "hour" if round(hours) == 1 else "hours"
    return f"{hours / 24:.1f}".removesuffix(".0"), "days"


def counted(number: int, one: str, many: str = "") -> str:
    """1 release, 2 releases."""
    return f"{number} {one if number == 1 else many or f'{one}s'}"


def listed(words: Sequence[str], last: str = "and") -> str:
    """A, B and C."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"
