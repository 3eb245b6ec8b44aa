"""The clock that actions read once, after they hold the lock."""

from collections.abc import Callable
from datetime import datetime

from django.db import connection
from django.utils import timezone

Clock = Callable[[], datetime]


def database_clock() -> datetime:
    """The database's time on PostgreSQL (so that web hosts with a wrong clock decide nothing), else this machine's."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT clock_timestamp()")
            moment: datetime = cursor.fetchone()[0]
            return moment
    return timezone.now()


def fixed_clock(at: datetime) -> Clock:
    """A clock that stands still, for imports, the demo and tests."""
    return lambda: at
