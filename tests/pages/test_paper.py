"""The portfolio and a release as PDFs: the same figures, the filters in the head, A4 or Letter, landscape."""

import io
import re

import pytest
from django.http import HttpResponse
from pypdf import PdfReader

from releases.actions.slips import record_all_misses
from releases.models import Release
from tests.cast import MARKET, Cast, at, draft_release, gate_of, pass_gate
from tests.pages.stories import client_of, days_ago, release_of_today
from tests.pages.test_portfolio import other_product, release_of, today
from tests.releases.history_files import load, milestone

pytestmark = pytest.mark.django_db


def read(response: HttpResponse) -> tuple[str, PdfReader]:
    """The text of all pages, and the file."""
    assert response.status_code == 200
    assert response["Content-Type"] == "application/pdf"
    assert response["Cache-Control"] == "private, no-store"
    pages = PdfReader(io.BytesIO(response.content))
    return " ".join(" ".join(page.extract_text() for page in pages.pages).split()), pages


def test_the_dashboard_on_paper_has_its_figures_rows_filters_and_charts(cast: Cast) -> None:
    late = release_of_today(cast, "1.0", began=35)
    passed = release_of_today(cast, "2.0")
    pass_gate(cast, gate_of(passed, MARKET), on=days_ago(3))
    draft_release(cast, "3.0", target=days_ago(0) + 200, on=days_ago(1))
    release_of(cast, other_product(cast, "Vault", "Secrets", restricted=True), "7.0")
    record_all_misses(today(), clock=at(days_ago(0)))
    client = client_of(cast.outsider)
    response = client.get("/portfolio/export.pdf")
    assert re.fullmatch(r'attachment; filename="portfolio-\d{4}-\d\d-\d\d\.pdf"', response["Content-Disposition"])
    text, pages = read(response)
    for words in ("Router 1.0", "Router 2.0", "Router 3.0", "5 d late", "Slipped", "On time by gate", "Gate cycle time",
                  f"Products that {cast.outsider} may see", "3 releases", "Page 1 of"):  # fmt: skip
        assert words in text, words
    assert "Its gates are dated when it is activated" in text
    assert "Vault" not in text
    width, height = (float(side) for side in pages.pages[0].mediabox.upper_right)
    assert (round(width), round(height)) == (842, 595)
    text, pages = read(client.get("/portfolio/export.pdf?health=slipped&paper=letter"))
    assert "Router 1.0" in text
    assert "Router 2.0" not in text
    assert "Health: Slipped" in text
    assert round(float(pages.pages[0].mediabox.upper_right[0])) == 792
    assert Release.objects.get(pk=late.pk).open_slips == 1


def test_more_rows_than_paper_takes_are_said_to_be_left_out(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gatekeeper.dashboard.views.portfolio.MOST_ON_PAPER", 2)
    for number in range(3):
        draft_release(cast, f"1.{number}", target=days_ago(0) + 200, on=days_ago(1))
    client = client_of(cast.outsider)
    text, _pages = read(client.get("/portfolio/export.pdf"))
    assert "1 more releases are left out here" in text
    assert "Router 1.2" not in text
    assert "0 releases" in read(client.get("/portfolio/export.pdf?q=nothing"))[0]


def test_recorded_history_has_a_sheet_of_its_own(cast: Cast) -> None:
    load(
        milestone(1, "alpha", "2020-01-01", "2020-02-01", "2020-02-03"),
        milestone(2, "final", "2020-04-01", "2020-05-01", "2020-05-01"),
    )
    text, _pages = read(client_of(cast.outsider).get("/portfolio/export.pdf?state=recorded"))
    assert "Recorded history" in text
    assert "Kernel 1.0 2 of 2 2 63 1 2" in text
    text, _pages = read(client_of(cast.outsider).get("/releases/kernel/1.0/report.pdf"))
    assert "alpha" in text


def test_a_release_on_paper_says_how_it_stands_and_what_slipped(cast: Cast) -> None:
    release = release_of_today(cast, "1.0", began=35)
    record_all_misses(today(), clock=at(days_ago(0)))
    text, _pages = read(client_of(cast.outsider).get("/releases/router/1.0/report.pdf"))
    for words in ("Router 1.0", "Slipped", "Market Opportunity", "Baseline", "Not submitted", "open", "Late"):
        assert words in text, words
    assert str(release.owner) in text
    client = client_of(cast.outsider)
    release_of(cast, other_product(cast, "Vault", "Secrets", restricted=True), "7.0")
    assert client.get("/releases/vault/7.0/report.pdf").status_code == 404
