"""Forecasts made by several workers at once while releases change: each is stated once, and none is of the past."""

from collections.abc import Iterator

import pytest

from measures.forecasts import refresh
from measures.invariants import check_forecasts
from measures.models import Forecast, Statement
from releases.actions.replan import replan_release
from tests.cast import MARKET, Cast, active_release, at, day, make_cast
from tests.races.together import faults, together, without_announcements

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]

RELEASES, WORKERS = 6, 4


@pytest.fixture
def cast(transactional_db: None) -> Iterator[Cast]:
    with without_announcements():
        yield make_cast()


def test_workers_and_replans_at_once(cast: Cast) -> None:
    found = [active_release(cast, f"1.{number}") for number in range(RELEASES)]
    replans = [
        lambda release=release: replan_release(
            release_id=release.pk, actor=cast.pm, dates={MARKET: day(45)}, reason="Fair", clock=at(1)
        )
        for release in found[:3]
    ]
    outcomes = together(*[lambda: refresh(clock=at(1), is_everything=True)] * WORKERS, *replans)
    assert faults(outcomes) == []
    assert all(outcome.is_done for outcome in outcomes)
    refresh(clock=at(1))
    assert list(check_forecasts()) == []
    assert Forecast.objects.count() == RELEASES
    assert Statement.objects.filter(gate=MARKET, stated_on=day(1)).count() == RELEASES
