"""Decide, revoke, recuse, and close a condition."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.db import transaction

from approvals import rules, status
from approvals.actions.rounds import end_round, facts_of, lock_gate, pass_gate, require_running
from approvals.actions.seen import remember_round
from approvals.actions.signing import Signature, require_signature
from approvals.facts import GateFacts
from approvals.kinds import RoundState, Verdict
from approvals.models import Condition, Decision, GateRole, Recusal, Revocation, Submission
from gatekeeper.accounts.models import User
from gatekeeper.common.calendars import latest_allowed_day
from gatekeeper.common.clock import Clock, database_clock
from gatekeeper.common.errors import Conflict, DomainError, FieldProblem, NotAllowed, Refused
from releases.actions.releases import require_text
from releases.kinds import EventKind, GateState, SettledHow
from releases.locking import LockedRelease
from releases.models import Gate
from releases.permissions import product_permissions, who_may_see

COMMENT = "A comment that says why"


@dataclass(frozen=True)
class NewCondition:
    """A condition to open with an approval."""

    text: str
    owner: User
    due_on: date


def _require_round(facts: GateFacts, gate: Gate, number: int) -> Submission:
    """The open round, if it is the one that the person read."""
    submission = facts.submission
    if gate.state != GateState.IN_REVIEW or submission is None or submission.state != RoundState.OPEN:
        words = GateState(gate.state).label.lower()
        raise Conflict("stale_round", f"Round {number} of {gate.name} is over: the gate is {words} now.")
    if submission.number != number:
        raise Conflict(
            "stale_round",
            f"Round {number} is over: round {submission.number} of {gate.name} is open now. Read it first.",
        )
    return submission


def _require_role(facts: GateFacts, role_key: str) -> GateRole:
    for row in facts.roles:
        if row.role.key == role_key:
            return row
    raise Refused.for_field("role", "unknown_role", f"{role_key or 'This'} is not a role of {facts.gate.name}.")


def _require_vote(facts: GateFacts, actor: User, row: GateRole) -> None:
    _raise(status.vote_refusal(facts, actor, row.role_id))


def _raise(refusal: tuple[str, str] | None) -> None:
    if refusal is None:
        return
    error = Conflict if refusal[0] in ("already_decided", "recused", "not_your_turn") else NotAllowed
    raise error(*refusal)


@transaction.atomic
def record_decision(
    *,
    gate_id: int,
    round_number: int,
    role_key: str,
    actor: User,
    verdict: str,
    comment: str = "",
    conditions: Sequence[NewCondition] = (),
    signature: Signature | None = None,
    clock: Clock = database_clock,
) -> Decision:
    """Approve or decline, in one role, the round that the person read. Any decline ends the round.

    The decision that fills the last quorum passes the gate, settles its slip and opens the next gate.

    Raises:
        Conflict: the round is over, the release is on hold, or the person has decided already.
        NotAllowed: not a holder, the submitter or a contributor.
        Refused: a decline without comment, an unknown role, a condition that does not hold, a signature that is
            missing or too old where the gate asks for one (`signature_required`).
    """
    locked, gate = lock_gate(gate_id, actor, clock)
    require_running(locked)
    facts = facts_of(locked, gate)
    submission = _require_round(facts, gate, round_number)
    row = _require_role(facts, role_key)
    if verdict not in Verdict.values:
        raise Refused.for_field("verdict", "unknown_verdict", "Choose approve or decline.")
    _require_vote(facts, actor, row)
    problems: list[FieldProblem] = []
    try:
        least = 1 if verdict == Verdict.DECLINE or conditions else 0
        comment = require_text("comment", comment, COMMENT, least=least, most=rules.COMMENT_LENGTH)
    except DomainError as error:
        problems.extend(error.fields)
    checked = _check_conditions(locked, verdict, conditions, problems)
    if problems:
        raise Refused(problems[0].code, " ".join(problem.message for problem in problems), fields=problems)
    seat = status.free_seat(facts, actor, row.role_id)
    assert seat is not None  # or the vote was refused
    principal = seat.on_behalf_of
    meaning = rules.decision_meaning(
        gate.name, str(locked.release), verdict=verdict, round_number=submission.number, role=row.role.name,
        principal=str(principal) if principal is not None else "", has_conditions=bool(checked),
    )  # fmt: skip
    signed = require_signature(locked, gate, signature, meaning)
    mine = [d for d in facts.decisions if d.decided_by_id == actor.pk or (principal and d.on_behalf_of == principal)]
    decision = Decision.objects.create(
        submission=submission,
        role=row.role,
        decided_by=actor,
        on_behalf_of=principal,
        attempt=1 + max((d.attempt for d in mine), default=0),
        verdict=verdict,
        comment=comment,
        digest=submission.digest,
        decided_at=locked.at,
        held_through=seat.through,
        printed_name=seat.user.full_name,
        printed_title=seat.user.title,
        meaning=signed.meaning,
        time_zone=signed.time_zone,
    )
    facts.add_decision(decision)
    remember_round(gate, actor, submission.number, locked.at)
    opened = [
        Condition.objects.create(decision=decision, gate=gate, text=c.text, owner=c.owner, due_on=c.due_on)
        for c in checked
    ]
    if opened:
        gate.open_conditions += len(opened)
        locked.touch(gate)
    about = {"round": submission.number, "role": row.role.key, "role_name": row.role.name, "decision": decision.pk}
    locked.record(
        EventKind.DECISION_RECORDED,
        gate=gate,
        data=about
        | {"verdict": verdict, "comment": comment, "conditions": len(opened), "digest": submission.digest}
        | signed.event_data,
        on_behalf_of=principal,
    )
    for condition in opened:
        locked.record(
            EventKind.CONDITION_OPENED,
            gate=gate,
            data={
                "condition": condition.pk,
                "text": condition.text,
                "owner": condition.owner_id,
                "due_on": condition.due_on,
            },
        )
    result = rules.outcome(facts.needs, facts.votes)
    if result == rules.DECLINED:
        end_round(locked, gate, RoundState.DECLINED)
        locked.enter_gate(gate, GateState.DECLINED)
        locked.record(EventKind.GATE_DECLINED, gate=gate, data=about | {"comment": comment}, on_behalf_of=principal)
    elif result == rules.APPROVED:
        end_round(locked, gate, RoundState.APPROVED)
        locked.enter_gate(gate, GateState.APPROVED)
        pass_gate(locked, gate, EventKind.GATE_APPROVED, {"round": submission.number}, SettledHow.LATE_APPROVAL)
    else:
        _tell_if_stuck(locked, gate)
    locked.finish()
    return decision


def _tell_if_stuck(locked: LockedRelease, gate: Gate) -> None:
    """Say so when the round became unable to reach its quorums: somebody stepped aside, or took their other seat."""
    if locked.release.is_quorum_unreachable:
        return
    facts = facts_of(locked, gate)
    short = rules.unreachable_roles(facts.needs, facts.votes, facts.candidates())
    if short:
        locked.record(EventKind.QUORUM_UNREACHABLE, gate=gate, data={"round": gate.round_number, "roles": list(short)})


def _check_conditions(
    locked: LockedRelease, verdict: str, conditions: Sequence[NewCondition], problems: list[FieldProblem]
) -> list[NewCondition]:
    """The conditions, trimmed; everything that is wrong with them goes to `problems`."""
    if conditions and verdict != Verdict.APPROVE:
        problems.append(FieldProblem("conditions", "not_an_approval", "Conditions go with an approval."))
        return []
    product, checked = locked.release.product, []
    seeing = who_may_see(product, [condition.owner.pk for condition in conditions]) if conditions else ()
    for index, condition in enumerate(conditions):
        place, text = f"conditions.{index}", ""
        try:
            text = require_text(f"{place}.text", condition.text, "A condition", most=500)
        except DomainError as error:
            problems.extend(error.fields)
        if not locked.today <= condition.due_on <= latest_allowed_day(locked.today):
            message = "A condition’s due date must lie from today on."
            problems.append(FieldProblem(f"{place}.due_on", "date_in_past", message))
        if condition.owner.pk not in seeing:
            message = f"{condition.owner} cannot see {product}."
            problems.append(FieldProblem(f"{place}.owner", "cannot_see", message))
        checked.append(NewCondition(text, condition.owner, condition.due_on))
    return checked


@transaction.atomic
def revoke_decision(*, decision_id: int, actor: User, reason: str, clock: Clock = database_clock) -> Revocation:
    """Take back an own decision, with a reason, while its round is open. The decision stays on record."""
    found = Decision.objects.select_related("submission").get(pk=decision_id)
    locked, gate = lock_gate(found.submission.gate_id, actor, clock)
    require_running(locked)
    facts = facts_of(locked, gate)
    submission = _require_round(facts, gate, found.submission.number)
    decision = next((d for d in facts.decisions if d.pk == decision_id), None)
    if decision is None or decision.decided_by_id != actor.pk or not actor.is_active:
        raise NotAllowed("not_own_decision", "Only the person who decided may revoke a decision.")
    if hasattr(decision, "revocation"):
        raise Conflict("already_revoked", "This decision is revoked already.")
    reason = require_text("reason", reason, "A reason", most=rules.COMMENT_LENGTH)
    revocation = Revocation.objects.create(decision=decision, reason=reason, revoked_at=locked.at)
    closed = Condition.objects.filter(decision=decision, closed_at__isnull=True).update(
        closed_at=locked.at, closed_by=actor, note="The approval was revoked."
    )
    gate.open_conditions -= closed
    locked.touch(gate)
    locked.record(
        EventKind.DECISION_REVOKED,
        gate=gate,
        data={"decision": decision.pk, "round": submission.number, "role": decision.role.key, "reason": reason},
    )
    locked.finish()
    return revocation


@transaction.atomic
def recuse(*, gate_id: int, round_number: int, actor: User, comment: str, clock: Clock = database_clock) -> Recusal:
    """Step aside for the round in every role; if a quorum becomes unreachable, the product manager is told at once.

    Raises:
        Refused: no comment that says why.
    """
    locked, gate = lock_gate(gate_id, actor, clock)
    require_running(locked)
    facts = facts_of(locked, gate)
    submission = _require_round(facts, gate, round_number)
    _raise(status.recuse_refusal(facts, actor))
    comment = require_text("comment", comment, "A comment that says why", most=rules.COMMENT_LENGTH)
    recusal = Recusal.objects.create(submission=submission, person=actor, comment=comment, recused_at=locked.at)
    facts.recused |= {actor.pk}
    remember_round(gate, actor, submission.number, locked.at)
    locked.record(EventKind.RECUSED, gate=gate, data={"round": submission.number, "comment": comment})
    _tell_if_stuck(locked, gate)
    locked.finish()
    return recusal


@transaction.atomic
def close_condition(*, condition_id: int, actor: User, note: str, clock: Clock = database_clock) -> Condition:
    """Close a condition with a note: its owner or a product manager."""
    found = Condition.objects.select_related("decision").get(pk=condition_id)
    locked, gate = lock_gate(found.gate_id, actor, clock)
    condition = Condition.objects.get(pk=condition_id)
    is_manager = "manage_product" in product_permissions(actor, locked.release.product)
    if not actor.is_active or (condition.owner_id != actor.pk and not is_manager):
        raise NotAllowed("not_condition_owner", "Only the owner of a condition or a product manager may close it.")
    if condition.closed_at is not None:
        raise Conflict("already_closed", "This condition is closed already.")
    condition.note = require_text("note", note, "A note that says how it was met", most=rules.COMMENT_LENGTH)
    condition.closed_at, condition.closed_by = locked.at, actor
    condition.save()
    gate.open_conditions -= 1
    locked.touch(gate)
    locked.record(EventKind.CONDITION_CLOSED, gate=gate, data={"condition": condition.pk, "note": condition.note})
    locked.finish()
    return condition
