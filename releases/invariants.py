"""Recompute what is stored of releases and gates, and name every difference."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from itertools import pairwise

from gatekeeper.common.invariants import Difference
from releases.kinds import PASSED, GateState, PlaybookKind, ReleaseState
from releases.locking import summary
from releases.models import Baseline, DateMove, Gate, Hold, Release, Slip

BATCH = 500


def check_releases() -> Iterator[Difference]:
    """Summaries, order of gates, dates against the ledger, slips against the facts. Memory is flat in releases."""
    last = 0
    while True:
        batch = list(Release.objects.filter(pk__gt=last).select_related("product").order_by("pk")[:BATCH])
        if not batch:
            return
        last = batch[-1].pk
        gates: dict[int, list[Gate]] = defaultdict(list)
        for gate in Gate.objects.filter(release__in=batch).order_by("release", "position"):
            gates[gate.release_id].append(gate)
        slips: dict[int, list[Slip]] = defaultdict(list)
        for slip in Slip.objects.filter(release__in=batch):
            slips[slip.release_id].append(slip)
        moves: dict[int, list[DateMove]] = defaultdict(list)
        for move in DateMove.objects.filter(release__in=batch).order_by("pk"):
            moves[move.release_id].append(move)
        baselines: dict[int, list[Baseline]] = defaultdict(list)
        for baseline in Baseline.objects.filter(release__in=batch).order_by("number"):
            baselines[baseline.release_id].append(baseline)
        held: dict[int, int] = defaultdict(int)
        for hold in Hold.objects.filter(release__in=batch, resumed_on__isnull=False):
            assert hold.resumed_on is not None
            held[hold.release_id] += max(0, (hold.resumed_on - hold.held_on).days)
        for release in batch:
            yield from _check(release, gates[release.pk], slips[release.pk], moves[release.pk])
            if release.kind != PlaybookKind.HISTORY:
                rows = baselines[release.pk]
                yield from _check_dates(release, gates[release.pk], moves[release.pk], rows)
                # A hold that ended by cancelling was never resumed, so it moved nothing.
                counted = release.held_days + sum(row.held_days for row in rows)
                if release.state != ReleaseState.CANCELLED and counted != held[release.pk]:
                    yield Difference(
                        "held", str(release), f"counts {counted} days on hold, its holds give {held[release.pk]}"
                    )


def _check(release: Release, gates: list[Gate], slips: list[Slip], moves: list[DateMove]) -> Iterator[Difference]:
    name = str(release)
    counts: dict[int, int] = defaultdict(int)
    for slip in slips:
        counts[slip.gate_id] += 1
    expected = summary(release, gates, counts, [slip for slip in slips if slip.settled_at is None])
    for column, value in expected.items():
        stored = getattr(release, column)
        if stored != value:
            yield Difference("summary", name, f"{column} is {stored!r}, its gates and ledger give {value!r}")
    yield from _check_slips(name, gates, slips)
    if release.kind == PlaybookKind.HISTORY:
        for gate in gates:
            wanted = GateState.RECORDED if gate.decided_on else GateState.NOT_RECORDED
            if gate.state != wanted:
                yield Difference("history", f"{name}: {gate}", f"state is {gate.state}, its dates give {wanted}")
        return
    yield from _check_order(release, gates)
    yield from _check_in_force(name, slips, moves)
    yield from _check_sweep(release, gates, {(slip.gate_id, slip.due_on) for slip in slips})


def _check_order(release: Release, gates: list[Gate]) -> Iterator[Difference]:
    name = str(release)
    if release.state == ReleaseState.DRAFT:
        if gates:
            yield Difference("gates", name, "a draft has gates")
        return
    if not gates and release.activated_at is not None:
        yield Difference("gates", name, "an activated release has no gates")
    for before, after in pairwise(gates):
        if after.state != GateState.UPCOMING and before.state not in PASSED:
            yield Difference("order", f"{name}: {after}", f"is {after.state} while {before} is {before.state}")
    working = [gate for gate in gates if gate.is_undecided]
    if len(working) > 1:
        yield Difference("order", name, f"{len(working)} gates are worked on at once")
    if release.state in (ReleaseState.RELEASED, ReleaseState.CLOSED):
        rest = [gate.name for gate in gates if not gate.is_after_release and not gate.is_passed]
        if rest:
            yield Difference("released", name, f"is released while {rest[0]} is not passed")
        if release.released_on is None:
            yield Difference("released", name, "is released without a date")
    if release.state == ReleaseState.CLOSED and any(not gate.is_passed for gate in gates):
        yield Difference("closed", name, "is closed while a gate is not passed")
    if (
        release.state == ReleaseState.ACTIVE
        and not working
        and any(not gate.is_passed and not gate.is_after_release for gate in gates)
    ):
        yield Difference("order", name, "is active and no gate is open")  # fmt: skip


def _check_dates(
    release: Release, gates: list[Gate], moves: list[DateMove], baselines: list[Baseline]
) -> Iterator[Difference]:
    """A date never moves without a ledger row: the first baseline, then each row's `from` is the date before it.

    A later baseline is the plan as it stood when it was set, so far as the gate was not passed by then.
    """
    by_gate: dict[int | None, list[DateMove]] = defaultdict(list)
    for move in moves:
        by_gate[move.gate_id].append(move)
    numbers = [row.number for row in baselines]
    if numbers != list(range(1, len(numbers) + 1)):
        yield Difference("baseline", str(release), f"its old baselines are numbered {numbers}")
    chains: list[tuple[int | None, str, list[date | None], date | None]] = [
        (gate.pk, gate.name, [row.gate_days.get(gate.key) for row in baselines] + [gate.baseline_due_on], gate.due_on)
        for gate in gates
    ]
    if release.baseline_on is not None:
        days: list[date | None] = [row.baseline_on for row in baselines]
        chains.append((None, "target", [*days, release.baseline_on], release.target_on))
    for gate_id, name, committed, stored in chains:
        # A gate that a newer playbook brought has no day in the baselines before it.
        first = next((index for index, day in enumerate(committed) if day is not None), len(committed) - 1)
        day = committed[first]
        later = {baselines[index].event_number: committed[index + 1] for index in range(first, len(baselines))}
        kept = day
        steps: list[tuple[int, DateMove | None]] = [(move.event_number, move) for move in by_gate[gate_id]]
        steps += [(number, None) for number in later]
        for number, step in sorted(steps, key=lambda pair: pair[0]):
            if step is None:
                if later[number] not in (day, kept):
                    yield Difference(
                        "baseline", f"{release}: {name}", f"was set to {later[number]}, its ledger gave {day} then"
                    )
                kept = later[number]
                continue
            if step.from_on != day:
                yield Difference(
                    "ledger", f"{release}: {name}", f"a row moves it from {step.from_on}, it stood at {day}"
                )
            day = step.to_on
        if day != stored:
            yield Difference("ledger", f"{release}: {name}", f"stands at {stored}, its ledger gives {day}")


def _check_in_force(name: str, slips: list[Slip], moves: list[DateMove]) -> Iterator[Difference]:
    """A date can be missed only if it was in force when its day ended: not one that was set afterwards."""
    for slip in slips:
        for move in moves:
            if (move.gate_id, move.to_on) == (slip.gate_id, slip.due_on) and move.effective_on > slip.due_on:
                yield Difference("slip", name, f"{slip.due_on} was missed and set on {move.effective_on} only")


def _check_slips(name: str, gates: list[Gate], slips: list[Slip]) -> Iterator[Difference]:
    by_gate: dict[int, dict[object, Slip]] = defaultdict(dict)
    for slip in slips:
        by_gate[slip.gate_id][slip.due_on] = slip
    for gate in gates:
        found = by_gate[gate.pk]
        if gate.is_passed:
            assert gate.decided_on is not None
            assert gate.due_on is not None
            late = gate.decided_on > gate.due_on
            if late and gate.due_on not in found:
                yield Difference("slip", f"{name}: {gate}", f"was passed after {gate.due_on} without a slip")
            for slip in found.values():
                if slip.settled_at is None:
                    yield Difference("slip", f"{name}: {gate}", f"is passed, its slip of {slip.due_on} is not settled")
        for slip in found.values():
            if slip.settled_on is not None and slip.settled_on < slip.due_on and slip.cause != "recorded":
                yield Difference("slip", f"{name}: {gate}", f"the slip of {slip.due_on} was settled before that day")


def _check_sweep(release: Release, gates: list[Gate], missed: set[tuple[int, object]]) -> Iterator[Difference]:
    working = next((gate for gate in gates if not gate.is_passed), None)
    for gate in gates:
        is_watched = (
            gate is working and release.is_running and gate.is_undecided and (gate.pk, gate.due_on) not in missed
        )
        wanted = gate.due_on if is_watched else None
        if gate.sweep_on != wanted:
            yield Difference("sweep", f"{release}: {gate}", f"sweep_on is {gate.sweep_on}, its state gives {wanted}")
