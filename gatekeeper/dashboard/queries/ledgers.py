"""The rows behind the figures of the portfolio: what a tile or a point of a chart counts, and what its link lists."""

from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import DurationField, Exists, ExpressionWrapper, F, OuterRef, Q, QuerySet
from django.db.models.functions import TruncDate

from approvals.kinds import RoundState, WaiverKind
from approvals.models import Condition, Submission, Waiver
from approvals.pages.debts import late_conditions
from gatekeeper.accounts.models import User
from gatekeeper.common.calendars import add_months, organisation_zone
from gatekeeper.dashboard.queries.filters import Filters, filtered
from releases.kinds import PASSED, ReleaseState
from releases.models import Gate, Release, Slip

# decision times look back so far, charts a year
DECIDED_WITHIN = timedelta(days=90)
OWING = (ReleaseState.ACTIVE, ReleaseState.ON_HOLD, ReleaseState.RELEASED, ReleaseState.CLOSED)

Ids = QuerySet[Release, Any]


def counted_releases(user: User, filters: Filters, today: date) -> Ids:
    """Ids of the releases that charts count."""
    return filtered(user, filters, today, with_closed=True).order_by().values("pk")


def year_before(today: date) -> date:
    """The first day of the twelve months that end with this one: whole months, so that they can be compared."""
    return add_months(today.replace(day=1), -11)


def recent_rounds(releases: Ids, now: datetime, *, until: datetime | None = None) -> QuerySet[Submission, Submission]:
    """Rounds that were approved or declined within the 90 days before a moment (and on, until a later one)."""
    return Submission.objects.filter(
        gate__release__in=releases,
        state__in=[RoundState.APPROVED, RoundState.DECLINED],
        ended_at__gte=now - DECIDED_WITHIN,
        ended_at__lte=until or now,
    )


def decided_rounds(releases: Ids, today: date) -> QuerySet[Submission, Submission]:
    """Rounds that were approved or declined within twelve months."""
    begin = datetime.combine(year_before(today), datetime.min.time(), organisation_zone())
    return Submission.objects.filter(
        gate__release__in=releases, state__in=[RoundState.APPROVED, RoundState.DECLINED], ended_at__gte=begin
    )


def passed_gates(releases: Ids, today: date) -> QuerySet[Any, Any]:
    """Gates that were opened and approved or waived within twelve months, with `span` and `was_missed`."""
    day = TruncDate("opened_at", tzinfo=organisation_zone())
    return Gate.objects.filter(
        release__in=releases, state__in=PASSED, decided_on__gte=year_before(today), opened_at__isnull=False
    ).annotate(
        span=ExpressionWrapper(F("decided_on") - day, output_field=DurationField()),
        was_missed=Exists(Slip.objects.filter(gate=OuterRef("pk"))),
    )


def settled_slips(releases: Ids, today: date) -> QuerySet[Slip, Slip]:
    """Slips whose date was missed within twelve months and that are settled: an open one has no days yet."""
    return Slip.objects.filter(release__in=releases, due_on__gte=year_before(today), settled_on__isnull=False)


def waived_gates(releases: Ids) -> QuerySet[Waiver, Waiver]:
    """Waivers of whole gates of running releases."""
    return Waiver.objects.filter(
        kind=WaiverKind.GATE,
        gate__release__in=releases,
        gate__release__state__in=[ReleaseState.ACTIVE, ReleaseState.RELEASED],
    )


def conditions_of(releases: Ids) -> QuerySet[Condition, Condition]:
    """Conditions that are still to be met, or were."""
    return Condition.objects.filter(gate__release__in=releases, gate__release__state__in=OWING)


def late_conditions_of(releases: Ids, today: date) -> QuerySet[Condition, Condition]:
    """Open conditions whose day has ended."""
    return conditions_of(releases).filter(late_conditions(today))


def late_then(day: date, until: datetime) -> Q:
    """Conditions that were open at the end of an earlier day, and late; `until` is the moment when that day ended."""
    is_open = Q(closed_at__isnull=True) | Q(closed_at__gte=until)
    return Q(due_on__lt=day, decision__decided_at__lt=until) & is_open
