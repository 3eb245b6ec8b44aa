"""Django's admin: for administrators, behind our sign-in, and no way around the actions."""

from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.test import Client

from gatekeeper.accounts.models import User
from gatekeeper.common.errors import Refused
from notifications.models import Delivery
from releases.models import DefaultSeat, Event, Organisation, ProductLine
from tests.cast import PASSWORD, Cast, make_person, moment, nothing_changes
from tests.pages.stories import client_of

pytestmark = pytest.mark.django_db

SHOWN = {
    "accounts.User", "auth.Group", "notifications.Delivery", "releases.Organisation", "releases.Playbook",
    "releases.ProductLine",
}  # fmt: skip
CHANGEABLE = {"releases.Organisation", "releases.ProductLine"}
ADDABLE = {"releases.ProductLine"}


def base(label: str) -> str:
    return f"/admin/{label.lower().replace('.', '/')}/"


def line_form(**changes: str) -> dict[str, str]:
    """The form of a product line with one empty row for a default group."""
    form = {
        "name": "Networks", "description": "", "default_seats-TOTAL_FORMS": "1", "default_seats-INITIAL_FORMS": "0",
        "default_seats-MIN_NUM_FORMS": "0", "default_seats-MAX_NUM_FORMS": "1000", "default_seats-0-id": "",
        "default_seats-0-line": "", "default_seats-0-function": "", "default_seats-0-group": "",
    }  # fmt: skip
    return form | changes


def test_nothing_else_is_registered(db: None) -> None:
    assert {model._meta.label for model in admin.site._registry} == SHOWN


def test_only_administrators_come_in_and_sign_in_is_ours(cast: Cast) -> None:
    response = Client().get("/admin/", follow=True)
    assert response.redirect_chain[-1][0].startswith("/sign-in/?next=/admin/")
    # the password is asked for in one place only
    assert Client().post("/admin/login/", {"username": "ada", "password": PASSWORD}).status_code == 302
    staff = make_person("staff", "Staff")
    User.objects.filter(pk=staff.pk).update(is_staff=True)
    for person in (cast.pm, cast.executive, cast.outsider, User.objects.get(pk=staff.pk)):
        assert client_of(person).get("/admin/", follow=True).status_code == 403
        assert client_of(person).get(base("accounts.User"), follow=True).status_code == 403
    assert client_of(cast.administrator).get("/admin/").status_code == 200


@pytest.mark.parametrize("label", sorted(SHOWN))
def test_each_page_opens_and_offers_no_more_than_it_may(cast: Cast, label: str) -> None:
    Organisation.objects.get_or_create(pk=1)
    client, model = client_of(cast.administrator), apps.get_model(label)
    if label == "notifications.Delivery":
        event = Event.objects.order_by("pk").first()
        Delivery.objects.create(
            event=event,
            notice="gate-opened",
            recipient=cast.pm,
            channel="email",
            created_at=moment(0),
            not_before=moment(0),
        )
    row = model._default_manager.order_by("pk").first()
    assert row is not None
    assert client.get(base(label)).status_code == 200
    assert client.get(f"{base(label)}{row.pk}/change/").status_code == 200
    assert client.get(f"{base(label)}add/").status_code == (200 if label in ADDABLE else 403)
    with nothing_changes():
        assert client.post(f"{base(label)}{row.pk}/delete/", {"post": "yes"}).status_code == 403
        answer = client.post(base(label), {"action": "delete_selected", "_selected_action": row.pk, "post": "yes"})
        assert answer.status_code in (302, 403, 200)
        if label not in CHANGEABLE:
            form = {
                "name": "x",
                "username": "x",
                "full_name": "x",
                "is_superuser": "on",
                "password": "x",
                "version": "9",
            }
            assert client.post(f"{base(label)}{row.pk}/change/", form).status_code == 403
            assert client.post(f"{base(label)}add/", form).status_code == 403
    assert model._default_manager.filter(pk=row.pk).exists()


def test_no_password_hash_is_shown(cast: Cast) -> None:
    client = client_of(cast.administrator)
    for address in (base("accounts.User"), f"{base('accounts.User')}{cast.pm.pk}/change/"):
        page = client.get(address).content.decode()
        assert cast.pm.password not in page
        assert "password" not in page.replace("password_change", "").lower().replace("change password", "")


def test_the_password_is_changed_on_our_own_page(cast: Cast) -> None:
    client = client_of(cast.administrator)
    form = {
        "old_password": PASSWORD,
        "new_password1": "another long password",
        "new_password2": "another long password",
    }
    assert client.post("/admin/password_change/", form)["Location"] == "/settings/password/"
    cast.administrator.refresh_from_db()
    assert cast.administrator.check_password(PASSWORD)


def test_leaving_needs_a_post(cast: Cast) -> None:
    client = client_of(cast.administrator)
    assert client.get("/admin/logout/").status_code == 405
    assert client.post("/admin/logout/")["Location"] == "/sign-in/"
    assert client.get("/admin/").status_code == 302


def last_event() -> Event:
    event = Event.objects.filter(stream="organisation").order_by("-number").first()
    assert event is not None
    return event


def test_a_product_line_is_saved_by_its_action(cast: Cast) -> None:
    client, address = client_of(cast.administrator), f"{base('releases.ProductLine')}{cast.line.pk}/change/"
    seat = {
        "default_seats-0-line": str(cast.line.pk), "default_seats-0-function": "sales",
        "default_seats-0-group": str(cast.sales_group.pk),
    }  # fmt: skip
    assert client.post(address, line_form(description="Wires", **seat)).status_code == 302
    cast.line.refresh_from_db()
    assert cast.line.description == "Wires"
    assert DefaultSeat.objects.get().group == cast.sales_group
    event = last_event()
    assert (event.kind, event.actor) == ("releases.product_line.saved", cast.administrator)
    assert event.payload["seats"] == {"sales": "Sales approvers"}


def test_a_new_product_line_is_made_by_its_action(cast: Cast) -> None:
    client = client_of(cast.administrator)
    response = client.post(f"{base('releases.ProductLine')}add/", line_form(name="Access Points"))
    assert response.status_code == 302
    line = ProductLine.objects.get(slug="access-points")
    assert last_event().payload["line"] == "access-points"
    assert LogEntry.objects.get().object_id == str(line.pk)


def test_a_new_line_cannot_take_the_short_name_of_another(cast: Cast) -> None:
    with nothing_changes():
        response = client_of(cast.administrator).post(
            f"{base('releases.ProductLine')}add/", line_form(name="networks", description="Mine now")
        )
    assert response.status_code == 200
    assert "already, or nearly so" in response.content.decode()


def test_the_organisation_is_named_by_its_action(cast: Cast) -> None:
    Organisation.objects.get_or_create(pk=1)
    response = client_of(cast.administrator).post(f"{base('releases.Organisation')}1/change/", {"name": "Larkfield"})
    assert response.status_code == 302
    assert Organisation.objects.get().name == "Larkfield"
    assert last_event().kind == "releases.organisation.saved"


def test_what_an_action_refuses_is_said_and_nothing_is_saved(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: Any) -> None:
        raise Refused("no", "The rules say no.")

    monkeypatch.setattr("releases.admin.save_organisation", refuse)
    Organisation.objects.get_or_create(pk=1)
    with nothing_changes():
        response = client_of(cast.administrator).post(
            f"{base('releases.Organisation')}1/change/", {"name": "Larkfield"}, follow=True
        )
    assert "The rules say no." in response.content.decode()
    assert not LogEntry.objects.exists()
