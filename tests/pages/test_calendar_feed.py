"""The calendar of due dates under its secret address."""

import logging
from datetime import timedelta

import pytest
from django.test import Client
from icalendar import Calendar

from approvals.actions.calendar_links import change_calendar_link, renew_calendar_link, revoke_calendar_link
from approvals.actions.people import deactivate_person
from gatekeeper.accounts.calendar_links import SECRET, link_of_secret, secret_of
from gatekeeper.accounts.models import CalendarLink, User
from gatekeeper.common.logs import JsonFormatter, PlainFormatter, redacted
from notifications.actions import watch
from releases.actions.products import change_product
from releases.actions.releases import hold_release
from releases.kinds import EventKind
from releases.models import Event
from tests.cast import MARKET, Cast, conflict, draft_release, gate_of, not_allowed, nothing_changes, pass_gate
from tests.pages.stories import client_of, days_ago, release_of_today, text_of


def make(person: User, *, everything: bool = False) -> str:
    secret = secret_of(renew_calendar_link(person=person, actor=person, is_everything=everything))
    assert SECRET.fullmatch(secret)
    return secret


def titles(secret: str) -> list[str]:
    answer = Client().get(f"/calendar/{secret}.ics")
    assert answer.status_code == 200
    return [str(event["SUMMARY"]) for event in Calendar.from_ical(answer.content).walk("VEVENT")]


def test_due_dates_are_whole_days_with_titles_and_nothing_else(cast: Cast) -> None:
    release = release_of_today(cast)
    gate = gate_of(release, MARKET)
    draft_release(cast, "2.0", target=days_ago(0) + 90, on=days_ago(1))
    answer = Client().get(f"/calendar/{make(cast.pm)}.ics")
    assert answer["Content-Type"] == "text/calendar; charset=utf-8"
    assert answer["Cache-Control"] == "private, no-cache"
    assert not answer.cookies
    events = Calendar.from_ical(answer.content).walk("VEVENT")
    assert [str(event["SUMMARY"]) for event in events] == [
        "Router 1.0: Market Opportunity due", "Router 1.0: Functional Completeness due",
        "Router 1.0: Release Readiness due", "Router 1.0: release", "Router 1.0: 6 Month Assessment due",
    ]  # fmt: skip
    first = events[0]
    assert (first.decoded("DTSTART"), first.decoded("DTEND")) == (gate.due_on, gate.due_on + timedelta(days=1))
    assert {name for event in events for name in event} == {
        "UID", "SUMMARY", "DTSTART", "DTEND", "DTSTAMP", "SEQUENCE", "TRANSP",
    }  # fmt: skip
    assert len({str(event["UID"]) for event in events}) == len(events)


def test_an_unchanged_calendar_is_not_sent_again(cast: Cast) -> None:
    release = release_of_today(cast)
    url = f"/calendar/{make(cast.pm)}.ics"
    first = Client().get(url)
    again = Client().get(url, headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert Client().head(url)["ETag"] == first["ETag"]
    assert Client().post(url).status_code == 405
    pass_gate(cast, gate_of(release, MARKET), on=days_ago(3))
    changed = Client().get(url, headers={"If-None-Match": first["ETag"]})
    assert changed.status_code == 200
    assert b"Market Opportunity" not in changed.content


def test_it_holds_what_concerns_the_person_or_everything_that_they_may_see(cast: Cast) -> None:
    release = release_of_today(cast)
    # owned, decided on through a seat or a group; not the rest
    for person, sees in (
        (cast.pm, True), (cast.approver, True), (cast.second_approver, True), (cast.outsider, False),
        (cast.contributor, False),
    ):  # fmt: skip
        assert bool(titles(make(person))) is sees, person
    secret = make(cast.outsider)
    watch(of=release, actor=cast.outsider)
    assert len(titles(secret)) == 5
    change_calendar_link(person=cast.contributor, actor=cast.contributor, is_everything=True)
    assert len(titles(secret_of(CalendarLink.objects.get(person=cast.contributor)))) == 5
    product = cast.product
    change_product(
        product=product, actor=cast.administrator, name=product.name, description="", owner=cast.pm, is_restricted=True
    )
    assert titles(secret) == [], "followed once, but not to be seen any more"
    assert titles(make(cast.outsider, everything=True)) == []
    hold_release(release_id=release.pk, actor=cast.pm, reason="Strike", resume_by=release.target_on)
    assert titles(make(cast.pm)) == [], "nothing is due while it is on hold"


def test_an_address_is_renewed_and_taken_back_and_ends_with_its_person(cast: Cast) -> None:
    release_of_today(cast)
    unknown = Client().get("/calendar/0123456789abcdefghijkl.ics")
    first = make(cast.pm)
    second = make(cast.pm)
    assert first != second
    dead = [f"/calendar/{one}.ics" for one in (first, "x", second[:-1], f"{second}A", second.swapcase())]
    for url in dead:
        answer = Client().get(url)
        assert (answer.status_code, answer.content) == (404, unknown.content), url
    assert titles(second)
    assert second not in str(list(CalendarLink.objects.values()))
    assert first not in str(list(Event.objects.values("data")))
    revoke_calendar_link(person=cast.pm, actor=cast.pm)
    assert Client().get(f"/calendar/{second}.ics").status_code == 404
    third = make(cast.second_pm)
    deactivate_person(person=cast.second_pm, actor=cast.administrator)
    assert link_of_secret(third) is None
    assert not CalendarLink.objects.exists()
    kinds = Event.objects.filter(kind__startswith="accounts.calendar_link").order_by("number")
    assert [event.kind.rpartition(".")[2] for event in kinds] == ["made", "made", "revoked", "made"]
    with nothing_changes():
        with not_allowed("not_self"):
            renew_calendar_link(person=cast.pm, actor=cast.administrator, is_everything=True)
        with conflict("no_link"):
            revoke_calendar_link(person=cast.pm, actor=cast.pm)
        with conflict("no_link"):
            change_calendar_link(person=cast.pm, actor=cast.pm, is_everything=True)
    assert EventKind.CALENDAR_LINK_MADE == "accounts.calendar_link.made"


def test_the_page_makes_shows_renews_and_takes_back(cast: Cast, settings: object) -> None:
    client = client_of(cast.pm)
    assert "Make an address" in text_of(client.get("/settings/calendar/"))
    client.post("/settings/calendar/", {"holds": "everything", "do": "renew"})
    link = CalendarLink.objects.get(person=cast.pm)
    assert link.is_everything
    page = client.get("/settings/calendar/")
    assert page.context["address"].endswith(f"/calendar/{secret_of(link)}.ics")
    client.post("/settings/calendar/", {"holds": "mine", "do": "change"})
    changed = CalendarLink.objects.get(person=cast.pm)
    assert (changed.is_everything, changed.digest) == (False, link.digest)
    client.post("/settings/calendar/", {"holds": "mine", "do": "renew"})
    assert CalendarLink.objects.get(person=cast.pm).digest != link.digest
    assert client.post("/settings/calendar/", {"do": "renew"}).status_code == 422
    client.post("/settings/calendar/", {"holds": "mine", "do": "revoke"})
    assert not CalendarLink.objects.exists()
    assert client.post("/settings/calendar/", {"holds": "mine", "do": "revoke"}).status_code == 409
    # a key that is gone: the address works, and is not shown
    link = renew_calendar_link(person=cast.pm, actor=cast.pm, is_everything=False)
    secret = secret_of(link)
    settings.SECRET_KEY = "another key of this installation"  # type: ignore[attr-defined]
    settings.SECRET_KEY_FALLBACKS = []  # type: ignore[attr-defined]
    assert secret_of(link) == ""
    assert link_of_secret(secret) is not None


def test_no_log_line_holds_a_secret(cast: Cast, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        Client().get("/calendar/0123456789abcdefghijkl.ics")
        Client().get(f"/calendar/{make(cast.pm)}.ics")
    assert [record for record in caplog.records if "calendar/" in record.getMessage()] == []
    record = logging.LogRecord(
        "x", logging.ERROR, "x", 1, "Failed: %s", ("/calendar/0123456789abcdefghijkl.ics",), None
    )
    for formatter in (PlainFormatter(), JsonFormatter()):
        assert "0123456789" not in formatter.format(record)
    assert redacted("GET /calendar/abc.ics?x=1 404") == "GET /calendar/….ics?x=1 404"
