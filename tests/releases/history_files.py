"""What the tests of recorded history share: small CSV files, what is stored of them, the fixture's files."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from gatekeeper.common.clock import Clock, database_clock
from releases.actions.history import Outcome, import_releases, import_schedule_changes
from releases.importing import CHANGE_COLUMNS, RELEASE_COLUMNS, read_releases, read_schedule_changes
from releases.models import Gate, Release

DATA = Path(__file__).parent.parent / "data"
PRODUCTS = {"kubernetes": "Kubernetes", "python": "CPython"}


def csv_bytes(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """A CSV file; `None` is an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue().encode()


def milestone(
    position: int,
    name: str,
    baseline: str | None = None,
    current: str | None = None,
    actual: str | None = None,
    *,
    product: str = "Kernel",
    release: str = "1.0",
    source: str = "notes",
) -> list[Any]:
    """One row of a releases file."""
    return [product, release, position, name, baseline, current, actual, source]


def change(
    name: str,
    changed_on: str,
    old: str | None,
    new: str | None,
    reason: str = "later",
    *,
    product: str = "Kernel",
    release: str = "1.0",
) -> list[Any]:
    """One row of a schedule changes file."""
    return [product, release, name, changed_on, old, new, reason, "notes"]


def load(*rows: Sequence[Any], clock: Clock = database_clock) -> Outcome:
    """Import a releases file of some rows."""
    return import_releases(table=read_releases(io.BytesIO(csv_bytes(RELEASE_COLUMNS, rows))), clock=clock)


def load_changes(*rows: Sequence[Any], clock: Clock = database_clock) -> Outcome:
    """Import a schedule changes file of some rows."""
    table = read_schedule_changes(io.BytesIO(csv_bytes(CHANGE_COLUMNS, rows)))
    return import_schedule_changes(table=table, clock=clock)


def gate(key: str, release: str = "1.0", product: str = "Kernel") -> Gate:
    """A milestone as it is stored."""
    return Gate.objects.get(release__product__name=product, release__version=release, key=key)


def kernel(version: str = "1.0") -> Release:
    """The release of the small files."""
    return Release.objects.get(product__name="Kernel", version=version)


def ledger(of: Gate) -> list[tuple[date, date | None, date | None]]:
    """A milestone's moves: (day, from, to) in order of time."""
    return list(of.moves.order_by("effective_on", "pk").values_list("effective_on", "from_on", "to_on"))


def misses(of: Gate) -> list[tuple[date, int | None, date | None, str]]:
    """A milestone's slips: (due, days, settled on, how) in order of the due date."""
    return list(of.slips.order_by("due_on").values_list("due_on", "days", "settled_on", "settled_how"))
