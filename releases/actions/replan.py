"""Re-plan: change one or more dates with a reason; later gates move along unless pinned."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from django.db import transaction

from gatekeeper.accounts.models import User
from gatekeeper.common.calendars import add_months, latest_allowed_day
from gatekeeper.common.clock import Clock, database_clock
from gatekeeper.common.errors import FieldProblem, Refused
from releases import rules
from releases.actions.releases import require_text
from releases.actions.slips import record_misses, settle_slip
from releases.kinds import EventKind, MoveKind, ReleaseState, SettledHow
from releases.locking import lock_release
from releases.models import Gate, Release, Slip
from releases.permissions import require_manage


@dataclass(frozen=True)
class Plan:
    """What a re-plan would do: every date that moves, and what is wrong with it."""

    moves: tuple[rules.Move, ...]
    problems: tuple[FieldProblem, ...]


def plan_dates(
    release: Release,
    gates: Sequence[Gate],
    dates: Mapping[str, date],
    pins: Mapping[str, bool],
    today: date,
) -> Plan:
    """Work out a re-plan without changing anything: the preview and the verb share it.

    Args:
        dates: new days by gate key; `target` is the release date.
        pins: gates to pin (True) or unpin (False).
    """
    problems: list[FieldProblem] = []
    known = {gate.key: gate for gate in gates}
    for key in sorted(set(dates) - {rules.TARGET}):
        if key not in known:
            problems.append(FieldProblem(f"dates.{key}", "unknown_gate", f"{key} is not a gate of {release}."))
        elif known[key].is_passed:
            name = known[key].name
            problems.append(FieldProblem(f"dates.{key}", "gate_passed", f"{name} is passed; its date stays."))
    problems.extend(
        FieldProblem(f"pins.{key}", "unknown_gate", f"{key} is not a gate of {release}.")
        for key in sorted(set(pins) - set(known))
    )
    if rules.TARGET in dates and release.state == ReleaseState.RELEASED:
        problems.append(FieldProblem("dates.target", "released", f"{release} is released; its target stays."))
    if problems:
        return Plan((), tuple(problems))
    before: list[rules.PlannedGate] = []
    after: list[rules.PlannedGate] = []
    for gate in gates:
        if gate.is_passed:
            continue
        assert gate.due_on is not None
        row = rules.PlannedGate(gate.key, gate.name, gate.due_on, pins.get(gate.key, gate.is_pinned))
        (after if gate.is_after_release else before).append(row)
    assert release.target_on is not None
    moves = rules.cascade(before, release.target_on, dates) if release.state != ReleaseState.RELEASED else []
    to = {move.key: move.to_on for move in moves}
    target = to.get(None, release.target_on)
    months = {gate.key: gate.offset_months or 0 for gate in gates}
    for row in after:
        if row.key in dates:
            wanted, along = dates[row.key], False
        elif row.is_pinned or target == release.target_on:
            continue
        else:
            wanted, along = add_months(target, months[row.key]), True
        if wanted != row.due_on:
            moves.append(rules.Move(row.key, row.name, row.due_on, wanted, along))
            to[row.key] = wanted
    ordered = [(row.key, row.name, to.get(row.key, row.due_on)) for row in before]
    if release.state != ReleaseState.RELEASED:
        ordered.append((rules.TARGET, "Release", target))
    ordered += [(row.key, row.name, to.get(row.key, row.due_on)) for row in after]
    changed = [rules.TARGET if move.key is None else move.key for move in moves]
    # A pinned gate may stand in the way of dates that only move along: the check looks at every date that changes.
    found = rules.date_problems(ordered, changed, today, latest_allowed_day(today))
    return Plan(tuple(moves), tuple(FieldProblem(f"dates.{p.about(dates)}", p.code, p.message) for p in found))


@transaction.atomic
def replan_release(
    *,
    release_id: int,
    actor: User,
    dates: Mapping[str, date],
    reason: str,
    pins: Mapping[str, bool] | None = None,
    clock: Clock = database_clock,
) -> Release:
    """Move dates with a reason. A re-plan of a missed gate settles its slip (days = new due − old due).

    Raises:
        Refused: with every problem at once; nothing moves.
    """
    locked = lock_release(release_id, actor=actor, clock=clock)
    record_misses(locked)
    release = locked.release
    require_manage(actor, release.product)
    locked.require_state(ReleaseState.ACTIVE, ReleaseState.RELEASED)
    reason = require_text("reason", reason, "A reason")
    pins = pins or {}
    plan = plan_dates(release, locked.gates, dates, pins, locked.today)
    if plan.problems:
        raise Refused(plan.problems[0].code, plan.problems[0].message, fields=plan.problems)
    pinned = [gate for gate in locked.gates if gate.key in pins and gate.is_pinned != pins[gate.key]]
    if not plan.moves and not pinned:
        raise Refused.for_field("dates", "nothing_changed", "No date or pin would change.")
    for gate in pinned:
        gate.is_pinned = pins[gate.key]
        locked.touch(gate)
    locked.record(
        EventKind.RELEASE_REPLANNED,
        data={
            "reason": reason,
            "moves": [[move.key or rules.TARGET, move.from_on, move.to_on, move.is_cascade] for move in plan.moves],
            "pins": {gate.key: gate.is_pinned for gate in pinned},
        },
    )
    missed = {slip.gate_id for slip in locked.open_slips}
    slip: Slip | None = None
    for move in plan.moves:
        target = locked.gate(move.key) if move.key is not None else None
        if not move.is_cascade:
            # Dates that move along with a missed gate belong to its slip, too.
            slip = next((s for s in locked.open_slips if target is not None and s.gate_id == target.pk), None)
        locked.move(target, move.to_on, kind=MoveKind.REPLAN, slip=slip, reason=reason, is_cascade=move.is_cascade)
        if target is not None and target.pk in missed:
            settle_slip(locked, target, how=SettledHow.REPLAN, by=actor, note=reason, new_due_on=move.to_on)
    return locked.finish()
