"""Who may see what, and what each page fetches, named once."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from django.apps import apps
from django.contrib.auth.models import AnonymousUser
from django.db import models
from django.db.models import Case, F, Q, Value, When

from gatekeeper.accounts.models import User
from gatekeeper.common.calendars import last_day_with_fewer_working_days
from releases.kinds import GateState, Health, ReleaseState
from releases.permissions import bound_products, granted_product_ids, is_administrator, sees_every_product
from releases.rules import DAYS_TO_AT_RISK, WORKING_DAYS_FOR_REVIEW
from releases.working_days import organisation_calendar

if TYPE_CHECKING:  # the linter does not see the names in subscripts
    from releases.models import Event, Product, Release, Slip  # noqa: F401


def visible_products(user: User | AnonymousUser, prefix: str = "") -> Q:
    """The condition under which somebody sees a product; `prefix` leads to it, such as `release__product__`."""
    if not user.is_authenticated:
        return Q(pk__in=[])
    return products_seen(user, sees_every_product(user), prefix)


def products_seen(user: User, sees_all: bool, prefix: str = "") -> Q:
    """The same for somebody of whom is known already whether they see every product; a token may see fewer."""
    bound = bound_products(user)
    mine = Q() if bound is None else Q(**{f"{prefix}pk__in": bound})
    if sees_all:
        return mine
    return mine & (Q(**{f"{prefix}is_restricted": False}) | Q(**{f"{prefix}pk__in": granted_product_ids(user)}))


class ProductQuerySet(models.QuerySet["Product"]):
    def visible_to(self, user: User | AnonymousUser) -> ProductQuerySet:
        """Unrestricted products, and restricted ones on which the person holds any permission or seat."""
        return self.filter(visible_products(user))

    def managed_by(self, user: User) -> ProductQuerySet:
        """Products whose releases, dates and evidence the person manages."""
        return self.filter(pk__in=granted_product_ids(user, "manage_product"))


def health_expression(today: date, prefix: str = "") -> Case:
    """`rules.health` as SQL over the summary columns, for filters and counts; a test holds the two together."""
    f = prefix
    soon = Q(**{f"{f}next_due_on__lte": today + DAYS_TO_AT_RISK}) & ~Q(**{f"{f}current_state": GateState.IN_REVIEW})
    hurried = Q(
        **{
            f"{f}current_state": GateState.IN_REVIEW,
            f"{f}next_due_on__lte": last_day_with_fewer_working_days(
                today, WORKING_DAYS_FOR_REVIEW, organisation_calendar()
            ),
        }
    )
    heading = Q(**{f"{f}p50_on__gt": F(f"{f}target_on")})
    slipped = Q(**{f"{f}open_slips__gt": 0}) | Q(**{f"{f}slip_days__gt": 0})
    return Case(
        When(~Q(**{f"{f}state": ReleaseState.ACTIVE}), then=F(f"{f}state")),
        When(slipped, then=Value(Health.SLIPPED)),
        When(soon | hurried | heading | Q(**{f"{f}is_quorum_unreachable": True}), then=Value(Health.AT_RISK)),
        default=Value(Health.ON_TRACK),
        output_field=models.CharField(),
    )


class ReleaseQuerySet(models.QuerySet["Release"]):
    def visible_to(self, user: User | AnonymousUser) -> ReleaseQuerySet:
        """Releases of the products the person may see."""
        return self.filter(visible_products(user, "product__"))

    def with_health(self, today: date) -> ReleaseQuerySet:
        """Adds `health_value`, computed from stored columns and the day."""
        return self.annotate(health_value=health_expression(today))

    def for_board(self) -> ReleaseQuerySet:
        """What a row of the portfolio shows: the summary columns and the names beside them, never the gates."""
        return self.select_related("product", "product__line", "owner", "playbook")


class SlipQuerySet(models.QuerySet["Slip"]):
    def visible_to(self, user: User | AnonymousUser) -> SlipQuerySet:
        return self.filter(visible_products(user, "release__product__"))

    def open(self) -> SlipQuerySet:
        """Slips that nobody has settled."""
        return self.filter(settled_at__isnull=True)


class EventQuerySet(models.QuerySet["Event"]):
    def visible_to(self, user: User | AnonymousUser) -> EventQuerySet:
        """Events of visible products; those of the organisation itself only for administrators."""
        if not user.is_authenticated:
            return self.none()
        if is_administrator(user):
            return self
        products = apps.get_model("releases", "Product").objects.filter(visible_products(user))
        return self.filter(product__in=products)

    def for_feed(self) -> EventQuerySet:
        """What the activity feed shows, newest first."""
        return self.select_related("actor", "on_behalf_of", "product", "release").order_by("-recorded_at", "-id")
