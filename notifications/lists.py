"""The notices of a person's own list, in words."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby

from django.db.models import Q, QuerySet
from django.utils import timezone

from gatekeeper.accounts.models import User
from notifications.facts import with_facts
from notifications.kinds import Channel
from notifications.models import Delivery
from notifications.notices import BY_KEY, Notice, Piece, pieces, words_of
from releases.querysets import visible_products


def in_app_for(user: User) -> QuerySet[Delivery]:
    """A person's in-app notices, newest first, but for those about products they may not see any more."""
    is_seen = visible_products(user, "event__product__") | Q(event__product__isnull=True)
    return Delivery.objects.filter(is_seen, recipient=user, channel=Channel.APP).order_by("-created_at", "-pk")


@dataclass(frozen=True)
class NoticeRow:
    """One line of the list."""

    delivery: Delivery
    notice: Notice
    line: Sequence[Piece]
    under: str
    url: str

    @property
    def text(self) -> str:
        return "".join(text for text, _strong in self.line)

    @property
    def is_state(self) -> bool:
        """Its icon is a gate's symbol."""
        return self.notice.icon in ("prep", "rev", "ok", "cond", "dec", "late", "na")


@dataclass(frozen=True)
class DayGroup:
    """Today, Yesterday or Earlier."""

    title: str
    rows: Sequence[NoticeRow]


def notice_rows(deliveries: Iterable[Delivery]) -> list[NoticeRow]:
    """Deliveries in words. The number of queries does not depend on how many there are."""
    found = list(deliveries)
    facts = with_facts({delivery.event.pk: delivery.event for delivery in found}.values())
    rows = []
    for delivery in found:
        notice = BY_KEY.get(delivery.notice)
        if notice is None:
            continue  # a notice that an earlier version of the product knew
        one = facts[delivery.event_id]
        about = str(one.release or one.event.product or "")
        number = one.words["round"]
        rows.append(
            NoticeRow(
                delivery=delivery,
                notice=notice,
                line=pieces(notice.line, words_of(one)),
                under=f"{about}, round {number}" if number else about,
                url=one.path(is_release_page=notice.is_release_page),
            )
        )
    return rows


def by_day(rows: Sequence[NoticeRow]) -> list[DayGroup]:
    """Rows, newest first, under Today, Yesterday and Earlier, in the reader's time zone."""
    today = timezone.localdate()
    return [DayGroup(title, list(group)) for title, group in groupby(rows, key=lambda row: _day_title(row, today))]


def _day_title(row: NoticeRow, today: date) -> str:
    on = timezone.localdate(row.delivery.created_at)
    if on >= today:
        return "Today"
    return "Yesterday" if on == today - timedelta(days=1) else "Earlier"
