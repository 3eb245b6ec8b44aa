"""The secret address of a person's calendar: worked out from a key, so that the profile can show it again.

The secret has 128 bits. What is stored are a random number and a hash: neither leads to the secret without the
installation's key. Renewing takes another number, so the old address is unknown from then on.
"""

import base64
import hashlib
import re
import secrets
from datetime import datetime

from django.conf import settings
from django.utils.crypto import salted_hmac

from gatekeeper.accounts.models import CalendarLink, User

SECRET = re.compile(r"[A-Za-z0-9_-]{22}")
SECRET_BYTES = 16


def _secret(person: int, number: str, key: str) -> str:
    mac = salted_hmac("gatekeeper.calendar", f"{person}:{number}", secret=key, algorithm="sha256").digest()
    return base64.urlsafe_b64encode(mac[:SECRET_BYTES]).rstrip(b"=").decode()


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def make_link(person: User, *, is_everything: bool, at: datetime) -> CalendarLink:
    """A new address in place of the one there was. Called by an action, inside its transaction."""
    number = secrets.token_hex(SECRET_BYTES)
    link, _made = CalendarLink.objects.update_or_create(
        person=person,
        defaults={
            "number": number,
            "digest": _digest(_secret(person.pk, number, settings.SECRET_KEY)),
            "is_everything": is_everything,
            "made_at": at,
        },
    )
    return link


def secret_of(link: CalendarLink) -> str:
    """The secret, to show to its person; empty when it was made with a key that is gone (renewing helps)."""
    for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        secret = _secret(link.person_id, link.number, key)
        if secrets.compare_digest(_digest(secret), link.digest):
            return secret
    return ""


def link_of_secret(secret: str) -> CalendarLink | None:
    """The link that a secret opens, of a person who is active."""
    if not SECRET.fullmatch(secret):
        return None
    links = CalendarLink.objects.select_related("person").filter(person__is_active=True)
    return links.filter(digest=_digest(secret)).first()
