"""Releases as JSON, from the summary columns: a page of them costs a fixed number of queries."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from approvals import ports
from approvals.pages.releases import allowed_to
from approvals.pages.rows import health_of
from gatekeeper.accounts.models import Scope, User
from gatekeeper.common.api.shapes import DAY, FLAG, MOMENT, NUMBER, TEXT, an_object, listed, maybe, one_of, shape
from releases import rules
from releases.kinds import UNDECIDED, GateState, Health, ReleaseState
from releases.models import Gate, Playbook, Release
from releases.permissions import is_administrator, permissions_by_product, product_permissions

RELEASE_ACTIONS = ("activate", "edit", "cancel", "ship", "replan", "hold", "resume", "correct_date", "rebaseline")
GATE_IN_RELEASE = an_object(
    {
        "key": TEXT,
        "name": TEXT,
        "position": NUMBER,
        "state": one_of(GateState.values),
        "due_on": maybe(DAY),
        "baseline_due_on": maybe(DAY),
        "forecast_on": maybe(DAY),
        "decided_on": maybe(DAY),
        "days_late": NUMBER,
        "missed": FLAG,
    }
)
RELEASE = shape(
    "Release",
    {
        "product": TEXT,
        "version": TEXT,
        "name": TEXT,
        "state": one_of(ReleaseState.values),
        "health": an_object(
            {"value": one_of(Health.values), "reason": TEXT, "trend": maybe(one_of(["better", "same", "worse"]))}
        ),
        "owner": maybe(TEXT),
        "playbook": an_object({"slug": TEXT, "version": NUMBER}),
        "target_on": maybe(DAY),
        "baseline_on": maybe(DAY),
        "forecast_on": maybe(DAY),
        "p50_on": maybe(DAY),
        "p85_on": maybe(DAY),
        "released_on": maybe(DAY),
        "slip_days": NUMBER,
        "current_gate": maybe(TEXT),
        "gates": listed(GATE_IN_RELEASE),
        "allowed_actions": listed(one_of(RELEASE_ACTIONS)),
        "version_tag": TEXT,
    },
)
MOVE = an_object({"gate": TEXT, "name": TEXT, "from": maybe(DAY), "to": maybe(DAY), "is_cascade": FLAG})
MOMENT_OR_NULL = maybe(MOMENT)


def days_late(state: str, due_on: date | None, decided_on: date | None, today: date, *, is_running: bool) -> int:
    """Calendar days after the due date: of the decision, or (undecided) of today."""
    if due_on is None:
        return 0
    if decided_on is not None:
        return max(0, (decided_on - due_on).days)
    return max(0, (today - due_on).days) if is_running and state in UNDECIDED else 0


@dataclass(frozen=True)
class _Words:
    """What a playbook's version says of its gates by key: full names, and which follow the release by months."""

    names: Mapping[str, str]
    after: frozenset[str]


# By playbook id: a version is never edited, so what was read once stays true.
_words: dict[int, _Words] = {}


def _read_playbooks(ids: set[int]) -> None:
    """One query for the versions that nobody has asked for yet."""
    if unknown := ids - _words.keys():
        for pk, definition in Playbook.objects.filter(pk__in=unknown).values_list("pk", "definition"):
            gates = definition["gates"]
            _words[pk] = _Words(
                {gate["key"]: gate["name"] for gate in gates},
                frozenset(gate["key"] for gate in gates if gate.get("offset_months") is not None),
            )


class ShownReleases:
    """Releases for one caller."""

    def __init__(self, user: User, today: date, scopes: Iterable[str] | None = None) -> None:
        self.user = user
        self.today = today
        self.may_write = scopes is None or Scope.WRITE in scopes
        self.pinned: set[tuple[int, str]] = set()
        self._administers: bool | None = None
        self._held: dict[int, frozenset[str]] | None = None
        self.health: dict[int, rules.HealthMark] = {}
        self.trends: dict[int, str] = {}

    def prepare(self, releases: Iterable[Release]) -> None:
        """What all releases of a page need: which gates are pinned, where a miss moves the others."""
        found = list(releases)
        _read_playbooks({release.playbook_id for release in found})
        self._held = permissions_by_product(self.user)
        self.health = {release.pk: self._health_of(release) for release in found}
        self.trends = ports.forecasts.trends(found, [self.health[release.pk].value for release in found], self.today)
        if slipped := [release.pk for release in found if release.open_slips]:
            rows = Gate.objects.filter(release__in=slipped, is_pinned=True).order_by().values_list("release", "key")
            self.pinned |= set(rows)

    def _health_of(self, release: Release) -> rules.HealthMark:
        return health_of(release, self.today, _words[release.playbook_id].names.get(release.current_gate, ""))

    def _permissions(self, release: Release) -> frozenset[str]:
        if self._held is None:
            return product_permissions(self.user, release.product)
        return self._held.get(release.product_id, frozenset())

    def show(self, release: Release) -> dict[str, Any]:
        """From `for_board()` rows, after `prepare`."""
        today = self.today
        cells = rules.cells(release.board)
        names = _words[release.playbook_id].names
        delay = 0
        if release.state == ReleaseState.ACTIVE:
            delay = rules.forecast_days_late(release.next_due_on, bool(release.open_slips), today)
        current = next((cell.position for cell in cells if cell.key == release.current_gate), None)
        health = self.health[release.pk]
        target = release.target_on
        is_out = release.released_on is not None
        return {
            "product": release.product.slug,
            "version": release.version,
            "name": release.name,
            "state": release.state,
            "health": {"value": health.value, "reason": health.reason, "trend": self.trends.get(release.pk) or None},
            "owner": release.owner.username if release.owner else None,
            "playbook": {"slug": release.playbook.slug, "version": release.playbook.version},
            "target_on": target,
            "baseline_on": release.baseline_on,
            "forecast_on": target + timedelta(days=delay) if target is not None and not is_out else target,
            "p50_on": release.p50_on,
            "p85_on": release.p85_on,
            "released_on": release.released_on,
            "slip_days": release.slip_days,
            "current_gate": release.current_gate or None,
            "gates": [self._gate(release, cell, names, current, delay) for cell in cells],
            "allowed_actions": self._actions(release, cells),
            "version_tag": f"{release.event_number}.{release.revision}",
        }

    def _gate(
        self, release: Release, cell: rules.BoardCell, names: Mapping[str, str], current: int | None, delay: int
    ) -> dict[str, Any]:
        due, decided = cell.due_day, cell.decided_day
        moves = current is not None and (
            cell.position == current or (cell.position > current and (release.pk, cell.key) not in self.pinned)
        )
        is_open = due is not None and decided is None
        return {
            "key": cell.key,
            "name": names.get(cell.key, cell.name),
            "position": cell.position,
            "state": cell.state,
            "due_on": due,
            "baseline_due_on": cell.baseline_due_on,
            "forecast_on": due + timedelta(days=delay) if is_open and moves and due is not None else due,
            "decided_on": decided,
            "days_late": days_late(cell.state, due, decided, self.today, is_running=release.is_running),
            "missed": cell.slips > 0,
        }

    def _actions(self, release: Release, cells: list[rules.BoardCell]) -> list[str]:
        if not self.may_write or not self.user.is_active:
            return []
        if self._administers is None:
            self._administers = is_administrator(self.user)
        permissions = self._permissions(release)
        manages = self._administers or "manage_product" in permissions
        may_rebaseline = "rebaseline" in permissions
        if not manages and not may_rebaseline:
            return []
        gates = [_gate_of(release, cell) for cell in cells]
        found = allowed_to(release, gates, manages=manages, may_rebaseline=may_rebaseline)
        return [key.replace("-", "_") for key in found]


def _gate_of(release: Release, cell: rules.BoardCell) -> Gate:
    """As much of a gate as the question asks what may be done with its release."""
    return Gate(
        key=cell.key,
        name=cell.name,
        position=cell.position,
        state=cell.state,
        due_on=cell.due_day,
        baseline_due_on=date.fromisoformat(cell.baseline_due_on) if cell.baseline_due_on else None,
        offset_months=0 if cell.key in _words[release.playbook_id].after else None,
    )
