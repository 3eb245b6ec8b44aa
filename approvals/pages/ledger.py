"""The slip ledger and the re-plans of a release in words."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby

from django.db.models import QuerySet

from gatekeeper.accounts.models import User
from gatekeeper.common.calendars import day_of
from releases.kinds import Cause, EventKind, MoveKind, SettledHow
from releases.models import Baseline, DateMove, Event, Gate, Release, Slip
from releases.sentences import sentence

CAUSE_WORDS: Mapping[str, str] = {cause.value: str(cause.label) for cause in Cause}
HOW_WORDS: Mapping[str, str] = {
    SettledHow.LATE_APPROVAL: "Late approval",
    SettledHow.WAIVER: "Waiver",
    SettledHow.REPLAN: "Re-plan",
    SettledHow.RECORDED: "Actual date",
}


@dataclass(frozen=True)
class LedgerRow:
    """One slip of the ledger in words."""

    slip: Slip
    gate: str
    cause: str
    turn: str
    how: str
    moved: str
    moves: tuple["MovedDate", ...] = ()


@dataclass(frozen=True)
class MovedDate:
    """One date of a re-plan."""

    label: str
    from_on: date | None
    to_on: date | None


@dataclass(frozen=True)
class Replan:
    """The dates that one deed moved together."""

    on: date
    kind: str
    words: str
    days: int | None
    target_on: date | None
    reason: str
    by: User | None
    moves: tuple[MovedDate, ...]


def listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""


def _moved_words(moves: Sequence[DateMove]) -> str:
    gates = sum(move.gate_id is not None for move in moves)
    target = any(move.gate_id is None for move in moves)
    parts = []
    if gates:
        parts.append(f"{gates} {'date' if gates == 1 else 'dates'}")
    if target:
        parts.append("the target")
    return " and ".join(parts)


def ledger(slips: Iterable[Slip], moves: Sequence[DateMove], gates: Mapping[int, Gate]) -> list[LedgerRow]:
    """The slip ledger, newest first."""
    # What was moved by the deed that settled it bears the same moment.
    by_deed: dict[tuple[int, datetime], list[DateMove]] = defaultdict(list)
    for move in moves:
        if move.kind in (MoveKind.SLIP, MoveKind.REPLAN):
            by_deed[move.release_id, move.recorded_at].append(move)
    rows = []
    for slip in slips:
        moved = by_deed.get((slip.release_id, slip.settled_at), []) if slip.settled_at is not None else []
        turn = ""
        if slip.cause in ("not_submitted", "declined"):
            turn = "product manager’s turn"
        elif slip.waiting_on:
            turn = f"turn of {listed([key.replace('-', ' ') for key in slip.waiting_on])}"
        rows.append(
            LedgerRow(
                slip=slip,
                gate=gates[slip.gate_id].name,
                cause=CAUSE_WORDS.get(slip.cause, slip.cause),
                turn=turn,
                how=HOW_WORDS.get(slip.settled_how, ""),
                moved=_moved_words(moved),
                moves=tuple(MovedDate(m.gate.name if m.gate else "Release", m.from_on, m.to_on) for m in moved),
            )
        )
    return rows


def replans(moves: Iterable[DateMove], gates: Mapping[int, Gate]) -> list[Replan]:
    """Date moves grouped by the deed that made them, newest first; `moves` come newest first."""

    def deed(move: DateMove) -> tuple[date, datetime, str, str]:
        return move.effective_on, move.recorded_at, move.kind, move.reason

    groups = []
    for (on, _at, kind, reason), found in groupby(moves, key=deed):
        rows = sorted(found, key=lambda m: gates[m.gate_id].position if m.gate_id else 10_000)
        chosen = next((m for m in rows if not m.is_cascade), rows[0])
        target = next((m for m in rows if m.gate_id is None), None)
        groups.append(
            Replan(
                on=on,
                kind=kind,
                words=_deed_words(kind, chosen, len(rows), gates),
                days=(target or chosen).days,
                target_on=target.to_on if target else None,
                reason=reason,
                by=chosen.actor,
                moves=tuple(
                    MovedDate(gates[m.gate_id].name if m.gate_id else "Release", m.from_on, m.to_on) for m in rows
                ),
            )
        )
    return groups


def _deed_words(kind: str, chosen: DateMove, count: int, gates: Mapping[int, Gate]) -> str:
    name = gates[chosen.gate_id].name if chosen.gate_id else "Release date"
    if kind == MoveKind.SLIP:
        slipped = gates[chosen.slip.gate_id].name if chosen.slip else "A gate"
        return f"{slipped} was late, {count} later {'date' if count == 1 else 'dates'} moved with it"
    if kind == MoveKind.HOLD:
        return f"On hold, {count} {'date' if count == 1 else 'dates'} moved"
    if kind == MoveKind.SHIP:
        return f"{name} follows the actual release date"
    if kind == MoveKind.RECORDED:
        return name if count == 1 else f"{name} and {count - 1} more"
    along = f", {count - 1} {'date' if count == 2 else 'dates'} with it" if count > 1 else ""
    return f"{name} re-planned{along}"


# What was decided about a release's dates, each with its reason; the moves of dates that followed are the ledger.
PLAN_KINDS = (
    EventKind.RELEASE_ACTIVATED, EventKind.RELEASE_REPLANNED, EventKind.RELEASE_HELD, EventKind.RELEASE_RESUMED,
    EventKind.RELEASE_REBASELINED, EventKind.PLAYBOOK_APPLIED, EventKind.RELEASE_SHIPPED,
    EventKind.RELEASE_DATE_CORRECTED, EventKind.RELEASE_CANCELLED, EventKind.RELEASE_CLOSED,
)  # fmt: skip


@dataclass(frozen=True)
class Deed:
    """One verb on the plan: what was done, why, by whom."""

    event: Event
    words: str
    reason: str


def deeds_of(release: Release) -> QuerySet[Event]:
    """Newest first."""
    kinds = PLAN_KINDS
    return Event.objects.filter(release=release, kind__in=kinds).select_related("actor").order_by("-number")


def deeds(events: Iterable[Event], names: Mapping[str, str]) -> list[Deed]:
    found = []
    for event in events:
        said = sentence(event, names)
        found.append(Deed(event, said.text[:1].upper() + said.text[1:], said.quote))
    return found


@dataclass(frozen=True)
class BaselineRow:
    """One baseline of a release: the day it promised, since when, and what ended it."""

    number: int
    baseline_on: date | None
    set_on: date | None
    slip_days: int
    held_days: int
    ended: Baseline | None
    days: tuple[MovedDate, ...]

    @property
    def name(self) -> str:
        return ordinal(self.number).capitalize()


def baselines(release: Release, gates: Sequence[Gate]) -> list[BaselineRow]:
    """Every baseline, the one in force first. One query."""
    old = list(Baseline.objects.filter(release=release).select_related("replaced_by").order_by("number"))
    begun = [day_of(release.activated_at) if release.activated_at else None, *(row.replaced_on for row in old)]
    now = {gate.key: gate.baseline_due_on for gate in gates}
    rows = []
    for index, ended in enumerate([*old, None]):
        days = ended.gate_days if ended else now
        before = old[index - 1].gate_days if index else {}
        rows.append(
            BaselineRow(
                number=index + 1,
                baseline_on=ended.baseline_on if ended else release.baseline_on,
                set_on=begun[index],
                slip_days=ended.slip_days if ended else release.slip_days,
                held_days=ended.held_days if ended else release.held_days,
                ended=ended,
                days=tuple(MovedDate(gate.name, before.get(gate.key), days.get(gate.key)) for gate in gates),
            )
        )
    return rows[::-1]


ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


def ordinal(number: int) -> str:
    """second, third; beyond ten as a number."""
    return ORDINALS[number - 1] if number <= len(ORDINALS) else f"no. {number}"


def slips_of(release: Release) -> QuerySet[Slip]:
    return Slip.objects.filter(release=release).select_related("settled_by").order_by("-due_on", "-pk")


def moves_of(release: Release) -> QuerySet[DateMove]:
    """Newest first; the moves of one deed stand together."""
    return (
        DateMove.objects.filter(release=release)
        .select_related("actor", "slip", "gate")
        .order_by("-effective_on", "-recorded_at", "kind", "reason", "pk")
    )
