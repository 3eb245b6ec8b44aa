"""Recompute the state of every gate from its rounds and decisions, and name every difference."""

from collections import defaultdict
from collections.abc import Iterator

from django.db import transaction
from django.db.models import Count, F, Max, Q

from approvals import rules
from approvals.actions.files import hash_of
from approvals.actions.rounds import digest_of
from approvals.facts import needs_of
from approvals.furnishing import is_quorum_unreachable
from approvals.kinds import EvidenceKind, RoundState, Verdict
from approvals.models import Condition, Decision, Deliverable, Evidence, EvidenceFile, Submission, Waiver
from gatekeeper.common.invariants import Difference
from releases.kinds import GateState, ReleaseState
from releases.locking import lock_release
from releases.models import Gate, Release

BATCH = 500
# The round that stands behind a gate's state.
ROUND_OF_STATE = {
    GateState.IN_REVIEW: RoundState.OPEN,
    GateState.APPROVED: RoundState.APPROVED,
    GateState.DECLINED: RoundState.DECLINED,
}


def check_gates() -> Iterator[Difference]:
    """Gate states against rounds, decisions and waivers. Memory is flat in gates."""
    last = 0
    while True:
        batch = list(
            Gate.objects.filter(pk__gt=last, release__kind="gates")
            .select_related("release__product")
            .order_by("pk")[:BATCH]
        )
        if not batch:
            return
        last = batch[-1].pk
        rounds: dict[int, list[Submission]] = defaultdict(list)
        for submission in (
            Submission.objects.filter(gate__in=batch)
            .prefetch_related("decisions__revocation", "decisions__role", "contributors")
            .order_by("number")
        ):
            rounds[submission.gate_id].append(submission)
        waived = set(Waiver.objects.filter(gate__in=batch, kind="gate").values_list("gate_id", flat=True))
        conditions = dict(
            Condition.objects.filter(gate__in=batch, closed_at__isnull=True)
            .order_by()
            .values("gate")
            .annotate(n=Count("pk"))
            .values_list("gate", "n")
        )
        for gate in batch:
            yield from _check_gate(gate, rounds[gate.pk], gate.pk in waived, conditions.get(gate.pk, 0))


def _check_gate(gate: Gate, rounds: list[Submission], is_waived: bool, conditions: int) -> Iterator[Difference]:
    name = f"{gate.release}: {gate}"
    if [r.number for r in rounds] != list(range(1, len(rounds) + 1)):
        yield Difference("rounds", name, "rounds do not count 1, 2, 3 …")
    if gate.round_number != len(rounds):
        yield Difference("rounds", name, f"round_number is {gate.round_number}, there are {len(rounds)} rounds")
    if gate.open_conditions != conditions:
        yield Difference("conditions", name, f"open_conditions is {gate.open_conditions}, {conditions} are open")
    if (gate.state == GateState.WAIVED) != is_waived:
        yield Difference("waiver", name, f"state is {gate.state}, a waiver is {'there' if is_waived else 'missing'}")
    last = rounds[-1].state if rounds else None
    wanted = ROUND_OF_STATE.get(GateState(gate.state))
    if wanted is not None and last != wanted:
        yield Difference("state", name, f"state is {gate.state}, its last round is {last}")
    ends = (RoundState.OPEN, RoundState.APPROVED, RoundState.DECLINED)
    if wanted is None and last in ends and (gate.state, last) != (GateState.WAIVED, RoundState.DECLINED):
        yield Difference("state", name, f"state is {gate.state}, its last round is {last}")
    for submission in rounds:
        yield from _check_round(f"{name} round {submission.number}", submission)


def _check_round(name: str, submission: Submission) -> Iterator[Difference]:
    if digest_of(submission.snapshot) != submission.digest:
        yield Difference("digest", name, "the snapshot does not match its digest")
    frozen = submission.frozen
    needs = needs_of(frozen)
    if not needs:
        yield Difference("roles", name, "was submitted without roles")
    barred = {submission.submitted_by_id, *(p.pk for p in submission.contributors.all())}
    votes: list[rules.Vote] = []
    decisions = list(submission.decisions.all())
    for decision in decisions:
        who = f"{name}: {decision.printed_name}"
        if decision.digest != submission.digest:
            yield Difference("decision", who, "decided over other content")
        if barred & {decision.decided_by_id, decision.on_behalf_of_id}:
            yield Difference("decision", who, "is the submitter or a contributor")
        if decision.role.key not in {need.key for need in needs}:
            yield Difference("decision", who, f"decided as {decision.role.key}, which the round does not ask for")
        if submission.ended_at is not None and decision.decided_at > submission.ended_at:
            yield Difference("decision", who, "decided after the round had ended")
        before = [_vote(d) for d in decisions if d is not decision and _stood_at(d, decision)]
        if rules.is_waiting_its_turn(needs, before, decision.role.key):
            yield Difference("decision", who, f"decided as {decision.role.key} before it was the role’s turn")
        if not hasattr(decision, "revocation"):
            votes.append(_vote(decision))
    people = [vote.person for vote in votes]
    if len(people) != len(set(people)):
        yield Difference("decision", name, "somebody has two standing decisions")
    result = rules.outcome(needs, votes)
    if result != {RoundState.APPROVED: rules.APPROVED, RoundState.DECLINED: rules.DECLINED}.get(
        RoundState(submission.state), rules.PENDING
    ):
        yield Difference("outcome", name, f"is {submission.state}, its decisions give {result}")
    if sum(vote.verdict == Verdict.DECLINE for vote in votes) > 1:
        yield Difference("outcome", name, "was declined twice")


def _vote(decision: Decision) -> rules.Vote:
    return rules.Vote(decision.on_behalf_of_id or decision.decided_by_id, decision.role.key, decision.verdict)


def _stood_at(decision: Decision, later: Decision) -> bool:
    """Whether a decision stood when another one was made; of the same moment, the lower number was first."""
    if (decision.decided_at, decision.pk) > (later.decided_at, later.pk):
        return False
    return not hasattr(decision, "revocation") or decision.revocation.revoked_at >= later.decided_at


def check_evidence() -> Iterator[Difference]:
    """One latest version per deliverable, and every stored file with the bytes that were hashed."""
    newest = Deliverable.objects.annotate(
        top=Max("versions__version"),
        latest=Max("versions__version", filter=Q(versions__is_latest=True)),
        count=Count("versions"),
    ).filter(count__gt=0)
    for thing in newest.iterator(BATCH):
        if not thing.top == thing.latest == thing.count:
            yield Difference(
                "evidence", str(thing), f"versions up to {thing.top}, latest {thing.latest}, {thing.count} rows"
            )
    bare = Evidence.objects.filter(kind=EvidenceKind.FILE, files__isnull=True)
    for item in bare.select_related("deliverable").iterator(BATCH):
        yield Difference("evidence", str(item), "is a file, and has none")
    foreign = Evidence.files.through.objects.exclude(evidence__deliverable=F("evidencefile__deliverable"))
    for link in foreign.select_related("evidence__deliverable"):
        yield Difference("evidence", str(link.evidence), "has a file of another deliverable")
    for file in EvidenceFile.objects.select_related("deliverable").iterator(BATCH):
        name = f"{file.deliverable}: {file}"
        if not file.file.storage.exists(str(file.file.name)):
            yield Difference("file", name, "its file is missing")
            continue
        with file.file.open("rb") as stream:
            digest, size = hash_of(stream)
        if (digest, size) != (file.sha256, file.size):
            yield Difference("file", name, "its file is not the one that was stored")


def check_reachability() -> Iterator[Difference]:
    """`is_quorum_unreachable` of every running release against who sits where now."""
    running = Release.objects.filter(state__in=[ReleaseState.ACTIVE, ReleaseState.RELEASED]).order_by("pk")
    for release_id in running.values_list("pk", flat=True):
        with transaction.atomic():
            locked = lock_release(release_id, actor=None)
            found = is_quorum_unreachable(locked, locked.gates)
            if found != locked.release.is_quorum_unreachable:
                yield Difference("reachability", str(locked.release), f"stored {not found}, recomputed {found}")
