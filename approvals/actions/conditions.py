"""What the schedule does about conditions whose day has passed."""

from datetime import date

from django.db import transaction

from approvals.actions.rounds import lock_gate
from approvals.models import Condition
from gatekeeper.common.clock import Clock, database_clock
from releases.kinds import EventKind, ReleaseState

# On hold nobody is nagged; a cancelled release wants nothing any more.
NAGGED = (ReleaseState.ACTIVE, ReleaseState.RELEASED, ReleaseState.CLOSED)


def _mark_one(condition_id: int, as_of: date, clock: Clock) -> bool:
    with transaction.atomic():
        gate_id = Condition.objects.values_list("gate_id", flat=True).get(pk=condition_id)
        locked, gate = lock_gate(gate_id, None, clock)
        condition = Condition.objects.get(pk=condition_id)
        if condition.closed_at is not None or condition.overdue_at is not None or condition.due_on >= as_of:
            return False
        if locked.release.state not in NAGGED:
            return False
        condition.overdue_at = locked.at
        condition.save(update_fields=["overdue_at"])
        locked.record(
            EventKind.CONDITION_OVERDUE,
            gate=gate,
            data={
                "condition": condition.pk,
                "text": condition.text,
                "owner": condition.owner_id,
                "due_on": condition.due_on,
            },
        )
        locked.finish()
        return True


def mark_overdue_conditions(today: date, *, clock: Clock = database_clock) -> int:
    """Part of the sweep: open conditions whose day has ended are told of, once. Returns how many."""
    due = Condition.objects.filter(
        closed_at__isnull=True, overdue_at__isnull=True, due_on__lt=today, gate__release__state__in=NAGGED
    )
    return sum(_mark_one(pk, today, clock) for pk in list(due.order_by().values_list("pk", flat=True)))
