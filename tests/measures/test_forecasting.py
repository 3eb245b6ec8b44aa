"""The forecast as arithmetic: exact sums of days, conditioned on what has gone by, and judged by fair means."""

from datetime import date, timedelta
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from measures.forecasting import (
    GATE,
    LEAST_SAMPLES,
    LINE,
    NOTHING,
    PRIOR,
    PRODUCT,
    Delay,
    Interval,
    Ratios,
    Step,
    carry_of,
    forecast,
    pinball,
    quantile,
    ratios_of,
)

DAY = date(2026, 1, 5)


def on(days: int) -> date:
    return DAY + timedelta(days=days)


def even(*ratios: tuple[int, int]) -> Ratios:
    """Ratios (actual, planned), each as likely as the others."""
    return Ratios({ratio: ratios.count(ratio) / len(ratios) for ratio in ratios}, GATE, len(ratios))


def past(planned: int, actual: int, *, gate: str = "a", of: int = 1) -> Interval:
    return Interval(of, gate, planned, actual, DAY)


def days_of(found: dict[int, float]) -> dict[int, float]:
    """By days after `DAY`."""
    return {day - DAY.toordinal(): round(chance, 12) for day, chance in found.items()}


def test_one_gate_takes_its_planned_days_times_each_ratio() -> None:
    [one] = forecast(
        [Step("a", on(10))], passed_on=DAY, first_on=DAY, ratios={"a": even((1, 1), (3, 2), (2, 1), (1, 2))}, carry=1
    )
    assert days_of(dict(one.days)) == {5: 0.25, 10: 0.25, 15: 0.25, 20: 0.25}
    assert (one.p50_on, one.p85_on) == (on(10), on(20))
    assert [one.chance_by(on(day)) for day in (4, 10, 19, 20, 99)] == [0, 0.5, 0.75, 1, 1]


def test_what_did_not_happen_yet_is_left_out() -> None:
    ratios = {"a": even((1, 2), (1, 1), (3, 2), (2, 1))}
    [one] = forecast([Step("a", on(10))], passed_on=DAY, first_on=on(11), ratios=ratios, carry=1)
    assert days_of(dict(one.days)) == {15: 0.5, 20: 0.5}


def test_what_has_outlasted_everything_goes_on_as_the_prior_says() -> None:
    [one] = forecast([Step("a", on(10))], passed_on=DAY, first_on=on(40), ratios={"a": even((1, 1))}, carry=1)
    assert days_of(dict(one.days)) == {40: 0.75, 44: 0.10, 50: 0.05, 60: 0.05, 80: 0.05}


def test_ratios_that_fall_on_one_day_are_added_up_there() -> None:
    [one] = forecast([Step("a", on(1))], passed_on=DAY, first_on=on(2), ratios={"a": even((1, 1))}, carry=1)
    assert days_of(dict(one.days)) == {2: 0.85, 3: 0.10, 4: 0.05}


def test_with_the_slip_rule_a_late_gate_moves_the_later_ones_and_an_early_one_does_not() -> None:
    steps = [Step("a", on(10)), Step("b", on(30))]
    ratios = {"a": even((1, 2), (2, 1)), "b": even((1, 1))}
    _, b = forecast(steps, passed_on=DAY, first_on=DAY, ratios=ratios, carry=1)
    assert days_of(dict(b.days)) == {30: 0.5, 40: 0.5}
    _, caught_up = forecast(steps, passed_on=DAY, first_on=DAY, ratios=ratios, carry=0)
    assert days_of(dict(caught_up.days)) == {30: 1.0}


def test_a_gate_that_is_due_already_follows_at_once() -> None:
    steps = [Step("a", on(10)), Step("b", on(12))]
    _, b = forecast(steps, passed_on=DAY, first_on=DAY, ratios={"a": even((2, 1)), "b": even((1, 1))}, carry=0)
    assert days_of(dict(b.days)) == {20: 1.0}


def test_nobody_waits_for_what_was_never_measured() -> None:
    steps = [Step("notes", on(5), is_measured=False), Step("b", on(20))]
    ratios = {"notes": even((10, 1)), "b": even((1, 1))}
    notes, b = forecast(steps, passed_on=DAY, first_on=DAY, ratios=ratios, carry=1)
    assert (notes.p50_on, b.p50_on) == (on(50), on(20))


RATIOS = st.lists(st.tuples(st.integers(0, 9), st.integers(1, 9)), min_size=1, max_size=3)


@given(st.lists(st.tuples(st.integers(1, 20), RATIOS), min_size=1, max_size=4))
def test_the_sums_are_exact(gates: list[tuple[int, list[tuple[int, int]]]]) -> None:
    """Against every way in which the ratios can fall together, with the slip rule, in fractions."""
    steps, ratios, due = [], {}, 0
    for number, (planned, found) in enumerate(gates):
        due += planned
        steps.append(Step(str(number), on(due)))
        ratios[str(number)] = even(*found)
    last = forecast(steps, passed_on=DAY, first_on=DAY, ratios=ratios, carry=1)[-1]
    wanted: dict[int, Fraction] = {}
    for ways in product(*(found for _planned, found in gates)):
        day, due, share = 0, 0, Fraction(1)
        for (planned, found), (actual, of) in zip(gates, ways, strict=True):
            interval = planned + max(0, due - day)
            due += planned
            day += int(Fraction(actual * interval, of) + Fraction(1, 2))
            share /= len(found)
        wanted[day] = wanted.get(day, Fraction(0)) + share
    assert days_of(dict(last.days)) == {day: pytest.approx(float(share)) for day, share in wanted.items()}
    assert sum(last.days.values()) == pytest.approx(1)
    assert last.p50_on <= last.p85_on


# --- What is learned ------------------------------------------------------------------------------------------------


def test_a_gate_is_judged_by_its_own_past_then_its_product_then_its_line_then_the_prior() -> None:
    own = [past(10, 12)] * LEAST_SAMPLES
    others = [past(10, 11, gate="b")] * LEAST_SAMPLES
    elsewhere = [past(10, 15, of=2)] * LEAST_SAMPLES
    sources = [
        ratios_of("a", 1, samples)
        for samples in (own + others, own[1:] + others, own[1:] + elsewhere, own[1:], [past(0, 5)] * 20)
    ]
    assert [one.source for one in sources] == [GATE, PRODUCT, LINE, NOTHING, NOTHING]
    assert [one.samples for one in sources] == [8, 15, 15, 0, 0]
    assert sources[0].weights == pytest.approx({ratio: w / 2 for ratio, w in PRIOR.items()} | {(6, 5): 0.5})
    for one in sources:
        assert sum(one.weights.values()) == pytest.approx(1)


def test_a_longer_interval_says_more() -> None:
    found = ratios_of("a", 1, [past(1, 9)] * 7 + [past(93, 93)])
    assert found.weights[9, 1] == pytest.approx(0.035)
    assert found.weights[1, 1] == pytest.approx(0.75 / 2 + 0.465)


def test_delays_are_passed_on_as_they_were_before() -> None:
    assert carry_of(1, []) == 0.5
    always = [Delay(1, 10, 12, DAY)] * 50
    never = [Delay(1, 10, -3, DAY)] * 50
    assert carry_of(1, always) == pytest.approx((500 + 2.5) / 505)
    assert carry_of(1, never) == pytest.approx(2.5 / 505)
    assert carry_of(2, always) == 0.5
    assert carry_of(1, [Delay(1, 3000, 3000, DAY)]) == pytest.approx(32.5 / 35)


def test_quantiles_and_losses() -> None:
    days = {1: 0.5, 2: 0.35, 9: 0.15}
    assert [quantile(days, share) for share in (0, 0.5, 0.51, 0.85, 0.86, 1)] == [1, 1, 2, 2, 9, 9]
    assert (pinball(0.85, 10, 8), pinball(0.85, 8, 10), pinball(0.5, 3, 3)) == pytest.approx((1.7, 0.3, 0))
