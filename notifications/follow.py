"""What pages show of following: the watch button, the stakeholders, and who will be told."""

from dataclasses import dataclass

from django.core.paginator import Page, Paginator
from django.db.models import Q
from django.urls import reverse

from gatekeeper.accounts.models import User
from notifications.models import Watch
from releases.models import Product, Release
from releases.permissions import is_administrator, product_permissions

Followed = Release | Product

PER_PAGE = 50


def _watches(followed: Followed) -> dict[str, object]:
    """The filter of the watches of exactly this."""
    if isinstance(followed, Release):
        return {"release": followed}
    return {"product": followed, "release": None}


def _address(followed: Followed, name: str) -> str:
    if isinstance(followed, Release):
        return reverse(f"release{name}", args=[followed.product.slug, followed.version])
    return reverse(f"product{name}", args=[followed.slug])


@dataclass(frozen=True)
class FollowState:
    """Whether somebody watches a release or a product, and how many people follow it."""

    followed: Followed
    is_watching: bool
    is_stakeholder: bool
    count: int

    @property
    def element(self) -> str:
        """The id of the button's form in the page."""
        kind = "release" if isinstance(self.followed, Release) else "product"
        return f"watch-{kind}-{self.followed.pk}"

    @property
    def page(self) -> str:
        return _address(self.followed, "")

    @property
    def url(self) -> str:
        return _address(self.followed, "-watch")

    @property
    def stakeholders(self) -> str:
        return _address(self.followed, "-stakeholders")


def follow_state(followed: Followed, user: User) -> FollowState:
    """One query."""
    rows = dict(Watch.objects.filter(**_watches(followed)).values_list("person_id", "is_stakeholder"))
    return FollowState(
        followed=followed, is_watching=user.pk in rows, is_stakeholder=rows.get(user.pk, False), count=len(rows)
    )


@dataclass(frozen=True)
class StakeholderList:
    """Some of the stakeholders, and whether the reader may change the list."""

    followed: Followed
    page: Page[Watch]
    may_manage: bool

    @property
    def element(self) -> str:
        """The id of the list in the page."""
        kind = "release" if isinstance(self.followed, Release) else "product"
        return f"stakeholders-{kind}-{self.followed.pk}"

    @property
    def url(self) -> str:
        return _address(self.followed, "-stakeholders")

    @property
    def remove_url(self) -> str:
        return _address(self.followed, "-stakeholder-remove")

    @property
    def is_release(self) -> bool:
        """People of the whole product are in the list, and are taken off at the product."""
        return isinstance(self.followed, Release)


def stakeholder_list(followed: Followed, user: User, number: str = "1", per_page: int = PER_PAGE) -> StakeholderList:
    """The stakeholders by name: of a release also those of its product, who are told of it too."""
    product = followed.product if isinstance(followed, Release) else followed
    concerned = Q(release__isnull=True, product=product)
    if isinstance(followed, Release):
        concerned |= Q(release=followed)
    watches = (
        Watch.objects.filter(concerned, is_stakeholder=True)
        .select_related("person", "product")
        .order_by("person__full_name", "person__username", "pk")
    )
    return StakeholderList(
        followed=followed,
        page=Paginator(watches, per_page).get_page(number),
        may_manage="manage_product" in product_permissions(user, product) or is_administrator(user),
    )
