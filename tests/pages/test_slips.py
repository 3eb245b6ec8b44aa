"""The slip ledger of all releases: its rows, figures and files say what the release pages say."""

import csv
import io
from datetime import timedelta
from typing import Any

import pytest
from openpyxl import load_workbook

from gatekeeper.accounts.models import User
from releases.actions.products import change_product
from releases.actions.releases import cancel_release
from releases.actions.replan import replan_release
from releases.actions.slips import record_all_misses
from releases.kinds import Cause
from releases.models import Product, Release, Slip
from tests.cast import (
    COMPLETENESS,
    MARKET,
    Cast,
    active_release,
    approve,
    at,
    day,
    decline,
    fresh,
    gate_of,
    pass_gate,
    submit,
)
from tests.pages.stories import client_of, text_of
from tests.releases.history_files import load, milestone


@pytest.fixture
def told(cast: Cast) -> Cast:
    """Three releases: a late approval (4 days), a re-plan (9 days) after a decline, and one that is still open."""
    one, two, three = (active_release(cast, version) for version in ("1.0", "2.0", "3.0"))
    submit(cast, gate_of(one, MARKET), on=20)
    approve(cast, gate_of(one, MARKET), "engineering", on=21)
    submit(cast, gate_of(two, MARKET), on=20)
    decline(cast, gate_of(two, MARKET), "sales", on=22)
    record_all_misses(day(31), clock=at(31))
    approve(cast, gate_of(one, MARKET), "sales", on=34)
    replan_release(
        release_id=two.pk, actor=cast.second_pm, dates={MARKET: day(39)}, reason="=No capacity before", clock=at(33)
    )
    pass_gate(cast, gate_of(two, MARKET), on=38)
    assert fresh(three).open_slips == 1
    return cast


def rows_of(person: User, query: str = "") -> list[dict[str, str]]:
    text = b"".join(client_of(person).get(f"/slips/export.csv{query}").streaming_content).decode()
    return list(csv.DictReader(io.StringIO(text)))


def listed(person: User, query: str = "") -> list[tuple[str, str]]:
    """(version, gate) of the rows on the page, in order."""
    rows = client_of(person).get(f"/slips/{query}").context["rows"]
    return [(row.slip.release.version, row.slip.gate.key) for row in rows]


def words(row: Any) -> tuple[Any, ...]:
    return row.slip.pk, row.gate, row.slip.due_on, row.cause, row.turn, row.slip.days, row.how, row.moved, row.moves


def test_every_row_is_the_one_of_its_release_page_and_of_the_files(told: Cast) -> None:
    client = client_of(told.outsider)
    page = client.get("/slips/")
    here = {row.slip.pk: words(row) for row in page.context["rows"]}
    there = {}
    for release in Release.objects.all():
        for row in client.get(f"/releases/router/{release.version}/").context["page"].slips:
            there[row.slip.pk] = words(row)
        for row in client.get(f"/releases/router/{release.version}/replans/").context["slips"]:
            assert there[row.slip.pk] == words(row)
    assert here == there
    assert len(here) == 3
    figures = page.context["board"].figures
    assert figures == {"misses": 3, "open": 1, "days": 13, "releases": 3}
    assert figures["days"] == sum(row.slip_days for row in Release.objects.all()), "what the releases slipped"
    assert "3 missed dates in 3 releases, 13 days lost" in text_of(page)

    rows = {row["version"]: row for row in rows_of(told.outsider)}
    assert [rows[v]["days"] for v in ("1.0", "2.0", "3.0")] == ["4", "9", ""]
    assert [rows[v]["settled"] for v in ("1.0", "2.0", "3.0")] == ["Late approval", "Re-plan", "not settled"]
    assert rows["1.0"]["whose turn it was"] == "turn of sales"
    assert rows["2.0"]["note"] == "'=No capacity before"
    assert (rows["2.0"]["settled by"], rows["2.0"]["date missed"]) == ("Quinn Manager", day(30).isoformat())
    assert rows["1.0"]["dates moved"] == "4"
    moved = f"Functional Completeness: {day(60)} to {day(64)}"
    assert rows["1.0"]["what moved"].startswith(moved)
    data = b"".join(client.get("/slips/export.xlsx").streaming_content)
    sheet = load_workbook(io.BytesIO(data)).active
    assert sheet is not None
    assert [[cell.value for cell in row][:3] for row in sheet.iter_rows(min_row=2)] == [
        [row["product line"], row["product"], row["version"]] for row in rows_of(told.outsider)
    ]


FOUND = (
    ("?settled=no", ["3.0"]),
    ("?settled=yes", ["2.0", "1.0"]),
    ("?settled=replan", ["2.0"]),
    ("?cause=awaiting_decision", ["1.0"]),
    ("?cause=declined", ["2.0"]),
    ("?cause=not_submitted&settled=yes", []),
    (f"?gate={MARKET}", ["3.0", "2.0", "1.0"]),
    (f"?gate={COMPLETENESS}", []),
    ("?line=networks&product=router&pm=petra", ["3.0", "2.0", "1.0"]),
    ("?pm=me", []),
    ("?product=other", []),
    (f"?from={day(30)}&until={day(30)}", ["3.0", "2.0", "1.0"]),
    (f"?from={day(31)}", []),
    ("?period=30-days", []),
    ("?cause=nonsense&settled=perhaps&from=soon&sort=hash", ["3.0", "2.0", "1.0"]),
    ("?sort=days", ["1.0", "2.0", "3.0"]),
    ("?sort=-days", ["2.0", "1.0", "3.0"]),
    ("?sort=release", ["1.0", "2.0", "3.0"]),
    ("?sort=-settled", ["1.0", "2.0", "3.0"]),
)


def test_filters_and_order_stand_in_the_address(told: Cast) -> None:
    for query, found in FOUND:
        assert [version for version, _gate in listed(told.outsider, query)] == found, query
        assert [row["version"] for row in rows_of(told.outsider, query)] == found, query


def test_the_pareto_counts_each_cause_and_leads_to_its_rows(told: Cast) -> None:
    client = client_of(told.outsider)
    board = client.get("/slips/?cause=declined").context["board"]
    assert [(row.cause, row.days, row.misses, row.open, row.cumulative) for row in board.causes] == [
        (Cause.DECLINED, 9, 1, 0, 69), (Cause.AWAITING_DECISION, 4, 1, 0, 100), (Cause.NOT_SUBMITTED, 0, 1, 1, 100),
        (Cause.CHECK_FAILING, 0, 0, 0, 100), (Cause.QUORUM_UNREACHABLE, 0, 0, 0, 100),
    ]  # fmt: skip
    assert sum(row.days for row in board.causes) == client.get("/slips/").context["board"].figures["days"]
    for row in board.causes:
        if row.url:
            assert len(listed(told.outsider, row.url)) == row.misses
    html = client.get("/slips/?measure=misses").content.decode()
    assert "chart-bars" in html
    assert "View as table" in html
    assert 'href="?measure=misses&amp;cause=declined"' in html


def test_restricted_products_and_cancelled_releases_are_left_out(told: Cast) -> None:
    release = Release.objects.get(version="1.0")
    cancel_release(release_id=release.pk, actor=told.pm, reason="No case", clock=at(40))
    assert [version for version, _gate in listed(told.outsider)] == ["3.0", "2.0"]
    assert [version for version, _gate in listed(told.outsider, "?cancelled=with")] == ["3.0", "2.0", "1.0"]
    product = Product.objects.get()
    change_product(
        product=product, actor=told.administrator, name=product.name, owner=told.pm,
        description="", is_restricted=True,
    )  # fmt: skip
    page = client_of(told.outsider).get("/slips/")
    assert page.context["rows"] == []
    assert "Router" not in text_of(page)
    assert rows_of(told.outsider) == []
    assert len(listed(told.executive)) == 2


def test_recorded_history_is_a_list_of_its_own(told: Cast) -> None:
    load(milestone(1, "GA", "2020-01-01", "2020-02-01", "2020-03-01", release="5.0"))
    assert "5.0" not in [version for version, _gate in listed(told.outsider)]
    page = client_of(told.outsider).get("/slips/?cause=recorded")
    assert [row.slip.release.version for row in page.context["rows"]] == ["5.0"] * Slip.objects.filter(
        cause="recorded"
    ).count()
    assert page.context["board"].pareto is None


def test_pages_of_fifty(cast: Cast) -> None:
    release = active_release(cast, "1.0")
    gate = gate_of(release, MARKET)
    Slip.objects.bulk_create(
        Slip(release=release, gate=gate, due_on=day(0) - timedelta(days=n), detected_at=at(31)(), cause="not_submitted")
        for n in range(60)
    )
    assert [len(listed(cast.outsider, f"?page={n}")) for n in (1, 2)] == [50, 10]
    assert len(rows_of(cast.outsider)) == 60
