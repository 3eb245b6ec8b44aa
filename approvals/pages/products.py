"""What the product pages show."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from statistics import median
from typing import Any

from django.contrib.auth.models import Group
from django.db.models import Count, F, Max, Min, Q, QuerySet

from approvals.kinds import RoundState
from approvals.models import (
    ApproverRole,
    ApproverRoleGroupObjectPermission,
    ApproverRoleUserObjectPermission,
    GateRole,
    Submission,
)
from approvals.permissions import seat_holders
from gatekeeper.accounts.models import User
from releases.kinds import GateState, Health, PlaybookKind, ReleaseState
from releases.models import (
    Gate,
    Playbook,
    Product,
    ProductGroupObjectPermission,
    ProductUserObjectPermission,
    Release,
)
from releases.permissions import PRODUCT_PERMISSIONS
from releases.querysets import health_expression

OPEN_STATES = (ReleaseState.DRAFT, ReleaseState.ACTIVE, ReleaseState.ON_HOLD)
OUT_STATES = (ReleaseState.RELEASED, ReleaseState.CLOSED, ReleaseState.RECORDED)
# Figures look at the latest ones only, so that an old product's page is as quick as a new one's.
LATEST = 20
LATEST_ROUNDS = 100


def latest_playbooks() -> list[Playbook]:
    """The newest version of each playbook that releases can run."""
    newest = Playbook.objects.filter(kind=PlaybookKind.GATES).values("slug").annotate(newest=Max("pk")).values("newest")
    return list(Playbook.objects.filter(pk__in=newest).order_by("name"))


# --- List ---------------------------------------------------------------------------------------------------------

HEALTH_COLUMNS = (Health.ON_TRACK, Health.AT_RISK, Health.SLIPPED)


@dataclass(frozen=True)
class ProductRow:
    """A product in the list, with how many of its releases are in which health."""

    product: Product
    on_track: int = 0
    at_risk: int = 0
    slipped: int = 0
    draft: int = 0
    on_hold: int = 0
    out: int = 0
    next_target_on: date | None = None

    @property
    def running(self) -> int:
        return self.on_track + self.at_risk + self.slipped


def products_for(user: User, *, line: str = "", text: str = "") -> QuerySet[Product]:
    """The products somebody may see, of one line, with a text in their name."""
    found = Product.objects.visible_to(user).select_related("line", "owner").order_by("name")
    if line:
        found = found.filter(line__slug=line)
    if text:
        found = found.filter(Q(name__icontains=text) | Q(slug__icontains=text) | Q(description__icontains=text))
    return found


def product_rows(products: Iterable[Product], today: date) -> list[ProductRow]:
    """Rows of one page of products: two queries for all of them."""
    listed = list(products)
    counts: dict[int, dict[str, int]] = {product.pk: {} for product in listed}
    for product_id, health, count in (
        Release.objects.filter(product__in=counts)
        .annotate(health_value=health_expression(today))
        .values_list("product", "health_value")
        .annotate(count=Count("pk"))
        .order_by()
    ):
        counts[product_id][health] = count
    targets = dict(
        Release.objects.filter(product__in=counts, state=ReleaseState.ACTIVE)
        .values_list("product")
        .annotate(next=Min("target_on"))
        .order_by()
    )
    return [
        ProductRow(
            product=product,
            on_track=counts[product.pk].get(Health.ON_TRACK, 0),
            at_risk=counts[product.pk].get(Health.AT_RISK, 0),
            slipped=counts[product.pk].get(Health.SLIPPED, 0),
            draft=counts[product.pk].get(Health.DRAFT, 0),
            on_hold=counts[product.pk].get(Health.ON_HOLD, 0),
            out=sum(counts[product.pk].get(state, 0) for state in OUT_STATES),
            next_target_on=targets.get(product.pk),
        )
        for product in listed
    ]


# --- Overview -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Figure:
    """A tile: a value with its unit, and one line of context."""

    label: str
    value: str
    unit: str
    note: str


def product_figures(product: Product) -> list[Figure]:
    """Figures that are true now: against the baseline, in round 1, time to a decision. Only those with data."""
    return [f for f in (_on_target(product), _round_one(product), _milestones(product), _decision_time(product)) if f]


def _on_target(product: Product) -> Figure | None:
    pairs = list(
        Release.objects.filter(product=product, released_on__isnull=False, baseline_on__isnull=False)
        .order_by("-released_on")
        .values_list("released_on", "baseline_on", "held_days")[:LATEST]
    )
    late = [max(0, (released - baseline).days - held) for released, baseline, held in pairs if released and baseline]
    if not late:
        return None
    slip = round(median(late))
    of = f"last {len(late)} releases" if len(late) > 1 else "1 release"
    return Figure(
        "Released on target",
        str(sum(days == 0 for days in late)),
        f"of {len(late)}",
        f"By the baseline date, {of}; median slip {slip} {'day' if slip == 1 else 'days'}",
    )


def _round_one(product: Product) -> Figure | None:
    counts: Mapping[str, Any] = Gate.objects.filter(
        release__product=product, state=GateState.APPROVED, round_number__gte=1
    ).aggregate(total=Count("pk"), first=Count("pk", filter=Q(round_number=1)))
    if not counts["total"]:
        return None
    share = round(100 * counts["first"] / counts["total"])
    return Figure("Gates approved in round 1", f"{share}%", "", f"{counts['first']} of {counts['total']} gates")


def _milestones(product: Product) -> Figure | None:
    """Recorded history: milestones that happened by their baseline."""
    counts: Mapping[str, Any] = Gate.objects.filter(
        release__product=product,
        release__kind=PlaybookKind.HISTORY,
        decided_on__isnull=False,
        baseline_due_on__isnull=False,
    ).aggregate(total=Count("pk"), kept=Count("pk", filter=Q(decided_on__lte=F("baseline_due_on"))))
    if not counts["total"]:
        return None
    share = round(100 * counts["kept"] / counts["total"])
    return Figure("Milestones by their baseline", f"{share}%", "", f"{counts['kept']} of {counts['total']} milestones")


def _decision_time(product: Product) -> Figure | None:
    ended = Submission.objects.filter(
        gate__release__product=product, state__in=[RoundState.APPROVED, RoundState.DECLINED], ended_at__isnull=False
    ).order_by("-ended_at")
    hours = [
        (until - since).total_seconds() / 3600
        for since, until in ended.values_list("submitted_at", "ended_at")[:LATEST_ROUNDS]
        if until is not None
    ]
    if not hours:
        return None
    middle = median(hours)
    if middle < 1:
        value, unit = str(max(1, round(middle * 60))), "min"
    elif middle < 48:
        value, unit = str(round(middle)), "hours" if round(middle) != 1 else "hour"
    else:
        value, unit = f"{middle / 24:.1f}".removesuffix(".0"), "days"
    rounds = "1 round" if len(hours) == 1 else f"last {len(hours)} rounds"
    return Figure("Median time to a decision", value, unit, f"From submission to the end of the round, {rounds}")


def release_counts(product: Product) -> dict[str, int]:
    """How many releases are open, out and cancelled."""
    states = dict(Release.objects.filter(product=product).values_list("state").annotate(count=Count("pk")).order_by())
    return {
        "open": sum(states.get(state, 0) for state in OPEN_STATES),
        "released": sum(states.get(state, 0) for state in OUT_STATES),
        "cancelled": states.get(ReleaseState.CANCELLED, 0),
        "all": sum(states.values()),
    }


def releases_of(product: Product, show: str) -> QuerySet[Release]:
    """The product's releases for its tables: open ones by target, others latest first."""
    found = Release.objects.for_board().filter(product=product)
    if show == "open":
        return found.filter(state__in=OPEN_STATES).order_by("target_on", "version")
    if show == "released":
        found = found.filter(state__in=OUT_STATES)
    elif show == "cancelled":
        found = found.filter(state=ReleaseState.CANCELLED)
    return found.order_by(F("released_on").desc(nulls_last=True), F("target_on").desc(nulls_last=True), "-pk")


# --- People -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class GroupHolder:
    """A group that holds something, and how many active people are in it."""

    group: Group
    members: int


@dataclass
class Holders:
    """Who was given one thing, as it was given: people (deactivated ones too) and groups."""

    people: list[User] = field(default_factory=list)
    groups: list[GroupHolder] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not self.people and not self.groups


@dataclass(frozen=True)
class Seat:
    """A role at a gate: who holds it, how many active people that makes, and what is wrong with it."""

    role: ApproverRole
    holders: Holders
    active: int
    needed: int

    @property
    def hint(self) -> str:
        if self.active >= self.needed:
            return ""
        if self.active == 0:
            return "Nobody can decide in this role: a round of this gate cannot be submitted."
        return f"{self.needed} approvals are needed, and only {self.active} can decide."


@dataclass(frozen=True)
class GateSeats:
    """A gate of the product's releases with its seats."""

    key: str
    name: str
    seats: tuple[Seat, ...]

    @property
    def hints(self) -> int:
        return sum(bool(seat.hint) for seat in self.seats)


def _group_sizes(groups: Iterable[Group]) -> dict[int, int]:
    ids = {group.pk for group in groups}
    if not ids:
        return {}
    return dict(
        Group.objects.filter(pk__in=ids)
        .annotate(members=Count("user", filter=Q(user__is_active=True)))
        .values_list("pk", "members")
    )


def gate_names(product: Product) -> dict[str, str]:
    """Names of gate keys in order: as the newest release of the product has them, then as the playbooks do."""
    newest = (
        Release.objects.filter(product=product, kind=PlaybookKind.GATES, activated_at__isnull=False)
        .order_by("-activated_at")
        .values("pk")[:1]
    )
    names = dict(Gate.objects.filter(release__in=newest).order_by("position").values_list("key", "name"))
    for playbook in latest_playbooks():
        for gate in playbook.definition["gates"]:
            names.setdefault(gate["key"], gate["name"])
    return names


def product_seats(product: Product) -> list[GateSeats]:
    """Every seat of a product, by gate in the playbook's order."""
    roles = list(ApproverRole.objects.filter(product=product).order_by("gate_key", "name"))
    held: dict[int, Holders] = {role.pk: Holders() for role in roles}
    people = ApproverRoleUserObjectPermission.objects.filter(content_object__product=product).select_related("user")
    for row in people.order_by("user__full_name"):
        held[row.content_object_id].people.append(row.user)
    groups = list(
        ApproverRoleGroupObjectPermission.objects.filter(content_object__product=product)
        .select_related("group")
        .order_by("group__name")
    )
    sizes = _group_sizes(grant.group for grant in groups)
    for grant in groups:
        held[grant.content_object_id].groups.append(GroupHolder(grant.group, sizes[grant.group_id]))
    active = {role_id: len(people) for role_id, people in seat_holders(list(held)).items()}
    needed = dict(
        GateRole.objects.filter(
            role__product=product, gate__release__state__in=[ReleaseState.ACTIVE, ReleaseState.RELEASED]
        )
        .values_list("role")
        .annotate(most=Max("quorum"))
        .order_by()
    )
    names = gate_names(product)
    by_gate: dict[str, list[Seat]] = {key: [] for key in names}
    for role in roles:
        by_gate.setdefault(role.gate_key, []).append(
            Seat(role, held[role.pk], active[role.pk], max(1, needed.get(role.pk, 1)))
        )
    return [
        GateSeats(key, names.get(key, key.replace("-", " ").capitalize()), tuple(seats))
        for key, seats in by_gate.items()
        if seats
    ]


def product_grants(product: Product, names: Sequence[str] = PRODUCT_PERMISSIONS) -> dict[str, Holders]:
    """Who was given which permission on a product."""
    held = {name: Holders() for name in names}
    people = ProductUserObjectPermission.objects.filter(content_object=product).select_related("user", "permission")
    for row in people.order_by("user__full_name"):
        if row.permission.codename in held:
            held[row.permission.codename].people.append(row.user)
    groups = list(
        ProductGroupObjectPermission.objects.filter(content_object=product)
        .select_related("group", "permission")
        .order_by("group__name")
    )
    sizes = _group_sizes(grant.group for grant in groups)
    for grant in groups:
        if grant.permission.codename in held:
            held[grant.permission.codename].groups.append(GroupHolder(grant.group, sizes[grant.group_id]))
    return held
