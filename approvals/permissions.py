"""Who holds which seat, and who may do what at a gate: one place per question."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.db.models import F, QuerySet

from approvals.models import ApproverRole
from gatekeeper.accounts.models import User
from gatekeeper.common.prepared import Prepared

DIRECT = "direct"


@dataclass(frozen=True)
class Holder:
    """An active person in a seat, and through what: `direct`, `group: name`, or `delegation: name of the person`.

    A service account never is one.
    """

    user: User
    through: str
    on_behalf_of: User | None = None


def _direct(seats: Collection[int]) -> QuerySet[Any, Any]:
    return User.objects.filter(
        is_active=True, is_service=False, approverroleuserobjectpermission__content_object__in=seats
    ).annotate(seat=F("approverroleuserobjectpermission__content_object"))


def _through_groups(seats: Collection[int]) -> QuerySet[Any, Any]:
    """The group is named, so that a decision can say through which one its seat was held."""
    people = User.objects.filter(
        is_active=True, is_service=False, groups__approverrolegroupobjectpermission__content_object__in=seats
    ).annotate(seat=F("groups__approverrolegroupobjectpermission__content_object"), group_name=F("groups__name"))
    return people.order_by("group_name")


_DIRECT, _THROUGH_GROUPS = Prepared(_direct), Prepared(_through_groups)


def seat_holders(role_ids: Collection[int]) -> dict[int, list[Holder]]:
    """Active holders of some seats by seat id, each person once per seat, in order of name. Two queries."""
    held: dict[int, dict[int, Holder]] = {role_id: {} for role_id in role_ids}
    for user in _DIRECT.rows(role_ids):
        held[user.seat].setdefault(user.pk, Holder(user, DIRECT))
    for user in _THROUGH_GROUPS.rows(role_ids):
        held[user.seat].setdefault(user.pk, Holder(user, f"group: {user.group_name}"))
    return {
        role_id: sorted(people.values(), key=lambda h: (h.user.full_name, h.user.username))
        for role_id, people in held.items()
    }


def inactive_holders(role_ids: Collection[int]) -> dict[int, int]:
    """How many deactivated people hold each of some seats. Two queries."""
    held: dict[int, set[int]] = {role_id: set() for role_id in role_ids}
    people = User.objects.filter(is_active=False).order_by()
    for seat in ("approverroleuserobjectpermission", "groups__approverrolegroupobjectpermission"):
        rows = people.filter(**{f"{seat}__content_object__in": role_ids}).values_list(f"{seat}__content_object", "pk")
        for role_id, person in rows:
            held[role_id].add(person)
    return {role_id: len(found) for role_id, found in held.items()}


def holds_seat_in(user: User, product_id: int) -> bool:
    """Whether a person holds any seat of a product."""
    return ApproverRole.objects.filter(product_id=product_id).held_by(user).exists()
