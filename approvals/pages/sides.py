"""Two rounds side by side: each deliverable as it read then and as it reads now, line beside line."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property
from itertools import zip_longest

from approvals.models import Submission
from approvals.pages.changes import MOST_LINES, Change, Hunk, Part, compare, compare_line, lines_of
from approvals.pages.gate import gate_url
from approvals.pages.items import Item, ItemFile, author_names, frozen_items
from gatekeeper.common.templatetags.gk import bytes_size
from releases.models import Gate, Release

# Unchanged lines kept around a changed one, and the most lines that one deliverable shows.
CONTEXT_LINES = 2
MOST_ROWS = 400
# As many earlier rounds as are offered to compare with.
MOST_ROUNDS = 10


@dataclass(frozen=True)
class Row:
    """A line then and the line now beside it; `gap` counts the unchanged lines that are left out instead."""

    left: Hunk = ()
    right: Hunk = ()
    gap: int = 0

    @property
    def both(self) -> tuple[Hunk, Hunk]:
        return self.left, self.right

    @property
    def is_same(self) -> bool:
        return not self.gap and all(part.op == "same" for part in (*self.left, *self.right))


@dataclass(frozen=True)
class Sides:
    """A deliverable that differs: what happened to it, and its lines; `more` were too many to show."""

    change: Change
    rows: tuple[Row, ...]
    more: int = 0

    @property
    def says_the_same(self) -> bool:
        """Only its marks of headings, emphasis or lists changed, which are not shown here."""
        return all(row.is_same or row.gap for row in self.rows)


def sides_of(old: Item | None, new: Item | None) -> tuple[tuple[Row, ...], int]:
    """The rows of one deliverable, and how many more there are."""
    files = _file_rows(old.files if old else (), new.files if new else ())
    rows = [*files, *_line_rows(lines_of(old) if old else [], lines_of(new) if new else [])]
    return tuple(rows[:MOST_ROWS]), max(0, len(rows) - MOST_ROWS)


def _file_rows(old: Sequence[ItemFile], new: Sequence[ItemFile]) -> Iterator[Row]:
    before, after = {f.name: f for f in old}, {f.name: f for f in new}
    for name in dict.fromkeys([*before, *after]):
        then, now = before.get(name), after.get(name)
        if then and now and then.sha256 == now.sha256:
            yield Row((Part("same", _file_words(then)),), (Part("same", _file_words(now)),))
        else:
            yield Row(
                (Part("del", _file_words(then)),) if then else (), (Part("ins", _file_words(now)),) if now else ()
            )


def _file_words(f: ItemFile) -> str:
    return f"{f.name} · {bytes_size(f.size)} · SHA-256 {f.sha256[:12]}"


def _line_rows(old: Sequence[str], new: Sequence[str]) -> Iterator[Row]:
    if len(old) + len(new) > MOST_LINES:
        yield Row((Part("del", f"{len(old)} lines"),), (Part("ins", f"{len(new)} lines"),))
        return
    opcodes = SequenceMatcher(None, old, new).get_opcodes()
    for index, (op, a, b, c, d) in enumerate(opcodes):
        if op == "equal":
            yield from _same_rows(old[a:b], is_first=index == 0, is_last=index == len(opcodes) - 1)
            continue
        for then, now in zip_longest(old[a:b], new[c:d]):
            if then is None or now is None:
                yield Row((Part("del", then),) if then else (), (Part("ins", now),) if now else ())
            else:
                parts = compare_line(then, now)
                yield Row(
                    tuple(part for part in parts if part.op != "ins"), tuple(part for part in parts if part.op != "del")
                )


def _same_rows(lines: Sequence[str], *, is_first: bool, is_last: bool) -> Iterator[Row]:
    """Unchanged lines: those next to a change, and how many are left out between."""
    head, tail = 0 if is_first else CONTEXT_LINES, 0 if is_last else CONTEXT_LINES
    if len(lines) <= head + tail + 1:
        head, tail = len(lines), 0
    for line in lines[:head]:
        yield Row((Part("same", line),), (Part("same", line),))
    if gap := len(lines) - head - tail:
        yield Row(gap=gap)
    for line in lines[len(lines) - tail :]:
        yield Row((Part("same", line),), (Part("same", line),))


@dataclass
class SidesPage:
    """A round beside an earlier one of the same gate."""

    release: Release
    gate: Gate
    new: Submission
    old: Submission

    @cached_property
    def _items(self) -> tuple[list[Item], list[Item]]:
        return (
            frozen_items(self.old.frozen, author_names(self.old.frozen)),
            frozen_items(self.new.frozen, author_names(self.new.frozen)),
        )

    @cached_property
    def same(self) -> tuple[Item, ...]:
        return compare(*self._items).same

    @cached_property
    def sides(self) -> list[Sides]:
        """The deliverables that differ, in the order of the new round."""
        before, after = ({item.key: item for item in items} for items in self._items)
        return [
            Sides(change, *sides_of(before.get(change.item.key), after.get(change.item.key)))
            for change in compare(*self._items).changes
        ]

    @property
    def others(self) -> list[tuple[int, str]]:
        """Earlier rounds to compare with, the newest first: number and address."""
        last = self.new.number - 1
        return [(number, self.url_of(number)) for number in range(last, max(0, last - MOST_ROUNDS), -1)]

    def url_of(self, other: int) -> str:
        return gate_url(self.gate, self.release, "round-compare", number=self.new.number, other=other)

    @property
    def gate_url(self) -> str:
        return gate_url(self.gate, self.release)

    @property
    def old_url(self) -> str:
        return gate_url(self.gate, self.release, "round", number=self.old.number)

    @property
    def new_url(self) -> str:
        return gate_url(self.gate, self.release, "round", number=self.new.number)
