"""The portfolio's figures: each equals the rows that it leads to, on the page, in the exports and as data."""

import csv
import io
import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.core.management import call_command
from django.http import QueryDict
from django.test import Client
from django.utils import timezone
from openpyxl import load_workbook
from pytest_django import DjangoDbBlocker

from approvals.models import Submission
from gatekeeper.accounts.models import User
from gatekeeper.common.calendars import day_of
from gatekeeper.dashboard.queries.figures import PortfolioFigures, percentile
from gatekeeper.dashboard.queries.filters import quarter_days, quarters_around, read_filters
from gatekeeper.dashboard.queries.portfolio_charts import Cards
from gatekeeper.demo import STORIES, Demo
from tests.access.walk import undone
from tests.cast import make_person
from tests.pages.stories import client_of
from tests.releases.history_files import DATA, PRODUCTS

# a part of the demo that has a slip, a decline, a waiver, a late condition, conditions and ended releases
TOLD = {("assist-mobile", "5.3"), ("flow-desk", "12.1"), ("runbook-studio", "2.6"), ("signal-stream", "1.9"),
        ("signal-stream", "1.8"), ("insight-lake", "2027.1"), ("service-catalog", "9.0")}  # fmt: skip
FILTERS = ("", "line=data-platform", "health=slipped", "state=all")


@pytest.fixture(scope="module")
def told(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """The demo, told once for all tests of this file and taken back at the end."""
    with django_db_blocker.unblock(), undone():
        call_command("load_playbooks", verbosity=0)
        told = [story for story in STORIES if (story.product, story.version) in TOLD]
        Demo(lambda _words: None, stories=told).load()
        yield


@pytest.fixture
def helen(told: None, db: None) -> User:
    return User.objects.get(username="helen")


def figures_of(user: User, query: str) -> PortfolioFigures:
    now = timezone.now()
    return PortfolioFigures(user, read_filters(QueryDict(query).dict()), now, day_of(now))


def count_at(client: Client, address: str) -> int:
    """How many rows a list says that it has, which is as many as its export has."""
    response = client.get(address)
    assert response.status_code == 200, address
    count = response.context["page"].paginator.count
    path, _mark, query = address.partition("?")
    exported = b"".join(client.get(f"{path}export.csv?{query}")).decode()
    assert len(list(csv.reader(io.StringIO(exported)))) == count + 1
    return int(count)


def test_every_figure_is_the_number_of_the_rows_that_it_leads_to(helen: User) -> None:
    client = client_of(helen)
    for query in FILTERS:
        figures = figures_of(helen, query)
        data = figures.as_data()
        # tiles
        page = client.get(f"/portfolio/?{query}")
        found = re.findall(r'<a class="kpi [^>]*href="([^"]+)".*?</svg>([^<]+)</span><span class="kpi-value">(\d*)',
                           page.content.decode())  # fmt: skip
        links = {label: (count, unescape(url)) for url, label, count in found}
        assert len(links) == 6
        for label, name in (("On track", "on_track"), ("At risk", "at_risk"), ("Slipped", "slipped")):
            count, url = links[label]
            rows = client.get(f"/portfolio/{url}").context["board"].page.paginator.count
            assert int(count) == data[name] == rows, (query, label)
        conditions, waivers = links["Late conditions"], links["Waivers in force"]
        assert int(conditions[0]) == data["late_conditions"] == count_at(client, conditions[1])
        assert int(waivers[0]) == data["waivers_in_force"] == count_at(client, waivers[1])
        assert data["decisions"] == count_at(client, links["Time to a decision"][1])
        # charts: every mark
        cards = {card.key: card for card in Cards(figures, QueryDict(query)).all()}
        for entry, row in zip(data["gates"], _rows(cards["on-time"]), strict=True):
            kept, passed = row[0], row[2]
            assert int(passed.text) == entry["passed"]
            assert not kept.url or count_at(client, kept.url) == entry["on_time"]
        for entry, row in zip(data["rounds"], _rows(cards["declines"]), strict=True):
            assert int(row[2].text) == entry["decided"]
            assert not row[0].url or count_at(client, row[0].url) == entry["declined"]
        assert count_at(client, cards["rounds"].rows_url) == sum(entry["passed"] for entry in data["gates"])
        assert count_at(client, cards["declines"].rows_url) == sum(entry["decided"] for entry in data["rounds"])
        assert count_at(client, cards["causes"].rows_url) == sum(entry["slips"] for entry in data["slips"])
    assert figures_of(helen, "").as_data()["late_conditions"] == 1
    assert figures_of(helen, "").as_data()["waivers_in_force"] == 1


def _rows(card: Any) -> Any:
    return card.chart.twin.rows if card.chart else ()


def test_a_mark_of_the_slip_trend_leads_to_the_slips_of_its_month_and_line(helen: User) -> None:
    client = client_of(helen)
    found = figures_of(helen, "").slip_months
    assert found
    (card,) = [card for card in Cards(figures_of(helen, ""), QueryDict("")).all() if card.key == "slips-by-month"]
    marks = [cell.url for row in _rows(card) for cell in row[1:] if cell.url]
    by_mark = {(one.line, one.month) for one in found}
    assert len(marks) == len(by_mark)
    assert sum(count_at(client, url) for url in marks) == sum(one.slips for one in found)


def test_the_page_the_files_and_the_data_say_the_same(helen: User) -> None:
    client = client_of(helen)
    for query in ("", "line=data-platform", "state=all", "health=slipped&page=1"):
        data = figures_of(helen, query).as_data()
        rows = list(csv.DictReader(io.StringIO(b"".join(client.get(f"/portfolio/export.csv?{query}")).decode())))
        assert len(rows) == data["releases"]
        if "health" not in query:
            for word in ("on_track", "at_risk", "slipped"):
                assert sum(row["health"] == word for row in rows) == data[word]
        late = [int(row["slip days"]) for row in rows if row["health"] == "slipped"]
        assert sum(days for days in late if days > 0) == data["slip_days"]
        book = load_workbook(io.BytesIO(b"".join(client.get(f"/portfolio/export.xlsx?{query}"))))
        assert book.active is not None
        assert book.active.max_row == len(rows) + 1
        text = b"".join(client.get(f"/portfolio/figures.csv?{query}")).decode()
        told = {(row["figure"], row["of"], row["month"]): row["value"] for row in csv.DictReader(io.StringIO(text))}
        assert told["on_track", "", ""] == str(data["on_track"])
        for entry in data["gates"]:
            assert told["gates_passed", entry["gate"], ""] == str(entry["passed"])
        shown = client.get(f"/portfolio/?{query}").context["board"].as_data()
        assert shown == data
        answered = client.get(f"/api/v1/portfolio/?{query.replace('&page=1', '')}").json()["figures"]
        assert answered["total"] == data["releases"]
        assert answered["late_conditions"] == data["late_conditions"]
        assert (answered["gates"], answered["rounds"]) == (data["gates"], data["rounds"])
        assert [answered["by_health"][word] for word in ("on_track", "at_risk", "slipped")] == [
            data["on_track"],
            data["at_risk"],
            data["slipped"],
        ]


def test_the_imported_history_has_the_same_figures_everywhere(db: None) -> None:
    for product in PRODUCTS:
        call_command("import_releases", str(DATA / f"{product}_releases.csv"), stdout=io.StringIO())
        call_command("import_schedule_changes", str(DATA / f"{product}_schedule_changes.csv"), stdout=io.StringIO())
    otto = make_person("otto", "Otto")
    client = client_of(otto)
    for query in ("state=recorded", "state=recorded&product=cpython", "state=recorded&sort=-slip"):
        data = figures_of(otto, query).as_data()
        rows = list(csv.DictReader(io.StringIO(b"".join(client.get(f"/portfolio/export.csv?{query}")).decode())))
        assert len(rows) == data["releases"] > 1
        for column, name in (("slipped", "slipped"), ("slip days", "slip_days"), ("missed", "missed"),
                             ("missed days", "missed_days")):  # fmt: skip
            assert sum(int(row[column]) for row in rows) == data[name]
        assert client.get(f"/portfolio/?{query}").context["board"].as_data() == data
        assert len(b"".join(client.get(f"/portfolio/export.xlsx?{query}"))) > 4000


def test_what_does_not_exist_is_not_found_and_nonsense_is_no_filter(helen: User) -> None:
    client = client_of(helen)
    for address in ("/portfolio/nothing/", "/portfolio/nothing/export.csv", "/portfolio/charts/nothing.svg",
                    "/portfolio/gates/export.pdf", "/portfolio/export.exe"):  # fmt: skip
        assert client.get(address).status_code == 404
    everything = count_at(client, "/portfolio/slips/")
    for query in ("month=x", "month=2026-13", "cause=x", "result=x", "within=x"):
        assert count_at(client, f"/portfolio/slips/?{query}") == everything
    assert client.get("/portfolio/gates/?key=%00").status_code == 400


def test_a_chart_is_a_drawing_that_stands_alone(helen: User) -> None:
    response = client_of(helen).get("/portfolio/charts/on-time.svg?state=all")
    assert response["Content-Type"] == "image/svg+xml"
    assert re.fullmatch(r'attachment; filename="on-time-\d{4}-\d\d-\d\d\.svg"', response["Content-Disposition"])
    drawn = response.content.decode()
    assert drawn.startswith("<svg xmlns=")
    assert "On time by gate" in drawn
    assert "<a " not in drawn
    assert "var(--surface)" not in drawn


def test_a_decision_takes_the_median_of_its_rounds(helen: User) -> None:
    found = figures_of(helen, "")
    assert found.decision_time is not None
    spans = sorted(
        row.ended_at - row.submitted_at
        for row in Submission.objects.filter(
            gate__release__in=found.whole, state__in=["approved", "declined"],
            ended_at__gte=found.now - timedelta(days=90),
        )
        if row.ended_at is not None
    )  # fmt: skip
    count = len(spans)
    assert found.decision_time.rounds == count
    exact = (spans[(count - 1) // 2] + spans[count // 2]) / 2
    assert timedelta() <= exact - found.decision_time.median < timedelta(minutes=1)


# --- Pure ---------------------------------------------------------------------------------------------------------


def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed() -> None:
    assert percentile({3: 1, 5: 1, 9: 2}, 0.5) == 5
    assert percentile({3: 1, 5: 1, 9: 2}, 0.85) == 9
    assert percentile({7: 4}, 0.5) == 7
    assert percentile({}, 0.5) == 0


def test_a_quarter_has_three_months_and_eight_of_them_are_offered() -> None:
    today = day_of(timezone.now())
    quarters = quarters_around(today)
    assert len(quarters) == 8
    first, after = quarter_days("2026-q4")
    assert (first.isoformat(), after.isoformat()) == ("2026-10-01", "2027-01-01")
    assert any(quarter_days(one)[0] <= today < quarter_days(one)[1] for one in quarters)
