"""Submit, withdraw and waive: the beginning and the early ends of a round."""

import hashlib
from datetime import date
from typing import Any

from django.db import transaction

from approvals import rules, status
from approvals.actions.signing import Signature, require_signature
from approvals.facts import GateFacts, load_facts
from approvals.kinds import RoundState
from approvals.models import Condition, Submission, Waiver
from gatekeeper.accounts.models import User
from gatekeeper.common.calendars import latest_allowed_day
from gatekeeper.common.clock import Clock, database_clock
from gatekeeper.common.errors import Conflict, NotAllowed, Refused
from gatekeeper.common.prepared import Prepared
from releases.actions.releases import open_next_gate, require_text
from releases.actions.slips import record_misses, settle_slip
from releases.events import canonical
from releases.kinds import EventKind, GateState, SettledHow
from releases.locking import LockedRelease, lock_release
from releases.models import Gate
from releases.permissions import is_administrator, product_permissions, require_product_permission

_RELEASE_OF = Prepared(lambda gate: Gate.objects.filter(pk=gate).order_by().values_list("release_id"))


def lock_gate(gate_id: int, actor: User | None, clock: Clock) -> tuple[LockedRelease, Gate]:
    """Lock the release of a gate, record its misses, and find the gate in it."""
    found = _RELEASE_OF.first(gate_id)
    if found is None:
        raise Gate.DoesNotExist("There is no such gate.")
    locked = lock_release(found[0], actor=actor, clock=clock)
    record_misses(locked)
    gate = next(g for g in locked.gates if g.pk == gate_id)
    return locked, gate


def facts_of(locked: LockedRelease, gate: Gate) -> GateFacts:
    """The gate's facts under the lock, kept for the rest of the verb: a verb that changes one changes it here too."""
    facts = locked.facts.get(gate.pk)
    if facts is None:
        facts = locked.facts[gate.pk] = load_facts(locked.release, gate, locked.gates, locked.today)
    return facts


def snapshot(facts: GateFacts, number: int, summary: str, submitter: User) -> dict[str, Any]:
    """What a round freezes: evidence with hashes, checks, exceptions, roles and quorums, contributors. Plain data."""
    names = {thing.pk: thing for thing in facts.deliverables}
    return {
        "product": facts.release.product.slug,
        "version": facts.release.version,
        "gate": facts.gate.key,
        "round": number,
        "due_on": facts.gate.due_on,
        "summary": summary,
        "submitted_by": submitter.pk,
        "evidence": [
            {
                "deliverable": names[item.deliverable_id].key,
                "name": names[item.deliverable_id].name,
                "required": names[item.deliverable_id].is_required,
                "id": item.pk,
                "version": item.version,
                "kind": item.kind,
                "text": item.text,
                "url": item.url,
                "note": item.note,
                "files": [
                    {
                        "id": f.pk,
                        "name": f.name,
                        "content_type": f.content_type,
                        "size": f.size,
                        "sha256": f.sha256,
                        "scan": f.scan,
                    }
                    for f in item.files.all()
                ],
                "author": item.author_id,
            }
            for item in sorted(facts.evidence.values(), key=lambda e: names[e.deliverable_id].position)
        ],
        "roles": [
            {"id": row.role_id, "key": row.role.key, "name": row.role.name, "quorum": need.quorum, "order": need.order}
            for row, need in zip(facts.roles, facts.needs_at_submission(submitter.pk), strict=True)
        ],
        "checks": [
            {
                "name": check.name,
                "blocking": check.is_blocking,
                "status": check.status,
                "summary": check.summary,
                "details_url": check.details_url,
                "run_number": check.run_number,
                "reported_by": check.reported_by_id,
                "reported_at": check.reported_at,
            }
            for check in facts.checks
        ],
        "exceptions": [
            {
                "kind": waiver.kind,
                "subject": waiver.subject,
                "by": waiver.waived_by_id,
                "name": waiver.printed_name,
                "reason": waiver.reason,
                "expires_on": waiver.expires_on,
            }
            for waiver in sorted(facts.exceptions, key=lambda w: (w.kind, w.subject))
        ],
        "contributors": sorted(facts.contributors_now()),
    }


def digest_of(text: str) -> str:
    """`sha256:` and the SHA-256 of a snapshot's canonical text."""
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


@transaction.atomic
def submit_evidence(*, gate_id: int, actor: User, summary: str = "", clock: Clock = database_clock) -> Submission:
    """Freeze the evidence as the next round and put it to the approvers.

    Raises:
        NotAllowed: the actor is not a product manager of it (administrators neither).
        Refused: with every blocker at once. Conflict: the gate or release is in another state.
    """
    locked, gate = lock_gate(gate_id, actor, clock)
    require_product_permission(actor, locked.release.product, "manage_product", "submit gates")
    summary = require_text("summary", summary, "The note", least=0, most=rules.COMMENT_LENGTH)
    facts = facts_of(locked, gate)
    found = status.submission_blockers(facts, actor.pk)
    if any(b.code in ("not_open", "release_not_active") for b in found):
        raise Conflict(found[0].code, " ".join(b.message for b in found), blockers=found)
    if found:
        raise Refused("blocked", " ".join(b.message for b in found), blockers=found)
    number = gate.round_number + 1
    frozen = canonical(snapshot(facts, number, summary, actor))
    submission = Submission.objects.create(
        gate=gate,
        number=number,
        summary=summary,
        snapshot=frozen,
        digest=digest_of(frozen),
        submitted_by=actor,
        submitted_at=locked.at,
    )
    submission.contributors.set(facts.contributors_now())
    _freeze_quorums(facts, submission)
    facts.begin_round(submission, facts.contributors_now())
    gate.round_number = number
    locked.enter_gate(gate, GateState.IN_REVIEW)
    locked.record(
        EventKind.SUBMITTED,
        gate=gate,
        data={
            "round": number,
            "digest": submission.digest,
            "summary": summary,
            "roles": [row.role.key for row in facts.roles],
        },
    )
    locked.finish()
    return submission


def _freeze_quorums(facts: GateFacts, submission: Submission) -> None:
    """A quorum of `all` is a number from now on: lists of what waits count with it."""
    frozen = {row["key"]: row["quorum"] for row in submission.frozen["roles"]}
    for row in facts.roles:
        if row.is_all and row.quorum != frozen[row.role.key]:
            row.quorum = frozen[row.role.key]
            row.save(update_fields=["quorum"])


def end_round(locked: LockedRelease, gate: Gate, state: str) -> Submission | None:
    """End the gate's open round, if there is one."""
    submission = Submission.objects.filter(gate=gate, state=RoundState.OPEN).first()
    if submission is not None:
        submission.state = state
        submission.ended_at = locked.at
        submission.save(update_fields=["state", "ended_at"])
        if state != RoundState.APPROVED:
            # Their approvals came to nothing, so there is nothing left that they could be a condition of.
            closed = Condition.objects.filter(decision__submission=submission, closed_at__isnull=True).update(
                closed_at=locked.at, closed_by=locked.actor, note=f"The round ended: {RoundState(state).label.lower()}."
            )
            gate.open_conditions -= closed
            locked.touch(gate)
    return submission


@transaction.atomic
def withdraw_submission(*, gate_id: int, actor: User, reason: str = "", clock: Clock = database_clock) -> Gate:
    """Take the open round back: the gate is open again, the decisions stay in the history."""
    locked, gate = lock_gate(gate_id, actor, clock)
    product = locked.release.product
    if "manage_product" not in product_permissions(actor, product) and not is_administrator(actor):
        raise NotAllowed("not_manager", f"Only a product manager of {product} may withdraw a round.")
    require_running(locked)
    reason = require_text("reason", reason, "A reason", least=0, most=rules.COMMENT_LENGTH)
    if gate.state != GateState.IN_REVIEW:
        raise Conflict("not_in_review", f"{gate.name} is {GateState(gate.state).label.lower()}: no round to withdraw.")
    submission = end_round(locked, gate, RoundState.WITHDRAWN)
    locked.enter_gate(gate, GateState.OPEN)
    number = submission.number if submission is not None else gate.round_number
    locked.record(EventKind.WITHDRAWN, gate=gate, data={"round": number, "reason": reason})
    locked.finish()
    return gate


def require_running(locked: LockedRelease) -> None:
    """Refuse on a release that is on hold, ended or not begun."""
    locked.require_state("active", "released")


@transaction.atomic
def waive_gate(
    *,
    gate_id: int,
    actor: User,
    reason: str,
    expires_on: date,
    signature: Signature | None = None,
    clock: Clock = database_clock,
) -> Waiver:
    """Let a gate through without approval, until a date. Shown as waived, never counted as approved.

    Raises:
        NotAllowed: no `waive_gate`, or the submitter or a contributor.
        Refused: a reason under 20 characters, an expiry that is not ahead, or no fresh signature at a gate that asks
            for one (`signature_required`).
    """
    locked, gate = lock_gate(gate_id, actor, clock)
    facts = facts_of(locked, gate)
    refusal = status.waive_refusal(facts, actor, product_permissions(actor, locked.release.product))
    if refusal is not None:
        raise NotAllowed(*refusal)
    require_running(locked)
    if gate.state not in status.WAIVABLE:
        raise Conflict("wrong_state", f"{gate.name} is {GateState(gate.state).label.lower()} and cannot be waived.")
    reason = require_text("reason", reason, "A reason", least=rules.WAIVER_REASON_LENGTH, most=rules.COMMENT_LENGTH)
    if not locked.today < expires_on <= latest_allowed_day(locked.today):
        raise Refused.for_field("expires_on", "date_in_past", "The waiver must expire after today, within ten years.")
    meaning = rules.waiver_meaning(gate.name, str(locked.release), expires_on)
    signed = require_signature(locked, gate, signature, meaning)
    waiver = Waiver.objects.create(
        gate=gate,
        waived_by=actor,
        printed_name=actor.full_name,
        printed_title=actor.title,
        waived_at=locked.at,
        reason=reason,
        meaning=signed.meaning,
        time_zone=signed.time_zone,
        expires_on=expires_on,
    )
    end_round(locked, gate, RoundState.WAIVED)
    locked.enter_gate(gate, GateState.WAIVED)
    gate.waiver_expires_on = expires_on
    said = {"reason": reason, "expires_on": expires_on} | signed.event_data
    pass_gate(locked, gate, EventKind.GATE_WAIVED, said, SettledHow.WAIVER)
    locked.finish()
    return waiver


def pass_gate(locked: LockedRelease, gate: Gate, kind: str, data: dict[str, Any], how: str) -> None:
    """What follows when a gate is approved or waived: its day, its slip settled, the next gate opened."""
    gate.decided_at = locked.at
    gate.decided_on = locked.today
    locked.touch(gate)
    locked.record(kind, gate=gate, data=data)
    settle_slip(locked, gate, how=how, by=locked.actor)
    open_next_gate(locked, gate)


def _expire_one(gate_id: int, as_of: date, clock: Clock) -> bool:
    with transaction.atomic():
        locked, gate = lock_gate(gate_id, None, clock)
        if gate.is_waiver_expired or gate.waiver_expires_on is None or gate.waiver_expires_on >= as_of:
            return False
        gate.is_waiver_expired = True
        locked.touch(gate)
        Waiver.objects.filter(gate=gate, kind="gate").update(expired_at=locked.at)
        locked.record(EventKind.WAIVER_EXPIRED, gate=gate, data={"expires_on": gate.waiver_expires_on})
        locked.finish()
        return True


def expire_waivers(today: date, *, clock: Clock = database_clock) -> int:
    """The sweep's second part: waivers whose day has ended become open debts. Returns how many."""
    due = Gate.objects.filter(
        state=GateState.WAIVED, is_waiver_expired=False, waiver_expires_on__lt=today, release__kind="gates"
    ).exclude(release__state="cancelled")
    return sum(_expire_one(gate_id, today, clock) for gate_id in list(due.values_list("pk", flat=True)))
