"""Re-baseline: the plan in force becomes the baseline, and the old one is kept."""

import pytest

from releases.actions.baselines import baseline_problem, plan_baseline, rebaseline_release
from releases.actions.products import grant_product_permission
from releases.actions.releases import cancel_release, hold_release, resume_release
from releases.actions.replan import replan_release
from releases.actions.slips import record_all_misses
from releases.kinds import EventKind
from releases.models import Baseline, DateMove, Release
from tests.cast import (
    ASSESSMENT,
    COMPLETENESS,
    MARKET,
    READINESS,
    Cast,
    at,
    conflict,
    day,
    event_kinds,
    fresh,
    gate_of,
    last_event,
    not_allowed,
    pass_gate,
    refused,
)

pytestmark = pytest.mark.usefixtures("invariants")


@pytest.fixture
def authority(cast: Cast) -> Cast:
    """Eva holds `rebaseline` on the product."""
    grant_product_permission(
        product=cast.product, codename="rebaseline", holder=cast.executive, actor=cast.administrator, clock=at(0)
    )
    return cast


def rebaseline(cast: Cast, release: Release, *, on: int, reason: str = "The new contract") -> Release:
    return rebaseline_release(release_id=release.pk, actor=cast.executive, reason=reason, clock=at(on))


def replan(cast: Cast, release: Release, *, on: int, **days: int) -> Release:
    keys = {"completeness": COMPLETENESS, "readiness": READINESS, "target": "target"}
    dates = {keys[name]: day(number) for name, number in days.items()}
    return replan_release(release_id=release.pk, actor=cast.pm, dates=dates, reason="Supplier", clock=at(on))


def test_the_plan_in_force_becomes_the_baseline_and_the_old_one_a_row(authority: Cast, release: Release) -> None:
    cast = authority
    pass_gate(cast, gate_of(release, MARKET), on=5)
    replan(cast, release, on=10, completeness=75)
    before = fresh(release)
    assert (before.baseline_on, before.target_on, before.slip_days) == (day(90), day(105), 15)
    due = dict(release.gates.values_list("key", "due_on"))
    moves = DateMove.objects.count()
    plan = plan_baseline(before, list(release.gates.order_by("position")))
    assert [(move.key, move.from_on, move.to_on) for move in plan.moves][:3] == [
        (COMPLETENESS, day(60), day(75)), (READINESS, day(80), day(95)), (None, day(90), day(105)),
    ]  # fmt: skip

    after = rebaseline(cast, release, on=12)

    assert (after.baseline_on, after.target_on, after.slip_days) == (day(105), day(105), 0)
    assert dict(release.gates.values_list("key", "due_on")) == due, "no due date moves"
    assert DateMove.objects.count() == moves
    committed = dict(release.gates.values_list("key", "baseline_due_on"))
    assert committed == due | {MARKET: day(30)}, "a passed gate keeps its own"
    (old,) = Baseline.objects.filter(release=release)
    assert (old.number, old.baseline_on, old.slip_days, old.replaced_on) == (1, day(90), 15, day(12))
    assert (old.replaced_by, old.reason) == (cast.executive, "The new contract")
    assert {key: old.gate_days[key] for key in (MARKET, COMPLETENESS, READINESS)} == {
        MARKET: day(30), COMPLETENESS: day(60), READINESS: day(80),
    }  # fmt: skip
    facts = last_event(after, EventKind.RELEASE_REBASELINED).payload
    assert (facts["from"], facts["baseline_on"], facts["number"]) == (str(day(90)), str(day(105)), 2)
    assert facts["slip_days"] == 15
    # and again: each one is kept
    replan(cast, release, on=13, target=110)
    rebaseline(cast, release, on=14, reason="Once more")
    assert [(row.number, row.baseline_on) for row in release.baselines.all()] == [(1, day(90)), (2, day(105))]
    assert fresh(release).slip_days == 0


def test_days_on_hold_belong_to_the_baseline_that_they_moved(authority: Cast, release: Release) -> None:
    hold_release(release_id=release.pk, actor=authority.pm, reason="Strike", resume_by=day(40), clock=at(10))
    resume_release(release_id=release.pk, actor=authority.pm, reason="It is over", clock=at(17))
    assert last_event(release, EventKind.RELEASE_RESUMED).payload == {"days": 7, "reason": "It is over"}
    assert (fresh(release).slip_days, fresh(release).held_days) == (0, 7)
    after = rebaseline(authority, release, on=18)
    assert (after.baseline_on, after.slip_days, after.held_days) == (day(97), 0, 0)
    assert Baseline.objects.get().held_days == 7
    hold_release(release_id=release.pk, actor=authority.pm, reason="Again", resume_by=day(40), clock=at(20))
    after = resume_release(release_id=release.pk, actor=authority.pm, clock=at(22))
    assert (after.target_on, after.slip_days, after.held_days) == (day(99), 0, 2)


def test_a_new_baseline_is_refused_and_nothing_changes(authority: Cast, release: Release) -> None:
    cast = authority
    with conflict("nothing_changed"):
        rebaseline(cast, release, on=3)
    replan(cast, release, on=4, readiness=85)
    for who in (cast.pm, cast.administrator, cast.outsider):
        with not_allowed("no_rebaseline"):
            rebaseline_release(release_id=release.pk, actor=who, reason="Mine", clock=at(5))
    with refused("required"):
        rebaseline(cast, release, on=5, reason=" ")
    kinds = event_kinds(release)
    hold_release(release_id=release.pk, actor=cast.pm, reason="Strike", resume_by=day(40), clock=at(6))
    with conflict("release_not_active"):
        rebaseline(cast, release, on=7)
    resume_release(release_id=release.pk, actor=cast.pm, clock=at(6))
    record_all_misses(day(31), clock=at(31))
    with conflict("gate_missed"):
        rebaseline(cast, release, on=32)
    # A miss that no sweep has seen yet stands in the way, too.
    replan_release(release_id=release.pk, actor=cast.pm, dates={MARKET: day(40)}, reason="Late", clock=at(33))
    with conflict("gate_missed"):
        rebaseline(cast, release, on=41)
    cancel_release(release_id=release.pk, actor=cast.pm, reason="No case", clock=at(42))
    with conflict("release_not_active"):
        rebaseline(cast, release, on=43)
    assert not Baseline.objects.exists()
    assert (fresh(release).baseline_on, gate_of(release, ASSESSMENT).baseline_due_on) == (
        day(90), release.gates.get(key=ASSESSMENT).baseline_due_on,
    )  # fmt: skip
    assert EventKind.RELEASE_REBASELINED not in event_kinds(release)
    assert EventKind.RELEASE_REBASELINED not in kinds
    problem = baseline_problem(fresh(release), list(release.gates.all()))
    assert problem is not None
    assert problem.code == "release_not_active"
