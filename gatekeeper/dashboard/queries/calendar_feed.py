"""A person's calendar: due dates of running releases as whole days, titles only."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models import Q
from icalendar import Calendar
from icalendar import Event as CalendarEvent

from approvals.models import ApproverRole, GateRole
from gatekeeper.accounts.models import User
from notifications.models import Watch
from releases.kinds import PASSED, PlaybookKind, ReleaseState
from releases.models import Gate, Release
from releases.querysets import ReleaseQuerySet

MOST_EVENTS = 2000


@dataclass(frozen=True)
class DueDay:
    """One entry: what never changes of it, its title, its day, how often its release has changed, and since when."""

    key: str
    title: str
    on: date
    revision: int
    stamp: datetime


def feed_releases(user: User, *, is_everything: bool) -> ReleaseQuerySet:
    """Running releases that the person sees: all of them, or those they own, follow or decide on."""
    found: ReleaseQuerySet = Release.objects.visible_to(user).filter(
        kind=PlaybookKind.GATES, state__in=[ReleaseState.ACTIVE, ReleaseState.RELEASED]
    )
    if is_everything:
        return found
    watches = Watch.objects.filter(person=user).order_by()
    seats = ApproverRole.objects.filter(
        Q(approverroleuserobjectpermission__user=user)
        | Q(approverrolegroupobjectpermission__group__in=user.groups.values("pk"))
    ).order_by()
    decided = GateRole.objects.filter(role__in=seats.values("pk")).exclude(gate__state__in=PASSED).order_by()
    return found.filter(
        Q(owner=user)
        | Q(product__owner=user)
        | Q(pk__in=watches.filter(release__isnull=False).values("release"))
        | Q(product__in=watches.filter(release__isnull=True).values("product"))
        | Q(pk__in=decided.values("gate__release"))
    )


def due_days(user: User, *, is_everything: bool) -> list[DueDay]:
    """Due dates of gates that are not passed, and the targets of releases that are not out. Two queries."""
    found = feed_releases(user, is_everything=is_everything)
    releases = {one.pk: one for one in found.select_related("product").order_by("pk")[:MOST_EVENTS]}
    gates = (
        Gate.objects.filter(release__in=found.order_by().values("pk"), due_on__isnull=False)
        .exclude(state__in=PASSED)
        .order_by("due_on", "pk")[:MOST_EVENTS]
    )
    return sorted(_days(releases, gates), key=lambda one: (one.on, one.key))[:MOST_EVENTS]


def _days(releases: dict[int, Release], gates: Iterable[Gate]) -> Iterator[DueDay]:
    for gate in gates:
        release = releases.get(gate.release_id)
        if release is not None and gate.due_on is not None:
            title = f"{release}: {gate.name} due"
            yield DueDay(f"gate-{gate.pk}", title, gate.due_on, release.revision, _stamp(release))
    for release in releases.values():
        if release.released_on is None and release.target_on is not None:
            yield DueDay(
                f"release-{release.pk}", f"{release}: release", release.target_on, release.revision, _stamp(release)
            )


def _stamp(release: Release) -> datetime:
    """The same at every asking, so that an unchanged calendar is the same to the byte."""
    return release.activated_at or release.created_at


def calendar_file(days: Iterable[DueDay], name: str) -> bytes:
    """The calendar as iCalendar (RFC 5545)."""
    host = urlsplit(settings.BASE_URL).hostname or "localhost"
    calendar = Calendar()
    calendar.add("prodid", "-//gatekeeper//due dates//EN")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", name)
    calendar.add("x-published-ttl", "PT1H")
    for one in days:
        event = CalendarEvent()
        event.add("uid", f"{one.key}@{host}")
        event.add("summary", one.title)
        event.add("dtstart", one.on)
        event.add("dtend", one.on + timedelta(days=1))
        event.add("dtstamp", one.stamp)
        event.add("sequence", one.revision)
        event.add("transp", "TRANSPARENT")
        calendar.add_component(event)
    return bytes(calendar.to_ical())


def etag_of(data: bytes) -> str:
    return f'"{hashlib.sha256(data).hexdigest()[:32]}"'
