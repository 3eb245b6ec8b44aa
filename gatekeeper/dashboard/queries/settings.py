"""What the settings pages fetch."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.db.models import Count, Max, Q, QuerySet

from approvals.models import ApproverRole, ApproverRoleGroupObjectPermission
from gatekeeper.accounts.models import User
from releases.kinds import PlaybookKind
from releases.models import Gate, Playbook, Product, ProductLine
from releases.permissions import GLOBAL_PERMISSIONS

MOST_SEATS = 200


def people(text: str, show: str) -> QuerySet[User]:
    """People by name; `show` is active, inactive or all."""
    found = User.objects.prefetch_related("groups").order_by("full_name", "username")
    if show != "all":
        found = found.filter(is_active=show != "inactive")
    if text:
        found = found.filter(Q(full_name__icontains=text) | Q(username__icontains=text) | Q(email__icontains=text))
    return found


def administrators(among: Iterable[User]) -> set[int]:
    """Which of some people administer."""
    names = User.objects.with_perm("releases.administer", backend=settings.AUTHENTICATION_BACKENDS[0])
    return set(names.filter(pk__in=[person.pk for person in among]).values_list("pk", flat=True))


def global_permissions(person: User) -> list[str]:
    """The global permissions that a person holds."""
    return [name for name in GLOBAL_PERMISSIONS if person.has_perm(name)]


@dataclass(frozen=True)
class SeatsOf:
    """One role of a person on one product, with the gates at which it decides."""

    product: Product
    role: str
    gates: str


def seats_of(person: User) -> tuple[list[SeatsOf], bool]:
    """A person's seats, also through groups, by product and role; and whether some are left out."""
    held = ApproverRole.objects.all().held_by(person).select_related("product")
    found = list(held.order_by("product__name", "name", "gate_key")[: MOST_SEATS + 1])
    names = _gate_names({(seat.product_id, seat.gate_key) for seat in found})
    rows = []
    for (product, role), seats in groupby(found[:MOST_SEATS], key=lambda seat: (seat.product, seat.name)):
        gates = [names[seat.product_id, seat.gate_key] for seat in seats]
        rows.append(SeatsOf(product, role, ", ".join(gates)))
    return rows, len(found) > MOST_SEATS


def _gate_names(wanted: set[tuple[int, str]]) -> dict[tuple[int, str], str]:
    """What gates are called: in the product's newest release that has one, else in a playbook, else by the key."""
    products, keys = {product for product, _ in wanted}, {key for _, key in wanted}
    newest = (
        Gate.objects.filter(release__product__in=products, key__in=keys)
        .order_by()
        .values("release__product", "key")
        .annotate(newest=Max("pk"))
        .values("newest")
    )
    rows = Gate.objects.filter(pk__in=newest).order_by().values_list("release__product", "key", "name")
    named = {(product, key): name for product, key, name in rows}
    planned: dict[str, str] = {}
    if wanted - named.keys():
        for playbook in _newest_playbooks():
            for gate in playbook.definition["gates"]:
                planned.setdefault(gate["key"], gate["name"])
    return {
        (product, key): named.get((product, key)) or planned.get(key) or key.replace("-", " ").capitalize()
        for product, key in wanted
    }


def groups(text: str) -> QuerySet[Any]:
    """Groups with how many active people are in them and for how many lines they are the default."""
    found = Group.objects.annotate(
        members=Count("user", filter=Q(user__is_active=True), distinct=True),
        lines=Count("default_seats", distinct=True),
    ).order_by("name")
    return found.filter(name__icontains=text) if text else found


def seats_held(found: Iterable[Group]) -> dict[int, int]:
    """How many seats some groups hold."""
    return dict(
        ApproverRoleGroupObjectPermission.objects.filter(group__in=[group.pk for group in found])
        .values_list("group")
        .annotate(count=Count("content_object", distinct=True))
        .order_by()
    )


def lines() -> QuerySet[Any]:
    """Product lines with their counts."""
    return ProductLine.objects.annotate(
        product_count=Count("products", distinct=True), seat_count=Count("default_seats", distinct=True)
    ).order_by("name")


def _newest_playbooks() -> QuerySet[Playbook]:
    newest = Playbook.objects.filter(kind=PlaybookKind.GATES).values("slug").annotate(newest=Max("pk")).values("newest")
    return Playbook.objects.filter(pk__in=newest).order_by("slug")


def functions() -> dict[str, str]:
    """Every approver function of the newest playbooks, key to name, in the order in which they first decide."""
    names: dict[str, str] = {}
    for playbook in _newest_playbooks():
        for gate in playbook.definition["gates"]:
            for role in gate["roles"]:
                names.setdefault(role["key"], role["name"])
    return names
