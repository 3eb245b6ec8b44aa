"""Who holds which seat, and who may do what at a gate: one place per question."""

from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import F

from approvals.models import ApproverRole
from gatekeeper.accounts.models import User

DIRECT = "direct"


@dataclass(frozen=True)
class Holder:
    """An active person in a seat, and through what: `direct`, `group: name`, or `delegation: name of the person`."""

    user: User
    through: str
    on_behalf_of: User | None = None


def seat_holders(role_ids: Collection[int]) -> dict[int, list[Holder]]:
    """Active holders of some seats by seat id, each person once per seat, in order of name. Two queries."""
    held: dict[int, dict[int, Holder]] = {role_id: {} for role_id in role_ids}
    people = User.objects.filter(is_active=True)
    direct = people.filter(approverroleuserobjectpermission__content_object__in=role_ids).annotate(
        seat=F("approverroleuserobjectpermission__content_object")
    )
    for user in direct:
        held[user.seat].setdefault(user.pk, Holder(user, DIRECT))
    # The group is named, so that a decision can say through which one its seat was held.
    through_groups = people.filter(groups__approverrolegroupobjectpermission__content_object__in=role_ids).annotate(
        seat=F("groups__approverrolegroupobjectpermission__content_object"), group_name=F("groups__name")
    )
    for user in through_groups.order_by("group_name"):
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
