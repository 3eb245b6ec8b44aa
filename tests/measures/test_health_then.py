"""The health of an earlier day, from what was on record then."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from measures.health import health_then, trends
from measures.models import Statement
from releases.actions.baselines import rebaseline_release
from releases.actions.products import grant_product_permission
from releases.actions.releases import hold_release, resume_release
from releases.actions.replan import replan_release
from releases.actions.slips import record_all_misses
from releases.models import Release
from releases.rules import TARGET
from tests.cast import MARKET, Cast, active_release, at, day, draft_release, fresh, gate_of, pass_gate, submit

pytestmark = pytest.mark.django_db


def told(release: Release, *days: int) -> list[str]:
    return [health_then([fresh(release)], day(on))[release.pk] for on in days]


def test_a_release_is_seen_as_it_stood_on_each_day_of_its_story(cast: Cast) -> None:
    release = active_release(cast, on=1)
    submit(cast, gate_of(release, MARKET), on=26)
    record_all_misses(day(31), clock=at(31))
    pass_gate_late(cast, release, on=34)
    replan_release(
        release_id=release.pk, actor=cast.pm, dates={"functional-completeness": day(60)}, reason="More people",
        clock=at(40),
    )  # fmt: skip
    # not begun; time; due soon; in review with time; one working day left; missed; late by the target; caught up
    assert told(release, 0, 10, 24, 27, 29, 31, 35, 41) == [
        "draft", "on_track", "at_risk", "on_track", "at_risk", "slipped", "slipped", "on_track",
    ]  # fmt: skip


def pass_gate_late(cast: Cast, release: Release, *, on: int) -> None:
    from tests.cast import approve

    for role in ("engineering", "sales"):
        approve(cast, gate_of(release, MARKET), role, on=on)


def test_holds_and_the_forecast_of_that_day_count(cast: Cast, release: Release) -> None:
    hold_release(release_id=release.pk, actor=cast.pm, reason="Strike", resume_by=day(50), clock=at(10))
    resume_release(release_id=release.pk, actor=cast.pm, clock=at(20))
    for on, later in ((1, 0), (4, 3), (22, 0)):
        Statement.objects.create(
            release=release, gate=TARGET, stated_on=day(on), p50_on=day(90 + later), p85_on=day(99)
        )  # fmt: skip
    assert told(release, 3, 5, 12, 25) == ["on_track", "at_risk", "on_hold", "on_track"]


def test_a_baseline_that_was_replaced_later_is_the_one_of_its_days(cast: Cast, release: Release) -> None:
    replan_release(release_id=release.pk, actor=cast.pm, dates={"target": day(100)}, reason="Fair", clock=at(3))
    grant_product_permission(
        product=cast.product, codename="rebaseline", holder=cast.executive, actor=cast.administrator, clock=at(4)
    )
    rebaseline_release(
        release_id=release.pk, actor=cast.executive, reason="The market moved and so did the plan.", clock=at(5)
    )
    assert fresh(release).slip_days == 0
    assert told(release, 2, 4, 6) == ["on_track", "slipped", "on_track"]


def test_trends_of_many_releases_take_six_queries(cast: Cast) -> None:
    draft_release(cast, "0.1")
    for number in range(4):
        active_release(cast, f"1.{number}")
    pass_gate(cast, gate_of(Release.objects.get(version="1.0"), MARKET), on=34)
    found = list(Release.objects.with_health(day(40)).order_by("version"))
    with CaptureQueriesContext(connection) as queries:
        compared = trends(found, [one.health_value for one in found], day(40))  # type: ignore[attr-defined]
    assert len(queries) == 6
    assert [compared[one.pk] for one in found] == ["", "worse", "same", "same", "same"]
