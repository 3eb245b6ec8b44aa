"""The relay: every committed event gets, once, its receipt, its deliveries and its global position.

Events are found by what they lack and not by "id greater than the last", because ids commit out of order.

Nothing is sent for the past. Recorded history is told to nobody; an event older than `LISTED_FOR` gets no delivery, one
older than `MAILED_FOR` no mail. The demo, which has just written months of events, relays them with `is_quiet`: then
nothing is mailed at all, and in the lists what is older than `MAILED_FOR` counts as read.
"""

import time
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, QuerySet

from gatekeeper.accounts.models import User
from gatekeeper.common.clock import Clock, database_clock
from notifications.audience import Crowd
from notifications.facts import with_facts
from notifications.kinds import Channel, DeliveryState
from notifications.models import Delivery, EventReceipt
from notifications.notices import Notice, notices_of, told
from releases import events
from releases.kinds import PlaybookKind
from releases.models import Event
from releases.permissions import who_may_see

BATCH = 200
MAILED_FOR = timedelta(days=3)
LISTED_FOR = timedelta(days=30)

# No transaction stays open for so long: an id that is older than an event read this long ago has committed or never
# will. Looking no further back keeps a tick cheap; now and then everything is looked at nevertheless.
LONGEST_TRANSACTION = timedelta(hours=1)
FULL_SCAN_SECONDS = 3600.0
_full_scan_due = 0.0

# Any number that no other advisory lock of this database has.
RELAY_LOCK = 0x67617465


def relay_events(*, is_quiet: bool = False, clock: Clock = database_clock) -> int:
    """Relay all committed events that have no receipt, batch by batch; returns how many.

    Whoever finds another relay at work leaves: that one looks again after its last batch.
    """
    count = 0
    floor = _floor(clock())
    while _without_receipt(floor).exists():
        done = _relay_batch(floor, is_quiet, clock)
        if not done:
            break
        count += done
    return count


def _floor(now: datetime) -> int:
    """Events up to this id need no looking at."""
    global _full_scan_due
    if time.monotonic() >= _full_scan_due:
        _full_scan_due = time.monotonic() + FULL_SCAN_SECONDS
        return 0
    settled = EventReceipt.objects.filter(read_at__lt=now - LONGEST_TRANSACTION).order_by("-event_id")
    return settled.values_list("event_id", flat=True).first() or 0


def _without_receipt(floor: int) -> QuerySet[Event]:
    receipts = EventReceipt.objects.filter(event=OuterRef("pk"))
    return Event.objects.filter(~Exists(receipts), pk__gt=floor).order_by("pk")


def _relay_batch(floor: int, is_quiet: bool, clock: Clock) -> int:
    """Receipts, deliveries and positions of the next events in one transaction; 0 when another relay is at it."""
    with transaction.atomic():
        if not _is_the_only_relay():
            return 0
        batch = list(
            _without_receipt(floor).select_related(
                "actor", "on_behalf_of", "product", "release", "release__product", "release__owner"
            )[:BATCH]
        )
        if not batch:
            return 0
        now = clock()
        Delivery.objects.bulk_create(deliveries_for(batch, now, is_quiet=is_quiet), ignore_conflicts=True)
        EventReceipt.objects.bulk_create(
            [EventReceipt(event=event, read_at=now) for event in batch], ignore_conflicts=True
        )
        events.publish(batch)
        return len(batch)


def _is_the_only_relay() -> bool:
    """On SQLite the transaction holds the one write lock already."""
    if not events.is_postgresql():
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [RELAY_LOCK])
        return bool(cursor.fetchone()[0])


def deliveries_for(batch: Iterable[Event], now: datetime, *, is_quiet: bool = False) -> list[Delivery]:
    """What a batch of events owes to whom. The number of queries depends neither on events nor on people."""
    news = [event for event in batch if _is_told(event, now)]
    if not news:
        return []
    facts = with_facts(news)
    crowd = Crowd(facts.values())
    by_event = {event.pk: told(facts[event.pk], crowd) for event in news}
    people = {
        user.pk: user
        for user in User.objects.filter(pk__in=set().union(*by_event.values()), is_active=True).only(
            "pk", "email", "wants_email"
        )
    }
    may_see = _may_see(news, by_event)
    found: list[Delivery] = []
    for event in news:
        for person, notice in by_event[event.pk].items():
            if person in people and (event.product_id is None or person in may_see[event.product_id]):
                found.extend(_deliveries(event, people[person], notice, now, is_quiet))
    return found


def _is_told(event: Event, now: datetime) -> bool:
    is_history = event.release is not None and event.release.kind == PlaybookKind.HISTORY
    is_old = event.recorded_at < now - LISTED_FOR
    return bool(notices_of(event.kind)) and not is_history and not is_old


def _may_see(news: Sequence[Event], by_event: dict[int, dict[int, Notice]]) -> dict[int, set[int]]:
    """By product, who of the people concerned may see it: one query per restricted product."""
    wanted: dict[int, set[int]] = {}
    products = {}
    for event in news:
        if event.product is not None:
            products[event.product.pk] = event.product
            wanted.setdefault(event.product.pk, set()).update(by_event[event.pk])
    return {
        pk: who_may_see(products[pk], people) if products[pk].is_restricted else people for pk, people in wanted.items()
    }


def _deliveries(event: Event, person: User, notice: Notice, now: datetime, is_quiet: bool) -> Iterable[Delivery]:
    """In-app notices are there with their row; mails wait to be sent."""
    age = now - event.recorded_at
    for channel in notice.channels:
        delivery = Delivery(
            event=event, recipient=person, channel=channel, notice=notice.key, created_at=now, not_before=now
        )
        if channel == Channel.APP:
            delivery.created_at = event.recorded_at
            delivery.state, delivery.sent_at = DeliveryState.SENT, now
            if is_quiet and age > MAILED_FOR:
                delivery.read_at = event.recorded_at
        elif is_quiet or age > MAILED_FOR or not person.wants_email or not person.email:
            continue
        yield delivery
