"""The banner of somebody who is away."""

from typing import Any

from django import template
from django.utils import timezone

from approvals.pages.absences import away_now
from gatekeeper.common.calendars import day_of

register = template.Library()


@register.inclusion_tag("approvals/_away_banner.html", takes_context=True)
def away_banner(context: dict[str, Any]) -> dict[str, Any]:
    """ "You are away until 3 Dec" while that is so; one query."""
    request = context["request"]
    found = away_now(request.user, day_of(timezone.now()))
    return {"absence": found[0] if found else None, "is_one": len(found) == 1, "csrf_token": context["csrf_token"]}
