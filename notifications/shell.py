"""What the frame of every page shows of notices: one query each."""

from typing import Any

from django.db.models import Q, QuerySet
from django.urls import reverse

from gatekeeper.accounts.models import User
from gatekeeper.common.prepared import Prepared
from notifications.kinds import Channel
from notifications.models import Delivery, Watch
from releases.kinds import ReleaseState
from releases.permissions import sees_every_product
from releases.querysets import products_seen

# A bell that says "100" says enough, and counting further would cost every page.
MOST_COUNTED = 100
MOST_WATCHED = 7
OVER = (ReleaseState.CLOSED, ReleaseState.CANCELLED)


def _unread(person: int, *, sees_all: bool) -> QuerySet[Any, tuple[Any, ...]]:
    mine = Delivery.objects.filter(recipient=person, channel=Channel.APP, read_at__isnull=True)
    is_seen = products_seen(User(pk=person), sees_all, "event__product__") | Q(event__product__isnull=True)
    return mine.filter(is_seen).values_list("pk")[:MOST_COUNTED]


def _watched(person: int, *, sees_all: bool) -> QuerySet[Any, tuple[Any, ...]]:
    mine = Watch.objects.filter(person=person, release__isnull=False)
    return (
        mine.filter(products_seen(User(pk=person), sees_all, "product__"))
        .exclude(release__state__in=OVER)
        .order_by("release__target_on", "product__name", "release__version")
        .values_list("product__name", "product__slug", "release__version")[:MOST_WATCHED]
    )


UNREAD, WATCHED = Prepared(_unread), Prepared(_watched)


def unread_count(user: User) -> int:
    """How many notices the person has not read, up to a hundred."""
    return len(UNREAD.rows(user.pk, sees_all=sees_every_product(user)))


def watching(user: User) -> list[dict[str, str]]:
    """The releases a person follows and that are not over, nearest target first."""
    return [
        {"label": f"{name} {version}", "url": reverse("release", args=[slug, version])}
        for name, slug, version in WATCHED.rows(user.pk, sees_all=sees_every_product(user))
    ]
