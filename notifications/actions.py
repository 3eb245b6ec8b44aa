"""Watching, stakeholders, and reading one's notices.

The watch of a release is an event of its stream, that of a product one of the organisation's. A read mark is nobody
else's business and no event.
"""

from collections.abc import Iterable
from typing import Any

from django.db import transaction

from gatekeeper.accounts.models import User
from gatekeeper.common.clock import Clock, database_clock
from gatekeeper.common.errors import Conflict, NotAllowed, Refused
from notifications.kinds import Channel
from notifications.models import Delivery, Watch
from releases import events
from releases.kinds import EventKind
from releases.locking import lock_release
from releases.models import Organisation, Product, Release
from releases.permissions import require_manage, who_may_see


class _Followed:
    """The locked stream of what is followed: a release, or a whole product."""

    def __init__(self, of: Release | Product, clock: Clock) -> None:
        self.release: Release | None = None
        self.head: Release | Organisation
        if isinstance(of, Release):
            locked = lock_release(of.pk, actor=None, clock=clock)
            self.head = self.release = locked.release
            self.product, self.at = locked.release.product, locked.at
        else:
            self.head = events.lock_organisation()
            self.product, self.at = Product.objects.get(pk=of.pk), clock()

    def __str__(self) -> str:
        return str(self.release or self.product)

    def watch_of(self, person: User) -> Watch | None:
        return Watch.objects.filter(person=person, product=self.product, release=self.release).first()

    def record(self, kind: str, actor: User, **data: Any) -> None:
        """Append the event and save the stream's head alone: who follows a release changes nothing in it, so that
        nobody's edit of it becomes stale."""
        product = None if self.release is not None else self.product
        events.record(self.head, kind, actor=actor, at=self.at, product=product, data=data)
        self.head.save(update_fields=["event_number", "event_hash"])

    def require_visible(self, person: User) -> None:
        """Refuse a person who may not see the product."""
        if not who_may_see(self.product, [person.pk]):
            raise NotAllowed("not_visible", f"You may not see {self.product}.")


@transaction.atomic
def watch(*, of: Release | Product, actor: User, clock: Clock = database_clock) -> Watch:
    """Be told of the progress of a release, or of all releases of a product. Watching twice changes nothing.

    Raises:
        NotAllowed: the actor may not see the product.
    """
    followed = _Followed(of, clock)
    followed.require_visible(actor)
    found = followed.watch_of(actor)
    if found is not None:
        return found
    started = Watch.objects.create(person=actor, product=followed.product, release=followed.release, since=followed.at)
    followed.record(EventKind.WATCH_STARTED, actor)
    return started


@transaction.atomic
def unwatch(*, of: Release | Product, actor: User, clock: Clock = database_clock) -> None:
    """Stop being told.

    Raises:
        Conflict: the person is a stakeholder; a product manager added them and takes them off.
    """
    followed = _Followed(of, clock)
    watch = followed.watch_of(actor)
    if watch is None:
        return
    if watch.is_stakeholder:
        raise Conflict(
            "is_stakeholder", f"You are a stakeholder of {followed}: a product manager can take you off the list."
        )
    watch.delete()
    followed.record(EventKind.WATCH_ENDED, actor)


@transaction.atomic
def add_stakeholder(*, of: Release | Product, person: User, actor: User, clock: Clock = database_clock) -> Watch:
    """Have an active person told of a release's or a product's progress, as a product manager or administrator.

    Raises:
        NotAllowed: the actor does not manage the product.
        Refused: the person is deactivated, may not see the product, or is a stakeholder already.
    """
    followed = _Followed(of, clock)
    require_manage(actor, followed.product)
    if not person.is_active:
        raise Refused.for_field("person", "inactive", f"{person} is deactivated.")
    if not who_may_see(followed.product, [person.pk]):
        raise Refused.for_field(
            "person", "not_visible", f"{person} may not see {followed.product}: let them see it first."
        )
    watch = followed.watch_of(person)
    if watch is not None and watch.is_stakeholder:
        raise Refused.for_field("person", "exists", f"{person} is a stakeholder already.")
    if watch is None:
        watch = Watch(
            person=person, product=followed.product, release=followed.release, added_by=actor, since=followed.at
        )
    # `added_by` stays empty for somebody who watched before: taken off the list, they go on watching.
    watch.is_stakeholder = True
    watch.save()
    followed.record(EventKind.STAKEHOLDER_ADDED, actor, person=person.pk)
    return watch


@transaction.atomic
def remove_stakeholder(*, of: Release | Product, person: User, actor: User, clock: Clock = database_clock) -> None:
    """Take a person off the list; who had watched by themselves before goes on watching."""
    followed = _Followed(of, clock)
    require_manage(actor, followed.product)
    watch = followed.watch_of(person)
    if watch is None or not watch.is_stakeholder:
        raise Refused.for_field("person", "not_stakeholder", f"{person} is no stakeholder of {followed}.")
    if watch.added_by_id is None:
        watch.is_stakeholder = False
        watch.save(update_fields=["is_stakeholder"])
    else:
        watch.delete()
    followed.record(EventKind.STAKEHOLDER_REMOVED, actor, person=person.pk)


def mark_read(*, person: User, deliveries: Iterable[int] | None = None, clock: Clock = database_clock) -> int:
    """Mark some of a person's own in-app notices as read, or (None) all; returns how many were unread."""
    unread = Delivery.objects.filter(recipient=person, channel=Channel.APP, read_at__isnull=True)
    if deliveries is not None:
        unread = unread.filter(pk__in=list(deliveries))
    return unread.update(read_at=clock())
