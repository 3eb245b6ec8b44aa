"""What waits for a person, as rows: a fixed number of queries for a page of any length."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Count, F, QuerySet

from approvals.inbox import waiting_for
from approvals.kinds import EvidenceKind, RoundState, Verdict
from approvals.models import ApproverRole, Decision, Deliverable, Evidence, GateRole, Submission
from approvals.pages.gate import joined, ordinal
from gatekeeper.accounts.models import User
from releases.kinds import GateState, ReleaseState
from releases.querysets import visible_products

LATE, THIS_WEEK, NEXT_WEEK, LATER = "Late", "This week", "Next week", "Later"
GROUPS = (LATE, THIS_WEEK, NEXT_WEEK, LATER)
SUMMARY_LENGTH = 160


@dataclass(frozen=True)
class RoleProgress:
    """A role of a round: how many approvals it has and needs, and whether the person holds it."""

    key: str
    name: str
    quorum: int
    approvals: int
    is_mine: bool

    @property
    def is_done(self) -> bool:
        return self.approvals >= self.quorum


@dataclass(frozen=True)
class InboxRow:
    """One round that waits: when, what, how ready, and in which role the person decides."""

    submission: Submission
    today: date
    roles: tuple[RoleProgress, ...]
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
    def group(self) -> str:
        """Weeks begin on Monday."""
        if self.days_left < 0:
            return LATE
        sunday = self.today + timedelta(days=6 - self.today.weekday())
        if self.due_on <= sunday:
            return THIS_WEEK
        return NEXT_WEEK if self.due_on <= sunday + timedelta(days=7) else LATER

    @property
    def is_late(self) -> bool:
        return self.days_left < 0

    @property
    def is_near(self) -> bool:
        return self.days_left <= 1

    @property
    def approved(self) -> int:
        return sum(role.is_done for role in self.roles)

    @property
    def mine(self) -> list[RoleProgress]:
        """The person's roles that still need approvals, the one that needs most first."""
        mine = [role for role in self.roles if role.is_mine and not role.is_done]
        return sorted(mine, key=lambda role: role.approvals - role.quorum)

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
        if not self.mine:
            return ""
        me = self.mine[0]
        left = [role.name for role in self.roles if role.quorum - role.approvals - (role.key == me.key) > 0]
        if not left:
            return "You are the last one: with your approval the gate passes."
        rest = f"After it, {'only ' if len(left) == 1 else ''}{joined(left)} {'is' if len(left) == 1 else 'are'} left."
        if me.quorum == 1:
            return rest
        return f"You are the {ordinal(me.approvals + 1)} of {me.quorum} approvals needed from {me.name}. {rest}"

    @property
    def passes(self) -> bool:
        """Whether the first role's approval would pass the gate."""
        return bool(self.mine) and not any(
            role.quorum - role.approvals - (role.key == self.mine[0].key) > 0 for role in self.roles
        )


def inbox_rows(submissions: Iterable[Submission], user: User, today: date) -> list[InboxRow]:
    """Rows of one page of rounds: six queries, however many."""
    listed = list(submissions)
    if not listed:
        return []
    gates = [s.gate_id for s in listed]
    held = set(ApproverRole.objects.filter(gate_roles__gate__in=gates).held_by(user).values_list("pk", flat=True))
    approvals = {
        (submission, role): count
        for submission, role, count in Decision.objects.filter(
            submission__in=[s.pk for s in listed], verdict=Verdict.APPROVE, revocation__isnull=True
        )
        .order_by()
        .values_list("submission", "role")
        .annotate(count=Count("pk"))
    }
    roles: dict[int, list[GateRole]] = {}
    for row in GateRole.objects.filter(gate__in=gates).select_related("role").order_by("position"):
        roles.setdefault(row.gate_id, []).append(row)
    wanted = dict(Deliverable.objects.filter(gate__in=gates).order_by().values_list("gate").annotate(count=Count("pk")))
    before = _rounds_before(listed, user)
    supplied, changed = _evidence(gates, before)
    return [
        InboxRow(
            submission=s,
            today=today,
            roles=tuple(
                RoleProgress(
                    key=row.role.key,
                    name=row.role.name,
                    quorum=row.quorum,
                    approvals=approvals.get((s.pk, row.role_id), 0),
                    is_mine=row.role_id in held,
                )
                for row in roles.get(s.gate_id, ())
            ),
            deliverables=wanted.get(s.gate_id, 0),
            supplied=supplied.get(s.gate_id, 0),
            changes=changed.get(s.gate_id, 0),
            declined_before=before[s.gate_id][1] if s.gate_id in before else "",
        )
        for s in listed
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
    rows: tuple[InboxRow, ...]

    @property
    def anchor(self) -> str:
        return self.name.lower().replace(" ", "-")


def grouped(rows: Sequence[InboxRow]) -> list[Group]:
    """Rows by when they are due; groups without rows are left out."""
    by_name: dict[str, list[InboxRow]] = {}
    for row in rows:
        by_name.setdefault(row.group, []).append(row)
    return [Group(name, tuple(by_name[name])) for name in GROUPS if name in by_name]


def waiting_rounds(user: User) -> QuerySet[Submission]:
    """`waiting_for`, without the frozen evidence that a list does not show."""
    return waiting_for(user).defer("snapshot")


def decided_by(user: User) -> QuerySet[Decision]:
    """The person's own decisions, newest first, on products that they still see."""
    return (
        Decision.objects.filter(visible_products(user, "submission__gate__release__product__"), decided_by=user)
        .select_related(
            "role", "revocation", "submission", "submission__gate", "submission__gate__release",
            "submission__gate__release__product",
        )
        .defer("submission__snapshot")
        .order_by("-decided_at", "-pk")
    )  # fmt: skip


@dataclass(frozen=True)
class NextLikely:
    """The gate that will probably be the next to wait for the person."""

    release: str
    gate: str
    due_on: date | None


def next_likely(user: User) -> NextLikely | None:
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
    return NextLikely(str(row.gate.release), row.gate.name, row.gate.due_on) if row is not None else None
