"""The dashboard in Chromium: read by keyboard, filtered, kept as a view, printed, and usable on a phone."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from gatekeeper.accounts.models import SavedView
from releases.actions.slips import record_all_misses
from tests.browser.conftest import OpenPage, axe_findings
from tests.cast import COMPLETENESS, MARKET, at, day, draft_release, gate_of, pass_gate, waive
from tests.pages.stories import days_ago, release_of_today

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture
def scene(cast: Any) -> Any:
    """Late, on track, waived, a draft, and a slip that was settled."""
    release_of_today(cast, "1.0", began=35)
    settled = release_of_today(cast, "2.0", began=40)
    record_all_misses(day(days_ago(0)), clock=at(days_ago(0)))
    pass_gate(cast, gate_of(settled, MARKET), on=days_ago(1))
    waived = release_of_today(cast, "3.0")
    pass_gate(cast, gate_of(waived, MARKET), on=days_ago(4))
    waive(cast, gate_of(waived, COMPLETENESS), on=days_ago(2), until=days_ago(-60))
    draft_release(cast, "4.0", target=days_ago(0) + 200, on=days_ago(1))
    for number in range(5, 20):
        draft_release(cast, f"{number}.0", target=days_ago(0) + 200, on=days_ago(1))
    return cast


def test_an_executive_reads_filters_keeps_and_prints_the_portfolio(scene: Any, open_page: OpenPage) -> None:
    page = open_page("/portfolio/", person=scene.executive)
    assert axe_findings(page) == []

    # a health mark explains itself to whoever reaches it by keyboard
    pill = page.get_by_role("row").filter(has_text="Router 1.0").locator(".pill")
    pill.focus()
    assert "was missed and is not settled" in pill.inner_text()
    box = pill.locator(".tip-text").bounding_box()
    assert box is not None
    assert box["width"] > 40

    # from a release Tab goes through its gates, each of which says all of itself
    page.get_by_role("link", name="Router 1.0").focus()
    for _ in range(2):
        page.keyboard.press("Tab")
    focused = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert re.fullmatch(r"Market: Late, \d+ days, preparing", focused), focused
    tile = page.locator("a.kpi.t-dec")
    head = page.locator(".matrix thead th").first
    page.get_by_role("link", name="Router 9.0").evaluate("one => one.scrollIntoView({block: 'center'})")
    expect(tile).not_to_be_in_viewport()
    expect(head).to_be_in_viewport()

    # a tile leads to as many rows as it says
    count = int(re.search(r"\d+", tile.locator(".kpi-value").inner_text())[0])  # type: ignore[index]
    tile.click()
    expect(page.locator(".matrix .m-health")).to_have_count(count)

    # the filters become a view
    page.locator("summary", has_text="Saved views").click()
    page.get_by_role("link", name="Save this view").click()
    page.get_by_label("Name").fill("Slipped ones")
    page.get_by_role("button", name="Save view").click()
    expect(page.locator("summary", has_text="Slipped ones")).to_be_visible()
    assert SavedView.objects.get().query == "health=slipped"
    page.locator("summary", has_text="Export").click()
    with page.expect_download() as kept:
        page.get_by_role("link", name=re.compile("^CSV")).click()
    assert kept.value.suggested_filename.endswith(".csv")

    _prints(page)

    # one's own views: their links and names
    page.emulate_media(media="screen")
    page.goto("/portfolio/views/")
    page.locator("summary", has_text="Link and name").click()
    expect(page.get_by_label("Link")).to_have_value(re.compile(r"/portfolio/views/[\w-]+/$"))
    assert axe_findings(page, "main") == []
    page.get_by_label("Name").fill("")
    page.get_by_role("button", name="Rename").click()
    expect(page.locator(".error")).to_be_visible()
    assert axe_findings(page, "main") == []


def _prints(page: Page) -> None:
    """On paper: filters and time in the head, no navigation, heads that repeat."""
    page.emulate_media(media="print")
    expect(page.locator(".page-head .print-only")).to_contain_text("Health: Slipped")
    expect(page.locator(".page-head .sub")).to_contain_text("as of")
    for hidden in (".side", ".topbar", ".bar-line", ".seg", ".page-head .actions"):
        expect(page.locator(hidden).first).to_be_hidden()
    assert page.locator(".matrix thead").first.evaluate("one => getComputedStyle(one).display") == "table-header-group"


@pytest.mark.parametrize(("width", "scheme"), [(1440, "dark"), (390, "light")])
def test_dark_and_on_a_phone_nothing_is_amiss(scene: Any, open_page: OpenPage, width: int, scheme: str) -> None:
    page = open_page("/portfolio/", width, scheme, person=scene.executive)
    assert page.evaluate(SIDEWAYS) == 0
    for fold in page.locator(".chart-twin > summary").all():
        fold.click()
    assert axe_findings(page) == []
    page.locator("summary", has_text="More filters").click()
    page.locator(".menu-part > summary").first.click()
    assert axe_findings(page, "main") == []
    for address in ("/portfolio/gates/", "/portfolio/slips/", "/portfolio/views/new/?health=slipped"):
        page.goto(address)
        assert page.evaluate(SIDEWAYS) == 0
        assert axe_findings(page, "main") == []
