"""The feed of events."""

from typing import Any

from django.http import HttpResponseBase

from gatekeeper.accounts.requests import ApiRequest
from gatekeeper.common.api.inputs import Query, QueryWhole
from gatekeeper.common.api.shapes import (
    ANYTHING,
    DAY,
    FLAG,
    MOMENT,
    NUMBER,
    TEXT,
    an_object,
    listed,
    maybe,
    one_of,
    ref,
    shape,
)
from gatekeeper.common.api.views import ApiView, describe
from releases.event_words import EVENT_WORDS
from releases.feed import events_after, user_names, with_names
from releases.kinds import EVENT_KINDS
from releases.models import Event

MOST = 500
KINDS = "\n".join(f"- `{kind}`: {EVENT_WORDS.get(kind, '')}" for kind in EVENT_KINDS)

shape(
    "Event",
    {
        "position": NUMBER,
        "stream": TEXT,
        "number": NUMBER,
        "kind": one_of(EVENT_KINDS) | {"description": KINDS},
        "recorded_at": MOMENT,
        "effective_on": DAY,
        "actor": maybe(TEXT),
        "on_behalf_of": maybe(TEXT),
        "subject": an_object({"product": TEXT, "version": TEXT, "gate": TEXT}, optional=("product", "version", "gate")),
        "data": ANYTHING,
        "hash": TEXT,
    },
)
FEED = shape("EventFeed", {"results": listed(ref("Event")), "last": NUMBER, "has_more": FLAG})


class FeedQuery(Query):
    after = QueryWhole(required=False, default=0, help_text="The position up to which the caller has read.")
    limit = QueryWhole(required=False, least=1, most=MOST, default=100, help_text="At most so many events.")


class EventsView(ApiView):
    """What happened."""

    tag = "events"

    @describe("The events that you may see, in order of position", answers={200: FEED}, query=FeedQuery)
    def get(self, request: ApiRequest) -> HttpResponseBase:
        """Begin with `after=0`, and go on with `after` set to `last` for ever: at once while `has_more` is true, else
        after a pause, with `If-None-Match` (304 when nothing is new). Positions have holes; a page may be empty while
        `has_more` is true. Nothing that you may see when its position is given is ever skipped; who is allowed more
        later reads what was before from the beginning. An event gets its position a moment after it happened.

        `stream`, `number` and `hash` are those of the chain in which it stands. Accept kinds that you do not know."""
        feed = events_after(request.user, self.query["after"], self.query["limit"])
        names = user_names(feed.events)
        return self.answer(
            {"results": [shown(event, names) for event in feed.events], "last": feed.last, "has_more": feed.has_more}
        )


def shown(event: Event, names: dict[int, str]) -> dict[str, Any]:
    """An event as JSON; people have their user names."""
    return {
        "position": event.published.position,
        "stream": event.stream,
        "number": event.number,
        "kind": event.kind,
        "recorded_at": event.recorded_at,
        "effective_on": event.effective_on,
        "actor": event.actor.username if event.actor else None,
        "on_behalf_of": event.on_behalf_of.username if event.on_behalf_of else None,
        "subject": event.about,
        "data": with_names(event.payload, names),
        "hash": event.hash,
    }
