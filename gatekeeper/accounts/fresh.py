"""When a person last gave their password again in this session, for what asks for that: signatures."""

from datetime import datetime

from django.http import HttpRequest

from gatekeeper.common.clock import Clock, database_clock

KEY = "reauthenticated_at"


def reauthenticated_at(request: HttpRequest) -> datetime | None:
    """The moment in UTC, or None. The session ends with the person: nobody else's moment is ever in it."""
    stored = request.session.get(KEY)
    return datetime.fromisoformat(stored) if stored else None


def remember_password_given(request: HttpRequest, clock: Clock = database_clock) -> None:
    """The password was right just now."""
    request.session[KEY] = clock().isoformat()
