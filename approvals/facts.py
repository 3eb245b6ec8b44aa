"""Everything that is known of a gate at one moment: what a question needs is loaded when it is asked, and once.

The number of queries is fixed, whatever the rounds, decisions, versions and people.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from django.db.models import F, Q, QuerySet, prefetch_related_objects

from approvals.kinds import EvidenceKind, WaiverKind
from approvals.models import (
    Check,
    Condition,
    Decision,
    Delegation,
    Deliverable,
    Evidence,
    GateRole,
    Recusal,
    Submission,
    Waiver,
)
from approvals.permissions import Holder, seat_holders
from approvals.rules import RoleNeed, Vote
from gatekeeper.accounts.models import User
from gatekeeper.common.prepared import Prepared
from releases.kinds import GateState
from releases.models import Gate, Release
from releases.permissions import who_may_see

ROLES = Prepared(lambda gate: GateRole.objects.filter(gate=gate).select_related("role").order_by("position"))
DELIVERABLES = Prepared(
    lambda gate: Deliverable.objects.filter(gate=gate).select_related("assignee").order_by("position")
)
EVIDENCE = Prepared(
    lambda gate: (
        Evidence.objects.filter(deliverable__gate=gate, is_latest=True)
        .select_related("author")
        .prefetch_related("files")
    )
)
AUTHORS = Prepared(
    lambda gate: (
        Evidence.objects.filter(deliverable__gate=gate).order_by().values_list("deliverable_id", "author_id").distinct()
    )
)
SUBMISSION = Prepared(
    lambda gate: Submission.objects.filter(gate=gate).select_related("submitted_by").order_by("-number")[:1]
)
DECISIONS = Prepared(
    lambda submission: (
        Decision.objects.filter(submission=submission)
        .select_related("role", "decided_by", "on_behalf_of", "revocation")
        .order_by("decided_at", "id")
    )
)
RECUSED = Prepared(lambda submission: Recusal.objects.filter(submission=submission).values_list("person_id"))
WAIVERS = Prepared(lambda gate: Waiver.objects.filter(gate=gate).select_related("waived_by"))


def _absences(on: date, roles: Collection[int], people: Collection[int]) -> QuerySet[Delegation]:
    return (
        Delegation.objects.in_force(on)
        .covering(roles)
        .filter(Q(person__in=people) | Q(delegate__in=people))
        .select_related("person", "delegate")
        .prefetch_related("roles")
        .order_by("starts_on", "pk")
    )


ABSENCES = Prepared(_absences)


@dataclass
class GateFacts:
    """A gate with its deliverables and evidence, seats and who holds them, and its latest round with the decisions."""

    release: Release
    gate: Gate
    gates: list[Gate]
    today: date

    # --- Seats ------------------------------------------------------------------------------------------------

    @cached_property
    def roles(self) -> list[GateRole]:
        """The seats that the gate needs, in order."""
        return ROLES.rows(self.gate.pk)

    @cached_property
    def holders(self) -> dict[int, list[Holder]]:
        """Active holders by seat id."""
        return seat_holders([row.role_id for row in self.roles])

    @cached_property
    def delegations(self) -> list[Delegation]:
        """Absences in force today of the people of this gate, and the seats of others that its holders look after."""
        people = {holder.user.pk for holders in self.holders.values() for holder in holders} | self.party
        if self.submission is not None:  # after the round too: who stands in for its submitter does not waive it
            people.add(self.submission.submitted_by_id)
        return ABSENCES.rows(self.today, [row.role_id for row in self.roles], people)

    def deputies(self, role_id: int) -> list[Holder]:
        """Who stands in for holders of a seat today and sees the product, each with the one that they stand in for."""
        sits = {holder.user.pk for holder in self.holders.get(role_id, ())}
        return [
            Holder(d.delegate, f"delegation: {d.person.full_name}", d.person)
            for d in self.delegations
            if d.person_id in sits and d.delegate is not None and d.delegate_id in self._seeing and d.covers(role_id)
        ]

    @cached_property
    def _seeing(self) -> set[int]:
        """Which of those who stand in today are active and see the product: one query, where anybody stands in."""
        people = {d.delegate_id for d in self.delegations if d.delegate_id is not None}
        return who_may_see(self.release.product, people) if people else set()

    def away(self, person_id: int) -> Delegation | None:
        """A person's absence that is in force today."""
        return next((d for d in self.delegations if d.person_id == person_id), None)

    def stand_ins_of(self, people: Collection[int]) -> dict[int, User]:
        """Who decides at this gate for one of some people today, with the one that they stand in for."""
        return {d.delegate_id: d.person for d in self.delegations if d.delegate_id and d.person_id in people}

    # --- The latest round -------------------------------------------------------------------------------------

    @cached_property
    def submission(self) -> Submission | None:
        """The latest round, if there was one."""
        if not self.gate.round_number:
            return None
        return SUBMISSION.first(self.gate.pk)

    @cached_property
    def decisions(self) -> list[Decision]:
        """Decisions of the latest round, revoked ones too, in order of time."""
        if self.submission is None:
            return []
        return DECISIONS.rows(self.submission.pk)

    @cached_property
    def recused(self) -> frozenset[int]:
        """Who stepped aside from the latest round."""
        if self.submission is None:
            return frozenset()
        return frozenset(person for (person,) in RECUSED.rows(self.submission.pk))

    @cached_property
    def contributors(self) -> frozenset[int]:
        """Who wrote any version of an item in the latest round, as frozen with it."""
        return frozenset(self.submission.frozen["contributors"]) if self.submission is not None else frozenset()

    @property
    def party(self) -> set[int]:
        """Who may not judge the round: its submitter and contributors; without one, who wrote what would be in it."""
        if self.is_in_review and self.submission is not None:
            return {self.submission.submitted_by_id, *self.contributors}
        return set(self.contributors_now())

    def begin_round(self, submission: Submission, contributors: Iterable[int]) -> None:
        """The gate was submitted under this lock."""
        self.submission, self.decisions = submission, []
        self.recused, self.contributors = frozenset(), frozenset(contributors)

    def add_decision(self, decision: Decision) -> None:
        """A decision was recorded under this lock."""
        # Nobody has revoked it yet: remembered, so that nothing asks the database.
        Decision.revocation.related.set_cached_value(decision, None)
        self.decisions.append(decision)

    # --- Evidence ---------------------------------------------------------------------------------------------

    @cached_property
    def deliverables(self) -> list[Deliverable]:
        """What the gate asks for, in order."""
        return DELIVERABLES.rows(self.gate.pk)

    @cached_property
    def evidence(self) -> dict[int, Evidence]:
        """What is supplied now, by deliverable id."""
        return {item.deliverable_id: item for item in EVIDENCE.rows(self.gate.pk) if item.kind != EvidenceKind.REMOVED}

    @cached_property
    def authors(self) -> dict[int, set[int]]:
        """Who wrote any version, by deliverable id."""
        found: dict[int, set[int]] = {}
        for deliverable_id, author in AUTHORS.rows(self.gate.pk):
            found.setdefault(deliverable_id, set()).add(author)
        return found

    @cached_property
    def checks(self) -> list[Check]:
        """What engineering tools report for the gate, in order."""
        return list(Check.objects.filter(gate=self.gate).select_related("reported_by").order_by("position", "name"))

    # --- What stands beside -----------------------------------------------------------------------------------

    @cached_property
    def late_conditions(self) -> list[Condition]:
        """Open conditions of earlier gates whose day has passed."""
        return list(
            Condition.objects.filter(
                gate__release=self.release,
                gate__position__lt=self.gate.position,
                closed_at__isnull=True,
                due_on__lt=self.today,
            ).select_related("owner", "gate")
        )

    @cached_property
    def _waivers(self) -> list[Waiver]:
        return WAIVERS.rows(self.gate.pk)

    @property
    def waiver(self) -> Waiver | None:
        """The waiver of the whole gate."""
        return next((waiver for waiver in self._waivers if waiver.kind == WaiverKind.GATE), None)

    @property
    def exceptions(self) -> list[Waiver]:
        """Deliverables and checks that are excused today."""
        return [
            waiver
            for waiver in self._waivers
            if waiver.kind != WaiverKind.GATE and waiver.expired_at is None and waiver.expires_on >= self.today
        ]

    def excused(self, kind: str) -> dict[str, Waiver]:
        """By key or name: the deliverables or checks that are excused today."""
        return {waiver.subject: waiver for waiver in self.exceptions if waiver.kind == kind}

    @property
    def excusable(self) -> list[tuple[str, str, str]]:
        """What stands in the way and could be excused: (kind, subject, name)."""
        things, checks = self.excused(WaiverKind.DELIVERABLE), self.excused(WaiverKind.CHECK)
        return [
            (WaiverKind.DELIVERABLE.value, thing.key, thing.name)
            for thing in self.deliverables
            if thing.is_required and thing.pk not in self.evidence and thing.key not in things
        ] + [
            (WaiverKind.CHECK.value, c.name, c.name)
            for c in self.checks
            if c.stands_in_the_way and c.name not in checks
        ]

    # --- Questions --------------------------------------------------------------------------------------------

    @property
    def needs(self) -> list[RoleNeed]:
        """The roles and quorums in force: those of the frozen round while one is open, else the gate's."""
        if self.is_in_review and self.submission is not None:
            return needs_of(self.submission.frozen)
        return self.needs_at_submission()

    def needs_at_submission(self, submitter: int | None = None) -> list[RoleNeed]:
        """What a round that this person submits now would need: `all` counts the people who may decide in it."""
        everybody = self.candidates(submitter=submitter) if any(row.is_all for row in self.roles) else {}
        return [
            RoleNeed(
                row.role.key,
                row.role.name,
                max(1, len(everybody[row.role.key])) if row.is_all else row.quorum,
                row.order,
            )
            for row in self.roles
        ]

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
        """By role, who may still vote: active holders but for the submitter, contributors, recused and voters.

        Who stands in for somebody adds nobody: the seat counts once, as that of the person who holds it. Who stands in
        for the submitter or a contributor may not vote at all.
        """
        barred = self.party
        if submitter is not None and not self.is_in_review:
            barred.add(submitter)
        barred |= self.stand_ins_of(barred).keys()
        if self.is_in_review:
            barred |= self.recused
            barred |= {person for d in self.standing for person in (d.decided_by_id, d.on_behalf_of_id) if person}
        return {
            row.role.key: {h.user.pk for h in self.holders[row.role_id] if h.user.pk not in barred}
            for row in self.roles
        }


def needs_of(frozen: Mapping[str, Any]) -> list[RoleNeed]:
    """The roles and quorums that a snapshot froze; snapshots from before roles had an order have none."""
    return [RoleNeed(r["key"], r["name"], r["quorum"], r.get("order", 1)) for r in frozen["roles"]]


def load_facts(release: Release, gate: Gate, gates: list[Gate], today: date) -> GateFacts:
    """A gate's facts; under the release's lock to decide, or without to show."""
    return GateFacts(release=release, gate=gate, gates=gates, today=today)


def load_reach(gates: Sequence[Gate], today: date) -> dict[int, GateFacts]:
    """By gate id, facts that know already what reachability asks: a fixed number of queries for all gates together.

    The gates come with their releases. Only seats, holders, the latest round and the evidence are loaded.
    """
    found = {gate.pk: load_facts(gate.release, gate, [gate], today) for gate in gates}
    for facts in found.values():
        facts.roles, facts.decisions, facts.evidence, facts.authors = [], [], {}, {}
        facts.submission, facts.recused = None, frozenset()
    for row in GateRole.objects.filter(gate__in=found).select_related("role").order_by("position"):
        found[row.gate_id].roles.append(row)
    holders = seat_holders({row.role_id for facts in found.values() for row in facts.roles})
    for submission in Submission.objects.filter(gate__in=found, number=F("gate__round_number")):
        found[submission.gate_id].submission = submission
    rounds = {facts.submission.pk: facts for facts in found.values() if facts.submission is not None}
    decided = Decision.objects.filter(submission__in=rounds).select_related("role", "revocation")
    for decision in decided.order_by("decided_at", "id"):
        rounds[decision.submission_id].decisions.append(decision)
    for submission_id, person in Recusal.objects.filter(submission__in=rounds).values_list(
        "submission_id", "person_id"
    ):
        rounds[submission_id].recused |= {person}
    items = Evidence.objects.filter(deliverable__gate__in=found)
    for item in items.filter(is_latest=True).exclude(kind=EvidenceKind.REMOVED).select_related("deliverable"):
        found[item.deliverable.gate_id].evidence[item.deliverable_id] = item
    wrote = items.order_by().values_list("deliverable__gate_id", "deliverable_id", "author_id").distinct()
    for gate_id, deliverable_id, author in wrote:
        found[gate_id].authors.setdefault(deliverable_id, set()).add(author)
    everybody = {row.role_id for facts in found.values() for row in facts.roles}
    away = list(
        Delegation.objects.in_force(today)
        .covering(everybody)
        .select_related("person", "delegate")
        .prefetch_related("roles")
        .order_by("starts_on", "pk")
    )
    for facts in found.values():
        facts.holders = {row.role_id: holders[row.role_id] for row in facts.roles}
        facts.delegations = [d for d in away if any(d.covers(row.role_id) for row in facts.roles)]
    return found


def load_all(release: Release, gates: Sequence[Gate], today: date) -> dict[int, GateFacts]:
    """By gate id, the whole facts of a release's gates: a fixed number of queries, however many gates there are."""
    for gate in gates:
        gate.release = release
    found = load_reach(gates, today)
    for facts in found.values():
        facts.gates = list(gates)
        facts.deliverables, facts.checks, facts._waivers, facts.late_conditions = [], [], [], []
    for thing in Deliverable.objects.filter(gate__in=found).select_related("assignee").order_by("position"):
        found[thing.gate_id].deliverables.append(thing)
    checks = Check.objects.filter(gate__in=found).select_related("reported_by")
    for check in checks.order_by("position", "name"):
        found[check.gate_id].checks.append(check)
    for waiver in Waiver.objects.filter(gate__in=found).select_related("waived_by"):
        found[waiver.gate_id]._waivers.append(waiver)
    late = Condition.objects.filter(gate__in=found, closed_at__isnull=True, due_on__lt=today)
    for condition in late.select_related("owner", "gate"):
        for facts in found.values():
            if facts.gate.position > condition.gate.position:
                facts.late_conditions.append(condition)
    submissions = [facts.submission for facts in found.values() if facts.submission is not None]
    prefetch_related_objects(submissions, "submitted_by")
    decisions = [decision for facts in found.values() for decision in facts.decisions]
    prefetch_related_objects(decisions, "decided_by", "on_behalf_of")
    prefetch_related_objects([item for facts in found.values() for item in facts.evidence.values()], "author", "files")
    stand_ins = {d.delegate_id for facts in found.values() for d in facts.delegations if d.delegate_id is not None}
    seeing = who_may_see(release.product, stand_ins) if stand_ins else set()
    for facts in found.values():
        facts._seeing = seeing
    return found
