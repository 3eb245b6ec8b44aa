"""`{% load plans %}`: the fields of the re-plan table, with what the person saw sent along."""

from django import template
from django.forms.boundfield import BoundField
from django.utils.html import format_html
from django.utils.safestring import SafeString

from gatekeeper.common.templatetags.gk import control_attrs, gate_icon

register = template.Library()


@register.simple_tag
def day_field(bound: BoundField) -> SafeString:
    """A day in a table cell: its label is read aloud, its error stands under it."""
    attrs = {**control_attrs(bound, ""), "class": "form-control", "aria-label": f"{bound.label}: new date"}
    error = ""
    if bound.errors:
        error = format_html(
            '<span class="error" id="{}-error">{}<span>{}</span></span>',
            bound.auto_id, gate_icon("dec"), " ".join(str(one) for one in bound.errors),
        )  # fmt: skip
    return format_html("{}{}{}", bound.as_widget(attrs=attrs), bound.as_hidden(only_initial=True), error)


@register.simple_tag
def pin_field(bound: BoundField) -> SafeString:
    """A pin as a tick with its words."""
    control = bound.as_widget(attrs={"class": "form-check-input"})
    return format_html(
        '<label class="check">{}<span><span class="vh">{}: </span>Pinned</span></label>{}',
        control, str(bound.label), bound.as_hidden(only_initial=True),
    )  # fmt: skip
