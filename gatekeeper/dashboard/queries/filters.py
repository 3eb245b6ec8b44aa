"""The portfolio's filters: read from the address through lists of what is allowed, and turned into conditions."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Exists, F, OrderBy, OuterRef, Q
from django.db.models.functions import TruncMonth

from approvals.models import Condition, Waiver
from approvals.pages.debts import expired_debts, late_conditions
from gatekeeper.accounts.models import User
from gatekeeper.common.calendars import add_months
from releases.kinds import UNDECIDED, GateState, Health, PlaybookKind, ReleaseState
from releases.models import Release
from releases.querysets import ReleaseQuerySet

STATES: Mapping[str, str] = {
    "draft": "Draft",
    "active": "Active",
    "on_hold": "On hold",
    "released": "Released",
    "closed": "Closed",
    "cancelled": "Cancelled",
    "all": "All",
}
# what is shown unless somebody asks for another state: everything that still has gates to pass
CURRENT = (ReleaseState.DRAFT, ReleaseState.ACTIVE, ReleaseState.ON_HOLD, ReleaseState.RELEASED)
# what the charts look back at: closed releases too
TOLD = (ReleaseState.ACTIVE, ReleaseState.ON_HOLD, ReleaseState.RELEASED, ReleaseState.CLOSED)
RECORDED = "recorded"
HEALTHS: Mapping[str, str] = {
    Health.ON_TRACK: "On track",
    Health.AT_RISK: "At risk",
    Health.SLIPPED: "Slipped",
}
GATES: Mapping[str, str] = {
    "late": "Late",
    "waiting": "Waiting for decision",
    "declined": "Declined",
    "preparing": "Preparing",
}
GATE_STATES: Mapping[str, str] = {
    "waiting": GateState.IN_REVIEW,
    "declined": GateState.DECLINED,
    "preparing": GateState.OPEN,
}
DEBTS: Mapping[str, str] = {
    "conditions": "Late conditions",
    "let-through": "Waivers and exceptions",
    "expired": "Expired waivers and exceptions",
}
RECENT = timedelta(days=90)
TARGETS: Mapping[str, str] = {
    "past": "Past",
    "3-months": "Next 3 months",
    "12-months": "Next 12 months",
    "12-months-and-recent": "Next 12 months and recent",
    "later": "Later",
}
GROUPS: Mapping[str, str] = {"line": "By product line", "pm": "By PM", "target": "By target"}
SORTS: Mapping[str, tuple[str, ...]] = {
    "name": ("product__name", "version"),
    "target": ("target_on",),
    "slip": ("slip_days",),
    "due": ("next_due_on",),
    "released": ("released_on",),
}
QUARTER = re.compile(r"(20\d\d)-q([1-4])\Z")
ME = "me"
TEXT_LENGTH = 200


@dataclass(frozen=True)
class Filters:
    """What somebody asked for. An empty text is no filter; words that are not allowed were dropped."""

    line: str = ""
    product: str = ""
    pm: str = ""
    health: str = ""
    gate: str = ""
    current: str = ""
    playbook: str = ""
    target: str = ""
    quarter: str = ""
    debt: str = ""
    state: str = ""
    text: str = ""
    group: str = "line"
    sort: str = ""

    @property
    def is_history(self) -> bool:
        return self.state == RECORDED

    @property
    def is_filtered(self) -> bool:
        """Whether anything narrows the list; recorded history is a list of its own."""
        state = "" if self.is_history else self.state
        return any(
            (
                self.line, self.product, self.pm, self.health, self.gate, self.current, self.playbook, self.target,
                self.quarter, self.debt, state, self.text,
            )
        )  # fmt: skip


def read_filters(query: Mapping[str, str]) -> Filters:
    """From the query string."""

    def allowed(name: str, words: Mapping[str, str]) -> str:
        value = query.get(name, "")
        return value if value in words else ""

    def text(name: str) -> str:
        # the databases take no NUL
        return query.get(name, "").replace("\x00", "").strip()[:TEXT_LENGTH]

    state = RECORDED if query.get("state") == RECORDED else allowed("state", STATES)
    is_history = state == RECORDED
    sort = query.get("sort", "")
    return Filters(
        line=text("line"),
        product=text("product"),
        pm="" if is_history else text("pm"),
        health="" if is_history else allowed("health", HEALTHS),
        gate="" if is_history else allowed("gate", GATES),
        current="" if is_history else text("current"),
        playbook="" if is_history else text("playbook"),
        target=allowed("target", TARGETS),
        quarter=quarter if QUARTER.match(quarter := query.get("quarter", "")) else "",
        debt="" if is_history else allowed("debt", DEBTS),
        state=state,
        text=text("q"),
        group=allowed("group", GROUPS) or "line",
        sort=sort if sort.removeprefix("-") in SORTS else "",
    )


def quarter_days(quarter: str) -> tuple[date, date]:
    """The first day of a quarter such as 2026-q4, and the first of the next."""
    found = QUARTER.match(quarter)
    assert found is not None
    first = date(int(found[1]), int(found[2]) * 3 - 2, 1)
    return first, add_months(first, 3)


def quarter_words(quarter: str) -> str:
    """Q4 2026."""
    year, number = quarter.split("-q")
    return f"Q{number} {year}"


def quarters_around(today: date) -> list[str]:
    """Two quarters before this one, and the five after it."""
    first = date(today.year, (today.month - 1) // 3 * 3 + 1, 1)
    days = [add_months(first, 3 * number) for number in range(-2, 6)]
    return [f"{day.year}-q{(day.month + 2) // 3}" for day in days]


def filtered(
    user: User, filters: Filters, today: date, *, with_health_filter: bool = True, with_closed: bool = False
) -> ReleaseQuerySet:
    """The releases that somebody sees and asked for.

    The figures leave the health out, so that they stay a choice; the charts take in what is closed.
    """
    kind = PlaybookKind.HISTORY if filters.is_history else PlaybookKind.GATES
    found = Release.objects.visible_to(user).filter(kind=kind).with_health(today)
    if not filters.is_history:
        if not filters.state:
            found = found.filter(state__in=TOLD if with_closed else CURRENT)
        elif filters.state != "all":
            found = found.filter(state=filters.state)
        elif with_closed:  # a cancelled release leaves the averages
            found = found.filter(state__in=TOLD)
    if filters.line:
        found = found.filter(product__line__slug=filters.line)
    if filters.product:
        found = found.filter(product__slug=filters.product)
    if filters.pm:
        found = found.filter(owner=user) if filters.pm == ME else found.filter(owner__username=filters.pm)
    if filters.gate:
        found = found.filter(gate_condition(filters.gate, today))
    if filters.current:
        found = found.filter(current_gate=filters.current)
    if filters.playbook:
        found = found.filter(playbook__slug=filters.playbook)
    if filters.quarter:
        first, after = quarter_days(filters.quarter)
        found = found.filter(target_on__gte=first, target_on__lt=after)
    if filters.target:
        found = found.filter(target_condition(filters.target, today))
    if filters.debt:
        found = found.filter(debt_condition(filters.debt, today))
    for word in filters.text.split():
        found = found.filter(Q(product__name__icontains=word) | Q(version__icontains=word) | Q(name__icontains=word))
    if with_health_filter and filters.health:
        found = found.filter(Q(health_value=filters.health))
    return found


def gate_condition(gate: str, today: date) -> Q:
    """The current gate as it is shown: a late one is late, whatever else it is."""
    late = Q(state__in=[ReleaseState.ACTIVE, ReleaseState.RELEASED], current_state__in=UNDECIDED, next_due_on__lt=today)
    return late if gate == "late" else Q(current_state=GATE_STATES[gate]) & ~late


def debt_condition(debt: str, today: date) -> Q:
    """Releases that owe something, or that were let through somewhere."""
    if debt == "conditions":
        owed = Condition.objects.filter(late_conditions(today), gate__release=OuterRef("pk"))
        return Q(Exists(owed)) & ~Q(state=ReleaseState.CANCELLED)
    waivers = Waiver.objects.filter(gate__release=OuterRef("pk"))
    return Q(Exists(waivers.filter(expired_debts()) if debt == "expired" else waivers))


def target_condition(target: str, today: date) -> Q:
    """A window of target dates around today."""
    year = add_months(today, 12)
    return {
        "past": Q(target_on__lt=today),
        "3-months": Q(target_on__gte=today, target_on__lt=add_months(today, 3)),
        "12-months": Q(target_on__gte=today, target_on__lt=year),
        "12-months-and-recent": Q(target_on__gte=today - RECENT, target_on__lt=year),
        "later": Q(target_on__gte=year),
    }[target]


def ordered(found: ReleaseQuerySet, filters: Filters) -> ReleaseQuerySet:
    """By group, then as asked, then by name; the last word is the key, so that pages never overlap."""
    groups: dict[str, tuple[str | OrderBy, ...]] = {
        "line": ("product__line__name", "product__line"),
        "pm": (F("owner__full_name").asc(nulls_last=True), "owner"),
        "target": (F("target_month").asc(nulls_last=True),),
    }
    if filters.group == "target":
        found = found.annotate(target_month=TruncMonth("target_on"))
    key = filters.sort.removeprefix("-")
    names = SORTS.get(key) or (("target_on",) if filters.group == "target" else ())
    asked = [
        F(name).desc(nulls_last=True) if filters.sort.startswith("-") else F(name).asc(nulls_last=True)
        for name in names
    ]
    return found.order_by(*groups[filters.group], *asked, "product__name", "target_on", "version", "pk")
