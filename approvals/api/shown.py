"""Releases as JSON, from the summary columns: a page of them costs a fixed number of queries."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, NamedTuple, cast

from django.db.models import QuerySet

from approvals import ports
from approvals.pages.releases import allowed_to
from approvals.pages.rows import health_of
from gatekeeper.accounts.models import Scope, User
from gatekeeper.common.api.shapes import DAY, FLAG, MOMENT, NUMBER, TEXT, an_object, listed, maybe, one_of, shape
from releases import rules
from releases.kinds import UNDECIDED, GateState, Health, PlaybookKind, ReleaseState
from releases.models import Gate, Playbook, Release
from releases.permissions import is_administrator, permissions_by_product

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


COLUMNS = (
    "pk", "product_id", "product__slug", "product__name", "version", "name", "kind", "state", "state_reason",
    "owner__username", "playbook_id", "playbook__slug", "playbook__version", "target_on", "baseline_on", "released_on",
    "p50_on", "p85_on", "slip_days", "held_days", "open_slips", "is_quorum_unreachable", "current_gate",
    "current_state", "next_due_on", "board", "event_number", "revision",
)  # fmt: skip


class Row(NamedTuple):
    """The columns of a release that an answer shows, as a plain tuple: a page of them builds no models.

    It stands in for a release where a function reads these columns alone.
    """

    pk: int
    product_id: int
    product: str
    product_name: str
    version: str
    name: str
    kind: str
    state: str
    state_reason: str
    owner: str | None
    playbook_id: int
    playbook: str
    playbook_version: int
    target_on: date | None
    baseline_on: date | None
    released_on: date | None
    p50_on: date | None
    p85_on: date | None
    slip_days: int
    held_days: int
    open_slips: int
    is_quorum_unreachable: bool
    current_gate: str
    current_state: str
    next_due_on: date | None
    board: Any
    event_number: int
    revision: int

    def __str__(self) -> str:
        return f"{self.product_name} {self.version}"

    @property
    def is_history(self) -> bool:
        return self.kind == PlaybookKind.HISTORY

    @property
    def is_running(self) -> bool:
        return self.state in (ReleaseState.ACTIVE, ReleaseState.RELEASED)


def rows_of(releases: QuerySet[Release]) -> QuerySet[Release, tuple[Any, ...]]:
    """The columns of some releases; `Row._make` names them."""
    return releases.values_list(*COLUMNS)


class ShownReleases:
    """Releases for one caller.

    Args:
        has_trend: say of each how its health compares with 14 days ago, which costs five queries for all of them.
    """

    def __init__(self, user: User, today: date, scopes: Iterable[str] | None = None, *, has_trend: bool = True) -> None:
        self.user = user
        self.today = today
        self.today_text = today.isoformat()
        self.has_trend = has_trend
        self.may_write = scopes is None or Scope.WRITE in scopes
        self.pinned: set[tuple[int, str]] = set()
        self._administers: bool | None = None
        self._held: dict[int, frozenset[str]] | None = None
        self.health: dict[int, rules.HealthMark] = {}
        self.trends: dict[int, str] = {}

    def prepare(self, found: Sequence[Row]) -> None:
        """What all releases of a page need: which gates are pinned, where a miss moves the others."""
        _read_playbooks({release.playbook_id for release in found})
        self._held = permissions_by_product(self.user)
        self.health = {release.pk: self._health_of(release) for release in found}
        if self.has_trend:
            now = [self.health[release.pk].value for release in found]
            self.trends = ports.forecasts.trends(cast(Sequence[Release], found), now, self.today)
        if slipped := [release.pk for release in found if release.open_slips]:
            rows = Gate.objects.filter(release__in=slipped, is_pinned=True).order_by().values_list("release", "key")
            self.pinned |= set(rows)

    def _health_of(self, release: Row) -> rules.HealthMark:
        return health_of(
            cast(Release, release), self.today, _words[release.playbook_id].names.get(release.current_gate, "")
        )

    def show(self, release: Row) -> dict[str, Any]:
        """One of the rows that were prepared."""
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
            "product": release.product,
            "version": release.version,
            "name": release.name,
            "state": release.state,
            "health": {"value": health.value, "reason": health.reason, "trend": self.trends.get(release.pk) or None},
            "owner": release.owner,
            "playbook": {"slug": release.playbook, "version": release.playbook_version},
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
        self, release: Row, cell: rules.BoardCell, names: Mapping[str, str], current: int | None, delay: int
    ) -> dict[str, Any]:
        due, decided = cell.due_on, cell.decided_on
        forecast: str | date | None = due
        if delay and current is not None and due is not None and decided is None:
            pinned = (release.pk, cell.key) in self.pinned
            if cell.position == current or (cell.position > current and not pinned):
                forecast = date.fromisoformat(due) + timedelta(days=delay)
        # ISO days compare as texts: only what is late is worked out
        is_late = due is not None and (decided or self.today_text) > due
        return {
            "key": cell.key,
            "name": names.get(cell.key, cell.name),
            "position": cell.position,
            "state": cell.state,
            "due_on": due,
            "baseline_due_on": cell.baseline_due_on,
            "forecast_on": forecast,
            "decided_on": decided,
            "days_late": (
                days_late(cell.state, cell.due_day, cell.decided_day, self.today, is_running=release.is_running)
                if is_late
                else 0
            ),
            "missed": cell.slips > 0,
        }

    def _actions(self, release: Row, cells: list[rules.BoardCell]) -> list[str]:
        if not self.may_write or not self.user.is_active:
            return []
        if self._administers is None:
            self._administers = is_administrator(self.user)
        assert self._held is not None
        permissions = self._held.get(release.product_id, frozenset())
        manages = self._administers or "manage_product" in permissions
        may_rebaseline = "rebaseline" in permissions
        if not manages and not may_rebaseline:
            return []
        gates = [_gate_of(release, cell) for cell in cells]
        found = allowed_to(cast(Release, release), gates, manages=manages, may_rebaseline=may_rebaseline)
        return [key.replace("-", "_") for key in found]


def _gate_of(release: Row, cell: rules.BoardCell) -> Gate:
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
