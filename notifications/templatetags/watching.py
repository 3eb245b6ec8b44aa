"""Following, on any page: `{% load watching %}`.

`{% watch_button release %}`, `{% stakeholders release %}` (a card's inside), `{% people_told release %}` (a sentence
about who is told of a re-plan). The first two take a product as well.
"""

from typing import Any

from django import template
from django.template.context import RequestContext

from notifications.follow import Followed, follow_state, stakeholder_list
from notifications.forms import StakeholderForm
from notifications.notices import people_told_of
from releases.kinds import EventKind
from releases.models import Release

register = template.Library()

# The rest of a long list is on the page of the stakeholders.
SHOWN = 8
NAMED = 4


def _shared(context: RequestContext) -> dict[str, Any]:
    return {"request": context["request"], "csrf_token": context.get("csrf_token")}


@register.inclusion_tag("notifications/_watch_button.html", takes_context=True)
def watch_button(context: RequestContext, followed: Followed) -> dict[str, Any]:
    """Watch or stop to watch, with how many people follow."""
    return _shared(context) | {"state": follow_state(followed, context["request"].user)}


@register.inclusion_tag("notifications/_stakeholders.html", takes_context=True)
def stakeholders(context: RequestContext, followed: Followed) -> dict[str, Any]:
    """The first stakeholders, and the form to add one for those who may."""
    listed = stakeholder_list(followed, context["request"].user, per_page=SHOWN)
    return _shared(context) | {"one": listed, "form": StakeholderForm()}


@register.inclusion_tag("notifications/_people_told.html", takes_context=True)
def people_told(context: RequestContext, release: Release, kind: str = "") -> dict[str, Any]:
    """Who is told when the reader does something with the release now; `kind` of event, a re-plan without."""
    people = people_told_of(release, context["request"].user, kind or EventKind.RELEASE_REPLANNED)
    return {"named": people[:NAMED], "more": len(people) - NAMED, "count": len(people)}
