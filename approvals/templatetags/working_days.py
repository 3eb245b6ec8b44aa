"""`{% load working_days %}`: a warning beside a date that falls on a day off or into a freeze. Never a refusal."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from gatekeeper.common.calendars import day_of, off_day_words
from gatekeeper.common.templatetags.gk import icon
from releases.models import Gate, Release
from releases.working_days import organisation_calendar

register = template.Library()


def day_off(value: Any) -> str:
    """a Saturday, a holiday (Labour Day), in the freeze Year end; nothing for a working day or no day."""
    if isinstance(value, str):
        try:
            value = date.fromisoformat(value)
        except ValueError:
            return ""
    return off_day_words(value, organisation_calendar()) if isinstance(value, date) else ""


@register.simple_tag
def off_day(value: Any) -> SafeString | str:
    """The warning under or beside a date. `value` is a day, or what was typed for one."""
    words = day_off(value)
    if not words:
        return ""
    text = words.removeprefix("a ")
    return format_html(
        '<small class="off-day">{}{}</small>', icon("triangle-alert", "i-14"), text[:1].upper() + text[1:]
    )


@register.inclusion_tag("releases/_off_days.html")
def off_days(release: Release, gates: Iterable[Gate]) -> dict[str, Any]:
    """The dates still ahead of a running release that deserve a second look; nothing where there is none."""
    today = day_of(timezone.now())
    dates = [(gate.name, gate.due_on) for gate in gates if not gate.is_passed]
    if release.released_on is None:
        dates.append(("Release", release.target_on))
    rows = [(name, on, words) for name, on in dates if on is not None and on >= today and (words := day_off(on))]
    return {"rows": rows if release.is_running else []}
