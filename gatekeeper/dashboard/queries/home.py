"""My work: what a product manager does next. A fixed number of queries, whatever the number of releases.

`approvals.status` answers for one gate with all its facts; here the same pure rules are fed with facts that were
fetched for many gates at once.
"""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Q
from django.db.models.functions import Coalesce
from django.utils.functional import cached_property

from approvals import inbox
from approvals import rules as approval_rules
from approvals.kinds import EvidenceKind, RoundState, Verdict, WaiverKind
from approvals.models import (
    ApproverRole,
    Condition,
    Decision,
    Deliverable,
    Evidence,
    GateRole,
    Submission,
    Waiver,
)
from approvals.pages.rows import STATE_WORDS, health_of
from gatekeeper.accounts.models import User
from gatekeeper.common.calendars import organisation_zone
from gatekeeper.common.templatetags.gk import day, day_short
from gatekeeper.dashboard.queries.filters import CURRENT
from gatekeeper.dashboard.queries.portfolio import release_path
from gatekeeper.dashboard.queries.words import counted, listed, span_words
from releases import rules
from releases.kinds import UNDECIDED, GateState, ReleaseState
from releases.models import Event, Gate, Product, Release
from releases.sentences import TOLD_ELSEWHERE, Sentence, sentence

# the most urgent ones; whoever has more finds them all in the portfolio
MOST_RELEASES = 40
MOST_ROWS = 10
MOST_STEPS = 20
MOST_WAITING = 3
MOST_DECIDED = 5
MOST_EVENTS = 6
MOST_CONDITIONS = 20
MOST_ASSIGNED = 20
CONDITIONS_WITHIN = timedelta(days=30)
SOON = timedelta(days=7)
# Evidence that is due later than this is nobody's next step, unless there is nothing else.
FAR = timedelta(days=60)


@dataclass(frozen=True)
class Step:
    """One thing to do: the mark, the sentence, where, by when, and the button."""

    state: str
    title: str
    note: str
    due_on: date | None
    url: str
    action: str = "Open"


@dataclass(frozen=True)
class MyRelease:
    """A row of my releases."""

    release: Release
    url: str
    health: rules.HealthMark
    state: str
    current: rules.BoardCell | None
    ready: int
    needed: int


@dataclass(frozen=True)
class Waiting:
    """A round that waits for the person, and the roles in which they may decide."""

    submission: Submission
    url: str
    roles: str


@dataclass(frozen=True)
class Decided:
    """A round that the person submitted and that was decided."""

    submission: Submission
    url: str
    state: str
    words: str
    took: str


@dataclass(frozen=True)
class Happening:
    """An event of my releases, as a sentence."""

    event: Event
    sentence: Sentence
    url: str


@dataclass(frozen=True)
class Needs:
    """What the current gates of many releases still need, by gate id."""

    deliverables: dict[int, list[Any]]
    roles: dict[int, list[approval_rules.RoleNeed]]
    votes: dict[int, list[approval_rules.Vote]]
    declines: dict[int, Decision]

    def required(self, gate: Gate) -> list[Any]:
        return [thing for thing in self.deliverables[gate.pk] if thing.is_required and not thing.is_excused]

    def missing(self, gate: Gate) -> list[Any]:
        return [thing for thing in self.required(gate) if not thing.has_evidence]


class Home:
    """One person's first page."""

    def __init__(self, user: User, now: datetime, today: date) -> None:
        self.user = user
        self.now = now
        self.today = today
        self.tomorrow = today + timedelta(days=1)

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many releases I have on their way, and how many current gates are due in a week or late."""
        running = Q(state__in=[ReleaseState.ACTIVE, ReleaseState.RELEASED], current_state__in=UNDECIDED)
        found: dict[str, int] = self._mine().aggregate(
            releases=Count("pk"),
            soon=Count("pk", filter=running & Q(next_due_on__range=(self.today, self.today + SOON))),
            late=Count("pk", filter=running & Q(next_due_on__lt=self.today)),
        )
        return found

    def _mine(self) -> Any:
        return Release.objects.visible_to(self.user).filter(owner=self.user, kind="gates", state__in=CURRENT)

    @cached_property
    def releases(self) -> list[Release]:
        """Mine, the one whose next date comes first in front."""
        found = self._mine().select_related("product").order_by(Coalesce("next_due_on", "target_on"), "pk")
        return list(found[:MOST_RELEASES])

    @cached_property
    def boards(self) -> dict[int, dict[str, rules.BoardCell]]:
        return {r.pk: {cell.key: cell for cell in rules.cells(r.board)} for r in self.releases}

    @cached_property
    def gates(self) -> dict[int, Gate]:
        """The current gate of each release that has one, by release."""
        current = {(release.pk, release.current_gate) for release in self.releases if release.current_gate}
        found = Gate.objects.filter(release__in=[pk for pk, _key in current], state__in=UNDECIDED)
        return {gate.release_id: gate for gate in found if (gate.release_id, gate.key) in current}

    @cached_property
    def needs(self) -> Needs:
        return load_needs(self.gates.values(), self.today)

    @cached_property
    def rows(self) -> list[MyRelease]:
        rows = []
        for release in self.releases[:MOST_ROWS]:
            gate = self.gates.get(release.pk)
            cell = self.boards[release.pk].get(release.current_gate)
            required = self.needs.required(gate) if gate else []
            rows.append(
                MyRelease(
                    release=release,
                    url=release_path(release),
                    health=health_of(release, self.today, cell.name if cell else ""),
                    state=shown(cell, release, self.today) if cell else "none",
                    current=cell,
                    ready=sum(thing.has_evidence for thing in required),
                    needed=len(required),
                )
            )
        return rows

    @cached_property
    def steps(self) -> list[Step]:
        """What to do next, what delays a release first on top."""
        steps = [step for release in self.releases for step in self._steps_of(release)]
        steps += [condition_step(condition, self.user, self.today) for condition in self.conditions]
        steps += [assigned_step(thing, self.today) for thing in self.assigned]
        steps.sort(key=lambda step: (step.due_on or date.max, step.state == "rev"))
        near = [s for s in steps if s.state != "prep" or s.due_on is None or s.due_on <= self.today + FAR]
        return (near or steps)[:MOST_STEPS]

    def _steps_of(self, release: Release) -> list[Step]:
        url, board = release_path(release), self.boards[release.pk]
        steps = [
            Step(
                "late", f"The waiver of {cell.name} has expired", str(release), cell.due_day, f"{url}gates/{cell.key}/"
            )
            for cell in board.values()
            if cell.is_waiver_expired and cell.state == GateState.WAIVED
        ]
        gate, target = self.gates.get(release.pk), release.target_on
        if release.state == ReleaseState.DRAFT:
            steps.append(Step("none", f"Activate {release}", f"Draft · target {day_short(target)}", target, url))
        elif release.state == ReleaseState.ON_HOLD:
            if release.resume_by is not None and release.resume_by <= self.today + SOON:
                title = f"Resume {release}, or give it another day"
                steps.append(Step("na", title, f"On hold: {release.state_reason}", release.resume_by, url))
        elif release.state == ReleaseState.ACTIVE and not release.current_gate:
            title = f"{release} can be released: every gate before it is passed"
            steps.append(Step("ok", title, f"Target {day_short(target)}", target, f"{url}ship/", "Record the release"))
        elif gate is not None:
            steps += self._gate_steps(release, gate, f"{url}gates/{gate.key}/")
        return steps

    def _gate_steps(self, release: Release, gate: Gate, url: str) -> list[Step]:
        """What the current gate waits for; people who are missing keep nobody from preparing."""
        if not release.is_quorum_unreachable:
            return [self._gate_step(release, gate, url)]
        late = gate.due_on is not None and gate.due_on < self.today
        title = f"{gate.name} cannot reach its quorums: too few people can decide"
        note = f"{release} · {GateState(gate.state).label.lower()} · due {day(gate.due_on)}"
        stuck = Step("late" if late else "dec", title, note, gate.due_on, url)
        return [stuck] if gate.state == GateState.IN_REVIEW else [stuck, self._gate_step(release, gate, url)]

    def _gate_step(self, release: Release, gate: Gate, url: str) -> Step:
        """The step of whoever's turn it is."""
        due, where, number = gate.due_on, f"{release} · ", gate.round_number
        late = "late" if due is not None and due < self.today else ""
        by = f" · due {day(due)}"
        if gate.state == GateState.IN_REVIEW:
            needs = self.needs.roles[gate.pk]
            out = approval_rules.roles_up(needs, self.needs.votes[gate.pk])
            names = [need.name for need in needs if need.key in out]
            title = f"{listed(names)} {'has' if len(names) == 1 else 'have'} not decided on {gate.name}"
            return Step(late or "rev", title, f"{where}round {number}{by}", due, url)
        if gate.state == GateState.DECLINED:
            decline = self.needs.declines.get(gate.pk)
            said = f" · {decline.role.name} declined round {number}: {decline.comment}" if decline else ""
            title = f"Answer the decline of {gate.name}"
            return Step(late or "dec", title, f"{release}{by}{said}", due, url, f"Prepare round {number + 1}")
        missing, required = self.needs.missing(gate), self.needs.required(gate)
        if not missing:
            note = f"{where}every required deliverable is there{by}"
            return Step(late or "prep", f"Submit {gate.name}", note, due, url, "Submit")
        if len(missing) == len(required):
            note = f"{where}0 of {counted(len(required), 'required deliverable')}{by}"
            return Step(late or "prep", f"Start the evidence for {gate.name}", note, due, url, "Start")
        title = f"Finish {counted(len(missing), 'deliverable')}: {listed([thing.name for thing in missing])}"
        return Step(late or "prep", title, f"{where}{gate.name}{by}", due, url, "Go on preparing")

    @cached_property
    def conditions(self) -> list[Condition]:
        """Open conditions that I own or that stand in the way of my releases, overdue or due within a month."""
        visible = Release.objects.visible_to(self.user).filter(state__in=[ReleaseState.ACTIVE, ReleaseState.RELEASED])
        found = Condition.objects.filter(
            Q(owner=self.user) | Q(gate__release__owner=self.user),
            gate__release__in=visible.values("pk"),
            closed_at__isnull=True,
            due_on__lte=self.today + CONDITIONS_WITHIN,
        )
        return list(found.select_related("owner", "gate__release__product").order_by("due_on", "pk")[:MOST_CONDITIONS])

    @cached_property
    def assigned(self) -> list[Deliverable]:
        """Deliverables that I am to supply, are still empty, and belong to a gate that is worked on."""
        running = Release.objects.visible_to(self.user).filter(state__in=[ReleaseState.ACTIVE, ReleaseState.RELEASED])
        supplied = Evidence.objects.filter(deliverable=OuterRef("pk"), is_latest=True).exclude(
            kind=EvidenceKind.REMOVED
        )
        found = Deliverable.objects.filter(
            ~Exists(supplied),
            assignee=self.user,
            gate__state__in=[GateState.UPCOMING, GateState.OPEN, GateState.DECLINED],
            gate__release__in=running.values("pk"),
        )
        return list(found.select_related("gate__release__product").order_by("gate__due_on", "position")[:MOST_ASSIGNED])

    @cached_property
    def waiting(self) -> list[Waiting]:
        """The first rounds that wait for me."""
        rounds = list(inbox.waiting_for(self.user).defer("snapshot")[:MOST_WAITING])
        roles: dict[int, list[str]] = defaultdict(list)
        mine = ApproverRole.objects.all().held_by(self.user).values("pk")
        for gate_id, name in (
            GateRole.objects.filter(gate__in=[r.gate_id for r in rounds], role__in=mine)
            .order_by("position")
            .values_list("gate", "role__name")
        ):
            roles[gate_id].append(name)
        return [
            Waiting(r, f"{release_path(r.gate.release)}gates/{r.gate.key}/", listed(roles[r.gate_id], "or"))
            for r in rounds
        ]

    @cached_property
    def decided(self) -> list[Decided]:
        """The latest decided rounds among those that I submitted."""
        found = (
            Submission.objects.filter(
                submitted_by=self.user,
                state__in=[RoundState.APPROVED, RoundState.DECLINED],
                gate__release__in=Release.objects.visible_to(self.user).values("pk"),
            )
            .defer("snapshot")
            .select_related("gate__release__product")
            .order_by("-ended_at", "-pk")
        )
        rows = []
        for submission in found[:MOST_DECIDED]:
            gate = submission.gate
            is_approved = submission.state == RoundState.APPROVED
            state = ("cond" if gate.open_conditions else "ok") if is_approved else "dec"
            words = STATE_WORDS[state]
            span = submission.ended_at - submission.submitted_at if submission.ended_at else timedelta()
            url = f"{release_path(gate.release)}gates/{gate.key}/rounds/{submission.number}/"
            rows.append(Decided(submission, url, state, words, " ".join(span_words(span))))
        return rows

    @cached_property
    def happenings(self) -> list[Happening]:
        """What others did to my releases since yesterday began."""
        yesterday = datetime.combine(self.today - timedelta(days=1), time(), tzinfo=organisation_zone())
        found = (
            Event.objects.filter(release__in=self._mine().values("pk"), recorded_at__gte=yesterday)
            .exclude(actor=self.user)
            .exclude(kind__in=TOLD_ELSEWHERE)
            .for_feed()
        )
        rows = []
        for event in found[:MOST_EVENTS]:
            assert event.release is not None
            event.release.product = event.product or event.release.product
            names = {cell.key: cell.name for cell in rules.cells(event.release.board)}
            rows.append(Happening(event, sentence(event, names), release_path(event.release)))
        return rows


def load_needs(gates: Collection[Gate], today: date) -> Needs:
    """What some gates still need: four queries for all of them."""
    ids = [gate.pk for gate in gates]
    in_review = [gate.pk for gate in gates if gate.state == GateState.IN_REVIEW]
    needs = Needs(defaultdict(list), defaultdict(list), defaultdict(list), {})
    supplied = Evidence.objects.filter(deliverable=OuterRef("pk"), is_latest=True).exclude(kind=EvidenceKind.REMOVED)
    excused = Waiver.objects.filter(
        gate=OuterRef("gate"), kind=WaiverKind.DELIVERABLE, subject=OuterRef("key"),
        expired_at__isnull=True, expires_on__gte=today,
    )  # fmt: skip
    for thing in (
        Deliverable.objects.filter(gate__in=ids)
        .annotate(has_evidence=Exists(supplied), is_excused=Exists(excused))
        .order_by("position")
    ):
        needs.deliverables[thing.gate_id].append(thing)
    for row in GateRole.objects.filter(gate__in=in_review).select_related("role").order_by("position"):
        needs.roles[row.gate_id].append(approval_rules.RoleNeed(row.role.key, row.role.name, row.quorum, row.order))
    for gate_id, person, principal, role, verdict in Decision.objects.filter(
        submission__gate__in=in_review, submission__state=RoundState.OPEN, revocation__isnull=True
    ).values_list("submission__gate", "decided_by", "on_behalf_of", "role__key", "verdict"):
        needs.votes[gate_id].append(approval_rules.Vote(principal or person, role, verdict))
    declined = [gate.pk for gate in gates if gate.state == GateState.DECLINED]
    for decline in Decision.objects.filter(
        submission__gate__in=declined,
        submission__number=F("submission__gate__round_number"),
        verdict=Verdict.DECLINE,
        revocation__isnull=True,
    ).select_related("role", "submission"):
        needs.declines[decline.submission.gate_id] = decline
    return needs


def assigned_step(thing: Deliverable, today: date) -> Step:
    """A deliverable that is still to be supplied, by the day on which it is wanted."""
    gate, release = thing.gate, thing.gate.release
    wanted = gate.due_on - timedelta(days=thing.days_before or 0) if gate.due_on is not None else None
    by = f" · wanted by {day(wanted)}" if thing.days_before else f" · due {day(wanted)}"
    return Step(
        "late" if wanted is not None and wanted < today else "prep",
        f"Supply {thing.name}",
        f"{release} · {gate.name}{by if wanted is not None else ''}",
        wanted,
        f"{release_path(release)}gates/{gate.key}/?edit={thing.key}#d-{thing.key}",
        "Start",
    )


def condition_step(condition: Condition, user: User, today: date) -> Step:
    """An open condition as a step."""
    release = condition.gate.release
    whose = "yours" if condition.owner_id == user.pk else f"owner {condition.owner}"
    words = "Condition overdue" if condition.due_on < today else "Condition due"
    return Step(
        "late" if condition.due_on < today else "cond",
        f"{words}: {condition.text}",
        f"{release} · {condition.gate.name} · {whose}",
        condition.due_on,
        f"{release_path(release)}gates/{condition.gate.key}/",
        "Open",
    )


def shown(cell: rules.BoardCell, release: Release, today: date) -> str:
    """The display state of a board's cell."""
    return rules.display_state(
        cell.state, due_on=cell.due_day, today=today, conditions=cell.conditions, is_running=release.is_running
    )


def has_seat(user: User) -> bool:
    """Whether somebody may ever find something in "Waiting for you"."""
    return ApproverRole.objects.all().held_by(user).exists()


def manages_products(user: User) -> bool:
    """Whether somebody could have releases of their own."""
    return Product.objects.managed_by(user).exists()
