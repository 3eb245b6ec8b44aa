"""Pure rules of approval: the outcome of a round, matching of quorums, who may vote. No database, no clock."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from approvals.kinds import Verdict

PENDING = "pending"
APPROVED = "approved"
DECLINED = "declined"

WAIVER_REASON_LENGTH = 20
COMMENT_LENGTH = 5000
# How long a password that was given again may stand behind a signature.
SIGNATURE_MINUTES = 10


@dataclass(frozen=True)
class RoleNeed:
    """A role of a round, how many approvals it needs, and when its turn comes: roles of a lower order decide first."""

    key: str
    name: str
    quorum: int
    order: int = 1


@dataclass(frozen=True)
class Vote:
    """One standing decision: a person, in one role. Revoked decisions are not votes."""

    person: int
    role: str
    verdict: str


def outcome(needs: Sequence[RoleNeed], votes: Iterable[Vote]) -> str:
    """The state of a round: any decline is a veto; approved when every role has at least its quorum.

    A round without roles is never approved. One person counts once, in the role of the first vote.
    """
    approvals: dict[str, set[int]] = {need.key: set() for need in needs}
    counted: set[int] = set()
    for vote in votes:
        if vote.verdict == Verdict.DECLINE:
            return DECLINED
        if vote.role in approvals and vote.person not in counted:
            approvals[vote.role].add(vote.person)
            counted.add(vote.person)
    if needs and all(len(approvals[need.key]) >= need.quorum for need in needs):
        return APPROVED
    return PENDING


def missing_approvals(needs: Sequence[RoleNeed], votes: Iterable[Vote]) -> dict[str, int]:
    """How many approvals each role still needs; roles that have theirs are left out."""
    have: dict[str, set[int]] = {}
    for vote in votes:
        if vote.verdict == Verdict.APPROVE:
            have.setdefault(vote.role, set()).add(vote.person)
    rest = {need.key: need.quorum - len(have.get(need.key, ())) for need in needs}
    return {key: count for key, count in rest.items() if count > 0}


def roles_up(needs: Sequence[RoleNeed], votes: Iterable[Vote]) -> tuple[str, ...]:
    """The roles whose turn it is: those of the lowest order that still miss approvals, in the order of `needs`.

    A role that has its quorum is not up, but its people may still decide; see `is_waiting_its_turn`.
    """
    missing = missing_approvals(needs, votes)
    first = min((need.order for need in needs if need.key in missing), default=0)
    return tuple(need.key for need in needs if need.key in missing and need.order == first)


def is_waiting_its_turn(needs: Sequence[RoleNeed], votes: Iterable[Vote], role: str) -> bool:
    """Whether a role of a lower order is still out, so that this one sees the round but cannot decide yet."""
    missing = missing_approvals(needs, votes)
    mine = next((need.order for need in needs if need.key == role), 1)
    return any(need.order < mine for need in needs if need.key in missing)


def roles_before(needs: Sequence[RoleNeed], role: str) -> tuple[str, ...]:
    """Names of the roles of the order just before a role's own; nothing for those who decide first."""
    mine = next((need.order for need in needs if need.key == role), 1)
    last = max((need.order for need in needs if need.order < mine), default=0)
    return tuple(need.name for need in needs if need.order == last)


def unreachable_roles(
    needs: Sequence[RoleNeed], votes: Sequence[Vote], candidates: Mapping[str, Collection[int]]
) -> tuple[str, ...]:
    """Roles that cannot reach their quorum when every person fills one seat only.

    Args:
        candidates: by role, the people (ids) who may still vote in it; those who have voted are not among them.

    A maximum matching of people to the missing approvals (augmenting paths); roles that stay short are returned, in
    the order of `needs`. Roles that nobody else competes for come out short only by their own lack.
    """
    missing = missing_approvals(needs, votes)
    slots = [(role, n) for role, count in missing.items() for n in range(count)]
    # Scarce roles are matched first, so that the role named as short is the one that lacks people.
    slots.sort(key=lambda slot: (len(candidates.get(slot[0], ())) >= missing[slot[0]], slot))
    seat_of: dict[int, tuple[str, int]] = {}

    def place(slot: tuple[str, int], tried: set[int]) -> bool:
        for person in sorted(candidates.get(slot[0], ())):
            if person in tried:
                continue
            tried.add(person)
            if person not in seat_of or place(seat_of[person], tried):
                seat_of[person] = slot
                return True
        return False

    short = {slot[0] for slot in slots if not place(slot, set())}
    return tuple(need.key for need in needs if need.key in short)


def is_fresh(reauthenticated_at: datetime, at: datetime) -> bool:
    """Whether a password that was given at one moment may still stand behind a signature at another."""
    return timedelta() <= at - reauthenticated_at <= timedelta(minutes=SIGNATURE_MINUTES)


def decision_meaning(
    gate: str,
    release: str,
    *,
    verdict: str,
    round_number: int,
    role: str,
    principal: str = "",
    has_conditions: bool = False,
) -> str:
    """The sentence that is signed: "I approve Release Readiness of Assist Console 26.4, round 2, as Engineering."."""
    verb = "decline" if verdict == Verdict.DECLINE else "approve"
    under = ", on the conditions that I name" if has_conditions else ""
    behalf = f", standing in for {principal}" if principal else ""
    return f"I {verb} {gate} of {release}, round {round_number}, as {role}{behalf}{under}."


def waiver_meaning(gate: str, release: str, expires_on: date) -> str:
    """The sentence that is signed with a waiver."""
    return f"I waive {gate} of {release} until {expires_on.isoformat()}; it is not approved."
