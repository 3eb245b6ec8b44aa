"""The portfolio as a table: the filtered set, every row."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from approvals.pages.rows import health_of
from gatekeeper.dashboard.queries import portfolio
from releases import rules
from releases.models import Playbook, Release
from releases.querysets import ReleaseQuerySet

CHUNK = 500
HEAD = (
    "product line", "product", "version", "theme", "product manager", "playbook", "state", "health", "health reason",
    "baseline", "target", "slip days", "held days", "released", "open slips", "current gate", "current gate state",
    "current gate due",
)  # fmt: skip
HISTORY_HEAD = (
    "product line", "product", "version", "theme", "playbook", "milestones", "recorded", "slipped", "slip days",
    "missed", "missed days", "baseline", "target", "released", "release slip days",
)  # fmt: skip


def gate_columns(found: ReleaseQuerySet) -> list[tuple[str, str]]:
    """(key, name) of every gate of the playbooks in use, in their order."""
    names: dict[str, str] = {}
    for playbook in Playbook.objects.filter(pk__in=found.order_by().values("playbook")).order_by("slug", "version"):
        for gate in playbook.definition["gates"]:
            names.setdefault(gate["key"], gate["name"])
    return list(names.items())


def release_rows(found: ReleaseQuerySet, today: date) -> Iterator[Sequence[Any]]:
    """The head, then a row a release: its facts, and state, due and decided day of each gate."""
    gates = gate_columns(found)
    yield [*HEAD, *(f"{name} {what}" for _key, name in gates for what in ("state", "due", "decided"))]
    for release in _streamed(found):
        board = {cell.key: cell for cell in rules.cells(release.board)}
        current = board.get(release.current_gate)
        health = health_of(release, today, current.name if current else "")
        yield [
            *_beginning(release),
            str(release.owner or ""),
            release.playbook.slug,
            release.state,
            health.value,
            health.reason,
            release.baseline_on,
            release.target_on,
            release.slip_days,
            release.held_days,
            release.released_on,
            release.open_slips,
            release.current_gate,
            release.current_state,
            release.next_due_on,
            *(value for key, _name in gates for value in _gate_cells(board.get(key))),
        ]


def history_rows(found: ReleaseQuerySet) -> Iterator[Sequence[Any]]:
    """The head, then a row a recorded release."""
    yield HISTORY_HEAD
    for release in _streamed(found):
        (row,) = portfolio.history_rows([release])
        yield [
            *_beginning(release),
            release.playbook.slug,
            row.milestones,
            row.recorded,
            row.slipped,
            row.slip_days,
            row.missed,
            row.missed_days,
            release.baseline_on,
            release.target_on,
            release.released_on,
            release.slip_days,
        ]


def _beginning(release: Release) -> tuple[str, ...]:
    return str(release.product.line), release.product.name, release.version, release.name


def _gate_cells(cell: rules.BoardCell | None) -> tuple[str, str, str]:
    if cell is None:
        return "", "", ""
    return cell.state, cell.due_on or "", cell.decided_on or ""


def _streamed(found: ReleaseQuerySet) -> Iterator[Release]:
    query = found.select_related("product", "product__line", "owner", "playbook").defer("playbook__definition")
    return iter(query.iterator(CHUNK))
