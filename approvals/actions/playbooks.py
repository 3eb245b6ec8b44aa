"""A newer version of its playbook on a release that runs: what it would change, and the verb that does it.

What was decided stays. A passed gate keeps its roles and what it asked for; evidence is never thrown away, so a
deliverable that has some stays, optional; a gate with a date on the ledger stays too. Page and verb share the plan.
"""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from functools import cached_property
from typing import Any

from django.db import transaction
from django.db.models import F

from approvals.furnishing import ensure_seats
from approvals.kinds import CheckStatus
from approvals.models import (
    ApproverRole,
    Check,
    Comment,
    Deliverable,
    Evidence,
    EvidenceDraft,
    EvidenceFile,
    GateRole,
    Upload,
    Waiver,
)
from gatekeeper.accounts.models import User
from gatekeeper.common.calendars import add_months, latest_allowed_day
from gatekeeper.common.clock import Clock, database_clock
from gatekeeper.common.errors import Conflict, DomainError, FieldProblem, Refused
from releases import rules
from releases.actions.releases import close_if_done, require_text
from releases.actions.slips import record_misses
from releases.events import canonical
from releases.kinds import EventKind, GateState, MoveKind, ReleaseState
from releases.locking import LockedRelease, lock_release
from releases.models import DateMove, Gate, Playbook, Release
from releases.permissions import require_manage
from releases.playbook_changes import Change, changes
from releases.playbooks import GateSpec, parse_playbook

APPLICABLE = (ReleaseState.DRAFT, ReleaseState.ACTIVE, ReleaseState.RELEASED)
# How far the bumped positions are from the final ones, so that no two gates ever share one.
APART = 100_000


@dataclass(frozen=True)
class PlaybookPlan:
    """What a version would do to a release. `before` and `after` are gates as data, in order."""

    playbook: Playbook
    before: list[dict[str, Any]]
    after: list[dict[str, Any]]
    removed: tuple[str, ...]
    notes: tuple[str, ...]
    days: Mapping[str, date]
    """Due dates of gates that are new."""
    moves: tuple[rules.Move, ...]
    other_days: tuple[str, ...]
    """Names of gates whose days differ in the new version and that could follow it."""
    problems: tuple[FieldProblem, ...] = ()

    @cached_property
    def changes(self) -> list[Change]:
        """Every difference that the release would see, in words."""
        return changes({"gates": self.before}, {"gates": self.after})

    @cached_property
    def mark(self) -> str:
        """Another plan, another mark: what a person has seen is what is done."""
        moves = [[move.key, move.from_on, move.to_on] for move in self.moves]
        text = canonical([self.playbook.pk, self.before, self.after, self.removed, dict(self.days), moves])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def apply_refusal(release: Release, gates: Sequence[Gate]) -> DomainError | None:
    """Why no other version can be applied now, or None."""
    if release.is_history or release.state not in APPLICABLE:
        words = ReleaseState(release.state).label.lower()
        more = " Resume it first." if release.state == ReleaseState.ON_HOLD else ""
        return Conflict("release_not_active", f"{release} is {words}: its playbook stays.{more}")
    waiting = next((gate for gate in gates if gate.state == GateState.IN_REVIEW), None)
    if waiting is not None:
        return Conflict("gate_in_review", f"{waiting.name} waits for a decision: its round has to end first.")
    return None


def newer_version(release: Release) -> Playbook | None:
    """The newest version of the release's playbook, if the release is not on it."""
    found = Playbook.objects.filter(slug=release.playbook.slug, version__gt=release.playbook.version)
    return None if release.is_history else found.order_by("-version").first()


# --- What it would change -------------------------------------------------------------------------------------------


@dataclass
class _Stored:
    """What the gates of a release have now, loaded once for all of them."""

    gates: Sequence[Gate]
    roles: dict[int, list[GateRole]] = field(default_factory=lambda: defaultdict(list))
    things: dict[int, list[Deliverable]] = field(default_factory=lambda: defaultdict(list))
    checks: dict[int, list[Check]] = field(default_factory=lambda: defaultdict(list))
    seats: dict[tuple[str, str], str] = field(default_factory=dict)
    supplied: set[int] = field(default_factory=set)
    touched: dict[int, str] = field(default_factory=dict)

    @classmethod
    def of(cls, release: Release, gates: Sequence[Gate]) -> "_Stored":
        stored = cls(gates)
        for row in GateRole.objects.filter(gate__in=gates).select_related("role").order_by("position"):
            stored.roles[row.gate_id].append(row)
        for thing in Deliverable.objects.filter(gate__in=gates).order_by("position"):
            stored.things[thing.gate_id].append(thing)
        for check in Check.objects.filter(gate__in=gates).order_by("position", "name"):
            stored.checks[check.gate_id].append(check)
        for role in ApproverRole.objects.filter(product=release.product_id):
            stored.seats[role.gate_key, role.key] = role.name
        # What somebody has typed or sent and not marked as ready yet is work, too.
        for supply in (Evidence, EvidenceFile, EvidenceDraft, Upload):
            rows = supply._default_manager.filter(deliverable__gate__in=gates).order_by()
            for thing_id, gate_id in rows.values_list("deliverable", "deliverable__gate").distinct():
                stored.supplied.add(thing_id)
                stored.touched[gate_id] = "evidence was prepared for it"
        for model, words in (
            (Comment, "it was discussed"),
            (Waiver, "an exception was granted for it"),
            (DateMove, "its date stands on the ledger"),
        ):
            found = model._default_manager.filter(gate__in=gates).order_by()
            for gate_id in found.values_list("gate", flat=True).distinct():
                stored.touched.setdefault(gate_id, words)
        return stored

    def data(self, gate: Gate) -> dict[str, Any]:
        """A gate in the form of a playbook's definition."""
        return {
            "key": gate.key,
            "name": gate.name,
            "short_name": gate.short_name,
            "offset_days": gate.offset_days,
            "offset_months": gate.offset_months,
            "signature": gate.needs_signature,
            "questions": list(gate.questions),
            "informed": list(gate.informed),
            "roles": [
                {
                    "key": row.role.key,
                    "name": row.role.name,
                    "quorum": "all" if row.is_all else row.quorum,
                    "order": row.order,
                }
                for row in self.roles[gate.pk]
            ],
            "deliverables": [
                {
                    "key": thing.key,
                    "name": thing.name,
                    "required": thing.is_required,
                    "disciplines": list(thing.disciplines),
                    "hint": thing.hint,
                    "days_before": thing.days_before,
                }
                for thing in self.things[gate.pk]
            ],
            "checks": [{"name": check.name, "blocking": check.is_blocking} for check in self.checks[gate.pk]],
        }

    def why_it_stays(self, gate: Gate) -> str:
        """Why a gate that is not in the new version stays, or nothing."""
        if gate.state != GateState.UPCOMING:
            return "it has begun"
        if any(check.status != CheckStatus.NOT_REPORTED for check in self.checks[gate.pk]):
            return "a check was reported for it"
        return self.touched.get(gate.pk, "")


def plan_playbook(
    release: Release, gates: Sequence[Gate], playbook: Playbook, *, moves_dates: bool, today: date
) -> PlaybookPlan:
    """Work out what a version would do to a release, without changing anything.

    Args:
        moves_dates: upcoming gates that are not pinned follow the new version's days.
    """
    spec = parse_playbook(playbook.definition)
    if release.state == ReleaseState.DRAFT:
        # Nothing is copied yet: what it would be activated with is another version.
        then = [_as_data(gate) for gate in parse_playbook(release.playbook.definition).gates]
        return PlaybookPlan(playbook, then, [_as_data(gate) for gate in spec.gates], (), (), {}, (), ())
    wanted = {gate.key: gate for gate in spec.gates}
    stored = _Stored.of(release, gates)
    notes: list[str] = []
    after: dict[str, dict[str, Any]] = {}
    removed: list[str] = []
    other_days: list[str] = []
    for gate in gates:
        target = wanted.get(gate.key)
        now = stored.data(gate)
        if gate.is_passed:
            after[gate.key] = now
        elif target is None:
            if why := stored.why_it_stays(gate):
                notes.append(f"{gate.name} stays, although version {playbook.version} has no such gate: {why}.")
                after[gate.key] = now
            else:
                removed.append(gate.key)
        else:
            after[gate.key] = _gate_after(gate, target, stored, now, notes, other_days, moves_dates)
    begun = [gate.key for gate in gates if gate.state != GateState.UPCOMING]
    last_begun = max((index for index, gate in enumerate(spec.gates) if gate.key in begun), default=-1)
    known = {gate.key for gate in gates}
    for index, one in enumerate(spec.gates):
        if one.key in known:
            continue
        if index < last_begun:
            notes.append(f"{one.name} is not added: it comes before a gate that has begun.")
        elif release.state == ReleaseState.RELEASED and not one.is_after_release:
            notes.append(f"{one.name} is not added: the release is out.")
        else:
            after[one.key] = _as_data(one) | {"roles": _roles_after(one, stored, notes)}
    order = _order(begun, [gate.key for gate in gates], [gate.key for gate in spec.gates], after)
    days, moves, problems = _dates(release, gates, order, after, today)
    passed = sum(gate.is_passed for gate in gates)
    if passed:
        notes.insert(0, f"{passed} passed {'gate stays' if passed == 1 else 'gates stay'} as decided.")
    return PlaybookPlan(
        playbook=playbook,
        before=[stored.data(gate) for gate in gates],
        after=[after[key] for key in order],
        removed=tuple(removed),
        notes=tuple(notes),
        days=days,
        moves=tuple(moves),
        other_days=tuple(other_days),
        problems=tuple(problems),
    )


def _as_data(spec: GateSpec) -> dict[str, Any]:
    data = asdict(spec)
    for name in ("roles", "deliverables", "checks", "questions", "informed"):
        data[name] = list(data[name])
    for thing in data["deliverables"]:
        thing["disciplines"] = list(thing["disciplines"])
    return data


def _roles_after(spec: GateSpec, stored: _Stored, notes: list[str]) -> list[dict[str, Any]]:
    """Roles with the names of the product's seats: those are shared by all its releases."""
    rows = []
    for role in spec.roles:
        name = stored.seats.get((spec.key, role.key), role.name)
        if name != role.name:
            notes.append(f"The seat {name} keeps its name at {spec.name}; the new version calls it {role.name}.")
        rows.append({"key": role.key, "name": name, "quorum": role.quorum, "order": role.order})
    return rows


def _gate_after(
    gate: Gate,
    spec: GateSpec,
    stored: _Stored,
    now: Mapping[str, Any],
    notes: list[str],
    other_days: list[str],
    moves_dates: bool,
) -> dict[str, Any]:
    """One undecided gate as the new version wants it, as far as it can be had."""
    data = _as_data(spec) | {"roles": _roles_after(spec, stored, notes)}
    if (spec.offset_days, spec.offset_months) != (gate.offset_days, gate.offset_months):
        if gate.state != GateState.UPCOMING:
            notes.append(f"{gate.name} has begun: its due date stays. A re-plan moves it.")
        elif gate.is_pinned:
            notes.append(f"{gate.name} is pinned: its due date stays.")
        else:
            other_days.append(gate.name)
        if gate.state != GateState.UPCOMING or gate.is_pinned or not moves_dates:
            data |= {"offset_days": gate.offset_days, "offset_months": gate.offset_months}
    asked = {thing.key for thing in spec.deliverables}
    for row, thing in zip(now["deliverables"], stored.things[gate.pk], strict=True):
        if thing.key not in asked and thing.pk in stored.supplied:
            notes.append(f"{thing.name} has evidence: it stays at {gate.name}, optional.")
            data["deliverables"].append(row | {"required": False})
    named = {check.name for check in spec.checks}
    for check in stored.checks[gate.pk]:
        if check.name not in named and check.status != CheckStatus.NOT_REPORTED:
            notes.append(f"The check {check.name} was reported: it stays at {gate.name} and only advises.")
            data["checks"].append({"name": check.name, "blocking": False})
    return data


def _order(
    begun: Sequence[str], old: Sequence[str], new: Sequence[str], after: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """Begun gates stay in front; then the new version's order; what stays without it follows the gate it followed."""
    order = [key for key in old if key in begun]
    order += [key for key in new if key in after and key not in order]
    for index, key in enumerate(old):
        if key in after and key not in order:
            before = next((one for one in reversed(old[:index]) if one in order), None)
            order.insert(order.index(before) + 1 if before is not None else 0, key)
    return sorted(order, key=lambda key: after[key]["offset_months"] is not None)


def _dates(
    release: Release,
    gates: Sequence[Gate],
    order: Sequence[str],
    after: Mapping[str, Mapping[str, Any]],
    today: date,
) -> tuple[dict[str, date], list[rules.Move], list[FieldProblem]]:
    """Days of new gates, moves of those that follow, and what does not fit."""
    assert release.target_on is not None
    by_key = {gate.key: gate for gate in gates}
    anchor = release.released_on or release.target_on
    due: dict[str, date] = {}
    new_days: dict[str, date] = {}
    moves: list[rules.Move] = []
    for key in order:
        gate, data = by_key.get(key), after[key]
        planned = (
            add_months(anchor, data["offset_months"])
            if data["offset_months"] is not None
            else release.target_on + timedelta(days=data["offset_days"] or 0)
        )
        if gate is None:
            due[key] = new_days[key] = planned
        elif (data["offset_days"], data["offset_months"]) != (gate.offset_days, gate.offset_months):
            assert gate.due_on is not None
            due[key] = planned
            if planned != gate.due_on:
                moves.append(rules.Move(key, data["name"], gate.due_on, planned, False))
        else:
            assert gate.due_on is not None
            due[key] = gate.due_on
    for key in new_days:
        # The release may have been re-planned since: a new gate finds its place between the dates around it.
        place = order.index(key)
        around = [due[one] for one in order[:place] if not (one in by_key and by_key[one].is_passed)]
        later = [due[one] for one in order[place + 1 :] if one not in new_days]
        is_before = after[key]["offset_months"] is None
        latest = min([*later, *([release.target_on] if is_before else [])], default=due[key])
        due[key] = new_days[key] = max([min(due[key], latest), today, *around])
    waiting = [key for key in order if not (key in by_key and by_key[key].is_passed)]
    before = [(key, after[key]["name"], due[key]) for key in waiting if after[key]["offset_months"] is None]
    rest = [(key, after[key]["name"], due[key]) for key in waiting if after[key]["offset_months"] is not None]
    middle = [] if release.state == ReleaseState.RELEASED else [(rules.TARGET, "Release", release.target_on)]
    common = [gate.key for gate in gates if gate.key in order]
    turned = [key for key in order if key in by_key] != common
    upcoming = [key for key in waiting if key not in by_key or by_key[key].state == GateState.UPCOMING]
    touched = {*new_days, *(move.key for move in moves if move.key), *(upcoming if turned else ())}
    found = rules.date_problems([*before, *middle, *rest], touched, today, latest_allowed_day(today))
    return new_days, moves, [FieldProblem("moves_dates", problem.code, problem.message) for problem in found]


# --- The verb -------------------------------------------------------------------------------------------------------


@transaction.atomic
def apply_playbook(
    *,
    release_id: int,
    playbook: Playbook,
    actor: User,
    reason: str,
    moves_dates: bool = False,
    mark: str = "",
    clock: Clock = database_clock,
) -> Release:
    """Move a release to a newer version of its playbook.

    Args:
        mark: that of the plan which the person has seen (`PlaybookPlan.mark`).

    Raises:
        NotAllowed: not a manager of the product. Refused: dates that do not fit, or no newer version of it.
        Conflict: a gate is in review, the release does not run, or the plan is not the one that was seen.
    """
    locked = lock_release(release_id, actor=actor, clock=clock)
    record_misses(locked)
    release = locked.release
    require_manage(actor, release.product)
    if refusal := apply_refusal(release, locked.gates):
        raise refusal
    if playbook.slug != release.playbook.slug or playbook.version <= release.playbook.version:
        raise Refused.for_field("version", "not_newer", f"{release} is on version {release.playbook.version} already.")
    reason = require_text("reason", reason, "A reason")
    plan = plan_playbook(release, locked.gates, playbook, moves_dates=moves_dates, today=locked.today)
    if mark and mark != plan.mark:
        raise Conflict("plan_changed", f"{release} has changed since you looked: look again at what would change.")
    if plan.problems:
        raise Refused(plan.problems[0].code, plan.problems[0].message, fields=plan.problems)
    before, release.playbook = release.playbook, playbook
    locked.record(
        EventKind.PLAYBOOK_APPLIED,
        data={
            "playbook": playbook.slug,
            "from_version": before.version,
            "version": playbook.version,
            "reason": reason,
            "changes": [[change.where, change.text] for change in plan.changes],
            "removed": list(plan.removed),
            "added": {key: day.isoformat() for key, day in plan.days.items()},
            "moves": [[move.key, move.from_on, move.to_on, False] for move in plan.moves],
        },
    )
    if release.state != ReleaseState.DRAFT:
        _carry_out(locked, plan, reason)
    return locked.finish()


def _carry_out(locked: LockedRelease, plan: PlaybookPlan, reason: str) -> None:
    _remove_gates(locked, plan.removed)
    _place_gates(locked, plan)
    spec = parse_playbook(plan.playbook.definition)
    open_keys = {gate.key for gate in locked.gates if not gate.is_passed}
    seats, new = ensure_seats(locked.release.product, [g for g in spec.gates if g.key in open_keys], locked.actor)
    for gate, data in zip(locked.gates, plan.after, strict=True):
        if not gate.is_passed:
            _furnish(gate, data, seats)
    if new:
        locked.record(EventKind.SEAT_CREATED, data={"seats": [[role.gate_key, role.key] for role in new]})
    for move in plan.moves:
        locked.move(locked.gate(move.key or ""), move.to_on, kind=MoveKind.REPLAN, reason=reason)
    locked.facts.clear()  # what was loaded of the gates before is not true any more
    current = locked.current
    if current is not None and current.state == GateState.UPCOMING:
        locked.open_gate(current)
    close_if_done(locked)


def _remove_gates(locked: LockedRelease, keys: Sequence[str]) -> None:
    gone = [gate for gate in locked.gates if gate.key in keys]
    for model in (GateRole, Deliverable, Check):
        model._default_manager.filter(gate__in=gone).delete()
    Gate.objects.filter(pk__in=[gate.pk for gate in gone]).delete()
    locked.gates = [gate for gate in locked.gates if gate.key not in keys]


def _place_gates(locked: LockedRelease, plan: PlaybookPlan) -> None:
    """Gates in their order, with their words; new ones are made."""
    known = {gate.key: gate for gate in locked.gates}
    Gate.objects.filter(release=locked.release).update(position=F("position") + APART)
    placed = []
    for position, data in enumerate(plan.after, start=1):
        gate = known.get(data["key"]) or Gate(
            release=locked.release,
            key=data["key"],
            due_on=plan.days[data["key"]],
            baseline_due_on=plan.days[data["key"]],
        )
        gate.position = position
        if not gate.is_passed:
            gate.name, gate.short_name = data["name"], data["short_name"]
            gate.offset_days, gate.offset_months = data["offset_days"], data["offset_months"]
            gate.questions, gate.informed = list(data["questions"]), list(data["informed"])
            gate.needs_signature = data["signature"]
        placed.append(gate)
    Gate.objects.bulk_update(
        [gate for gate in placed if gate.pk],
        ["position", "name", "short_name", "offset_days", "offset_months", "questions", "informed", "needs_signature"],
    )
    for gate in placed:
        if not gate.pk:
            gate.save(force_insert=True)
    locked.gates = placed


def _furnish(gate: Gate, data: Mapping[str, Any], seats: Mapping[tuple[str, str], ApproverRole]) -> None:
    """The roles, deliverables and checks of one gate, as the plan has them."""
    roles = {row.role.key: row for row in GateRole.objects.filter(gate=gate).select_related("role")}
    for position, want in enumerate(data["roles"], start=1):
        row = roles.pop(want["key"], None) or GateRole(gate=gate, role=seats[gate.key, want["key"]])
        is_all = want["quorum"] == "all"
        row.quorum, row.is_all, row.order, row.position = (
            1 if is_all else want["quorum"],
            is_all,
            want["order"],
            position,
        )
        row.save()
    things = {thing.key: thing for thing in Deliverable.objects.filter(gate=gate)}
    for position, want in enumerate(data["deliverables"], start=1):
        thing = things.pop(want["key"], None) or Deliverable(gate=gate, key=want["key"])
        thing.name, thing.hint, thing.is_required = want["name"], want["hint"], want["required"]
        thing.disciplines, thing.days_before, thing.position = list(want["disciplines"]), want["days_before"], position
        thing.save()
    checks = {check.name: check for check in Check.objects.filter(gate=gate)}
    for position, want in enumerate(data["checks"], start=1):
        check = checks.pop(want["name"], None) or Check(gate=gate, name=want["name"])
        check.is_blocking, check.position = want["blocking"], position
        check.save()
    GateRole.objects.filter(pk__in=[row.pk for row in roles.values()]).delete()
    Deliverable.objects.filter(pk__in=[thing.pk for thing in things.values()]).delete()
    Check.objects.filter(pk__in=[check.pk for check in checks.values()]).delete()
