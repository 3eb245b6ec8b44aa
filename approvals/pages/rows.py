"""A release as a row of a list, from its summary columns alone: a list of any length costs one query."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from releases import rules
from releases.kinds import PASSED, GateState, PlaybookKind
from releases.models import Release
from releases.working_days import organisation_calendar

# More gates than this are told in words: twenty icons in a cell say nothing.
MOST_ICONS = 9
STATE_WORDS = {
    "none": "Not started",
    "prep": "Preparing",
    "rev": "Waiting for decision",
    "ok": "Approved",
    "cond": "Approved with conditions",
    "dec": "Declined",
    "late": "Late",
    "na": "Waived",
}


@dataclass(frozen=True)
class Mark:
    """One gate as an icon: its display state and its full words."""

    state: str
    label: str


@dataclass(frozen=True)
class ReleaseRow:
    """What a list shows of a release."""

    release: Release
    health: rules.HealthMark
    marks: tuple[Mark, ...]
    passed: int
    total: int
    current_name: str
    current_due_on: date | None
    current_state: str


def health_of(release: Release, today: date, current_name: str = "") -> rules.HealthMark:
    """The release's health with its reason."""
    if release.is_history:
        return rules.HealthMark(release.state, "Recorded history: no gates to decide")
    return rules.health(
        state=release.state,
        today=today,
        slip_days=release.slip_days,
        open_slips=release.open_slips,
        current_gate=current_name or release.current_gate.replace("-", " ").capitalize(),
        current_state=release.current_state,
        next_due_on=release.next_due_on,
        is_quorum_unreachable=release.is_quorum_unreachable,
        state_reason=release.state_reason,
        target_on=release.target_on,
        p50_on=release.p50_on,
        calendar=organisation_calendar(),
    )


def mark_of(cell: rules.BoardCell, today: date, is_running: bool) -> Mark:
    """A gate's icon in a row."""
    state = rules.display_state(
        cell.state, due_on=cell.due_day, today=today, conditions=cell.conditions, is_running=is_running
    )
    words = STATE_WORDS[state]
    if cell.state == GateState.RECORDED:
        words = "Recorded"
    elif cell.state == GateState.NOT_RECORDED:
        words = "Not recorded"
    elif state == "late" and cell.due_day is not None:
        words = f"Late, {(today - cell.due_day).days} d"
    return Mark(state, f"{cell.name}: {words}")


def release_rows(releases: Iterable[Release], today: date) -> list[ReleaseRow]:
    """Rows of releases that were fetched with `for_board()`."""
    rows = []
    for release in releases:
        cells = rules.cells(release.board)
        names = {cell.key: cell.name for cell in cells}
        marks = tuple(mark_of(cell, today, release.is_running) for cell in cells)
        current = next((m for c, m in zip(cells, marks, strict=True) if c.key == release.current_gate), None)
        is_history = release.kind == PlaybookKind.HISTORY
        done = (GateState.RECORDED,) if is_history else PASSED
        rows.append(
            ReleaseRow(
                release=release,
                health=health_of(release, today, names.get(release.current_gate, "")),
                marks=marks if len(marks) <= MOST_ICONS and not is_history else (),
                passed=sum(cell.state in done for cell in cells),
                total=len(cells),
                current_name=names.get(release.current_gate, ""),
                current_due_on=release.next_due_on,
                current_state=current.state if current else "",
            )
        )
    return rows
