"""A person's saved views: save, rename, remove. They are nobody else's business, so they are no events."""

import secrets

from django.db import transaction

from gatekeeper.accounts.models import SavedView, User
from gatekeeper.common.clock import Clock, database_clock
from gatekeeper.common.errors import Refused

MOST_VIEWS = 30
NAME_LENGTH = 80
QUERY_LENGTH = 2000


def _lock(person: User) -> None:
    """The person's row: two tabs that save at once wait for each other, and neither exceeds what there may be."""
    User.objects.select_for_update(no_key=True).get(pk=person.pk)


def _checked_name(person: User, name: str, *, besides: int | None = None) -> str:
    text = name.strip()
    if not text:
        raise Refused.for_field("name", "required", "Name: give the view one.")
    if not text.isprintable():
        raise Refused.for_field("name", "invalid", "Name: it holds a character that cannot be seen.")
    if len(text) > NAME_LENGTH:
        raise Refused.for_field("name", "too_long", f"Name: longer than {NAME_LENGTH} characters.")
    others = SavedView.objects.filter(person=person, name__iexact=text)
    if (others.exclude(pk=besides) if besides is not None else others).exists():
        raise Refused.for_field("name", "exists", f"Name: you have a view called {text} already.")
    return text


@transaction.atomic
def save_view(*, actor: User, name: str, query: str, clock: Clock = database_clock) -> SavedView:
    """Keep the filters of an address under a name.

    Raises:
        Refused: a name that is empty, too long or taken, or the most views that one person may have.
    """
    _lock(actor)
    at = clock()
    name = _checked_name(actor, name)
    if SavedView.objects.filter(person=actor).count() >= MOST_VIEWS:
        raise Refused("too_many", f"You have {MOST_VIEWS} saved views: remove one first.")
    if len(query) > QUERY_LENGTH or "\x00" in query:
        raise Refused("too_long", "These filters are too long to be saved.")
    return SavedView.objects.create(
        person=actor, name=name, query=query, key=secrets.token_urlsafe(16), saved_at=at
    )  # fmt: skip


@transaction.atomic
def rename_view(*, view: SavedView, actor: User, name: str) -> SavedView:
    """Give one of one's own views another name; its link stays.

    Raises:
        SavedView.DoesNotExist: it is not the actor's. Refused: the name.
    """
    _lock(actor)
    stored = SavedView.objects.get(pk=view.pk, person=actor)
    stored.name = _checked_name(actor, name, besides=stored.pk)
    stored.save(update_fields=["name"])
    return stored


@transaction.atomic
def remove_view(*, view: SavedView, actor: User) -> None:
    """Take one of one's own views away; its link leads nowhere from now on.

    Raises:
        SavedView.DoesNotExist: it is not the actor's.
    """
    _lock(actor)
    SavedView.objects.get(pk=view.pk, person=actor).delete()
