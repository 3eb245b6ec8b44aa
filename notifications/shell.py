"""What the frame of every page shows of notices: one query each."""

from django.urls import reverse

from gatekeeper.accounts.models import User
from notifications.lists import in_app_for
from notifications.models import Watch
from releases.kinds import ReleaseState
from releases.querysets import visible_products

# A bell that says "100" says enough, and counting further would cost every page.
MOST_COUNTED = 100
MOST_WATCHED = 7
OVER = (ReleaseState.CLOSED, ReleaseState.CANCELLED)


def unread_count(user: User) -> int:
    """How many notices the person has not read, up to a hundred."""
    return in_app_for(user).filter(read_at__isnull=True).order_by()[:MOST_COUNTED].count()


def watching(user: User) -> list[dict[str, str]]:
    """The releases a person follows and that are not over, nearest target first."""
    watches = (
        Watch.objects.filter(visible_products(user, "product__"), person=user, release__isnull=False)
        .exclude(release__state__in=OVER)
        .select_related("release", "product")
        .order_by("release__target_on", "product__name", "release__version")
    )
    return [
        {
            "label": f"{watch.product.name} {watch.release.version}",
            "url": reverse("release", args=[watch.product.slug, watch.release.version]),
        }
        for watch in watches[:MOST_WATCHED]
        if watch.release is not None
    ]
