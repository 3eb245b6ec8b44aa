"""What was let through and is not settled: open conditions, late ones, expired waivers and exceptions."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Case, IntegerField, Q, QuerySet, Value, When

from approvals.kinds import WaiverKind
from approvals.models import Condition, Deliverable, Waiver
from gatekeeper.accounts.models import User
from releases.kinds import PASSED, ReleaseState
from releases.models import Release

# Of a release in one of these, a condition is still to be met.
RUNNING = (ReleaseState.ACTIVE, ReleaseState.ON_HOLD, ReleaseState.RELEASED, ReleaseState.CLOSED)
MOST_WAIVERS = 50
MOST_OWN = 20
OWN_WITHIN = timedelta(days=30)


def late_conditions(today: date, prefix: str = "") -> Q:
    """Open conditions whose day has ended; `prefix` is the way to the condition."""
    return Q(**{f"{prefix}closed_at__isnull": True, f"{prefix}due_on__lt": today})


def expired_debts(prefix: str = "") -> Q:
    """Waivers and exceptions that have expired at gates that were passed by them: nothing covers these any more.

    Before the gate is passed an expired exception is no debt: what it excused blocks again.
    """
    whole = Q(**{f"{prefix}kind": WaiverKind.GATE})
    return Q(**{f"{prefix}expired_at__isnull": False}) & (whole | Q(**{f"{prefix}gate__state__in": PASSED}))


@dataclass(frozen=True)
class Debts:
    """How much of a release is owed."""

    open_conditions: int
    late: int
    expired: int

    @property
    def is_any(self) -> bool:
        return bool(self.late or self.expired)

    @property
    def words(self) -> str:
        """2 conditions are late, 1 waiver or exception has expired."""
        said = []
        if self.late:
            said.append("1 condition is late" if self.late == 1 else f"{self.late} conditions are late")
        if self.expired:
            one = self.expired == 1
            said.append(f"{self.expired} {'waiver or exception has' if one else 'waivers and exceptions have'} expired")
        return ", ".join(said)


def debts_of(release: Release, today: date) -> Debts:
    """What a release owes. Two queries."""
    due = list(Condition.objects.filter(gate__release=release, closed_at__isnull=True).values_list("due_on", flat=True))
    expired = Waiver.objects.filter(expired_debts(), gate__release=release).count()
    return Debts(len(due), sum(day < today for day in due), expired)


def conditions_of(release: Release) -> QuerySet[Condition]:
    """All conditions of a release: open ones first by their day, then the closed ones, latest first."""
    is_closed = Case(When(closed_at__isnull=True, then=Value(0)), default=Value(1), output_field=IntegerField())
    return (
        Condition.objects.filter(gate__release=release)
        .select_related("gate", "owner", "closed_by", "decision__role")
        .annotate(is_closed=is_closed)
        .order_by("is_closed", "due_on", "pk")
    )


def own_conditions(user: User, today: date) -> list[Condition]:
    """Open conditions that a person owns, late or due within a month, the most urgent first. One query."""
    return list(
        Condition.objects.filter(
            owner=user,
            closed_at__isnull=True,
            due_on__lte=today + OWN_WITHIN,
            gate__release__state__in=[ReleaseState.ACTIVE, ReleaseState.RELEASED, ReleaseState.CLOSED],
            gate__release__in=Release.objects.visible_to(user).values("pk"),
        )
        .select_related("gate__release__product")
        .order_by("due_on", "pk")[:MOST_OWN]
    )


@dataclass(frozen=True)
class WaiverRow:
    """A waiver or an exception in a list: what it lets through, and how it stands."""

    waiver: Waiver
    what: str
    state: str
    words: str


def waiver_rows(waivers: Sequence[Waiver], today: date) -> list[WaiverRow]:
    """Rows of a list; the waivers come with their gate. One query for the names of deliverables."""
    keys = [(w.gate_id, w.subject) for w in waivers if w.kind == WaiverKind.DELIVERABLE]
    names = {
        (gate, key): name
        for gate, key, name in Deliverable.objects.filter(
            gate__in=[gate for gate, _key in keys], key__in=[key for _gate, key in keys]
        ).values_list("gate", "key", "name")
    }
    rows = []
    for waiver in waivers:
        what = (
            "The gate"
            if waiver.kind == WaiverKind.GATE
            else names.get((waiver.gate_id, waiver.subject), waiver.subject)
        )
        if waiver.expired_at is None and waiver.expires_on >= today:
            state, words = "na", "In force"
        elif waiver.kind != WaiverKind.GATE and not waiver.gate.is_passed:
            state, words = "none", "Expired, blocks again"
        else:
            state, words = "late", "Expired, a debt"
        rows.append(WaiverRow(waiver, what, state, words))
    return rows
