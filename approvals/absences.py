"""Who may say that somebody is away, what stands against it, and what should be told with it. Changes nothing."""

from collections.abc import Collection, Iterable, Sequence
from datetime import date, timedelta
from itertools import pairwise

from django.db.models import Q

from approvals.models import ApproverRole, Delegation
from gatekeeper.accounts.models import User
from gatekeeper.common.calendars import latest_allowed_day
from gatekeeper.common.errors import FieldProblem
from releases.models import Product
from releases.permissions import granted_product_ids, is_administrator, sees_every_product

# The first and the last day are at most so many days apart: longer, somebody else should hold the seats.
LONGEST_DAYS = 180
REASON_LENGTH = 300
NAMED_PRODUCTS = 5


def may_arrange(actor: User, person: User) -> bool:
    """Whether somebody may set and end the absences of a person: the person, their assistant, an administrator."""
    if not actor.is_active:
        return False
    return actor.pk == person.pk or person.assistant_id == actor.pk or is_administrator(actor)


def naming_refusal(actor: User, person: User, delegate: User, products: Iterable[int]) -> tuple[str, str] | None:
    """Why somebody may not name this stand-in for another person: (code, sentence), or None.

    Assistants and administrators name neither themselves nor anybody for seats of products that they manage: the vote
    on their own work would be in their hands.
    """
    if actor.pk == person.pk:
        return None
    if actor.pk == delegate.pk:
        return "own_seat", f"{person} or somebody else has to name you."
    managed = Product.objects.filter(pk__in=products).managed_by(actor).order_by("name").first()
    if managed is not None:
        return "manages_product", f"You manage {managed}: {person} or somebody else has to say who decides there."
    return None


def problems_of(
    *, person: User, delegate: User | None, starts_on: date, ends_on: date, roles: Sequence[ApproverRole] | None,
    today: date,
) -> list[FieldProblem]:  # fmt: skip
    """Everything that stands against an absence, at once. `roles` None is every seat."""
    found: list[FieldProblem] = []
    if not person.is_active:
        found.append(FieldProblem("person", "inactive", f"{person} is deactivated."))
    found += _day_problems(starts_on, ends_on, today)
    if roles is not None:
        found += _seat_problems(person, roles)
    if delegate is not None:
        found += _stand_in_problems(person, delegate, roles)
    if found:
        return found
    if other := overlapping(person, starts_on, ends_on, roles):
        found.append(
            FieldProblem("starts_on", "overlaps", f"It overlaps {words_of(other, whose=False)}. End it first.")
        )
    elif delegate is not None and (ring := ring_of(person, delegate, starts_on, ends_on)):
        names = {user.pk: user.full_name for user in User.objects.filter(pk__in=ring)}
        chain = "; ".join(f"{names[b]} for {names[a]}" for a, b in pairwise(ring))
        found.append(
            FieldProblem(
                "delegate", "ring", f"In these days they would stand in for each other in a ring: {chain}. "
                "Name somebody who is there.",
            )
        )  # fmt: skip
    return found


def _day_problems(starts_on: date, ends_on: date, today: date) -> list[FieldProblem]:
    found = []
    if not today <= starts_on <= latest_allowed_day(today):
        found.append(FieldProblem("starts_on", "date_in_past", "The first day must lie from today on."))
    if ends_on < starts_on:
        found.append(FieldProblem("ends_on", "before_start", "The last day lies before the first."))
    elif ends_on - starts_on > timedelta(days=LONGEST_DAYS):
        latest = starts_on + timedelta(days=LONGEST_DAYS)
        found.append(
            FieldProblem(
                "ends_on", "too_long", f"The last day may be {latest:%-d %b %Y}, {LONGEST_DAYS} days after the first: "
                "for longer, have an administrator give the seats to somebody.",
            )
        )  # fmt: skip
    return found


def _seat_problems(person: User, roles: Sequence[ApproverRole]) -> list[FieldProblem]:
    if not roles:
        return [FieldProblem("roles", "required", "Choose the seats, or all of them.")]
    held = set(ApproverRole.objects.all().held_by(person).values_list("pk", flat=True))
    if {role.pk for role in roles} <= held:
        return []
    return [FieldProblem("roles", "not_held", f"{person} does not hold all of these seats.")]


def _stand_in_problems(person: User, delegate: User, roles: Sequence[ApproverRole] | None) -> list[FieldProblem]:
    if delegate.pk == person.pk:
        return [FieldProblem("delegate", "oneself", "Nobody stands in for themselves.")]
    if not delegate.is_active:
        return [FieldProblem("delegate", "inactive", f"{delegate} is deactivated.")]
    if delegate.is_service:
        return [FieldProblem("delegate", "is_service", f"{delegate} is a service account: only people decide.")]
    hidden = unseen_products(delegate, [role.product_id for role in roles]) if roles is not None else []
    if hidden:
        return [FieldProblem("delegate", "cannot_see", f"{delegate} cannot see {named(hidden)}.")]
    return []


def named(products: Sequence[Product]) -> str:
    """Product names, the first few."""
    names = ", ".join(product.name for product in products[:NAMED_PRODUCTS])
    return f"{names} and {len(products) - NAMED_PRODUCTS} more" if len(products) > NAMED_PRODUCTS else names


def unseen_products(person: User, products: Collection[int]) -> list[Product]:
    """Which of some products a person may not see."""
    restricted = Product.objects.filter(pk__in=products, is_restricted=True)
    if sees_every_product(person):
        return []
    return list(restricted.exclude(pk__in=granted_product_ids(person)).order_by("name"))


def overlapping(
    person: User, starts_on: date, ends_on: date, roles: Sequence[ApproverRole] | None
) -> Delegation | None:
    """An absence of the person in some of these days that is about some of the same seats."""
    others = Delegation.objects.not_over(starts_on, ends_on).filter(person=person).select_related("delegate", "person")
    if roles is not None:
        others = others.covering([role.pk for role in roles])
    return others.order_by("starts_on", "pk").first()


def ring_of(person: User, delegate: User, starts_on: date, ends_on: date) -> list[int]:
    """The ring that a new stand-in would close on some day: ids from the person, through who stands in for whom, back
    to the person; empty when there is none. One query."""
    edges: dict[int, list[tuple[int, date, date]]] = {}
    rows = Delegation.objects.not_over(starts_on, ends_on).filter(delegate__isnull=False).order_by("pk")
    for absent, stand_in, first, last in rows.values_list("person_id", "delegate_id", "starts_on", "ends_on"):
        assert stand_in is not None
        edges.setdefault(absent, []).append((stand_in, first, last))
    # Days are carried along: a ring is one only on a day on which every link of it is in force.
    ways = [([person.pk, delegate.pk], starts_on, ends_on)]
    seen: set[tuple[int, date, date]] = set()
    while ways:
        path, first, last = ways.pop()
        for stand_in, since, until in edges.get(path[-1], ()):
            days = max(first, since), min(last, until)
            if days[0] > days[1] or (stand_in, *days) in seen:
                continue
            if stand_in == person.pk:
                return [*path, stand_in]
            seen.add((stand_in, *days))
            ways.append(([*path, stand_in], *days))
    return []


def absences_around(person: User, today: date) -> list[Delegation]:
    """Absences of a person, and those in which they stand in, that are not over."""
    mine = Delegation.objects.filter(Q(person=person) | Q(delegate=person), ended_at__isnull=True, ends_on__gte=today)
    return list(mine.select_related("person", "delegate").order_by("starts_on", "pk"))


def concerned_seats_of(person: User, delegate: User | None, roles: Sequence[ApproverRole] | None) -> list[int]:
    """Ids of the seats whose gates an absence changes: those it is about, and (who stands in for a contributor may not
    vote) those of the stand-in. `roles` None is every seat."""
    if roles is not None:
        return sorted(role.pk for role in roles)
    people = [one for one in (person, delegate) if one is not None]
    return sorted({pk for one in people for pk in ApproverRole.objects.all().held_by(one).values_list("pk", flat=True)})


def concerned_seats(delegation: Delegation) -> list[int]:
    """The same of one that is stored."""
    roles = None if delegation.covers_all else list(delegation.roles.all())
    return concerned_seats_of(delegation.person, delegation.delegate, roles)


def words_of(delegation: Delegation, *, whose: bool = True) -> str:
    """ "20 Nov 2026 to 3 Dec 2026, Grace Kim stands in"."""
    days = f"{delegation.starts_on:%-d %b %Y} to {delegation.ends_on:%-d %b %Y}"
    stand_in = f"{delegation.delegate} stands in" if delegation.delegate else "nobody stands in"
    return f"{delegation.person}, {days}, {stand_in}" if whose else f"{days}, {stand_in}"


def warnings_of(delegation: Delegation) -> list[str]:
    """What does not stand against an absence but should be known: sentences."""
    person, delegate = delegation.person, delegation.delegate
    if delegate is None:
        return []
    found = []
    seats = ApproverRole.objects.all().held_by(person)
    if not delegation.covers_all:
        seats = seats.filter(pk__in=delegation.roles.values("pk"))
    if delegation.covers_all:
        hidden = unseen_products(delegate, set(seats.values_list("product", flat=True)))
        if hidden:
            found.append(f"{delegate} cannot see {named(hidden)} and does not stand in there.")
    both = ApproverRole.objects.all().held_by(delegate).filter(pk__in=seats.values("pk")).order_by("name")
    if shared := both.first():
        found.append(f"{delegate} holds {shared.name} too, and decides once in a round: for one of you.")
    away = Delegation.objects.not_over(delegation.starts_on, delegation.ends_on).filter(person=delegate)
    if theirs := away.select_related("delegate").order_by("starts_on", "pk").first():
        found.append(
            f"{delegate} is away too, {theirs.starts_on:%-d %b %Y} to {theirs.ends_on:%-d %b %Y}; "
            "standing in is not passed on."
        )
    return found
