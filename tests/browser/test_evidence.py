"""Evidence in a real browser: files dropped on a card, drafts that outlive a reload, two people at one item."""

import pytest
from playwright.sync_api import Page, expect

from approvals.actions.evidence import save_evidence
from approvals.models import Evidence, EvidenceDraft, EvidenceFile, Upload
from tests.browser.conftest import OpenPage, axe_findings
from tests.cast import Cast
from tests.pages.stories import address, market_of, release_of_today, thing

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

DROP = """async ([id, names, size]) => {
  const data = new DataTransfer();
  const bytes = new Uint8Array(size).fill(65);
  for (const name of names) data.items.add(new File([bytes], name, { lastModified: 1700000000000 }));
  const card = document.getElementById(id);
  for (const type of ["dragover", "drop"])
    card.dispatchEvent(new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true }));
}"""


def drop(page: Page, names: list[str], size: int) -> None:
    page.evaluate(DROP, ["d-brief", names, size])


def test_files_dropped_on_a_card_show_their_progress_go_on_after_a_reload_and_become_evidence(
    cast: Cast, open_page: OpenPage
) -> None:
    gate = market_of(release_of_today(cast))
    page = open_page(address(gate), person=cast.pm)
    # the second piece of the second file never arrives
    stop = {"after": 4}

    def fail_later(route: object) -> None:
        stop["after"] -= 1
        route.abort() if stop["after"] < 0 else route.continue_()  # type: ignore[attr-defined]

    page.route("**/uploads/*/", fail_later)
    drop(page, ["one.txt", "two.txt"], 2_500_000)
    card = page.locator("#d-brief")
    expect(card.get_by_text("2.5 MB · not scanned · uploaded, not ready yet")).to_be_visible()
    expect(card.locator("progress")).to_be_visible()
    expect(card.get_by_text("No connection.")).to_be_visible(timeout=30_000)
    expect(card.get_by_role("button", name="Try again")).to_be_visible()
    assert axe_findings(page, "#d-brief") == []
    assert Upload.objects.get(name="two.txt").received == 1_000_000

    page.unroute("**/uploads/*/")
    page.reload()
    expect(card.get_by_text("Stopped at 40 %")).to_be_visible()
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.headers.get("upload-offset", "")))
    drop(page, ["two.txt"], 2_500_000)
    page.get_by_role("button", name="Mark as ready").click()
    expect(card.get_by_role("link", name="two.txt", exact=True)).to_be_visible()
    assert [offset for offset in sent if offset] == ["1000000", "2000000"]
    assert {(f.name, f.size) for f in EvidenceFile.objects.all()} == {("one.txt", 2_500_000), ("two.txt", 2_500_000)}
    assert not Upload.objects.exists()


def test_a_draft_outlives_a_reload_and_meets_what_somebody_else_marked_as_ready(
    cast: Cast, open_page: OpenPage
) -> None:
    gate = market_of(release_of_today(cast))
    page = open_page(address(gate), person=cast.pm)
    page.get_by_role("link", name="Write Market opportunity brief").click()
    page.locator("#d-brief textarea[name=text]").fill("What Petra typed.")
    page.locator("#d-brief textarea[name=note]").focus()
    expect(page.locator("#saved-brief")).to_contain_text("Draft saved", timeout=20_000)
    assert EvidenceDraft.objects.get().text == "What Petra typed."
    page.reload()
    expect(page.locator("#d-brief textarea[name=text]")).to_have_value("What Petra typed.")
    expect(page.get_by_role("link", name="Finish Market opportunity brief")).to_be_visible()

    save_evidence(deliverable_id=thing(gate).pk, actor=cast.second_pm, kind="text", text="What Quinn wrote.")
    page.get_by_role("button", name="Mark as ready").click()
    expect(page.get_by_text("This was changed by Quinn Manager while you were editing.").first).to_be_visible()
    expect(page.get_by_text("What Quinn wrote.")).to_be_visible()
    expect(page.locator("#d-brief textarea[name=text]")).to_have_value("What Petra typed.")
    assert axe_findings(page, "#d-brief") == []
    page.get_by_role("button", name="Mark as ready").click()
    expect(page.locator("#d-brief form")).to_have_count(0)
    expect(page.locator("#d-brief").get_by_text("Text, 3 words")).to_be_visible()
    assert list(Evidence.objects.order_by("version").values_list("text", flat=True)) == [
        "What Quinn wrote.", "What Petra typed."
    ]  # fmt: skip
