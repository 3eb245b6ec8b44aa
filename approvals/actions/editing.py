"""Who may change the evidence of a gate, and when: asked by every verb of evidence, drafts and uploads."""

from approvals.models import Deliverable
from approvals.status import EDITABLE
from gatekeeper.accounts.models import User
from gatekeeper.common.errors import Conflict, NotAllowed
from releases.kinds import GateState, ReleaseState
from releases.models import Gate, Release
from releases.permissions import product_permissions


def require_editable(release: Release, gate: Gate, actor: User) -> None:
    """Refuse what may not change the evidence of a gate: the wrong person, or the wrong time."""
    if not product_permissions(actor, release.product) & {"manage_product", "contribute"}:
        raise NotAllowed("no_contribute", f"You may not supply evidence for {release.product}.")
    if not release.is_running:
        words = ReleaseState(release.state).label.lower()
        raise Conflict("release_not_active", f"{release} is {words}; evidence cannot be changed now.")
    if gate.state not in EDITABLE:
        hint = " Withdraw the round first." if gate.state == GateState.IN_REVIEW else ""
        raise Conflict(
            "evidence_frozen", f"{gate.name} is {GateState(gate.state).label.lower()}; its evidence is frozen.{hint}"
        )


def require_editable_deliverable(deliverable_id: int, actor: User) -> Deliverable:
    """The same for a deliverable as it is stored now, without the release's lock: for what is not evidence yet."""
    found = Deliverable.objects.select_related("gate__release__product").get(pk=deliverable_id)
    require_editable(found.gate.release, found.gate, actor)
    return found
