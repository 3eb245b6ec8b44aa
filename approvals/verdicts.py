"""Is a gate open? The answer for pipelines, now and at any past moment.

Now it is the engine's own (`status`). A past moment is told again from the release's events: the state of the gates,
the evidence, checks, decisions, waivers and conditions as they were. Two things are as they are today, because no event
tells them: which deliverables and checks the gate asks for, and whether the seats of that day could have reached the
quorums.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from approvals import rules
from approvals.facts import GateFacts, needs_of
from approvals.kinds import BlockerCode, CheckStatus, WaiverKind
from approvals.models import Submission
from approvals.rules import Vote
from approvals.status import CHECK_WORDS, SUBMITTABLE, GateStatus, approval_missing
from gatekeeper.common.calendars import day_of
from gatekeeper.common.errors import Blocker
from releases.kinds import PASSED, EventKind, GateState, ReleaseState
from releases.models import Event

GO, NO_GO = "go", "no_go"


@dataclass(frozen=True)
class Answer:
    """Go or not, why, what is fulfilled, and what was let through: typed, with a sentence each."""

    verdict: str
    summary: str
    state: str
    satisfied: tuple[Blocker, ...]
    blockers: tuple[Blocker, ...]
    waived: tuple[Blocker, ...]


@dataclass
class Past:
    """A release as its events tell it up to a moment."""

    release_state: str = ReleaseState.DRAFT
    gates: dict[str, str] = field(default_factory=dict)
    rounds: dict[str, int] = field(default_factory=dict)
    evidence: dict[str, set[str]] = field(default_factory=dict)
    checks: dict[str, dict[str, tuple[str, str]]] = field(default_factory=dict)
    votes: dict[int, Vote] = field(default_factory=dict)
    declines: dict[str, str] = field(default_factory=dict)
    waivers: dict[str, dict[str, Any]] = field(default_factory=dict)
    expired: set[str] = field(default_factory=set)
    exceptions: dict[str, dict[int, dict[str, Any]]] = field(default_factory=dict)
    conditions: dict[int, dict[str, Any]] = field(default_factory=dict)


_RELEASE_STATES = {
    EventKind.RELEASE_CREATED: ReleaseState.DRAFT,
    EventKind.RELEASE_ACTIVATED: ReleaseState.ACTIVE,
    EventKind.RELEASE_HELD: ReleaseState.ON_HOLD,
    EventKind.RELEASE_RESUMED: ReleaseState.ACTIVE,
    EventKind.RELEASE_SHIPPED: ReleaseState.RELEASED,
    EventKind.RELEASE_CLOSED: ReleaseState.CLOSED,
    EventKind.RELEASE_CANCELLED: ReleaseState.CANCELLED,
}
_GATE_STATES = {
    EventKind.GATE_OPENED: GateState.OPEN,
    EventKind.SUBMITTED: GateState.IN_REVIEW,
    EventKind.WITHDRAWN: GateState.OPEN,
    EventKind.GATE_APPROVED: GateState.APPROVED,
    EventKind.GATE_DECLINED: GateState.DECLINED,
    EventKind.GATE_WAIVED: GateState.WAIVED,
}


def replay(events: Iterable[Event]) -> Past:
    """The release after some events of its stream, in their order. Pure."""
    past = Past()
    for event in events:
        kind, data, gate = event.kind, event.payload, event.about.get("gate", "")
        if kind in _RELEASE_STATES:
            past.release_state = _RELEASE_STATES[kind]
        if kind in _GATE_STATES:
            past.gates[gate] = _GATE_STATES[kind]
        if kind == EventKind.SUBMITTED:
            past.rounds[gate] = data["round"]
            past.votes = {}
        elif kind == EventKind.EVIDENCE_SAVED:
            past.evidence.setdefault(gate, set()).add(data["deliverable"])
        elif kind == EventKind.EVIDENCE_REMOVED:
            past.evidence.setdefault(gate, set()).discard(data["deliverable"])
        elif kind == EventKind.CHECK_REPORTED:
            past.checks.setdefault(gate, {})[data["check"]] = data["status"], data.get("summary", "")
        elif kind == EventKind.DECISION_RECORDED:
            person = event.on_behalf_of_id or event.actor_id
            assert person is not None
            past.votes[data["decision"]] = Vote(person, data["role"], data["verdict"])
        elif kind == EventKind.DECISION_REVOKED:
            past.votes.pop(data["decision"], None)
        elif kind == EventKind.GATE_DECLINED:
            past.declines[gate] = f"{data['role_name']} declined: {data['comment']}"
        elif kind == EventKind.GATE_WAIVED:
            past.waivers[gate] = data | {"by": str(event.actor or "")}
        elif kind == EventKind.WAIVER_EXPIRED:
            past.expired.add(gate)
        elif kind == EventKind.EXCEPTION_GRANTED:
            past.exceptions.setdefault(gate, {})[data["exception"]] = data | {"by": str(event.actor or "")}
        elif kind == EventKind.EXCEPTION_EXPIRED:
            past.exceptions.get(gate, {}).pop(data["exception"], None)
        elif kind == EventKind.CONDITION_OPENED:
            past.conditions[data["condition"]] = data | {"gate": gate}
        elif kind == EventKind.CONDITION_CLOSED:
            past.conditions.pop(data["condition"], None)
        if kind in (EventKind.WITHDRAWN, EventKind.GATE_DECLINED, EventKind.GATE_WAIVED, EventKind.RELEASE_CANCELLED):
            # a round that ends without approval takes its conditions along
            gone = gate if kind != EventKind.RELEASE_CANCELLED else None
            past.conditions = {key: c for key, c in past.conditions.items() if gone is not None and c["gate"] != gone}
    return past


# --- Now ----------------------------------------------------------------------------------------------------------


def present_verdict(status: GateStatus) -> str:
    """`go` or `no_go` alone: nothing more is loaded for it than the status knows."""
    return _verdict(status.facts.gate.state, status.blockers)


def _verdict(state: str, blockers: Sequence[Blocker]) -> str:
    return GO if state in PASSED and not blockers else NO_GO


def present_answer(status: GateStatus) -> Answer:
    """The engine's answer of today."""
    facts = status.facts
    waived = [_excused(w.kind, w.subject, w.printed_name, w.reason, w.expires_on) for w in facts.exceptions]
    if facts.gate.state == GateState.WAIVED and facts.waiver is not None:
        waiver = facts.waiver
        waived.insert(
            0, _let_through(facts.gate.key, facts.gate.name, waiver.printed_name, waiver.reason, waiver.expires_on)
        )
    return _answer(facts, facts.gate.state, status.blockers, _satisfied(facts), waived)


def _satisfied(facts: GateFacts) -> list[Blocker]:
    found = [
        Blocker("deliverable_supplied", thing.key, f"{thing.name} is supplied.")
        for thing in facts.deliverables
        if thing.pk in facts.evidence
    ]
    found += [
        Blocker("check_success", check.name, f"The check {check.name} has passed.")
        for check in facts.checks
        if check.status == CheckStatus.SUCCESS
    ]
    if facts.gate.state in (GateState.IN_REVIEW, GateState.APPROVED) and facts.submission is not None:
        votes = [Vote(d.on_behalf_of_id or d.decided_by_id, d.role.key, d.verdict) for d in facts.standing]
        found += _approved(needs_of(facts.submission.frozen), votes)
    return found


def _approved(needs: Sequence[rules.RoleNeed], votes: Sequence[Vote]) -> list[Blocker]:
    missing = rules.missing_approvals(needs, votes)
    return [
        Blocker("role_approved", need.key, f"{need.name} has approved.") for need in needs if not missing.get(need.key)
    ]


def _let_through(key: str, name: str, by: str, reason: str, until: date) -> Blocker:
    return Blocker("gate_waived", key, f"{by} waived {name} until {until:%-d %b %Y}: {reason}")


def _excused(kind: str, subject: str, by: str, reason: str, until: date) -> Blocker:
    return Blocker(f"{kind}_excused", subject, f"{by} excused {subject} until {until:%-d %b %Y}: {reason}")


def _answer(
    facts: GateFacts, state: str, blockers: Sequence[Blocker], satisfied: Sequence[Blocker], waived: Sequence[Blocker]
) -> Answer:
    verdict, name = _verdict(state, blockers), facts.gate.name
    if verdict == GO:
        summary = f"{name} is {GateState(state).label.lower()}."
    elif len(blockers) == 1:
        summary = blockers[0].message
    else:
        summary = f"{name} is not passed: {len(blockers)} things are in the way."
    return Answer(verdict, summary, state, tuple(satisfied), tuple(blockers), tuple(waived))


# --- Then ---------------------------------------------------------------------------------------------------------


def past_answer(facts: GateFacts, at: datetime) -> Answer:
    """The answer that would have been given at a past moment. Three queries."""
    release, gate = facts.release, facts.gate
    events = Event.objects.filter(release=release, recorded_at__lte=at).select_related("actor").order_by("number")
    past = replay(events.iterator(500))
    today = day_of(at)
    state = past.gates.get(gate.key, GateState.UPCOMING)
    waived = [
        _excused(data["kind"], data["subject"], data["by"], data["reason"], date.fromisoformat(data["expires_on"]))
        for data in past.exceptions.get(gate.key, {}).values()
        if date.fromisoformat(data["expires_on"]) >= today
    ]
    if state == GateState.WAIVED:
        data = past.waivers[gate.key]
        waived.insert(
            0, _let_through(gate.key, gate.name, data["by"], data["reason"], date.fromisoformat(data["expires_on"]))
        )
    submission = _round_of(gate.pk, past.rounds.get(gate.key))
    blockers = _past_blockers(facts, past, state, submission, today)
    return _answer(facts, state, blockers, _past_satisfied(facts, past, state, submission), waived)


def _round_of(gate_id: int, number: int | None) -> Submission | None:
    return Submission.objects.filter(gate=gate_id, number=number).first() if number else None


def _past_satisfied(facts: GateFacts, past: Past, state: str, submission: Submission | None) -> list[Blocker]:
    there = past.evidence.get(facts.gate.key, set())
    found = [
        Blocker("deliverable_supplied", thing.key, f"{thing.name} is supplied.")
        for thing in facts.deliverables
        if thing.key in there
    ]
    found += [
        Blocker("check_success", name, f"The check {name} has passed.")
        for name, (status, _summary) in past.checks.get(facts.gate.key, {}).items()
        if status == CheckStatus.SUCCESS
    ]
    if state in (GateState.IN_REVIEW, GateState.APPROVED) and submission is not None:
        needs = needs_of(submission.frozen)
        votes = list(past.votes.values()) if state == GateState.IN_REVIEW else _votes_of(submission)
        found += _approved(needs, votes)
    return found


def _votes_of(submission: Submission) -> list[Vote]:
    """The approvals of a round that ended with approval."""
    standing = submission.decisions.filter(revocation__isnull=True).select_related("role")
    return [Vote(d.on_behalf_of_id or d.decided_by_id, d.role.key, d.verdict) for d in standing]


def _past_blockers(
    facts: GateFacts, past: Past, state: str, submission: Submission | None, today: date
) -> list[Blocker]:
    gate = facts.gate
    if state == GateState.APPROVED:
        return []
    if state == GateState.WAIVED:
        if gate.key not in past.expired:
            return []
        return [Blocker(BlockerCode.WAIVER_EXPIRED, gate.key, f"The waiver of {gate.name} has expired.")]
    found: list[Blocker] = []
    if past.release_state not in (ReleaseState.ACTIVE, ReleaseState.RELEASED):
        words = ReleaseState(past.release_state).label.lower()
        found.append(Blocker(BlockerCode.RELEASE_NOT_ACTIVE, facts.release.version, f"The release is {words}."))
    if state == GateState.IN_REVIEW:
        needs = needs_of(submission.frozen) if submission is not None else []
        missing = rules.missing_approvals(needs, list(past.votes.values()))
        found += [approval_missing(need, missing[need.key]) for need in needs if missing.get(need.key)]
        return found
    if state == GateState.DECLINED:
        found.insert(
            0, Blocker(BlockerCode.DECLINED, gate.key, past.declines.get(gate.key, f"{gate.name} was declined."))
        )
    found += [
        Blocker(BlockerCode.EARLIER_GATE_OPEN, earlier.key, f"{earlier.name} is not passed yet.")
        for earlier in facts.gates
        if earlier.position < gate.position and past.gates.get(earlier.key) not in PASSED
    ]
    if state not in SUBMITTABLE:
        words = GateState(state).label.lower()
        found.append(Blocker(BlockerCode.NOT_OPEN, gate.key, f"{gate.name} is {words}."))
    found += _past_gaps(facts, past, today)
    if state in SUBMITTABLE:
        found.append(Blocker(BlockerCode.NOT_SUBMITTED, gate.key, f"{gate.name} is not submitted."))
    return found


def _past_gaps(facts: GateFacts, past: Past, today: date) -> list[Blocker]:
    """Deliverables, checks and conditions that would have kept the gate from being submitted."""
    gate = facts.gate
    excused = {
        (data["kind"], data["subject"])
        for data in past.exceptions.get(gate.key, {}).values()
        if date.fromisoformat(data["expires_on"]) >= today
    }
    there = past.evidence.get(gate.key, set())
    found = [
        Blocker(BlockerCode.DELIVERABLE_MISSING, thing.key, f"{thing.name} is required and empty.")
        for thing in facts.deliverables
        if thing.is_required and thing.key not in there and (WaiverKind.DELIVERABLE, thing.key) not in excused
    ]
    reported = past.checks.get(gate.key, {})
    for check in facts.checks:
        status, summary = reported.get(check.name, (CheckStatus.NOT_REPORTED.value, ""))
        if check.is_blocking and status != CheckStatus.SUCCESS and (WaiverKind.CHECK, check.name) not in excused:
            code, said = CHECK_WORDS[CheckStatus(status)]
            more = f": {summary}" if summary else "."
            found.append(Blocker(code, check.name, f"The blocking check {check.name} {said}{more}"))
    positions = {one.key: one for one in facts.gates}
    for key, condition in sorted(past.conditions.items()):
        due, owner = date.fromisoformat(condition["due_on"]), positions.get(condition["gate"])
        if due < today and owner is not None and owner.position < gate.position:
            words = f"A condition of {owner.name} was due on {due:%-d %b %Y}: {condition['text']}"
            found.append(Blocker(BlockerCode.CONDITION_OVERDUE, str(key), words))
    return found
