"""Where a person is signed in, and ending it there."""

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from gatekeeper.accounts.models import SignedIn, User
from gatekeeper.common.requests import client_ip

# What a browser calls itself, the particular before what others call themselves too.
_BROWSERS = (
    ("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("FxiOS", "Firefox"), ("CriOS", "Chrome"),
    ("Chrome", "Chrome"), ("Safari", "Safari"),
)  # fmt: skip
_SYSTEMS = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"), ("Linux", "Linux"),
)  # fmt: skip
PHONES = ("iPhone", "Android")


def browser_words(user_agent: str) -> str:
    """ "Firefox on Windows": as much of it as people know; for their own eyes, nothing hangs on it."""
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), "")
    if browser and system:
        return f"{browser} on {system}"
    return browser or system or "Unknown browser"


@dataclass(frozen=True)
class OwnSession:
    """A session of a person that is not over. `id` is None for one from before they were listed."""

    id: int | None
    browser: str
    address: str
    signed_in_at: datetime | None
    seen_at: datetime | None
    is_this: bool

    @property
    def icon(self) -> str:
        return "smartphone" if self.browser.endswith(PHONES) else "monitor"


def _address_of(request: HttpRequest) -> str | None:
    try:
        return str(ipaddress.ip_address(client_ip(request)))
    except ValueError:  # behind a socket of the same machine there is none
        return None


def remember_sign_in(request: HttpRequest, person: User) -> None:
    """Right after signing in. What the person's earlier sessions left behind goes."""
    mine = SignedIn.objects.filter(person=person)
    mine.exclude(session_key__in=_live_keys(mine)).delete()
    SignedIn.objects.create(
        person=person,
        session_key=str(request.session.session_key),
        browser=browser_words(request.headers.get("User-Agent", "")),
        address=_address_of(request),
        signed_in_at=timezone.now(),
    )


def _live_keys(rows: QuerySet[SignedIn]) -> dict[str, datetime]:
    """Of some rows, the sessions that are not over, with the end of each."""
    keys = list(rows.values_list("session_key", flat=True))
    live = Session.objects.filter(session_key__in=keys, expire_date__gt=timezone.now())
    return dict(live.values_list("session_key", "expire_date"))


def own_sessions(request: HttpRequest, person: User) -> list[OwnSession]:
    """Where the person is signed in, this session first, then the one used last."""
    rows = SignedIn.objects.filter(person=person)
    ends, this = _live_keys(rows), request.session.session_key
    idle = timedelta(seconds=settings.SESSION_COOKIE_AGE)
    found = [
        OwnSession(row.pk, row.browser, row.address or "", row.signed_in_at, end - idle, row.session_key == this)
        for row in rows
        if (end := ends.get(row.session_key)) is not None
    ]
    if not any(one.is_this for one in found):
        words = browser_words(request.headers.get("User-Agent", ""))
        found.append(OwnSession(None, words, _address_of(request) or "", None, None, True))
    return sorted(found, key=lambda one: (one.is_this, one.seen_at or timezone.now()), reverse=True)


@transaction.atomic
def end_session(person: User, signed_in_id: int) -> None:
    """End one session of a person: what its browser asks for next leads to the sign-in page.

    Raises:
        SignedIn.DoesNotExist: it is not the person's, or gone.
    """
    _end(SignedIn.objects.select_for_update(no_key=True).get(person=person, pk=signed_in_id))


@transaction.atomic
def end_other_sessions(request: HttpRequest, person: User) -> int:
    """End every session of a person but the one that asks. Returns how many were alive."""
    others = SignedIn.objects.filter(person=person).exclude(session_key=request.session.session_key or "")
    count = len(_live_keys(others))
    for row in others:
        _end(row)
    return count


def _end(row: SignedIn) -> None:
    Session.objects.filter(session_key=row.session_key).delete()
    row.delete()


def carry_on(request: HttpRequest, old_key: str | None) -> None:
    """The key of this session has changed; it is the same one to the person."""
    SignedIn.objects.filter(session_key=old_key).update(session_key=request.session.session_key)
