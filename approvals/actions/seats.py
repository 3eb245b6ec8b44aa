"""Seats: who may decide at which gate of a product."""

from django.contrib.auth.models import Group
from django.db import transaction
from guardian.shortcuts import assign_perm, remove_perm

from approvals.furnishing import ensure_seats
from approvals.models import ApproverRole, ApproverRoleGroupObjectPermission, ApproverRoleUserObjectPermission
from approvals.reach import lock_deciding, refresh_reachability, refuse_to_strand, rounds_within_reach
from gatekeeper.accounts.models import User
from gatekeeper.common.clock import Clock, database_clock
from gatekeeper.common.errors import NotAllowed, Refused
from releases import events
from releases.kinds import EventKind, PlaybookKind
from releases.models import Playbook, Product
from releases.permissions import product_permissions, require_administrator
from releases.playbooks import parse_playbook


@transaction.atomic
def prepare_seats(*, product: Product, playbook: Playbook, actor: User | None, clock: Clock = database_clock) -> int:
    """Create the seats that a playbook needs before the first release, from the product line's defaults.

    Returns how many are new. `actor` None is set-up by a command.
    """
    if actor is not None:
        require_administrator(actor)
    if playbook.kind != PlaybookKind.GATES:
        raise Refused.for_field("playbook", "invalid", "Recorded history has no seats.")
    _all, new = ensure_seats(product, parse_playbook(playbook.definition).gates, actor)
    if new:
        events.record_for_organisation(
            EventKind.SEAT_CREATED,
            actor=actor,
            at=clock(),
            product=product,
            data={"seats": [[role.gate_key, role.key] for role in new]},
        )
    return len(new)


def _require_granting(actor: User | None, holder: User | Group, product: Product) -> None:
    """Administrators give and take seats, never to themselves nor on products they manage themselves."""
    if actor is None:
        return
    require_administrator(actor)
    if "manage_product" in product_permissions(actor, product):
        raise NotAllowed("manages_product", f"You manage {product}: another administrator has to give its seats.")
    if isinstance(holder, User) and holder.pk == actor.pk:
        raise NotAllowed("own_seat", "Another administrator has to give or take your own seats.")


def _data(role: ApproverRole, holder: User | Group) -> dict[str, object]:
    who = {"user": holder.pk} if isinstance(holder, User) else {"group": holder.name}
    return {"permission": "decide", "gate": role.gate_key, "role": role.key, **who}


@transaction.atomic
def grant_seat(*, role_id: int, holder: User | Group, actor: User | None, clock: Clock = database_clock) -> None:
    """Give a seat to a person or a group. Giving it twice changes nothing.

    Raises:
        NotAllowed: not an administrator, or one's own seat, also through a group. Refused: a deactivated person.
    """
    if actor is not None and isinstance(holder, Group) and actor.groups.filter(pk=holder.pk).exists():
        raise NotAllowed("own_seat", f"You are in {holder}: another administrator has to give it seats.")
    role = ApproverRole.objects.select_related("product").get(pk=role_id)
    _require_granting(actor, holder, role.product)
    if isinstance(holder, User) and not holder.is_active:
        raise Refused.for_field("holder", "inactive", f"{holder} is deactivated.")
    if isinstance(holder, User) and holder.is_service:
        raise Refused.for_field("holder", "is_service", f"{holder} is a service account: only people decide.")
    events.lock_organisation()
    if _holds(role, holder):
        return
    lock_deciding([role.pk], actor, clock)
    assign_perm("approvals.decide", holder, role)
    events.record_for_organisation(
        EventKind.GRANT_GIVEN, actor=actor, at=clock(), product=role.product, data=_data(role, holder)
    )
    refresh_reachability([role.pk], actor, clock)


def _holds(role: ApproverRole, holder: User | Group) -> bool:
    if isinstance(holder, User):
        return ApproverRoleUserObjectPermission.objects.filter(content_object=role, user=holder).exists()
    return ApproverRoleGroupObjectPermission.objects.filter(content_object=role, group=holder).exists()


@transaction.atomic
def revoke_seat(
    *,
    role_id: int,
    holder: User | Group,
    actor: User | None,
    is_confirmed: bool = False,
    clock: Clock = database_clock,
) -> None:
    """Take a seat back.

    Args:
        is_confirmed: do it although it leaves an open round without a quorum; that one is flagged, and told.

    Raises:
        Conflict: a round that is open could not reach its quorums any more, and nobody has confirmed that.
        Refused: the holder does not have it.
    """
    role = ApproverRole.objects.select_related("product").get(pk=role_id)
    _require_granting(actor, holder, role.product)
    events.lock_organisation()
    if not _holds(role, holder):
        raise Refused.for_field("holder", "not_holder", f"{holder} does not hold {role.name} directly.")
    lock_deciding([role.pk], actor, clock)
    waiting = rounds_within_reach([role.pk])
    remove_perm("approvals.decide", holder, role)
    events.record_for_organisation(
        EventKind.GRANT_REVOKED, actor=actor, at=clock(), product=role.product, data=_data(role, holder)
    )
    stuck = refresh_reachability([role.pk], actor, clock)
    if not is_confirmed:
        refuse_to_strand(waiting, stuck, role.name)
