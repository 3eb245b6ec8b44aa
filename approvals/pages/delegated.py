"""What others decide for a person, as the inbox shows it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.db.models import Exists, OuterRef, Q, QuerySet

from approvals.inbox import waiting_for
from approvals.models import Condition, Decision, Delegation, GateRole, Submission
from gatekeeper.accounts.models import User
from releases.querysets import visible_products

MOST_SHOWN = 50


@dataclass(frozen=True)
class WithStandIn:
    """What waits for a person while somebody decides for them (or nobody does)."""

    delegation: Delegation
    submissions: Sequence[Submission]


def with_stand_ins(user: User, today: date) -> list[WithStandIn]:
    """By absence in force: what waits in the person's own seats. A query or two for each absence, of which a person
    has few."""
    found = []
    for delegation in Delegation.objects.in_force(today).filter(person=user).select_related("delegate"):
        waiting = waiting_for(user, delegations=()).defer("snapshot")
        if not delegation.covers_all:
            seats = GateRole.objects.filter(role__in=delegation.roles.values("pk")).values("gate")
            waiting = waiting.filter(gate__in=seats)
        found.append(WithStandIn(delegation, list(waiting[:MOST_SHOWN])))
    return found


def decided_for(user: User) -> QuerySet[Decision]:
    """Decisions that others made for a person, newest first, on products that the person still sees."""
    return (
        Decision.objects.filter(
            Q(on_behalf_of=user), visible_products(user, "submission__gate__release__product__")
        )
        .select_related(
            "role", "revocation", "decided_by", "submission", "submission__gate", "submission__gate__release",
            "submission__gate__release__product",
        )
        .defer("submission__snapshot")
        .annotate(is_conditional=Exists(Condition.objects.filter(decision=OuterRef("pk"))))
        .order_by("-decided_at", "-pk")
    )  # fmt: skip
