"""Who is told: sets of people, worked out for a whole batch of events in a fixed number of queries."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from enum import StrEnum
from functools import cached_property

from django.contrib.auth.models import Group
from django.db.models import Min, Q
from django.utils import timezone
from django.utils.text import slugify

from approvals.kinds import RoundState, Verdict
from approvals.models import Comment, Decision, Delegation, GateRole, Recusal, Submission
from approvals.permissions import seat_holders
from gatekeeper.common.calendars import day_of
from notifications.facts import EventFacts
from notifications.models import Watch
from releases.kinds import Cause
from releases.models import DefaultSeat, Gate


class Audience(StrEnum):
    """One way to be concerned; a notice names those it is for."""

    MANAGERS = "managers"  # the release's product manager and the product's owner
    DECIDERS = "deciders"  # those whose turn it is in the gate's open round
    NEXT_DECIDERS = "next_deciders"  # those whose turn an approval made it
    LATE_DECIDERS = "late_deciders"  # the same, when a miss was theirs
    SEATS = "seats"  # everybody who holds a seat of the gate
    FOLLOWERS = "followers"  # watchers and stakeholders of the release and of its product
    INFORMED = "informed"  # the functions that the gate informs, through the product line's default groups
    PERSON = "person"  # the one person whom the event names
    MENTIONED = "mentioned"  # the people whom a comment newly names
    TALKERS = "talkers"  # who has submitted a round of the gate or written in its discussion before
    STAND_IN = "stand_in"  # who decides for somebody who is away
    ABSENT = "absent"  # who is away


class Crowd:
    """The people around a batch of events."""

    def __init__(self, facts: Iterable[EventFacts]) -> None:
        self.facts = [one for one in facts if one.event.product_id is not None]

    def of(self, facts: EventFacts, audiences: Sequence[Audience]) -> set[int]:
        """Ids of the people in any of some audiences of an event; whether they may see it is not asked here."""
        return set().union(*(getattr(self, f"_{audience}")(facts) for audience in audiences))

    # --- one method per audience -------------------------------------------------------------------------------

    def _managers(self, facts: EventFacts) -> set[int]:
        release, product = facts.release, facts.event.product
        found = {release.owner_id if release else None, product.owner_id if product else None}
        return {person for person in found if person is not None}

    def _deciders(self, facts: EventFacts) -> set[int]:
        """Nobody, once the round that the event is about is over."""
        return set(self.turns(facts))

    def _next_deciders(self, facts: EventFacts) -> set[int]:
        """Those whose turn it became with an approval: roles of a later order, when the last earlier quorum is full."""
        gate = facts.gate
        submission = self._rounds.get(gate.pk) if gate is not None else None
        if gate is None or submission is None:
            return set()
        rows = self._roles.get(gate.pk, ())
        decided = next((row for row in rows if row.role.key == facts.data.get("role")), None)
        short = [row.order for row in rows if self._approvals(submission.pk, row) < row.quorum]
        if decided is None or not short or min(short) <= decided.order:
            return set()
        # An approval beyond the quorum changes nobody's turn.
        return set(self.turns(facts)) if self._approvals(submission.pk, decided) == decided.quorum else set()

    def _late_deciders(self, facts: EventFacts) -> set[int]:
        return set(self.turns(facts)) if facts.data.get("cause") == Cause.AWAITING_DECISION else set()

    def _seats(self, facts: EventFacts) -> set[int]:
        gate = facts.gate
        if gate is None:
            return set()
        return {person for row in self._roles.get(gate.pk, ()) for person in self._holders.get(row.role_id, ())}

    def _followers(self, facts: EventFacts) -> set[int]:
        by_release, by_product = self._watches
        event = facts.event
        return by_release.get(event.release_id or 0, set()) | by_product.get(event.product_id or 0, set())

    def _informed(self, facts: EventFacts) -> set[int]:
        """Of the event's gate; of all gates that are still ahead when it is about the whole release."""
        product = facts.event.product
        gates = [facts.gate] if facts.gate is not None else [gate for gate in facts.gates if not gate.is_passed]
        keys = {(product.line_id, slugify(name)) for gate in gates for name in gate.informed} if product else set()
        return set().union(*(self._members.get(key, set()) for key in keys))

    def _person(self, facts: EventFacts) -> set[int]:
        person = facts.data.get("person") or facts.data.get("owner")
        return {person} if isinstance(person, int) else set()

    def _mentioned(self, facts: EventFacts) -> set[int]:
        found = facts.data.get("mentions")
        return {person for person in found if isinstance(person, int)} if isinstance(found, list) else set()

    def _talkers(self, facts: EventFacts) -> set[int]:
        gate, comment = facts.gate, facts.data.get("comment_id")
        if gate is None or not isinstance(comment, int):
            return set()
        submitters, writers = self._talks
        return submitters.get(gate.pk, set()) | {who for pk, who in writers.get(gate.pk, ()) if pk < comment}

    def _stand_in(self, facts: EventFacts) -> set[int]:
        return _named(facts, "stand_in")

    def _absent(self, facts: EventFacts) -> set[int]:
        return _named(facts, "absent")

    # --- whose turn it is --------------------------------------------------------------------------------------

    def turns(self, facts: EventFacts) -> dict[int, list[str]]:
        """People whose turn it is now in the round of an event, with the names of the roles they would decide in.

        The rule of `approvals.inbox.waiting_for`, asked the other way round.
        """
        gate, release = facts.gate, facts.release
        submission = self._rounds.get(gate.pk) if gate is not None else None
        if gate is None or submission is None or release is None or not release.is_running:
            return {}
        if facts.data.get("round", submission.number) != submission.number:
            return {}
        decisions = self._decisions.get(submission.pk, [])
        party = {submission.submitted_by_id, *self._contributors.get(submission.pk, ())}
        spent = self._recused.get(submission.pk, set()) | {
            person for _role, _verdict, *deciders in decisions for person in deciders if person
        }
        roles = [row.role_id for row in self._roles.get(gate.pk, ())]
        away = [one for one in self._away if any(one.covers(role) for role in roles)]
        barred = party | spent | {one.delegate_id for one in away if one.person_id in party}
        found: dict[int, list[str]] = defaultdict(list)
        short = [row for row in self._roles.get(gate.pk, ()) if self._approvals(submission.pk, row) < row.quorum]
        first = min((row.order for row in short), default=0)
        for row in short:
            if row.order == first:
                for person in self._holders.get(row.role_id, ()):
                    if person not in barred:
                        found[person].append(row.role.name)
                for one in away:
                    sits = one.covers(row.role_id) and one.person_id in self._holders.get(row.role_id, ())
                    if sits and one.person_id not in spent and one.delegate_id and one.delegate_id not in barred:
                        found[one.delegate_id].append(f"{row.role.name} for {one.person}")
        return dict(found)

    def _approvals(self, submission: int, row: GateRole) -> int:
        decisions = self._decisions.get(submission, [])
        return sum(role == row.role_id and verdict == Verdict.APPROVE for role, verdict, *_ in decisions)

    def open_round(self, facts: EventFacts) -> int | None:
        """The open round of an event's gate."""
        found = self._rounds.get(facts.gate.pk) if facts.gate is not None else None
        return found.pk if found is not None else None

    # --- loaded once, when first asked for ---------------------------------------------------------------------

    @cached_property
    def _gates(self) -> dict[int, Gate]:
        return {one.gate.pk: one.gate for one in self.facts if one.gate is not None}

    @cached_property
    def _roles(self) -> dict[int, list[GateRole]]:
        found: dict[int, list[GateRole]] = defaultdict(list)
        for row in GateRole.objects.filter(gate__in=self._gates).select_related("role").order_by("position"):
            found[row.gate_id].append(row)
        return found

    @cached_property
    def _holders(self) -> dict[int, list[int]]:
        roles = {row.role_id for rows in self._roles.values() for row in rows}
        if not roles:
            return {}
        return {role: [holder.user.pk for holder in holders] for role, holders in seat_holders(roles).items()}

    @cached_property
    def _away(self) -> list[Delegation]:
        """Absences in force today with a stand-in, about the seats of these gates."""
        roles = {row.role_id for rows in self._roles.values() for row in rows}
        found = Delegation.objects.in_force(day_of(timezone.now())).covering(roles)
        with_stand_in = found.filter(delegate__is_active=True).select_related("person").prefetch_related("roles")
        return list(with_stand_in.order_by("starts_on", "pk"))

    @cached_property
    def _rounds(self) -> dict[int, Submission]:
        """The open round by gate."""
        rows = Submission.objects.filter(gate__in=self._gates, state=RoundState.OPEN).defer("snapshot", "summary")
        return {row.gate_id: row for row in rows}

    @cached_property
    def _contributors(self) -> dict[int, set[int]]:
        rows = Submission.contributors.through._default_manager.filter(
            submission__in=[row.pk for row in self._rounds.values()]
        )
        return _sets(rows.values_list("submission_id", "user_id"))

    @cached_property
    def _recused(self) -> dict[int, set[int]]:
        rows = Recusal.objects.filter(submission__in=[row.pk for row in self._rounds.values()])
        return _sets(rows.values_list("submission_id", "person_id"))

    @cached_property
    def _decisions(self) -> dict[int, list[tuple[int, str, int, int | None]]]:
        """Standing decisions by round: role, verdict, who decided, for whom."""
        found: dict[int, list[tuple[int, str, int, int | None]]] = defaultdict(list)
        rows = Decision.objects.filter(
            submission__in=[row.pk for row in self._rounds.values()], revocation__isnull=True
        ).order_by()
        for pk, role, verdict, decider, principal in rows.values_list(
            "submission_id", "role_id", "verdict", "decided_by_id", "on_behalf_of_id"
        ):
            found[pk].append((role, verdict, decider, principal))
        return found

    @cached_property
    def _talks(self) -> tuple[dict[int, set[int]], dict[int, set[tuple[int, int]]]]:
        """By gate: who has submitted it, and (first comment, author) of everybody who wrote in its discussion."""
        submitted = Submission.objects.filter(gate__in=self._gates).order_by().values_list("gate_id", "submitted_by_id")
        wrote: dict[int, set[tuple[int, int]]] = defaultdict(set)
        first = Comment.objects.filter(gate__in=self._gates).order_by().values_list("gate_id", "author_id")
        for gate, author, pk in first.annotate(first=Min("pk")):
            wrote[gate].add((pk, author))
        return _sets(submitted.distinct()), wrote

    @cached_property
    def _watches(self) -> tuple[dict[int, set[int]], dict[int, set[int]]]:
        """People by release, and people by product of those who follow all of a product."""
        releases = {one.event.release_id for one in self.facts if one.event.release_id is not None}
        products = {one.event.product_id for one in self.facts}
        by_release: dict[int, set[int]] = defaultdict(set)
        by_product: dict[int, set[int]] = defaultdict(set)
        rows = Watch.objects.filter(Q(release__in=releases) | Q(release__isnull=True, product__in=products)).order_by()
        for person, release, product in rows.values_list("person_id", "release_id", "product_id"):
            (by_product[product] if release is None else by_release[release]).add(person)
        return by_release, by_product

    @cached_property
    def _members(self) -> dict[tuple[int, str], set[int]]:
        """Members of the default groups by product line and function."""
        lines = {one.event.product.line_id for one in self.facts if one.event.product is not None}
        groups: dict[int, list[tuple[int, str]]] = defaultdict(list)
        seats = DefaultSeat.objects.filter(line__in=lines).order_by()
        for line, function, group in seats.values_list("line_id", "function", "group_id"):
            groups[group].append((line, function))
        found: dict[tuple[int, str], set[int]] = defaultdict(set)
        members = Group.user_set.through._default_manager.filter(group__in=groups)
        for group, person in members.values_list("group_id", "user_id"):
            for key in groups[group]:
                found[key].add(person)
        return found


def _named(facts: EventFacts, key: str) -> set[int]:
    person = facts.data.get(key)
    return {person} if isinstance(person, int) else set()


def _sets(rows: Iterable[tuple[int, int]]) -> dict[int, set[int]]:
    found: dict[int, set[int]] = defaultdict(set)
    for key, value in rows:
        found[key].add(value)
    return found
