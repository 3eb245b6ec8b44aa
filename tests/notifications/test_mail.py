"""What a mail looks like, and that nobody can write into its headers."""

import re
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from email.utils import parseaddr
from html.parser import HTMLParser
from typing import Any

import pytest
import time_machine
from django.core.mail import EmailMultiAlternatives
from django.urls import reverse

from gatekeeper.accounts.models import User
from notifications.facts import with_facts
from notifications.kinds import Channel
from notifications.mail import PICTURES, SUBJECT_LENGTH, compose, message_id, one_line
from notifications.models import Delivery
from notifications.notices import NOTICES
from releases.actions.replan import replan_release
from releases.kinds import EventKind
from releases.models import Gate, Product, Release
from tests.cast import READINESS, Cast, at, day, decline, moment, submit
from tests.notifications.conftest import relay_all


def mail_of(kind: str, person: User, roles: tuple[str, ...] = ()) -> EmailMultiAlternatives:
    """The mail that a person would get now."""
    delivery = Delivery.objects.select_related(
        "recipient", "event__actor", "event__product", "event__release__product"
    ).get(event__kind=kind, recipient=person, channel=Channel.EMAIL)
    return compose(delivery, with_facts([delivery.event])[delivery.event_id], roles)


def sent(message: EmailMultiAlternatives) -> EmailMessage:
    """The message as it arrives."""
    arrived = message_from_bytes(message.message().as_bytes(), policy=default)
    assert isinstance(arrived, EmailMessage)
    return arrived


def part(message: EmailMessage, kind: str) -> str:
    """The text or HTML of a mail, each found once."""
    (found,) = [one for one in message.walk() if one.get_content_type() == kind]
    return str(found.get_content())


class Words(HTMLParser):
    """The visible text of a page, and what it refers to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture
def submitted(cast: Cast, gate: Gate) -> Gate:
    submit(cast, gate, summary="The survey is new, please start there.")
    relay_all(on=2)
    return gate


@time_machine.travel(moment(29), tick=False)
def test_the_mail_of_a_submission_says_what_it_wants_and_where(cast: Cast, submitted: Gate) -> None:
    mail = sent(mail_of(EventKind.SUBMITTED, cast.approver, ("Engineering",)))
    assert mail["Subject"] == "Waiting for you: Router 1.0, Market Opportunity (round 1), due Wed 4 Feb 2026"
    assert parseaddr(mail["To"]) == ("Erik Engineer", "erik@example.org")
    text = part(mail, "text/plain")
    path = reverse("gate", args=["router", "1.0", submitted.key])
    for words in (
        "Gate 1 of 4 · Router 1.0",
        "MARKET OPPORTUNITY WAITS FOR YOUR DECISION",
        "You decide as Engineering. It is due tomorrow, Wed 4 Feb 2026.",
        "Decided by: Engineering and Sales",
        "If it is missed: The target of Sun 5 Apr 2026 moves day by day",
        '"The survey is new, please start there."',
        f"http://localhost:8000{path}",
    ):
        assert words in text
    assert "&" not in text


@time_machine.travel(moment(29), tick=False)
def test_text_and_html_say_the_same(cast: Cast, submitted: Gate) -> None:
    mail = sent(mail_of(EventKind.SUBMITTED, cast.approver, ("Engineering",)))
    page = Words(part(mail, "text/html"))
    for line in part(mail, "text/plain").splitlines():
        for words in re.split(r": |; ", line):
            if words.startswith("http") or words.strip() in ("--", "") or "Change what" in words:
                continue
            assert words.strip(' ".:').lower() in page.text.lower(), words
    links = [value for tag, name, value in page.attributes if (tag, name) == ("a", "href")]
    assert links == [
        f"http://localhost:8000{reverse('gate', args=['router', '1.0', submitted.key])}",
        f"http://localhost:8000{reverse('profile')}",
        f"http://localhost:8000{reverse('away')}",
    ], "one main link, and the ways to change what reaches one and to name a stand-in"


def test_the_mail_brings_its_pictures_and_asks_nobody_for_more(cast: Cast, submitted: Gate) -> None:
    mail = sent(mail_of(EventKind.SUBMITTED, cast.approver))
    page = Words(part(mail, "text/html"))
    pictures = {str(one["Content-ID"]) for one in mail.walk() if one.get_content_maintype() == "image"}
    used = {f"<{v.removeprefix('cid:')}>" for tag, name, v in page.attributes if (tag, name) == ("img", "src")}
    assert pictures == used == {"<logo>", "<rev>"}
    assert mail.get_content_type() == "multipart/related"
    assert all(name in ("href", "style", "lang", "charset", "name", "content", "role", "width", "height", "alt", "src",
                        "cellpadding", "cellspacing", "border", "align", "valign", "scope")
               for _tag, name, _value in page.attributes)  # fmt: skip
    assert len(mail.as_bytes()) < 30_000


def test_every_notice_icon_that_is_a_state_has_its_picture() -> None:
    states = {"prep", "rev", "ok", "cond", "dec", "late", "na"}
    assert {n.icon for n in NOTICES} & states == {"prep", "rev", "ok", "cond", "dec", "late", "na"}
    assert all((PICTURES / f"{state}.png").read_bytes().startswith(b"\x89PNG") for state in states | {"logo"})


def test_the_headers_that_other_machines_read(cast: Cast, submitted: Gate) -> None:
    message = mail_of(EventKind.SUBMITTED, cast.approver)
    mail = sent(message)
    delivery = Delivery.objects.get(recipient=cast.approver, channel=Channel.EMAIL)
    assert mail["Message-ID"] == f"<delivery-{delivery.pk}@localhost>" == message_id(delivery.pk)
    assert sent(mail_of(EventKind.SUBMITTED, cast.approver))["Message-ID"] == mail["Message-ID"], "each time the same"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["List-Unsubscribe"] == f"<http://localhost:8000{reverse('profile')}>"
    assert mail["From"] == "Gatekeeper <gatekeeper@localhost>"


# --- Nobody writes into headers -----------------------------------------------------------------------------------

EVIL = "Router\r\nBcc: all@example.org\r\n\r\n<script>alert(1)</script>\u202e\u2028\x00 & Co"


@pytest.mark.parametrize("place", ["product", "theme", "person", "actor"])
def test_names_with_line_ends_do_not_become_headers(cast: Cast, submitted: Gate, place: str) -> None:
    clean = EVIL.replace("\x00", "")
    if place == "product":
        Product.objects.update(name=clean)
    elif place == "theme":
        Release.objects.update(name=clean)
    else:
        person = cast.approver if place == "person" else cast.pm
        User.objects.filter(pk=person.pk).update(full_name=clean[:120])
    mail = sent(mail_of(EventKind.SUBMITTED, cast.approver))
    assert mail["Bcc"] is None
    assert mail.keys().count("To") == 1
    assert parseaddr(mail["To"])[1] == "erik@example.org"
    assert not re.search(r"[\r\n\u202e\u2028]", mail["Subject"])
    page = part(mail, "text/html")
    assert "<script" not in page
    assert not [a for a in Words(page).attributes if a[0] == "script"]


def test_an_address_that_is_none_is_refused(cast: Cast, submitted: Gate) -> None:
    User.objects.filter(pk=cast.approver.pk).update(email="erik@example.org\nBcc: all@example.org")
    with pytest.raises(ValueError, match=r"header|address"):
        mail_of(EventKind.SUBMITTED, cast.approver).message()


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Zoë Ångström", "Zoë Ångström"),
        ('Erik "the Rock" O\\Neil', 'Erik "the Rock" O\\Neil'),
        ("Engineer, Erik <x@example.org>", "Engineer, Erik <x@example.org>"),
        ("李小龍", "李小龍"),
    ],
)
def test_names_of_all_kinds_arrive_as_they_are(cast: Cast, submitted: Gate, name: str, shown: str) -> None:
    User.objects.filter(pk=cast.approver.pk).update(full_name=name)
    (address,) = sent(mail_of(EventKind.SUBMITTED, cast.approver))["To"].addresses
    assert (address.display_name, address.addr_spec) == (shown, "erik@example.org")


def test_what_people_wrote_is_text_in_the_html(cast: Cast, gate: Gate) -> None:
    submit(cast, gate)
    decline(cast, gate, "engineering", comment='<img src=x onerror="alert(1)"> & <b>no</b>\nSecond line')
    relay_all(on=3)
    mail = sent(mail_of(EventKind.GATE_DECLINED, cast.pm))
    page = part(mail, "text/html")
    assert "&lt;img src=x onerror=" in page
    assert "<br>Second line" in page
    assert '"<img src=x onerror="alert(1)"> & <b>no</b>\nSecond line"' in part(mail, "text/plain")


def test_a_very_long_subject_is_cut() -> None:
    assert one_line("x" * 500) == "x" * (SUBJECT_LENGTH - 1) + "…"
    assert one_line(" a\tb\r\n c\u2028d ") == "a b c d"


def test_a_replan_lists_what_moves(cast: Cast, release: Release) -> None:
    replan_release(
        release_id=release.pk,
        actor=cast.second_pm,
        dates={READINESS: day(85)},
        reason="A supplier is late",
        clock=at(3),
    )
    relay_all(on=3)
    mail = sent(mail_of(EventKind.RELEASE_REPLANNED, cast.pm))
    assert "What moves: Release Readiness: 26 Mar to 31 Mar; Release: 5 Apr to 10 Apr" in part(mail, "text/plain")
    page = Words(part(mail, "text/html"))
    assert "Release Readiness: 26 Mar to 31 Mar Release: 5 Apr to 10 Apr" in page.text
    assert "A supplier is late" in page.text
