"""Small words of the playbook pages."""

from collections.abc import Iterable, Mapping
from typing import Any

from django import template

from approvals.pages.gate import key_words
from gatekeeper.common.templatetags.gk import number
from releases.playbook_changes import due_words

register = template.Library()
register.filter("coordinate", number)
register.filter("due", due_words)
register.filter("key_words", key_words)


@register.filter
def unsigned(value: Any) -> Any:
    """Days before the release, counted up; what somebody typed instead of a number as it is."""
    return abs(value) if isinstance(value, int) else value


@register.filter
def in_lines(values: Iterable[str] | None) -> str:
    """One row per line, for a text field."""
    return "\n".join(str(value) for value in values or ())


@register.filter
def is_after(gate: Mapping[str, Any]) -> bool:
    """Due some months after the release."""
    return gate.get("offset_months") is not None
