"""What waits for a person: the same rule as the engine's, in one query."""

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from approvals.kinds import RoundState, Verdict
from approvals.models import ApproverRole, Decision, GateRole, Recusal, Submission
from gatekeeper.accounts.models import User
from releases.kinds import ReleaseState


def waiting_for(user: User) -> QuerySet[Submission]:
    """Open rounds in which the person may decide in a role that still needs approvals, most urgent first.

    Not the rounds that they submitted or contributed to, stepped aside from or have decided on; not on hold.
    """
    if not user.is_active:
        return Submission.objects.none()
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
    needs_me = (
        GateRole.objects.filter(gate=OuterRef("gate"), role__in=ApproverRole.objects.all().held_by(user).values("pk"))
        .annotate(have=Coalesce(Subquery(have), 0))
        .filter(quorum__gt=F("have"))
    )
    return (
        Submission.objects.filter(
            Exists(needs_me),
            state=RoundState.OPEN,
            gate__release__state__in=[ReleaseState.ACTIVE, ReleaseState.RELEASED],
        )
        .exclude(submitted_by=user)
        .exclude(Exists(Submission.contributors.through.objects.filter(submission=OuterRef("pk"), user=user)))
        .exclude(Exists(Recusal.objects.filter(submission=OuterRef("pk"), person=user)))
        .exclude(
            Exists(
                Decision.objects.filter(
                    Q(decided_by=user) | Q(on_behalf_of=user), submission=OuterRef("pk"), revocation__isnull=True
                )
            )
        )
        .select_related("gate", "gate__release", "gate__release__product", "submitted_by")
        .order_by("gate__due_on", "submitted_at", "pk")
    )
