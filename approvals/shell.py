"""What the shell of every page asks of this app."""

from datetime import date
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from approvals.inbox import waiting_for
from approvals.models import Delegation
from gatekeeper.accounts.models import User
from gatekeeper.common.calendars import day_of
from gatekeeper.common.prepared import Prepared

# More than anybody counts; no query is without an end.
MOST_COUNTED = 1000


def _stands_in(person: int, on: date) -> QuerySet[Any, tuple[Any, ...]]:
    return Delegation.objects.in_force(on).filter(delegate=person).order_by().values_list("pk")[:1]


def _waiting(person: int) -> QuerySet[Any, tuple[Any, ...]]:
    return waiting_for(User(pk=person), delegations=()).order_by().values_list("pk")[:MOST_COUNTED]


STANDS_IN, WAITING = Prepared(_stands_in), Prepared(_waiting)


def waiting_count(user: User) -> int:
    """How many rounds wait for the person. One query, and for people who stand in for somebody today three more."""
    if not user.is_active:
        return 0
    if STANDS_IN.rows(user.pk, day_of(timezone.now())):
        return waiting_for(user).order_by()[:MOST_COUNTED].count()
    return len(WAITING.rows(user.pk))
