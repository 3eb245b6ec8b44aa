"""One's own calendar address: made, renewed, changed, taken back."""

from django.db import transaction

from gatekeeper.accounts.calendar_links import make_link
from gatekeeper.accounts.models import CalendarLink, User
from gatekeeper.common.clock import Clock, database_clock
from gatekeeper.common.errors import Conflict, NotAllowed
from releases import events
from releases.kinds import EventKind


@transaction.atomic
def renew_calendar_link(
    *, person: User, actor: User, is_everything: bool, clock: Clock = database_clock
) -> CalendarLink:
    """A new secret address; the old one, if there is one, stops working.

    Raises:
        NotAllowed: for somebody else, or for somebody who is deactivated.
    """
    _require_own(person, actor)
    organisation = events.lock_organisation()
    at = clock()
    had = CalendarLink.objects.filter(person=person).exists()
    link = make_link(person, is_everything=is_everything, at=at)
    # Neither the secret nor anything that leads to it is told.
    data = {"user": person.pk, "renewed": had, "everything": is_everything}
    events.record(organisation, EventKind.CALENDAR_LINK_MADE, actor=actor, at=at, data=data)
    organisation.save()
    return link


@transaction.atomic
def change_calendar_link(
    *, person: User, actor: User, is_everything: bool, clock: Clock = database_clock
) -> CalendarLink:
    """Another choice of what the calendar holds, at the same address.

    Raises:
        NotAllowed: for somebody else.
        Conflict: there is no address.
    """
    _require_own(person, actor)
    organisation = events.lock_organisation()
    link = CalendarLink.objects.filter(person=person).first()
    if link is None:
        raise Conflict("no_link", "You have no calendar address any more.")
    if link.is_everything != is_everything:
        link.is_everything = is_everything
        link.save(update_fields=["is_everything"])
        data = {"user": person.pk, "everything": is_everything}
        events.record(organisation, EventKind.CALENDAR_LINK_CHANGED, actor=actor, at=clock(), data=data)
        organisation.save()
    return link


@transaction.atomic
def revoke_calendar_link(*, person: User, actor: User, clock: Clock = database_clock) -> None:
    """Take the address back; calendars that subscribe to it get nothing any more.

    Raises:
        NotAllowed: for somebody else.
        Conflict: there is no address.
    """
    _require_own(person, actor)
    organisation = events.lock_organisation()
    if not CalendarLink.objects.filter(person=person).delete()[0]:
        raise Conflict("no_link", "You have no calendar address any more.")
    events.record(organisation, EventKind.CALENDAR_LINK_REVOKED, actor=actor, at=clock(), data={"user": person.pk})
    organisation.save()


def _require_own(person: User, actor: User) -> None:
    if person.pk != actor.pk or not actor.is_active:
        raise NotAllowed("not_self", "Everybody keeps their own calendar address.")
