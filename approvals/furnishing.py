"""The approvals' part in the verbs of a release, plugged into `releases.ports` at start-up."""

from collections.abc import Iterable, Sequence

from django.contrib.auth.models import Group, Permission

from approvals import rules, status
from approvals.actions.rounds import end_round, facts_of
from approvals.kinds import RoundState
from approvals.models import (
    ApproverRole,
    ApproverRoleGroupObjectPermission,
    Check,
    Deliverable,
    GateRole,
)
from gatekeeper.accounts.models import User
from gatekeeper.common.errors import NotAllowed
from releases.kinds import Cause, EventKind, GateState
from releases.locking import LockedRelease
from releases.models import DefaultSeat, Gate, Product
from releases.permissions import is_administrator
from releases.playbooks import GateSpec, PlaybookSpec
from releases.ports import MissCause


def ensure_seats(
    product: Product, gates: Iterable[GateSpec], actor: User | None
) -> tuple[dict[tuple[str, str], ApproverRole], list[ApproverRole]]:
    """Every seat that some gates need; missing ones are created and given to the product line's default groups.

    Returns:
        All seats of the product by (gate key, role key), and the new ones.

    Raises:
        NotAllowed: an administrator would give a seat to a group that they are in.
    """
    have = {(role.gate_key, role.key): role for role in ApproverRole.objects.filter(product=product)}
    new = [
        ApproverRole(product=product, gate_key=gate.key, key=role.key, name=role.name)
        for gate in gates
        for role in gate.roles
        if (gate.key, role.key) not in have
    ]
    if new:
        ApproverRole.objects.bulk_create(new)
        defaults: dict[str, Group] = {
            seat.function: seat.group
            for seat in DefaultSeat.objects.filter(line_id=product.line_id).select_related("group")
        }
        mine = {defaults[role.key].pk for role in new if role.key in defaults}
        if actor is not None and is_administrator(actor) and actor.groups.filter(pk__in=mine).exists():
            raise NotAllowed("own_seat", "Another administrator has to give seats to groups that you are in.")
        decide = Permission.objects.get(codename="decide", content_type__app_label="approvals")
        ApproverRoleGroupObjectPermission.objects.bulk_create(
            ApproverRoleGroupObjectPermission(content_object=role, group=defaults[role.key], permission=decide)
            for role in new
            if role.key in defaults
        )
        have |= {(role.gate_key, role.key): role for role in new}
    return have, new


def furnish(locked: LockedRelease, spec: PlaybookSpec) -> None:
    """At activation: seats, the roles and quorums that each gate needs, its deliverables and checks."""
    seats, new = ensure_seats(locked.release.product, spec.gates, locked.actor)
    gates = {gate.key: gate for gate in locked.gates}
    GateRole.objects.bulk_create(
        GateRole(
            gate=gates[gate.key],
            role=seats[gate.key, role.key],
            quorum=1 if role.quorum == "all" else role.quorum,
            is_all=role.quorum == "all",
            order=role.order,
            position=position,
        )
        for gate in spec.gates
        for position, role in enumerate(gate.roles, start=1)
    )
    Deliverable.objects.bulk_create(
        Deliverable(
            gate=gates[gate.key],
            key=thing.key,
            name=thing.name,
            hint=thing.hint,
            is_required=thing.required,
            disciplines=list(thing.disciplines),
            days_before=thing.days_before,
            position=position,
        )
        for gate in spec.gates
        for position, thing in enumerate(gate.deliverables, start=1)
    )
    Check.objects.bulk_create(
        Check(gate=gates[gate.key], name=check.name, is_blocking=check.blocking, position=position)
        for gate in spec.gates
        for position, check in enumerate(gate.checks, start=1)
    )
    if new:
        locked.record(EventKind.SEAT_CREATED, data={"seats": [[role.gate_key, role.key] for role in new]})


def cause_of_miss(locked: LockedRelease, gate: Gate) -> MissCause:
    """Why a gate was missed, from whose turn it was."""
    facts = facts_of(locked, gate)
    short = rules.unreachable_roles(facts.needs, facts.votes, facts.candidates())
    if gate.state == GateState.DECLINED:
        return MissCause(Cause.DECLINED)
    if short:
        return MissCause(Cause.QUORUM_UNREACHABLE, short)
    if gate.state == GateState.IN_REVIEW:
        return MissCause(Cause.AWAITING_DECISION, rules.roles_up(facts.needs, facts.votes))
    codes = {b.code for b in status.submission_blockers(facts)} - {"not_open"}
    if codes and codes <= {"check_failing", "check_missing"}:
        return MissCause(Cause.CHECK_FAILING)
    return MissCause(Cause.NOT_SUBMITTED)


def cancel_round(locked: LockedRelease) -> None:
    """A cancelled release ends its open round."""
    for gate in locked.gates:
        if gate.state == GateState.IN_REVIEW:
            end_round(locked, gate, RoundState.CANCELLED)
            locked.enter_gate(gate, GateState.OPEN)


def is_quorum_unreachable(locked: LockedRelease, _gates: Sequence[Gate]) -> bool:
    """Whether the current gate's roles cannot all reach their quorums."""
    gate = locked.current
    if gate is None or not gate.is_undecided:
        return False
    facts = facts_of(locked, gate)
    return bool(rules.unreachable_roles(facts.needs, facts.votes, facts.candidates()))
