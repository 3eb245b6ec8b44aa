"""Re-baseline: from now on the plan in force is what the release is measured against; the old baseline is kept."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction

from gatekeeper.accounts.models import User
from gatekeeper.common.clock import Clock, database_clock
from gatekeeper.common.errors import Conflict
from releases import rules
from releases.actions.releases import require_text
from releases.actions.slips import record_misses
from releases.kinds import EventKind, ReleaseState
from releases.locking import lock_release
from releases.models import Baseline, Gate, Release
from releases.permissions import require_product_permission


@dataclass(frozen=True)
class BaselinePlan:
    """What a re-baseline would change: baseline days from and to, and the slip before; after it, the slip is 0."""

    moves: tuple[rules.Move, ...]
    slip_days: int


def plan_baseline(release: Release, gates: Sequence[Gate]) -> BaselinePlan:
    """The baseline that would be: the dates now committed to. Passed gates keep theirs, they are over."""
    moves = [
        rules.Move(gate.key, gate.name, gate.baseline_due_on, gate.due_on, True)
        for gate in gates
        if not gate.is_passed
        and gate.due_on is not None
        and gate.baseline_due_on is not None
        and gate.baseline_due_on != gate.due_on
    ]
    if release.baseline_on is not None and release.target_on not in (None, release.baseline_on):
        assert release.target_on is not None
        place = next((i for i, move in enumerate(moves) if _is_after_release(gates, move.key)), len(moves))
        moves.insert(place, rules.Move(None, "Release", release.baseline_on, release.target_on, True))
    return BaselinePlan(tuple(moves), release.slip_days)


def _is_after_release(gates: Sequence[Gate], key: str | None) -> bool:
    return any(gate.key == key and gate.is_after_release for gate in gates)


def baseline_problem(release: Release, gates: Sequence[Gate]) -> Conflict | None:
    """Why no new baseline can be set now; pages and the verb ask the same. None when it can."""
    if release.state != ReleaseState.ACTIVE:
        words = ReleaseState(release.state).label.lower()
        return Conflict("release_not_active", f"{release} is {words}; a new baseline is set while it is active.")
    if release.open_slips:
        current = next((gate.name for gate in gates if gate.key == release.current_gate), "A gate")
        return Conflict(
            "gate_missed",
            f"{current} was missed and is not settled: pass it or re-plan it first, since a baseline can be kept.",
        )
    if not plan_baseline(release, gates).moves:
        return Conflict("nothing_changed", f"The plan of {release} is its baseline already.")
    return None


@transaction.atomic
def rebaseline_release(*, release_id: int, actor: User, reason: str, clock: Clock = database_clock) -> Release:
    """Make the plan in force the baseline. Slip and health count from it; the old baseline becomes a row of its own.

    Raises:
        NotAllowed: without the permission `rebaseline` on the product; administrators have none by being so.
        Conflict: the release is not active, a miss is unsettled, or the plan is the baseline already.
        Refused: without a reason.
    """
    locked = lock_release(release_id, actor=actor, clock=clock)
    record_misses(locked)
    release = locked.release
    require_product_permission(actor, release.product, "rebaseline", "set a new baseline")
    release.open_slips = len(locked.open_slips)
    if problem := baseline_problem(release, locked.gates):
        raise problem
    reason = require_text("reason", reason, "A reason")
    assert release.baseline_on is not None
    assert release.target_on is not None
    plan = plan_baseline(release, locked.gates)
    number = Baseline.objects.filter(release=release).count() + 1
    event = locked.record(
        EventKind.RELEASE_REBASELINED,
        data={
            "reason": reason,
            "number": number + 1,
            "from": release.baseline_on,
            "baseline_on": release.target_on,
            "slip_days": plan.slip_days,
            "held_days": release.held_days,
            "baselines": [[move.key or rules.TARGET, move.from_on, move.to_on] for move in plan.moves],
        },
    )
    Baseline.objects.create(
        release=release,
        number=number,
        baseline_on=release.baseline_on,
        gates=[[gate.key, gate.baseline_due_on.isoformat()] for gate in locked.gates if gate.baseline_due_on],
        slip_days=plan.slip_days,
        held_days=release.held_days,
        replaced_at=locked.at,
        replaced_on=locked.today,
        replaced_by=actor,
        reason=reason,
        event_number=event.number,
    )
    release.baseline_on, release.held_days = release.target_on, 0
    for gate in locked.gates:
        if not gate.is_passed:
            gate.baseline_due_on = gate.due_on
            locked.touch(gate)
    return locked.finish()
