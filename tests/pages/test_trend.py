"""The milestone trend: what each gate was planned for at each report date, and which lines are shown. Pure."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from approvals.pages.steps import make_step
from approvals.pages.trend import MOST_REPORTS, Trend, milestone_trend, report_days, slices_of
from releases.models import DateMove, Gate, Playbook, Product, Release
from tests.cast import day, moment

TODAY = day(70)


def release(kind: str = "gates") -> Release:
    return Release(
        pk=1, product=Product(slug="router", name="Router"), version="1.0", kind=kind, playbook=Playbook(),
        state="active" if kind == "gates" else "recorded", activated_at=moment(0) if kind == "gates" else None,
        target_on=day(200),
    )  # fmt: skip


def gate(number: int, due: int, passed: int | None = None, state: str = "upcoming") -> Gate:
    return Gate(
        pk=number, key=f"g{number}", name=f"Gate {number}", short_name=f"G{number}", position=number,
        state="approved" if passed is not None and state == "upcoming" else state, due_on=day(due),
        baseline_due_on=day(due), decided_on=day(passed) if passed is not None else None,
    )  # fmt: skip


def move(gate_number: int, on: int, before: int, to: int) -> DateMove:
    return DateMove(gate_id=gate_number, effective_on=day(on), from_on=day(before), to_on=day(to))


def trend(of: Release, gates: list[Gate], moves: list[DateMove], wanted: str = "", is_whole: bool = True) -> Trend:
    steps = [
        make_step(of, one, TODAY, is_current=False, delay=0, is_behind=False, misses=0, waiting="") for one in gates
    ]
    newest_first = sorted(moves, key=lambda one: one.effective_on, reverse=True)
    found = milestone_trend(of, steps, newest_first, TODAY, wanted, is_whole)
    assert found is not None
    return found


def test_a_line_follows_the_moves_and_ends_on_the_day_of_the_approval() -> None:
    found = trend(
        release(), [gate(1, 30, passed=28), gate(2, 100)], [move(2, 20, 60, 80), move(2, 40, 80, 100)]
    )  # fmt: skip
    heads, rows = found.chart.twin.heads, found.chart.twin.rows
    assert heads == ("Report date", "1 Gate 1", "2 Gate 2")
    by_day = {row[0].text: [cell.text for cell in row[1:]] for row in rows}
    assert by_day["5 Jan 2026"] == ["4 Feb 2026", "6 Mar 2026"]  # as planned at first
    assert by_day["26 Jan 2026"][1] == "26 Mar 2026"  # after the first move
    assert by_day["16 Mar 2026"] == ["–", "15 Apr 2026"]
    assert by_day["2 Feb 2026"][0] == "2 Feb 2026"  # passed: on the 45 degree line
    links = [cell.url for row in rows for cell in row if cell.url]
    assert links.count("/releases/router/1.0/replans/") == 2  # where a date moved
    assert "/releases/router/1.0/gates/g1/" in links
    assert found.slices == ()


def test_at_most_seven_lines_and_the_address_chooses_which() -> None:
    gates = [gate(number, 10 * number, passed=10 * number, state="recorded") for number in range(1, 18)]
    moves = [move(number, 5, 1, 10 * number) for number in (3, 9)] + [move(9, 6, 10, 90)]
    found = trend(release("history"), gates, moves)
    assert [one.words for one in found.slices] == ["Moved most", "1 to 7", "8 to 14", "15 to 17"]
    names = found.chart.twin.heads[1:]
    assert len(names) == 7
    assert {"Gate 3", "Gate 9"} <= set(names)
    assert trend(release("history"), gates, moves, "15").chart.twin.heads[1:] == ("Gate 15", "Gate 16", "Gate 17")
    assert trend(release("history"), gates, moves, "nonsense").chart.twin.heads == found.chart.twin.heads


def test_a_ledger_that_is_cut_begins_with_its_oldest_move() -> None:
    moves = [move(1, 50, 90, 100)]
    found = trend(release(), [gate(1, 100)], moves, is_whole=False)
    assert found.chart.twin.rows[0][0].text == "24 Feb 2026"


def test_nothing_is_drawn_on_the_first_day() -> None:
    assert milestone_trend(release(), [], [], day(0), "", True) is None


@given(st.integers(1, 4000))
def test_report_days_are_few_and_hold_both_ends(length: int) -> None:
    first = date(2024, 2, 29)
    found = report_days(first, first + timedelta(days=length))
    assert (found[0], found[-1]) == (first, first + timedelta(days=length))
    assert found == sorted(set(found))
    assert len(found) <= max(MOST_REPORTS, 14) + 3


def test_seven_lines_need_no_choice() -> None:
    assert slices_of(7, "") == ()
    assert [one.key for one in slices_of(8, "8") if one.is_current] == ["8"]
