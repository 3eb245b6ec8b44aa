"""What the shell of every page asks of this app."""

from typing import Any

from django.db.models import QuerySet

from approvals.inbox import waiting_for
from gatekeeper.accounts.models import User
from gatekeeper.common.prepared import Prepared

# More than anybody counts; no query is without an end.
MOST_COUNTED = 1000


def _waiting(person: int) -> QuerySet[Any, tuple[Any, ...]]:
    return waiting_for(User(pk=person)).order_by().values_list("pk")[:MOST_COUNTED]


WAITING = Prepared(_waiting)


def waiting_count(user: User) -> int:
    """How many rounds wait for the person."""
    return len(WAITING.rows(user.pk)) if user.is_active else 0
