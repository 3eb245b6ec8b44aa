"""Recorded history: schedules that happened elsewhere, loaded from files.

What the files say is kept as facts in the release's own event stream (`releases.release.imported`). Gates, the ledger
of moves and the slips are worked out from all facts each time (`releases.history.replay`), so that files may be loaded
in any order and any number of times.
"""

import difflib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.utils.text import slugify

from gatekeeper.common.clock import Clock, database_clock, fixed_clock
from releases import events, history
from releases.actions.products import create_product, load_playbook, save_product_line
from releases.importing import ChangeRow, MilestoneRow, Problems, Table
from releases.kinds import Cause, EventKind, GateState, MoveKind, PlaybookKind, ReleaseState
from releases.locking import LockedRelease, lock_release
from releases.models import DateMove, Event, Gate, Playbook, Product, ProductLine, Release, Slip
from releases.playbooks import GateSpec, PlaybookSpec

LINE = "Recorded history"
OUT_OF_THE_WAY = 1_000_000  # added to positions while they are exchanged; above every position of a file

# Told after each release: how many are done, of how many, and which.
Progress = Callable[[int, int, str], None]


@dataclass
class Outcome:
    """What an import did."""

    made: int = 0
    changed: int = 0
    unchanged: int = 0
    rows: int = 0
    moves: int = 0
    misses: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def releases(self) -> int:
        return self.made + self.changed + self.unchanged

    def count(self, is_new: bool, has_changed: bool) -> None:
        """Count one release."""
        if is_new:
            self.made += 1
        elif has_changed:
            self.changed += 1
        else:
            self.unchanged += 1


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
        is_new = self.changes.get(identity) != change
        self.changes[identity] = change
        return is_new

    def changes_of(self, key: str) -> Iterator[history.Change]:
        """The changes of one milestone."""
        return (change for identity, change in self.changes.items() if identity[0] == key)


def _change_data(key: str, change: history.Change) -> list[Any]:
    return [key, change.changed_on, change.old_on, change.new_on, change.reason, change.source, change.is_found]


# --- Releases -------------------------------------------------------------------------------------------------------


@transaction.atomic
def import_releases(
    *,
    table: Table[MilestoneRow],
    is_dry_run: bool = False,
    progress: Progress | None = None,
    clock: Clock = database_clock,
) -> Outcome:
    """Load recorded releases; all of a file or nothing. Loading the same file again changes nothing.

    A file that has changed since brings its releases up to date: actual dates are recorded, and a planned date that
    changed while the milestone was open is a move on the day it was found. What a file no longer names stays.

    Raises:
        Refused: a version is taken by a running release, or milestones cannot be told apart; every one by line.
    """
    # One import at a time: both would make the same product and the same playbook.
    events.lock_organisation()
    at = clock()
    outcome = Outcome(rows=table.row_count)
    total = table.release_count
    _check_releases(table, outcome)
    for name in table.products():
        product = Product.objects.filter(name=name).first() or _make_product(name, at)
        playbook = _playbook_for(product, table, at)
        for rows in table.releases(name):
            _import_release(product, playbook, rows, at, outcome)
            if progress is not None:
                progress(outcome.releases, total, f"{name} {rows[0].release}")
    if is_dry_run:
        transaction.set_rollback(True)
    return outcome


def _check_releases(table: Table[MilestoneRow], outcome: Outcome) -> None:
    problems = Problems()
    for rows in table.releases():
        first = rows[0]
        release = Release.objects.filter(product__name=first.product, version=first.release).first()
        if release is not None and not release.is_history:
            problems.add(
                first.line,
                f"{first.product} {first.release} is a release of gatekeeper's own and cannot be recorded history",
                "version_taken",
            )
            continue
        lines = {row.milestone: row.line for row in rows}
        keys = _keys(release, rows)
        for one, other in keys.clashing:
            problems.add(
                max(lines[one], lines[other]),
                f"{one} and {other} of {first.product} {first.release} cannot be told apart: "
                f"both would have the key {keys.by_name[other]}",
                "key_clash",
            )
        if keys.told_apart and not keys.clashing:
            names = ", ".join(f"{name} (line {lines[name]})" for name in keys.told_apart)
            outcome.notes.append(f"{first.product} {first.release}: keys with the version number for {names}")
        ordered = sorted(rows, key=lambda row: row.position)
        index, fits = history.find_release_milestone((row.milestone, keys.by_name[row.milestone]) for row in ordered)
        if index is not None and fits > 1:
            what = f"{fits} milestones could be the release; taken: {ordered[index].milestone}"
            outcome.notes.append(f"line {ordered[index].line}: {first.product} {first.release}: {what}")
    problems.refuse()


def _keys(release: Release | None, rows: Sequence[MilestoneRow]) -> history.Keys:
    names = [row.milestone for row in rows]
    taken = {} if release is None else dict(release.gates.filter(name__in=names).values_list("name", "key"))
    return history.keys_of(names, rows[0].release, taken)


def _make_product(name: str, at: datetime) -> Product:
    line = ProductLine.objects.filter(Q(name=LINE) | Q(slug=slugify(LINE))).first() or save_product_line(
        name=LINE,
        description="Products whose schedules happened elsewhere and were loaded from files.",
        actor=None,
        clock=fixed_clock(at),
    )
    base = slugify(name)[:60].strip("-_").replace("_", "-") or "product"
    slug, count = base, 1
    while Product.objects.filter(slug=slug).exists():
        count += 1
        slug = f"{base[:60]}-{count}"
    return create_product(name=name, slug=slug, line=line, owner=None, actor=None, clock=fixed_clock(at))


def _playbook_for(product: Product, table: Table[MilestoneRow], at: datetime) -> Playbook:
    """The product's playbook of milestones; a new version when the file brings a milestone that it does not have."""
    slug = f"{product.slug[:50]}-milestones"
    newest = Playbook.objects.filter(slug=slug).order_by("-version").first()
    count = 1
    while newest is not None and newest.kind != PlaybookKind.HISTORY:
        count += 1
        slug = f"{product.slug[:50]}-milestones-{count}"
        newest = Playbook.objects.filter(slug=slug).order_by("-version").first()
    known = [] if newest is None else [(gate["key"], gate["name"]) for gate in newest.definition["gates"]]
    order = history.merge_order(known, _sequences(product, table))
    if newest is not None and len(order) == len(known):
        return newest
    spec = PlaybookSpec(
        slug=slug,
        name=f"{product.name} milestones",
        kind=PlaybookKind.HISTORY.value,
        description=f"The milestones of {product.name}, made from its recorded releases.",
        gates=tuple(GateSpec(key, label, label[:40], None, None) for key, label in order),
    )
    return load_playbook(spec=spec, actor=None, clock=fixed_clock(at))[0]


def _sequences(product: Product, table: Table[MilestoneRow]) -> Iterator[list[tuple[str, str]]]:
    for rows in table.releases(product.name):
        release = Release.objects.filter(product=product, version=rows[0].release).first()
        keys = _keys(release, rows).by_name
        ordered = sorted(rows, key=lambda row: row.position)
        yield [(keys[row.milestone], history.label_of(row.milestone, row.release)) for row in ordered]


def _import_release(
    product: Product, playbook: Playbook, rows: Sequence[MilestoneRow], at: datetime, outcome: Outcome
) -> None:
    version = rows[0].release
    release = Release.objects.filter(product=product, version=version).first()
    keys = _keys(release, rows).by_name
    is_new = release is None
    if release is None:
        release = Release.objects.create(
            product=product,
            version=version,
            playbook=playbook,
            kind=PlaybookKind.HISTORY,
            state=ReleaseState.RECORDED,
            target_on=None,
            created_at=at,
        )
    locked = lock_release(release.pk, actor=None, clock=fixed_clock(at))
    facts = Facts.of(release)
    before = dict(facts.milestones)
    found: list[list[Any]] = []
    for row in rows:
        milestone = Milestone(
            keys[row.milestone], row.milestone, row.position, row.baseline_on, row.current_on, row.actual_on, row.source
        )
        change = _found_change(locked, before.get(milestone.key), milestone)
        if change is not None and facts.add(milestone.key, change):
            found.append(_change_data(milestone.key, change))
        facts.milestones[milestone.key] = milestone
    kept = [before[key] for key in before if key not in set(keys.values())]
    if kept:
        names = ", ".join(milestone.name for milestone in kept)
        outcome.notes.append(f"{product.name} {version}: not in this file, kept as recorded: {names}")
    places = {row.position for row in rows}
    for milestone in sorted(kept, key=lambda milestone: milestone.position):
        if milestone.position in places:
            facts.milestones[milestone.key] = replace(milestone, position=max(places) + 1)
        places.add(facts.milestones[milestone.key].position)
    new = [asdict(milestone) for key, milestone in facts.milestones.items() if before.get(key) != milestone]
    data: dict[str, Any] | None = None
    if is_new or new or found:
        covered = {gate["key"] for gate in locked.release.playbook.definition["gates"]}
        if not covered.issuperset(facts.milestones):
            locked.release.playbook = playbook
        used = locked.release.playbook
        data = {"what": "milestones", "playbook": used.slug, "playbook_version": used.version, "milestones": new}
        if found:
            data["changes"] = found
    has_changed = _bring_up_to_date(locked, facts, data, outcome)
    outcome.count(is_new, has_changed)


def _found_change(locked: LockedRelease, before: Milestone | None, now: Milestone) -> history.Change | None:
    """A planned date that is another one than in the file before, while the milestone is open: a move of today.

    Of a milestone that has happened it is a correction of the record instead.
    """
    if before is None or before.actual_on is not None or now.current_on == before.current_on:
        return None
    if now.actual_on is not None and now.actual_on <= locked.today:
        return None
    gate = locked.gate(now.key)
    if gate is None or gate.due_on == now.current_on:
        return None
    return history.Change(locked.today, gate.due_on, now.current_on, history.FOUND, now.source, is_found=True)


# --- Schedule changes -----------------------------------------------------------------------------------------------


@transaction.atomic
def import_schedule_changes(
    *,
    table: Table[ChangeRow],
    is_dry_run: bool = False,
    progress: Progress | None = None,
    clock: Clock = database_clock,
) -> Outcome:
    """Load past changes of planned dates of recorded releases; all of a file or nothing.

    Every change is kept. One that contradicts what else is known is named in the outcome's notes, by line.

    Raises:
        Refused: a release or a milestone is not recorded; every one by line.
    """
    events.lock_organisation()
    at = clock()
    outcome = Outcome(rows=table.row_count)
    total = table.release_count
    _check_changes(table)
    for rows in table.releases():
        _import_changes(rows, at, outcome)
        if progress is not None:
            progress(outcome.releases, total, f"{rows[0].product} {rows[0].release}")
    if is_dry_run:
        transaction.set_rollback(True)
    return outcome


def _check_changes(table: Table[ChangeRow]) -> None:
    problems = Problems()
    for rows in table.releases():
        first = rows[0]
        what = f"{first.product} {first.release}"
        release = Release.objects.filter(product__name=first.product, version=first.release).first()
        if release is None or not release.is_history:
            why = "is not recorded; import its release first" if release is None else "is no recorded history"
            for row in rows:
                problems.add(row.line, f"{what} {why}", "unknown_release")
            continue
        names = list(release.gates.values_list("name", flat=True))
        for row in rows:
            if row.milestone not in names:
                close = difflib.get_close_matches(row.milestone, names, n=1)
                hint = f"; did you mean {close[0]}?" if close else ""
                problems.add(row.line, f"{what} has no milestone called {row.milestone}{hint}", "unknown_milestone")
    problems.refuse()


def _import_changes(rows: Sequence[ChangeRow], at: datetime, outcome: Outcome) -> None:
    release = Release.objects.get(product__name=rows[0].product, version=rows[0].release)
    locked = lock_release(release.pk, actor=None, clock=fixed_clock(at))
    facts = Facts.of(release)
    keys = {gate.name: gate.key for gate in locked.gates}
    new: list[list[Any]] = []
    for row in rows:
        change = history.Change(row.changed_on, row.old_on, row.new_on, row.reason, row.source, line=row.line)
        if facts.add(keys[row.milestone], change):
            new.append(_change_data(keys[row.milestone], change))
    data = {"what": "schedule_changes", "changes": new} if new else None
    outcome.count(is_new=False, has_changed=_bring_up_to_date(locked, facts, data, outcome))


# --- From facts to gates, ledger and slips --------------------------------------------------------------------------


@dataclass(frozen=True)
class _Told:
    """An event that is about to be written, with its place in time; `rank` orders what happened on one day."""

    on: date
    rank: int
    kind: str
    gate: Gate
    data: Mapping[str, Any]
    move: DateMove | None = None


def _bring_up_to_date(locked: LockedRelease, facts: Facts, data: dict[str, Any] | None, outcome: Outcome) -> bool:
    """Make gates, ledger and slips what the facts say.

    Args:
        data: of the event that keeps the new facts; None when there are none.

    Returns:
        Whether anything was written.
    """
    release = locked.release
    replays: dict[str, history.Replay] = {}
    for key, milestone in facts.milestones.items():
        replays[key] = history.replay(
            baseline_on=milestone.baseline_on,
            current_on=milestone.current_on,
            actual_on=milestone.actual_on,
            changes=facts.changes_of(key),
            known_on=facts.known_on or locked.today,
        )
        told_of = [d for d in replays[key].disagreements if d.line]
        outcome.notes.extend(f"line {d.line}: {release} {milestone.name}: {d.message}" for d in told_of)
    outcome.moves += sum(len(replay.moves) for replay in replays.values())
    outcome.misses += sum(len(replay.misses) for replay in replays.values())
    has_changed_gates, recorded = _write_gates(locked, facts, replays)
    slips = _compare_slips(locked, replays)
    moves = _compare_moves(locked, replays, slips.all)
    if data is None:
        if not (has_changed_gates or slips.new or slips.mended or slips.surplus or moves.new or moves.surplus):
            return False
        data = {"what": "recomputed"}
    if moves.surplus:
        data["superseded"] = sorted(move.event_number for move in moves.surplus)
        DateMove.objects.filter(pk__in=[move.pk for move in moves.surplus]).delete()
    if slips.surplus:
        data["withdrawn"] = sorted([slip.gate.key, slip.due_on] for slip in slips.surplus)
        Slip.objects.filter(pk__in=[slip.pk for slip in slips.surplus]).delete()
    Slip.objects.bulk_create(slips.new)
    Slip.objects.bulk_update(slips.mended, ["days", "settled_on", "settled_how", "note"])
    locked.record(EventKind.RELEASE_IMPORTED, data=data)
    for one in sorted([*recorded, *slips.told(), *moves.told()], key=lambda one: (one.on, one.rank)):
        event = locked.record(one.kind, gate=one.gate, data=one.data, effective_on=one.on)
        if one.move is not None:
            one.move.event_number = event.number
    DateMove.objects.bulk_create(moves.linked())
    _write_release(locked, facts)
    return True


GATE_FIELDS = ("name", "short_name", "position", "baseline_due_on", "due_on", "decided_on", "state")


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

    at: datetime
    all: dict[tuple[str, date], Slip] = field(default_factory=dict)
    new: list[Slip] = field(default_factory=list)
    mended: list[Slip] = field(default_factory=list)
    surplus: list[Slip] = field(default_factory=list)
    missed_on: dict[tuple[str, date], date] = field(default_factory=dict)

    def told(self) -> Iterator[_Told]:
        """What the log has to tell of them, once they have their ids."""
        for slip in self.new:
            data = {"due_on": slip.due_on, "cause": slip.cause, "waiting_on": [], "slip": slip.pk}
            missed_on = self.missed_on[slip.gate.key, slip.due_on]
            yield _Told(missed_on, 0, EventKind.GATE_MISSED, slip.gate, data)
        for slip in (*self.new, *self.mended):
            assert slip.settled_on is not None
            settled = {"slip": slip.pk, "due_on": slip.due_on, "days": slip.days, "how": slip.settled_how}
            yield _Told(slip.settled_on, 3, EventKind.SLIP_SETTLED, slip.gate, settled)


def _compare_slips(locked: LockedRelease, replays: Mapping[str, history.Replay]) -> _Slips:
    found = _Slips(locked.at)
    stored = {
        (slip.gate.key, slip.due_on): slip
        for slip in Slip.objects.filter(release=locked.release).select_related("gate")
    }
    gates = {gate.key: gate for gate in locked.gates}
    for key, replay in replays.items():
        for miss in replay.misses:
            identity = (key, miss.due_on)
            found.missed_on[identity] = miss.missed_on
            slip = stored.pop(identity, None)
            if slip is None:
                slip = Slip(
                    release=locked.release,
                    gate=gates[key],
                    due_on=miss.due_on,
                    detected_at=locked.at,
                    settled_at=locked.at,
                    cause=Cause.RECORDED,
                )
                found.new.append(slip)
            elif (slip.days, slip.settled_on, slip.settled_how, slip.note) != (
                miss.days, miss.settled_on, miss.how, miss.note,
            ):  # fmt: skip
                found.mended.append(slip)
            slip.days, slip.settled_on, slip.settled_how, slip.note = miss.days, miss.settled_on, miss.how, miss.note
            found.all[identity] = slip
    found.surplus = list(stored.values())
    return found


@dataclass
class _Moves:
    """The ledger of a release against the one on record: new rows with the slip each settles, and surplus ones."""

    new: list[tuple[DateMove, history.Move, Slip | None]] = field(default_factory=list)
    surplus: list[DateMove] = field(default_factory=list)

    def told(self) -> Iterator[_Told]:
        """What the log has to tell of the new rows."""
        for row, move, _slip in self.new:
            assert row.gate is not None
            data = {
                "from": move.from_on,
                "to": move.to_on,
                "why": row.kind,
                "reason": move.reason,
                "is_cascade": False,
                "is_day_known": move.is_day_known,
                "source": move.source,
            }
            yield _Told(move.on, 1, EventKind.GATE_DUE_CHANGED, row.gate, data, row)

    def linked(self) -> list[DateMove]:
        """The new rows, each with the slip it settles, once that has its id."""
        for row, _move, slip in self.new:
            row.slip = slip
        return [row for row, _move, _slip in self.new]


def _compare_moves(
    locked: LockedRelease, replays: Mapping[str, history.Replay], slips: Mapping[tuple[str, date], Slip]
) -> _Moves:
    found = _Moves()
    stored: dict[tuple[Any, ...], list[DateMove]] = {}
    rows = DateMove.objects.filter(release=locked.release, gate__isnull=False).select_related("gate", "slip")
    for row in rows.order_by("pk"):
        assert row.gate is not None
        settled = row.slip.due_on if row.slip else None
        identity = (row.gate.key, row.effective_on, row.from_on, row.to_on, row.reason, row.source, settled)
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
            found.new.append((row, move, slips[key, move.settles] if move.settles else None))
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
    counts = Counter(Slip.objects.filter(release=release).values_list("gate", flat=True))
    locked.slip_counts = dict(counts)
    locked.finish()
