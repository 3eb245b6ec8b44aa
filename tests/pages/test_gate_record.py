"""The gate record: one page and one PDF with everything that is on record, and a code that leads back to it."""

import io
from typing import Any
from xml.sax.saxutils import escape

import pytest
from pypdf import PdfReader
from reportlab.platypus import Paragraph, Table

from approvals.actions.decisions import NewCondition
from approvals.pages.paper import text_flowables
from approvals.pages.verify import verify_code
from gatekeeper.accounts.models import ApiToken, User
from releases.events import broken_link_of
from releases.models import Gate, Product
from tests.cast import Cast, approve, day, decline, fill, fresh, gate_of, nothing_changes, submit, waive
from tests.pages.stories import address, client_of, days_ago, market_of, release_of_today, text_of

pytestmark = pytest.mark.django_db
TYPED = 'Ω <b>bold</b> & <font size="99">Ж</font> Łódź'


def story(cast: Cast) -> Gate:
    """Declined once, then approved with a condition; the comments hold what could be taken for marks."""
    gate = market_of(release_of_today(cast))
    fill(cast, gate, on=days_ago(9), text=f"Five of five would pay. {TYPED}")
    submit(cast, gate, on=days_ago(9))
    decline(cast, gate, "sales", on=days_ago(8), comment="No price list.")
    submit(cast, gate, on=days_ago(7))
    owed = NewCondition("Price list for partners", cast.contributor, day(days_ago(-9)))
    approve(cast, gate, "engineering", on=days_ago(6), comment=TYPED, conditions=(owed,))
    cast.second_approver.token = ApiToken(prefix="ab12cd34")  # as the API does for a request with this token
    approve(cast, gate, "sales", on=days_ago(5))
    return gate_of(gate.release, gate.key)


def pages_of(client: Any, url: str) -> list[str]:
    answer = client.get(url)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
    pages = PdfReader(io.BytesIO(answer.content)).pages
    return [" ".join(page.extract_text().split()) for page in pages]


def test_page_and_pdf_say_the_same_and_nothing_typed_becomes_markup(cast: Cast) -> None:
    gate = story(cast)
    client = client_of(cast.outsider)
    with nothing_changes():
        page = client.get(address(gate, "record/"))
        pdf = pages_of(client, address(gate, "record.pdf"))
    assert "<b>bold</b>" not in page.content.decode()
    for text in (text_of(page), " ".join(pdf)):
        for words in (
            "Approved with conditions", "Round 2, ", "Erik Engineer", "VP Engineering", "Head of Sales",
            "With 1 condition", "Price list for partners", "Carl Contributor", TYPED, "No price list.", "1 of 1",
            f"Five of five would pay. {TYPED}", "Petra Manager", "Digest and event chain were recomputed",
            verify_code(gate, gate.release).text, "The discussion has 0 comments",
            "through the API, token gk_ab12cd34…",
        ):  # fmt: skip
            assert words in text, words
        assert gate.submissions.get(number=2).digest.removeprefix("sha256:") in text.replace(" ", "")
    for place in (address(gate), address(gate, "rounds/2/"), "/releases/router/1.0/activity/"):
        assert text_of(client.get(place)).count("through the API, token gk_ab12cd34…") >= 1, place
    for number, text in enumerate(pdf, 1):
        assert f"Page {number} of {len(pdf)}" in text


def test_letter_is_another_paper(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    client = client_of(cast.pm)
    sizes = [
        PdfReader(io.BytesIO(client.get(address(gate, f"record.pdf{query}")).content)).pages[0].mediabox.width
        for query in ("", "?paper=letter", "?paper=wall")
    ]
    assert [round(size) for size in sizes] == [595, 612, 595]


def test_a_waiver_and_what_no_font_can_draw_are_said(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    waive(cast, gate, on=days_ago(2), until=days_ago(-20))
    cast.executive.refresh_from_db()
    text = " ".join(pages_of(client_of(cast.pm), address(gate, "record.pdf")))
    assert "Waived, not approved" in text
    assert "Eva Executive, COO: The market has moved" in text
    assert "cannot be drawn" not in text
    fill(cast, other := market_of(release_of_today(cast, "2.0")), on=days_ago(4), text="市場 is good.")
    submit(cast, other, on=days_ago(3))
    assert "2 characters cannot be drawn here" in " ".join(pages_of(client_of(cast.pm), address(other, "record.pdf")))


class Pen:
    """What the writer of a record gives to the texts in it."""

    width = 500.0

    def clean(self, text: str) -> str:
        return escape(text)


MARKDOWN = """# Plan

Two **bold**, `code`, a [plan](https://a.b/c_d).

- One
  - Inside
- Two
3. Three

> Said by sales.

| Item | Days |
|---|---|
| Build & test | 5 |

```
if x < 1:
    wait
```
"""


def test_a_text_reads_on_paper_as_it_does_on_the_page() -> None:
    parts = text_flowables(MARKDOWN, Pen())
    lines = [part.text for part in parts if isinstance(part, Paragraph)]
    assert lines == [
        "Plan",
        'Two <font name="Inter-SemiBold">bold</font>, <font name="DejaVuSansMono" size="8">code</font>, a plan (https://a.b/c_d).',
        "One", "Inside", "Two", "Three", "Said by sales.", "if x &lt; 1:<br/>&nbsp;&nbsp;&nbsp;&nbsp;wait",
    ]  # fmt: skip
    assert [part.bulletText for part in parts if isinstance(part, Paragraph) and part.bulletText] == ["•"] * 3 + ["3."]
    (table,) = (part for part in parts if isinstance(part, Table))
    assert [[cell.text for cell in row] for row in table._cellvalues] == [["Item", "Days"], ["Build &amp; test", "5"]]


def test_whatever_somebody_types_there_is_a_record_of_it(cast: Cast) -> None:
    """Tables of sixty columns, a cell longer than a page, lists within lists, words without an end."""
    wide = "|" + "c|" * 60 + "\n|" + "-|" * 60 + "\n|" + "xy|" * 60
    tall = "| a |\n|---|\n| " + "word " * 4000 + "|"
    deep = "\n".join("  " * n + "- level" for n in range(40)) + "\n\n" + "> " * 30 + "quoted"
    text = "\n\n".join((wide, tall, deep, "x" * 3000, "- \n- \n\n1.\n", "[](https://a.example)", "```\n```"))
    gate = market_of(release_of_today(cast))
    fill(cast, gate, on=days_ago(4), text=text)
    submit(cast, gate, on=days_ago(3))
    pages = pages_of(client_of(cast.pm), address(gate, "record.pdf"))
    assert "level" in " ".join(pages)
    assert len(pages) > 5


def verify(person: User, code: str) -> str:
    return text_of(client_of(person).get("/verify/", {"code": code}))


def test_a_code_leads_back_to_its_record_and_says_what_came_later(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    submit(cast, gate, on=days_ago(3))
    gate.release = fresh(gate.release)
    code = verify_code(gate, gate.release).text
    # as somebody types it who reads it from paper
    assert "Nothing has happened to the gate since." in verify(cast.outsider, code.lower().replace("-", " "))
    approve(cast, gate, "sales", on=days_ago(2))
    assert "Since then the gate has 1 further event" in verify(cast.outsider, code)
    wrong = f"{code[:-1]}{'0' if code[-1] != '0' else '1'}"
    for no_code in (wrong, f"GK-ZZZZ{code[7:]}", "GK-", "é" * 20, "0" * 20):
        assert "No record has this code." in verify(cast.outsider, no_code)


def test_a_code_of_a_hidden_product_is_no_code(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    code = verify_code(gate, gate.release).text
    Product.objects.filter(pk=cast.product.pk).update(is_restricted=True)
    assert "No record has this code." in verify(cast.outsider, code)
    assert "This is a record of gatekeeper" in verify(cast.approver, code)
    assert client_of(cast.outsider).get(address(gate, "record/")).status_code == 404
    assert client_of(cast.outsider).get(address(gate, "record.pdf")).status_code == 404


def test_a_chain_that_does_not_hold_is_told(cast: Cast) -> None:
    release = fresh(market_of(release_of_today(cast)).release)
    assert broken_link_of(release) is None
    release.event_hash = "0" * 64
    assert broken_link_of(release) is not None
    release.event_number += 1
    assert broken_link_of(release) is not None
