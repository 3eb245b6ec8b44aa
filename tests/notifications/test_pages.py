"""The notification centre, the watch button and the stakeholders, as a browser without JavaScript and htmx use them."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from gatekeeper.accounts.models import User
from notifications.actions import add_stakeholder, watch
from notifications.kinds import Channel
from notifications.models import Delivery, Watch
from releases.kinds import EventKind
from releases.models import Event, Gate, Product, Release
from tests.cast import Cast, active_release, at, decline, gate_of, make_person, nothing_changes, submit
from tests.notifications.conftest import relay_all


def client_of(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def page_of(person: User, address: str = "/notifications/") -> str:
    response = client_of(person).get(address)
    assert response.status_code == 200
    return response.content.decode()


def text(page: str) -> str:
    """The words of a page's main part, and no more."""
    main = page[page.index("<main") : page.index("</main>")]
    return " ".join(re.sub(r"<[^>]+>", " ", main).split())


def in_app(person: User) -> Delivery:
    return Delivery.objects.get(recipient=person, channel=Channel.APP)


@pytest.fixture
def noticed(cast: Cast, gate: Gate) -> Delivery:
    """Erik has one unread notice: a round waits for him."""
    submit(cast, gate)
    relay_all(on=2)
    return in_app(cast.approver)


# --- The list -----------------------------------------------------------------------------------------------------


def test_the_list_says_what_happened_where_and_that_it_is_unread(cast: Cast, noticed: Delivery) -> None:
    page = page_of(cast.approver)
    assert "Petra Manager submitted round 1 of Market Opportunity for your decision" in re.sub(r"\s+", " ", text(page))
    assert "Router 1.0, round 1" in text(page)
    assert "1 unread" in text(page)
    assert '<span class="vh">Unread</span>' in page
    assert page.count(f'action="/notifications/{noticed.pk}/open/"') == 1


def test_notices_stand_under_today_yesterday_and_earlier(cast: Cast, noticed: Delivery) -> None:
    events = list(Event.objects.filter(product=cast.product).exclude(pk=noticed.event_id).order_by("pk")[:3])
    now = timezone.now()
    noticed.delete()
    for event, age in zip(events, (timedelta(), timedelta(days=1), timedelta(days=5)), strict=True):
        Delivery.objects.create(
            event=event, recipient=cast.approver, channel=Channel.APP, notice="submitted", state="sent",
            created_at=now - age, not_before=now, sent_at=now,
        )  # fmt: skip
    found = re.findall(r'class="sub-head">(\w+)<', page_of(cast.approver))
    assert found == ["Today", "Yesterday", "Earlier"]


def test_the_tab_of_unread_notices_leaves_the_others_out(cast: Cast, noticed: Delivery) -> None:
    assert "submitted round 1" in page_of(cast.approver, "/notifications/?show=unread")
    Delivery.objects.update(read_at=timezone.now())
    assert "Nothing is unread" in page_of(cast.approver, "/notifications/?show=unread")
    assert "submitted round 1" in page_of(cast.approver, "/notifications/?show=nonsense&page=zzz")


def test_somebody_without_notices_is_told_what_will_be_here(cast: Cast) -> None:
    assert "No notices yet" in page_of(cast.outsider)


def test_one_sees_one_s_own_notices_alone(cast: Cast, noticed: Delivery) -> None:
    assert "No notices yet" in page_of(cast.outsider)
    outsider = client_of(cast.outsider)
    for action in ("open", "read"):
        with nothing_changes():
            assert outsider.post(f"/notifications/{noticed.pk}/{action}/").status_code == 404


def test_notices_of_a_product_one_may_not_see_any_more_are_gone(cast: Cast, gate: Gate) -> None:
    watch(of=gate.release, actor=cast.outsider, clock=at(0))
    submit(cast, gate)
    decline(cast, gate, "sales")
    relay_all(on=3)
    notice = in_app(cast.outsider)
    assert "declined" in page_of(cast.outsider)
    Product.objects.update(is_restricted=True)
    assert "Router" not in page_of(cast.outsider)
    assert client_of(cast.outsider).post(f"/notifications/{notice.pk}/open/").status_code == 404


def test_what_people_are_called_is_text(cast: Cast, noticed: Delivery) -> None:
    User.objects.filter(pk=cast.pm.pk).update(full_name="<script>alert(1)</script>")
    page = page_of(cast.approver)
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_reading_the_list_changes_nothing(cast: Cast, noticed: Delivery) -> None:
    client = client_of(cast.approver)
    with nothing_changes():
        assert client.get("/notifications/").status_code == 200
    for address in ("read/", f"{noticed.pk}/open/", f"{noticed.pk}/read/"):
        with nothing_changes():
            assert client.get(f"/notifications/{address}").status_code == 405


def test_the_list_is_paged_and_costs_the_same_with_few_and_many(cast: Cast) -> None:
    def cost() -> int:
        client = client_of(cast.approver)
        client.get("/notifications/")
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/notifications/").status_code == 200
        return len(queries)

    releases = [active_release(cast, f"1.{number}") for number in range(8)]
    for release in releases:
        submit(cast, gate_of(release, "market-opportunity"))
    relay_all(on=2)
    every = list(Delivery.objects.filter(recipient=cast.approver, channel=Channel.APP))
    Delivery.objects.filter(pk__in=[one.pk for one in every[3:]]).delete()
    few = cost()
    others = Event.objects.exclude(pk__in=[one.event_id for one in every[:3]]).filter(product=cast.product)
    Delivery.objects.bulk_create(
        Delivery(
            event=event, recipient=cast.approver, channel=Channel.APP, notice="submitted", state="sent",
            created_at=timezone.now(), not_before=timezone.now(), sent_at=timezone.now(),
        )
        for event in others
    )  # fmt: skip
    assert Delivery.objects.filter(recipient=cast.approver, channel=Channel.APP).count() > 50
    assert cost() == few
    page = page_of(cast.approver)
    assert "1 to 50 of" in text(page)
    assert page.count('<li id="n-') == 50
    assert page_of(cast.approver, "/notifications/?page=2").count('<li id="n-') >= 1


# --- Reading ------------------------------------------------------------------------------------------------------


def test_opening_a_notice_reads_it_and_goes_there(cast: Cast, gate: Gate, noticed: Delivery) -> None:
    response = client_of(cast.approver).post(f"/notifications/{noticed.pk}/open/")
    assert (response.status_code, response.headers["Location"]) == (
        302, f"/releases/router/1.0/gates/{gate.key}/",
    )  # fmt: skip
    assert in_app(cast.approver).read_at is not None
    page = page_of(cast.approver)
    assert f'href="/releases/router/1.0/gates/{gate.key}/"' in page, "a read notice is a plain link"
    assert "Everything is read" in text(page)


def test_one_notice_is_read_and_one_stays_where_one_was(cast: Cast, noticed: Delivery) -> None:
    client = client_of(cast.approver)
    response = client.post(f"/notifications/{noticed.pk}/read/", {"back": "/notifications/?show=unread&page=1"})
    assert response.headers["Location"] == "/notifications/?show=unread&page=1"
    assert in_app(cast.approver).read_at is not None


@pytest.mark.parametrize(
    "back", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "\\\\evil.example"]
)
def test_one_is_never_sent_to_another_host(cast: Cast, noticed: Delivery, back: str) -> None:
    response = client_of(cast.approver).post(f"/notifications/{noticed.pk}/read/", {"back": back})
    assert response.headers["Location"] == "/notifications/"


def test_all_are_read_at_once_and_nobody_else_s(cast: Cast, noticed: Delivery) -> None:
    response = client_of(cast.approver).post("/notifications/read/", follow=True)
    assert "Everything is read" in text(response.content.decode())
    assert in_app(cast.approver).read_at is not None
    assert in_app(cast.second_approver).read_at is None


# --- Watching -----------------------------------------------------------------------------------------------------

HTMX = {"HX-Request": "true"}


@pytest.mark.parametrize("address", ["/releases/router/1.0/", "/products/router/"])
def test_one_watches_and_stops_to_watch(cast: Cast, release: Release, address: str) -> None:
    client = client_of(cast.outsider)
    for _twice in range(2):
        response = client.post(f"{address}watch/", {"watch": "1"})
        assert (response.status_code, response.headers["Location"]) == (302, address)
    assert Watch.objects.get().person == cast.outsider
    for _twice in range(2):
        assert client.post(f"{address}watch/", {"watch": "0"}).status_code == 302
    assert not Watch.objects.exists()
    assert Event.objects.filter(kind=EventKind.WATCH_STARTED).count() == 1


def test_htmx_gets_the_button_back(cast: Cast, release: Release) -> None:
    client = client_of(cast.outsider)
    on = client.post("/releases/router/1.0/watch/", {"watch": "1"}, headers=HTMX).content.decode()
    assert 'aria-pressed="true"' in on
    assert "<html" not in on
    assert 'name="watch" value="0"' in on
    assert "1 follower" in on
    off = client.post("/releases/router/1.0/watch/", {"watch": "0"}, headers=HTMX).content.decode()
    assert 'aria-pressed="false"' in off


def test_a_stakeholder_cannot_unwatch(cast: Cast, release: Release) -> None:
    add_stakeholder(of=release, person=cast.outsider, actor=cast.pm, clock=at(1))
    response = client_of(cast.outsider).post("/releases/router/1.0/watch/", {"watch": "0"})
    assert response.status_code == 409
    assert "You are a stakeholder of Router 1.0" in response.content.decode()
    assert Watch.objects.exists()


@pytest.mark.parametrize(
    "address",
    ["/releases/router/1.0/watch/", "/products/router/watch/", "/releases/router/1.0/stakeholders/",
     "/products/router/stakeholders/", "/releases/router/1.0/stakeholders/remove/",
     "/products/router/stakeholders/remove/"],
)  # fmt: skip
def test_what_one_may_not_see_does_not_exist(cast: Cast, release: Release, address: str) -> None:
    Product.objects.update(is_restricted=True)
    outsider = client_of(cast.outsider)
    with nothing_changes():
        hidden = outsider.post(address, {"watch": "1", "person": "otto"})
        missing = outsider.post(address.replace("router", "nothing"), {"watch": "1", "person": "otto"})
    assert hidden.status_code == missing.status_code == 404
    assert client_of(cast.executive).post(address, {"watch": "1", "person": "nobody"}).status_code != 404


# --- Stakeholders -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["/releases/router/1.0/stakeholders/", "/products/router/stakeholders/"])
def test_the_manager_adds_and_removes_a_stakeholder(cast: Cast, release: Release, address: str) -> None:
    client = client_of(cast.pm)
    response = client.post(address, {"person": "Otto Outsider (otto)"})
    assert (response.status_code, response.headers["Location"]) == (302, address)
    assert Watch.objects.get().is_stakeholder
    page = client.get(address).content.decode()
    assert "Otto Outsider" in text(page)
    assert client.post(f"{address}remove/", {"person": "Otto Outsider (otto)"}).status_code == 302
    assert not Watch.objects.exists()


def test_a_release_lists_the_stakeholders_of_its_product_who_are_taken_off_there(cast: Cast, release: Release) -> None:
    add_stakeholder(of=cast.product, person=cast.outsider, actor=cast.pm, clock=at(1))
    page = page_of(cast.pm, "/releases/router/1.0/stakeholders/")
    assert "Otto Outsider" in text(page)
    assert 'href="/products/router/stakeholders/">all of Router</a>' in page
    assert "Take Otto Outsider off" not in page
    assert "Take Otto Outsider off" in page_of(cast.pm, "/products/router/stakeholders/")


def test_a_refused_stakeholder_comes_back_with_the_reason_and_what_was_typed(cast: Cast, release: Release) -> None:
    add_stakeholder(of=release, person=cast.outsider, actor=cast.pm, clock=at(1))
    client = client_of(cast.pm)
    for headers in ({}, HTMX):
        response = client.post("/releases/router/1.0/stakeholders/", {"person": "otto"}, headers=headers)
        page = response.content.decode()
        assert response.status_code == 422
        assert "Otto Outsider is a stakeholder already." in page
        assert 'value="otto"' in page
        assert 'role="alert"' in page
        assert 'aria-invalid="true"' in page
        assert ("<html" in page) is (not headers)
    response = client.post("/releases/router/1.0/stakeholders/", {"person": "nobody at all"})
    assert "Nobody is called nobody at all." in response.content.decode()


def test_others_see_the_stakeholders_and_cannot_change_them(cast: Cast, release: Release) -> None:
    add_stakeholder(of=release, person=cast.outsider, actor=cast.pm, clock=at(1))
    client = client_of(cast.approver)
    page = client.get("/releases/router/1.0/stakeholders/").content.decode()
    assert "Otto Outsider" in page
    assert "Add the stakeholder" not in page
    assert "off the stakeholders" not in page
    for address, data in (("", {"person": "carl"}), ("remove/", {"person": "otto"})):
        with nothing_changes():
            assert client.post(f"/releases/router/1.0/stakeholders/{address}", data).status_code == 403


def test_a_deactivated_stakeholder_can_be_taken_off(cast: Cast, release: Release) -> None:
    add_stakeholder(of=release, person=cast.outsider, actor=cast.pm, clock=at(1))
    User.objects.filter(pk=cast.outsider.pk).update(is_active=False)
    client = client_of(cast.pm)
    assert "Deactivated" in client.get("/releases/router/1.0/stakeholders/").content.decode()
    client.post("/releases/router/1.0/stakeholders/remove/", {"person": "Otto Outsider (otto)"})
    assert not Watch.objects.exists()


def test_the_page_of_stakeholders_costs_the_same_with_few_and_many(cast: Cast, release: Release) -> None:
    def cost() -> int:
        client = client_of(cast.pm)
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/releases/router/1.0/stakeholders/").status_code == 200
        return len(queries)

    people = [make_person(f"stake{number}", f"Stake {number}") for number in range(10)]
    for person in people[:3]:
        add_stakeholder(of=release, person=person, actor=cast.pm, clock=at(1))
    few = cost()
    for person in people[3:]:
        add_stakeholder(of=release, person=person, actor=cast.pm, clock=at(1))
    assert cost() == few


@pytest.mark.parametrize("address", ["/notifications/", "/releases/router/1.0/stakeholders/"])
def test_one_signs_in_first(cast: Cast, release: Release, address: str) -> None:
    response = Client().get(address)
    assert response.status_code == 302
    assert response.headers["Location"].startswith("/sign-in/")
