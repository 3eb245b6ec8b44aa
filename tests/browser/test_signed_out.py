"""Signed out while somebody types: nothing that was typed is lost, whether a page or a script of it notices."""

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import Page, expect

from approvals.models import Decision, Evidence, Upload
from tests.browser.conftest import OpenPage, axe_findings, sign_in
from tests.cast import Cast, submit
from tests.pages.stories import address, market_of, release_of_today

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
WORDS = "Two customers are no market.\nتبقى الكتابة كما هي 🙂"


def sign_in_elsewhere(page: Page, who: str) -> None:
    """In another window of the same browser, which makes the tokens of open pages void."""
    other = page.context.new_page()
    sign_in(other, who)
    other.close()


def test_a_decision_is_sent_after_signing_in_on_the_page_that_answers_it(cast: Cast, open_page: OpenPage) -> None:
    gate = market_of(release_of_today(cast))
    submit(cast, gate)
    page = open_page(address(gate), person=cast.approver)
    page.get_by_label("Decline", exact=False).first.check()
    page.locator(".decision textarea[name=comment], #decide textarea[name=comment]").first.fill(WORDS)
    Session.objects.all().delete()
    page.get_by_role("button", name="Decline round 1 as Engineering").click()
    expect(page.get_by_text("You were signed out meanwhile, and nothing was saved.")).to_be_visible()
    assert axe_findings(page) == []
    # a wrong password first: it is still held afterwards
    for password in ("not this one", "seven gates stand open"):
        page.locator("[name=username]").fill("erik")
        page.locator("[name=password]").fill(password)
        page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="Nothing is saved yet")).to_be_visible()
    expect(page.get_by_label("What you typed")).to_have_value(WORDS)
    assert axe_findings(page) == []
    assert not Decision.objects.exists()
    page.get_by_role("button", name="Send it again").click()
    expect(page.get_by_role("heading", name="Round 1 was declined")).to_be_visible()
    assert Decision.objects.get().comment.replace("\r\n", "\n") == WORDS


def test_a_page_from_before_signing_in_again_gives_back_what_was_typed(cast: Cast, open_page: OpenPage) -> None:
    gate = market_of(release_of_today(cast))
    submit(cast, gate)
    page = open_page(address(gate), person=cast.approver)
    page.get_by_label("Decline", exact=False).first.check()
    page.locator(".decision textarea[name=comment], #decide textarea[name=comment]").first.fill(WORDS)
    Session.objects.all().delete()
    sign_in_elsewhere(page, "erik")
    page.get_by_role("button", name="Decline round 1 as Engineering").click()
    expect(page.get_by_label("What you typed")).to_have_value(WORDS)
    page.get_by_role("button", name="Send it again").click()
    expect(page.get_by_role("heading", name="Round 1 was declined")).to_be_visible()


def test_a_text_that_is_being_written_stays_in_its_page(cast: Cast, open_page: OpenPage) -> None:
    gate = market_of(release_of_today(cast))
    page = open_page(address(gate), person=cast.pm)
    page.get_by_role("link", name="Write Market opportunity brief").click()
    text = page.locator("#d-brief textarea[name=text]")
    text.fill(WORDS)
    Session.objects.all().delete()
    page.get_by_role("button", name="Mark as ready").click()
    expect(page.get_by_text("You are signed out. Sign in in another window").first).to_be_visible()
    expect(text).to_have_value(WORDS)
    sign_in_elsewhere(page, "petra")
    page.get_by_role("button", name="Mark as ready").click()
    expect(page.get_by_text("You have signed in again since.")).to_be_visible()
    expect(text).to_have_value(WORDS)
    page.get_by_role("button", name="Mark as ready").click()
    expect(page.locator("#d-brief form")).to_have_count(0)
    assert Evidence.objects.get().text.replace("\r\n", "\n") == WORDS


def test_drafts_and_uploads_go_on_by_themselves_after_signing_in_again(cast: Cast, open_page: OpenPage) -> None:
    gate = market_of(release_of_today(cast))
    page = open_page(address(gate), person=cast.pm)
    page.get_by_role("link", name="Write Market opportunity brief").click()
    page.locator("#d-brief textarea[name=text]").fill("So far.")
    Session.objects.all().delete()
    sign_in_elsewhere(page, "petra")
    page.locator("#d-brief textarea[name=note]").focus()
    expect(page.locator("#saved-brief")).to_contain_text("Draft saved")
    Session.objects.all().delete()
    sign_in_elsewhere(page, "petra")
    page.locator("#d-brief input[type=file]").set_input_files(
        {"name": "plan.txt", "mimeType": "text/plain", "buffer": b"A plan."}
    )
    expect(page.get_by_text("uploaded, not ready yet")).to_be_visible()
    assert Upload.objects.get().name == "plan.txt"
