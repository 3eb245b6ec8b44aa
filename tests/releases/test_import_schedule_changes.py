"""Importing schedule changes: they tell when a plan moved, and change no figure."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import DatabaseError, transaction

from gatekeeper.common.clock import fixed_clock
from gatekeeper.common.errors import Refused
from releases.actions.replan import replan_release
from releases.importing import CHANGE_COLUMNS
from releases.kinds import EventKind
from releases.models import DateMove, Event, Gate, Slip
from releases.reports import slip_figures
from tests.cast import Cast, active_release, at, day, event_kinds, nothing_changes
from tests.releases.history_files import (
    DATA,
    PRODUCTS,
    change,
    csv_bytes,
    gate,
    kernel,
    ledger,
    load,
    load_changes,
    milestone,
    misses,
)

pytestmark = pytest.mark.usefixtures("invariants")

ROWS = (
    milestone(1, "beta", "2020-02-01", "2020-02-20", "2020-02-22"),
    milestone(2, "rc", "2020-02-15", "2020-02-15", "2020-02-15"),
    milestone(3, "final", "2020-03-10", "2020-03-20", None),
)


def d(text: str) -> date:
    return date.fromisoformat(text)


def test_a_change_moves_its_own_milestone_alone_from_its_day_on() -> None:
    load(*ROWS)
    rc, final = gate("rc").due_on, gate("final").due_on
    load_changes(change("beta", "2020-01-20", "2020-02-01", "2020-02-20", "more time for drivers"))
    beta = gate("beta")
    assert ledger(beta) == [(d("2020-01-20"), d("2020-02-01"), d("2020-02-20"))]
    move = beta.moves.get()
    assert (move.reason, move.source, move.is_cascade, move.slip) == ("more time for drivers", "notes", False, None)
    assert (gate("rc").due_on, gate("final").due_on) == (rc, final)
    assert not ledger(gate("rc"))


def test_the_ledger_row_of_an_unknown_day_gives_way_to_the_known_one() -> None:
    load(*ROWS)
    unknown = gate("beta").moves.get()
    assert unknown.reason == "Re-planned on a day that is not recorded"
    before = kernel().event_number
    load_changes(change("beta", "2020-01-20", "2020-02-01", "2020-02-20"))
    assert not DateMove.objects.filter(pk=unknown.pk).exists()
    assert event_kinds(kernel(), since=before) == [EventKind.RELEASE_IMPORTED, EventKind.GATE_DUE_CHANGED]
    loaded = Event.objects.get(release=kernel(), number=before + 1).payload
    assert loaded["superseded"] == [unknown.event_number]
    told = Event.objects.get(release=kernel(), number=before + 2)
    assert (told.effective_on, told.payload["is_day_known"]) == (d("2020-01-20"), True)


def test_a_change_after_the_due_day_settles_the_miss_it_left() -> None:
    load(*ROWS)
    load_changes(change("beta", "2020-02-05", "2020-02-01", "2020-02-20"))
    assert misses(gate("beta")) == [
        (d("2020-02-01"), 19, d("2020-02-05"), "replan"),
        (d("2020-02-20"), 2, d("2020-02-22"), "recorded"),
    ]
    slip = Slip.objects.get(gate=gate("beta"), due_on="2020-02-01")
    assert gate("beta").moves.get().slip == slip
    assert slip.note == "later"


def test_a_change_on_or_after_the_actual_day_is_a_note() -> None:
    load(*ROWS)
    before = kernel().event_number
    load_changes(
        change("rc", "2020-02-15", "2020-02-15", "2020-02-16", "actual date recorded"),
        change("rc", "2020-06-01", "2020-02-16", "2020-02-17", "actual date recorded"),
    )
    assert gate("rc").due_on == d("2020-02-15")
    assert not ledger(gate("rc"))
    assert not misses(gate("rc"))
    assert event_kinds(kernel(), since=before) == [EventKind.RELEASE_IMPORTED]


def test_a_typing_error_makes_no_ledger_row() -> None:
    load(*ROWS)
    load_changes(
        change("rc", "2020-01-05", "2020-02-15", "2019-02-15", "typing error: wrong year"),
        change("rc", "2020-01-20", "2019-02-15", "2020-02-15", "Typing error: mended"),
    )
    assert not ledger(gate("rc"))
    assert not misses(gate("rc"))


def test_changes_of_one_day_count_in_the_order_of_the_file() -> None:
    load(*ROWS)
    load_changes(
        change("beta", "2020-01-20", "2020-02-01", "2020-02-10", "first"),
        change("beta", "2020-01-20", "2020-02-10", "2020-02-20", "second"),
    )
    assert list(gate("beta").moves.order_by("pk").values_list("reason", flat=True)) == ["first", "second"]
    assert ledger(gate("beta"))[-1][2] == d("2020-02-20")


def test_a_change_leads_on_from_the_plan_of_an_open_milestone() -> None:
    load(*ROWS)
    outcome = load_changes(
        change("final", "2020-03-01", "2020-03-10", "2020-03-20"),
        change("final", "2020-03-15", "2020-03-20", "2020-04-02"),
    )
    assert not outcome.notes
    assert gate("final").due_on == kernel().target_on == d("2020-04-02")
    assert kernel().slip_days == 23
    with nothing_changes():
        load(*ROWS)


def test_a_change_that_does_not_agree_is_named_by_line_and_kept() -> None:
    load(*ROWS)
    outcome = load_changes(
        change("beta", "2020-01-20", "2020-02-01", "2020-02-20"),
        change("final", "2020-02-20", "2020-03-15", "2020-03-20"),
    )
    assert outcome.notes == [
        "line 3: Kernel 1.0 final: old_date is 2020-03-15, but the plan in force on 2020-02-20 was 2020-03-10"
    ]
    assert ledger(gate("final")) == [
        (d("2020-02-20"), d("2020-03-10"), d("2020-03-15")),
        (d("2020-02-20"), d("2020-03-15"), d("2020-03-20")),
    ]


def test_a_change_that_leads_past_the_plan_on_the_eve_is_named_and_the_figures_stay() -> None:
    load(*ROWS)
    before = slip_figures()
    outcome = load_changes(change("rc", "2020-01-20", "2020-02-15", "2020-02-10"))
    plan = "the plan in force on the eve of 2020-02-15 is 2020-02-15"
    assert outcome.notes == [f"line 2: Kernel 1.0 rc: leads to 2020-02-10, but {plan}"]
    assert gate("rc").due_on == d("2020-02-15")
    assert slip_figures() == before


def test_a_running_release_has_no_schedule_changes_from_files(cast: Cast) -> None:
    active_release(cast, "2.0")
    row = change("market-opportunity", "2026-01-10", "2026-02-04", "2026-03-01", product="Router", release="2.0")
    with nothing_changes(), pytest.raises(Refused) as refused:
        load_changes(row)
    assert [(f.field, f.code) for f in refused.value.fields] == [("line 2", "unknown_release")]


@pytest.mark.postgres
def test_the_ledger_of_running_releases_stays_append_only(cast: Cast) -> None:
    """Rows of recorded history follow from facts in the log and may be worked out again; others may not."""
    release = active_release(cast, "2.0")
    dates = {"market-opportunity": day(40)}
    replan_release(release_id=release.pk, actor=cast.pm, dates=dates, reason="Trade fair moved", clock=at(1))
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        DateMove.objects.filter(release=release).delete()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        DateMove.objects.filter(release=release).update(reason="")
    assert DateMove.objects.filter(release=release).exists()


def test_loading_changes_twice_changes_nothing() -> None:
    rows = (
        change("beta", "2020-02-05", "2020-02-01", "2020-02-20"),
        change("rc", "2020-06-01", "2020-02-15", "2020-02-17"),
        change("rc", "2020-01-05", "2020-02-15", "2019-02-15", "typing error"),
    )
    load(*ROWS)
    load_changes(*rows, clock=fixed_clock(datetime(2026, 1, 1, tzinfo=UTC)))
    with nothing_changes():
        outcome = load_changes(*rows, clock=fixed_clock(datetime(2027, 1, 1, tzinfo=UTC)))
    assert (outcome.changed, outcome.unchanged) == (0, 1)


def test_changes_may_come_in_several_files_in_any_order() -> None:
    first = change("final", "2020-02-01", "2020-03-10", "2020-03-15")
    second = change("final", "2020-02-20", "2020-03-15", "2020-03-20")
    load(*ROWS)
    load_changes(second)
    load_changes(first)
    assert ledger(gate("final")) == [
        (d("2020-02-01"), d("2020-03-10"), d("2020-03-15")),
        (d("2020-02-20"), d("2020-03-15"), d("2020-03-20")),
    ]


def test_a_reason_that_was_corrected_replaces_the_one_before() -> None:
    load(*ROWS)
    load_changes(change("beta", "2020-01-20", "2020-02-01", "2020-02-20", "no reason given"))
    load_changes(change("beta", "2020-01-20", "2020-02-01", "2020-02-20", "driver was late"))
    assert [move.reason for move in gate("beta").moves.all()] == ["driver was late"]


def test_the_actual_date_that_comes_later_turns_a_move_into_a_note() -> None:
    load(*ROWS)
    load_changes(change("final", "2020-03-18", "2020-03-10", "2020-03-20"))
    assert misses(gate("final")) == [(d("2020-03-10"), 10, d("2020-03-18"), "replan")]
    load(*ROWS[:2], milestone(3, "final", "2020-03-10", "2020-03-10", "2020-03-17"))
    assert not ledger(gate("final"))
    assert misses(gate("final")) == [(d("2020-03-10"), 7, d("2020-03-17"), "recorded")]


def test_a_milestone_may_be_dropped_and_come_back() -> None:
    load(milestone(1, "final", "2020-03-10", "2020-03-20", "2020-03-20"))
    load_changes(
        change("final", "2020-01-10", "2020-03-10", None, "dropped"),
        change("final", "2020-02-10", None, "2020-03-20", "back"),
    )
    assert ledger(gate("final")) == [
        (d("2020-01-10"), d("2020-03-10"), None),
        (d("2020-02-10"), None, d("2020-03-20")),
    ]


@pytest.mark.parametrize("product", PRODUCTS)
def test_the_fixtures_changes_agree_and_change_no_figure(product: str, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("import_releases", str(DATA / f"{product}_releases.csv"))
    before, due = slip_figures(), dict(Gate.objects.values_list("pk", "due_on"))
    capsys.readouterr()
    call_command("import_schedule_changes", str(DATA / f"{product}_schedule_changes.csv"))
    said = capsys.readouterr()
    assert not [line for line in said.err.splitlines() if line.startswith("line")]
    assert slip_figures() == before
    assert dict(Gate.objects.values_list("pk", "due_on")) == due
    with nothing_changes():
        call_command("import_schedule_changes", str(DATA / f"{product}_schedule_changes.csv"))
        call_command("import_releases", str(DATA / f"{product}_releases.csv"))
    assert "was known already" in capsys.readouterr().out


def test_a_schedule_that_was_re_planned_again_and_again() -> None:
    """CPython 3.2: typing errors of a year, re-plans after the due day, notes years later."""
    for command in ("import_releases", "import_schedule_changes"):
        file = {"import_releases": "releases", "import_schedule_changes": "schedule_changes"}[command]
        call_command(command, str(DATA / f"python_{file}.csv"))
    final = gate("final", "3.2", "CPython")
    assert ledger(final) == [
        (d("2010-10-10"), d("2011-01-15"), d("2011-01-22")),
        (d("2010-11-06"), d("2011-01-22"), d("2011-02-05")),
        (d("2011-01-11"), d("2011-02-05"), d("2011-02-12")),
        (d("2011-02-13"), d("2011-02-12"), d("2011-02-19")),
    ]
    assert misses(final) == [
        (d("2011-02-12"), 7, d("2011-02-13"), "replan"),
        (d("2011-02-19"), 1, d("2011-02-20"), "recorded"),
    ]
    assert (final.release.baseline_on, final.release.slip_days) == (d("2010-12-11"), 71)


def test_notes_come_on_standard_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    load(*ROWS)
    path = tmp_path / "changes.csv"
    path.write_bytes(csv_bytes(CHANGE_COLUMNS, [change("rc", "2020-01-20", "2020-02-15", "2020-02-10")]))
    call_command("import_schedule_changes", str(path), dry_run=True)
    said = capsys.readouterr()
    assert said.err.splitlines()[-1].startswith("line 2: Kernel 1.0 rc: leads to 2020-02-10")
    assert "Dry run" in said.out
    assert not ledger(gate("rc"))
