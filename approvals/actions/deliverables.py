"""Assign a deliverable to the person who supplies it."""

from django.db import transaction

from approvals.models import Deliverable
from gatekeeper.accounts.models import User
from gatekeeper.common.clock import Clock, database_clock
from gatekeeper.common.errors import Conflict, Refused
from releases.actions.slips import record_misses
from releases.kinds import EventKind, GateState
from releases.locking import lock_release
from releases.permissions import product_permissions, require_product_permission


@transaction.atomic
def assign_deliverable(
    *, deliverable_id: int, actor: User, assignee: User | None, clock: Clock = database_clock
) -> Deliverable:
    """Name the person who supplies a deliverable, or nobody. Naming the same person again changes nothing.

    Raises:
        NotAllowed: the actor does not manage the product. Conflict: the gate is passed, or the release has ended.
        Refused: the person may not supply evidence of the product.
    """
    found = Deliverable.objects.select_related("gate").get(pk=deliverable_id)
    locked = lock_release(found.gate.release_id, actor=actor, clock=clock)
    record_misses(locked)
    product = locked.release.product
    require_product_permission(actor, product, "manage_product", "assign deliverables")
    locked.require_state("active", "released", "on_hold")
    gate = locked.gate(found.gate.key)
    assert gate is not None
    if gate.is_passed:
        words = GateState(gate.state).label.lower()
        raise Conflict("gate_passed", f"{gate.name} is {words}: nothing has to be supplied any more.")
    if assignee is not None and not product_permissions(assignee, product) & {"manage_product", "contribute"}:
        raise Refused.for_field(
            "assignee",
            "no_contribute",
            f"{assignee} may not supply evidence for {product}. Let them contribute first.",
        )
    thing = Deliverable.objects.get(pk=found.pk)
    if thing.assignee_id == (assignee.pk if assignee is not None else None):
        return thing
    thing.assignee = assignee
    thing.save(update_fields=["assignee"])
    locked.record(
        EventKind.DELIVERABLE_ASSIGNED,
        gate=gate,
        data={
            "deliverable": thing.key,
            "name": thing.name,
            "person": assignee.pk if assignee is not None else None,
            "to": assignee.full_name if assignee is not None else "",
        },
    )
    locked.facts.pop(gate.pk, None)
    locked.finish()
    return thing
