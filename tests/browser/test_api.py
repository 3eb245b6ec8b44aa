"""The API's reference and the page of tokens in a real browser, under the strict content policy."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenPage
from tests.cast import PASSWORD, Cast

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_the_reference_opens_and_shows_how_a_check_is_reported(cast: Cast, open_page: OpenPage) -> None:
    page = open_page("/api/v1/docs/", person=cast.pm)
    page.locator("#operations-tag-checks").click()
    page.locator("#operations-checks-put_check button").first.click()
    expect(page.get_by_text("A report of an older run than the stored one is ignored")).to_be_visible()


def test_a_token_is_made_after_the_password_and_shown_once(cast: Cast, open_page: OpenPage) -> None:
    page = open_page("/settings/api/", width=390, person=cast.pm)
    page.get_by_role("link", name="New token").first.click()
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("textbox", name="Name", exact=True).fill("CI nightly")
    page.locator("[name=scopes][value=read]").check()
    page.get_by_role("button", name="Make the token").click()
    token = page.get_by_label("The token")
    assert token.input_value().startswith("gk_")
    page.goto(page.url.replace("/new/", "/"))
    expect(token).to_have_count(0)
    expect(page.get_by_role("row", name="CI nightly")).to_be_visible()
