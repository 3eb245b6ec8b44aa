"""Deciding without a mouse, and with one thumb: from the inbox to a recorded decision."""

from copy import deepcopy
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from approvals.models import Decision, RoundSeen
from releases.models import Gate
from tests.browser.conftest import OpenPage
from tests.cast import MARKET, PASSWORD, SMALL_PLAYBOOK, Cast, active_release, gate_of, make_playbook, submit
from tests.pages.stories import address, days_ago, market_of, release_of_today

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
FOCUSED = """() => { const one = document.activeElement, box = one.getBoundingClientRect();
    const at = document.elementFromPoint(box.x + box.width / 2, box.y + Math.min(box.height / 2, 20));
    const seen = box.top >= 0 && box.top < innerHeight && (one.contains(at) || (at && at.contains(one)));
    return [one.name || "", one.value || "", one.textContent.trim().slice(0, 60), seen || !box.width]; }"""


def tab_to(page: Page, name: str, value: str = "", most: int = 80) -> None:
    """Press Tab until a control has the focus; nothing on the way may be covered."""
    for _ in range(most):
        page.keyboard.press("Tab")
        found, content, words, is_seen = page.evaluate(FOCUSED)
        assert is_seen, f"the focus is covered: {found} {words}"
        if found == name and content.startswith(value):
            return
    raise AssertionError(f"{name} was not reached")


def test_a_round_is_read_and_decided_by_keyboard_alone(cast: Cast, open_page: OpenPage) -> None:
    gate = market_of(release_of_today(cast))
    submit(cast, gate, on=days_ago(3))
    page = open_page("/inbox/", person=cast.approver)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{address(gate)}")
    # a radio group is one stop; the arrows choose
    tab_to(page, "choice")
    page.keyboard.press("Space")
    for _ in range(3):
        if page.evaluate("document.activeElement.value") == "decline":
            break
        page.keyboard.press("ArrowDown")
    tab_to(page, "comment")
    page.keyboard.type("Two customers are no market.")
    tab_to(page, "role", "engineering")
    expect(page.get_by_role("button", name="Decline round 1 as Engineering")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Round 1 was declined")).to_be_visible()
    decision = Decision.objects.get()
    assert (decision.verdict, decision.comment) == ("decline", "Two customers are no market.")


def test_reading_for_three_seconds_marks_the_round(cast: Cast, open_page: OpenPage) -> None:
    gate = market_of(release_of_today(cast))
    submit(cast, gate, on=days_ago(3))
    page = open_page(address(gate), person=cast.outsider)
    with page.expect_response(lambda answer: answer.url.endswith("/seen/"), timeout=30_000):
        pass
    assert RoundSeen.objects.get().person == cast.outsider


@pytest.fixture
def signed_gate(cast: Cast) -> Gate:
    spec: dict[str, Any] = deepcopy(SMALL_PLAYBOOK) | {"slug": "signed", "name": "Signed"}
    spec["gates"][0]["signature"] = True
    start = days_ago(20)
    gate = gate_of(active_release(cast, playbook=make_playbook(spec), target=start + 90, on=start), MARKET)
    submit(cast, gate, on=days_ago(3))
    return gate


def test_one_thumb_signs_at_390_px(cast: Cast, signed_gate: Gate, open_page: OpenPage) -> None:
    page = open_page(address(signed_gate), 390, person=cast.approver)
    bar = page.locator(".decision-bar button")
    assert [bar.nth(i).bounding_box()["height"] >= 44 for i in range(3)] == [True] * 3  # type: ignore[index]
    page.get_by_role("button", name="Approve", exact=True).click()
    sheet = page.locator("#sheet-approve")
    sheet.get_by_label("Comment").fill("All five would pay.")
    expect(sheet.get_by_text("I approve Market Opportunity of Router 1.0, round 1, as Engineering.")).to_be_visible()
    small = sheet.locator("button:visible, textarea:visible").evaluate_all(
        "all => all.filter(one => one.getBoundingClientRect().height < 44).map(one => one.outerHTML)"
    )
    assert small == []
    sheet.get_by_role("button", name="Approve as Engineering").click()
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Go on to sign").click()
    expect(page.locator("#decide-comment")).to_have_value("All five would pay.")
    page.get_by_role("button", name="Approve as Engineering").click()
    expect(page.get_by_role("link", name="Revoke it")).to_be_visible()
    assert Decision.objects.get().meaning.startswith("I approve Market Opportunity")
