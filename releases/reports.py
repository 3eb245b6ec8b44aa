"""Figures of recorded history: how late the milestones of each release were."""

import re
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from itertools import groupby
from typing import Any

from django.db.models import Q

from releases.kinds import PlaybookKind
from releases.models import Gate


@dataclass
class SlipFigures:
    """One release's figures; counted are milestones, not ledger rows, and days are calendar days.

    `slipped` and `slip_days` compare actual dates with the baseline, over milestones that have both; `missed` and
    `missed_days` compare them with the date in force at the end of the day before the actual day.
    """

    product: str
    release: str
    milestones: int = 0
    comparable: int = 0
    slipped: int = 0
    slip_days: int = 0
    missed: int = 0
    missed_days: int = 0

    def add(self, other: "SlipFigures") -> None:
        """Sum up, for totals."""
        self.milestones += other.milestones
        self.comparable += other.comparable
        self.slipped += other.slipped
        self.slip_days += other.slip_days
        self.missed += other.missed
        self.missed_days += other.missed_days


FIGURES = ("product", "release", "milestones", "comparable", "slipped", "slip_days", "missed", "missed_days")


def slip_figures(product: str = "") -> list[SlipFigures]:
    """Figures of every recorded release, by product and version; of one product, if named (or its short name)."""
    gates = Gate.objects.filter(release__kind=PlaybookKind.HISTORY)
    if product:
        gates = gates.filter(Q(release__product__name__iexact=product) | Q(release__product__slug=product))
    rows = gates.order_by("release__product__name", "release_id").values_list(
        "release__product__name", "release__version", "baseline_due_on", "due_on", "decided_on"
    )
    figures = [_sum_up(name, version, group) for (name, version), group in groupby(rows.iterator(), lambda r: r[:2])]
    return sorted(figures, key=lambda f: (f.product, _version_order(f.release)))


def _sum_up(product: str, release: str, rows: Iterator[tuple[Any, ...]]) -> SlipFigures:
    found = SlipFigures(product, release)
    for _product, _release, baseline_on, due_on, actual_on in rows:
        found.milestones += 1
        if actual_on is None:
            continue
        if baseline_on is not None:
            late = (actual_on - baseline_on).days
            found.comparable += 1
            found.slipped += late > 0
            found.slip_days += max(0, late)
        if due_on is not None:
            late = (actual_on - due_on).days
            found.missed += late > 0
            found.missed_days += max(0, late)
    return found


def _version_order(version: str) -> list[tuple[int, str]]:
    """1.9 comes before 1.10."""
    parts = re.findall(r"[0-9]+|[^0-9]+", version)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]


def as_row(figures: SlipFigures) -> dict[str, Any]:
    """A release's figures by name."""
    return dict(zip(FIGURES, astuple(figures), strict=True))
