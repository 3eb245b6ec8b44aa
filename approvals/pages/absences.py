"""Being away, as pages show it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from django.db.models import Prefetch, Q, QuerySet

from approvals.facts import GateFacts
from approvals.models import ApproverRole, Delegation
from gatekeeper.accounts.models import User

SEATS_SHOWN = 200
SEATS_NAMED = 3
PEOPLE_SHOWN = 50


@dataclass(frozen=True)
class SeatChoice:
    """One function of a person on one product: its seats at all gates, chosen together."""

    value: str
    label: str
    roles: tuple[ApproverRole, ...]


def seat_choices(person: User) -> list[SeatChoice]:
    """What a person may choose among; one query."""
    held = ApproverRole.objects.all().held_by(person).select_related("product").order_by("product__name", "name", "key")
    found = []
    for (product, key), group in groupby(held[: SEATS_SHOWN * 10], key=lambda seat: (seat.product, seat.key)):
        roles = tuple(group)
        gates = "1 gate" if len(roles) == 1 else f"{len(roles)} gates"
        found.append(SeatChoice(f"{product.pk}-{key}", f"{roles[0].name}, {product}\n{gates}", roles))
    return found[:SEATS_SHOWN]


@dataclass(frozen=True)
class AbsenceLine:
    """One absence in a list."""

    delegation: Delegation
    today: date

    @property
    def state(self) -> str:
        """`now`, `planned`, `ended` (before its last day) or `over`."""
        if self.delegation.ended_at is not None:
            return "ended"
        if self.delegation.ends_on < self.today:
            return "over"
        return "now" if self.delegation.starts_on <= self.today else "planned"

    @property
    def words(self) -> str:
        return {"now": "Away now", "planned": "Planned", "ended": "Ended early", "over": "Over"}[self.state]

    @property
    def may_end(self) -> bool:
        return self.state in ("now", "planned")

    @property
    def about(self) -> str:
        """Which seats, in a few words."""
        if self.delegation.covers_all:
            return "All seats"
        names = sorted({f"{role.name}, {role.product}" for role in self.delegation.roles.all()})
        more = len(names) - SEATS_NAMED
        return "; ".join(names[:SEATS_NAMED]) + (f" and {more} more" if more > 0 else "")


def _with_words(found: QuerySet[Delegation]) -> QuerySet[Delegation]:
    seats = ApproverRole.objects.select_related("product").order_by("pk")
    return found.select_related("person", "delegate", "made_by", "ended_by").prefetch_related(Prefetch("roles", seats))


def absences_of(person: User) -> QuerySet[Delegation]:
    """A person's absences, newest first."""
    return _with_words(Delegation.objects.filter(person=person)).order_by("-starts_on", "-pk")


def lines(found: Sequence[Delegation], today: date) -> list[AbsenceLine]:
    return [AbsenceLine(delegation, today) for delegation in found]


def decides_for(person: User, today: date) -> list[AbsenceLine]:
    """Absences of others in which a person stands in, now or later."""
    found = Delegation.objects.filter(delegate=person, ended_at__isnull=True, ends_on__gte=today)
    return lines(list(_with_words(found).order_by("starts_on", "pk")[:PEOPLE_SHOWN]), today)


def away_now(person: User, today: date) -> list[Delegation]:
    """A person's absences that are in force, for the banner."""
    found = Delegation.objects.in_force(today).filter(person=person).select_related("delegate")
    return list(found.order_by("-ends_on", "pk")[:2])


def assisted_by(person: User) -> list[User]:
    """Whose assistant a person is."""
    return list(User.objects.filter(Q(assistant=person), is_active=True).order_by("full_name")[:PEOPLE_SHOWN])


def away_words(facts: GateFacts, person: User, role_id: int, reader: User) -> str:
    """ "Away until 23 Nov, Grace Kim stands in": of a holder of a seat today; empty for who is there."""
    found = next((d for d in facts.delegations if d.person_id == person.pk and d.covers(role_id)), None)
    if found is None:
        return ""
    stand_in = next((d.user for d in facts.deputies(role_id) if d.on_behalf_of == person), None)
    who = "nobody stands in" if stand_in is None else f"{stand_in} stands in"
    if stand_in is not None and stand_in.pk == reader.pk:
        who = "you stand in"
    return f"Away until {found.ends_on:%-d %b}, {who}"
