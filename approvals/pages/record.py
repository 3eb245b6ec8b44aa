"""The gate record: everything that is on record of one gate, as lines that the page and the PDF print alike.

Days and times are ISO 8601 in the organisation's zone, since paper does not know who reads it.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.utils.safestring import SafeString

from approvals.actions.rounds import digest_of
from approvals.kinds import CheckStatus, EvidenceKind, RoundState, Verdict
from approvals.markdown import render_markdown
from approvals.models import Check, Comment, Condition, Decision, Recusal, Submission, Waiver
from approvals.pages.gate import ROUND_ICONS, days, gate_url
from approvals.pages.items import author_names, frozen_files
from approvals.pages.through import token_words, tokens_of
from approvals.pages.verify import VerifyCode, gate_events, verify_code
from gatekeeper.accounts.models import User
from gatekeeper.common.calendars import organisation_zone
from releases import rules as release_rules
from releases.events import broken_link_of
from releases.kinds import EventKind, GateState
from releases.models import Gate, Organisation, Playbook, Release, Slip
from releases.sentences import sentence

# As many characters of texts stand in one record; what is more is cut, and says so. The round's page has it whole.
MOST_TEXT = 150_000
MOST_EVENTS = 300
TOLD = (
    EventKind.GATE_OPENED, EventKind.GATE_MISSED, EventKind.GATE_DUE_CHANGED, EventKind.SLIP_SETTLED,
    EventKind.SUBMITTED, EventKind.WITHDRAWN, EventKind.DECISION_RECORDED, EventKind.DECISION_REVOKED,
    EventKind.RECUSED, EventKind.GATE_APPROVED, EventKind.GATE_DECLINED, EventKind.GATE_WAIVED,
    EventKind.WAIVER_EXPIRED, EventKind.CONDITION_OPENED, EventKind.CONDITION_CLOSED, EventKind.CONDITION_OVERDUE,
    EventKind.EXCEPTION_GRANTED, EventKind.EXCEPTION_EXPIRED,
)  # fmt: skip
WORDS = {
    GateState.UPCOMING: "Not started",
    GateState.OPEN: "Preparing",
    GateState.IN_REVIEW: "Waiting for decision",
    GateState.APPROVED: "Approved",
    GateState.DECLINED: "Declined",
    GateState.WAIVED: "Waived",
}
CHECK_ICONS = {CheckStatus.SUCCESS: "ok", CheckStatus.FAILURE: "dec", CheckStatus.ERROR: "dec"}
KINDS = {"text": "Text", "link": "Link", "file": "File", "tick": "Done"}


def iso_moment(at: datetime, zone: ZoneInfo | None = None) -> str:
    """2026-09-28 15:36 +02:00, in the organisation's zone unless another one is named."""
    here = at.astimezone(zone or organisation_zone())
    offset = here.isoformat()[-6:]
    return f"{here:%Y-%m-%d %H:%M} {'UTC' if offset == '+00:00' else offset}"


def signed_moment(at: datetime, zone_name: str) -> str:
    """The moment of a signature, in the zone in which it was shown."""
    try:
        zone = ZoneInfo(zone_name) if zone_name else organisation_zone()
    except (ZoneInfoNotFoundError, ValueError):
        zone = organisation_zone()
    named = f", {zone_name}" if zone_name not in ("", "UTC") else ""
    return f"{iso_moment(at, zone)}{named}"


@dataclass(frozen=True)
class DecisionRow:
    """One decision of the latest round; role and quorum stand on the first row of their role."""

    role: str
    quorum: str
    person: str
    title: str
    icon: str
    words: str
    when: str
    meaning: str
    comment: str
    note: str = ""


@dataclass(frozen=True)
class ConditionRow:
    text: str
    owner: str
    due_on: str
    state: str
    note: str


@dataclass(frozen=True)
class CheckRow:
    name: str
    icon: str
    words: str
    summary: str


@dataclass(frozen=True)
class EvidenceRow:
    """A file, or what stands in the round itself; its hash is over the file's bytes or the text in UTF-8."""

    deliverable: str
    kind: str
    author: str
    sha256: str

    @property
    def hash_lines(self) -> tuple[str, str]:
        """The hash in two halves, so that it fits a column and can be compared by eye."""
        return self.sha256[:32], self.sha256[32:]


@dataclass(frozen=True)
class TextRow:
    """Evidence that is words: printed whole, or cut where it says so."""

    deliverable: str
    text: str
    is_cut: bool

    @property
    def html(self) -> SafeString:
        return render_markdown(self.text)


@dataclass(frozen=True)
class RoundRow:
    number: int
    submitted: str
    by: str
    outcome: str
    icon: str
    ended: str
    digest: str


@dataclass(frozen=True)
class HistoryRow:
    when: str
    text: str
    quote: str


@dataclass
class GateRecord:
    """What is on record of one gate, read once; no query grows with the rounds or the people."""

    release: Release
    gate: Gate
    count: int
    gate_names: Mapping[str, str]
    made_by: User
    made_at: datetime

    # --- Head -------------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        return gate_url(self.gate, self.release)

    @cached_property
    def organisation(self) -> str:
        return Organisation.objects.values_list("name", flat=True).filter(pk=1).first() or ""

    @property
    def zone(self) -> str:
        return organisation_zone().key

    @property
    def made(self) -> str:
        return iso_moment(self.made_at)

    @property
    def over(self) -> str:
        return f"Gate {self.gate.position} of {self.count} · {self.release}"

    @property
    def icon(self) -> str:
        """The mark of the gate's state; lateness is told in words beside it."""
        return release_rules.display_state(
            self.gate.state, due_on=None, today=self.made_at.date(), conditions=self.gate.open_conditions
        )

    @property
    def state_words(self) -> str:
        if self.gate.state == GateState.WAIVED:
            return "Waived, not approved" + (" (the waiver has expired)" if self.gate.is_waiver_expired else "")
        words = WORDS[GateState(self.gate.state)]
        return f"{words} with conditions" if self.icon == "cond" else words

    @property
    def state_line(self) -> str:
        """Round, when, due, and how late."""
        gate = self.gate
        parts = [f"Round {gate.round_number}" if gate.round_number else "No round"]
        if gate.is_passed and gate.decided_at is not None:
            parts.append(iso_moment(gate.decided_at))
        line = ", ".join(parts)
        if gate.due_on is not None:
            line += f" · due {gate.due_on.isoformat()}"
            late = (gate.decided_on - gate.due_on).days if gate.decided_on else 0
            line += f", {days(late)} late" if late > 0 else ""
        return line

    @cached_property
    def slips(self) -> list[Slip]:
        return list(Slip.objects.filter(gate=self.gate).order_by("due_on"))

    @property
    def details(self) -> list[tuple[str, str]]:
        gate, release = self.gate, self.release
        owner = release.owner or release.product.owner
        slipped = sum(slip.days or 0 for slip in self.slips)
        playbook = Playbook.objects.only("name", "version").get(pk=release.playbook_id)
        missed = ", ".join(slip.due_on.isoformat() for slip in self.slips)
        return [
            ("Product line", release.product.line.name),
            ("Product manager", str(owner) if owner else "None"),
            ("Playbook", f"{playbook.name}, version {playbook.version}"),
            ("Baseline of the gate", gate.baseline_due_on.isoformat() if gate.baseline_due_on else "None"),
            ("Slip caused", f"{days(slipped)}, missed {missed}" if missed else "None"),
            ("Target of the release", release.target_on.isoformat() if release.target_on else "None"),
        ]

    # --- Rounds -----------------------------------------------------------------------------------------------

    @cached_property
    def submissions(self) -> list[Submission]:
        """All rounds, newest first, without their snapshots."""
        rows = Submission.objects.filter(gate=self.gate).defer("snapshot", "summary").select_related("submitted_by")
        return list(rows.order_by("-number"))

    @cached_property
    def latest(self) -> Submission | None:
        """The latest round with its snapshot."""
        if not self.submissions:
            return None
        return Submission.objects.select_related("submitted_by").get(pk=self.submissions[0].pk)

    @cached_property
    def frozen(self) -> dict[str, Any]:
        return self.latest.frozen if self.latest is not None else {"evidence": [], "roles": []}

    @property
    def is_digest_right(self) -> bool:
        return self.latest is None or digest_of(self.latest.snapshot) == self.latest.digest

    @property
    def rounds(self) -> list[RoundRow]:
        approved = {s.pk for s in self.submissions if s.state == RoundState.APPROVED}
        standing = [c.decision for c in self._conditions if not hasattr(c.decision, "revocation")]
        conditional = approved & {d.submission_id for d in standing}
        return [
            RoundRow(
                number=s.number,
                submitted=iso_moment(s.submitted_at),
                by=str(s.submitted_by),
                outcome="Approved with conditions" if s.pk in conditional else RoundState(s.state).label,
                icon="cond" if s.pk in conditional else ROUND_ICONS[RoundState(s.state)],
                ended=iso_moment(s.ended_at) if s.ended_at else "",
                digest=s.digest.removeprefix("sha256:"),
            )
            for s in reversed(self.submissions)
        ]

    # --- Decisions --------------------------------------------------------------------------------------------

    @cached_property
    def _decisions(self) -> list[Decision]:
        if self.latest is None:
            return []
        rows = Decision.objects.filter(submission=self.latest)
        return list(rows.select_related("role", "on_behalf_of", "revocation").order_by("decided_at", "pk"))

    @cached_property
    def tokens(self) -> dict[int, str]:
        return tokens_of(self.gate, self.release) if self._decisions else {}

    @cached_property
    def decisions(self) -> list[DecisionRow]:
        found: list[DecisionRow] = []
        counts: dict[int, int] = {}
        for condition in self._conditions:
            counts[condition.decision_id] = counts.get(condition.decision_id, 0) + 1
        for role in self.frozen["roles"]:
            mine = [d for d in self._decisions if d.role_id == role["id"]]
            approvals = sum(d.verdict == Verdict.APPROVE and not hasattr(d, "revocation") for d in mine)
            quorum = f"{approvals} of {role['quorum']}"
            if not mine:
                found.append(DecisionRow(role["name"], quorum, "", "", "none", "No decision", "", "", ""))
            for index, d in enumerate(mine):
                name, need = (role["name"], quorum) if not index else ("", "")
                found.append(self._decision_row(d, name, need, counts.get(d.pk, 0)))
        return found

    def _decision_row(self, d: Decision, role: str, quorum: str, conditions: int) -> DecisionRow:
        revocation = getattr(d, "revocation", None)
        icon, words = ("dec", "Declined") if d.verdict == Verdict.DECLINE else ("ok", "Approved")
        if conditions and d.verdict == Verdict.APPROVE:
            icon, words = "cond", f"With {conditions} {'condition' if conditions == 1 else 'conditions'}"
        note = f"for {d.on_behalf_of}" if d.on_behalf_of is not None else ""
        if d.pk in self.tokens:
            note = f"{note}{', ' if note else ''}through the API, token {self.tokens[d.pk]}"
        if revocation is not None:
            icon, words = "none", f"{words}, then revoked"
            note = f"{note}{'; ' if note else ''}revoked {iso_moment(revocation.revoked_at)}: {revocation.reason}"
        return DecisionRow(
            role=role,
            quorum=quorum,
            person=d.printed_name,
            title=d.printed_title,
            icon=icon,
            words=words,
            when=signed_moment(d.decided_at, d.time_zone),
            meaning=d.meaning,
            comment=d.comment,
            note=note,
        )

    @property
    def comments(self) -> list[tuple[str, str]]:
        """(who and in which role, what) of the decisions that have a comment."""
        return [(f"{d.printed_name}, {d.role.name}", d.comment) for d in self._decisions if d.comment]

    @cached_property
    def recusals(self) -> list[tuple[str, str, str]]:
        """(who, when, why) of those who stepped aside."""
        if self.latest is None:
            return []
        rows = Recusal.objects.filter(submission=self.latest).select_related("person").order_by("recused_at")
        return [(str(r.person), iso_moment(r.recused_at), r.comment) for r in rows]

    @cached_property
    def _conditions(self) -> list[Condition]:
        rows = Condition.objects.filter(gate=self.gate)
        rows = rows.select_related("owner", "closed_by", "decision", "decision__revocation")
        return list(rows.order_by("due_on", "pk"))

    @property
    def conditions(self) -> list[ConditionRow]:
        return [
            ConditionRow(
                text=c.text,
                owner=str(c.owner),
                due_on=c.due_on.isoformat(),
                state=f"Closed {iso_moment(c.closed_at)}" + (f" by {c.closed_by}" if c.closed_by else "")
                if c.closed_at
                else "Open",
                note=c.note,
            )
            for c in self._conditions
        ]

    @cached_property
    def waivers(self) -> list[Waiver]:
        return list(Waiver.objects.filter(gate=self.gate).order_by("waived_at"))

    @property
    def waiver(self) -> Waiver | None:
        return next((w for w in self.waivers if w.kind == "gate"), None)

    @property
    def waiver_when(self) -> str:
        return signed_moment(self.waiver.waived_at, self.waiver.time_zone) if self.waiver is not None else ""

    @property
    def exceptions(self) -> list[tuple[str, str]]:
        """(what is excused, by whom with which reason until when)."""
        return [
            (w.subject, f"{w.printed_name}, {iso_moment(w.waived_at)}: {w.reason} (until {w.expires_on.isoformat()})")
            for w in self.waivers
            if w.kind != "gate"
        ]

    # --- Checks and evidence ----------------------------------------------------------------------------------

    @cached_property
    def checks(self) -> list[CheckRow]:
        """As they stood when the round was submitted; without a round (or in rounds from before checks) as they are."""
        rows: list[Mapping[str, Any]]
        if "checks" in self.frozen:
            rows = self.frozen["checks"]
        else:
            rows = [
                {"name": c.name, "blocking": c.is_blocking, "status": c.status, "summary": c.summary}
                for c in Check.objects.filter(gate=self.gate).order_by("position", "name")
            ]
        return [
            CheckRow(
                name=row["name"],
                icon=CHECK_ICONS.get(CheckStatus(row["status"]), "none"),
                words=f"{CheckStatus(row['status']).label}, {'blocks' if row['blocking'] else 'advises'}",
                summary=row["summary"],
            )
            for row in rows
        ]

    @cached_property
    def _authors(self) -> dict[int, str]:
        return author_names(self.frozen, [self.latest.submitted_by]) if self.latest is not None else {}

    @cached_property
    def evidence(self) -> list[EvidenceRow]:
        found: list[EvidenceRow] = []
        for row in self.frozen["evidence"]:
            author = self._authors.get(row["author"], "")
            name = row["name"]
            if row["kind"] != EvidenceKind.FILE:
                body = {"text": row["text"], "link": row["url"]}.get(row["kind"], row["note"])
                kind = KINDS.get(row["kind"], row["kind"])
                kind = f"{kind}, {len(body.split())} words" if row["kind"] == EvidenceKind.TEXT else kind
                found.append(EvidenceRow(name, kind, author, hashlib.sha256(body.encode()).hexdigest()))
                name = ""
            for file in frozen_files(row):
                found.append(EvidenceRow(name, f"{file.name}, {file.size:,} bytes", author, file.sha256))
                name = ""
        return found

    @property
    def texts(self) -> list[TextRow]:
        """What the evidence says in words: texts, links and notes."""
        found, room = [], MOST_TEXT
        for row in self.frozen["evidence"]:
            body = "\n\n".join(part for part in (row["text"], row["url"], row["note"]) if part)
            if body:
                found.append(TextRow(row["name"], body[:room], len(body) > room))
                room -= len(found[-1].text)
        return found

    # --- History ----------------------------------------------------------------------------------------------

    @cached_property
    def _events(self) -> list[HistoryRow]:
        rows = gate_events(self.gate, self.release).filter(kind__in=TOLD).select_related("actor", "on_behalf_of")
        found = []
        for event in rows.order_by("-number")[: MOST_EVENTS + 1]:
            said = sentence(event, self.gate_names)
            actor = f"{event.actor} " if said.has_actor and event.actor is not None else ""
            through = f", through the API, token {token_words(event.token)}" if event.token else ""
            text = f"{actor}{said.text}{through}"
            quote = event.payload.get("reason") or event.payload.get("comment") or said.quote
            found.append(HistoryRow(iso_moment(event.recorded_at), text[:1].upper() + text[1:], str(quote or "")))
        return found[::-1]

    @property
    def history(self) -> list[HistoryRow]:
        return self._events[-MOST_EVENTS:]

    @property
    def has_more_history(self) -> bool:
        return len(self._events) > MOST_EVENTS

    @cached_property
    def comment_count(self) -> int:
        """Words of the discussion; they are no decisions, so they are counted only."""
        return Comment.objects.filter(gate=self.gate).count()

    # --- Integrity --------------------------------------------------------------------------------------------

    @cached_property
    def code(self) -> VerifyCode:
        return verify_code(self.gate, self.release)

    @cached_property
    def broken(self) -> str:
        """What does not hold; empty when digest and event chain do."""
        if not self.is_digest_right:
            return f"The evidence of round {self.gate.round_number} no longer has the digest that was stored with it."
        link = broken_link_of(self.release)
        return f"The event chain of the release is broken at event {link.number}: {link.reason}." if link else ""


def gate_record(release: Release, gate: Gate, gates: list[Gate], *, made_by: User, made_at: datetime) -> GateRecord:
    """The record of a gate, made by a person at a moment."""
    return GateRecord(release, gate, len(gates), {g.key: g.name for g in gates}, made_by, made_at)
