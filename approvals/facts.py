"""Everything that is known of a gate at one moment, loaded in a fixed number of queries."""

from dataclasses import dataclass, field
from datetime import date

from approvals.models import (
    Condition,
    Decision,
    Deliverable,
    Evidence,
    GateRole,
    Recusal,
    Submission,
    Waiver,
)
from approvals.permissions import Holder, seat_holders
from approvals.rules import RoleNeed, Vote
from releases.kinds import GateState
from releases.models import Gate, Release


@dataclass
class GateFacts:
    """A gate with its deliverables and evidence, seats and who holds them, and its latest round with the decisions."""

    release: Release
    gate: Gate
    gates: list[Gate]
    today: date
    deliverables: list[Deliverable]
    evidence: dict[int, Evidence]
    authors: dict[int, set[int]]
    roles: list[GateRole]
    holders: dict[int, list[Holder]]
    submission: Submission | None
    contributors: frozenset[int]
    decisions: list[Decision]
    recused: frozenset[int]
    late_conditions: list[Condition]
    waiver: Waiver | None = None
    exceptions: list[Waiver] = field(default_factory=list)

    @property
    def needs(self) -> list[RoleNeed]:
        """The roles and quorums in force: those of the frozen round while one is open, else the gate's."""
        if self.is_in_review and self.submission is not None:
            return [RoleNeed(r["key"], r["name"], r["quorum"]) for r in self.submission.frozen["roles"]]
        return [RoleNeed(row.role.key, row.role.name, row.quorum) for row in self.roles]

    @property
    def is_in_review(self) -> bool:
        return self.gate.state == GateState.IN_REVIEW

    @property
    def standing(self) -> list[Decision]:
        """Decisions of the latest round that were not revoked."""
        return [decision for decision in self.decisions if not hasattr(decision, "revocation")]

    @property
    def votes(self) -> list[Vote]:
        """The standing decisions of an open round, as the rules take them."""
        if not self.is_in_review:
            return []
        return [Vote(d.on_behalf_of_id or d.decided_by_id, d.role.key, d.verdict) for d in self.standing]

    def contributors_now(self) -> frozenset[int]:
        """Whoever wrote any version of an item that would be in the next round."""
        return frozenset(
            author
            for deliverable_id, authors in self.authors.items()
            if deliverable_id in self.evidence
            for author in authors
        )

    def candidates(self, *, submitter: int | None = None) -> dict[str, set[int]]:
        """By role, who may still vote: active holders but for the submitter, contributors, recused and voters."""
        if self.is_in_review and self.submission is not None:
            barred = {self.submission.submitted_by_id, *self.contributors, *self.recused}
            barred |= {vote.person for vote in self.votes}
        else:
            barred = set(self.contributors_now())
            if submitter is not None:
                barred.add(submitter)
        return {
            row.role.key: {h.user.pk for h in self.holders[row.role_id] if h.user.pk not in barred}
            for row in self.roles
        }


def load_facts(release: Release, gate: Gate, gates: list[Gate], today: date) -> GateFacts:
    """Load a gate's facts; call it under the release's lock to decide, or without to show."""
    deliverables = list(Deliverable.objects.filter(gate=gate).order_by("position"))
    evidence: dict[int, Evidence] = {}
    authors: dict[int, set[int]] = {}
    latest = Evidence.objects.filter(deliverable__gate=gate, is_latest=True).select_related("author")
    for item in latest:
        if item.kind != "removed":
            evidence[item.deliverable_id] = item
    for deliverable_id, author in Evidence.objects.filter(deliverable__gate=gate).values_list(
        "deliverable_id", "author_id"
    ):
        authors.setdefault(deliverable_id, set()).add(author)
    roles = list(GateRole.objects.filter(gate=gate).select_related("role").order_by("position"))
    submission = (
        Submission.objects.filter(gate=gate).select_related("submitted_by").order_by("-number").first()
        if gate.round_number
        else None
    )
    decisions: list[Decision] = []
    recused: frozenset[int] = frozenset()
    contributors: frozenset[int] = frozenset()
    if submission is not None:
        decisions = list(
            Decision.objects.filter(submission=submission)
            .select_related("role", "decided_by", "on_behalf_of", "revocation")
            .order_by("decided_at", "id")
        )
        recused = frozenset(Recusal.objects.filter(submission=submission).values_list("person_id", flat=True))
        contributors = frozenset(submission.contributors.values_list("pk", flat=True))
    waivers = list(Waiver.objects.filter(gate=gate).select_related("waived_by"))
    return GateFacts(
        release=release,
        gate=gate,
        gates=gates,
        today=today,
        deliverables=deliverables,
        evidence=evidence,
        authors=authors,
        roles=roles,
        holders=seat_holders([row.role_id for row in roles]),
        submission=submission,
        contributors=contributors,
        decisions=decisions,
        recused=recused,
        late_conditions=list(
            Condition.objects.filter(
                gate__release=release, gate__position__lt=gate.position, closed_at__isnull=True, due_on__lt=today
            ).select_related("owner", "gate")
        ),
        waiver=next((w for w in waivers if w.kind == "gate"), None),
        exceptions=[w for w in waivers if w.kind != "gate" and w.expired_at is None and w.expires_on >= today],
    )
