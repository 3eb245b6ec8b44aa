"""What changed between two rounds: per deliverable, and word by word where words changed. Pure; no database."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise

from approvals.kinds import EvidenceKind
from approvals.pages.items import Item, ItemFile
from gatekeeper.common.templatetags.gk import bytes_size

ADDED, CHANGED, REMOVED, SAME = "added", "changed", "removed", "same"
# A comparison longer than this is not read by anybody, and would cost seconds.
MOST_LINES = 2000
MOST_WORDS = 800
MOST_HUNKS = 6
MOST_CHARACTERS = 400
# Unchanged words kept on both sides of a changed one.
CONTEXT_WORDS = 6
# Less alike than this, two paragraphs are an old and a new one rather than one that was edited.
LEAST_ALIKE = 0.4

_RULE = re.compile(r"[\s|:*_=-]*")
_HEADING = re.compile(r"^#{1,6}\s+")
_ITEM = re.compile(r"^[-*+]\s+")
_EMPHASIS = re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1")
ONLY_MARKUP = "Reads the same; only its markup changed"
_TOKEN = re.compile(r"\S+|\s+")


@dataclass(frozen=True)
class Part:
    """A piece of a comparison: `same`, `ins` or `del`."""

    op: str
    text: str


Hunk = tuple[Part, ...]
Opcode = tuple[str, int, int, int, int]


@dataclass(frozen=True)
class Change:
    """One deliverable: what happened to it since the round before, and how it read then and reads now."""

    kind: str
    item: Item
    hunks: tuple[Hunk, ...] = ()
    more: int = 0

    @property
    def tone(self) -> str:
        return "ok" if self.kind == ADDED else "none"

    @property
    def words(self) -> str:
        return self.kind.capitalize()

    @property
    def icon(self) -> str:
        return {ADDED: "plus", CHANGED: "pencil", REMOVED: "minus"}.get(self.kind, "check")


@dataclass(frozen=True)
class Comparison:
    """All deliverables of two rounds; the same ones apart, since they are only named."""

    changes: tuple[Change, ...]
    same: tuple[Item, ...]

    @property
    def by_key(self) -> dict[str, Change]:
        return {change.item.key: change for change in self.changes}


def compare(old: Iterable[Item], new: Iterable[Item]) -> Comparison:
    """Compare the items of two rounds by deliverable, in the order of the new round."""
    before = {item.key: item for item in old}
    changes: list[Change] = []
    same: list[Item] = []
    for item in new:
        earlier = before.pop(item.key, None)
        if earlier is None:
            changes.append(Change(ADDED, item))
        elif earlier.content == item.content:
            same.append(item)
        else:
            hunks, more = compare_items(earlier, item)
            changes.append(Change(CHANGED, item, hunks, more))
    changes.extend(Change(REMOVED, item) for item in before.values())
    return Comparison(tuple(changes), tuple(same))


def compare_items(old: Item, new: Item) -> tuple[tuple[Hunk, ...], int]:
    """The changed places of one item: (the first few hunks, how many more there are)."""
    hunks = compare_files(old.files, new.files) + compare_texts(lines_of(old), lines_of(new))
    if not hunks:
        return ((Part("same", ONLY_MARKUP),),), 0
    return tuple(hunks[:MOST_HUNKS]), max(0, len(hunks) - MOST_HUNKS)


def compare_files(old: Sequence[ItemFile], new: Sequence[ItemFile]) -> list[Hunk]:
    """Files that came, went, or have other bytes under the same name; each with its size and the hash's beginning."""
    before = {f.name: f for f in old}
    after = {f.name: f for f in new}
    found: list[Hunk] = []
    for f in new:
        earlier = before.get(f.name)
        if earlier is None:
            found.append((Part("ins", f"{f.name} ({_file_words(f)})"),))
        elif earlier.sha256 != f.sha256:
            parts = (Part("same", f"{f.name}: "), Part("del", _file_words(earlier)), Part("same", " "))
            found.append((*parts, Part("ins", _file_words(f))))
    found.extend((Part("del", f"{f.name} ({_file_words(f)})"),) for f in old if f.name not in after)
    return found


def _file_words(f: ItemFile) -> str:
    return f"{bytes_size(f.size)}, SHA-256 {f.sha256[:12]}"


def lines_of(item: Item) -> list[str]:
    """What an item says besides its files, as lines; empty ones say nothing."""
    body = {EvidenceKind.TEXT: item.text, EvidenceKind.LINK: item.url}.get(EvidenceKind(item.kind), "")
    return [words for line in f"{body}\n{item.note}".splitlines() if (words := _plain(line))]


def _plain(line: str) -> str:
    """A line of markdown as it reads: no marks of headings or emphasis, table rows as words, rules as nothing."""
    words = line.strip()
    if _RULE.fullmatch(words):
        return ""
    if words.startswith("|") and words.endswith("|") and len(words) > 1:
        return " · ".join(cell.strip() for cell in words[1:-1].split("|"))
    return _EMPHASIS.sub(r"\2", _ITEM.sub("• ", _HEADING.sub("", words)))


def compare_texts(old: Sequence[str], new: Sequence[str]) -> list[Hunk]:
    """Hunks of two texts in lines; words are compared inside lines that were edited."""
    if len(old) + len(new) > MOST_LINES:
        return [(Part("del", f"{len(old)} lines"), Part("same", " "), Part("ins", f"{len(new)} lines"))]
    found: list[Hunk] = []
    for op, a, b, c, d in SequenceMatcher(None, old, new).get_opcodes():
        if op == "equal":
            continue
        if op == "replace" and b - a == d - c:
            found.extend(_shortened(compare_line(x, y)) for x, y in zip(old[a:b], new[c:d], strict=True))
        else:
            found.extend(_whole("\n".join(old[a:b]), "\n".join(new[c:d])))
    return found


def _whole(old: str, new: str) -> list[Hunk]:
    """Something went, and something came."""
    return [(Part(op, _cut(text)),) for op, text in (("del", old), ("ins", new)) if text]


def _cut(text: str) -> str:
    return f"{text[:MOST_CHARACTERS]}…" if len(text) > MOST_CHARACTERS else text


def compare_line(old: str, new: str) -> Hunk:
    """One edited line, word by word; two lines that have little in common are an old and a new one."""
    a, b = _TOKEN.findall(old), _TOKEN.findall(new)
    matcher = SequenceMatcher(None, a, b, autojunk=False)
    if len(a) + len(b) > MOST_WORDS or matcher.ratio() < LEAST_ALIKE:
        return (Part("del", old), Part("ins", new))
    parts: list[Part] = []
    for op, i, j, k, m in _joined(matcher.get_opcodes(), a):
        if op == "equal":
            parts.append(Part("same", "".join(a[i:j])))
            continue
        if i < j:
            parts.append(Part("del", "".join(a[i:j])))
        if k < m:
            parts.append(Part("ins", "".join(b[k:m])))
    return tuple(parts)


def _shortened(parts: Hunk) -> Hunk:
    """With a few words around each change, for a list of changes."""
    last = len(parts) - 1
    short = [
        Part(part.op, _cut(part.text))
        if part.op != "same"
        else Part("same", _context(_TOKEN.findall(part.text), is_first=index == 0, is_last=index == last))
        for index, part in enumerate(parts)
    ]
    return tuple(_spaced(short))


def _joined(opcodes: Iterable[Opcode], tokens: Sequence[str]) -> list[Opcode]:
    """Changes with nothing but a space between them read better as one."""
    found: list[Opcode] = []
    for op, i, j, k, m in opcodes:
        is_gap = op == "equal" and not "".join(tokens[i:j]).strip()
        if found and found[-1][0] == "replace" and (op != "equal" or is_gap):
            found[-1] = ("replace", found[-1][1], j, found[-1][3], m)
        else:
            found.append(("equal" if op == "equal" else "replace", i, j, k, m))
    return found


def _spaced(parts: Sequence[Part]) -> Iterable[Part]:
    """A word that replaces another one does not stick to it."""
    for part, following in pairwise([*parts, Part("end", "")]):
        yield part
        if part.op == "del" and following.op == "ins":
            yield Part("same", " ")


def _context(tokens: Sequence[str], *, is_first: bool, is_last: bool) -> str:
    """Unchanged words beside a change; the middle of a long run is left out."""
    keep = CONTEXT_WORDS * 2
    if len(tokens) <= keep * (1 if is_first or is_last else 2):
        return "".join(tokens)
    if is_first:
        return "… " + "".join(tokens[-keep:]).lstrip()
    if is_last:
        return "".join(tokens[:keep]).rstrip() + " …"
    return "".join(tokens[:keep]).rstrip() + " … " + "".join(tokens[-keep:]).lstrip()


@dataclass(frozen=True)
class ReadRow:
    """An item to be read in place: what happened to it, and whether it is unfolded at first."""

    item: Item
    change: Change | None
    is_open: bool


def read_rows(items: Sequence[Item], comparison: Comparison | None) -> list[ReadRow]:
    """The items of a round; the first two that changed are unfolded, in a first round the first one."""
    changes = comparison.by_key if comparison is not None else {}
    keys = [item.key for item in items if item.key in changes][:2] or [item.key for item in items[:1]]
    return [ReadRow(item, changes.get(item.key), item.key in keys) for item in items]
