"""The organisation's calendar in the browser, and the warnings beside dates that fall on a day off."""

from datetime import date, timedelta

from django.core.files.uploadedfile import SimpleUploadedFile

from releases.actions.calendars import add_calendar_entries
from releases.models import CalendarEntry, Organisation
from tests.cast import MARKET, READINESS, Cast, gate_of, nothing_changes
from tests.pages.stories import client_of, release_of_today, text_of
from tests.pages.test_replan import form_of, send
from tests.releases.test_calendar import ics

URL = "/settings/organisation/"


def test_an_administrator_keeps_the_calendar(cast: Cast) -> None:
    ada = client_of(cast.administrator)
    assert "None yet" in text_of(ada.get(URL))
    soon = date.today() + timedelta(days=40)  # noqa: DTZ011 - any day ahead will do
    page = ada.post(f"{URL}days/", {"kind": "holiday", "text": f"{soon} Founders\n2020-01-01 Long ago"}, follow=True)
    assert "2 holidays added." in text_of(page)
    upload = SimpleUploadedFile("fair.ics", ics(f"DTSTART;VALUE=DATE:{soon:%Y%m%d}\r\nSUMMARY:Fair").encode())
    page = ada.post(f"{URL}days/", {"kind": "freeze", "file": upload}, follow=True)
    assert [(one.kind, one.name) for one in page.context["page"]] == [("freeze", "Fair"), ("holiday", "Founders")] or [
        (one.kind, one.name) for one in page.context["page"]
    ] == [("holiday", "Founders"), ("freeze", "Fair")]
    assert [one.name for one in ada.get(f"{URL}?show=past").context["page"]] == ["Long ago"]
    ada.post(f"{URL}weekdays/", {"weekdays": ["1", "2", "3"]})
    assert Organisation.objects.get().working_weekdays == "123"
    fair = CalendarEntry.objects.get(name="Fair")
    page = ada.post(f"{URL}days/{fair.pk}/remove/", follow=True)
    assert "It is out of the calendar." in text_of(page)
    assert ada.post(f"{URL}days/{fair.pk}/remove/").status_code == 404


def test_what_cannot_be_read_is_named_by_line_and_kept(cast: Cast) -> None:
    ada = client_of(cast.administrator)
    bad = "2026-12-25 Fine\nChristmas <b>\n2026-02-30 Never"
    with nothing_changes():
        page = ada.post(f"{URL}days/", {"kind": "holiday", "text": bad})
        assert page.status_code == 422
        assert [error.split(":")[0] for error in page.context["entries"].errors["text"]] == ["line 2", "line 3"]
        html = page.content.decode()
        assert "Christmas &lt;b&gt;" in html
        upload = SimpleUploadedFile("x.ics", b"\xff\xfe")
        page = ada.post(f"{URL}days/", {"kind": "holiday", "file": upload})
        assert "not UTF-8" in page.context["entries"].errors["file"][0]
        upload = SimpleUploadedFile("x.ics", ics("SUMMARY:No day").encode())
        page = ada.post(f"{URL}days/", {"kind": "holiday", "file": upload})
        assert "line 4" in page.context["entries"].errors["file"][0]
        for data in ({"kind": "holiday"}, {"text": "2026-12-25"}):
            assert ada.post(f"{URL}days/", data).status_code == 422
        page = ada.post(f"{URL}weekdays/", {})
        assert page.context["week"].errors["weekdays"] == ["Choose at least one weekday."]


def test_a_date_on_a_day_off_is_warned_of_wherever_it_is_set_or_shown(cast: Cast) -> None:
    release = release_of_today(cast)
    manager = client_of(cast.pm)
    market, ready = gate_of(release, MARKET), gate_of(release, READINESS)
    assert market.due_on is not None
    assert ready.due_on is not None
    days = f"{market.due_on} Founders\n{ready.due_on + timedelta(days=1)} Bridge"
    add_calendar_entries(kind="holiday", text=days, actor=cast.administrator)
    add_calendar_entries(kind="freeze", text=f"{ready.due_on} to {ready.due_on} Fair", actor=cast.administrator)
    words = "Holiday (Founders)"
    url = "/releases/router/1.0/"
    page = text_of(manager.get(url))
    assert "Dates on days off" in page
    assert "is a holiday (Founders)" in page
    assert "in the freeze Fair" in page
    assert words in text_of(manager.get(f"{url}gates/{MARKET}/"))
    assert words in text_of(manager.get(f"{url}replan/"))
    later = ready.due_on + timedelta(days=1)
    preview = send(cast.pm, {f"dates.{READINESS}": later, "preview": 1}, base=form_of(manager))
    assert "Holiday (Bridge)" in text_of(preview)
    # a new release, before and at its activation
    target = ready.due_on + timedelta(days=11)
    planned = text_of(manager.get(f"/releases/new/dates/?playbook={cast.playbook.pk}&target_on={target}"))
    assert "Holiday (Bridge)" in planned
    manager.post(
        "/releases/new/",
        {
            "product": cast.product.pk, "version": "2.0", "owner": cast.pm.pk, "playbook": cast.playbook.pk,
            "target_on": target.isoformat(), "keep_date": "on",
        },
    )  # fmt: skip
    assert "Holiday (Bridge)" in text_of(manager.get("/releases/router/2.0/activate/"))
    assert "Holiday (Bridge)" in text_of(manager.get("/releases/router/2.0/"))
    # a warning is no refusal
    assert gate_of(release, MARKET).due_on == market.due_on
