"""Small words of the playbook pages."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from django import template

from gatekeeper.common.templatetags.gk import number
from releases.playbook_changes import due_words
from releases.playbooks import DISCIPLINES, key_words

ROW = re.compile(r"(?P<list>\w+)\[(?P<index>\d+)\]\.?(?P<field>\w*)$")
ROWS = {
    "roles": "Role",
    "deliverables": "Deliverable",
    "checks": "Check",
    "questions": "Question",
    "informed": "Informed",
}
FIELDS = {"disciplines": "supplied by"}

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
def key_lines(keys: Iterable[str] | None) -> str:
    """Keys as words, one per line, for a text field."""
    return in_lines(key_words(str(key)) for key in keys or ())


@register.filter
def form_words(place: str) -> str:
    """A field of the gate's form in the form's words: `due` is Due, `roles[0].order` Role 1, order."""
    row = ROW.match(place)
    if row is None:
        return place.replace("_", " ").capitalize()
    field = FIELDS.get(row["field"], row["field"].replace("_", " "))
    return f"{ROWS.get(row['list'], row['list'])} {int(row['index']) + 1}{f', {field}' if field else ''}"


@register.filter
def supplied_by(codes: Iterable[str] | None) -> str:
    """Codes of disciplines in words: "product management, sales"; what is none as it was typed."""
    return ", ".join(DISCIPLINES.get(code, code) for code in codes or ())


@register.filter
def is_after(gate: Mapping[str, Any]) -> bool:
    """Due some months after the release."""
    return gate.get("offset_months") is not None
