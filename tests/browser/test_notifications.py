"""Following and reading in a real browser, without reloads where htmx is at work."""

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from notifications.actions import add_stakeholder
from notifications.models import Watch
from notifications.relay import relay_events
from releases.actions.releases import cancel_release
from releases.models import Release
from tests.browser.conftest import OpenPage, axe_findings
from tests.cast import Cast, at, draft_release, make_cast

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    return make_cast()


@pytest.fixture
def release(cast: Cast) -> Release:
    return draft_release(cast)


def test_the_watch_button_turns_without_a_reload(cast: Cast, release: Release, open_page: OpenPage) -> None:
    page = open_page("/releases/router/1.0/", person=cast.outsider)
    page.evaluate("document.body.dataset.kept = 'yes'")
    page.get_by_role("button", name="Watch Router 1.0").click()
    button = page.get_by_role("button", name="Watching Router 1.0")
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(button).to_be_focused()
    assert Watch.objects.get().person == cast.outsider
    button.click()
    expect(page.get_by_role("button", name="Watch Router 1.0")).to_have_attribute("aria-pressed", "false")
    assert not Watch.objects.exists()
    assert page.evaluate("document.body.dataset.kept") == "yes"


def test_the_watch_button_works_without_javascript(cast: Cast, release: Release, open_page: OpenPage) -> None:
    page = open_page("/releases/router/1.0/", person=cast.outsider, java_script_enabled=False)
    page.get_by_role("button", name="Watch Router 1.0").click()
    expect(page.get_by_role("button", name="Watching Router 1.0")).to_be_visible()
    expect(page.get_by_text("You watch Router 1.0.")).to_be_visible()


def test_a_stakeholder_is_added_refused_and_taken_off_in_place(
    cast: Cast, release: Release, open_page: OpenPage
) -> None:
    page = open_page("/releases/router/1.0/stakeholders/", person=cast.pm)
    page.get_by_text("Add a stakeholder").click()
    page.get_by_label("Person").fill("Otto Outsider (otto)")
    page.get_by_role("button", name="Add the stakeholder").click()
    expect(page.get_by_role("listitem").filter(has_text="Otto Outsider")).to_be_visible()
    expect(page.get_by_text("Otto Outsider is told of Router 1.0 from now on.")).to_be_visible()
    page.get_by_text("Add a stakeholder").click()
    page.get_by_label("Person").fill("otto")
    page.get_by_role("button", name="Add the stakeholder").click()
    expect(page.get_by_role("alert")).to_contain_text("Outsider is a stakeholder already")
    expect(page.get_by_label("Person")).to_have_value("otto")
    page.get_by_role("button", name="Take Otto Outsider off the stakeholders").click()
    expect(page.get_by_text("Nobody yet.")).to_be_visible()
    assert not Watch.objects.exists()


def test_a_notice_is_opened_and_the_bell_goes_quiet(cast: Cast, release: Release, open_page: OpenPage) -> None:
    add_stakeholder(of=release, person=cast.outsider, actor=cast.pm, clock=at(1))
    cancel_release(release_id=release.pk, actor=cast.pm, reason="The market is gone")
    relay_events()
    page = open_page("/notifications/", person=cast.outsider)
    expect(page.get_by_role("link", name="Notifications, 1 unread")).to_be_visible()
    page.get_by_role("button", name="Petra Manager cancelled Router 1.0", exact=True).click()
    expect(page).to_have_url(re.compile(r"/releases/router/1\.0/$"))
    expect(page.get_by_role("link", name="Notifications", exact=True).first).to_be_visible()
    page.goto("/notifications/")
    expect(page.get_by_text("Everything is read")).to_be_visible()
    page.get_by_role("link", name="Petra Manager cancelled Router 1.0").click()
    expect(page).to_have_url(re.compile(r"/releases/router/1\.0/$"))


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("address", ["/notifications/", "/releases/router/1.0/stakeholders/"])
def test_axe_finds_nothing(
    cast: Cast, release: Release, open_page: OpenPage, address: str, width: int, scheme: Any
) -> None:
    add_stakeholder(of=release, person=cast.second_pm, actor=cast.pm, clock=at(1))
    cancel_release(release_id=release.pk, actor=cast.pm, reason="The market is gone")
    relay_events()
    page = open_page(address, width, scheme, person=cast.second_pm, reduced_motion="reduce")
    assert axe_findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
