"""The outlook of one release: what is left, from when it counts, and what hold, pin and assessment do to it. Pure."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from measures.forecasting import LEAST_SAMPLES, NOTHING, PRODUCT, RULED_PRIOR, Interval, Samples
from measures.outlook import GateFacts, Outlook, ReleaseFacts, outlook, remaining
from releases.events import canonical
from releases.kinds import ReleaseState
from releases.rules import TARGET

DAY = date(2026, 1, 5)


def on(days: int) -> date:
    return DAY + timedelta(days=days)


def gate(key: str, due: int, *, passed: int | None = None, pinned: bool = False, after: bool = False) -> GateFacts:
    state = "approved" if passed is not None else "open"
    return GateFacts(key, state, on(due), on(passed) if passed is not None else None, pinned, after)


PLAN = ReleaseFacts(
    product=1, state=ReleaseState.ACTIVE, began_on=DAY, target_on=on(60), released_on=None,
    gates=[gate("a", 20), gate("b", 40), gate("six", 240, after=True)],
)  # fmt: skip
NOTHING_KNOWN = Samples([], RULED_PRIOR)
ALWAYS_HALF_LATER = Samples([Interval(1, "any", 10, 15, DAY)] * 400)


def said(facts: ReleaseFacts, day: int, samples: Samples = NOTHING_KNOWN) -> dict[str, tuple[int, int]]:
    """P50 and P85 of each gate in days."""
    found = outlook(facts, samples, on(day))
    assert found is not None
    return {one.gate: ((one.p50_on - DAY).days, (one.p85_on - DAY).days) for one in found.said}


def test_the_release_itself_stands_between_its_gates_and_its_assessment() -> None:
    assert [step.gate for step in remaining(PLAN)] == ["a", "b", TARGET, "six"]
    out = replace(PLAN, state=ReleaseState.RELEASED, released_on=on(61), gates=[gate("six", 240, after=True)])
    assert [step.gate for step in remaining(out)] == ["six"]
    ready = replace(PLAN, gates=[gate("a", 20, passed=20)])
    assert [step.gate for step in remaining(ready)] == [TARGET]


def test_without_a_past_the_plan_mostly_holds_and_says_that_it_is_the_prior() -> None:
    found = outlook(PLAN, NOTHING_KNOWN, DAY)
    assert found is not None
    assert {one.source for one in found.said} == {NOTHING}
    assert [one.p50_on for one in found.said] == [on(20), on(40), on(60), on(240)]
    assert found.chance == pytest.approx(0.95**3, abs=0.0001)
    seven = replace(PLAN, gates=[gate(str(n), 8 * n) for n in range(1, 8)])
    row = outlook(seven, NOTHING_KNOWN, DAY)
    assert row is not None
    assert row.of_release is not None
    assert row.of_release.p50_on == on(60) < row.of_release.p85_on


def test_a_past_that_took_half_as_long_again_is_believed() -> None:
    found = outlook(PLAN, ALWAYS_HALF_LATER, DAY)
    assert found is not None
    assert {(one.source, one.samples) for one in found.said} == {(PRODUCT, 400)}
    assert said(PLAN, 0, ALWAYS_HALF_LATER)["a"] == (30, 30)
    assert said(PLAN, 0, ALWAYS_HALF_LATER)[TARGET] == (90, 90)
    assert found.chance is not None
    assert found.chance < 0.01


def test_days_gone_by_and_a_late_gate_move_everything_after_it() -> None:
    late = said(PLAN, 25)
    assert late["a"][0] >= 25
    assert late[TARGET][0] >= 65
    found = outlook(PLAN, NOTHING_KNOWN, on(70))
    assert found is not None
    assert found.chance == 0


def test_a_pinned_gate_stays_where_it_is_and_an_assessment_follows_the_release() -> None:
    pinned = replace(PLAN, gates=[gate("a", 20), gate("b", 40, pinned=True), gate("six", 240, after=True)])
    assert said(PLAN, 30)["b"][0] >= 50
    assert said(pinned, 30)["b"][0] == 40
    late = said(PLAN, 30)
    assert late["six"][0] - late[TARGET][0] == pytest.approx(180, abs=2)


def test_days_on_hold_are_not_days_that_the_work_took() -> None:
    """Held for thirty days, and every date moved along: the same forecast, thirty days later."""
    held = replace(
        PLAN, target_on=on(90), gates=[gate("a", 50), gate("b", 70), gate("six", 270, after=True)],
        holds=[(on(2), on(32))],
    )  # fmt: skip
    before, after = said(PLAN, 10, ALWAYS_HALF_LATER), said(held, 40, ALWAYS_HALF_LATER)
    assert after == {key: (p50 + 30, p85 + 30) for key, (p50, p85) in before.items()}


@pytest.mark.parametrize("state", sorted(set(ReleaseState) - {ReleaseState.ACTIVE, ReleaseState.RELEASED}))
def test_what_does_not_run_is_not_heading_anywhere(state: ReleaseState) -> None:
    assert outlook(replace(PLAN, state=state), NOTHING_KNOWN, DAY) is None


def test_an_outlook_is_stored_in_one_way_and_read_back() -> None:
    found = outlook(PLAN, ALWAYS_HALF_LATER, on(3))
    assert found is not None
    text = canonical(found.as_data())
    assert Outlook.from_json(text) == found
    assert canonical(Outlook.from_json(text).as_data()) == text


def test_ratios_are_looked_up_as_if_they_were_counted_each_time() -> None:
    from measures.forecasting import ratios_of

    past = [Interval(p, g, 10, 10 + p, DAY) for p in (1, 1, 1, 2) for g in ("a", "b", "c")] + [
        Interval(2, "a", 10, 12, DAY)
    ] * LEAST_SAMPLES
    samples = Samples(past)
    for product in (1, 2, 3):
        for key in ("a", "b", "x"):
            assert samples.ratios(key, product) == ratios_of(key, product, past)
