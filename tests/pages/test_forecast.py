"""The forecast on the release page, its explanation, and calibration: what was said and what became of it."""

from typing import Any

import pytest
from django.utils import timezone

from approvals.pages.headline import chance_words
from gatekeeper.common.calendars import day_of
from measures import forecasts
from measures.models import Backtest, Statement
from releases.actions.releases import hold_release
from releases.models import Release
from releases.rules import TARGET
from tests.cast import COMPLETENESS, MARKET, Cast, at, day, draft_release, fresh, gate_of, pass_gate
from tests.pages.stories import client_of, days_ago, release_of_today, text_of

pytestmark = pytest.mark.django_db

URL = "/releases/router/1.0/"


def page(person: Any, address: str = URL) -> str:
    response = client_of(person).get(address)
    assert response.status_code == 200, address
    return text_of(response)


def test_the_release_page_says_where_it_is_heading(cast: Cast) -> None:
    release = release_of_today(cast, began=10, target=80)
    before = page(cast.outsider)
    assert "P85" not in before
    forecasts.refresh()
    html = client_of(cast.outsider).get(URL).content.decode()
    text = text_of(client_of(cast.outsider).get(URL))
    stored = fresh(release)
    assert "Forecast P50" in text
    assert "Chance to make it" in text
    assert "from the prior alone" in text
    assert f'href="{URL}forecast/"' in html
    assert text.count("P85 ") >= 4  # under each gate to come
    assert "Forecast, P50 to P85" in text
    assert f"Release: forecast P50 {stored.p50_on:%a %-d %b %Y}" in html
    assert "Milestone trend" in text


def test_a_late_forecast_puts_the_release_at_risk_and_the_banner_says_so(cast: Cast) -> None:
    release = release_of_today(cast, began=20, target=120)
    forecasts.refresh()
    Release.objects.update(p50_on=release.target_on.replace(year=release.target_on.year + 1))
    text = page(cast.outsider)
    assert "At risk, because the P50 forecast is 36" in text
    assert "worse than 14 days ago (on track)" in text


def test_the_explanation_names_its_samples_and_says_why_there_is_none(cast: Cast) -> None:
    release = release_of_today(cast, began=10, target=80)
    assert "it will be here in a moment" in page(cast.outsider, f"{URL}forecast/")
    pass_gate(cast, gate_of(release, MARKET), on=days_ago(5))
    forecasts.refresh()
    text = page(cast.outsider, f"{URL}forecast/")
    assert "Market Opportunity was passed on" in text
    assert "The prior alone: Networks has fewer than 8 past intervals" in text
    assert "in 95 of 100 cases the plan holds" in text
    hold_release(release_id=release.pk, actor=cast.pm, reason="Strike", resume_by=day(days_ago(-30)))
    assert "while the release is on hold" in page(cast.outsider, f"{URL}forecast/")
    draft_release(cast, "2.0", target=days_ago(-90), on=days_ago(0))
    assert "A draft has no forecast" in page(cast.outsider, "/releases/router/2.0/forecast/")


def test_calibration_counts_every_forecast_whose_day_has_come(cast: Cast) -> None:
    release = release_of_today(cast, began=60, target=120)
    pass_gate(cast, gate_of(release, MARKET), on=days_ago(35))
    text = page(cast.outsider, "/calibration/")
    assert "No forecast has come due yet" in text
    assert "too few forecasts" in text

    def state(gate: str, stated: int, p50: int, p85: int) -> None:
        Statement.objects.create(
            release=release, gate=gate, stated_on=day(days_ago(stated)), p50_on=day(days_ago(p50)),
            p85_on=day(days_ago(p85)),
        )  # fmt: skip

    state(MARKET, 60, 40, 30)  # by its P85, not by its P50
    state(MARKET, 59, 35, 33)  # on its P50
    state(COMPLETENESS, 60, 20, 10)  # has not come at all
    state(COMPLETENESS, 59, 20, -10)  # its day is ahead
    state(TARGET, 60, 9, 5)
    text = page(cast.outsider, "/calibration/")
    assert "Router 4 3 1 of 4 2 of 4" in text
    assert "1 more has a P85 that lies ahead" in text
    told = page(cast.outsider, "/calibration/router/")
    assert "1 to 4 of 4" in told
    assert "not yet" in told


def test_enough_forecasts_give_a_share_and_a_verdict_and_restricted_products_stay_hidden(cast: Cast) -> None:
    from measures.pages.calibration import calibration_page

    release = release_of_today(cast, began=90, target=170)
    pass_gate(cast, gate_of(release, MARKET), on=days_ago(60))
    today = day_of(timezone.now())
    for number in range(25):
        late = number < 5
        Statement.objects.create(
            release=release, gate=MARKET, stated_on=day(days_ago(90 - number)),
            p50_on=day(days_ago(61)), p85_on=day(days_ago(61 if late else 59)),
        )  # fmt: skip
    Backtest.objects.create(
        product=cast.product, made_on=today, loaded=1, n=1126, coverage_50=0.571, coverage_85=0.829, width=8,
        loss_50=3.246, loss_85=3.455, plan_loss_50=3.329, plan_loss_85=4.823,
    )  # fmt: skip
    text = page(cast.outsider, "/calibration/")
    assert "The P85 keeps its word: 80 %" in text
    assert "82.9 %" in text
    type(cast.product).objects.update(is_restricted=True)
    hidden = calibration_page(cast.outsider, today)
    assert (hidden.rows, hidden.backtests) == ([], [])
    assert client_of(cast.outsider).get("/calibration/router/").status_code == 404


def test_a_chance_is_never_said_to_be_certain() -> None:
    chances = (0, 0.004, 0.01, 0.494, 0.985, 0.996, 1)
    assert [chance_words(one) for one in chances] == [
        "None", "under 1 %", "1 %", "49 %", "98 %", "over 99 %", "over 99 %",
    ]  # fmt: skip


def test_what_a_hold_overtook_and_what_was_cancelled_is_left_out(cast: Cast) -> None:
    from measures.pages.calibration import due_statements

    release = release_of_today(cast, began=60, target=120)
    hold_release(
        release_id=release.pk, actor=cast.pm, reason="Strike", resume_by=day(days_ago(0)), clock=at(days_ago(50))
    )
    for stated, p85 in ((58, 52), (55, 30), (40, 20)):
        Statement.objects.create(
            release=release, gate=MARKET, stated_on=day(days_ago(stated)), p50_on=day(days_ago(p85)),
            p85_on=day(days_ago(p85)),
        )  # fmt: skip
    Statement.objects.create(
        release=release, gate="taken-away", stated_on=day(days_ago(40)), p50_on=day(days_ago(20)),
        p85_on=day(days_ago(20)),
    )  # fmt: skip
    today = day_of(timezone.now())
    assert due_statements(cast.outsider, today).count() == 2
    Release.objects.update(state="cancelled", held_on=None)
    assert due_statements(cast.outsider, today).count() == 0
