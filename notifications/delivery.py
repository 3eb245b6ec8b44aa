"""Sends the mails that wait: claimed in batches, each effect before its mark, never inside a transaction.

A mail is sent at least once. It can be sent twice only when a worker dies between the server's yes and our mark, and
then under the same Message-ID. What a dead worker had claimed is free again when its lease ends.
"""

import contextlib
import logging
import smtplib
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from django.core.mail import get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import connection, transaction
from django.db.models import F, Q, QuerySet

from gatekeeper.accounts.models import User
from gatekeeper.common.clock import Clock, database_clock
from notifications.audience import Crowd
from notifications.facts import with_facts
from notifications.kinds import Channel, DeliveryState
from notifications.mail import NoticeMail, compose
from notifications.models import Delivery
from notifications.notices import BY_KEY
from releases.permissions import who_may_see

logger = logging.getLogger(__name__)

BATCH = 50
# A slow mail server must not take every worker from the other tasks.
MOST_CLAIMED = 2 * BATCH
# Longer than a batch is worked on and a task may run, shorter than anybody waits for a dead worker's mails.
LEASE = timedelta(seconds=60)
WORK_SECONDS = 30.0
MOST_ATTEMPTS = 5
BACKOFF = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2))
# A mail server that cannot be reached is no fault of a mail and costs it no attempt.
PAUSE_WHEN_UNREACHABLE = timedelta(minutes=1)
# After so long a mail is no news: the server never came back, or the database was restored from an old backup.
GIVE_UP_AFTER = timedelta(days=3)

# Switched off only by race tests, to show the fault that the claim prevents.
IS_CLAIMING = True


def due_mails(now: datetime) -> QuerySet[Delivery]:
    """Mails that may be attempted now and that no worker holds."""
    return Delivery.objects.filter(
        Q(leased_until__isnull=True) | Q(leased_until__lt=now),
        channel=Channel.EMAIL,
        state=DeliveryState.WAITING,
        not_before__lte=now,
    )


def has_work(now: datetime) -> bool:
    """Whether another worker should start to deliver."""
    claimed = Delivery.objects.filter(channel=Channel.EMAIL, state=DeliveryState.WAITING, leased_until__gte=now)
    return due_mails(now).exists() and claimed.count() < MOST_CLAIMED


def deliver_waiting(*, clock: Clock = database_clock) -> int:
    """Send what waits, for about half a minute; returns how many mails the server took."""
    if connection.in_atomic_block:
        raise RuntimeError("No mail is sent inside a transaction.")
    until = time.monotonic() + WORK_SECONDS
    count = 0
    while time.monotonic() < until and (batch := claim(clock())):
        sent, is_reachable = Postman(batch, clock, until).deliver()
        count += sent
        if not is_reachable:
            break
    return count


def claim(now: datetime) -> list[Delivery]:
    """Take the next mails for a while: skipping rows that others are taking on PostgreSQL; on SQLite the transaction
    holds the one write lock, and the condition of the UPDATE decides."""
    with transaction.atomic():
        due = due_mails(now).order_by("not_before", "pk")
        if IS_CLAIMING and connection.features.has_select_for_update_skip_locked:
            due = due.select_for_update(skip_locked=True)
        ids = list(due.values_list("pk", flat=True)[:BATCH])
        if IS_CLAIMING:
            due_mails(now).filter(pk__in=ids).update(leased_until=now + LEASE)
    if not ids:
        return []
    taken = Delivery.objects.filter(pk__in=ids).select_related(
        "recipient",
        "event__actor",
        "event__on_behalf_of",
        "event__product",
        "event__release__product",
        "event__release__owner",
    )
    return list(taken.order_by("not_before", "pk"))


class Unreachable(Exception):
    """The mail server cannot be talked to."""


class Postman:
    """Delivers one claimed batch over one connection."""

    def __init__(self, batch: Sequence[Delivery], clock: Clock, until: float) -> None:
        self.batch = batch
        self.clock = clock
        self.until = until
        self.facts = with_facts(delivery.event for delivery in batch)
        self.crowd = Crowd(self.facts.values())
        self.post: BaseEmailBackend | None = None

    def deliver(self) -> tuple[int, bool]:
        """How many mails were sent, and whether the server could be reached."""
        count = 0
        rest = iter(self.batch)
        try:
            for delivery in rest:
                if time.monotonic() > self.until:
                    self._give_back([delivery, *rest])
                    break
                count += self._deliver_one(delivery, rest)
        except Unreachable:
            return count, False
        finally:
            self._hang_up()
        return count, True

    def _deliver_one(self, delivery: Delivery, rest: Iterator[Delivery]) -> bool:
        if delivery.created_at < self.clock() - GIVE_UP_AFTER:
            logger.error("Mail %s to %s has waited too long", delivery.pk, delivery.recipient_id)
            _settle(delivery, DeliveryState.FAILED, f"Given up after {GIVE_UP_AFTER.days} days. {delivery.last_error}")
            return False
        if reason := self._reason_to_skip(delivery):
            _settle(delivery, DeliveryState.SKIPPED, reason)
            return False
        try:
            post = self._connection()
        except (OSError, smtplib.SMTPException) as error:
            logger.warning("The mail server cannot be reached: %s", error)
            self._put_off([delivery, *rest], f"The mail server cannot be reached: {error}"[:2000])
            raise Unreachable from error
        if not self._begin(delivery):
            return False
        try:
            if not post.send_messages([self._message(delivery)]):
                raise smtplib.SMTPException("nothing was sent")
        except Exception as error:
            # Whatever goes wrong with one mail must not keep the others from leaving.
            self._hang_up()
            self._failed(delivery, error)
            return False
        self._sent(delivery)
        return True

    def _reason_to_skip(self, delivery: Delivery) -> str:
        """Why this person is not to get this mail, looked up now and not when the event happened."""
        product = delivery.event.product
        person = User.objects.filter(pk=delivery.recipient_id).first()
        if person is None or not person.is_active:
            return "The person is deactivated."
        if not person.wants_email or not person.email:
            return "The person wants no e-mail."
        if product is not None and not who_may_see(product, [person.pk]):
            return "The person may not see the product any more."
        notice = BY_KEY.get(delivery.notice)
        if notice is None:
            return "There is no such notice any more."
        delivery.recipient = person
        facts = self.facts[delivery.event_id]
        if notice.is_task and person.pk not in notice.recipients(facts, self.crowd):
            return "It is not this person’s turn any more."
        return ""

    def _message(self, delivery: Delivery) -> NoticeMail:
        facts = self.facts[delivery.event_id]
        return compose(delivery, facts, self._roles(delivery), self.crowd.open_round(facts))

    def _roles(self, delivery: Delivery) -> list[str]:
        """The roles in which the recipient of a task would decide."""
        if not BY_KEY[delivery.notice].is_task:
            return []
        return self.crowd.turns(self.facts[delivery.event_id]).get(delivery.recipient_id, [])

    def _connection(self) -> BaseEmailBackend:
        if self.post is None:
            post = get_connection()
            post.open()
            self.post = post
        return self.post

    def _hang_up(self) -> None:
        if self.post is not None:
            with contextlib.suppress(OSError, smtplib.SMTPException):
                self.post.close()
            self.post = None

    def _begin(self, delivery: Delivery) -> bool:
        """Count the attempt before it is made, so that a mail that kills its worker is not tried for ever; False when
        the lease has ended meanwhile and somebody else took the mail."""
        mine = Delivery.objects.filter(pk=delivery.pk, state=DeliveryState.WAITING)
        if IS_CLAIMING:
            mine = mine.filter(leased_until=delivery.leased_until)
        delivery.leased_until = self.clock() + LEASE
        delivery.attempts += 1
        return bool(mine.update(attempts=F("attempts") + 1, leased_until=delivery.leased_until))

    def _sent(self, delivery: Delivery) -> None:
        Delivery.objects.filter(pk=delivery.pk).update(
            state=DeliveryState.SENT, sent_at=self.clock(), leased_until=None, last_error=""
        )

    def _failed(self, delivery: Delivery, error: Exception) -> None:
        text = f"{type(error).__name__}: {error}"[:2000]
        now = self.clock()
        if is_permanent(error) or delivery.attempts >= MOST_ATTEMPTS:
            logger.error("Mail %s to %s failed for good: %s", delivery.pk, delivery.recipient_id, text)
            _settle(delivery, DeliveryState.FAILED, text)
            return
        logger.warning("Mail %s failed, attempt %s: %s", delivery.pk, delivery.attempts, text)
        pause = BACKOFF[min(delivery.attempts, len(BACKOFF)) - 1]
        Delivery.objects.filter(pk=delivery.pk, state=DeliveryState.WAITING).update(
            not_before=now + pause, leased_until=None, last_error=text
        )

    def _give_back(self, deliveries: Sequence[Delivery]) -> None:
        """Free what there was no time for."""
        Delivery.objects.filter(
            pk__in=[d.pk for d in deliveries], state=DeliveryState.WAITING, leased_until=deliveries[0].leased_until
        ).update(leased_until=None)

    def _put_off(self, deliveries: Sequence[Delivery], error: str) -> None:
        """Nobody tries again for a minute, with any mail: a dead server must not keep every worker waiting for it."""
        self._give_back(deliveries)
        now = self.clock()
        due_mails(now).update(not_before=now + PAUSE_WHEN_UNREACHABLE, last_error=error)


def _settle(delivery: Delivery, state: str, why: str) -> None:
    Delivery.objects.filter(pk=delivery.pk, state=DeliveryState.WAITING).update(
        state=state, leased_until=None, last_error=why
    )


def is_permanent(error: Exception) -> bool:
    """Whether another attempt would fail as well: the server refuses the address or the content (5xx), or the address
    is none. A refused sender is our own configuration, which somebody may mend."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(code >= 500 for code, _text in error.recipients.values())
    if isinstance(error, smtplib.SMTPSenderRefused):
        return False
    if isinstance(error, smtplib.SMTPDataError):
        return error.smtp_code >= 500
    return isinstance(error, ValueError)
