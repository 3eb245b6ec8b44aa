"""What waits for a person, as rows: a fixed number of queries for a page of any length."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet

from approvals.kinds import EvidenceKind, RoundState, Verdict
from approvals.models import ApproverRole, Condition, Decision, Deliverable, Evidence, GateRole, Submission
from approvals.pages.gate import days, joined, ordinal
from approvals.pages.waiting import GROUPS, Entry, RoleProgress, week_of
from gatekeeper.accounts.models import User
from gatekeeper.common.calendars import day_of, working_days_left
from releases.kinds import GateState, ReleaseState
from releases.querysets import visible_products
from releases.working_days import organisation_calendar

SUMMARY_LENGTH = 160
FEW_DAYS = 5


@dataclass(frozen=True)
class InboxRow:
    """One round that waits: when, what, how ready, and in which role the person decides."""

    submission: Submission
    today: date
    entry: Entry
    deliverables: int
    supplied: int
    changes: int
    declined_before: str

    @property
    def due_on(self) -> date:
        due = self.submission.gate.due_on
        assert due is not None  # only recorded history has gates without a date
        return due

    @property
    def days_left(self) -> int:
        return (self.due_on - self.today).days

    @property
    def working_days_left(self) -> int:
        return working_days_left(self.today, self.due_on, organisation_calendar())

    @property
    def days_waiting(self) -> int:
        """Calendar days since the round was submitted."""
        return (self.today - day_of(self.submission.submitted_at)).days

    @property
    def group(self) -> str:
        return week_of(self.due_on, self.today)

    @property
    def roles(self) -> tuple[RoleProgress, ...]:
        return self.entry.roles

    @property
    def is_late(self) -> bool:
        return self.days_left < 0

    @property
    def is_near(self) -> bool:
        return self.days_left <= 1

    @property
    def due_words(self) -> str:
        """Why it stands where it does: "Late 3 days", "Due tomorrow", "In 5 days"."""
        if self.is_late:
            return f"Late {days(-self.days_left)}"
        return {0: "Due today", 1: "Due tomorrow"}.get(self.days_left, f"In {self.days_left} days")

    @property
    def left_words(self) -> str:
        """How many working days are left, while a weekend makes that another number than the days."""
        left = self.working_days_left
        if self.days_left < 2 or left == self.days_left or left > FEW_DAYS:
            return ""
        return f"{left} working {'day' if left == 1 else 'days'}"

    @property
    def stands_in_for(self) -> str:
        """For whom the person would decide; empty when a seat is their own."""
        return joined(sorted({role.principal for role in self.mine})) if self.entry.is_stand_in else ""

    @property
    def approved(self) -> int:
        return sum(role.is_done for role in self.roles)

    @property
    def mine(self) -> list[RoleProgress]:
        return self.entry.mine

    def hat(self, picked: str = "") -> RoleProgress | None:
        """The role of a plain approval that asks nothing more: the only one, or the one that was picked."""
        mine = self.mine
        if self.submission.gate.needs_signature:
            return None
        return mine[0] if len(mine) == 1 else next((role for role in mine if role.key == picked), None)

    @property
    def summary(self) -> str:
        line = " ".join(self.submission.summary.split())
        return f"{line[:SUMMARY_LENGTH]}…" if len(line) > SUMMARY_LENGTH else line

    @property
    def change_words(self) -> str:
        """ "3 changes since you declined round 1"; empty in round 1."""
        number = self.submission.number
        if number < 2:
            return ""
        count = f"{self.changes} {'change' if self.changes == 1 else 'changes'}" if self.changes else "Nothing changed"
        since = f"{self.declined_before} declined round {number - 1}" if self.declined_before else f"round {number - 1}"
        return f"{count} since {since}"

    @property
    def consequence(self) -> str:
        """What an approval would do, in the role that comes first."""
        return self.effect(self.mine[0]) if self.mine else ""

    @property
    def passes(self) -> bool:
        """Whether the first role's approval would pass the gate."""
        return bool(self.mine) and not self._left(self.mine[0])

    def _left(self, me: RoleProgress) -> list[str]:
        """The roles that still need approvals after one in this role."""
        return [role.name for role in self.roles if role.quorum - role.approvals - (role.key == me.key) > 0]

    def effect(self, me: RoleProgress) -> str:
        """What an approval in a role would do."""
        left = self._left(me)
        if not left:
            return "You are the last one: with your approval the gate passes."
        rest = f"After it, {'only ' if len(left) == 1 else ''}{joined(left)} {'is' if len(left) == 1 else 'are'} left."
        if me.quorum == 1:
            return rest
        return f"You are the {ordinal(me.approvals + 1)} of {me.quorum} approvals needed from {me.name}. {rest}"


def inbox_rows(entries: Sequence[Entry], user: User, today: date) -> list[InboxRow]:
    """Rows of one page of what waits, in its order: five queries, however many."""
    if not entries:
        return []
    gates = [entry.gate_id for entry in entries]
    rounds = (
        Submission.objects.filter(pk__in=[entry.pk for entry in entries])
        .select_related("gate", "gate__release", "gate__release__product", "submitted_by")
        .defer("snapshot")
        .in_bulk()
    )
    wanted = dict(Deliverable.objects.filter(gate__in=gates).order_by().values_list("gate").annotate(count=Count("pk")))
    before = _rounds_before(list(rounds.values()), user)
    supplied, changed = _evidence(gates, before)
    return [
        InboxRow(
            submission=rounds[entry.pk],
            today=today,
            entry=entry,
            deliverables=wanted.get(entry.gate_id, 0),
            supplied=supplied.get(entry.gate_id, 0),
            changes=changed.get(entry.gate_id, 0),
            declined_before=before[entry.gate_id][1] if entry.gate_id in before else "",
        )
        for entry in entries
        if entry.pk in rounds
    ]


def _rounds_before(listed: Sequence[Submission], user: User) -> dict[int, tuple[datetime, str]]:
    """By gate: when the round before was submitted, and who declined it ("you", or the role)."""
    later = [s.gate_id for s in listed if s.number > 1]
    if not later:
        return {}
    previous = (
        Submission.objects.filter(gate__in=later, number=F("gate__round_number") - 1)
        .values_list("gate", "submitted_at", "pk", "state")
        .order_by()
    )
    rows = list(previous)
    decliners = {
        submission: "you" if by == user.pk else role
        for submission, by, role in Decision.objects.filter(
            submission__in=[pk for _g, _at, pk, state in rows if state == RoundState.DECLINED],
            verdict=Verdict.DECLINE,
            revocation__isnull=True,
        ).values_list("submission", "decided_by", "role__name")
    }
    return {gate: (at, decliners.get(pk, "")) for gate, at, pk, _state in rows}


def _evidence(
    gates: Sequence[int], before: Mapping[int, tuple[datetime, str]]
) -> tuple[dict[int, int], dict[int, int]]:
    """By gate: deliverables with evidence, and deliverables whose evidence is newer than the round before.

    While a round is open its evidence is frozen, so the latest versions are what was submitted.
    """
    supplied: dict[int, int] = {}
    changed: dict[int, int] = {}
    latest = (
        Evidence.objects.filter(deliverable__gate__in=gates, is_latest=True)
        .order_by()
        .values_list("deliverable__gate", "kind", "saved_at")
    )
    for gate, kind, saved_at in latest:
        if kind != EvidenceKind.REMOVED:
            supplied[gate] = supplied.get(gate, 0) + 1
        since = before.get(gate)
        if since is not None and saved_at > since[0]:
            changed[gate] = changed.get(gate, 0) + 1
    return supplied, changed


@dataclass(frozen=True)
class Group:
    """Rows that are due in one stretch of time."""

    name: str
    rows: tuple[tuple[InboxRow, RoleProgress | None], ...]

    @property
    def anchor(self) -> str:
        return self.name.lower().replace(" ", "-")


def grouped(rows: Sequence[InboxRow], picked: str = "") -> list[Group]:
    """Rows by when they are due, each with the role of a plain approval; groups without rows are left out."""
    by_name: dict[str, list[tuple[InboxRow, RoleProgress | None]]] = {}
    for row in rows:
        by_name.setdefault(row.group, []).append((row, row.hat(picked)))
    return [Group(name, tuple(by_name[name])) for name in GROUPS if name in by_name]


def decided_by(user: User) -> QuerySet[Decision]:
    """The person's own decisions, newest first, on products that they still see."""
    return (
        Decision.objects.filter(visible_products(user, "submission__gate__release__product__"), decided_by=user)
        .select_related(
            "role", "revocation", "on_behalf_of", "submission", "submission__gate", "submission__gate__release",
            "submission__gate__release__product",
        )
        .defer("submission__snapshot")
        .annotate(is_conditional=Exists(Condition.objects.filter(decision=OuterRef("pk"))))
        .order_by("-decided_at", "-pk")
    )  # fmt: skip


def own_conditions(user: User) -> QuerySet[Condition]:
    """Open conditions that the person owns, the most urgent first, on products that they still see."""
    return (
        Condition.objects.filter(visible_products(user, "gate__release__product__"), owner=user, closed_at__isnull=True)
        .exclude(gate__release__state__in=[ReleaseState.CANCELLED])
        .select_related("gate", "gate__release", "gate__release__product", "decision", "decision__role")
        .order_by("due_on", "pk")
    )


def condition_counts(user: User, today: date) -> tuple[int, int]:
    """How many open conditions the person owns, and how many of them are late."""
    found = own_conditions(user).order_by().aggregate(all=Count("pk"), late=Count("pk", filter=Q(due_on__lt=today)))
    return found["all"], found["late"]


@dataclass(frozen=True)
class NextLikely:
    """The gate that will probably be the next to wait for the person."""

    release: str
    gate: str
    due_on: date | None
    is_late: bool = False


def next_likely(user: User, today: date) -> NextLikely | None:
    """The earliest gate that is being prepared and in which the person holds a role."""
    row = (
        GateRole.objects.filter(
            role__in=ApproverRole.objects.all().held_by(user).values("pk"),
            gate__state__in=[GateState.OPEN, GateState.DECLINED],
            gate__release__state__in=[ReleaseState.ACTIVE, ReleaseState.RELEASED],
        )
        .select_related("gate", "gate__release", "gate__release__product")
        .order_by("gate__due_on", "pk")
        .first()
    )
    if row is None:
        return None
    due_on = row.gate.due_on
    return NextLikely(str(row.gate.release), row.gate.name, due_on, due_on is not None and due_on < today)
