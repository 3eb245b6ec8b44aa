"""An empty installation leads to the set-up, makes its first user there, and tells truthfully what is missing."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from approvals.actions.people import add_to_group, create_person, save_group
from gatekeeper.accounts.models import User
from releases.actions.products import create_product, save_product_line
from releases.actions.releases import create_release
from releases.models import Event, Organisation, Playbook, ProductLine
from tests.cast import MARKET, Cast, active_release, make_person
from tests.pages.stories import client_of, days_ago, text_of

pytestmark = pytest.mark.django_db

FIRST = {
    "organisation": "Larkfield Software",
    "full_name": "Chloe Martin",
    "email": "chloe@larkfield.example",
    "username": "chloe",
    "password": "seven gates to open",
}


def steps(client: Client) -> dict[str, bool]:
    """Title → done, as the page shows them."""
    page = client.get("/setup/").content.decode()
    found = re.findall(r"<li[^>]*>(.*?)</li>", page[page.index('class="steps"') :], re.DOTALL)
    rows = {}
    for row in found:
        if title := re.search(r"<b>(.*?)</b>", row):
            rows[title[1]] = 'aria-label="Done"' in row
    return rows


@pytest.mark.parametrize(
    "address", ["/", "/inbox/", "/portfolio/", "/products/", "/releases/new/", "/settings/profile/", "/notifications/"]
)
def test_every_page_of_an_empty_installation_leads_to_the_set_up(client: Client, address: str) -> None:
    response = client.get(address, follow=True)
    assert response.redirect_chain[-1][0] == "/setup/"
    assert "You are the first one here" in response.content.decode()


def test_the_first_user_is_made_signed_in_and_administers(client: Client) -> None:
    response = client.post("/setup/", FIRST, follow=True)
    assert response.redirect_chain == [("/setup/", 302)]
    person = User.objects.get()
    assert (person.full_name, person.email) == ("Chloe Martin", "chloe@larkfield.example")
    assert person.has_perm("releases.administer")
    assert not person.is_superuser
    assert Organisation.objects.get().name == "Larkfield Software"
    assert sorted(Playbook.objects.values_list("slug", flat=True)) == ["seven-gates", "seven-gates-launch"]
    assert Event.objects.filter(kind="releases.playbook.loaded", actor=person).count() == 2
    assert "Set up gatekeeper for Larkfield Software" in response.content.decode()


def test_a_bad_first_user_is_refused_with_every_reason_and_nothing_is_made(client: Client) -> None:
    response = client.post(
        "/setup/", FIRST | {"organisation": " ", "email": "chloe", "username": "c h", "password": "short"}
    )
    page = response.content.decode()
    assert response.status_code == 422
    assert page.count('aria-invalid="true"') >= 2
    assert 'role="alert"' in page
    assert 'value="Chloe Martin"' in page
    assert not User.objects.exists()
    response = client.post("/setup/", FIRST | {"password": "chloe martin"})
    assert response.status_code == 422
    assert "too similar" in response.content.decode()
    assert not Organisation.objects.exclude(name="").exists()


def test_there_is_no_second_first_user(client: Client) -> None:
    make_person("maya", "Maya")
    assert client.get("/setup/")["Location"] == "/sign-in/?next=/setup/"
    assert client.post("/setup/", FIRST)["Location"] == "/sign-in/?next=/setup/"
    assert User.objects.count() == 1
    signed_in = client_of(make_person("ada", "Ada", permissions=("releases.administer",)))
    assert signed_in.post("/setup/", FIRST)["Location"] == "/"
    assert not User.objects.filter(username="chloe").exists()


def test_the_steps_are_told_as_they_are(client: Client) -> None:
    client.post("/setup/", FIRST)
    chloe = User.objects.get()
    assert list(steps(client).values()) == [True, True, False, False, False]
    group = save_group(name="Engineering", actor=chloe)
    maya = create_person(username="maya", email="maya@larkfield.example", full_name="Maya", actor=chloe)
    # a group without people decides nothing
    assert not steps(client)["Add people and groups"]
    add_to_group(group=group, person=maya, actor=chloe)
    assert steps(client)["Add people and groups"]
    line = save_product_line(name="Remote Support", actor=chloe)
    product = create_product(name="Assist", line=line, owner=maya, actor=chloe)
    assert list(steps(client).values()) == [True, True, True, True, False]
    page = client.get("/setup/").content.decode()
    assert 'href="/releases/new/?product=assist"' in page
    playbook = Playbook.objects.get(slug="seven-gates")
    target = timezone.now().date() + timedelta(days=300)
    create_release(product=product, version="1.0", target_on=target, playbook=playbook, actor=maya)
    assert all(steps(client).values())
    assert "Larkfield Software is set up" in client.get("/setup/").content.decode()


def test_playbooks_can_be_loaded_later_and_twice(db: None) -> None:
    client = client_of(make_person("ada", "Ada", permissions=("releases.administer",)))
    assert not steps(client)["Load the playbooks"]
    for _ in range(2):
        assert client.post("/setup/playbooks/")["Location"] == "/setup/"
    assert Playbook.objects.count() == 2
    assert steps(client)["Load the playbooks"]
    assert client.get("/setup/playbooks/").status_code == 405


def test_the_steps_are_for_administrators(cast: Cast) -> None:
    assert client_of(cast.pm).get("/setup/")["Location"] == "/"
    assert client_of(cast.pm).post("/setup/playbooks/").status_code == 403
    assert client_of(cast.administrator).get("/setup/").status_code == 200


def test_an_administrator_with_steps_left_begins_there(cast: Cast) -> None:
    assert client_of(cast.administrator).get("/")["Location"] == "/setup/"
    Organisation.objects.update_or_create(pk=1, defaults={"name": "Larkfield"})
    active_release(cast, target=days_ago(0) + 90, on=days_ago(0))
    response = client_of(cast.administrator).get("/")
    assert response.status_code == 200
    assert "You look after gatekeeper" in response.content.decode()


# --- Settings -----------------------------------------------------------------------------------------------------

ADDRESSES = (
    "/settings/organisation/", "/settings/people/", "/settings/people/new/", "/settings/people/{person}/",
    "/settings/people/{person}/deactivate/", "/settings/groups/", "/settings/groups/{group}/", "/settings/lines/",
    "/settings/new-line/", "/settings/lines/networks/",
)  # fmt: skip
POSTS = (
    "/settings/people/{person}/groups/", "/settings/people/{person}/link/", "/settings/people/{person}/reactivate/",
    "/settings/groups/{group}/leave/{person}/",
)  # fmt: skip


def at(address: str, cast: Cast) -> str:
    return address.format(person=cast.approver.pk, group=cast.sales_group.pk)


@pytest.mark.parametrize("address", ADDRESSES)
def test_settings_are_for_administrators(cast: Cast, address: str) -> None:
    assert client_of(cast.administrator).get(at(address, cast)).status_code == 200
    for person in (cast.pm, cast.executive, cast.outsider):
        assert client_of(person).get(at(address, cast)).status_code == 403
        assert client_of(person).post(at(address, cast), {"name": "x"}).status_code == 403
    assert Client().get(at(address, cast))["Location"].startswith("/sign-in/")


@pytest.mark.parametrize("address", POSTS)
def test_deeds_of_settings_are_for_administrators_and_posted(cast: Cast, address: str) -> None:
    assert client_of(cast.administrator).get(at(address, cast)).status_code == 405
    assert client_of(cast.pm).post(at(address, cast)).status_code == 403
    assert Client().post(at(address, cast))["Location"].startswith("/sign-in/")


def test_a_person_is_made_with_groups_and_a_link(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []
    monkeypatch.setattr("gatekeeper.dashboard.views.settings.mail_link", lambda pk: bool(sent.append(pk)) or True)
    client = client_of(cast.administrator)
    form = {
        "full_name": "Nina New", "email": "nina@example.org", "username": "nina", "title": "QA",
        "groups": [str(cast.sales_group.pk)], "permissions": ["releases.view_portfolio"], "invite": "on",
    }  # fmt: skip
    response = client.post("/settings/people/new/", form)
    nina = User.objects.get(username="nina")
    assert response["Location"] == f"/settings/people/{nina.pk}/"
    assert sent == [nina.pk]
    assert (nina.groups.get(), nina.has_perm("releases.view_portfolio"), nina.has_usable_password()) == (
        cast.sales_group,
        True,
        False,
    )
    kinds = Event.objects.filter(stream="organisation", actor=cast.administrator).order_by("-number")
    assert set(kinds.values_list("kind", flat=True)[:2]) == {"accounts.user.created", "accounts.group.joined"}


def test_a_bad_person_is_refused_beside_the_fields_and_keeps_what_was_typed(cast: Cast) -> None:
    people = User.objects.count()
    response = client_of(cast.administrator).post(
        "/settings/people/new/", {"full_name": "Nina", "email": "petra@example.org", "username": "petra", "title": "QA"}
    )
    page = response.content.decode()
    assert response.status_code == 422
    assert "petra@example.org is in use." in page
    assert "petra is taken." in page
    assert 'value="Nina"' in page
    assert User.objects.count() == people


def test_a_deactivation_says_what_it_leaves_stuck(cast: Cast) -> None:
    active_release(cast, target=days_ago(0) + 90, on=days_ago(0))
    client, address = client_of(cast.administrator), f"/settings/people/{cast.approver.pk}/deactivate/"
    page = text_of(client.get(address))
    assert "3 gates could not reach their quorums any more" in page
    assert "Router 1.0" in page
    assert "Engineering would have too few people" in page
    assert "No gate would be stuck" in text_of(client.get(f"/settings/people/{cast.outsider.pk}/deactivate/"))
    cast.approver.refresh_from_db()
    assert cast.approver.is_active
    client.post(address)
    cast.approver.refresh_from_db()
    assert not cast.approver.is_active
    assert "cannot sign in or decide" in text_of(client.get(f"/settings/people/{cast.approver.pk}/"))
    client.post(f"/settings/people/{cast.approver.pk}/reactivate/")
    cast.approver.refresh_from_db()
    assert cast.approver.is_active


def test_an_administrator_does_not_deactivate_themselves(cast: Cast) -> None:
    client, address = client_of(cast.administrator), f"/settings/people/{cast.administrator.pk}/deactivate/"
    assert client.get(address).status_code == 302
    assert client.post(address).status_code == 403
    cast.administrator.refresh_from_db()
    assert cast.administrator.is_active


def test_groups_are_made_filled_and_emptied(cast: Cast) -> None:
    client = client_of(cast.administrator)
    location = client.post("/settings/groups/", {"name": "Quality"})["Location"]
    assert client.post(location, {"person": "Carl Contributor (carl)"}).status_code == 302
    assert "Carl Contributor" in text_of(client.get(location))
    refused = client.post(location, {"person": "Nobody at all"})
    assert refused.status_code == 422
    assert "Nobody at all" in refused.content.decode()
    client.post(f"{location}leave/{cast.contributor.pk}/")
    assert not cast.contributor.groups.exists()
    joined = client.post(f"/settings/people/{cast.contributor.pk}/groups/", {"group": location.split("/")[-2]})
    assert joined.status_code == 302
    assert cast.contributor.groups.get().name == "Quality"


def test_a_line_names_its_default_groups(cast: Cast) -> None:
    client = client_of(cast.administrator)
    page = client.get("/settings/lines/networks/").content.decode()
    assert page.count("Nobody by default") == 2
    form = {"name": "Networks", "description": "Wires", "seat-engineering": "", "seat-sales": str(cast.sales_group.pk)}
    assert client.post("/settings/lines/networks/", form).status_code == 302
    assert list(cast.line.default_seats.values_list("function", "group")) == [("sales", cast.sales_group.pk)]
    event = Event.objects.filter(kind="releases.product_line.saved").order_by("-number").first()
    assert event is not None
    assert event.payload["seats"] == {"sales": "Sales approvers"}
    # a form that does not speak of seats leaves them alone; nobody takes one back, and the seats of products stay
    assert client.post("/settings/lines/networks/", {"name": "Networks"}).status_code == 302
    assert cast.line.default_seats.count() == 1
    client.post("/settings/lines/networks/", form | {"seat-sales": ""})
    assert not cast.line.default_seats.exists()
    event = Event.objects.filter(kind="releases.product_line.saved").order_by("-number").first()
    assert event is not None
    assert event.payload["seats"] == {"sales": None}
    assert cast.seat(MARKET, "sales").approverrolegroupobjectpermission_set.count() == 1


def test_a_new_line_does_not_take_the_place_of_another(cast: Cast) -> None:
    client = client_of(cast.administrator)
    response = client.post("/settings/new-line/", {"name": "  networks ", "description": "Mine now"})
    assert response.status_code == 422
    assert "There is a product line called networks already" in response.content.decode()
    cast.line.refresh_from_db()
    assert (cast.line.name, cast.line.description) == ("Networks", "")
    assert client.post("/settings/new-line/", {"name": "New"}).status_code == 302
    assert client.get("/settings/lines/new/").status_code == 200
    assert ProductLine.objects.count() == 2


def test_the_organisation_is_named(cast: Cast) -> None:
    client = client_of(cast.administrator)
    assert client.post("/settings/organisation/", {"name": "Larkfield"}).status_code == 302
    assert Organisation.objects.get().name == "Larkfield"
    assert "Larkfield" in Client().get("/sign-in/").content.decode()
    assert client.post("/settings/organisation/", {"name": " "}).status_code == 422


def queries_of(client: Client, address: str, counter: Any) -> int:
    client.get(address)
    with counter as found:
        assert client.get(address).status_code == 200
    return len(found)


LISTS = ("/settings/people/", "/settings/groups/", "/settings/lines/", "/settings/groups/{group}/")


def test_long_lists_cost_as_many_queries_as_short_ones(cast: Cast) -> None:
    def fill(first: int, last: int) -> None:
        for number in range(first, last):
            person = make_person(f"p{number}", f"Person {number}")
            group = save_group(name=f"Group {number}", actor=None)
            add_to_group(group=group, person=person, actor=None)
            add_to_group(group=cast.sales_group, person=person, actor=None)
            save_product_line(name=f"Line {number}", actor=None)

    def queries() -> list[int]:
        return [queries_of(client, at(address, cast), CaptureQueriesContext(connection)) for address in LISTS]

    client = client_of(cast.administrator)
    fill(0, 3)
    few = queries()
    fill(3, 30)
    assert queries() == few
