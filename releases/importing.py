"""Recorded schedules as CSV files: read, checked, grouped by release. No models, no clock.

Every mistake is named by its line, and nothing is taken from a file with a mistake. Rows wait in a temporary file of
their own, so memory stays flat however long the file is.
"""

import csv
import json
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import BinaryIO, Generic, TypeVar

from gatekeeper.common.errors import FieldProblem, Refused

EARLIEST = date(1990, 1, 1)
LATEST = date(2099, 12, 31)
SHOWN = 100
LONGEST_LINE = 1 << 20
LONGEST_TEXT = 5000
HIGHEST_POSITION = 100_000
VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# The first bytes of files in other encodings, longest first.
FOREIGN_MARKS = ((b"\xff\xfe\x00\x00", "UTF-32"), (b"\x00\x00\xfe\xff", "UTF-32"), (b"\xff\xfe", "UTF-16"),
                 (b"\xfe\xff", "UTF-16"))  # fmt: skip


class Problems:
    """What is wrong with a file, by line; keeps the first hundred and counts the rest."""

    def __init__(self) -> None:
        self.count = 0
        self._shown: list[FieldProblem] = []

    def add(self, line: int, message: str, code: str = "invalid") -> None:
        """Remember a mistake on a line."""
        self.count += 1
        if len(self._shown) < SHOWN:
            self._shown.append(FieldProblem(f"line {line}", code, f"line {line}: {message}"))

    def refuse(self) -> None:
        """Refuse the file if anything is wrong with it.

        Raises:
            Refused: with one field problem per mistake, up to a hundred; the message says how many there are.
        """
        if not self.count:
            return
        count = f"{self.count} mistakes" if self.count > 1 else "1 mistake"
        more = f"; the first {SHOWN} are listed" if self.count > SHOWN else ""
        raise Refused("invalid_file", f"Nothing was imported: the file has {count}{more}.", fields=self._shown)


class _Unreadable(Exception):
    """The rest of the file cannot be read; the problem is noted already."""


@dataclass(frozen=True)
class MilestoneRow:
    """One milestone of one release as the file gives it; `None` stands for an empty date."""

    line: int
    product: str
    release: str
    milestone: str
    position: int
    baseline_on: date | None
    current_on: date | None
    actual_on: date | None
    source: str


@dataclass(frozen=True)
class ChangeRow:
    """One change of a milestone's planned date as the file gives it."""

    line: int
    product: str
    release: str
    milestone: str
    changed_on: date
    old_on: date | None
    new_on: date | None
    reason: str
    source: str


Row = TypeVar("Row", bound=MilestoneRow | ChangeRow)


class _Cells:
    """One record's cells by column, with checks that note what is wrong and go on."""

    def __init__(self, line: int, cells: Mapping[str, str], problems: Problems) -> None:
        self.line = line
        self._cells = cells
        self._problems = problems

    def fail(self, column: str, message: str) -> None:
        self._problems.add(self.line, f"{column}: {message}")

    def name(self, column: str, longest: int) -> str:
        """A short text on one line that has to be there."""
        value = self._cells[column].strip()
        if not value:
            self.fail(column, "is empty")
        elif len(value) > longest:
            self.fail(column, f"is longer than {longest} characters: {_shown(value)}")
        elif CONTROL.search(value):
            self.fail(column, f"holds a control character: {_shown(value)}")
        return value

    def version(self, column: str) -> str:
        value = self.name(column, 64)
        if value and len(value) <= 64 and not VERSION.fullmatch(value):
            self.fail(column, f"{_shown(value)} is not a version (letters, digits and . _ + -, letter or digit first)")
        return value

    def text(self, column: str) -> str:
        value = self._cells[column].strip()
        if len(value) > LONGEST_TEXT:
            self.fail(column, f"is longer than {LONGEST_TEXT} characters")
        return value

    def position(self, column: str) -> int:
        value = self._cells[column].strip()
        if not re.fullmatch(r"[0-9]{1,6}", value) or not 1 <= int(value) <= HIGHEST_POSITION:
            self.fail(column, f"{_shown(value)} is not a whole number from 1 to {HIGHEST_POSITION}")
            return 0
        return int(value)

    def day(self, column: str, *, is_required: bool = False) -> date | None:
        value = self._cells[column].strip()
        if not value:
            if is_required:
                self.fail(column, "is empty")
            return None
        try:
            found = date.fromisoformat(value) if DAY.fullmatch(value) else None
        except ValueError:
            found = None
        if found is None:
            self.fail(column, f"{_shown(value)} is not a date (expected YYYY-MM-DD)")
        elif not EARLIEST <= found <= LATEST:
            self.fail(column, f"{found} does not lie between {EARLIEST} and {LATEST}")
        return found


def _shown(value: str) -> str:
    return repr(value if len(value) <= 40 else value[:39] + "…")


class Table(Generic[Row]):
    """A checked file: its rows, release by release in the order in which the releases first appear."""

    def __init__(self, columns: Sequence[str], make: Callable[[_Cells], Row], identity: Callable[[Row], str]) -> None:
        self._columns = tuple(columns)
        self._make = make
        self._identity = identity
        # An empty name: a file of SQLite's own, held in memory while small, gone with the connection.
        self._store = sqlite3.connect("", isolation_level=None)
        self._store.executescript(
            """
            CREATE TABLE row (line INTEGER PRIMARY KEY, product TEXT, release TEXT, identity TEXT, cells TEXT,
                              UNIQUE (product, release, identity));
            BEGIN;
            """
        )
        self.row_count = 0

    def read(self, file: BinaryIO, problems: Problems) -> None:
        """Take every record of a file, noting what is wrong."""
        spoiled: set[int] = set()
        records = _records(_lines(file, problems, spoiled), problems)
        try:
            header = next(records, None)
            if header is None:
                if not problems.count:
                    problems.add(1, "the file is empty")
                return
            if not self._check_header(header[0], [cell.strip() for cell in header[2]], problems):
                return
            names = [cell.strip() for cell in header[2]]
            for first, last, cells in records:
                if spoiled.isdisjoint(range(first, last + 1)):
                    self._take(first, names, cells, problems)
                spoiled.clear()
        except _Unreadable:
            return
        if not self.row_count and not problems.count:
            problems.add(header[1] + 1, "the file has a header and no rows")

    def _check_header(self, line: int, names: list[str], problems: Problems) -> bool:
        missing = [name for name in self._columns if name not in names]
        unknown = [name for name in names if name not in self._columns]
        twice = [name for name in self._columns if names.count(name) > 1]
        for name in missing:
            hint = " (are the cells separated by commas?)" if len(names) == 1 else ""
            problems.add(line, f"the column {name} is missing{hint}", "missing_column")
        if unknown and len(names) > 1:
            shown = ", ".join(_shown(name) for name in unknown[:3])
            more = f" and {len(unknown) - 3} more" if len(unknown) > 3 else ""
            problems.add(line, f"not a column of this file: {shown}{more}", "unknown_column")
        for name in twice:
            problems.add(line, f"the column {name} stands twice", "duplicate_column")
        return not (missing or unknown or twice)

    def _take(self, line: int, names: list[str], cells: list[str], problems: Problems) -> None:
        if len(cells) != len(names):
            problems.add(line, f"has {len(cells)} {'cell' if len(cells) == 1 else 'cells'}, expected {len(names)}")
            return
        before = problems.count
        row = self._make(_Cells(line, dict(zip(names, cells, strict=True)), problems))
        if problems.count > before:
            return
        self.row_count += 1
        identity = self._identity(row)
        earlier = self._store.execute(
            "SELECT line FROM row WHERE product = ? AND release = ? AND identity = ?",
            (row.product, row.release, identity),
        ).fetchone()
        if earlier is not None:
            what = f"{row.product} {row.release} {row.milestone}"
            problems.add(line, f"the same as line {earlier[0]}: {what}", "duplicate")
            return
        self._store.execute(
            "INSERT INTO row VALUES (?, ?, ?, ?, ?)",
            (line, row.product, row.release, identity, json.dumps(dict(zip(names, cells, strict=True)))),
        )

    @property
    def release_count(self) -> int:
        """How many releases the file tells of."""
        query = "SELECT count(*) FROM (SELECT DISTINCT product, release FROM row)"
        return int(self._store.execute(query).fetchone()[0])

    def products(self) -> list[str]:
        """Names of the products, in order of appearance."""
        return [name for name, _first in self._store.execute(
            "SELECT product, min(line) FROM row GROUP BY product ORDER BY min(line)"
        )]  # fmt: skip

    def releases(self, product: str | None = None) -> Iterator[list[Row]]:
        """The rows of one release after the other, each list in the order of the file."""
        keys = self._store.execute(
            "SELECT product, release, min(line) FROM row WHERE ? IS NULL OR product = ?"
            " GROUP BY product, release ORDER BY min(line)",
            (product, product),
        )
        for name, release, _first in keys:
            rows = self._store.execute(
                "SELECT line, cells FROM row WHERE product = ? AND release = ? ORDER BY line", (name, release)
            )
            yield [self._make(_Cells(line, json.loads(cells), Problems())) for line, cells in rows]


def _lines(file: BinaryIO, problems: Problems, spoiled: set[int]) -> Iterator[str]:
    """Decoded lines; one that cannot be decoded is noted, and its number added to `spoiled`."""
    number = 0
    while raw := file.readline(LONGEST_LINE + 1):
        number += 1
        if len(raw) > LONGEST_LINE:
            problems.add(number, f"is longer than {LONGEST_LINE} bytes; the rest of the file was not read")
            raise _Unreadable
        if number == 1:
            for mark, encoding in FOREIGN_MARKS:
                if raw.startswith(mark):
                    problems.add(1, f"the file begins like {encoding}; save it as UTF-8", "wrong_encoding")
                    raise _Unreadable
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError as error:
            byte = f"byte {error.start + 1} ({raw[error.start]:#04x})"
            problems.add(number, f"{byte} is not UTF-8; save the file as UTF-8", "wrong_encoding")
            text = raw.decode("utf-8", "replace")
            spoiled.add(number)
        if "\ufeff" in text:
            where = "the file begins with" if number == 1 and text[0] == "\ufeff" else "holds"
            problems.add(number, f"{where} a byte-order mark; save the file as UTF-8 without one", "byte_order_mark")
            text = text.replace("\ufeff", "")
            spoiled.add(number)
        if "\x00" in text:
            problems.add(number, "holds a NUL character", "nul")
            text = text.replace("\x00", "")
            spoiled.add(number)
        yield text


def _records(lines: Iterator[str], problems: Problems) -> Iterator[tuple[int, int, list[str]]]:
    """(first line, last line, cells) of each record that is not blank; a quoted cell may span lines."""
    reader = csv.reader(lines, strict=True)
    while True:
        first = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            problems.add(first, f"cannot be read as CSV ({error}); the rest of the file was not read")
            raise _Unreadable from None
        if cells is None:
            return
        if cells:
            yield first, reader.line_num, cells


RELEASE_COLUMNS = (
    "product", "release", "milestone_position", "milestone", "planned_date_baseline", "planned_date_current",
    "actual_date", "source",
)  # fmt: skip
CHANGE_COLUMNS = ("product", "release", "milestone", "changed_on", "old_date", "new_date", "reason", "source")


def _milestone(cells: _Cells) -> MilestoneRow:
    return MilestoneRow(
        line=cells.line,
        product=cells.name("product", 120),
        release=cells.version("release"),
        milestone=cells.name("milestone", 120),
        position=cells.position("milestone_position"),
        baseline_on=cells.day("planned_date_baseline"),
        current_on=cells.day("planned_date_current"),
        actual_on=cells.day("actual_date"),
        source=cells.text("source"),
    )


def _change(cells: _Cells) -> ChangeRow:
    row = ChangeRow(
        line=cells.line,
        product=cells.name("product", 120),
        release=cells.version("release"),
        milestone=cells.name("milestone", 120),
        changed_on=cells.day("changed_on", is_required=True) or EARLIEST,
        old_on=cells.day("old_date"),
        new_on=cells.day("new_date"),
        reason=cells.text("reason"),
        source=cells.text("source"),
    )
    if row.old_on == row.new_on:
        cells.fail("new_date", "is the same as old_date")
    return row


def read_releases(file: BinaryIO) -> Table[MilestoneRow]:
    """A file of milestones with their planned and actual dates.

    Raises:
        Refused: every mistake by line.
    """
    problems = Problems()
    table = Table(RELEASE_COLUMNS, _milestone, lambda row: row.milestone)
    table.read(file, problems)
    for rows in table.releases():
        lines: dict[int, int] = {}
        for row in rows:
            if row.position in lines:
                where = f"{row.product} {row.release}, line {lines[row.position]}"
                problems.add(row.line, f"milestone_position: {row.position} stands twice ({where})", "duplicate")
            lines.setdefault(row.position, row.line)
    problems.refuse()
    return table


def read_schedule_changes(file: BinaryIO) -> Table[ChangeRow]:
    """A file of changes of planned dates.

    Raises:
        Refused: every mistake by line.
    """
    problems = Problems()
    table = Table(CHANGE_COLUMNS, _change, lambda row: f"{row.changed_on} {row.old_on} {row.new_on} {row.milestone}")
    table.read(file, problems)
    problems.refuse()
    return table
