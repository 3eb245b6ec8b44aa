"""How pages find things: what the person may not see does not exist."""

from datetime import date

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils import timezone

from gatekeeper.accounts.models import User
from gatekeeper.common.calendars import day_of
from releases.models import Product, Release
from releases.permissions import is_administrator, product_permissions


def today() -> date:
    """The organisation's day."""
    return day_of(timezone.now())


def the_product(user: User, slug: str) -> Product:
    """A product that the person may see, or 404."""
    return get_object_or_404(Product.objects.visible_to(user).select_related("line", "owner"), slug=slug)


def the_release(user: User, product: str, version: str) -> Release:
    """A release that the person may see, with what its pages show beside it, or 404."""
    query = Release.objects.visible_to(user).select_related(
        "product", "product__line", "product__owner", "owner", "playbook"
    )
    return get_object_or_404(query, product__slug=product, version=version)


def may_manage(user: User, product: Product) -> bool:
    """Releases and dates of a product: its managers and administrators."""
    return is_administrator(user) or "manage_product" in product_permissions(user, product)


def may_rebaseline(user: User, product: Product) -> bool:
    """Set a new baseline: holders of the permission; nobody by being an administrator."""
    return "rebaseline" in product_permissions(user, product)


def page_number(request: HttpRequest) -> str:
    """The page asked for; `Paginator.get_page` forgives nonsense."""
    return request.GET.get("page", "1")
