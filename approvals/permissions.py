"""Who holds which seat, and who may do what at a gate: one place per question."""

from collections.abc import Collection
from dataclasses import dataclass

from approvals.models import ApproverRole, ApproverRoleGroupObjectPermission, ApproverRoleUserObjectPermission
from gatekeeper.accounts.models import User

DIRECT = "direct"


@dataclass(frozen=True)
class Holder:
    """An active person in a seat, and through what: `direct` or `group: name`."""

    user: User
    through: str


def seat_holders(role_ids: Collection[int]) -> dict[int, list[Holder]]:
    """Active holders of some seats by seat id, each person once per seat, in order of name. Two queries."""
    held: dict[int, dict[int, Holder]] = {role_id: {} for role_id in role_ids}
    direct = ApproverRoleUserObjectPermission.objects.filter(
        content_object__in=role_ids, user__is_active=True
    ).select_related("user")
    for row in direct:
        held[row.content_object_id].setdefault(row.user_id, Holder(row.user, DIRECT))
    # Groups are named on the way, so that a decision can say through which one its seat was held.
    by_group: dict[int, list[tuple[int, str]]] = {}
    for role_id, group_id, name in ApproverRoleGroupObjectPermission.objects.filter(
        content_object__in=role_ids
    ).values_list("content_object_id", "group_id", "group__name"):
        by_group.setdefault(group_id, []).append((role_id, name))
    if by_group:
        members = User.groups.through.objects.filter(group_id__in=by_group, user__is_active=True).select_related("user")
        for member in members:
            for role_id, name in by_group[member.group_id]:
                held[role_id].setdefault(member.user_id, Holder(member.user, f"group: {name}"))
    return {
        role_id: sorted(people.values(), key=lambda h: (h.user.full_name, h.user.username))
        for role_id, people in held.items()
    }


def holds_seat_in(user: User, product_id: int) -> bool:
    """Whether a person holds any seat of a product."""
    return ApproverRole.objects.filter(product_id=product_id).held_by(user).exists()
