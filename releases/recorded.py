"""From what was loaded of a recorded release to its gates, ledger and slips.

What the files say is kept as facts in the release's own event stream (`releases.release.imported`). Gates, the ledger
of moves and the slips are worked out from all facts each time (`releases.history.replay`), so that files may be loaded
in any order and any number of times.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.db.models import F

from releases import history
from releases.kinds import Cause, EventKind, GateState, MoveKind
from releases.locking import LockedRelease
from releases.models import DateMove, Event, Gate, Release, Slip

GATE_FIELDS = ("name", "short_name", "position", "baseline_due_on", "due_on", "decided_on", "state")
OUT_OF_THE_WAY = 1_000_000  # added to positions while they are exchanged; above every position of a file


@dataclass(frozen=True)
class Milestone:
    """What the releases file says of one milestone."""

    key: str
    name: str
    position: int
    baseline_on: date | None
    current_on: date | None
    actual_on: date | None
    source: str

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> "Milestone":
        """From an event's data."""
        days = {name: _day(data[name]) for name in ("baseline_on", "current_on", "actual_on")}
        return cls(data["key"], data["name"], data["position"], source=data["source"], **days)


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


@dataclass
class Facts:
    """All that was ever loaded of one release; a later file's word replaces an earlier one's."""

    milestones: dict[str, Milestone] = field(default_factory=dict)
    # By milestone key and what changed, in the order in which they were loaded.
    changes: dict[tuple[str, date, date | None, date | None], history.Change] = field(default_factory=dict)
    known_on: date | None = None

    @classmethod
    def of(cls, release: Release) -> "Facts":
        """Read them from the release's stream."""
        facts = cls()
        loads = Event.objects.filter(release=release, kind=EventKind.RELEASE_IMPORTED).order_by("number")
        for event in loads:
            facts.known_on = facts.known_on or event.effective_on
            data = event.payload
            for row in data.get("milestones", ()):
                facts.milestones[row["key"]] = Milestone.from_data(row)
            for key, on, old_on, new_on, reason, source, is_found in data.get("changes", ()):
                changed_on = date.fromisoformat(on)
                facts.add(key, history.Change(changed_on, _day(old_on), _day(new_on), reason, source, is_found))
        return facts

    def add(self, key: str, change: history.Change) -> bool:
        """Take a change; False when it is known already."""
        identity = (key, change.changed_on, change.old_on, change.new_on)
        if change.is_found:
            # Found again, so the plan went back and forth on one day; the last one holds.
            self.changes.pop(identity, None)
        is_new = self.changes.get(identity) != change
        self.changes[identity] = change
        return is_new

    def changes_of(self, key: str) -> Iterator[history.Change]:
        """The changes of one milestone."""
        return (change for identity, change in self.changes.items() if identity[0] == key)


def change_data(key: str, change: history.Change) -> list[Any]:
    """A change as an event keeps it."""
    return [key, change.changed_on, change.old_on, change.new_on, change.reason, change.source, change.is_found]


def bring_up_to_date(
    locked: LockedRelease, facts: Facts, data: dict[str, Any] | None
) -> tuple[bool, dict[str, history.Replay]]:
    """Make gates, ledger and slips what the facts say.

    Args:
        data: of the event that keeps the new facts; None when there are none.

    Returns:
        Whether anything was written, and what happened to each milestone.
    """
    replays = {
        key: history.replay(
            baseline_on=milestone.baseline_on,
            current_on=milestone.current_on,
            actual_on=milestone.actual_on,
            changes=facts.changes_of(key),
            known_on=facts.known_on or locked.today,
        )
        for key, milestone in facts.milestones.items()
    }
    has_changed_gates, recorded = _write_gates(locked, facts, replays)
    slips = _compare_slips(locked, replays)
    moves = _compare_moves(locked, replays, slips.all)
    if data is None:
        if not (has_changed_gates or slips.new or slips.mended or slips.surplus or moves.new or moves.surplus):
            return False, replays
        data = {"what": "recomputed"}
    if moves.surplus:
        data["superseded"] = sorted(move.event_number for move in moves.surplus)
        DateMove.objects.filter(pk__in=[move.pk for move in moves.surplus]).delete()
    if slips.surplus:
        data["withdrawn"] = sorted([slip.gate.key, slip.due_on] for slip in slips.surplus)
        Slip.objects.filter(pk__in=[slip.pk for slip in slips.surplus]).delete()
    Slip.objects.bulk_create([slip for slip, _miss in slips.new])
    Slip.objects.bulk_update([slip for slip, _miss in slips.mended], ["days", "settled_on", "settled_how", "note"])
    locked.record(EventKind.RELEASE_IMPORTED, data=data)
    for one in sorted([*recorded, *slips.told(), *moves.told()], key=lambda one: (one.on, one.rank)):
        event = locked.record(one.kind, gate=one.gate, data=one.data, effective_on=one.on)
        if one.row is not None:
            one.row.event_number = event.number
    DateMove.objects.bulk_create(moves.linked())
    _write_release(locked, facts)
    return True, replays


@dataclass(frozen=True)
class _Told:
    """An event that is about to be written, with its place in time; `rank` orders what happened on one day."""

    on: date
    rank: int
    kind: str
    gate: Gate
    data: Mapping[str, Any]
    row: DateMove | None = None


def _write_gates(
    locked: LockedRelease, facts: Facts, replays: Mapping[str, history.Replay]
) -> tuple[bool, list[_Told]]:
    """Write the milestones that differ; whether one did, and the actual dates that are new."""
    release = locked.release
    stored = {gate.key: gate for gate in locked.gates}
    new: list[Gate] = []
    told: list[_Told] = []
    has_changed, has_moved_place = False, False
    for key, milestone in facts.milestones.items():
        values: dict[str, Any] = {
            "name": milestone.name,
            "short_name": history.label_of(milestone.name, release.version)[:40],
            "position": milestone.position,
            "baseline_due_on": milestone.baseline_on,
            "due_on": replays[key].due_on,
            "decided_on": milestone.actual_on,
            "state": GateState.RECORDED if milestone.actual_on else GateState.NOT_RECORDED,
        }
        gate = stored.get(key)
        was = gate.decided_on if gate is not None else None
        if gate is None:
            gate = Gate(release=release, key=key, **values)
            new.append(gate)
        elif any(getattr(gate, name) != value for name, value in values.items()):
            has_changed = True
            has_moved_place |= gate.position != milestone.position
            for name, value in values.items():
                setattr(gate, name, value)
        if milestone.actual_on != was:
            data = {"actual_on": milestone.actual_on, "due_on": gate.due_on, "source": milestone.source}
            if was is not None:
                data["was"] = was
            told.append(_Told(milestone.actual_on or locked.today, 2, EventKind.GATE_RECORDED, gate, data))
    if has_moved_place:
        Gate.objects.filter(release=release).update(position=F("position") + OUT_OF_THE_WAY)
    if has_changed:
        Gate.objects.bulk_update(stored.values(), GATE_FIELDS)
    Gate.objects.bulk_create(new)
    locked.gates = sorted([*stored.values(), *new], key=lambda gate: gate.position)
    return has_changed or bool(new), told


@dataclass
class _Slips:
    """The slips of a release against those on record."""

    all: dict[tuple[str, date], Slip] = field(default_factory=dict)
    new: list[tuple[Slip, history.Miss]] = field(default_factory=list)
    mended: list[tuple[Slip, history.Miss]] = field(default_factory=list)
    surplus: list[Slip] = field(default_factory=list)

    def told(self) -> Iterator[_Told]:
        """What the log has to tell of them, once they have their ids."""
        for slip, miss in self.new:
            missed = {"due_on": miss.due_on, "cause": slip.cause, "waiting_on": [], "slip": slip.pk}
            yield _Told(miss.missed_on, 0, EventKind.GATE_MISSED, slip.gate, missed)
        for slip, miss in (*self.new, *self.mended):
            settled = {"slip": slip.pk, "due_on": miss.due_on, "days": miss.days, "how": miss.how}
            yield _Told(miss.settled_on, 3, EventKind.SLIP_SETTLED, slip.gate, settled)


def _compare_slips(locked: LockedRelease, replays: Mapping[str, history.Replay]) -> _Slips:
    found = _Slips()
    stored = {
        (slip.gate.key, slip.due_on): slip
        for slip in Slip.objects.filter(release=locked.release).select_related("gate")
    }
    gates = {gate.key: gate for gate in locked.gates}
    for key, replay in replays.items():
        for miss in replay.misses:
            slip = stored.pop((key, miss.due_on), None)
            if slip is None:
                slip = Slip(
                    release=locked.release,
                    gate=gates[key],
                    due_on=miss.due_on,
                    detected_at=locked.at,
                    settled_at=locked.at,
                    cause=Cause.RECORDED,
                )
                found.new.append((slip, miss))
            elif (slip.days, slip.settled_on, slip.settled_how, slip.note) != (
                miss.days, miss.settled_on, miss.how, miss.note,
            ):  # fmt: skip
                found.mended.append((slip, miss))
            slip.days, slip.settled_on, slip.settled_how, slip.note = miss.days, miss.settled_on, miss.how, miss.note
            found.all[key, miss.due_on] = slip
    found.surplus = list(stored.values())
    return found


@dataclass
class _Moves:
    """The ledger of a release against the one on record: new rows, each with its move, gate and the slip it settles,
    and surplus ones."""

    new: list[tuple[DateMove, history.Move, Gate, Slip | None]] = field(default_factory=list)
    surplus: list[DateMove] = field(default_factory=list)

    def told(self) -> Iterator[_Told]:
        """What the log has to tell of the new rows."""
        for row, move, gate, _slip in self.new:
            data = {
                "from": move.from_on,
                "to": move.to_on,
                "why": row.kind,
                "reason": move.reason,
                "is_cascade": False,
                "is_day_known": move.is_day_known,
                "source": move.source,
            }
            yield _Told(move.on, 1, EventKind.GATE_DUE_CHANGED, gate, data, row)

    def linked(self) -> list[DateMove]:
        """The new rows, each with the slip it settles, once that has its id."""
        for row, _move, _gate, slip in self.new:
            row.slip = slip
        return [row for row, _move, _gate, _slip in self.new]


def _compare_moves(
    locked: LockedRelease, replays: Mapping[str, history.Replay], slips: Mapping[tuple[str, date], Slip]
) -> _Moves:
    found = _Moves()
    keys: dict[int | None, str] = {gate.pk: gate.key for gate in locked.gates}
    stored: dict[tuple[Any, ...], list[DateMove]] = {}
    rows = DateMove.objects.filter(release=locked.release, gate__isnull=False).select_related("slip").order_by("pk")
    for row in rows:
        settles = row.slip.due_on if row.slip else None
        identity = (keys[row.gate_id], row.effective_on, row.from_on, row.to_on, row.reason, row.source, settles)
        stored.setdefault(identity, []).append(row)
    gates = {gate.key: gate for gate in locked.gates}
    for key, replay in replays.items():
        for move in replay.moves:
            identity = (key, move.on, move.from_on, move.to_on, move.reason, move.source, move.settles)
            if stored.get(identity):
                stored[identity].pop()
                continue
            row = DateMove(
                release=locked.release,
                gate=gates[key],
                kind=MoveKind.RECORDED,
                from_on=move.from_on,
                to_on=move.to_on,
                reason=move.reason,
                source=move.source,
                recorded_at=locked.at,
                effective_on=move.on,
            )
            found.new.append((row, move, gates[key], slips[key, move.settles] if move.settles else None))
    found.surplus = [row for rest in stored.values() for row in rest]
    return found


def _write_release(locked: LockedRelease, facts: Facts) -> None:
    """The release's own dates are those of the milestone that is the release."""
    release = locked.release
    ordered = sorted(facts.milestones.values(), key=lambda milestone: milestone.position)
    index, _fits = history.find_release_milestone((milestone.name, milestone.key) for milestone in ordered)
    gate = locked.gate(ordered[index].key) if index is not None else None
    release.baseline_on = gate.baseline_due_on if gate else None
    release.target_on = gate.due_on if gate else None
    release.released_on = gate.decided_on if gate else None
    locked.slip_counts = dict(Counter(Slip.objects.filter(release=release).values_list("gate_id", flat=True)))
    locked.finish()
