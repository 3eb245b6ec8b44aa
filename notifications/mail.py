"""What a mail looks like: one message for one delivery, text and HTML of the same content."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from email.mime.image import MIMEImage
from email.utils import quote
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse

from approvals.links import decide_path
from notifications.facts import EventFacts
from notifications.models import Delivery
from notifications.notices import BY_KEY, ROWS, Notice, pieces, plain, words_of
from releases.models import Organisation

PICTURES = Path(__file__).parent / "pictures"
SUBJECT_LENGTH = 200
QUOTE_LENGTH = 2000

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]+")


def one_line(text: str, limit: int = SUBJECT_LENGTH) -> str:
    """A text that can stand in a header: no line ends, control or direction characters, and not too long."""
    line = " ".join(_UNPRINTABLE.sub(" ", text).split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def message_id(delivery_id: int) -> str:
    """The same for every attempt, so that a mail that was sent twice is seen to be one."""
    return f"<delivery-{delivery_id}@{urlsplit(settings.BASE_URL).hostname}>"


@dataclass(frozen=True)
class Line:
    """A line of the mail's table."""

    label: str
    lines: Sequence[str]


def content(notice: Notice, facts: EventFacts, roles: Sequence[str] = (), path: str = "") -> dict[str, Any]:
    """What both parts of the mail say. `path` is where it leads, if not to the page that the event is about."""
    words = words_of(facts, roles)
    rows = [Line(ROWS[name].label, ROWS[name].lines(facts)) for name in notice.rows]
    said = words[notice.quote].strip() if notice.quote else ""
    return {
        "notice": notice,
        "over": words["over"],
        "heading": plain(notice.heading, words),
        "lead": pieces(notice.lead, words),
        "lead_text": plain(notice.lead, words),
        "link": f"{settings.BASE_URL}{path or facts.path(is_release_page=notice.is_release_page)}",
        "rows": [row for row in rows if row.lines],
        "quote": said if len(said) <= QUOTE_LENGTH else f"{said[:QUOTE_LENGTH]}…",
        "quoted": words["actor"],
        "away": f"{settings.BASE_URL}{reverse('away')}" if notice.is_task else "",
        "preferences": f"{settings.BASE_URL}{reverse('profile')}",
        "organisation": Organisation.objects.values_list("name", flat=True).first() or "",
        "zone": settings.TIME_ZONE,
        "icon": notice.icon if _picture(notice.icon) else "",
    }


@cache
def _picture(name: str) -> bytes:
    """A PNG that mails carry with them, since most readers block pictures from elsewhere; empty when there is none."""
    path = PICTURES / f"{name}.png"
    return path.read_bytes() if path.exists() else b""


class NoticeMail(EmailMultiAlternatives):
    """Text and HTML, and the pictures that belong to the HTML."""

    mixed_subtype = "related"


def compose(
    delivery: Delivery, facts: EventFacts, roles: Sequence[str] = (), open_round: int | None = None
) -> NoticeMail:
    """The message of one delivery, built from what is true now. A task about an open round leads to its decision.

    Raises:
        ValueError: the address cannot stand in a header.
    """
    notice = BY_KEY[delivery.notice]
    path = decide_path(open_round, delivery.recipient_id) if notice.is_task and open_round is not None else ""
    said = content(notice, facts, roles, path)
    person = delivery.recipient
    message = NoticeMail(
        subject=one_line(plain(notice.subject, words_of(facts, roles))),
        body=render_to_string("notifications/mail.txt", said),
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[f'"{quote(one_line(str(person)))}" <{person.email}>'],
        headers={
            "Message-ID": message_id(delivery.pk),
            "Auto-Submitted": "auto-generated",
            "X-Auto-Response-Suppress": "All",
            "List-Unsubscribe": f"<{said['preferences']}>",
        },
    )
    message.attach_alternative(render_to_string("notifications/mail.html", said), "text/html")
    for name in ("logo", notice.icon):
        if data := _picture(name):
            picture = MIMEImage(data, "png")
            picture.add_header("Content-ID", f"<{name}>")
            picture.add_header("Content-Disposition", "inline", filename=f"{name}.png")
            message.attach(picture)
    return message
