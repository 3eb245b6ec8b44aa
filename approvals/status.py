"""What is in the way of a gate, whose turn it is and since when, and what a person may do: one answer for everybody."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from approvals import rules
from approvals.facts import GateFacts, load_facts
from approvals.feasibility import gate_shortages
from approvals.kinds import BlockerCode, CheckStatus, Verdict, WaiverKind
from approvals.models import Decision
from approvals.permissions import Holder
from gatekeeper.accounts.models import User
from gatekeeper.common.errors import Blocker
from releases.kinds import GateState, ReleaseState
from releases.models import Gate, Release
from releases.permissions import is_administrator, product_permissions

EDITABLE = (GateState.UPCOMING, GateState.OPEN, GateState.DECLINED)
SUBMITTABLE = (GateState.OPEN, GateState.DECLINED)
WAIVABLE = (GateState.OPEN, GateState.IN_REVIEW, GateState.DECLINED)
CHECK_WORDS = {
    CheckStatus.NOT_REPORTED: (BlockerCode.CHECK_MISSING, "has not been reported"),
    CheckStatus.PENDING: (BlockerCode.CHECK_MISSING, "is still running"),
    CheckStatus.FAILURE: (BlockerCode.CHECK_FAILING, "has failed"),
    CheckStatus.ERROR: (BlockerCode.CHECK_FAILING, "ended with an error"),
}


@dataclass(frozen=True)
class Turn:
    """Whose turn it is: `pm`, `role` (the keys in `roles`), `tool`, or `none`; since when; and the same in words."""

    who: str
    roles: tuple[str, ...]
    since: datetime | None
    words: str
    stuck: str = ""
    """ "Sales cannot reach its quorum": waiting alone will not pass the gate."""


@dataclass(frozen=True)
class RoleStatus:
    """One role of the gate: its quorum, the approvals it has, who may still decide, and the decisions of the round."""

    id: int
    key: str
    name: str
    quorum: int
    approvals: int
    state: str
    holders: tuple[Holder, ...]
    waiting: tuple[Holder, ...]
    decisions: tuple[Decision, ...]
    is_unreachable: bool
    is_all: bool = False
    after: tuple[str, ...] = ()
    """Names of the roles whose quorum has to be full before this one decides."""


@dataclass(frozen=True)
class GateStatus:
    """The whole answer for one gate and (for `allowed_actions`) one person."""

    blockers: tuple[Blocker, ...]
    submission_blockers: tuple[Blocker, ...]
    turn: Turn
    roles: tuple[RoleStatus, ...]
    allowed_actions: tuple[str, ...]
    facts: GateFacts

    @property
    def my_roles(self) -> tuple[str, ...]:
        """Keys of the roles in which the person may decide now."""
        return tuple(a.removeprefix("decide:") for a in self.allowed_actions if a.startswith("decide:"))

    def may(self, action: str) -> bool:
        """Whether an action (`submit`, `withdraw`, `waive`, `edit_evidence`, `recuse`, `decide`) is allowed now."""
        return any(a == action or a.startswith(f"{action}:") for a in self.allowed_actions)


def gate_status(release: Release, gate: Gate, gates: list[Gate], today: date, user: User | None = None) -> GateStatus:
    """Load the facts of a gate and say what is in the way, whose turn it is and what the person may do."""
    return status_of(load_facts(release, gate, gates, today), user)


def status_of(facts: GateFacts, user: User | None = None) -> GateStatus:
    """The answer from facts that are loaded already."""
    permissions = product_permissions(user, facts.release.product) if user is not None else frozenset()
    prospective = user.pk if user is not None and "manage_product" in permissions else None
    to_submit = submission_blockers(facts, prospective)
    return GateStatus(
        blockers=tuple(blockers(facts, to_submit)),
        submission_blockers=tuple(to_submit),
        turn=turn(facts, to_submit),
        roles=tuple(role_statuses(facts, prospective)),
        allowed_actions=tuple(allowed_actions(facts, user, permissions, to_submit)) if user is not None else (),
        facts=facts,
    )


def submission_blockers(facts: GateFacts, submitter: int | None = None) -> list[Blocker]:
    """Every reason at once why the gate cannot be submitted now (by this person)."""
    gate, release = facts.gate, facts.release
    found: list[Blocker] = []
    if not release.is_running:
        words = ReleaseState(release.state).label.lower()
        found.append(Blocker(BlockerCode.RELEASE_NOT_ACTIVE, release.version, f"The release is {words}."))
    found.extend(
        Blocker(BlockerCode.EARLIER_GATE_OPEN, earlier.key, f"{earlier.name} is not passed yet.")
        for earlier in facts.gates
        if earlier.position < gate.position and not earlier.is_passed
    )
    if gate.state not in SUBMITTABLE:
        words = GateState(gate.state).label.lower()
        found.append(Blocker(BlockerCode.NOT_OPEN, gate.key, f"{gate.name} is {words}."))
    excused = facts.excused(WaiverKind.DELIVERABLE)
    found.extend(
        Blocker(BlockerCode.DELIVERABLE_MISSING, thing.key, f"{thing.name} is required and empty.")
        for thing in facts.deliverables
        if thing.is_required and thing.pk not in facts.evidence and thing.key not in excused
    )
    found.extend(_check_blockers(facts))
    found.extend(
        Blocker(
            BlockerCode.CONDITION_OVERDUE,
            str(condition.pk),
            f"A condition of {condition.gate.name} was due on {condition.due_on:%-d %b %Y}: {condition.text}",
        )
        for condition in facts.late_conditions
    )
    if gate.state in EDITABLE:
        found.extend(_quorum_blockers(facts, submitter))
    return found


def _check_blockers(facts: GateFacts) -> list[Blocker]:
    """Blocking checks that do not pass and are not excused."""
    excused = facts.excused(WaiverKind.CHECK)
    found = []
    for check in facts.checks:
        if check.stands_in_the_way and check.name not in excused:
            code, said = CHECK_WORDS[CheckStatus(check.status)]
            more = f": {check.summary}" if check.summary else ""
            found.append(Blocker(code, check.name, f"The blocking check {check.name} {said}{more or '.'}"))
    return found


def _quorum_blockers(facts: GateFacts, submitter: int | None = None) -> list[Blocker]:
    return [
        Blocker(BlockerCode.QUORUM_UNREACHABLE, short.role, short.words)
        for short in gate_shortages(facts, submitter, only_certain=True)
    ]


def blockers(facts: GateFacts, to_submit: Sequence[Blocker]) -> list[Blocker]:
    """What is in the way of passing the gate."""
    gate = facts.gate
    if gate.state == GateState.APPROVED:
        return []
    if gate.state == GateState.WAIVED:
        if not gate.is_waiver_expired:
            return []
        return [Blocker(BlockerCode.WAIVER_EXPIRED, gate.key, f"The waiver of {gate.name} has expired.")]
    if gate.state != GateState.IN_REVIEW:
        found = list(to_submit)
        if gate.state == GateState.DECLINED:
            found.insert(0, Blocker(BlockerCode.DECLINED, gate.key, _declined_words(facts)))
        if gate.state in SUBMITTABLE:
            found.append(Blocker(BlockerCode.NOT_SUBMITTED, gate.key, f"{gate.name} is not submitted."))
        return found
    found = []
    if not facts.release.is_running:
        words = ReleaseState(facts.release.state).label.lower()
        found.append(Blocker(BlockerCode.RELEASE_NOT_ACTIVE, facts.release.version, f"The release is {words}."))
    missing = rules.missing_approvals(facts.needs, facts.votes)
    found += [approval_missing(need, missing[need.key]) for need in facts.needs if missing.get(need.key)]
    return found + _quorum_blockers(facts)


def approval_missing(need: rules.RoleNeed, count: int) -> Blocker:
    """A role that has not given all its approvals."""
    verb = "approvals are" if count > 1 else "approval is"
    words = f"{need.name} has not decided ({count} of {need.quorum} {verb} missing)."
    return Blocker(BlockerCode.ROLE_APPROVAL_MISSING, need.key, words)


def _declined_words(facts: GateFacts) -> str:
    decline = next((d for d in facts.standing if d.verdict == Verdict.DECLINE), None)
    if decline is None:
        return f"{facts.gate.name} was declined."
    return f"{decline.role.name} declined: {decline.comment}"


def turn(facts: GateFacts, to_submit: Sequence[Blocker] = ()) -> Turn:
    """Whose turn it is. On hold, cancelled or before its time it is nobody's.

    Args:
        to_submit: what keeps the gate from being submitted; when that is checks alone, it is the tools' turn.
    """
    gate = facts.gate
    if not facts.release.is_running or not gate.is_undecided:
        return Turn("none", (), None, "Nobody")
    if gate.state == GateState.IN_REVIEW:
        needs = facts.needs
        up = rules.roles_up(needs, facts.votes)
        return Turn(
            "role", up, gate.turn_since, _list([need.name for need in needs if need.key in up]), stuck_words(facts)
        )
    if to_submit and {b.code for b in to_submit} <= {BlockerCode.CHECK_MISSING, BlockerCode.CHECK_FAILING}:
        return Turn("tool", (), gate.turn_since, "Engineering tool")
    return Turn("pm", (), gate.turn_since, "Product manager")


def stuck_words(facts: GateFacts, without: int | None = None) -> str:
    """Which roles of the open round cannot reach their quorums (if one more person stepped aside); or nothing."""
    candidates = {role: people - {without} for role, people in facts.candidates().items()}
    short = rules.unreachable_roles(facts.needs, facts.votes, candidates)
    names = [need.name for need in facts.needs if need.key in short]
    if not names:
        return ""
    return f"{_list(names)} cannot reach {'its quorum' if len(names) == 1 else 'their quorums'}"


def _list(words: Sequence[str]) -> str:
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def role_statuses(facts: GateFacts, submitter: int | None = None) -> list[RoleStatus]:
    """Each role with its people and decisions; decisions of an ended round are shown with it."""
    candidates = facts.candidates(submitter=submitter)
    needs = facts.needs if facts.is_in_review else facts.needs_at_submission(submitter)
    unreachable = rules.unreachable_roles(needs, facts.votes, candidates) if not facts.gate.is_passed else ()
    quorums = {need.key: need.quorum for need in needs}
    found = []
    for row in facts.roles:
        key = row.role.key
        decisions = tuple(d for d in facts.decisions if d.role_id == row.role_id)
        standing = [d for d in decisions if not hasattr(d, "revocation")]
        approvals = sum(d.verdict == Verdict.APPROVE for d in standing)
        quorum = quorums.get(key, row.quorum)
        if any(d.verdict == Verdict.DECLINE for d in standing):
            state = "declined"
        elif approvals >= quorum:
            state = "approved"
        elif facts.is_in_review:
            state = "later" if rules.is_waiting_its_turn(needs, facts.votes, key) else "waiting"
        else:
            state = "none"
        holders = facts.holders[row.role_id]
        found.append(
            RoleStatus(
                id=row.role_id,
                key=key,
                name=row.role.name,
                quorum=quorum,
                approvals=approvals,
                state=state,
                holders=tuple(holders),
                waiting=tuple(h for h in holders if h.user.pk in candidates.get(key, ())) if state == "waiting" else (),
                decisions=decisions,
                is_unreachable=key in unreachable,
                is_all=row.is_all,
                after=rules.roles_before(needs, key),
            )
        )
    return found


def vote_refusal(facts: GateFacts, user: User, role_id: int) -> tuple[str, str] | None:
    """Why a person may not decide in a role of the open round: (code, sentence), or None when they may.

    Judged at the moment of deciding: holds the seat or stands in for a holder, is active, is neither submitter nor
    contributor nor stands in for one, has not recused, has no standing decision in this round, and it is the role's
    turn.
    """
    refusal = _refusal_of_person(facts, user)
    seats = seats_in(facts, user, role_id)
    if not seats:
        return "not_holder", "You do not hold this role."
    if refusal is not None:
        return refusal
    if free_seat(facts, user, role_id) is None:
        principal = seats[0].on_behalf_of
        if principal is not None and principal.pk in facts.recused:
            return "recused", f"{principal}, for whom you stand in, stepped aside for this round."
        return "already_decided", f"There is a decision for {principal} in this round already."
    role_key = next(row.role.key for row in facts.roles if row.role_id == role_id)
    if rules.is_waiting_its_turn(facts.needs, facts.votes, role_key):
        first = [need.name for need in facts.needs if need.key in rules.roles_up(facts.needs, facts.votes)]
        return "not_your_turn", f"{_list(first)} {'decides' if len(first) == 1 else 'decide'} first."
    return None


def _refusal_of_person(facts: GateFacts, user: User) -> tuple[str, str] | None:
    """Why a person may not decide on the open round, whatever the role."""
    submission = facts.submission
    assert submission is not None
    if submission.submitted_by_id == user.pk:
        return "is_submitter", "You submitted this round; somebody else has to decide."
    if user.pk in facts.contributors:
        return "is_contributor", "You wrote evidence of this round; somebody else has to decide."
    principal = facts.stand_ins_of(facts.party).get(user.pk)
    if principal is not None:
        did = "submitted this round" if principal.pk == submission.submitted_by_id else "wrote evidence of this round"
        return "is_stand_in", f"You stand in for {principal}, who {did}; somebody else has to decide."
    if user.pk in facts.recused:
        return "recused", "You stepped aside for this round."
    if any(user.pk == d.decided_by_id for d in facts.standing):
        return "already_decided", "You have decided in this round already; revoke that decision first."
    for_me = next((d for d in facts.standing if user.pk == d.on_behalf_of_id), None)
    if for_me is not None:
        return "already_decided", f"{for_me.decided_by} has decided for you in this round already."
    return None


def seats_in(facts: GateFacts, user: User, role_id: int) -> list[Holder]:
    """How a person sits in a role today: their own seat first, then as stand-in for others."""
    own = [holder for holder in facts.holders.get(role_id, ()) if holder.user.pk == user.pk]
    return own + [deputy for deputy in facts.deputies(role_id) if deputy.user.pk == user.pk]


def free_seat(facts: GateFacts, user: User, role_id: int) -> Holder | None:
    """The seat in which a person would decide: one that nobody has decided in and whose holder did not step aside."""
    spent = {person for d in facts.standing for person in (d.decided_by_id, d.on_behalf_of_id)}
    for seat in seats_in(facts, user, role_id):
        if seat.on_behalf_of is None or seat.on_behalf_of.pk not in spent | facts.recused:
            return seat
    return None


def allowed_actions(
    facts: GateFacts, user: User, permissions: frozenset[str], to_submit: Sequence[Blocker]
) -> list[str]:
    """What the person may do now; the engine refuses everything else."""
    gate, release, submission = facts.gate, facts.release, facts.submission
    found: list[str] = []
    if not user.is_active or not release.is_running:
        return found
    if gate.state in EDITABLE and permissions & {"manage_product", "contribute"}:
        found.append("edit_evidence")
    if "manage_product" in permissions and not to_submit:
        found.append("submit")
    if gate.state == GateState.IN_REVIEW and submission is not None:
        if "manage_product" in permissions or is_administrator(user):
            found.append("withdraw")
        missing = rules.missing_approvals(facts.needs, facts.votes)
        mine = [row for row in facts.roles if vote_refusal(facts, user, row.role_id) is None]
        # The role that still needs most comes first; a role with its quorum may still be decided in (a late decline).
        mine.sort(key=lambda row: (-missing.get(row.role.key, 0), row.position))
        found.extend(f"decide:{row.role.key}" for row in mine)
        if recuse_refusal(facts, user) is None:
            found.append("recuse")
        found.extend(f"revoke:{d.pk}" for d in facts.standing if d.decided_by_id == user.pk)
    if gate.state in WAIVABLE and waive_refusal(facts, user, permissions) is None:
        found.append("waive")
    if gate.state in EDITABLE and waive_refusal(facts, user, permissions) is None and facts.excusable:
        found.append("except")
    return found


def recuse_refusal(facts: GateFacts, user: User) -> tuple[str, str] | None:
    """Why a person may not step aside from the open round: (code, sentence), or None when they may.

    They step aside in all seats that they hold themselves, before it is their turn too: a conflict of interests is
    better known early. Who stands in for somebody does not.
    """
    if not any(h.user.pk == user.pk for row in facts.roles for h in facts.holders[row.role_id]):
        return (
            "not_holder", "You hold no role of this gate yourself: only its holders step aside, not who stands in."
        )  # fmt: skip
    return _refusal_of_person(facts, user)


def waive_refusal(facts: GateFacts, user: User, permissions: frozenset[str]) -> tuple[str, str] | None:
    """Why a person may not waive the gate: (code, sentence), or None."""
    if "waive_gate" not in permissions:
        return "no_waive_gate", f"You may not waive gates of {facts.release.product}."
    if facts.submission is not None and facts.submission.submitted_by_id == user.pk:
        return "is_submitter", "You submitted this gate; somebody else has to waive it."
    contributors = facts.contributors if facts.is_in_review else facts.contributors_now()
    if user.pk in contributors or user.pk in facts.contributors_now():
        return "is_contributor", "You wrote evidence for this gate; somebody else has to waive it."
    party = set(contributors) | facts.contributors_now()
    if facts.submission is not None:
        party.add(facts.submission.submitted_by_id)
    principal = facts.stand_ins_of(party).get(user.pk)
    if principal is not None:
        return "is_stand_in", f"You stand in for {principal}, whose work this is; somebody else has to waive it."
    return None
