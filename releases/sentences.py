"""Events as sentences, for the activity feed, notices and mails: one small entry per kind.

A sentence begins with its actor ("Grace Kim approved …") or, when nobody did it, with its subject. Parts marked `B`
are printed bold; `text` is the whole sentence for places without markup.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from releases.kinds import Cause, EventKind, SettledHow
from releases.models import Event

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class B(str):
    """A part of a sentence that is printed bold."""

    __slots__ = ()

    @property
    def is_bold(self) -> bool:
        return True


@dataclass(frozen=True)
class Sentence:
    """What happened: the parts after the actor's name, a quotation (comment or reason), and the mark of the feed."""

    parts: tuple[str, ...]
    quote: str = ""
    icon: str = "activity"

    @property
    def text(self) -> str:
        return "".join(self.parts)

    @property
    def has_actor(self) -> bool:
        """It goes on after an actor's name ("approved …"); otherwise it names its own subject."""
        return not isinstance(self.parts[0], B) and self.parts[0][:1].islower()


@dataclass(frozen=True)
class Facts:
    """What an entry reads: the event's data and the names of what it is about."""

    data: Mapping[str, Any]
    gate: str
    names: Mapping[str, str]

    def day(self, key: str) -> str:
        """20 Nov 2026, or "no date"."""
        return day_words(self.data.get(key))

    def get(self, key: str) -> str:
        return str(self.data.get(key) or "")


def day_words(iso: Any) -> str:
    """An ISO day as 20 Nov 2026."""
    if not iso:
        return "no date"
    on = date.fromisoformat(str(iso)[:10])
    return f"{on.day} {MONTHS[on.month - 1]} {on.year}"


def days_words(count: int) -> str:
    return f"{count} day" if abs(count) == 1 else f"{count} days"


def _days_between(data: Mapping[str, Any], first: str, last: str) -> int | None:
    if not data.get(first) or not data.get(last):
        return None
    return (date.fromisoformat(data[last]) - date.fromisoformat(data[first])).days


def shift_words(days: int | None) -> str:
    """7 days later, 1 day earlier, or nothing when one end is unknown."""
    if not days:
        return ""
    return f"{days_words(abs(days))} {'later' if days > 0 else 'earlier'}"


CAUSES: Mapping[str, str] = {
    Cause.NOT_SUBMITTED: "not submitted, it was the product manager’s turn",
    Cause.AWAITING_DECISION: "submitted in time, but not decided",
    Cause.DECLINED: "declined and not submitted again",
    Cause.CHECK_FAILING: "a blocking check was failing",
    Cause.QUORUM_UNREACHABLE: "the quorums could not be reached",
    Cause.RECORDED: "in the recorded history",
}
SETTLED: Mapping[str, str] = {
    SettledHow.LATE_APPROVAL: "by a late approval",
    SettledHow.WAIVER: "by a waiver",
    SettledHow.REPLAN: "by a re-plan",
    SettledHow.RECORDED: "by the recorded date",
}


def _role(f: Facts) -> str:
    """The role's printed name; older events have its key alone."""
    return f.get("role_name") or f.get("role").replace("-", " ").capitalize()


def _activated(f: Facts) -> Sentence:
    first = f.data.get("gates") or []
    opening = (", ", B(f.names.get(first[0][0], first[0][0])), " is open") if first else ()
    return Sentence(("activated the release with baseline ", B(f.day("baseline_on")), *opening), icon="play")


def _missed(f: Facts) -> Sentence:
    cause = CAUSES.get(f.get("cause"), "")
    return Sentence(
        (B(f.gate), " was missed: due on ", f.day("due_on"), *((", ", cause) if cause else ())), icon="calendar-x"
    )


def _slipped(f: Facts) -> Sentence:
    return Sentence(("The release slips: ", B(f.gate), " was due on ", f.day("due_on")), icon="calendar-x")


def _settled(f: Facts) -> Sentence:
    days = int(f.data.get("days") or 0)
    moved = f", {days_words(days)}" if days else ", no day was lost"
    how = SETTLED.get(f.get("how"), "")
    return Sentence((B(f.gate), " settled its slip ", how, moved), icon="calendar-check")


def _due_changed(f: Facts) -> Sentence:
    shift = shift_words(_days_between(f.data, "from", "to"))
    return Sentence(
        (
            B(f.gate or "Release date"),
            " moved from ",
            f.day("from"),
            " to ",
            B(f.day("to")),
            *((", ", shift) if shift else ()),
        ),
        f.get("reason"),
        "calendar-clock",
    )


def _replanned(f: Facts) -> Sentence:
    moves = f.data.get("moves") or []
    target = next((m for m in moves if m[0] == "target"), None)
    if target is not None:
        shift = shift_words((date.fromisoformat(target[2]) - date.fromisoformat(target[1])).days)
        parts: tuple[str, ...] = (
            "re-planned the release to ",
            B(day_words(target[2])),
            *((", ", shift) if shift else ()),
        )
    elif len(moves) == 1:
        parts = ("re-planned ", B(f.names.get(moves[0][0], moves[0][0])), " to ", B(day_words(moves[0][2])))
    elif moves:
        parts = (f"re-planned {len(moves)} dates",)
    else:
        parts = _pinned(f)
    return Sentence(parts, f.get("reason"), "calendar-clock")


def _pinned(f: Facts) -> tuple[str, ...]:
    """pinned Release Readiness and unpinned Market Opportunity."""
    pins = f.data.get("pins") or {}
    words = [
        f"{verb} {' and '.join(names)}"
        for verb, wanted in (("pinned", True), ("unpinned", False))
        if (
            names := [f.names.get(key, key.replace("-", " ")) for key, is_pinned in pins.items() if is_pinned is wanted]
        )
    ]
    return (" and ".join(words),) if words else ("changed which dates are pinned",)


def _playbook_applied(f: Facts) -> Sentence:
    count = len(f.data.get("changes") or ())
    what = f", {count} {'change' if count == 1 else 'changes'}" if count else ", nothing else changed"
    return Sentence(
        ("moved the release to ", B(f"version {f.get('version')}"), " of its playbook", what),
        f.get("reason"),
        "book-open",
    )


def _resumed(f: Facts) -> Sentence:
    days = int(f.data.get("days") or 0)
    after = ("after ", B(days_words(days)), " on hold") if days else ("on the day it was put on hold",)
    return Sentence(("resumed the release ", *after), f.get("reason"), "play")


def _shipped(f: Facts) -> Sentence:
    shift = shift_words(_days_between(f.data, "target_on", "released_on"))
    return Sentence(
        (
            "released it on ",
            B(f.day("released_on")),
            *((", ", shift, " than the target") if shift else (", on target",)),
        ),
        f.get("reason"),
        "rocket",
    )


def _submitted(f: Facts) -> Sentence:
    return Sentence(("submitted ", B(f.gate), f", round {f.get('round')}"), f.get("summary"), "send")


def _decided(f: Facts) -> Sentence:
    verb = "declined" if f.get("verdict") == "decline" else "approved"
    conditions = int(f.data.get("conditions") or 0)
    more = f", with {conditions} {'condition' if conditions == 1 else 'conditions'}" if conditions else ""
    return Sentence((f"{verb} ", f.gate, " for ", B(_role(f)), more), f.get("comment"), "check")


def _gate_declined(f: Facts) -> Sentence:
    return Sentence(
        (B(f.gate), f", round {f.get('round')}, was declined by ", B(_role(f))),
        f.get("comment"),
        "circle-x",
    )


def _changed(f: Facts) -> Sentence:
    before, after = f.data.get("before") or {}, f.data.get("after") or {}
    words = {"name": "theme", "owner": "product manager", "target_on": "release date"}
    what = [word for key, word in words.items() if before.get(key) != after.get(key)]
    return Sentence(("changed the ", " and ".join(what) if what else "release’s details"), icon="pencil")


def _corrected(f: Facts) -> Sentence:
    return Sentence(
        ("corrected the release date from ", f.day("from"), " to ", B(f.day("to"))), f.get("reason"), "pencil"
    )


def _imported(f: Facts) -> Sentence:
    if f.get("what") == "schedule_changes":
        count = len(f.data.get("changes") or ())
        words = f"{count} schedule {'change was' if count == 1 else 'changes were'} loaded"
    else:
        words = "The release was loaded from recorded history"
    return Sentence((words,), icon="history")


def _recorded(f: Facts) -> Sentence:
    actual = f.data.get("decided_on") or f.data.get("actual_on") or f.data.get("actual")
    when = (" happened on ", B(day_words(actual))) if actual else (" was recorded",)
    return Sentence((B(f.gate), *when), icon="history")


def _thing(f: Facts) -> str:
    return f.get("name") or f.get("deliverable").replace("-", " ")


CHECKS: Mapping[str, tuple[str, str]] = {
    "pending": ("is running", "refresh-cw"),
    "success": ("passed", "circle-check"),
    "failure": ("failed", "circle-x"),
    "error": ("ended with an error", "circle-x"),
}


def _check(f: Facts) -> Sentence:
    verb, icon = CHECKS.get(f.get("status"), ("was reported", "activity"))
    return Sentence(("reported for ", f.gate, ": ", B(f.get("check")), f" {verb}"), f.get("summary"), icon)


def _seats(f: Facts) -> Sentence:
    count = len(f.data.get("seats") or ())
    return Sentence((f"made {count} {'seat' if count == 1 else 'seats'} for the gates",), icon="users")


SENTENCES: Mapping[str, Callable[[Facts], Sentence]] = {
    EventKind.RELEASE_CREATED: lambda f: Sentence(("planned the release for ", B(f.day("target_on"))), icon="plus"),
    EventKind.RELEASE_CHANGED: _changed,
    EventKind.RELEASE_ACTIVATED: _activated,
    EventKind.RELEASE_HELD: lambda f: Sentence(
        ("put the release on hold, to resume by ", B(f.day("resume_by"))), f.get("reason"), "pause"
    ),
    EventKind.RELEASE_RESUMED: _resumed,
    EventKind.RELEASE_CANCELLED: lambda f: Sentence(("cancelled the release",), f.get("reason"), "minus"),
    EventKind.RELEASE_SHIPPED: _shipped,
    EventKind.RELEASE_DATE_CORRECTED: _corrected,
    EventKind.RELEASE_CLOSED: lambda _f: Sentence(
        ("The release is closed: every gate is passed",), icon="circle-check"
    ),
    EventKind.RELEASE_SLIPPED: _slipped,
    EventKind.RELEASE_REPLANNED: _replanned,
    EventKind.PLAYBOOK_APPLIED: _playbook_applied,
    EventKind.RELEASE_REBASELINED: lambda f: Sentence(
        ("set a new baseline, ", B(f.day("baseline_on")), ", in place of ", f.day("from")), f.get("reason"), "flag"
    ),
    EventKind.RELEASE_IMPORTED: _imported,
    EventKind.GATE_OPENED: lambda f: Sentence((B(f.gate), " is open, due ", B(f.day("due_on"))), icon="play"),
    EventKind.GATE_MISSED: _missed,
    EventKind.GATE_DUE_CHANGED: _due_changed,
    EventKind.GATE_RECORDED: _recorded,
    EventKind.SLIP_SETTLED: _settled,
    EventKind.SUBMITTED: _submitted,
    EventKind.WITHDRAWN: lambda f: Sentence(
        ("withdrew ", B(f.gate), f", round {f.get('round')}"), f.get("reason"), "undo-2"
    ),
    EventKind.DECISION_RECORDED: _decided,
    EventKind.DECISION_REVOKED: lambda f: Sentence(
        ("took back the decision on ", f.gate, " for ", B(_role(f))),
        f.get("reason"),
        "undo-2",
    ),
    EventKind.RECUSED: lambda f: Sentence(
        ("stepped aside for ", B(f.gate), f", round {f.get('round')}"), f.get("comment"), "minus"
    ),
    EventKind.GATE_APPROVED: lambda f: Sentence((B(f.gate), " is approved"), icon="circle-check"),
    EventKind.GATE_DECLINED: _gate_declined,
    EventKind.GATE_WAIVED: lambda f: Sentence(
        ("waived ", B(f.gate), " until ", B(f.day("expires_on"))), f.get("reason"), "minus"
    ),
    EventKind.WAIVER_EXPIRED: lambda f: Sentence(("The waiver of ", B(f.gate), " has expired"), icon="triangle-alert"),
    EventKind.QUORUM_UNREACHABLE: lambda f: Sentence(
        (B(f.gate), " cannot reach its quorums: too few people can decide"), icon="triangle-alert"
    ),
    EventKind.EVIDENCE_SAVED: lambda f: Sentence(
        ("saved evidence for ", B(_thing(f)), " at ", f.gate), icon="file-text"
    ),
    EventKind.EVIDENCE_REMOVED: lambda f: Sentence(
        ("removed the evidence for ", B(_thing(f)), " at ", f.gate), icon="trash-2"
    ),
    EventKind.EVIDENCE_INFECTED: lambda f: Sentence(
        (
            "uploaded ",
            B(f.get("file")),
            " for ",
            _thing(f),
            ", which was not kept: ",
            f.get("found"),
            " was found in it",
        ),
        icon="triangle-alert",
    ),
    EventKind.DELIVERABLE_ASSIGNED: lambda f: Sentence(
        ("assigned ", B(_thing(f)), " at ", f.gate, " to ", B(f.get("to")))
        if f.data.get("person")
        else ("took ", B(_thing(f)), " at ", f.gate, " off its assignee"),
        icon="user",
    ),
    EventKind.CONDITION_OPENED: lambda f: Sentence(
        ("set a condition at ", B(f.gate), *((", due ", f.day("due_on")) if f.data.get("due_on") else ())),
        f.get("text"),
        "flag",
    ),
    EventKind.CONDITION_CLOSED: lambda f: Sentence(
        ("closed a condition of ", B(f.gate)), f.get("note"), "circle-check"
    ),
    EventKind.CONDITION_OVERDUE: lambda f: Sentence(
        ("A condition of ", B(f.gate), " was due on ", f.day("due_on"), " and is still open"),
        f.get("text"),
        "triangle-alert",
    ),
    EventKind.CHECK_REPORTED: _check,
    EventKind.EXCEPTION_GRANTED: lambda f: Sentence(
        ("excused ", B(f.get("name") or f.get("subject")), " at ", f.gate, " until ", B(f.day("expires_on"))),
        f.get("reason"),
        "minus",
    ),
    EventKind.EXCEPTION_EXPIRED: lambda f: Sentence(
        ("The exception for ", B(f.get("name") or f.get("subject")), " at ", f.gate, " has expired"),
        icon="triangle-alert",
    ),
    EventKind.COMMENT_ADDED: lambda f: Sentence(("commented on ", B(f.gate)), f.get("text"), "message-square"),
    EventKind.COMMENT_EDITED: lambda f: Sentence(("changed a comment on ", B(f.gate)), f.get("text"), "message-square"),
    EventKind.SEAT_CREATED: _seats,
    EventKind.WATCH_STARTED: lambda _f: Sentence(("began to watch",), icon="eye"),
    EventKind.WATCH_ENDED: lambda _f: Sentence(("stopped watching",), icon="eye-off"),
    EventKind.STAKEHOLDER_ADDED: lambda f: Sentence(("added a stakeholder",), icon="users"),
    EventKind.STAKEHOLDER_REMOVED: lambda f: Sentence(("took somebody off the stakeholders",), icon="users"),
}

# Told by another event of the same moment, so feeds leave them out; the full activity page has them all.
TOLD_ELSEWHERE = (EventKind.GATE_DUE_CHANGED, EventKind.RELEASE_SLIPPED, EventKind.GATE_DECLINED)
# A release's short feed leaves out the many steps of preparing evidence too.
LEFT_OUT = (
    *TOLD_ELSEWHERE, EventKind.EVIDENCE_SAVED, EventKind.EVIDENCE_REMOVED, EventKind.CHECK_REPORTED,
    EventKind.COMMENT_EDITED,
)  # fmt: skip


def sentence(event: Event, gate_names: Mapping[str, str]) -> Sentence:
    """An event in words. `gate_names` gives the name of a gate key, such as those of the release."""
    key = str(event.about.get("gate") or "")
    facts = Facts(event.payload, gate_names.get(key, key.replace("-", " ").capitalize()), gate_names)
    entry = SENTENCES.get(event.kind)
    if entry is None:
        # A kind of a later version still reads as words: approvals.check.reported = "check reported".
        return Sentence((" ".join(event.kind.split(".")[1:]).replace("_", " "),))
    return entry(facts)
