"""The forecast on recorded releases: nothing is known before its day, and the promise of the P85 is kept."""

import io
import json
from datetime import date
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from measures.backtest import backtest
from measures.histories import delays, histories, intervals
from releases.models import DateMove, Gate, Product
from tests.releases.history_files import DATA, PRODUCTS, change, load, load_changes, milestone
from tests.releases.test_slip_report import HAS_REAL_DATA, REAL_DATA

pytestmark = pytest.mark.django_db


def report(**options: str) -> dict[str, Any]:
    out = io.StringIO()
    call_command("backtest_forecast", format="json", stdout=out, stderr=io.StringIO(), **options)
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


def test_intervals_and_delays_are_measured_against_the_plan_of_that_day() -> None:
    load(
        milestone(1, "alpha", "2020-01-10", "2020-01-10", "2020-01-10"),
        milestone(2, "beta", "2020-01-20", "2020-01-30", "2020-02-02"),
        milestone(3, "final", "2020-02-10", "2020-02-10", "2020-02-11"),
    )
    load_changes(
        change("beta", "2020-01-12", "2020-01-20", "2020-01-25"),
        change("beta", "2020-01-26", "2020-01-25", "2020-01-30"),
    )
    line = Product.objects.get().line_id
    with CaptureQueriesContext(connection) as queries:
        found = histories(line)
    assert len(queries) == 2
    # from alpha's day the beta was planned in 10 days; the changes came later
    assert [(one.gate, one.planned, one.actual) for one in intervals(found)] == [("beta", 10, 23), ("final", 8, 9)]
    assert [(one.late, one.next_late, one.known_on) for one in delays(found)] == [(13, 1, date(2020, 2, 11))]


def test_a_milestone_that_was_overtaken_holds_up_nothing() -> None:
    load(
        milestone(1, "alpha", "2020-01-10", None, "2020-01-10"),
        milestone(2, "notes", "2020-01-15"),
        milestone(3, "beta", "2020-01-20", None, "2020-01-20"),
        milestone(4, "final", "2020-02-10", None, "2020-02-10"),
    )
    [last] = [one for one in backtest(Product.objects.get()) if one.on == date(2020, 1, 20)]
    assert (last.gate, last.p50_on) == ("final", date(2020, 2, 10))


def test_nothing_is_known_before_its_day() -> None:
    """Whatever happens or is re-planned after a day, the forecasts of that day and before stay the same."""
    for product in PRODUCTS:
        call_command("import_releases", str(DATA / f"{product}_releases.csv"), verbosity=0)
        call_command("import_schedule_changes", str(DATA / f"{product}_schedule_changes.csv"), verbosity=0)
    for product in Product.objects.all():
        before = backtest(product)
        middle = sorted(trial.on for trial in before)[len(before) // 2]
        rows = Gate.objects.filter(release__product=product, decided_on__gt=middle)
        assert rows.exists()
        for gate in rows:
            Gate.objects.filter(pk=gate.pk).update(decided_on=date(2040, 1, 1))
        DateMove.objects.filter(release__product=product, effective_on__gt=middle).update(to_on=date(2041, 1, 1))
        after = {(t.release, t.gate, t.on): t for t in backtest(product)}
        early = [trial for trial in before if trial.on <= middle]
        assert len(early) >= 10
        for trial in early:
            again = after[trial.release, trial.gate, trial.on]
            assert (again.p50_on, again.p85_on, again.due_on) == (trial.p50_on, trial.p85_on, trial.due_on)
        Gate.objects.filter(release__product=product).update(decided_on=None)


@pytest.mark.skipif(not HAS_REAL_DATA, reason=f"the full histories are not here ({REAL_DATA})")
@pytest.mark.slow
def test_the_full_histories_keep_the_promise_and_beat_the_plan() -> None:
    for product in PRODUCTS:
        call_command("import_releases", str(REAL_DATA / f"{product}_releases.csv"), verbosity=0)
        call_command("import_schedule_changes", str(REAL_DATA / f"{product}_schedule_changes.csv"), verbosity=0)
    found = report()
    assert set(found["by_product"]) == set(PRODUCTS.values())
    assert found["p50"]["n"] == sum(one["p50"]["n"] for one in found["by_product"].values()) > 2000
    for name, one in found["by_product"].items():
        assert one["p85"]["coverage"] >= 0.80, name
        assert one["p50"]["coverage"] >= 0.50, name
        for share in ("p50", "p85"):
            assert one[share]["loss"] < one[share]["plan_loss"], (name, share)
        assert one["median_width_days"] >= 0


def test_without_history_there_is_nothing_to_say() -> None:
    assert report() == {"p50": {"n": 0, "coverage": None}, "p85": {"n": 0, "coverage": None}, "by_product": {}}
    with pytest.raises(CommandError, match="No recorded release of a product called Kernel"):
        report(product="Kernel")
    load(
        milestone(1, "alpha", "2020-01-10", None, "2020-01-10"), milestone(2, "final", "2020-02-10", None, "2020-02-10")
    )
    assert report(product="kernel")["by_product"]["Kernel"]["p50"] == {
        "n": 1, "coverage": 1.0, "loss": 0.0, "plan_loss": 0.0,
    }  # fmt: skip
