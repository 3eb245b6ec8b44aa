"""Checks and exceptions as the gate page shows them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from approvals.facts import GateFacts
from approvals.kinds import CheckStatus, WaiverKind
from approvals.models import Waiver

# Mark, tone.
MARKS: Mapping[str, tuple[str, str]] = {
    CheckStatus.NOT_REPORTED: ("circle-dashed", "none"),
    CheckStatus.PENDING: ("refresh-cw", "rev"),
    CheckStatus.SUCCESS: ("circle-check", "ok"),
    CheckStatus.FAILURE: ("circle-x", "dec"),
    CheckStatus.ERROR: ("circle-x", "dec"),
}


@dataclass(frozen=True)
class CheckLine:
    """A check: what the tool said last, or what a round froze of it."""

    name: str
    is_blocking: bool
    status: str
    summary: str
    details_url: str
    reported_by: str
    reported_at: datetime | None
    excused: str = ""

    @property
    def words(self) -> str:
        return CheckStatus(self.status).label

    @property
    def icon(self) -> str:
        return MARKS[self.status][0]

    @property
    def tone(self) -> str:
        return MARKS[self.status][1]

    @property
    def is_failing(self) -> bool:
        return self.status in (CheckStatus.FAILURE, CheckStatus.ERROR)


@dataclass(frozen=True)
class ExcuseLine:
    """An exception in the list of what stands in the way: what is excused, by whom, until when, why."""

    name: str
    by: str
    until: date
    reason: str


def check_lines(facts: GateFacts) -> list[CheckLine]:
    """The checks of a gate as they are now."""
    excused = facts.excused(WaiverKind.CHECK)
    return [
        CheckLine(
            name=check.name,
            is_blocking=check.is_blocking,
            status=check.status,
            summary=check.summary,
            details_url=check.details_url,
            reported_by=check.reported_by.full_name if check.reported_by else "",
            reported_at=check.reported_at,
            excused=excuse_words(excused[check.name]) if check.name in excused else "",
        )
        for check in facts.checks
    ]


def excuse_words(waiver: Waiver) -> str:
    return f"Excused by {waiver.printed_name} until {waiver.expires_on:%-d %b %Y}"


def excuse_lines(facts: GateFacts) -> list[ExcuseLine]:
    """The exceptions that are in force today."""
    names = {thing.key: thing.name for thing in facts.deliverables}
    return [
        ExcuseLine(names.get(w.subject, w.subject), w.printed_name, w.expires_on, w.reason)
        for w in sorted(facts.exceptions, key=lambda w: (w.kind, w.subject))
    ]


def frozen_checks(frozen: Mapping[str, Any]) -> list[CheckLine]:
    """The checks that a round was submitted with; rounds from before there were any have none."""
    excused = {row["subject"]: row for row in frozen.get("exceptions", ()) if row["kind"] == WaiverKind.CHECK}
    return [
        CheckLine(
            name=row["name"],
            is_blocking=row["blocking"],
            status=row["status"],
            summary=row["summary"],
            details_url=row["details_url"],
            reported_by="",
            reported_at=None,
            excused=f"Excused by {excused[row['name']]['name']}" if row["name"] in excused else "",
        )
        for row in frozen.get("checks", ())
    ]


def frozen_excuses(frozen: Mapping[str, Any], names: Mapping[str, str]) -> list[ExcuseLine]:
    """The exceptions under which a round was submitted."""
    return [
        ExcuseLine(
            names.get(row["subject"], row["subject"]),
            row["name"],
            date.fromisoformat(row["expires_on"]),
            row["reason"],
        )
        for row in frozen.get("exceptions", ())
    ]


def passed_words(lines: Iterable[CheckLine]) -> str:
    """5 of 6 checks passed; nothing without checks."""
    found = list(lines)
    if not found:
        return ""
    passed = sum(line.status == CheckStatus.SUCCESS for line in found)
    return f"{passed} of {len(found)} {'check' if len(found) == 1 else 'checks'} passed"
