"""Pure rules of recorded history: keys of milestones, which one is the release, and the replay of its dates.

A milestone of a recorded release has no roles, no order and no cascade. What is known of it is three dates (baseline,
the plan in force, the actual day) and, where they were loaded, the changes of the plan; everything else follows.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from releases.kinds import SettledHow

DAY = timedelta(days=1)
UNKNOWN_DAY = "Re-planned on a day that is not recorded"
FOUND = "Found changed when the schedule was loaded again"


# --- Names and keys -------------------------------------------------------------------------------------------------


def label_of(name: str, version: str) -> str:
    """A milestone's name without the release's version: `v1.19.0-rc.1` of 1.19 gives `rc.1`, `v1.19.0 release` gives
    `release`. The name itself when nothing is left."""
    found = name
    if "." in version:
        found = re.sub(rf"(?<![\w.])[vV]?{re.escape(version)}(?:\.\d+)*(?!\.?\d)", " ", found)
    found = re.sub(r"^\s*[vV]?\d+(?:\.\d+)+(?!\.?\d)", " ", found)
    found = re.sub(r"\s+", " ", found).strip(" -_.:/,")
    return found or name


def slug_of(text: str) -> str:
    """Lowercase words with hyphens, at most 64 characters; empty when the text has no ASCII letter or digit."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:64].strip("-")


def key_of(name: str, version: str) -> str:
    """A milestone's key, the same in every release of a product: `v1.19.0-rc.1` gives `rc-1`."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    return slug_of(label_of(name, version)) or f"milestone-{digest[:8]}"


@dataclass(frozen=True)
class Keys:
    """Keys by milestone name, and the names that would have had the same key as another one."""

    by_name: Mapping[str, str]
    told_apart: tuple[str, ...]
    clashing: tuple[tuple[str, str], ...]


def keys_of(names: Sequence[str], version: str, taken: Mapping[str, str]) -> Keys:
    """Keys for the milestones of one release.

    Names that are stored already (`taken`, keys by name) keep their keys. Where the names without the version
    number would give one key twice, those names keep the number in their keys; names that differ in nothing but
    punctuation or case cannot be told apart and are returned as `clashing` pairs.
    """
    by_key: dict[str, list[str]] = {}
    for name in names:
        by_key.setdefault(taken.get(name) or key_of(name, version), []).append(name)
    found: dict[str, str] = {}
    told_apart, clashing = [], []
    for key, same in by_key.items():
        for name in same:
            if name in taken or len(same) == 1:
                found[name] = key
            else:
                found[name] = slug_of(name) or key
                told_apart.append(name)
    owners: dict[str, str] = {}
    for name in sorted(names, key=lambda name: name not in taken):
        owner = owners.setdefault(found[name], name)
        if owner != name:
            clashing.append((owner, name))
    return Keys(found, tuple(told_apart), tuple(clashing))


def find_release_milestone(milestones: Iterable[tuple[str, str]]) -> tuple[int | None, int]:
    """Which milestone is general availability, from (name, key) in order of position.

    It is the one called `final` or the one whose name ends in ` release`. Where several do, `final` comes first, then
    a name that is nothing but version and `release` (so that "Press release" is not it), then the last.

    Returns:
        Its index or None, and how many fit.
    """
    best: tuple[int, int] | None = None
    fits = 0
    for index, (name, key) in enumerate(milestones):
        word = name.casefold()
        if word == "final":
            rank = 3
        elif word.endswith(" release"):
            rank = 2 if key == "release" else 1
        else:
            continue
        fits += 1
        if best is None or rank > best[0] or (rank == best[0] == 1):
            best = (rank, index)
    return (best[1] if best else None), fits


def merge_order(
    known: Sequence[tuple[str, str]], sequences: Iterable[Sequence[tuple[str, str]]]
) -> list[tuple[str, str]]:
    """The union of milestones (key, label): the known ones in their order, each new one before its successor."""
    order = list(known)
    seen = {key for key, _label in order}
    for sequence in sequences:
        successor: str | None = None
        for key, label in reversed(sequence):
            if key not in seen:
                place = next((i for i, (k, _label) in enumerate(order) if k == successor), len(order))
                order.insert(place, (key, label))
                seen.add(key)
            successor = key
    return order


# --- Dates ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Change:
    """A change of a milestone's planned date; `line` is its place in the file that is being read, 0 in none.

    `is_found` marks a change that nobody told: the milestone's plan was another one when its file was loaded again.
    """

    changed_on: date
    old_on: date | None
    new_on: date | None
    reason: str = ""
    source: str = ""
    is_found: bool = False
    line: int = field(default=0, compare=False)

    @property
    def is_typing_error(self) -> bool:
        """Corrections of typing errors, and the errors, make no ledger row."""
        return self.reason.casefold().startswith("typing error")


@dataclass(frozen=True)
class Move:
    """One ledger row: the plan moved on a day; `settles` is the missed due date that it settled."""

    on: date
    from_on: date | None
    to_on: date | None
    reason: str = ""
    source: str = ""
    is_day_known: bool = True
    settles: date | None = None


@dataclass(frozen=True)
class Miss:
    """A due date in force that ended with neither actual date nor re-plan, and how it was settled."""

    due_on: date
    missed_on: date
    settled_on: date
    days: int
    how: str
    note: str = ""


@dataclass(frozen=True)
class Disagreement:
    """A change that contradicts what else is known."""

    line: int
    message: str


@dataclass(frozen=True)
class Replay:
    """What happened to one milestone: the plan in force at the end, its moves and misses in order of time."""

    due_on: date | None
    moves: tuple[Move, ...]
    misses: tuple[Miss, ...]
    disagreements: tuple[Disagreement, ...]


def replay(
    *,
    baseline_on: date | None,
    current_on: date | None,
    actual_on: date | None,
    changes: Iterable[Change],
    known_on: date,
) -> Replay:
    """Replay one milestone from what is known of it (DOMAIN section 4, "Recorded history").

    A change moves the plan from its day on, and only when that lies before the actual day; later ones are notes. A
    correction of a typing error changes the plan in force without a ledger row. With an actual date, the plan in force
    on its eve is `current_on`, whatever the changes say, so that no figure depends on whether they were loaded; without
    one, changes may lead on from `current_on`. A gap between what is known is closed by a move whose day is not
    recorded: it lies as late as it can without making a miss, for no miss is claimed that is not known. An empty plan
    of a milestone that did not happen was dropped.

    Args:
        known_on: the day the milestone was first loaded.
    """
    applied = sorted(
        (c for c in changes if actual_on is None or c.changed_on < actual_on), key=lambda change: change.changed_on
    )
    plan = _Plan(baseline_on, known_on)
    typed: Change | None = None
    last: Change | None = None
    for change in applied:
        if change.is_typing_error:
            # Of several in a row the last one holds; a date that was mistyped and mended was never in force.
            typed = change
            continue
        if typed is not None:
            plan.correct(typed)
            typed = None
        plan.change(change)
        last = change
    if typed is not None:
        plan.correct(typed)
    if not plan.is_known or (current_on is None and actual_on is not None):
        # It happened, so an empty plan was not dropped: nobody knows it.
        plan.start(current_on)
    elif plan.due_on != current_on and (actual_on is not None or current_on not in plan.seen):
        if last is not None and not last.is_found and current_on is not None:
            eve = f"on the eve of {actual_on}" if actual_on else "in the releases file"
            plan.disagree(last, f"leads to {_words(plan.due_on)}, but the plan in force {eve} is {_words(current_on)}")
        plan.bridge(current_on, (actual_on - DAY) if actual_on else None)
    if actual_on is not None and plan.due_on is not None and actual_on > plan.due_on:
        plan.miss(plan.due_on, actual_on, (actual_on - plan.due_on).days, SettledHow.RECORDED)
    return Replay(
        plan.due_on,
        tuple(plan.moves),
        tuple(sorted(plan.misses.values(), key=lambda miss: (miss.missed_on, miss.due_on))),
        tuple(plan.disagreements),
    )


def _words(day: date | None) -> str:
    return day.isoformat() if day else "no date"


class _Plan:
    """The planned date of one milestone while its changes are replayed."""

    def __init__(self, baseline_on: date | None, known_on: date) -> None:
        self.due_on = baseline_on
        self.is_known = baseline_on is not None
        self.seen: set[date | None] = {baseline_on} if self.is_known else set()
        self.moves: list[Move] = []
        self.misses: dict[date, Miss] = {}
        self.disagreements: list[Disagreement] = []
        self._since: date | None = None  # the day the due date came in force; None: nobody knows
        self._last_on: date | None = None  # the day of the last move or correction
        self._is_mended = False  # it came in force as the correction of a typing error
        self._known_on = known_on

    def start(self, due_on: date | None) -> None:
        """A date, or none, that is known from somewhere else than the date before it: no move."""
        self.due_on = due_on
        self.is_known = True
        self.seen.add(due_on)

    def correct(self, change: Change) -> None:
        """A typing error is mended."""
        self.due_on = change.new_on
        self.is_known = True
        self.seen.add(change.new_on)
        self._since = self._last_on = change.changed_on
        self._is_mended = True

    def change(self, change: Change) -> None:
        """A re-plan on a known day."""
        if not self.is_known:
            self.start(change.old_on)
        is_told = change.old_on is not None and not change.is_found
        if is_told and change.old_on != self.due_on:
            self.disagree(
                change,
                f"old_date is {change.old_on}, but the plan in force on {change.changed_on} was {_words(self.due_on)}",
            )
            if change.new_on != self.due_on:
                self.bridge(change.old_on, change.changed_on)
        if change.new_on == self.due_on:
            return
        missed = self.due_on if self._has_ended_before(change.changed_on) else None
        if missed is not None:
            # Dropped after it was missed: the days until then, as there is no new date.
            days = ((change.new_on or change.changed_on) - missed).days
            self.miss(missed, change.changed_on, days, SettledHow.REPLAN, change.reason)
        self._move(Move(change.changed_on, self.due_on, change.new_on, change.reason, change.source, settles=missed))
        self._since = change.changed_on

    def _has_ended_before(self, day: date) -> bool:
        """Whether the due date in force ended before a day; not when it was in force for no whole day, nor when it
        was mended to a day that lay in the past already."""
        if self.due_on is None or day <= self.due_on or self._since == day:
            return False
        return not (self._is_mended and self._since is not None and self._since > self.due_on)

    def bridge(self, to_on: date | None, latest: date | None) -> None:
        """A move of which only the ends are known."""
        days = [day for day in (self.due_on, latest, self._known_on) if day is not None]
        on = min(days)
        if self._last_on is not None:
            on = max(on, self._last_on)
        self._move(Move(on, self.due_on, to_on, UNKNOWN_DAY, is_day_known=False))
        self._since = None

    def miss(self, due_on: date, settled_on: date, days: int, how: str, note: str = "") -> None:
        """The due date ended. Missed twice, it is one miss that was settled at last."""
        missed_on = max(due_on, self._since or due_on) + DAY
        earlier = self.misses.get(due_on)
        self.misses[due_on] = Miss(
            due_on=due_on,
            missed_on=earlier.missed_on if earlier else min(missed_on, settled_on),
            settled_on=settled_on,
            days=days,
            how=how,
            note=note,
        )

    def disagree(self, change: Change, message: str) -> None:
        self.disagreements.append(Disagreement(change.line, message))

    def _move(self, move: Move) -> None:
        self.moves.append(move)
        self._last_on = move.on
        self.due_on = move.to_on
        self.seen.add(move.to_on)
        self._is_mended = False
