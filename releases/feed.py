"""The events that somebody may see, in the order of their positions, for tools that follow along.

One relay at a time gives positions, in the order in which its transactions commit, so whoever has read up to a position
has missed nothing before it. Numbers of rows would not do: they are given when a row is written and seen when its
transaction commits, and a slower one is then skipped for ever.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gatekeeper.accounts.models import User
from releases.models import Event, EventPosition

# How many positions one page looks through, visible or not: a page costs the same for somebody who sees little.
SCAN = 5000
MOST_POSITION = 2**63 - 1

# Where the data of an event names people, by id; outside they have their user names.
PEOPLE = frozenset({"user", "owner", "person", "assistant", "absent", "stand_in", "mentions"})


@dataclass(frozen=True)
class Feed:
    """A page of the feed."""

    events: Sequence[Event]
    last: int  # go on after this position
    has_more: bool


def events_after(user: User, position: int, limit: int) -> Feed:
    """At most `limit` events after a position. Two queries."""
    bound = min(position + SCAN, MOST_POSITION)
    # asked first: what is published between the two questions lies beyond
    is_cut = EventPosition.objects.filter(position__gt=bound).exists()
    found = list(
        Event.objects.visible_to(user)
        .filter(published__position__gt=position, published__position__lte=bound)
        .select_related("published", "actor", "on_behalf_of")
        .order_by("published__position")[: limit + 1]
    )
    events = found[:limit]
    is_full = len(found) > limit
    # Nothing new: the caller stays where they are, so that what they may not see does not move anything.
    last = bound if is_cut and not is_full else events[-1].published.position if events else position
    return Feed(events, last, is_full or is_cut)


def user_names(events: Sequence[Event]) -> dict[int, str]:
    """By id, the user names of everybody whom the data of some events names. One query."""
    ids = {person for event in events for person in _people(event.payload)}
    return dict(User.objects.filter(pk__in=ids).values_list("pk", "username")) if ids else {}


def _people(data: Mapping[str, Any]) -> Iterator[int]:
    for name, value in data.items():
        if isinstance(value, Mapping):
            yield from _people(value)
        elif name in PEOPLE:
            yield from (one for one in (value if isinstance(value, list) else [value]) if _is_id(one))


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def with_names(data: Mapping[str, Any], names: Mapping[int, str]) -> dict[str, Any]:
    """The data of an event with user names in place of ids."""
    found: dict[str, Any] = {}
    for name, value in data.items():
        if isinstance(value, Mapping):
            found[name] = with_names(value, names)
        elif name in PEOPLE and isinstance(value, list):
            found[name] = [names.get(one, one) if _is_id(one) else one for one in value]
        else:
            found[name] = names.get(value, value) if name in PEOPLE and _is_id(value) else value
    return found
