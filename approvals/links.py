"""The address in a mail at which its addressee decides: signed, dated, and worth nothing without signing in."""

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.core import signing
from django.urls import reverse

SALT = "approvals.decide"


@dataclass(frozen=True)
class DecideLink:
    """What a link says: the round, the addressee, and whether its time is over."""

    submission: int
    person: int
    is_expired: bool = False


def decide_path(submission_id: int, person_id: int) -> str:
    """The path at which one person decides on one round."""
    return reverse("decide", kwargs={"link": signing.dumps([submission_id, person_id], salt=SALT)})


def read_link(text: str) -> DecideLink | None:
    """What a link says; None when it was not written by us."""
    try:
        submission, person = signing.loads(text, salt=SALT)
        is_expired = _is_expired(text)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return DecideLink(int(submission), int(person), is_expired)


def _is_expired(text: str) -> bool:
    try:
        signing.loads(text, salt=SALT, max_age=timedelta(days=settings.MAIL_LINK_DAYS))
    except signing.SignatureExpired:
        return True
    return False
