"""Excuse one deliverable or one blocking check until a day, and let such exceptions end."""

from datetime import date

from django.db import transaction

from approvals import rules, status
from approvals.actions.rounds import facts_of, lock_gate
from approvals.kinds import WaiverKind
from approvals.models import Waiver
from gatekeeper.accounts.models import User
from gatekeeper.common.calendars import latest_allowed_day
from gatekeeper.common.clock import Clock, database_clock
from gatekeeper.common.errors import Conflict, NotAllowed, Refused
from releases.actions.releases import require_text
from releases.kinds import EventKind, GateState, ReleaseState
from releases.locking import LockedRelease
from releases.models import Gate
from releases.permissions import product_permissions

EXCUSED = (WaiverKind.DELIVERABLE, WaiverKind.CHECK)


@transaction.atomic
def grant_exception(
    *,
    gate_id: int,
    kind: str,
    subject: str,
    actor: User,
    reason: str,
    expires_on: date,
    clock: Clock = database_clock,
) -> Waiver:
    """Let a gate be submitted without one required deliverable, or in spite of one blocking check, until a day.

    Args:
        kind: `deliverable` or `check`; `subject` is the key of the one or the name of the other.

    Raises:
        NotAllowed: no `waive_gate`, or the submitter or a contributor.
        Conflict: the gate is in review or passed, or the exception is there already.
        Refused: nothing to excuse, a reason under 20 characters, or an expiry that is not ahead.
    """
    locked, gate = lock_gate(gate_id, actor, clock)
    facts = facts_of(locked, gate)
    refusal = status.waive_refusal(facts, actor, product_permissions(actor, locked.release.product))
    if refusal is not None:
        raise NotAllowed(refusal[0], refusal[1].replace("waive it", "grant exceptions"))
    locked.require_state(ReleaseState.ACTIVE, ReleaseState.RELEASED)
    if gate.state not in status.EDITABLE:
        words = GateState(gate.state).label.lower()
        raise Conflict("wrong_state", f"{gate.name} is {words}: an exception would change nothing.")
    if kind not in EXCUSED:
        raise Refused.for_field("kind", "unknown_kind", "An exception is for a deliverable or for a check.")
    if subject in facts.excused(kind):
        raise Conflict("already_excused", "There is an exception for this already.")
    name = next((name for k, s, name in facts.excusable if (k, s) == (kind, subject)), None)
    if name is None:
        raise Refused.for_field(
            "subject", "nothing_to_excuse", "Only a required deliverable that is empty or a blocking check that does "
            "not pass can be excused.",
        )  # fmt: skip
    reason = require_text("reason", reason, "A reason", least=rules.WAIVER_REASON_LENGTH, most=rules.COMMENT_LENGTH)
    if not locked.today < expires_on <= latest_allowed_day(locked.today):
        raise Refused.for_field("expires_on", "date_in_past", "It must expire after today, within ten years.")
    for old in Waiver.objects.filter(gate=gate, kind=kind, subject=subject, expired_at__isnull=True):
        _end(locked, gate, old)  # its day has passed, and no sweep has come by since
    waiver = Waiver.objects.create(
        gate=gate,
        kind=kind,
        subject=subject,
        waived_by=actor,
        printed_name=actor.full_name,
        printed_title=actor.title,
        waived_at=locked.at,
        reason=reason,
        expires_on=expires_on,
    )
    locked.facts.pop(gate.pk, None)
    locked.record(
        EventKind.EXCEPTION_GRANTED,
        gate=gate,
        data={
            "exception": waiver.pk,
            "kind": kind,
            "subject": subject,
            "name": name,
            "reason": reason,
            "expires_on": expires_on,
        },
    )
    locked.finish()
    return waiver


def _end(locked: LockedRelease, gate: Gate, waiver: Waiver) -> None:
    waiver.expired_at = locked.at
    waiver.save(update_fields=["expired_at"])
    name = waiver.subject
    if waiver.kind == WaiverKind.DELIVERABLE:
        name = next((t.name for t in facts_of(locked, gate).deliverables if t.key == waiver.subject), waiver.subject)
    locked.facts.pop(gate.pk, None)
    locked.record(
        EventKind.EXCEPTION_EXPIRED,
        gate=gate,
        data={
            "exception": waiver.pk,
            "kind": waiver.kind,
            "subject": waiver.subject,
            "name": name,
            "expires_on": waiver.expires_on,
        },
    )


def _expire_one(waiver_id: int, as_of: date, clock: Clock) -> bool:
    with transaction.atomic():
        gate_id = Waiver.objects.values_list("gate_id", flat=True).get(pk=waiver_id)
        locked, gate = lock_gate(gate_id, None, clock)
        waiver = Waiver.objects.get(pk=waiver_id)
        if waiver.expired_at is not None or waiver.expires_on >= as_of:
            return False
        _end(locked, gate, waiver)
        locked.finish()
        return True


def expire_exceptions(today: date, *, clock: Clock = database_clock) -> int:
    """Part of the sweep: exceptions whose day has ended. Returns how many.

    Before the gate is passed they block again; after it they stay as a debt.
    """
    due = Waiver.objects.filter(kind__in=EXCUSED, expired_at__isnull=True, expires_on__lt=today).exclude(
        gate__release__state=ReleaseState.CANCELLED
    )
    return sum(_expire_one(waiver_id, today, clock) for waiver_id in list(due.order_by().values_list("pk", flat=True)))
