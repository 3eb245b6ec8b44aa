"""Odd input: what no form of ours sends is refused in words, and never breaks a page."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from approvals.actions.people import create_person, save_group
from approvals.forms.releases import DayField
from approvals.models import Evidence, Submission
from gatekeeper.accounts.models import User
from gatekeeper.common.errors import Refused
from gatekeeper.common.requests import whole_number
from notifications.kinds import Channel
from notifications.models import Delivery
from releases.actions.products import change_product, create_product, save_organisation, save_product_line
from releases.actions.releases import change_release, create_release
from releases.models import Release
from tests.cast import (
    READINESS,
    Cast,
    at,
    day,
    draft_release,
    fields_of,
    fill,
    nothing_changes,
    pass_gates_before_release,
    submit,
)
from tests.notifications.conftest import relay_all
from tests.pages.stories import address, client_of, days_ago, market_of, release_of_today, text_of
from tests.pages.test_releases import shipped

pytestmark = pytest.mark.django_db

URL = "/releases/router/1.0/"
EDGES = ["9999-12-31", "9999-06-01", "0001-01-01"]
RANGE = "Give a day from 1 Jan 2000 to 1 Jan 2100."
HTMX = {"HX-Request": "true"}


# --- Evidence, rounds and the inbox ------------------------------------------------------------------------------


def test_a_note_that_cannot_be_stored_is_refused_beside_its_field(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    fill(cast, gate, on=days_ago(3))
    with nothing_changes():
        response = client_of(cast.pm).post(address(gate, "submit/"), {"summary": "a\x00b"})
    assert response.status_code == 422
    assert "Null characters are not allowed." in text_of(response)


@pytest.mark.parametrize("data", [{}, {"kind": "nonsense"}, {"kind": "text", "text": "a\x00b"}])
@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_broken_form_tells_whoever_may_not_edit_only_that(
    cast: Cast, data: dict[str, str], headers: dict[str, str]
) -> None:
    release = release_of_today(cast)
    market = market_of(release)
    with nothing_changes():
        response = client_of(cast.approver).post(address(market, "evidence/brief/"), data, headers=headers)
    assert response.status_code == 403
    assert "You may not supply evidence for Router." in text_of(response)
    submit(cast, market, on=days_ago(3))
    with nothing_changes():
        response = client_of(cast.pm).post(address(market, "evidence/brief/"), data, headers=headers)
    assert response.status_code == 409


@pytest.mark.parametrize("version", ["9" * 5000, "9" * 19, "²", "-1"])
def test_a_version_that_is_no_number_is_not_counted_with(cast: Cast, version: str) -> None:
    gate = market_of(release_of_today(cast))
    fill(cast, gate, on=days_ago(3))
    response = client_of(cast.pm).post(address(gate, "evidence/brief/remove/"), {"version": version})
    assert response.status_code == 302
    assert Evidence.objects.get(deliverable__gate=gate, deliverable__key="brief", is_latest=True).kind == "removed"
    # the number after the longest that is read
    assert whole_number("9" * 18) == 10**18 - 1


@pytest.mark.parametrize("number", ["9" * 5000, "9" * 18, "²", "-1", ""])
def test_the_inbox_opens_no_row_for_what_is_no_number(cast: Cast, number: str) -> None:
    submit(cast, market_of(release_of_today(cast)), on=days_ago(3))
    assert Submission.objects.count() == 1
    for headers in ({}, HTMX):
        response = client_of(cast.approver).get("/inbox/", {"open": number}, headers=headers)
        assert response.status_code == 200
        assert "Router 1.0" in text_of(response)


# --- Where to go back to ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("back", "goes_to"),
    [
        ("zzz", "/notifications/"),
        ("notifications-read-all", "/notifications/"),
        ("//evil.example/", "/notifications/"),
        ("/\\evil.example/", "/notifications/"),
        ("http://testserver/inbox/", "/notifications/"),
        ("javascript:alert(1)", "/notifications/"),
        ("/notifications/?page=2", "/notifications/?page=2"),
    ],
)
def test_reading_a_notice_leads_back_to_a_page_of_ours_alone(cast: Cast, back: str, goes_to: str) -> None:
    submit(cast, market_of(release_of_today(cast)), on=days_ago(3))
    relay_all(on=days_ago(3))
    delivery = Delivery.objects.get(recipient=cast.approver, channel=Channel.APP)
    response = client_of(cast.approver).post(f"/notifications/{delivery.pk}/read/", {"back": back})
    assert (response.status_code, response.headers["Location"]) == (302, goes_to)


# --- Days at the ends of the calendar -----------------------------------------------------------------------------


@pytest.mark.parametrize("typed", EDGES)
def test_a_new_release_is_not_planned_at_the_end_of_the_calendar(cast: Cast, typed: str) -> None:
    client = client_of(cast.pm)
    query = {"playbook": str(cast.playbook.pk), "target_on": typed}
    for url in ("/releases/new/dates/", "/releases/new/"):
        assert client.get(url, query).status_code == 200, url
    data = query | {"product": str(cast.product.pk), "version": "2.0", "owner": str(cast.pm.pk)}
    for more in ({}, {"keep_date": "on"}):
        with nothing_changes():
            response = client.post("/releases/new/", data | more)
        assert response.status_code == 422
        assert RANGE in text_of(response)


@pytest.mark.parametrize("typed", EDGES)
@pytest.mark.parametrize("key", ["target", READINESS])
def test_no_date_moves_to_the_end_of_the_calendar(cast: Cast, typed: str, key: str) -> None:
    release = release_of_today(cast)
    client = client_of(cast.pm)
    form = client.get(f"{URL}replan/").context["form"]
    data: dict[str, Any] = {"reason": "Later.", "seen": form.plan_mark}
    for gate_key, now in form.days_now.items():
        data |= {f"dates.{gate_key}": now.isoformat(), f"initial-dates.{gate_key}": now.isoformat()}
    data[f"dates.{key}"] = typed
    for more, status in (({"preview": "1"}, 200), ({}, 422)):
        with nothing_changes():
            response = client.post(f"{URL}replan/", data | more)
        assert response.status_code == status
        assert RANGE in text_of(response)
    assert Release.objects.get(pk=release.pk).target_on == release.target_on
    # the day that was shown is told by the browser, too
    data |= {f"dates.{key}": form.days_now[key].isoformat(), f"initial-dates.{key}": typed}
    assert client.post(f"{URL}replan/", data | {"preview": "1"}).status_code == 200


@pytest.mark.parametrize("typed", EDGES)
def test_nothing_is_held_until_the_end_of_the_calendar(cast: Cast, typed: str) -> None:
    release_of_today(cast)
    client = client_of(cast.pm)
    for data, status in (({"preview": "1"}, 200), ({"reason": ""}, 422), ({"reason": "Frost."}, 422)):
        with nothing_changes():
            response = client.post(f"{URL}hold/", {"resume_by": typed} | data)
        assert response.status_code == status
        assert RANGE in text_of(response)


@pytest.mark.parametrize("typed", EDGES)
def test_nothing_is_released_at_the_end_of_the_calendar(cast: Cast, typed: str) -> None:
    shipped(cast)
    data = {"released_on": typed, "reason": "Wrong.", "preview": "1"}
    client = client_of(cast.pm)
    assert client.post(f"{URL}correct-date/", data).status_code == 200
    del data["preview"]
    with nothing_changes():
        response = client.post(f"{URL}correct-date/", data)
    assert response.status_code == 422
    assert RANGE in text_of(response)


@pytest.mark.parametrize("typed", EDGES)
def test_nothing_ships_at_the_end_of_the_calendar(cast: Cast, typed: str) -> None:
    release = release_of_today(cast, began=80, target=90)
    pass_gates_before_release(cast, release, on=days_ago(20))
    with nothing_changes():
        response = client_of(cast.pm).post(f"{URL}ship/", {"released_on": typed})
    assert response.status_code == 422
    assert RANGE in text_of(response)


def test_the_first_and_the_last_day_are_days() -> None:
    field = DayField()
    assert [field.clean(text) for text in ("2000-01-01", "2100-01-01")] == [date(2000, 1, 1), date(2100, 1, 1)]
    for text in ("1999-12-31", "2100-01-02"):
        with pytest.raises(ValidationError, match="from 1 Jan 2000 to 1 Jan 2100"):
            field.clean(text)


# --- Addresses ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    ["/products/?q=a%00", "/releases/x/27.1%00/", "/holders/?x=%00", "/products/?a%00=b", "/search/?q=%00", "/%00"],
)
def test_nul_in_an_address_is_a_bad_request(cast: Cast, url: str) -> None:
    for client in (client_of(cast.pm), Client()):
        response = client.get(url)
        assert response.status_code == 400
        assert "The request could not be read" in text_of(response)


def test_suggestions_do_not_spell_out_an_email_address(cast: Cast) -> None:
    User.objects.filter(pk=cast.outsider.pk).update(email="hidden.away@example.org")
    client = client_of(cast.pm)
    for part in ("hidden", "hidden.away@example.or", "example.org", "@"):
        assert "otto" not in client.get("/holders/", {"x": part}).content.decode(), part
    for whole in ("hidden.away@example.org", "Hidden.Away@Example.org", "otto", "Outsi"):
        assert "Otto Outsider (otto)" in client.get("/holders/", {"x": whole}).content.decode(), whole


# --- Names --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Rou\nter", "Rou\rter", "Rou\u202eter", "Rou\u2028ter", "Rou\x1bter"])
def test_a_name_has_one_line_of_characters_that_can_be_seen(cast: Cast, name: str) -> None:
    release = draft_release(cast)
    same: dict[str, Any] = {"actor": cast.administrator, "clock": at(1)}
    attempts: list[Callable[[], object]] = [
        lambda: save_organisation(name=name, **same),
        lambda: save_product_line(name=name, slug="other", **same),
        lambda: create_product(name=name, slug="other", line=cast.line, owner=cast.pm, **same),
        lambda: change_product(
            product=cast.product, name=name, description="", owner=cast.pm, is_restricted=False, **same
        ),
        lambda: create_release(
            product=cast.product, version="2.0", name=name, target_on=day(90), playbook=cast.playbook, **same
        ),
        lambda: change_release(release_id=release.pk, name=name, owner=cast.pm, **same),
        lambda: save_group(name=name, **same),
    ]
    for attempt in attempts:
        with nothing_changes(), pytest.raises(Refused) as found:
            attempt()
        assert fields_of(found) == [("name", "invalid")]
        assert "cannot be seen" in found.value.fields[0].message
    with nothing_changes(), pytest.raises(Refused) as found:
        create_person(username="nina", email="nina@example.org", full_name="Nina", title=name, **same)
    assert fields_of(found) == [("title", "invalid")]
    assert save_group(name="Ingénieurs 開発 🙂", **same).name == "Ingénieurs 開発 🙂"
