"""Misses and slips: "miss a gate, slip a release"."""

from datetime import date, timedelta

from django.db import transaction

from gatekeeper.accounts.models import User
from gatekeeper.common.calendars import has_passed
from gatekeeper.common.clock import Clock, database_clock
from releases import ports
from releases.events import is_postgresql
from releases.kinds import EventKind, MoveKind, ReleaseState, SettledHow
from releases.locking import LockedRelease, lock_release
from releases.models import Gate, Hold, Release, Slip

CHUNK = 200


def record_misses(locked: LockedRelease, as_of: date | None = None) -> Slip | None:
    """Record the miss of the current gate if its due day has ended: exactly one slip per gate and due date.

    Called by the sweep and by every verb right after it has locked the release, so that no late approval, re-plan or
    hold can hide a miss. A missed assessment is recorded too, but cannot slip a release that is out. `as_of` is a
    past day for the sweep of that day; verbs take today.
    """
    release, gate = locked.release, locked.current
    if not release.is_running or gate is None or not gate.is_undecided or gate.due_on is None:
        return None
    if not has_passed(gate.due_on, as_of or locked.today) or (gate.pk, gate.due_on) in locked.slip_keys:
        return None
    cause = ports.gates.cause_of_miss(locked, gate)
    slip = Slip.objects.create(
        release=release,
        gate=gate,
        due_on=gate.due_on,
        detected_at=locked.at,
        cause=cause.cause,
        waiting_on=list(cause.waiting_on),
    )
    locked.open_slips.append(slip)
    locked.slip_counts[gate.pk] = locked.slip_counts.get(gate.pk, 0) + 1
    locked.slip_keys.add((gate.pk, gate.due_on))
    since = gate.due_on + timedelta(days=1)
    facts = {"due_on": gate.due_on, "cause": slip.cause, "waiting_on": slip.waiting_on, "slip": slip.pk}
    # The sweep has no actor: a miss is nobody's deed.
    actor, locked.actor = locked.actor, None
    locked.record(EventKind.GATE_MISSED, gate=gate, data=facts, effective_on=since)
    if release.state == ReleaseState.ACTIVE:
        locked.record(EventKind.RELEASE_SLIPPED, gate=gate, data=facts, effective_on=since)
    locked.actor = actor
    return slip


def days_on_hold(release: Release, after: date, until: date) -> int:
    """Calendar days on hold after one day and up to another."""
    return sum(hold.days_within(after, until) for hold in Hold.objects.filter(release=release))


def settle_slip(
    locked: LockedRelease, gate: Gate, *, how: str, by: User | None, note: str = "", new_due_on: date | None = None
) -> None:
    """Settle the open slip of a gate, if it has one, and move every later date by its days.

    Late approval or waiver: days = decided on − due, less days on hold. Re-plan: days = new due − old due; there the
    re-plan itself has moved the dates (its cascade is the same rule), so only the days are written.
    """
    for slip in [s for s in locked.open_slips if s.gate_id == gate.pk]:
        release = locked.release
        if how == SettledHow.REPLAN:
            assert new_due_on is not None
            days = (new_due_on - slip.due_on).days
        else:
            days = max(0, (locked.today - slip.due_on).days - days_on_hold(release, slip.due_on, locked.today))
        slip.days = days
        slip.settled_at = locked.at
        slip.settled_on = locked.today
        slip.settled_by = by
        slip.settled_how = how
        slip.note = note
        slip.save()
        locked.open_slips.remove(slip)
        locked.record(
            EventKind.SLIP_SETTLED,
            gate=gate,
            data={"slip": slip.pk, "due_on": slip.due_on, "days": days, "how": how},
        )
        if how != SettledHow.REPLAN and days and release.state == ReleaseState.ACTIVE:
            move_later_dates(locked, gate, days, kind=MoveKind.SLIP, slip=slip)


def move_later_dates(
    locked: LockedRelease, gate: Gate, days: int, *, kind: str, slip: Slip | None = None, reason: str = ""
) -> None:
    """The slip rule: later gates before GA that are not pinned, the target GA, and the assessment after it."""
    shift = timedelta(days=days)
    for later in locked.gates:
        if later.position <= gate.position or later.is_after_release or later.is_passed or later.is_pinned:
            continue
        assert later.due_on is not None
        locked.move(later, later.due_on + shift, kind=kind, slip=slip, reason=reason, is_cascade=True)
    assert locked.release.target_on is not None
    locked.move(None, locked.release.target_on + shift, kind=kind, slip=slip, reason=reason, is_cascade=True)
    locked.move_assessments(locked.release.target_on, kind, reason)


def sweep_release(release_id: int, as_of: date, clock: Clock, skip_locked: bool) -> int | None:
    """Record the miss of one release; None when somebody else holds it."""
    with transaction.atomic():
        try:
            locked = lock_release(release_id, actor=None, clock=clock, skip_locked=skip_locked)
        except Release.DoesNotExist:
            return None
        if record_misses(locked, as_of) is None:
            return 0
        locked.finish()
        return 1


def record_all_misses(today: date, *, clock: Clock = database_clock) -> int:
    """The sweep's first part: the misses of all running releases whose current gate's due day has ended.

    Takes releases in chunks, skipping those somebody else holds, then waits for the few it skipped. Returns how many
    misses it recorded; however many sweeps run at once, each miss is recorded once.
    """
    count, after = 0, 0
    skipped: list[int] = []
    while True:
        chunk = list(
            Gate.objects.filter(sweep_on__lt=today, release_id__gt=after)
            .order_by("release_id")
            .values_list("release_id", flat=True)[:CHUNK]
        )
        if not chunk:
            break
        after = chunk[-1]
        for release_id in chunk:
            found = sweep_release(release_id, today, clock, skip_locked=is_postgresql())
            if found is None:
                skipped.append(release_id)
            else:
                count += found
    return count + sum(sweep_release(release_id, today, clock, skip_locked=False) or 0 for release_id in skipped)
