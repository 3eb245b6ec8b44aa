"""What a verb would move, worked out without changing anything; tests hold each beside the verb itself."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from gatekeeper.common.calendars import add_months
from releases import rules
from releases.models import Gate, Release, Slip


def _target_move(release: Release, to_on: date) -> list[rules.Move]:
    if release.target_on is None or to_on == release.target_on:
        return []
    return [rules.Move(None, "Release", release.target_on, to_on, True)]


def assessment_moves(gates: Iterable[Gate], anchor: date) -> list[rules.Move]:
    """Gates after the release follow it by their months."""
    moves = []
    for gate in gates:
        if gate.offset_months is None or gate.is_passed or gate.is_pinned or gate.due_on is None:
            continue
        to_on = add_months(anchor, gate.offset_months)
        if to_on != gate.due_on:
            moves.append(rules.Move(gate.key, gate.name, gate.due_on, to_on, True))
    return moves


def resume_moves(release: Release, gates: Sequence[Gate], missed: Iterable[int], on: date) -> list[rules.Move]:
    """Resuming on a day: every unmissed due date and the target move by the days held. `missed`: ids of gates."""
    if release.held_on is None or release.target_on is None:
        return []
    shift = on - release.held_on
    if not shift:
        return []
    moves = [
        rules.Move(gate.key, gate.name, gate.due_on, gate.due_on + shift, True)
        for gate in gates
        if gate.due_on is not None
        and not gate.is_passed
        and gate.pk not in set(missed)
        and (gate.is_pinned or not gate.is_after_release)
    ]
    target_on = release.target_on + shift
    return [*moves, *_target_move(release, target_on), *assessment_moves(gates, target_on)]


def ship_moves(gates: Sequence[Gate], released_on: date) -> list[rules.Move]:
    """Releasing on a day fixes the assessment's date."""
    return assessment_moves(gates, released_on)


def correct_moves(gates: Sequence[Gate], missed: Iterable[int], released_on: date) -> list[rules.Move]:
    """A corrected release date moves an assessment that still runs and is not missed."""
    if any(gate.pk in set(missed) for gate in gates if gate.is_after_release):
        return []
    return assessment_moves(gates, released_on)


def missed_gates(release: Release) -> set[int]:
    """Ids of the gates with an unsettled miss."""
    return set(Slip.objects.filter(release=release).open().values_list("gate_id", flat=True))


@dataclass(frozen=True)
class MoveRow:
    """One date that would move, for the table of a preview."""

    name: str
    from_on: date
    to_on: date
    days: int
    is_cascade: bool


def rows(moves: Iterable[rules.Move]) -> list[MoveRow]:
    """Moves with their distance in calendar days."""
    return [MoveRow(m.name, m.from_on, m.to_on, (m.to_on - m.from_on).days, m.is_cascade) for m in moves]
