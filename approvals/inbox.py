"""What waits for a person: the same rule as the engine's, in one query."""

from collections.abc import Sequence
from datetime import date

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from approvals.kinds import RoundState, Verdict
from approvals.models import ApproverRole, Decision, Delegation, GateRole, Recusal, Submission
from gatekeeper.accounts.models import User
from gatekeeper.common.calendars import day_of
from releases.kinds import ReleaseState
from releases.querysets import visible_products


def _asked(roles: QuerySet[ApproverRole]) -> Exists:
    """Whether a round needs an approval of one of some seats now: its quorum is not full, and it is its turn."""
    have = (
        Decision.objects.filter(
            submission=OuterRef(OuterRef("pk")),
            role=OuterRef("role"),
            verdict=Verdict.APPROVE,
            revocation__isnull=True,
        )
        .order_by()
        .values("role")
        .annotate(n=Count("pk"))
        .values("n")
    )
    have_before = (
        Decision.objects.filter(
            submission=OuterRef(OuterRef(OuterRef("pk"))),
            role=OuterRef("role"),
            verdict=Verdict.APPROVE,
            revocation__isnull=True,
        )
        .order_by()
        .values("role")
        .annotate(n=Count("pk"))
        .values("n")
    )
    before = (
        GateRole.objects.filter(gate=OuterRef("gate"), order__lt=OuterRef("order"))
        .annotate(have=Coalesce(Subquery(have_before), 0))
        .filter(quorum__gt=F("have"))
    )
    return Exists(
        GateRole.objects.filter(gate=OuterRef("gate"), role__in=roles.values("pk"))
        .annotate(have=Coalesce(Subquery(have), 0))
        .filter(Q(order=1) | ~Exists(before), quorum__gt=F("have"))
    )


def _spent(person: User | int) -> Q:
    """Rounds in which a person stepped aside, or in which there is a standing decision by or for them."""
    decided = Decision.objects.filter(
        Q(decided_by=person) | Q(on_behalf_of=person), submission=OuterRef("pk"), revocation__isnull=True
    )
    return Q(Exists(Recusal.objects.filter(submission=OuterRef("pk"), person=person))) | Q(Exists(decided))


def stands_in(user: User, on: date) -> list[Delegation]:
    """The absences of others in which a person decides for them today. Two queries."""
    return list(
        Delegation.objects.in_force(on)
        .filter(delegate=user, person__is_active=True)
        .select_related("person")
        .prefetch_related("roles")
    )


def waiting_for(user: User, delegations: Sequence[Delegation] | None = None) -> QuerySet[Submission]:
    """Open rounds in which the person may decide in a role that still needs approvals, most urgent first.

    In seats of their own or standing in for somebody; not the rounds that they (or those they stand in for) submitted
    or contributed to, stepped aside from or have decided on; not on hold.

    Args:
        delegations: those in force today, where they are known; else they are asked for.
    """
    if not user.is_active:
        return Submission.objects.none()
    seats = Q(_asked(ApproverRole.objects.all().held_by(user)))
    is_party = Q(submitted_by=user) | _wrote(user.pk)
    others = stands_in(user, day_of(timezone.now())) if delegations is None else delegations
    is_seen = visible_products(user, "gate__release__product__") if others else Q()
    for delegation in others:
        roles = ApproverRole.objects.all().held_by(delegation.person)
        if not delegation.covers_all:
            roles = roles.filter(pk__in=[role.pk for role in delegation.roles.all()])
        seats |= Q(_asked(roles)) & ~_spent(delegation.person) & is_seen
        theirs = Q(submitted_by=delegation.person) | _wrote(delegation.person_id)
        if not delegation.covers_all:
            named = [role.pk for role in delegation.roles.all()]
            theirs &= Q(Exists(GateRole.objects.filter(gate=OuterRef("gate"), role__in=named)))
        is_party |= theirs
    return (
        Submission.objects.filter(
            seats,
            state=RoundState.OPEN,
            gate__release__state__in=[ReleaseState.ACTIVE, ReleaseState.RELEASED],
        )
        .exclude(is_party)
        .exclude(_spent(user))
        .select_related("gate", "gate__release", "gate__release__product", "submitted_by")
        .order_by("gate__due_on", "submitted_at", "pk")
    )


def _wrote(person: int) -> Q:
    wrote = Submission.contributors.through.objects.filter(submission=OuterRef("pk"), user=person)
    return Q(Exists(wrote))
