"""How the current gate of a release stands: whose turn it is, and what is in the way."""

from dataclasses import dataclass
from datetime import date

from approvals.facts import load_facts
from approvals.kinds import BlockerCode
from approvals.pages.steps import gate_url
from approvals.status import RoleStatus, Turn, blockers, role_statuses, submission_blockers, turn
from gatekeeper.common.errors import Blocker
from releases.kinds import GateState
from releases.models import Gate, Release


@dataclass(frozen=True)
class Standing:
    """The parts of a gate's status that the release page shows, from the same functions; nothing else is asked."""

    gate: Gate
    turn: Turn
    blockers: tuple[Blocker, ...]
    roles: tuple[RoleStatus, ...]


def standing_of(release: Release, gate: Gate, gates: list[Gate], today: date) -> Standing:
    """Whose turn it is at a gate and what is in the way."""
    facts = load_facts(release, gate, gates, today)
    is_in_review = gate.state == GateState.IN_REVIEW
    to_submit = [] if is_in_review else submission_blockers(facts)
    return Standing(
        gate=gate,
        turn=turn(facts, to_submit),
        blockers=tuple(blockers(facts, to_submit)),
        roles=tuple(role_statuses(facts)) if is_in_review else (),
    )


@dataclass(frozen=True)
class Waiting:
    """One line of "Waiting on": who, for what, since when, and where to go."""

    state: str
    title: str
    note: str
    url: str


def _people(role: RoleStatus) -> str:
    names = [holder.user.full_name for holder in role.waiting or role.holders]
    if not names:
        return "nobody holds this seat"
    if len(names) > 3:
        return f"{', '.join(names[:2])} or {len(names) - 2} others"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def waiting_on(release: Release, status: Standing) -> list[Waiting]:
    """Whose turn it is at the current gate and what is still in the way, each with its place."""
    gate, found = status.gate, []
    url = gate_url(release, gate.key)
    if status.turn.who == "pm":
        owner = release.owner.full_name if release.owner else "Product manager"
        what = f"prepares round {gate.round_number + 1}" if gate.round_number else "prepares the evidence"
        found.append(
            Waiting("dec" if gate.state == GateState.DECLINED else "prep", owner, f"Product manager, {what}", url)
        )
    if status.turn.who == "tool":
        found.append(Waiting("rev", "Engineering tools", "The evidence is there; blocking checks have to pass", url))
    for role in status.roles:
        if role.key not in status.turn.roles:
            continue
        state = "late" if role.is_unreachable else "rev"
        count = f"{role.approvals} of {role.quorum} {'approval' if role.quorum == 1 else 'approvals'}"
        found.append(Waiting(state, role.name, f"{_people(role)} · {count}", url))
    skipped = {BlockerCode.NOT_SUBMITTED, BlockerCode.ROLE_APPROVAL_MISSING}
    marks = {
        BlockerCode.DECLINED: "dec",
        BlockerCode.CONDITION_OVERDUE: "cond",
        BlockerCode.QUORUM_UNREACHABLE: "late",
        BlockerCode.CHECK_FAILING: "dec",
    }
    for blocker in status.blockers:
        if blocker.code in skipped:
            continue
        place = f"{url}#d-{blocker.subject}" if blocker.code == BlockerCode.DELIVERABLE_MISSING else url
        if blocker.code in (BlockerCode.CHECK_MISSING, BlockerCode.CHECK_FAILING):
            place = f"{url}#checks"
        found.append(Waiting(marks.get(blocker.code, "none"), blocker.message, "", place))
    return found
