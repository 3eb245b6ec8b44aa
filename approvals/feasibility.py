"""Whether the roles of a gate can reach their quorums, and if not, why: which seats do not count.

The core is pure; the two functions at the end feed it with a gate, and with a playbook before it is activated.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from approvals import rules
from approvals.facts import GateFacts
from approvals.models import ApproverRole
from approvals.permissions import inactive_holders, seat_holders
from approvals.rules import RoleNeed, Vote
from gatekeeper.accounts.models import User
from releases.models import DefaultSeat, Release
from releases.permissions import people_with
from releases.playbooks import GateSpec, PlaybookSpec

# Why a seat does not count, of one and of several.
Why = tuple[str, str]
SUBMITTER: Why = ("is the submitter", "are the submitter")
WRITER: Why = ("wrote evidence", "wrote evidence")
STAND_IN: Why = (
    "stands in for the submitter or for somebody who wrote evidence",
    "stand in for the submitter or for somebody who wrote evidence",
)
RECUSED: Why = ("stepped aside", "stepped aside")
VOTED: Why = ("decided in another role", "decided in another role")
DEACTIVATED: Why = ("is deactivated", "are deactivated")
MAY_WRITE: Why = ("supplies evidence and loses the vote then", "supply evidence and lose the vote then")


@dataclass(frozen=True)
class Shortage:
    """A role that cannot reach its quorum (`is_certain`), or could not if those did not count who may drop out."""

    role: str
    name: str
    quorum: int
    is_certain: bool
    reason: str

    @property
    def words(self) -> str:
        """The whole warning as a sentence."""
        of = f" of {self.quorum}" if self.quorum > 1 else ""
        verb = "cannot reach" if self.is_certain else "may not reach"
        return f"{self.name} {verb} its quorum{of}: {self.reason}."


def shortages(
    needs: Sequence[RoleNeed],
    votes: Sequence[Vote],
    seats: Mapping[str, Collection[int]],
    *,
    barred: Mapping[int, Why],
    doubtful: Mapping[int, Why] | None = None,
    inactive: Mapping[str, int] | None = None,
) -> list[Shortage]:
    """Roles without a reachable quorum, certain ones first.

    Args:
        seats: by role, the active people (ids) who hold it.
        barred: people who cannot vote, and why.
        doubtful: people who can vote now and may not be there when they are asked.
        inactive: by role, how many deactivated people hold it.
    """
    maybe = doubtful or {}
    can = {role: {person for person in people if person not in barred} for role, people in seats.items()}
    certain = rules.unreachable_roles(needs, votes, can)
    likely = {role: people - maybe.keys() for role, people in can.items()}
    shaky = [role for role in rules.unreachable_roles(needs, votes, likely) if role not in certain] if maybe else []
    missing = rules.missing_approvals(needs, votes)
    names = {need.key: need for need in needs}
    found = []
    for role, is_certain in [*((r, True) for r in certain), *((r, False) for r in shaky)]:
        why = dict(barred) if is_certain else dict(barred) | dict(maybe)
        enough = len((can if is_certain else likely).get(role, ())) >= missing[role]
        reason = _reason(seats.get(role, ()), why, (inactive or {}).get(role, 0), has_enough=enough)
        found.append(Shortage(role, names[role].name, names[role].quorum, is_certain, reason))
    return found


def _reason(people: Collection[int], why: Mapping[int, Why], inactive: int, *, has_enough: bool) -> str:
    total = len(people) + inactive
    if not total:
        return "nobody holds this role"
    counts = Counter(why[person] for person in sorted(people) if person in why)
    if inactive:
        counts[DEACTIVATED] += inactive
    parts = [f"{count} of {total} seats {one if count == 1 else many}" for (one, many), count in counts.items()]
    if has_enough:
        parts.append("the people who may decide are needed in other roles too")
    if parts:
        return f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else parts[0]
    return "only one person holds this role" if total == 1 else f"only {total} people hold this role"


# --- A gate -------------------------------------------------------------------------------------------------------


def barred_at(facts: GateFacts, submitter: int | None = None) -> dict[int, Why]:
    """Who cannot vote (any more) at a gate, and why; `submitter` is who would submit it."""
    found: dict[int, Why] = {}
    if facts.is_in_review and facts.submission is not None:
        submitter = facts.submission.submitted_by_id
        for decision in facts.standing:
            for person in (decision.decided_by_id, decision.on_behalf_of_id):
                if person is not None:
                    found[person] = VOTED
        found |= dict.fromkeys(facts.recused, RECUSED)
    party = facts.party | ({submitter} if submitter is not None else set())
    found |= dict.fromkeys(facts.stand_ins_of(party), STAND_IN)
    found |= dict.fromkeys(party, WRITER)
    if submitter is not None:
        found[submitter] = SUBMITTER
    return found


def _doubtful_at(facts: GateFacts) -> dict[int, Why]:
    """Who is away without a stand-in, and (before the submission) who still has evidence to supply."""
    found: dict[int, Why] = {}
    if not facts.is_in_review:
        for thing in facts.deliverables:
            if thing.assignee_id is not None and thing.pk not in facts.evidence:
                found[thing.assignee_id] = MAY_WRITE
    for away in facts.delegations:
        if away.delegate is None or not away.delegate.is_active:
            until = f"away until {away.ends_on:%-d %b %Y} without a stand-in"
            found.setdefault(away.person_id, (f"is {until}", f"are {until}"))
    return found


def gate_shortages(facts: GateFacts, submitter: int | None = None, *, only_certain: bool = False) -> list[Shortage]:
    """Which roles of a gate cannot, or may not, reach their quorums; nothing once it is passed.

    Who holds seats without being able to sign in is asked only when there is something to explain.
    """
    if facts.gate.is_passed:
        return []
    needs = facts.needs if facts.is_in_review else facts.needs_at_submission(submitter)
    seats = {row.role.key: {h.user.pk for h in facts.holders[row.role_id]} for row in facts.roles}
    barred = barred_at(facts, submitter)
    doubtful = {} if only_certain else _doubtful_at(facts)
    found = shortages(needs, facts.votes, seats, barred=barred, doubtful=doubtful)
    if not found:
        return []
    asleep = inactive_holders([row.role_id for row in facts.roles])
    inactive = {row.role.key: asleep[row.role_id] for row in facts.roles}
    return shortages(needs, facts.votes, seats, barred=barred, doubtful=doubtful, inactive=inactive)


# --- A playbook, before a release of it is activated --------------------------------------------------------------


@dataclass(frozen=True)
class GateShortages:
    """A gate that would be short of people."""

    gate: GateSpec
    shortages: tuple[Shortage, ...]


def planned_shortages(release: Release, spec: PlaybookSpec, submitter: User | None) -> list[GateShortages]:
    """Which gates of a draft would be short of people, as the seats and the line's defaults are now.

    Nobody has written anything yet: whoever may contribute is counted as somebody who may lose the vote. A fixed
    number of queries, whatever the gates.
    """
    product = release.product
    seats = {(role.gate_key, role.key): role.pk for role in ApproverRole.objects.filter(product=product)}
    held = seat_holders(list(seats.values()))
    asleep = inactive_holders(list(seats.values()))
    missing = any((gate.key, role.key) not in seats for gate in spec.gates for role in gate.roles)
    defaults: dict[str, set[int]] = {}
    if missing:
        members = DefaultSeat.objects.filter(line_id=product.line_id, group__user__is_active=True).order_by()
        for function, person in members.values_list("function", "group__user"):
            defaults.setdefault(function, set()).add(person)
    barred = {submitter.pk: SUBMITTER} if submitter is not None else {}
    doubtful = dict.fromkeys(people_with(product, "contribute").values_list("pk", flat=True), MAY_WRITE)
    found = []
    for gate in spec.gates:
        people: dict[str, set[int]] = {}
        inactive: dict[str, int] = {}
        for role in gate.roles:
            seat = seats.get((gate.key, role.key))
            sits = {holder.user.pk for holder in held[seat]} if seat is not None else defaults.get(role.key, set())
            people[role.key], inactive[role.key] = sits, asleep[seat] if seat is not None else 0
        needs = [
            RoleNeed(
                role.key,
                role.name,
                max(1, len(people[role.key] - barred.keys())) if role.quorum == "all" else role.quorum,
                role.order,
            )
            for role in gate.roles
        ]
        if short := shortages(needs, (), people, barred=barred, doubtful=doubtful, inactive=inactive):
            found.append(GateShortages(gate, tuple(short)))
    return found
