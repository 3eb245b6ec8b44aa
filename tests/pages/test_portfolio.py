"""The portfolio: what it counts, shows, filters, hides and exports, and what that costs."""

import csv
import gzip
import io
import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from approvals.actions.decisions import NewCondition
from approvals.pages.rows import health_of
from gatekeeper.accounts.models import User
from gatekeeper.common.calendars import day_of
from gatekeeper.common.once import remembering
from gatekeeper.dashboard.queries.filters import read_filters
from gatekeeper.dashboard.queries.portfolio import Portfolio
from measures.health import health_then
from releases.actions.products import change_product, create_product, save_product_line
from releases.actions.releases import activate_release, cancel_release, create_release, hold_release
from releases.actions.replan import replan_release
from releases.actions.slips import record_all_misses
from releases.models import Product, Release
from releases.reports import slip_figures
from tests.cast import (
    COMPLETENESS,
    MARKET,
    Cast,
    active_release,
    approve,
    at,
    day,
    decline,
    draft_release,
    gate_of,
    make_person,
    make_playbook,
    nothing_changes,
    pass_gate,
    submit,
    waive,
)
from tests.pages.stories import client_of, days_ago, release_of_today, text_of
from tests.releases.history_files import DATA, PRODUCTS, load, milestone

pytestmark = pytest.mark.django_db

TILES = ("On track", "At risk", "Slipped")


def portfolio(person: User, query: str = "") -> Any:
    response = client_of(person).get(f"/portfolio/{query}")
    assert response.status_code == 200
    return response


def releases_in(response: Any) -> list[str]:
    """The rows, as they are read."""
    found = re.findall(r'<th scope="row"><a href="([^"]+)">', response.content.decode())
    return [address.split("/")[3] for address in found]


def tiles(response: Any) -> dict[str, tuple[int, str]]:
    """Label → (count, address) of the tiles that lead to rows."""
    found = re.findall(
        r'<a class="kpi t-\w+" href="([^"]*)".*?</svg>([^<]+)</span><span class="kpi-value">(\d+)',
        response.content.decode(),
    )
    return {label: (int(count), address.replace("&amp;", "&")) for address, label, count in found}


def cells_of(response: Any, version: str) -> list[str]:
    """The accessible names of a release's gates."""
    page = response.content.decode()
    return re.findall(rf'href="/releases/[a-z-]+/{re.escape(version)}/gates/[^"]+" aria-label="([^"]+)"', page)


def today() -> date:
    return day_of(timezone.now())


def short(on: date) -> str:
    """A day with its weekday and year, as the pages write it."""
    return f"{on:%a} {on.day} {on:%b %Y}"


# --- Figures and rows ---------------------------------------------------------------------------------------------


def scene(cast: Cast) -> None:
    """On track 1.0 and 1.1, at risk 2.0, slipped 3.0 (missed) and 3.1 (re-planned), a draft, and three that ended."""
    release_of_today(cast, "1.0")
    release_of_today(cast, "1.1", target=120)
    release_of_today(cast, "2.0", began=27)
    release_of_today(cast, "3.0", began=35)
    late = release_of_today(cast, "3.1")
    replan_release(
        release_id=late.pk,
        actor=cast.pm,
        dates={"target": late.target_on + timedelta(days=14)},
        reason="More time for the tests",
        pins={},
        clock=at(days_ago(0)),
    )
    draft_release(cast, "4.0", target=days_ago(0) + 200, on=days_ago(1))
    held = release_of_today(cast, "5.0")
    hold_release(
        release_id=held.pk, actor=cast.pm, reason="Strategy", resume_by=day(days_ago(-10)), clock=at(days_ago(0))
    )
    cancelled = release_of_today(cast, "6.0")
    cancel_release(release_id=cancelled.pk, actor=cast.pm, reason="No market", clock=at(days_ago(0)))
    record_all_misses(today(), clock=at(days_ago(0)))


def test_the_figures_are_the_rows_they_lead_to(cast: Cast) -> None:
    scene(cast)
    found = tiles(portfolio(cast.outsider))
    figures = {"On track": 2, "At risk": 1, "Slipped": 2, "Late conditions": 0, "Waivers in force": 0}
    assert {label: count for label, (count, _address) in found.items()} == figures
    for label in TILES:
        count, address = found[label]
        rows = portfolio(cast.outsider, address)
        assert len(releases_in(rows)) == count
        # the figures stay a choice while one of them is taken
        assert {one: n for one, (n, _address) in tiles(rows).items()} == figures
        assert rows.context["board"].figures.total == count


def test_each_row_says_its_health_as_the_rule_does(cast: Cast) -> None:
    scene(cast)
    response = portfolio(cast.outsider, "?state=all")
    rows = {row.release.version: row for group in response.context["board"].groups for row in group.rows}
    assert len(rows) == 8
    for row in rows.values():
        names = {cell[0]: cell[1] for cell in row.release.board}
        assert row.health == health_of(row.release, today(), names.get(row.release.current_gate, ""))
        assert row.health.value == row.release.health_value
    assert "The target is 14 days after the baseline" in text_of(response)


def test_ended_releases_are_shown_when_asked_for(cast: Cast) -> None:
    scene(cast)
    assert "6.0" not in releases_in(portfolio(cast.outsider))
    assert releases_in(portfolio(cast.outsider, "?state=cancelled")) == ["6.0"]
    assert releases_in(portfolio(cast.outsider, "?state=on_hold")) == ["5.0"]
    assert releases_in(portfolio(cast.outsider, "?state=draft")) == ["4.0"]


# --- Cells --------------------------------------------------------------------------------------------------------


def test_every_cell_says_its_gate_state_and_date(cast: Cast) -> None:
    release = release_of_today(cast)
    pass_gate(cast, gate_of(release, MARKET), on=days_ago(3))
    names = cells_of(portfolio(cast.outsider), "1.0")
    due = gate_of(release, COMPLETENESS).due_on
    assert names == [
        f"Market: Approved {short(day(days_ago(3)))}",
        f"Complete: Preparing, due {short(due)}",
        f"Ready: Not started, due {short(gate_of(release, 'release-readiness').due_on)}",
        f"6 months: Not started, due {short(gate_of(release, 'six-month-assessment').due_on)}",
    ]


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (lambda cast, gate: None, "Late, 5 days, preparing"),
        (lambda cast, gate: submit(cast, gate, on=days_ago(6)), "Late, 5 days, waiting for decision"),
        (
            lambda cast, gate: (submit(cast, gate, on=days_ago(7)), decline(cast, gate, "engineering", on=days_ago(6))),
            "Late, 5 days, declined",
        ),
    ],
)
def test_a_late_gate_says_by_how_much_and_in_which_state(
    cast: Cast, prepare: Callable[[Cast, Any], Any], words: str
) -> None:
    """From the due date and today, whether or not the sweep has come by."""
    release = release_of_today(cast, began=35)
    prepare(cast, gate_of(release, MARKET))
    response = portfolio(cast.outsider)
    assert cells_of(response, "1.0")[0] == f"Market: {words}"
    assert "5 d late" in text_of(response)


def test_a_gate_due_today_is_not_late(cast: Cast) -> None:
    release_of_today(cast, began=30)
    assert cells_of(portfolio(cast.outsider), "1.0")[0] == f"Market: Preparing, due {short(today())}"


def test_conditions_and_waivers_have_their_own_marks(cast: Cast) -> None:
    release = release_of_today(cast)
    gate = gate_of(release, MARKET)
    submit(cast, gate, on=days_ago(4))
    condition = NewCondition("Name the buyers", cast.pm, day(days_ago(-30)))
    approve(cast, gate, "engineering", on=days_ago(3), comment="Nearly.", conditions=(condition,))
    approve(cast, gate, "sales", on=days_ago(3))
    waive(cast, gate_of(release, COMPLETENESS), on=days_ago(2), until=days_ago(-60))
    names = cells_of(portfolio(cast.outsider), "1.0")
    assert names[0] == f"Market: Approved with conditions {short(day(days_ago(3)))}"
    assert names[1] == f"Complete: Waived {short(day(days_ago(2)))}"
    assert "Waivers in force 1 gate" in text_of(portfolio(cast.outsider))


def test_a_draft_says_that_it_has_no_dates_yet(cast: Cast) -> None:
    draft_release(cast, "2.0", target=days_ago(0) + 200, on=days_ago(1))
    response = portfolio(cast.outsider)
    assert releases_in(response) == ["2.0"]
    assert "Its gates are dated when it is activated" in text_of(response)


def test_one_playbook_names_the_columns_and_several_number_them(cast: Cast) -> None:
    release_of_today(cast, "1.0")
    assert "Gate 2 Complete" in text_of(portfolio(cast.outsider))
    other = make_playbook(
        {"slug": "two", "name": "Two gates", "gates": [
            {"key": "start", "name": "Start", "offset_days": -20, "roles": [{"key": "engineering", "name": "E"}]},
            {"key": "end", "name": "End", "offset_days": 0, "roles": [{"key": "engineering", "name": "E"}]},
        ]}
    )  # fmt: skip
    active_release(cast, "9.0", target=days_ago(0) + 60, playbook=other, on=days_ago(0))
    response = portfolio(cast.outsider)
    heads = re.findall(r'<th scope="col">(Gate \d)</th>', response.content.decode())
    assert heads == ["Gate 1", "Gate 2", "Gate 3", "Gate 4"]
    assert [name.split(":")[0] for name in cells_of(response, "9.0")] == ["Start", "End"]
    assert 'title="Start: Preparing' in response.content.decode()


# --- Filters ------------------------------------------------------------------------------------------------------


def other_product(cast: Cast, name: str = "Switch", line: str = "Access", *, restricted: bool = False) -> Product:
    return create_product(
        name=name,
        line=save_product_line(name=line, actor=None),
        owner=cast.second_pm,
        actor=cast.administrator,
        is_restricted=restricted,
        clock=at(0),
    )


def release_of(cast: Cast, product: Product, version: str, *, target: int = 90) -> Release:
    start = days_ago(0)
    draft = create_release(
        product=product, version=version, target_on=day(start + target), playbook=cast.playbook,
        actor=cast.second_pm, name="Wireless", clock=at(start),
    )  # fmt: skip
    return activate_release(release_id=draft.pk, actor=cast.second_pm, clock=at(start))


@pytest.mark.parametrize(
    ("query", "versions"),
    [
        ("?line=access", ["7.0"]),
        ("?product=router", ["1.0", "2.0"]),
        ("?pm=quinn", ["7.0"]),
        ("?q=wireless", ["7.0"]),
        ("?q=router+2", ["2.0"]),
        ("?gate=late", ["2.0"]),
        ("?gate=preparing", ["7.0"]),
        ("?gate=waiting", ["1.0"]),
        ("?target=3-months", ["2.0", "1.0"]),
        ("?target=12-months", ["7.0", "1.0", "2.0"]),
        ("?target=past", []),
        ("?line=access&product=router", []),
        ("?sort=-name", ["7.0", "2.0", "1.0"]),
        ("?sort=target", ["7.0", "2.0", "1.0"]),
    ],
)
def test_filters_in_the_address_narrow_the_rows(cast: Cast, query: str, versions: list[str]) -> None:
    first = release_of_today(cast, "1.0")
    submit(cast, gate_of(first, MARKET), on=days_ago(2))
    release_of_today(cast, "2.0", began=35)
    release_of(cast, other_product(cast), "7.0", target=200)
    found = releases_in(portfolio(cast.outsider, query))
    assert found == versions if "sort" in query else sorted(found) == sorted(versions)


def test_my_own_releases_are_one_address(cast: Cast) -> None:
    release_of_today(cast, "1.0")
    release_of(cast, other_product(cast), "7.0")
    assert releases_in(portfolio(cast.pm, "?pm=me")) == ["1.0"]
    assert releases_in(portfolio(cast.second_pm, "?pm=me")) == ["7.0"]


def test_a_filter_that_is_on_can_be_taken_away(cast: Cast) -> None:
    release_of_today(cast)
    page = portfolio(cast.outsider, "?health=on_track&q=router&page=1").content.decode()
    assert re.search(r'<a class="chip on" href="\?q=router">Health: <b>On track</b>', page)
    assert re.search(r'<a class="chip on" href="\?health=on_track">Text: <b>router</b>', page)
    empty = portfolio(cast.outsider, "?q=nothing")
    assert "No release fits these filters" in text_of(empty)
    assert "Clear filters" in text_of(empty)


def test_an_empty_portfolio_still_leads_to_the_releases_that_ended(cast: Cast) -> None:
    cancelled = release_of_today(cast)
    cancel_release(release_id=cancelled.pk, actor=cast.pm, reason="No market", clock=at(days_ago(0)))
    response = portfolio(cast.outsider)
    assert "No release is on its way" in text_of(response)
    assert 'href="?state=cancelled"' in response.content.decode()


@pytest.mark.parametrize(
    "query",
    [
        "?health=broken", "?state=x", "?gate=x", "?target=x", "?group=x", "?sort=password", "?sort=-owner__password",
        "?sort=--name", "?page=-1", "?page=x", "?page=99999999999999999999", "?owner__password=x", "?_connector=OR",
        "?q=" + "x" * 5000, "?product=%27%20OR%201=1", "?health=", "?q=%F0%9F%92%A9",
    ],
)  # fmt: skip
def test_nonsense_in_the_address_is_no_filter_and_no_error(cast: Cast, query: str) -> None:
    release_of_today(cast)
    with nothing_changes():
        response = client_of(cast.outsider).get(f"/portfolio/{query}")
    assert response.status_code == 200


@pytest.mark.parametrize("query", ["?q=%00", "?line=%00", "?pm=%00"])
def test_what_no_database_takes_is_refused(cast: Cast, query: str) -> None:
    assert client_of(cast.outsider).get(f"/portfolio/{query}").status_code == 400


def test_rows_stand_in_groups_with_their_whole_size(cast: Cast) -> None:
    for number in range(3):
        release_of_today(cast, f"1.{number}")
    release_of(cast, other_product(cast), "7.0")

    def groups(query: str) -> list[tuple[str, str]]:
        return [(group.title, group.note) for group in portfolio(cast.outsider, query).context["board"].groups]

    assert groups("") == [("Access", "1 product · 1 release"), ("Networks", "1 product · 3 releases")]
    assert groups("?group=pm") == [
        ("Petra Manager", "1 product · 3 releases"),
        ("Quinn Manager", "1 product · 1 release"),
    ]
    by_target = groups("?group=target")
    assert sum(int(note.split(" · ")[1].split()[0]) for _title, note in by_target) == 4
    assert all(re.fullmatch(r"[A-Z][a-z]{2} 20\d\d", title) for title, _note in by_target)


def test_pages_follow_each_other_without_gap_or_overlap(cast: Cast) -> None:
    for number in range(53):
        draft_release(cast, f"1.{number}", target=days_ago(0) + 200, on=days_ago(1))
    pages = [portfolio(cast.outsider, f"?page={page}&sort=target") for page in (1, 2)]
    rows = [releases_in(page) for page in pages]
    assert [len(found) for found in rows] == [50, 3]
    assert len({*rows[0], *rows[1]}) == 53
    assert "1 to 50 of 53" in text_of(pages[0])
    # the group's size is that of the whole set, not of the page
    assert pages[1].context["board"].groups[0].note == "1 product · 53 releases"


# --- Recorded history ---------------------------------------------------------------------------------------------


def test_recorded_history_has_the_figures_of_the_slip_report(db: None) -> None:
    for product in PRODUCTS:
        call_command("import_releases", str(DATA / f"{product}_releases.csv"), stdout=io.StringIO())
        call_command("import_schedule_changes", str(DATA / f"{product}_schedule_changes.csv"), stdout=io.StringIO())
    wanted = {(one.product, one.release): one for one in slip_figures()}
    response = portfolio(make_person("otto", "Otto"), "?state=recorded")
    board = response.context["board"]
    rows = [row for group in board.groups for row in group.rows]
    assert len(rows) == len(wanted) > 4
    for row in rows:
        one = wanted[row.release.product.name, row.release.version]
        assert (row.milestones, row.slipped, row.slip_days, row.missed, row.missed_days) == (
            one.milestones, one.slipped, one.slip_days, one.missed, one.missed_days,
        )  # fmt: skip
    assert board.history_figures == {
        name: sum(getattr(one, name) for one in wanted.values())
        for name in ("slipped", "slip_days", "missed", "missed_days")
    }


def test_recorded_releases_have_a_table_of_their_own(cast: Cast) -> None:
    release_of_today(cast, "1.0")
    load(
        milestone(1, "alpha", "2020-01-01", "2020-02-01", "2020-02-03"),
        milestone(2, "beta", "2020-03-01", "2020-03-01", None),
        milestone(3, "final", "2020-04-01", "2020-05-01", "2020-05-01"),
    )
    assert releases_in(portfolio(cast.outsider)) == ["1.0"]
    response = portfolio(cast.outsider, "?state=recorded")
    assert "Kernel 1.0 2 of 3 2 63 1 2 1 May 20 1 May 20 +30 days" in text_of(response)
    rows = rows_of(exported(client_of(cast.outsider), "?state=recorded"))
    (row,) = rows
    assert (row["milestones"], row["recorded"], row["slipped"], row["slip days"]) == ("3", "2", "2", "63")
    assert (row["missed"], row["missed days"], row["release slip days"]) == ("1", "2", "30")


# --- Who sees what ------------------------------------------------------------------------------------------------


def test_a_hidden_product_is_in_no_row_figure_menu_or_export(cast: Cast) -> None:
    release_of_today(cast, "1.0")
    secret = other_product(cast, "Vault", "Secrets", restricted=True)
    release_of(cast, secret, "7.0")
    for query in ("", "?q=vault", "?product=vault", "?line=secrets", "?state=all"):
        response = portfolio(cast.outsider, query)
        page = response.content.decode().replace(query[1:], "")
        assert "7.0" not in releases_in(response)
        for word in ("Vault", "Secrets", "Quinn"):
            assert word not in page, query
    assert sum(count for count, _address in tiles(portfolio(cast.outsider)).values()) == 1
    assert "Vault" not in exported(client_of(cast.outsider))
    for person in (cast.second_pm, cast.executive, cast.administrator):
        assert "7.0" in releases_in(portfolio(person))
        assert "Vault" in exported(client_of(person))


def test_the_same_product_is_hidden_from_the_moment_on(cast: Cast) -> None:
    release_of_today(cast, "1.0")
    assert releases_in(portfolio(cast.outsider)) == ["1.0"]
    change_product(
        product=cast.product, name="Router", description="", owner=cast.pm, is_restricted=True,
        actor=cast.administrator, clock=at(days_ago(0)),
    )  # fmt: skip
    assert releases_in(portfolio(cast.outsider)) == []
    assert releases_in(portfolio(cast.pm)) == ["1.0"]


def test_who_is_not_signed_in_sees_nothing(cast: Cast) -> None:
    for address in ("/portfolio/", "/portfolio/export.csv"):
        assert Client().get(address)["Location"].startswith("/sign-in/?next=")


# --- What it costs ------------------------------------------------------------------------------------------------


def fill(cast: Cast, first: int, last: int) -> None:
    """Releases of as many products, lines and PMs."""
    for number in range(first, last):
        owner = make_person(f"pm{number}", f"Manager {number}")
        product = create_product(
            name=f"Product {number}",
            line=save_product_line(name=f"Line {number}", actor=None),
            owner=owner,
            actor=cast.administrator,
        )
        start = days_ago(0)
        draft = create_release(
            product=product, version="1.0", target_on=day(start + 90 + number), playbook=cast.playbook, actor=owner,
            clock=at(start),
        )  # fmt: skip
        activate_release(release_id=draft.pk, actor=owner, clock=at(start))


def queries(client: Client, address: str) -> int:
    client.get(address)
    with CaptureQueriesContext(connection) as found:
        response = client.get(address)
        b"".join(response) if response.streaming else response.content
    assert response.status_code == 200
    return len(found)


def test_a_dozen_releases_cost_as_many_queries_as_three(cast: Cast) -> None:
    addresses = ["/portfolio/", "/portfolio/?group=pm", "/portfolio/?group=target", "/portfolio/export.csv"]
    clients = [client_of(cast.outsider), client_of(cast.executive)]
    fill(cast, 0, 3)
    few = [queries(client, address) for client in clients for address in addresses]
    fill(cast, 3, 12)
    assert [queries(client, address) for client in clients for address in addresses] == few


@pytest.mark.parametrize("query", ["", "?group=target&health=on_track", "?state=recorded"])
def test_what_the_table_the_tiles_and_the_charts_ask_is_counted(
    cast: Cast, query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside what the frame of every page asks: the session, the person, permissions, counts."""
    fill(cast, 0, 3)
    person = User.objects.get(pk=cast.outsider.pk)
    person.has_perm("releases.administer")  # the frame asks too, and the person remembers
    filters = read_filters(dict(part.split("=") for part in query[1:].split("&") if part))
    board = Portfolio(person, filters, timezone.now(), today())
    with remembering():
        with CaptureQueriesContext(connection) as asked, monkeypatch.context() as patched:
            for module in ("portfolio", "figures"):  # the trends are counted below
                patched.setattr(f"gatekeeper.dashboard.queries.{module}.health_then", lambda rows, day: {})
            _table = (board.figures, board.groups, board.menus)
        # with the organisation's calendar, and the columns that the trends need
        assert len(asked) <= (6 if filters.is_history else 8)
        with CaptureQueriesContext(connection) as asked:
            _figures = board.history_figures if filters.is_history else board.as_data()
        assert len(asked) <= 6
        if not filters.is_history:
            with CaptureQueriesContext(connection) as asked:
                _then = (health_then(board.releases, board.then), board.decision_change, board.late_change)
            assert len(asked) <= 6


def test_a_hundred_releases_stay_within_the_budget_of_bytes(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gatekeeper.dashboard.queries.portfolio.PER_PAGE", 100)
    fill(cast, 0, 20)
    # the same rows under other names: a hundred through the actions would take a minute
    for release in list(Release.objects.all()):
        for copy in range(2, 6):
            release.pk, release.version = None, f"{copy}.0"
            release.save(force_insert=True)
    response = portfolio(cast.outsider)
    assert len(releases_in(response)) == 100
    assert len(gzip.compress(response.content, 6)) <= 25_000


# --- CSV ----------------------------------------------------------------------------------------------------------


def exported(client: Client, query: str = "") -> str:
    response = client.get(f"/portfolio/export.csv{query}")
    assert response.status_code == 200
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert re.fullmatch(r'attachment; filename="portfolio-\d{4}-\d\d-\d\d\.csv"', response["Content-Disposition"])
    return b"".join(response).decode()


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_the_export_is_the_filtered_set_with_every_gate(cast: Cast) -> None:
    release = release_of_today(cast, "1.0")
    pass_gate(cast, gate_of(release, MARKET), on=days_ago(3))
    release_of_today(cast, "2.0", began=35)
    draft_release(cast, "3.0", target=days_ago(0) + 200, on=days_ago(1))
    client = client_of(cast.outsider)
    rows = rows_of(exported(client))
    assert [row["version"] for row in rows] == ["2.0", "1.0", "3.0"]
    late, done, draft = rows
    assert (done["product line"], done["product"], done["product manager"]) == ("Networks", "Router", "Petra Manager")
    assert (done["Market Opportunity state"], done["Market Opportunity decided"]) == (
        "approved",
        day(days_ago(3)).isoformat(),
    )
    assert (done["current gate"], done["baseline"], done["slip days"]) == (
        COMPLETENESS,
        release.target_on.isoformat(),
        "0",
    )
    assert (draft["state"], draft["Market Opportunity state"], draft["baseline"]) == ("draft", "", "")
    assert late["current gate due"] == day(days_ago(5)).isoformat()
    assert [row["version"] for row in rows_of(exported(client, "?gate=late"))] == ["2.0"]
    assert "CSV3 rows" in text_of(client.get("/portfolio/")).replace(" 3", "3")


def test_the_export_has_every_row_however_many_pages(cast: Cast) -> None:
    for number in range(55):
        draft_release(cast, f"1.{number}", target=days_ago(0) + 200, on=days_ago(1))
    assert len(rows_of(exported(client_of(cast.outsider), "?page=2"))) == 55


def test_a_formula_in_a_theme_is_harmless_in_the_file(cast: Cast) -> None:
    create_release(
        product=cast.product, version="1.0", target_on=day(days_ago(0) + 200), playbook=cast.playbook, actor=cast.pm,
        name='=HYPERLINK("http://evil.example","x")', clock=at(days_ago(0)),
    )  # fmt: skip
    (row,) = rows_of(exported(client_of(cast.outsider)))
    assert row["theme"] == '\'=HYPERLINK("http://evil.example","x")'
