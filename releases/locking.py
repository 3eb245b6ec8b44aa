"""One lock: the release row, taken first by every verb on anything inside the release."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from gatekeeper.accounts.models import User
from gatekeeper.common.calendars import add_months, day_of
from gatekeeper.common.clock import Clock, database_clock
from gatekeeper.common.errors import Conflict
from gatekeeper.common.prepared import Prepared
from releases import events, ports, rules
from releases.kinds import EventKind, GateState, ReleaseState
from releases.models import DateMove, Event, Gate, Release, Slip

# Switched off only by race tests, to show the fault that the lock prevents.
IS_LOCKING = True


@dataclass
class LockedRelease:
    """A release under its lock, with its gates and the moment that was read under the lock.

    Verbs change `release` and `gates`, append events with `record`, and end with `finish`, which writes the summary.
    """

    release: Release
    gates: list[Gate]
    at: datetime
    actor: User | None
    today: date
    open_slips: list[Slip]
    slip_counts: dict[int, int]
    slip_keys: set[tuple[int, date]]
    changed: set[int] = field(default_factory=set)
    # What the apps above have loaded of each gate under this lock, by gate id.
    facts: dict[int, Any] = field(default_factory=dict)

    def record(
        self,
        kind: str,
        *,
        gate: Gate | None = None,
        data: Mapping[str, Any] | None = None,
        effective_on: date | None = None,
        actor: User | None = None,
        on_behalf_of: User | None = None,
    ) -> Event:
        """Append an event to the release's stream."""
        return events.record(
            self.release,
            kind,
            actor=actor or self.actor,
            at=self.at,
            effective_on=effective_on or self.today,
            gate=gate,
            data=data,
            on_behalf_of=on_behalf_of,
        )

    def gate(self, key: str) -> Gate | None:
        """A gate by its key."""
        return next((gate for gate in self.gates if gate.key == key), None)

    @property
    def current(self) -> Gate | None:
        """The gate that is worked on; None before activation, between readiness and release, and at the end."""
        index = rules.current_index([g.state for g in self.gates], [g.is_after_release for g in self.gates])
        return None if index is None or not self.gates else self.gates[index]

    def require_state(self, *states: str) -> None:
        """Refuse unless the release is in one of some states."""
        if self.release.state not in states:
            words = ReleaseState(self.release.state).label.lower()
            raise Conflict("release_not_active", f"{self.release} is {words}; this is not possible now.")

    def enter(self, state: str) -> None:
        """Change the release's state, if the table allows it."""
        if state not in rules.RELEASE_TRANSITIONS[self.release.state]:
            old, new = ReleaseState(self.release.state).label.lower(), ReleaseState(state).label.lower()
            raise Conflict("wrong_state", f"{self.release} is {old} and cannot become {new}.")
        self.release.state = state

    def enter_gate(self, gate: Gate, state: str) -> None:
        """Change a gate's state, if the table allows it, and start the next party's turn."""
        if state not in rules.GATE_TRANSITIONS.get(gate.state, frozenset()):
            old, new = GateState(gate.state).label.lower(), GateState(state).label.lower()
            raise Conflict("wrong_state", f"{gate.name} is {old} and cannot become {new}.")
        gate.state = state
        gate.turn_since = self.at
        self.touch(gate)

    def touch(self, gate: Gate) -> None:
        """Remember that a gate has to be saved."""
        self.changed.add(gate.pk)

    def open_gate(self, gate: Gate) -> None:
        """Open a gate: it is the product manager's turn."""
        self.enter_gate(gate, GateState.OPEN)
        gate.opened_at = self.at
        self.record(EventKind.GATE_OPENED, gate=gate, data={"due_on": gate.due_on})

    def move(
        self,
        gate: Gate | None,
        to_on: date,
        *,
        kind: str,
        reason: str = "",
        slip: Slip | None = None,
        is_cascade: bool = False,
    ) -> None:
        """Move a gate's due date (or, without a gate, the target GA) and write its ledger row and event."""
        release = self.release
        from_on = gate.due_on if gate is not None else release.target_on
        if from_on == to_on:
            return
        if gate is not None:
            gate.due_on = to_on
            self.touch(gate)
        else:
            release.target_on = to_on
        event = self.record(
            EventKind.GATE_DUE_CHANGED,
            gate=gate,
            data={"from": from_on, "to": to_on, "why": kind, "reason": reason, "is_cascade": is_cascade},
        )
        DateMove.objects.create(
            release=release,
            gate=gate,
            kind=kind,
            slip=slip,
            from_on=from_on,
            to_on=to_on,
            reason=reason,
            is_cascade=is_cascade,
            actor=self.actor,
            recorded_at=self.at,
            effective_on=self.today,
            event_number=event.number,
        )

    def move_assessments(self, anchor: date, kind: str, reason: str = "") -> None:
        """Gates after GA follow it by their months."""
        for gate in self.gates:
            if gate.offset_months is not None and not gate.is_passed and not gate.is_pinned:
                self.move(gate, add_months(anchor, gate.offset_months), kind=kind, reason=reason, is_cascade=True)

    def finish(self) -> Release:
        """Write what changed, and the summary that everybody reads."""
        release = self.release
        refresh_sweep(self)
        for gate in self.gates:
            if gate.pk in self.changed:
                gate.save(
                    update_fields=[
                        "state", "due_on", "baseline_due_on", "is_pinned", "opened_at", "turn_since", "decided_at",
                        "decided_on", "round_number", "open_conditions", "waiver_expires_on", "is_waiver_expired",
                        "sweep_on",
                    ]
                )  # fmt: skip
        for name, value in summary(release, self.gates, self.slip_counts, self.open_slips).items():
            setattr(release, name, value)
        if release.state != ReleaseState.ACTIVE:
            release.p50_on = release.p85_on = None
        release.is_quorum_unreachable = release.is_running and ports.gates.is_quorum_unreachable(self, self.gates)
        release.revision += 1
        release.save()
        return release


def refresh_sweep(locked: LockedRelease) -> None:
    """`sweep_on` is the due date of the current, undecided gate of a running release that is not yet missed for it."""
    current = locked.current if locked.release.is_running else None
    for gate in locked.gates:
        due = gate.due_on
        wanted = (
            due
            if gate is current and gate.is_undecided and due is not None and (gate.pk, due) not in locked.slip_keys
            else None
        )
        if gate.sweep_on != wanted:
            gate.sweep_on = wanted
            locked.touch(gate)


def summary(
    release: Release, gates: list[Gate], slip_counts: Mapping[int, int], open_slips: list[Slip]
) -> dict[str, Any]:
    """The release's summary columns as a pure function of its gates and ledger."""
    missed = {slip.gate_id for slip in open_slips}
    index = rules.current_index([g.state for g in gates], [g.is_after_release for g in gates])
    current = gates[index] if gates and index is not None and not release.is_history else None
    board = [
        list(
            rules.BoardCell(
                key=gate.key,
                name=gate.short_name,
                position=gate.position,
                state=gate.state,
                due_on=gate.due_on.isoformat() if gate.due_on else None,
                baseline_due_on=gate.baseline_due_on.isoformat() if gate.baseline_due_on else None,
                decided_on=gate.decided_on.isoformat() if gate.decided_on else None,
                slips=slip_counts.get(gate.pk, 0),
                is_missed=gate.pk in missed,
                conditions=gate.open_conditions,
                is_waiver_expired=gate.is_waiver_expired,
            )
        )
        for gate in gates
    ]
    return {
        "board": board,
        "slip_days": (
            rules.slip_days_of(release.released_on or release.target_on, release.baseline_on, 0)
            if release.is_history
            else rules.slip_days_of(release.target_on, release.baseline_on, release.held_days)
        ),
        "current_gate": current.key if current else "",
        "current_state": current.state if current else "",
        "next_due_on": current.due_on if current else None,
        "open_slips": len(open_slips),
    }


def _release(release: int, *, is_locking: bool, skip_locked: bool) -> QuerySet[Release]:
    query = Release.objects.filter(pk=release).select_related("product", "playbook")
    if is_locking:
        query = query.select_for_update(no_key=True, skip_locked=skip_locked, of=("self",))
    return query


RELEASE = Prepared(_release)
GATES = Prepared(lambda release: Gate.objects.filter(release=release).order_by("position"))
SLIPS = Prepared(lambda release: Slip.objects.filter(release=release))


def lock_release(
    release_id: int, *, actor: User | None, clock: Clock = database_clock, skip_locked: bool = False
) -> LockedRelease:
    """Lock a release and read the clock.

    Plain FOR UPDATE would block inserts of its children's foreign keys; NO KEY UPDATE does not. On SQLite the
    transaction is IMMEDIATE and holds the only write lock already.

    Raises:
        Release.DoesNotExist: no such release, or (with `skip_locked`) somebody else holds it.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("A release is locked inside a transaction.")
    release = RELEASE.first(release_id, is_locking=IS_LOCKING, skip_locked=skip_locked)
    if release is None:
        raise Release.DoesNotExist("There is no such release, or somebody holds it.")
    at = clock()
    slips = SLIPS.rows(release_id)
    counts: dict[int, int] = {}
    for slip in slips:
        counts[slip.gate_id] = counts.get(slip.gate_id, 0) + 1
    return LockedRelease(
        release=release,
        gates=GATES.rows(release_id),
        at=at,
        actor=actor,
        today=day_of(at),
        open_slips=[slip for slip in slips if slip.settled_at is None],
        slip_counts=counts,
        slip_keys={(slip.gate_id, slip.due_on) for slip in slips},
    )
