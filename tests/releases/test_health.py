"""Health: computed from stored columns and the day, the same in Python and in SQL."""

from datetime import date, timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from approvals.actions.decisions import recuse
from approvals.actions.seats import revoke_seat
from releases import rules
from releases.actions.releases import cancel_release, hold_release
from releases.actions.replan import replan_release
from releases.actions.slips import record_all_misses
from releases.kinds import Health, ReleaseState
from releases.models import Release
from tests.cast import (
    COMPLETENESS,
    MARKET,
    Cast,
    active_release,
    at,
    day,
    draft_release,
    fresh,
    gate_of,
    moment,
    pass_gate,
    submit,
)


def health(release: Release, on: int) -> rules.HealthMark:
    """What Python says of a stored release on a day; SQL has to agree."""
    stored = fresh(release)
    mark = of_row(stored, day(on))
    assert Release.objects.with_health(day(on)).get(pk=release.pk).health_value == mark.value  # type: ignore[attr-defined]
    return mark


def of_row(row: Release, today: date) -> rules.HealthMark:
    return rules.health(
        state=row.state,
        today=today,
        slip_days=row.slip_days,
        open_slips=row.open_slips,
        current_gate=row.current_gate,
        current_state=row.current_state,
        next_due_on=row.next_due_on,
        is_quorum_unreachable=row.is_quorum_unreachable,
        state_reason=row.state_reason,
        target_on=row.target_on,
        p50_on=row.p50_on,
    )


# --- The story of one release -----------------------------------------------------------------------------------


def test_a_release_with_time_is_on_track_until_seven_days_before_its_gate_is_due(cast: Cast, release: Release) -> None:
    assert [health(release, on).value for on in (0, 22, 23, 30)] == ["on_track", "on_track", "at_risk", "at_risk"]
    assert "due in 7 days and not in review" in health(release, 23).reason
    assert "due in 1 day " in health(release, 29).reason
    assert "due today" in health(release, 30).reason


def test_a_round_has_less_than_two_working_days_left_from_the_working_day_before_the_due_day(
    cast: Cast, release: Release
) -> None:
    """Day 30 is a Wednesday: on Tuesday one working day is left, on Monday two."""
    submit(cast, gate_of(release, MARKET), on=20)
    assert [health(release, on).value for on in (23, 28, 29, 30)] == ["on_track", "on_track", "at_risk", "at_risk"]
    assert "waits for a decision with 1 working day left" in health(release, 29).reason


def test_a_weekend_is_no_time_to_decide(cast: Cast, release: Release) -> None:
    """Day 35 is a Monday: from Friday on only that Monday is left."""
    replan_release(release_id=release.pk, actor=cast.pm, dates={MARKET: day(35)}, reason="Fair", clock=at(1))
    replan_release(release_id=release.pk, actor=cast.pm, dates={"target": day(90)}, reason="Fair", clock=at(1))
    submit(cast, gate_of(release, MARKET), on=20)
    assert [health(release, on).value for on in (31, 32, 34)] == ["on_track", "at_risk", "at_risk"]


def test_an_unsettled_miss_makes_the_release_slipped(cast: Cast, release: Release) -> None:
    record_all_misses(day(31), clock=at(31))
    assert health(release, 31) == rules.HealthMark(Health.SLIPPED, f"{MARKET} was missed and is not settled")


def test_a_settled_slip_keeps_the_release_slipped_while_the_target_is_after_the_baseline(
    cast: Cast, release: Release
) -> None:
    pass_gate(cast, gate_of(release, MARKET), on=31)
    assert health(release, 31) == rules.HealthMark(Health.SLIPPED, "The target is 1 day after the baseline")
    replan_release(
        release_id=release.pk, actor=cast.pm, dates={COMPLETENESS: day(60)}, reason="More people", clock=at(32)
    )
    assert health(release, 32).value == Health.ON_TRACK


def test_days_on_hold_are_no_slip(cast: Cast, release: Release) -> None:
    from releases.actions.releases import resume_release

    hold_release(release_id=release.pk, actor=cast.pm, reason="Strike", resume_by=day(50), clock=at(10))
    assert health(release, 40) == rules.HealthMark("on_hold", "On hold: Strike")
    resume_release(release_id=release.pk, actor=cast.pm, clock=at(40))
    assert health(release, 40).value == Health.ON_TRACK


def test_a_quorum_out_of_reach_puts_the_release_at_risk(cast: Cast, release: Release) -> None:
    gate = gate_of(release, MARKET)
    submit(cast, gate, on=2)
    recuse(gate_id=gate.pk, round_number=1, actor=cast.second_approver, comment="My own plan.", clock=at(3))
    assert health(release, 4) == rules.HealthMark(Health.AT_RISK, f"{MARKET} cannot reach its quorums")


def test_an_empty_seat_at_the_current_gate_puts_the_release_at_risk_and_at_a_later_one_does_not(
    cast: Cast, release: Release
) -> None:
    later, now = cast.seat(COMPLETENESS, "engineering"), cast.seat(MARKET, "engineering")
    revoke_seat(role_id=later.pk, holder=cast.approver, actor=cast.administrator, clock=at(1))
    assert health(release, 1).value == Health.ON_TRACK
    revoke_seat(role_id=now.pk, holder=cast.approver, actor=cast.administrator, clock=at(1))
    assert health(release, 1).value == Health.AT_RISK


def test_a_forecast_later_than_the_target_puts_the_release_at_risk_and_one_on_it_does_not(
    cast: Cast, release: Release
) -> None:
    Release.objects.update(p50_on=day(90))
    assert health(release, 0).value == Health.ON_TRACK
    Release.objects.update(p50_on=day(93))
    assert health(release, 0) == rules.HealthMark(Health.AT_RISK, "The P50 forecast is 3 days after the target")
    hold_release(release_id=release.pk, actor=cast.pm, reason="Strike", resume_by=day(50), clock=at(10))
    assert fresh(release).p50_on is None


def test_a_trend_compares_two_healths_and_says_nothing_of_states() -> None:
    pairs = [("on_track", "at_risk"), ("slipped", "on_track"), ("at_risk", "at_risk"), ("released", "at_risk"),
             ("on_track", "draft")]  # fmt: skip
    assert [rules.trend(now, then) for now, then in pairs] == ["better", "worse", "same", "", ""]


def test_any_other_release_is_as_healthy_as_its_state_says(cast: Cast) -> None:
    draft = draft_release(cast, "2.0")
    assert health(draft, 100) == rules.HealthMark("draft", "Draft")
    cancelled = active_release(cast, "3.0")
    cancel_release(release_id=cancelled.pk, actor=cast.pm, reason="No case", clock=at(40))
    assert health(cancelled, 100) == rules.HealthMark("cancelled", "Cancelled: No case")


# --- Python and SQL say the same --------------------------------------------------------------------------------


def rows_of(cast: Cast, values: list[dict[str, Any]]) -> list[Release]:
    """Releases with these summary columns, whatever led to them."""
    return [
        Release(
            product=cast.product,
            playbook=cast.playbook,
            version=str(index),
            target_on=day(90),
            baseline_on=day(90),
            held_on=day(1) if value["state"] == ReleaseState.ON_HOLD else None,
            created_at=moment(0),
            **value,
        )
        for index, value in enumerate(values)
    ]


def assert_same(rows: list[Release], today: date) -> dict[str, int]:
    """One query for all rows; returns how often each health came out."""
    stored = {r.pk: r.health_value for r in Release.objects.with_health(today)}  # type: ignore[attr-defined]
    assert len(stored) == len(rows)
    for row in rows:
        assert stored[row.pk] == of_row(row, today).value, (today, vars(row))
    return {value: list(stored.values()).count(value) for value in set(stored.values())}


def test_python_and_sql_agree_on_every_combination_through_a_whole_week(cast: Cast) -> None:
    base = day(20)
    values = [
        {
            "state": state,
            "open_slips": open_slips,
            "slip_days": slip_days,
            "current_gate": MARKET,
            "current_state": current_state,
            "next_due_on": None if ahead is None else base + timedelta(days=ahead),
            "is_quorum_unreachable": unreachable,
            "p50_on": None if later is None else day(90 + later),
        }
        for state, open_slips, slip_days, current_state, ahead, unreachable, later in product(
            ["active", "on_hold", "released"], [0, 1], [-2, 0, 1], ["", "open", "in_review", "declined"],
            [None, *range(-2, 19, 2)], [False, True], [None, 0, 1],
        )
    ]  # fmt: skip
    rows = Release.objects.bulk_create(rows_of(cast, values), batch_size=500)
    for weekday in range(7):
        counts = assert_same(rows, base + timedelta(days=weekday))
        assert set(counts) == {"on_track", "at_risk", "slipped", "on_hold", "released"}


STATES = [s for s in ReleaseState if s != ReleaseState.RECORDED]
SUMMARIES = st.fixed_dictionaries(
    {
        "state": st.sampled_from(STATES),
        "open_slips": st.integers(0, 2),
        "slip_days": st.integers(-30, 30),
        "current_gate": st.sampled_from(["", MARKET]),
        "current_state": st.sampled_from(["", "upcoming", "open", "in_review", "declined"]),
        "next_due_on": st.none() | st.dates(date(2026, 1, 1), date(2026, 3, 1)),
        "is_quorum_unreachable": st.booleans(),
        "p50_on": st.none() | st.dates(day(85), day(95)),
    }
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(values=st.lists(SUMMARIES, min_size=30, max_size=80), today=st.dates(date(2026, 1, 1), date(2026, 3, 1)))
def test_python_and_sql_agree_on_any_columns(cast: Cast, values: list[dict[str, Any]], today: date) -> None:
    Release.objects.all().delete()
    assert_same(Release.objects.bulk_create(rows_of(cast, values)), today)


@pytest.mark.parametrize("state", STATES)
def test_only_active_releases_are_judged(state: ReleaseState) -> None:
    mark = rules.health(
        state=state, today=day(100), slip_days=9, open_slips=1, current_gate=MARKET, current_state="open",
        next_due_on=day(1), is_quorum_unreachable=True,
    )  # fmt: skip
    assert mark.value == (Health.SLIPPED if state == ReleaseState.ACTIVE else state)
