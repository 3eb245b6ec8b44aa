"""Importing recorded releases: what is stored, that a second import changes nothing, what a changed file changes."""

import io
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from django.core.management import call_command

from gatekeeper.common.clock import Clock, fixed_clock
from gatekeeper.common.errors import Refused
from releases.actions.history import import_releases
from releases.importing import RELEASE_COLUMNS, read_releases
from releases.kinds import EventKind, GateState, MoveKind, PlaybookKind, ReleaseState
from releases.models import DateMove, Event, Gate, Organisation, Playbook, Product, ProductLine, Release, Slip
from releases.rules import cells
from tests.cast import SMALL_PLAYBOOK, Cast, active_release, event_kinds, make_playbook, nothing_changes
from tests.releases.history_files import (
    DATA,
    csv_bytes,
    gate,
    kernel,
    ledger,
    load,
    load_changes,
    milestone,
    misses,
)
from tests.releases.history_files import change as changed

pytestmark = pytest.mark.usefixtures("invariants")

ROWS = (
    milestone(1, "alpha 1", "2020-01-10", "2020-01-10", "2020-01-12"),
    milestone(2, "Code Freeze", "2020-02-01", "2020-02-08", None),
    milestone(3, "v1.0.0-rc.1", None, None, "2020-03-01"),
    milestone(4, "v1.0.0 release", "2020-03-10", "2020-03-20", "2020-03-24"),
)


def at(day: str) -> Clock:
    return fixed_clock(datetime.fromisoformat(f"{day}T12:00:00").replace(tzinfo=UTC))


def d(text: str) -> date:
    return date.fromisoformat(text)


# --- What is stored -------------------------------------------------------------------------------------------------


def test_a_release_becomes_recorded_history() -> None:
    outcome = load(*ROWS)
    assert (outcome.made, outcome.changed, outcome.unchanged, outcome.rows) == (1, 0, 0, 4)
    release = kernel()
    assert (release.kind, release.state, release.owner) == (PlaybookKind.HISTORY, ReleaseState.RECORDED, None)
    assert (release.baseline_on, release.target_on, release.released_on) == (
        d("2020-03-10"), d("2020-03-20"), d("2020-03-24"),
    )  # fmt: skip
    assert release.slip_days == 14
    assert release.revision == 1
    assert release.product.owner is None
    assert release.product.line.name == "Recorded history"
    assert [(g.key, g.state) for g in release.gates.all()] == [
        ("alpha-1", GateState.RECORDED), ("code-freeze", GateState.NOT_RECORDED), ("rc-1", GateState.RECORDED),
        ("release", GateState.RECORDED),
    ]  # fmt: skip
    assert [cell.name for cell in cells(release.board)] == ["alpha 1", "Code Freeze", "rc.1", "release"]
    assert [cell.slips for cell in cells(release.board)] == [1, 0, 0, 1]


def test_the_plan_in_force_is_the_due_date_and_a_late_milestone_is_a_slip() -> None:
    load(*ROWS)
    alpha, release = gate("alpha-1"), gate("release")
    assert (alpha.baseline_due_on, alpha.due_on, alpha.decided_on) == (
        d("2020-01-10"),
        d("2020-01-10"),
        d("2020-01-12"),
    )
    assert not ledger(alpha)
    assert misses(alpha) == [(d("2020-01-10"), 2, d("2020-01-12"), "recorded")]
    assert ledger(release) == [(d("2020-03-10"), d("2020-03-10"), d("2020-03-20"))]
    assert misses(release) == [(d("2020-03-20"), 4, d("2020-03-24"), "recorded")]
    assert set(Slip.objects.values_list("cause", flat=True)) == {"recorded"}
    assert set(DateMove.objects.values_list("kind", flat=True)) == {MoveKind.RECORDED}


def test_a_milestone_without_an_actual_date_is_not_recorded_and_never_missed() -> None:
    load(*ROWS)
    freeze = gate("code-freeze")
    assert (freeze.state, freeze.due_on, freeze.decided_on) == (GateState.NOT_RECORDED, d("2020-02-08"), None)
    assert not misses(freeze)


def test_events_tell_the_day_it_happened_in_order_of_time() -> None:
    load(*ROWS, clock=at("2026-11-20"))
    told = Event.objects.filter(release=kernel()).order_by("number")
    assert event_kinds(kernel())[0] == EventKind.RELEASE_IMPORTED
    happened = [(e.kind, e.about["gate"], e.effective_on.isoformat()) for e in told if e.number > 1]
    assert happened == [
        (EventKind.GATE_MISSED, "alpha-1", "2020-01-11"),
        (EventKind.GATE_RECORDED, "alpha-1", "2020-01-12"),
        (EventKind.SLIP_SETTLED, "alpha-1", "2020-01-12"),
        (EventKind.GATE_DUE_CHANGED, "code-freeze", "2020-02-01"),
        (EventKind.GATE_RECORDED, "rc-1", "2020-03-01"),
        (EventKind.GATE_DUE_CHANGED, "release", "2020-03-10"),
        (EventKind.GATE_MISSED, "release", "2020-03-21"),
        (EventKind.GATE_RECORDED, "release", "2020-03-24"),
        (EventKind.SLIP_SETTLED, "release", "2020-03-24"),
    ]
    assert {e.recorded_at for e in told} == {datetime(2026, 11, 20, 12, tzinfo=UTC)}
    assert {e.actor for e in told} == {None}
    moves = {m.gate.key: m.event_number for m in DateMove.objects.select_related("gate") if m.gate}
    assert {told.get(number=n).about["gate"] for n in moves.values()} == set(moves)


def test_a_playbook_is_made_of_the_milestones() -> None:
    load(*ROWS, milestone(1, "alpha 1", release="1.1"), milestone(2, "alpha 2", release="1.1"),
         milestone(3, "v1.1.0 release", release="1.1"))  # fmt: skip
    playbook = Playbook.objects.get(slug="kernel-milestones")
    assert (playbook.kind, playbook.version) == (PlaybookKind.HISTORY, 1)
    keys = [row["key"] for row in playbook.definition["gates"]]
    assert sorted(keys) == ["alpha-1", "alpha-2", "code-freeze", "rc-1", "release"]
    assert not any(row["roles"] for row in playbook.definition["gates"])
    assert set(Release.objects.values_list("playbook", flat=True)) == {playbook.pk}


def test_a_new_milestone_makes_a_new_version_and_old_releases_keep_theirs() -> None:
    load(*ROWS)
    load(milestone(1, "alpha 1", release="1.1"), milestone(2, "v1.1.0 release", release="1.1"))
    assert Playbook.objects.filter(slug="kernel-milestones").count() == 1
    load(milestone(1, "Test Freeze", release="1.2"))
    assert [kernel(v).playbook.version for v in ("1.0", "1.1", "1.2")] == [1, 1, 2]


@pytest.mark.parametrize(
    ("names", "target"),
    [
        (("alpha", "final"), 2),
        (("Press release", "v1.0.0 release"), 2),
        (("alpha", "beta"), None),
    ],
)
def test_the_releases_dates_are_those_of_general_availability(names: tuple[str, ...], target: int | None) -> None:
    load(*(milestone(n, name, f"2020-01-0{n}", f"2020-01-0{n}", f"2020-02-0{n}") for n, name in enumerate(names, 1)))
    release = kernel()
    assert (release.target_on, release.released_on) == (
        (d(f"2020-01-0{target}"), d(f"2020-02-0{target}")) if target else (None, None)
    )
    assert release.slip_days == (31 if target else 0)


def test_two_candidates_for_the_release_are_noted() -> None:
    outcome = load(milestone(1, "Press release"), milestone(2, "v1.0.0 release"))
    assert outcome.notes == ["line 3: Kernel 1.0: 2 milestones could be the release; taken: v1.0.0 release"]


def test_milestones_that_would_share_a_key_are_told_apart_and_noted() -> None:
    outcome = load(milestone(1, "v1.0.0-rc.1", "2020-01-01"), milestone(2, "v1.0.1-rc.1", "2020-01-02"))
    assert [g.key for g in kernel().gates.all()] == ["v1-0-0-rc-1", "v1-0-1-rc-1"]
    assert outcome.notes == ["Kernel 1.0: keys with the version number for v1.0.0-rc.1 (line 2), v1.0.1-rc.1 (line 3)"]
    with nothing_changes():
        load(milestone(1, "v1.0.0-rc.1", "2020-01-01"), milestone(2, "v1.0.1-rc.1", "2020-01-02"))


def test_an_actual_date_that_has_not_come_is_noted() -> None:
    outcome = load(milestone(1, "alpha", actual="2026-11-21"), clock=at("2026-11-20"))
    assert outcome.notes == ["line 2: Kernel 1.0 alpha: 2026-11-21 has not come yet"]


def test_dates_out_of_order_and_positions_with_holes_are_kept() -> None:
    load(milestone(40, "alpha", "2020-05-01"), milestone(7, "beta", "2020-01-01", "2020-01-01", "1990-01-01"))
    assert list(kernel().gates.values_list("position", "key")) == [(7, "beta"), (40, "alpha")]


def test_a_release_may_have_very_many_milestones() -> None:
    load(*(milestone(n, f"step {n}", "2020-01-01", "2020-01-01", "2020-01-02") for n in range(1, 301)))
    assert (kernel().gates.count(), Slip.objects.count(), len(kernel().board)) == (300, 300, 300)


@pytest.mark.parametrize("name", ["C++", "内核", "Ärger & Söhne", "a" * 120])
def test_any_product_name_gets_a_short_name_of_its_own(name: str) -> None:
    load(milestone(1, "alpha", product=name), milestone(1, "alpha", product="C"), milestone(1, "alpha", product="c "))
    assert Product.objects.count() == len({name, "C", "c"})
    assert len(set(Product.objects.values_list("slug", flat=True))) == Product.objects.count()
    assert Playbook.objects.count() == Product.objects.count()
    assert ProductLine.objects.count() == 1


def test_releases_whose_rows_are_mixed_are_whole() -> None:
    load(
        milestone(1, "alpha", release="1.0"),
        milestone(1, "alpha", release="1.1"),
        milestone(2, "beta", release="1.0"),
        milestone(2, "beta", release="1.1", product="Other"),
    )
    assert [str(r) for r in Release.objects.order_by("pk")] == ["Kernel 1.0", "Kernel 1.1", "Other 1.1"]
    assert kernel().gates.count() == 2


# --- Beside running releases ----------------------------------------------------------------------------------------


def test_recorded_releases_may_stand_beside_running_ones(cast: Cast) -> None:
    active_release(cast, "2.0")
    load(milestone(1, "final", "2020-01-01", product="Router", release="1.0"))
    assert set(cast.product.releases.values_list("version", "kind")) == {("1.0", "history"), ("2.0", "gates")}
    assert Product.objects.count() == 1


def test_a_version_of_a_running_release_is_refused_by_line(cast: Cast) -> None:
    active_release(cast, "2.0")
    with nothing_changes(), pytest.raises(Refused) as refused:
        load(
            milestone(1, "final", product="Router", release="1.0"),
            milestone(1, "final", product="Router", release="2.0"),
        )
    assert [(f.field, f.code) for f in refused.value.fields] == [("line 3", "version_taken")]


def test_a_playbook_of_gates_with_the_same_short_name_is_left_alone() -> None:
    make_playbook(SMALL_PLAYBOOK | {"slug": "kernel-milestones"})
    load(*ROWS)
    assert kernel().playbook.slug == "kernel-milestones-2"


# --- Again ----------------------------------------------------------------------------------------------------------


def test_a_second_import_changes_nothing_on_any_day() -> None:
    load(*ROWS, milestone(5, "next", "2030-01-01", "2030-02-01"), clock=at("2026-11-20"))
    with nothing_changes():
        outcome = load(*ROWS, milestone(5, "next", "2030-01-01", "2030-02-01"), clock=at("2027-03-01"))
    assert (outcome.made, outcome.changed, outcome.unchanged) == (0, 0, 1)


def test_a_dry_run_tells_the_same_and_stores_nothing() -> None:
    table = read_releases(io.BytesIO(csv_bytes(RELEASE_COLUMNS, ROWS)))
    Organisation.objects.get_or_create(pk=1)
    with nothing_changes():
        outcome = import_releases(table=table, is_dry_run=True)
    assert (outcome.made, outcome.moves, outcome.misses) == (1, 2, 2)


def test_an_actual_date_that_came_is_recorded() -> None:
    load(*ROWS, clock=at("2020-02-01"))
    before = kernel().event_number
    outcome = load(*ROWS[:1], milestone(2, "Code Freeze", "2020-02-01", "2020-02-08", "2020-02-10"), *ROWS[2:])
    assert (outcome.changed, outcome.unchanged) == (1, 0)
    freeze = gate("code-freeze")
    assert (freeze.state, freeze.decided_on) == (GateState.RECORDED, d("2020-02-10"))
    assert misses(freeze) == [(d("2020-02-08"), 2, d("2020-02-10"), "recorded")]
    assert event_kinds(kernel(), since=before) == [
        EventKind.RELEASE_IMPORTED, EventKind.GATE_MISSED, EventKind.GATE_RECORDED, EventKind.SLIP_SETTLED,
    ]  # fmt: skip
    assert kernel().revision == 2


def test_a_plan_that_changed_while_it_was_open_is_a_move_of_that_day() -> None:
    load(milestone(1, "final", "2020-03-01", "2020-03-01"), clock=at("2020-02-01"))
    load(milestone(1, "final", "2020-03-01", "2020-03-15"), clock=at("2020-02-10"))
    load(milestone(1, "final", "2020-03-01", "2020-04-01"), clock=at("2020-03-20"))
    assert ledger(gate("final")) == [
        (d("2020-02-10"), d("2020-03-01"), d("2020-03-15")),
        (d("2020-03-20"), d("2020-03-15"), d("2020-04-01")),
    ]
    assert misses(gate("final")) == [(d("2020-03-15"), 17, d("2020-03-20"), "replan")]
    assert kernel().target_on == d("2020-04-01")
    with nothing_changes():
        load(milestone(1, "final", "2020-03-01", "2020-04-01"), clock=at("2020-05-01"))


def test_a_plan_that_goes_back_and_forth_in_one_day_ends_at_the_last() -> None:
    load(milestone(1, "final", "2020-03-01", "2020-03-01"), clock=at("2020-02-01"))
    for current in ("2020-03-15", "2020-03-01", "2020-03-15"):
        load(milestone(1, "final", "2020-03-01", current), clock=at("2020-02-10"))
        assert gate("final").due_on == d(current)
        with nothing_changes():
            load(milestone(1, "final", "2020-03-01", current), clock=at("2020-02-10"))


def test_a_plan_that_changed_after_it_happened_is_a_correction() -> None:
    load(milestone(1, "final", "2020-03-01", "2020-03-10", "2020-03-12"))
    load(milestone(1, "final", "2020-03-01", "2020-03-05", "2020-03-12"))
    assert ledger(gate("final")) == [(d("2020-03-01"), d("2020-03-01"), d("2020-03-05"))]
    assert misses(gate("final")) == [(d("2020-03-05"), 7, d("2020-03-12"), "recorded")]
    told = Event.objects.filter(release=kernel(), kind=EventKind.RELEASE_IMPORTED).latest("number").payload
    assert told["withdrawn"] == [["final", "2020-03-10"]]
    assert len(told["superseded"]) == 1


def test_an_actual_date_that_was_taken_back_is_not_recorded_any_more() -> None:
    load(milestone(1, "final", "2020-03-01", "2020-03-01", "2020-03-12"))
    load(milestone(1, "final", "2020-03-01", "2020-03-01"))
    assert gate("final").state == GateState.NOT_RECORDED
    assert not misses(gate("final"))
    assert kernel().released_on is None


def test_a_milestone_that_is_not_in_the_file_any_more_stays_and_is_named() -> None:
    load(*ROWS)
    outcome = load(*ROWS[1:], milestone(1, "beta 1", "2020-01-20"))
    assert outcome.notes == ["Kernel 1.0: not in this file, kept as recorded: alpha 1"]
    assert list(kernel().gates.values_list("key", "position")) == [
        ("beta-1", 1), ("code-freeze", 2), ("rc-1", 3), ("release", 4), ("alpha-1", 5),
    ]  # fmt: skip
    with nothing_changes():
        load(*ROWS[1:], milestone(1, "beta 1", "2020-01-20"))


def test_positions_and_names_may_change_places() -> None:
    load(milestone(1, "alpha"), milestone(2, "beta"), milestone(3, "v1.0.0 release"))
    load(
        milestone(2, "alpha"), milestone(1, "beta"), milestone(3, "Kernel 1.0 release"), milestone(4, "v1.0.1 release")
    )
    assert list(kernel().gates.values_list("position", "key", "name")) == [
        (1, "beta", "beta"), (2, "alpha", "alpha"), (3, "kernel-release", "Kernel 1.0 release"),
        (4, "release", "v1.0.1 release"),
    ]  # fmt: skip


def test_a_source_that_changed_is_kept_without_touching_dates() -> None:
    load(milestone(1, "final", "2020-03-01", "2020-03-01"))
    outcome = load(milestone(1, "final", "2020-03-01", "2020-03-01", source="better notes"))
    assert outcome.changed == 1
    assert event_kinds(kernel(), since=1) == [EventKind.RELEASE_IMPORTED]


def test_loading_the_releases_again_keeps_what_the_changes_said() -> None:
    load(*ROWS)
    load_changes(changed("v1.0.0 release", "2020-02-15", "2020-03-10", "2020-03-20"))
    with nothing_changes():
        load(*ROWS)
    load(*ROWS[:3], milestone(4, "v1.0.0 release", "2020-03-10", "2020-03-20", "2020-03-25"))
    assert ledger(gate("release")) == [(d("2020-02-15"), d("2020-03-10"), d("2020-03-20"))]
    assert misses(gate("release")) == [(d("2020-03-20"), 5, d("2020-03-25"), "recorded")]


# --- The command ----------------------------------------------------------------------------------------------------


def test_the_command_says_what_it_did(capsys: pytest.CaptureFixture[str]) -> None:
    for file in ("kubernetes_releases.csv", "python_releases.csv"):
        call_command("import_releases", str(DATA / file))
    said = capsys.readouterr()
    assert "50 milestones of 3 releases: 3 new, 0 changed, 0 unchanged" in said.out
    assert "3 of 3 releases: CPython 3.15" in said.err
    with nothing_changes():
        call_command("import_releases", str(DATA / "kubernetes_releases.csv"))
    assert "Nothing changed: all of 50 milestones of 3 releases was recorded already." in capsys.readouterr().out


def test_the_command_can_only_try(capsys: pytest.CaptureFixture[str]) -> None:
    Organisation.objects.get_or_create(pk=1)
    with nothing_changes():
        call_command("import_releases", str(DATA / "python_releases.csv"), dry_run=True)
    assert "42 milestones of 3 releases: 3 new" in (out := capsys.readouterr().out)
    assert "Dry run: nothing was stored." in out


def test_notes_come_on_standard_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "releases.csv"
    path.write_bytes(csv_bytes(RELEASE_COLUMNS, [milestone(1, "Press release"), milestone(2, "final")]))
    call_command("import_releases", str(path))
    assert "2 milestones could be the release; taken: final" in capsys.readouterr().err


def test_the_fixture_is_stored_whole() -> None:
    call_command("import_releases", str(DATA / "kubernetes_releases.csv"))
    assert Gate.objects.filter(release__product__slug="kubernetes").count() == 50
    release = Release.objects.get(product__name="Kubernetes", version="1.19")
    assert (release.baseline_on, release.released_on) == (d("2020-06-30"), d("2020-08-26"))
    assert release.gates.get(key="rc-1").name == "v1.19.0-rc.1"
