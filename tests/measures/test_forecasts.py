"""Forecasts in the product: made when they are due, the same however often, stated once a day, and checked."""

import io
from datetime import date
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from gatekeeper.common import queue
from measures import forecasts
from measures.forecasts import refresh, stored_forecast
from measures.invariants import check_forecasts
from measures.models import Forecast, Statement
from measures.outlook import Outlook
from releases.actions.releases import cancel_release, hold_release, resume_release, ship_release
from releases.actions.replan import replan_release
from releases.models import Product, Release
from releases.rules import TARGET
from tests.cast import (
    ASSESSMENT,
    COMPLETENESS,
    MARKET,
    READINESS,
    Cast,
    active_release,
    at,
    day,
    draft_release,
    event_kinds,
    fresh,
    gate_of,
    pass_gate,
    pass_gates_before_release,
)

pytestmark = pytest.mark.django_db


def the_outlook(release: Release) -> Outlook:
    found = stored_forecast(fresh(release))
    assert found is not None
    return Outlook.from_json(found.data)


def test_a_forecast_is_made_once_for_its_facts_and_its_day_and_moves_nothing(cast: Cast, release: Release) -> None:
    before = fresh(release)
    assert refresh(clock=at(0)) == 1
    assert refresh(clock=at(0)) == 0
    found = the_outlook(release)
    assert [one.gate for one in found.said] == [MARKET, COMPLETENESS, READINESS, TARGET, ASSESSMENT]
    after = fresh(release)
    assert (after.p50_on, after.p85_on) == (found.of_release.p50_on, found.of_release.p85_on)  # type: ignore[union-attr]
    assert (after.revision, after.event_number, after.target_on) == (
        before.revision, before.event_number, before.target_on,
    )  # fmt: skip
    assert refresh(clock=at(1)) == 1  # a new day
    replan_release(release_id=release.pk, actor=cast.pm, dates={MARKET: day(40)}, reason="Fair", clock=at(1))
    assert refresh(clock=at(1)) == 1  # other facts
    assert the_outlook(release).of(MARKET).p50_on == day(40)  # type: ignore[union-attr]
    assert list(check_forecasts()) == []


def test_what_is_held_ended_or_not_begun_has_none_and_what_is_out_has_its_assessment(cast: Cast) -> None:
    draft_release(cast, "0.1")
    held, cancelled, shipped = (active_release(cast, version) for version in ("1.0", "2.0", "3.0"))
    refresh(clock=at(0))
    hold_release(release_id=held.pk, actor=cast.pm, reason="Strike", resume_by=day(50), clock=at(1))
    cancel_release(release_id=cancelled.pk, actor=cast.pm, reason="No case", clock=at(1))
    pass_gates_before_release(cast, shipped, on=2)
    ship_release(release_id=shipped.pk, actor=cast.pm, released_on=day(2), clock=at(2))
    assert refresh(clock=at(2)) == 3
    assert [stored_forecast(fresh(one)) for one in (held, cancelled)] == [None, None]
    assert [one.gate for one in the_outlook(shipped).said] == [ASSESSMENT]
    assert the_outlook(shipped).chance is None
    assert not Release.objects.exclude(p50_on=None, p85_on=None).exists()
    resume_release(release_id=held.pk, actor=cast.pm, clock=at(3))
    assert refresh(clock=at(3)) == 2
    assert fresh(held).p50_on is not None
    assert list(check_forecasts()) == []


def test_our_own_past_counts_from_the_day_after(cast: Cast) -> None:
    """Every gate took half of its planned days: the next release is told so, but not on the same day."""
    for number in range(3):
        told = active_release(cast, f"1.{number}")
        pass_gate(cast, gate_of(told, MARKET), on=15)
        pass_gate(cast, gate_of(told, COMPLETENESS), on=37)
        pass_gate(cast, gate_of(told, READINESS), on=58)
    new = active_release(cast, "2.0", target=158, on=58)
    refresh(clock=at(58))
    assert the_outlook(new).of(MARKET).source == "prior"  # type: ignore[union-attr]
    refresh(clock=at(59))
    said = the_outlook(new).of(MARKET)
    assert said is not None
    assert (said.source, said.samples) == ("product", 9)
    assert said.p50_on < day(98)


def test_days_on_hold_are_taken_out_of_the_past(cast: Cast, release: Release) -> None:
    from measures.histories import histories, intervals

    hold_release(release_id=release.pk, actor=cast.pm, reason="Strike", resume_by=day(50), clock=at(10))
    resume_release(release_id=release.pk, actor=cast.pm, clock=at(30))
    pass_gate(cast, gate_of(release, MARKET), on=50)
    found = intervals(histories(cast.line.pk, "gates"))
    assert [(one.gate, one.planned, one.actual) for one in found] == [(MARKET, 30, 30)]


def test_each_day_states_what_has_changed_and_never_takes_it_back(cast: Cast, release: Release) -> None:
    def stated() -> list[tuple[str, date, date]]:
        return list(Statement.objects.filter(gate=MARKET).values_list("gate", "stated_on", "p50_on"))

    refresh(clock=at(0))
    refresh(clock=at(1))
    assert stated() == [(MARKET, day(0), day(30))]
    for due in (40, 45):
        replan_release(release_id=release.pk, actor=cast.pm, dates={MARKET: day(due)}, reason="Fair", clock=at(2))
        refresh(clock=at(2))
    refresh(clock=at(3))
    refresh(clock=at(3), is_everything=True)
    # The second plan of a day is stated on the next.
    assert stated() == [(MARKET, day(0), day(30)), (MARKET, day(2), day(40)), (MARKET, day(3), day(45))]
    assert "measures" not in " ".join(event_kinds(release))


def test_a_release_that_changes_while_its_forecast_is_made_is_left_to_the_next_run(
    cast: Cast, release: Release
) -> None:
    seen = list(Release.objects.filter(pk=release.pk).select_related("product"))
    made = forecasts.outlooks(seen, day(1))
    replan_release(release_id=release.pk, actor=cast.pm, dates={MARKET: day(40)}, reason="Fair", clock=at(1))
    assert forecasts.store(seen, made, day(1)) == 0
    assert not Forecast.objects.exists()
    assert refresh(clock=at(1)) == 1


def test_a_forecast_that_its_facts_do_not_give_is_named(cast: Cast, release: Release) -> None:
    refresh(clock=at(0))
    Forecast.objects.update(data=Forecast.objects.get().data.replace('"chance":0', '"chance":9'))
    assert [one.rule for one in check_forecasts()] == ["forecast"]
    refresh(clock=at(0), is_everything=True)
    Release.objects.update(p50_on=day(1))
    (found,) = check_forecasts()
    assert "stands at" in found.message
    Forecast.objects.all().delete()
    (found,) = check_forecasts()
    assert "does not have" in found.message


def test_queries_do_not_grow_with_releases_and_the_command_tells_how_far_it_is(cast: Cast) -> None:
    def queries() -> int:
        forecasts._kept.clear()
        with CaptureQueriesContext(connection) as found:
            refresh(clock=at(0), is_everything=True)
        return len(found)

    active_release(cast, "1.0")
    few = queries()
    for number in range(5):
        active_release(cast, f"2.{number}")
    assert queries() == few <= 30
    out, err = io.StringIO(), io.StringIO()
    call_command("forecast", stdout=out, stderr=err)
    assert "6 releases forecast" in out.getvalue()
    assert "6 of 6 releases" in err.getvalue()


def test_a_commit_wakes_the_task_and_a_task_without_time_leaves_the_rest_to_another(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    sent: list[str] = []
    monkeypatch.setattr(queue, "_send", sent.append)
    with django_capture_on_commit_callbacks(execute=True):
        for number in range(3):
            active_release(cast, f"1.{number}")
    assert "measures.tasks.forecast" in sent
    sent.clear()
    monkeypatch.setattr(forecasts, "CHUNK", 1)
    with django_capture_on_commit_callbacks(execute=True):
        assert refresh(clock=at(0), seconds=0) == 1
    assert sent == ["measures.tasks.forecast"]
    assert refresh(clock=at(0)) == 2


def test_history_that_is_loaded_is_learned_from_and_scored_once(cast: Cast) -> None:
    from measures.backtest import keep_next
    from measures.models import Backtest
    from tests.releases.history_files import load, milestone

    release = active_release(cast)
    assert keep_next(clock=at(1)) is False
    load(*[
        milestone(number, f"alpha {number}", f"2020-{number:02}-10", f"2020-{number:02}-10", f"2020-{number:02}-12")
        for number in range(1, 11)
    ])  # fmt: skip
    Product.objects.exclude(pk=cast.product.pk).update(line=cast.line)
    refresh(clock=at(1))
    said = the_outlook(release).of(MARKET)
    assert said is not None
    assert (said.source, said.samples) == ("line", 9)
    assert [keep_next(clock=at(1)), keep_next(clock=at(1))] == [True, False]
    assert Backtest.objects.get().n > 0
