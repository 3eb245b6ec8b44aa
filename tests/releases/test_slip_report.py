"""The slip report: the figures of recorded releases, against figures worked out on the spot."""

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError

from tests.cast import Cast, active_release
from tests.releases.history_files import DATA, PRODUCTS, load, milestone

pytestmark = pytest.mark.django_db

REAL_DATA = Path(os.environ.get("GATEKEEPER_DATA") or settings.BASE_DIR.parent / "shared" / "data")
HAS_REAL_DATA = (REAL_DATA / "slips.py").exists()
FIGURES = ("milestones", "comparable", "slipped", "slip_days", "missed", "missed_days")


def report(**options: str) -> list[dict[str, Any]]:
    out = io.StringIO()
    call_command("slip_report", format="json", stdout=out, **options)
    return json.loads(out.getvalue())


def expected(path: Path) -> Iterator[dict[str, Any]]:
    """The same figures from the file alone, by other means."""

    def days(row: dict[str, str], plan: str) -> int | None:
        if not row[plan] or not row["actual_date"]:
            return None
        return date.fromisoformat(row["actual_date"]).toordinal() - date.fromisoformat(row[plan]).toordinal()

    rows = list(csv.DictReader(path.open(newline="")))
    for product, release in dict.fromkeys((row["product"], row["release"]) for row in rows):
        mine = [row for row in rows if (row["product"], row["release"]) == (product, release)]
        base = [n for row in mine if (n := days(row, "planned_date_baseline")) is not None]
        plan = [n for row in mine if (n := days(row, "planned_date_current")) is not None]
        late, late_for_plan = [n for n in base if n > 0], [n for n in plan if n > 0]
        counts = (len(mine), len(base), len(late), sum(late), len(late_for_plan), sum(late_for_plan))
        yield {"product": product, "release": release, **dict(zip(FIGURES, counts, strict=True))}


def sums(rows: list[dict[str, Any]]) -> tuple[int, ...]:
    return tuple(sum(row[name] for row in rows) for name in FIGURES)


@pytest.mark.parametrize("product", PRODUCTS)
def test_the_figures_are_those_of_the_file_with_and_without_changes(product: str) -> None:
    call_command("import_releases", str(DATA / f"{product}_releases.csv"))
    wanted = list(expected(DATA / f"{product}_releases.csv"))
    assert report() == wanted
    call_command("import_schedule_changes", str(DATA / f"{product}_schedule_changes.csv"))
    assert report(product=PRODUCTS[product]) == wanted


def test_each_figure_by_hand() -> None:
    load(
        milestone(1, "late for both", "2020-01-01", "2020-01-05", "2020-01-11"),
        milestone(2, "late for the baseline", "2020-01-01", "2020-01-05", "2020-01-05"),
        milestone(3, "early", "2020-01-10", "2020-01-10", "2020-01-01"),
        milestone(4, "late for the plan alone", "2020-01-20", "2020-01-10", "2020-01-12"),
        milestone(5, "without a baseline", None, "2020-01-10", "2020-01-11"),
        milestone(6, "without a plan", "2020-01-10", None, "2020-01-11"),
        milestone(7, "not recorded", "2020-01-01", "2020-01-01"),
        milestone(8, "without any date"),
    )
    assert report() == [
        {"product": "Kernel", "release": "1.0", "milestones": 8, "comparable": 5, "slipped": 3, "slip_days": 15,
         "missed": 3, "missed_days": 9},
    ]  # fmt: skip


def test_running_releases_are_not_in_it(cast: Cast) -> None:
    active_release(cast)
    assert report() == []
    with pytest.raises(CommandError, match="No recorded release of a product called Router"):
        report(product="Router")


def test_one_product_by_its_name_or_short_name() -> None:
    load(milestone(1, "final", product="Big Kernel"), milestone(1, "final", product="Other"))
    assert [row["product"] for row in report(product="Big Kernel")] == ["Big Kernel"]
    assert report(product="big-kernel") == report(product="big kernel") == report(product="Big Kernel")
    assert [row["product"] for row in report()] == ["Big Kernel", "Other"]


def test_releases_come_in_the_order_of_their_versions() -> None:
    load(*(milestone(1, "final", release=version) for version in ("1.10", "1.9", "2.0-rc", "1.9.1", "2.0")))
    assert [row["release"] for row in report()] == ["1.9", "1.9.1", "1.10", "2.0", "2.0-rc"]


def test_csv_has_the_rows_and_no_totals(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("import_releases", str(DATA / "python_releases.csv"))
    capsys.readouterr()
    call_command("slip_report", format="csv")
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert rows == [{name: str(value) for name, value in row.items()} for row in report()]
    assert len(rows) == 3


def test_the_table_has_totals(capsys: pytest.CaptureFixture[str]) -> None:
    for product in PRODUCTS:
        call_command("import_releases", str(DATA / f"{product}_releases.csv"))
    capsys.readouterr()
    call_command("slip_report")
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert " ".join(lines[0]) == "product release milestones comparable slipped slip days missed missed days"
    assert len(lines) == 1 + 6 + 3
    cpython = [row for row in report() if row["product"] == "CPython"]
    assert lines[4] == ["CPython", "all", *map(str, sums(cpython))]
    assert lines[-1] == ["All", *map(str, sums(report()))]


def test_without_history_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("slip_report")
    assert capsys.readouterr().out == "No recorded releases.\n"
    assert report() == []


@pytest.mark.skipif(not HAS_REAL_DATA, reason="the full schedule histories are not here (GATEKEEPER_DATA names them)")
@pytest.mark.parametrize(
    ("product", "slipped", "missed"),
    [("kubernetes", (73, 467), (55, 138)), ("python", (130, 2206), (90, 248))],
)
def test_the_full_histories_give_the_figures_of_their_own_computation(
    tmp_path: Path, product: str, slipped: tuple[int, int], missed: tuple[int, int]
) -> None:
    subprocess.run(
        [sys.executable, str(REAL_DATA / "slips.py"), "--json", str(tmp_path / "slips.json")],
        check=True, capture_output=True, timeout=180, env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    computed = json.loads((tmp_path / "slips.json").read_text())[f"{product}_releases.csv"]
    by_release = {(row["product"], row["release"]): row for row in computed["by_release"]}
    call_command("import_releases", str(REAL_DATA / f"{product}_releases.csv"))
    for is_loaded in (False, True):
        if is_loaded:
            call_command("import_schedule_changes", str(REAL_DATA / f"{product}_schedule_changes.csv"))
        rows = report()
        assert rows == list(expected(REAL_DATA / f"{product}_releases.csv"))
        assert {(row["product"], row["release"]) for row in rows} == set(by_release)
        for row in rows:
            wanted = by_release[row["product"], row["release"]]
            assert {name: row[name] for name in wanted} == wanted
        totals = dict(zip(FIGURES, sums(rows), strict=True))
        assert (totals["slipped"], totals["slip_days"]) == slipped
        assert (totals["missed"], totals["missed_days"]) == missed
        assert (totals["slipped"], totals["slip_days"]) == (computed["slipped"], computed["slip_days"])
        assert (totals["missed"], totals["missed_days"]) == (
            computed["vs_current_slipped"], computed["vs_current_slip_days"],
        )  # fmt: skip
