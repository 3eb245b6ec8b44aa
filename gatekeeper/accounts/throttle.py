"""How often somebody may try: passwords per account and per address, and links to set a new password.

Tries are kept in the table of sessions: signed JSON that expires, is cleared every night and can be locked by row, so
that parallel tries are counted one by one on both databases. No visitor can name such a row in a cookie, because its
key is a keyed hash. When the database does not answer, the error goes up and nobody gets in.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils.crypto import salted_hmac

from gatekeeper.common.clock import Clock, database_clock

KEY_LENGTH = 40  # of a session's key; people's own have 32 characters


@dataclass(frozen=True)
class Limit:
    """At most `count` tries within any stretch of `window`."""

    name: str
    count: int
    window: timedelta


PASSWORD_OF_ACCOUNT = Limit("password-of-account", 10, timedelta(minutes=15))
PASSWORD_FROM_ADDRESS = Limit("password-from-address", 50, timedelta(hours=1))
LINK_TO_ACCOUNT = Limit("link-to-account", 3, timedelta(hours=1))
LINK_FROM_ADDRESS = Limit("link-from-address", 20, timedelta(hours=1))


class TooManyTries(Exception):
    """The limit is reached; `wait` is how long until the oldest try no longer counts."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__(f"Wait {wait}")
        self.wait = wait

    @property
    def minutes(self) -> int:
        return max(1, -(-int(self.wait.total_seconds()) // 60))


def count_try(limit: Limit, subject: str, clock: Clock = database_clock) -> datetime:
    """Count one try, before it is made. Returns its moment, by which `forget_try` finds it.

    Raises:
        TooManyTries: nothing was counted, so waiting always helps.
    """
    with transaction.atomic():
        row = _locked(limit, subject, clock)
        now = clock()
        tries = _recent(row, limit, now)
        if len(tries) >= limit.count:
            raise TooManyTries(min(tries) + limit.window - now)
        _save(row, limit, [*tries, now])
    return now


def forget_try(limit: Limit, subject: str, at: datetime | None = None, clock: Clock = database_clock) -> None:
    """A try that turned out well does not count: that of one moment, or all of them."""
    with transaction.atomic():
        row = _locked(limit, subject, clock)
        tries = [] if at is None else _recent(row, limit, clock())
        if at in tries:
            tries.remove(at)
        _save(row, limit, tries)


def _key(limit: Limit, subject: str) -> str:
    return salted_hmac(f"gatekeeper.throttle.{limit.name}", subject, algorithm="sha256").hexdigest()[:KEY_LENGTH]


def _locked(limit: Limit, subject: str, clock: Clock) -> Session:
    """The row of a subject, locked; whoever comes second to make it waits for the first."""
    row, _made = Session.objects.select_for_update().get_or_create(
        session_key=_key(limit, subject),
        defaults={"session_data": SessionStore().encode({}), "expire_date": clock() + limit.window},
    )
    return row


def _recent(row: Session, limit: Limit, now: datetime) -> list[datetime]:
    moments = (datetime.fromisoformat(text) for text in row.get_decoded().get("tries", ()))
    return [moment for moment in moments if moment > now - limit.window]


def _save(row: Session, limit: Limit, tries: list[datetime]) -> None:
    if not tries:
        row.delete()
        return
    row.session_data = SessionStore().encode({"tries": [moment.isoformat() for moment in tries]})
    row.expire_date = max(tries) + limit.window
    row.save()
