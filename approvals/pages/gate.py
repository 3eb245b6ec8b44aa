"""What the gate page shows: one read of everything; rounds, decisions and versions do not raise its query count."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property
from statistics import median
from urllib.parse import urlencode

from django.db.models import Exists, OuterRef
from django.urls import reverse

from approvals import ports, rules
from approvals.facts import GateFacts
from approvals.feasibility import Shortage, gate_shortages
from approvals.inbox import waiting_for
from approvals.kinds import BlockerCode, RoundState, Verdict, WaiverKind
from approvals.models import Condition, Decision, Submission
from approvals.pages.absences import away_words
from approvals.pages.cards import Card, cards_of
from approvals.pages.changes import Comparison, ReadRow, compare, read_rows
from approvals.pages.checks import (
    CheckLine,
    ExcuseLine,
    check_lines,
    excuse_lines,
    frozen_checks,
    frozen_excuses,
    passed_words,
)
from approvals.pages.items import Item, author_names, frozen_items
from approvals.pages.since import Since, since_when
from approvals.pages.through import tokens_of
from approvals.pages.words import joined as joined
from approvals.permissions import Holder
from approvals.status import GateStatus, RoleStatus, free_seat, gate_status, vote_refusal
from approvals.verdicts import GO, present_verdict
from gatekeeper.accounts.models import User
from gatekeeper.common.errors import Blocker
from releases import rules as release_rules
from releases.kinds import EventKind, GateState, ReleaseState
from releases.models import DateMove, Event, Gate, Release, Slip
from releases.permissions import is_administrator, product_permissions
from releases.playbooks import key_words

ROUNDS_SHOWN = 8
PEOPLE_SHOWN = 6
SLIPS_SHOWN = 5
# The median of fewer rounds than this says nothing.
LEAST_SAMPLES = 3
MOST_SAMPLES = 50
MOST_WAITING = 200

ROUND_ICONS = {
    RoundState.OPEN: "rev",
    RoundState.APPROVED: "ok",
    RoundState.DECLINED: "dec",
    RoundState.WITHDRAWN: "none",
    RoundState.WAIVED: "na",
    RoundState.CANCELLED: "na",
}
# What a blocker's exception would be of.
EXCUSABLE = {
    BlockerCode.DELIVERABLE_MISSING: WaiverKind.DELIVERABLE,
    BlockerCode.CHECK_MISSING: WaiverKind.CHECK,
    BlockerCode.CHECK_FAILING: WaiverKind.CHECK,
}
# Whether an approval of a round that stands has conditions.
IS_CONDITIONAL = Exists(
    Condition.objects.filter(decision__submission=OuterRef("pk"), decision__revocation__isnull=True)
)
ROLE_ICONS = {"approved": "ok", "declined": "dec", "waiting": "rev"}


def gate_url(gate: Gate, release: Release, name: str = "gate", **more: str | int) -> str:
    """An address below a gate."""
    kwargs = {"product": release.product.slug, "version": release.version, "gate": gate.key, **more}
    return reverse(name, kwargs=kwargs)


def days(count: int) -> str:
    return f"{count} day" if count == 1 else f"{count} days"


NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
ORDINALS = ("zeroth", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")


def number_word(number: int) -> str:
    return NUMBERS[number] if number < len(NUMBERS) else str(number)


def ordinal(number: int) -> str:
    return ORDINALS[number] if number < len(ORDINALS) else f"{number}th"


# --- Parts --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DecisionLine:
    """A decision in the roles panel."""

    decision: Decision
    is_mine: bool
    conditions: tuple[Condition, ...] = ()
    may_revoke: bool = False
    token: str = ""
    """By which token of the API it was given: `gk_ab12cd34…`; empty when it was given on a page."""

    @property
    def revocation(self) -> object | None:
        return getattr(self.decision, "revocation", None)

    @property
    def words(self) -> str:
        if self.revocation is not None:
            return "Revoked"
        if self.decision.verdict == Verdict.DECLINE:
            return "Declined"
        return "Approved with conditions" if self.conditions else "Approved"

    @property
    def tone(self) -> str:
        return {"Revoked": "none", "Declined": "dec"}.get(self.words, "ok")


@dataclass(frozen=True)
class PersonLine:
    """Somebody of a role who has not decided, and how that is said."""

    person: User
    is_me: bool
    words: str
    is_waiting: bool
    away: str = ""


@dataclass(frozen=True)
class RoleLine:
    """A role in the panel: its progress, its decisions, its people."""

    key: str
    name: str
    quorum: int
    approvals: int
    state: str
    decisions: tuple[DecisionLine, ...] = ()
    people: tuple[PersonLine, ...] = ()
    more_people: int = 0
    is_unreachable: bool = False
    holders: tuple[Holder, ...] = ()
    after: tuple[str, ...] = ()

    @property
    def icon(self) -> str:
        return ROLE_ICONS.get(self.state, "none")

    @property
    def label(self) -> str:
        return {"approved": "Approved", "declined": "Declined", "waiting": "Waiting", "later": "Later"}.get(
            self.state, "Not asked yet"
        )

    @property
    def turn_words(self) -> str:
        """Decides after Engineering; nothing for those who decide first."""
        return f"Decides after {joined(self.after)}" if self.after else ""

    @property
    def needed(self) -> str:
        return f"{min(self.approvals, self.quorum)} of {self.quorum} needed"


@dataclass(frozen=True)
class RoundLine:
    """A round in the list."""

    submission: Submission
    declined_by: str
    url: str

    @property
    def icon(self) -> str:
        return "cond" if self._is_conditional else ROUND_ICONS[RoundState(self.submission.state)]

    @property
    def outcome(self) -> str:
        if self._is_conditional:
            return "approved with conditions"
        words = RoundState(self.submission.state).label.lower()
        return "waiting for decision" if self.submission.state == RoundState.OPEN else words

    @property
    def _is_conditional(self) -> bool:
        return self.submission.state == RoundState.APPROVED and bool(getattr(self.submission, "is_conditional", False))


@dataclass(frozen=True)
class BlockerLine:
    """One thing in the way, with a link to the place where it is mended."""

    icon: str
    text: str
    note: str
    href: str
    excuse_url: str = ""


@dataclass(frozen=True)
class Hat:
    """A role in which the person may decide, and what an approval in it would do."""

    key: str
    name: str
    is_last: bool
    words: str
    principal: str = ""

    @property
    def title(self) -> str:
        """ "Engineering", or "Engineering for Sofia Almeida" where the person stands in."""
        return f"{self.name} for {self.principal}" if self.principal else self.name


@dataclass(frozen=True)
class Declined:
    """Who declined a round, in their own words."""

    number: int
    who: str
    comment: str
    role: str
    is_mine: bool


@dataclass(frozen=True)
class IfMissed:
    """What a miss costs, in the reader's words; empty parts are left out."""

    due_on: date
    target_on: date | None
    is_late: bool
    days_late: int
    is_after_release: bool
    is_pinned_note: bool
    median_days: int | None
    safe_on: date | None
    forecast_on: date | None
    """Where the target is heading while the miss is not settled: the slip rule's projection."""
    cost_of_a_day: str


# --- The page -----------------------------------------------------------------------------------------------------


@dataclass
class GatePage:
    """Everything on the gate page for one person; lazily read parts cost their query only where they are shown."""

    release: Release
    gate: Gate
    gates: list[Gate]
    today: date
    user: User
    status: GateStatus

    @property
    def facts(self) -> GateFacts:
        return self.status.facts

    @cached_property
    def permissions(self) -> frozenset[str]:
        return product_permissions(self.user, self.release.product)

    @cached_property
    def is_administrator(self) -> bool:
        return is_administrator(self.user)

    @property
    def is_manager(self) -> bool:
        return "manage_product" in self.permissions

    @property
    def is_contributor(self) -> bool:
        return "contribute" in self.permissions and not self.is_manager

    @property
    def sees_drafts(self) -> bool:
        return sees_drafts(self.permissions, self.is_administrator)

    # Where and in which state

    @property
    def url(self) -> str:
        return gate_url(self.gate, self.release)

    def url_of(self, name: str, **more: str | int) -> str:
        return gate_url(self.gate, self.release, name, **more)

    @property
    def mode(self) -> str:
        """`decide` while a round is open, `record` once passed, else `prepare` or (without sight of drafts) `wait`."""
        if self.gate.state == GateState.IN_REVIEW:
            return "decide"
        if self.gate.is_passed:
            return "record"
        return "prepare" if self.sees_drafts else "wait"

    @property
    def display(self) -> str:
        return release_rules.display_state(
            self.gate.state,
            due_on=self.gate.due_on,
            today=self.today,
            conditions=self.gate.open_conditions,
            is_running=self.release.is_running,
        )

    @property
    def waits_for_me(self) -> bool:
        """The person may decide in a role that still needs an approval."""
        return bool(set(self.status.my_roles) & set(self.status.turn.roles))

    @property
    def state_words(self) -> str:
        number = self.gate.round_number
        who = "you" if self.waits_for_me else "decision"
        state = self.gate.state
        words = {
            GateState.UPCOMING: "Not started",
            GateState.OPEN: f"Preparing round {number + 1}",
            GateState.IN_REVIEW: f"Waiting for {who}, round {number}",
            GateState.DECLINED: f"Declined, round {number}",
            GateState.WAIVED: "Waiver expired" if self.gate.is_waiver_expired else "Waived",
            GateState.APPROVED: "Approved with conditions" if self.display == "cond" else "Approved",
        }[GateState(state)]
        return f"Late, {words[0].lower()}{words[1:]}" if self.display == "late" else words

    @property
    def pill_state(self) -> str:
        return "late" if self.gate.is_waiver_expired else self.display

    @property
    def days_late(self) -> int:
        return (self.today - self.gate.due_on).days if self.display == "late" and self.gate.due_on else 0

    @property
    def due_is_near(self) -> bool:
        due = self.gate.due_on
        return self.gate.is_undecided and due is not None and due <= self.today + timedelta(days=1)

    @property
    def next_round(self) -> int:
        return self.gate.round_number + 1

    @property
    def owner(self) -> User | None:
        """Who prepares the evidence."""
        return self.release.owner or self.release.product.owner

    @property
    def next_gate(self) -> Gate | None:
        return next((g for g in self.gates if g.position > self.gate.position), None)

    @property
    def may_replan(self) -> bool:
        if self.facts.is_in_review:  # the same people, known already
            return self.status.may("withdraw")
        return self.release.is_running and (self.is_manager or self.is_administrator)

    @property
    def waive_is_offered(self) -> bool:
        return self.status.may("waive")

    @property
    def informed(self) -> str:
        """Who is told without a vote, in words."""
        return ", ".join(key_words(key) for key in self.gate.informed)

    @property
    def all_roles_words(self) -> str:
        count = len(self.status.roles)
        return {0: "", 1: "one role", 2: "both roles"}.get(count, f"all {number_word(count)} roles")

    @property
    def role_count_words(self) -> str:
        count = len(self.status.roles)
        return "one role decides" if count == 1 else f"{number_word(count)} roles decide"

    @property
    def ready_words(self) -> str:
        return f"{self.ready} of {len(self.cards)} deliverables are ready"

    @property
    def asked_words(self) -> str:
        """Who is asked when the round is submitted."""
        names = [role.name for role in self.status.roles]
        return f"{joined(names)} {'is' if len(names) == 1 else 'are'} asked at once."

    @property
    def last_round_words(self) -> str:
        return f"Evidence of round {self.round.number}" if self.round is not None else ""

    @property
    def days_after_due(self) -> int:
        """Calendar days from the due date to the day it was passed; 0 when in time."""
        gate = self.gate
        return max(0, (gate.decided_on - gate.due_on).days) if gate.decided_on and gate.due_on else 0

    # Evidence while it is gathered

    @cached_property
    def cards(self) -> list[Card]:
        return cards_of(self.facts, self.user, with_drafts=self.mode == "prepare")

    @property
    def ready(self) -> int:
        return sum(card.is_ready for card in self.cards)

    @property
    def is_unchanged(self) -> bool:
        """The evidence is still that of the round before: submitting it again is possible, and worth a second look."""
        if self.round is None:
            return False
        items = [card.item for card in self.cards if card.item is not None]
        frozen = {(row["deliverable"], row["version"]) for row in self.round.frozen["evidence"]}
        return {(item.key, item.version) for item in items} == frozen

    @property
    def may_edit(self) -> bool:
        return self.status.may("edit_evidence")

    @cached_property
    def my_seats(self) -> list[str]:
        """Names of the roles of this gate that the person holds."""
        return [
            row.role.name
            for row in self.facts.roles
            if any(h.user.pk == self.user.pk for h in self.facts.holders[row.role_id])
        ]

    @property
    def has_written(self) -> bool:
        return self.user.pk in self.facts.contributors_now()

    @cached_property
    def submit_lines(self) -> list[BlockerLine]:
        """What stands between this evidence and a round."""
        return [self._blocker_line(blocker) for blocker in self.status.submission_blockers]

    @cached_property
    def way_lines(self) -> list[BlockerLine]:
        """What stands between this gate and its approval, for people who only read."""
        return [self._blocker_line(blocker) for blocker in self.status.blockers]

    def _blocker_line(self, blocker: Blocker) -> BlockerLine:
        line = self._plain_line(blocker)
        kind = EXCUSABLE.get(blocker.code)
        if kind is None or not self.status.may("except"):
            return line
        return replace(
            line, excuse_url=f"{self.url_of('gate-except')}?{urlencode({'what': f'{kind}:{blocker.subject}'})}"
        )

    def _plain_line(self, blocker: Blocker) -> BlockerLine:
        code, subject = blocker.code, blocker.subject
        if code in (BlockerCode.CHECK_MISSING, BlockerCode.CHECK_FAILING):
            text, _colon, detail = blocker.message.partition(": ")
            icon = "dec" if code == BlockerCode.CHECK_FAILING else "rev"
            return BlockerLine(icon, text.rstrip("."), detail or "This list updates itself", "#checks")
        if code == BlockerCode.DELIVERABLE_MISSING:
            card = next(card for card in self.cards if card.deliverable.key == subject)
            thing = card.deliverable
            if self.may_edit and card.drafts:
                note = "The draft is not marked as ready"
                if card.my_draft is None:
                    note = f"{card.writers}: the draft is not marked as ready"
                return BlockerLine("prep", f"Finish {thing.name}", note, f"#d-{subject}")
            if self.may_edit:
                return BlockerLine("none", f"Add {thing.name}", "Required by the playbook", f"#d-{subject}")
            return BlockerLine("none", f"Missing: {thing.name}", "Required by the playbook", "")
        if code == BlockerCode.QUORUM_UNREACHABLE:
            text, _colon, reason = blocker.message.partition(": ")
            return BlockerLine("dec", text, f"{reason[:1].upper()}{reason[1:]}", "#roles")
        if code == BlockerCode.EARLIER_GATE_OPEN:
            earlier = next(g for g in self.gates if g.key == subject)
            return BlockerLine(
                "prep" if earlier.is_undecided else "none", blocker.message.rstrip("."), "Gates run in order",
                gate_url(earlier, self.release),
            )  # fmt: skip
        if code == BlockerCode.CONDITION_OVERDUE:
            condition = next(c for c in self.facts.late_conditions if str(c.pk) == subject)
            return BlockerLine(
                "cond",
                f"Close a condition of {condition.gate.name}",
                f"{condition.text} ({condition.owner}, due {condition.due_on:%-d %b %Y})",
                f"{gate_url(condition.gate, self.release)}#conditions",
            )
        if code == BlockerCode.ROLE_APPROVAL_MISSING:
            return BlockerLine("rev", blocker.message.rstrip("."), "", "#roles")
        if code == BlockerCode.DECLINED:
            return BlockerLine("dec", blocker.message.rstrip("."), "", "#rounds")
        if code == BlockerCode.NOT_OPEN and self.gate.state == GateState.UPCOMING:
            return BlockerLine(
                "none", f"{self.gate.name} has not begun", "It opens when the gate before it is passed", ""
            )
        icon = {BlockerCode.NOT_SUBMITTED: "prep", BlockerCode.RELEASE_NOT_ACTIVE: "na"}.get(code, "none")
        return BlockerLine(icon, blocker.message.rstrip("."), "", "")

    @property
    def shortages(self) -> list[Shortage]:
        """Which roles cannot or may not reach their quorums."""
        return gate_shortages(self.facts, self.user.pk if self.is_manager else None)

    @property
    def has_order(self) -> bool:
        return any(role.after for role in self.status.roles)

    @cached_property
    def check_lines(self) -> list[CheckLine]:
        return check_lines(self.facts)

    @property
    def is_go(self) -> bool:
        """What a pipeline is told that asks whether the gate is open."""
        return present_verdict(self.status) == GO

    @property
    def checks_words(self) -> str:
        return passed_words(self.check_lines)

    @property
    def excuse_lines(self) -> list[ExcuseLine]:
        """Exceptions in force, until the round is submitted under them."""
        return excuse_lines(self.facts)

    @property
    def round_checks(self) -> list[CheckLine]:
        """The checks that the latest round froze."""
        return frozen_checks(self.round.frozen) if self.round is not None else []

    @property
    def round_excuses(self) -> list[ExcuseLine]:
        """The exceptions that the latest round froze."""
        names = {thing.key: thing.name for thing in self.facts.deliverables}
        return frozen_excuses(self.round.frozen, names) if self.round is not None else []

    @cached_property
    def if_missed(self) -> IfMissed | None:
        """What the date means; nothing for a gate that is passed or a release that does not run."""
        due = self.gate.due_on
        if due is None or not self.release.is_running or self.gate.is_passed:
            return None
        typical = median_days_to_decide(self.release, self.gate)
        safe = due - timedelta(days=typical) if typical else None
        return IfMissed(
            due_on=due,
            target_on=self.release.target_on,
            is_late=self.days_late > 0,
            days_late=self.days_late,
            is_after_release=self.gate.is_after_release,
            is_pinned_note=any(g.is_pinned and g.position > self.gate.position for g in self.gates),
            median_days=typical,
            safe_on=safe if safe is not None and safe >= self.today and not self.facts.is_in_review else None,
            forecast_on=self._forecast_on,
            cost_of_a_day=ports.slips.cost_of_a_day(self.release),
        )

    @property
    def _forecast_on(self) -> date | None:
        late = release_rules.forecast_days_late(self.gate.due_on, self.release.open_slips > 0, self.today)
        target = self.release.target_on
        return target + timedelta(days=late) if late and target is not None and not self.gate.is_after_release else None

    # The round: what was submitted, what changed, who decides

    @property
    def round(self) -> Submission | None:
        return self.facts.submission

    @cached_property
    def round_items(self) -> list[Item]:
        """The evidence of the latest round, as it was frozen."""
        if self.round is None:
            return []
        known = [e.author for e in self.facts.evidence.values()] if self.facts.is_in_review else []
        frozen = self.round.frozen
        return frozen_items(frozen, author_names(frozen, [self.round.submitted_by, *known]))

    @cached_property
    def since(self) -> Since | None:
        """The round from which the person is told what changed."""
        return since_when(self.gate, self.user)

    @cached_property
    def previous_round(self) -> Submission | None:
        """That round, with its snapshot."""
        if self.since is None or not self.since.number:
            return None
        return Submission.objects.filter(gate=self.gate, number=self.since.number).first()

    @cached_property
    def comparison(self) -> Comparison | None:
        """What changed since the round that the person read last."""
        if self.previous_round is None:
            return None
        old = frozen_items(self.previous_round.frozen, {})
        return compare(old, self.round_items)

    @property
    def read_rows(self) -> list[ReadRow]:
        """The round's evidence, to be read in place."""
        return read_rows(self.round_items, self.comparison)

    @cached_property
    def declines(self) -> dict[int, Declined]:
        """By round: who declined it."""
        if not self.gate.round_number:
            return {}
        return declines_of(self.gate, self.user, after=self.gate.round_number - ROUNDS_SHOWN - 1)

    @property
    def declines_since(self) -> list[Declined]:
        """The declines that the present round answers, from the round on that the person read last; newest first."""
        if self.since is None:
            return []
        numbers = range(self.gate.round_number - 1, self.since.number - 1, -1)
        return [self.declines[number] for number in numbers if number in self.declines]

    @property
    def declined_now(self) -> Declined | None:
        """The decline that the next round has to answer."""
        return self.declines.get(self.gate.round_number) if self.gate.state == GateState.DECLINED else None

    @cached_property
    def conditions(self) -> list[Condition]:
        if not self.gate.round_number:
            return []
        return list(
            Condition.objects.filter(gate=self.gate)
            .select_related("owner", "closed_by", "decision", "decision__role")
            .order_by("closed_at", "due_on", "pk")
        )

    def may_close(self, condition: Condition) -> bool:
        return condition.closed_at is None and (condition.owner_id == self.user.pk or self.is_manager)

    @property
    def condition_rows(self) -> list[tuple[Condition, bool, bool]]:
        """(condition, whether the person may close it, whether it is late)."""
        return [(c, self.may_close(c), c.closed_at is None and c.due_on < self.today) for c in self.conditions]

    @cached_property
    def tokens(self) -> dict[int, str]:
        """Which decisions of the round were given through the API, and by which token."""
        return tokens_of(self.gate, self.release) if self.gate.round_number else {}

    @cached_property
    def role_lines(self) -> list[RoleLine]:
        by_decision: dict[int, list[Condition]] = {}
        for condition in self.conditions:
            by_decision.setdefault(condition.decision_id, []).append(condition)
        return [self._role_line(role, by_decision) for role in self.status.roles]

    def _role_line(self, role: RoleStatus, conditions: Mapping[int, Sequence[Condition]]) -> RoleLine:
        lines = tuple(
            DecisionLine(
                decision=d,
                is_mine=d.decided_by_id == self.user.pk,
                conditions=tuple(conditions.get(d.pk, ())),
                may_revoke=f"revoke:{d.pk}" in self.status.allowed_actions,
                token=self.tokens.get(d.pk, ""),
            )
            for d in role.decisions
        )
        people = self._people(role) if self.facts.is_in_review else []
        people.sort(key=lambda line: (not line.is_me, not line.is_waiting))
        return RoleLine(
            key=role.key,
            name=role.name,
            quorum=role.quorum,
            approvals=role.approvals,
            state=role.state if self.facts.is_in_review or self.gate.is_passed else "none",
            decisions=lines if self.facts.is_in_review or self.gate.is_passed else (),
            people=tuple(people[:PEOPLE_SHOWN]),
            more_people=max(0, len(people) - PEOPLE_SHOWN),
            is_unreachable=role.is_unreachable,
            holders=role.holders,
            after=role.after,
        )

    def _people(self, role: RoleStatus) -> list[PersonLine]:
        """Holders of a role who have not decided in it, and why they cannot where they cannot."""
        waiting = {h.user.pk for h in role.waiting}
        decided = {pk for d in self.facts.standing for pk in (d.decided_by_id, d.on_behalf_of_id)}
        assert self.round is not None
        found = []
        for holder in role.holders:
            person, is_me = holder.user, holder.user.pk == self.user.pk
            if person.pk in decided:
                continue
            if person.pk in waiting:
                words = "Waiting for you" if is_me else "Waiting"
            elif person.pk == self.round.submitted_by_id:
                words = "Submitted this round"
            elif person.pk in self.facts.contributors:
                words = "Wrote evidence"
            elif person.pk in self.facts.recused:
                words = "Stepped aside"
            elif role.state == "approved":
                continue
            else:
                words = ""
            away = away_words(self.facts, person, role.id, self.user) if person.pk in waiting else ""
            found.append(PersonLine(person, is_me, words, person.pk in waiting, away))
        return found

    @property
    def roles_decided(self) -> int:
        return sum(line.state in ("approved", "declined") for line in self.role_lines)

    @cached_property
    def hats(self) -> list[Hat]:
        """Roles in which the person may decide now, the one that needs most first."""
        keys = self.status.my_roles
        roles = {role.key: role for role in self.status.roles}
        missing = rules.missing_approvals(self.facts.needs, self.facts.votes)
        return [replace(self._hat(roles[key], missing), principal=self._principal(roles[key].id)) for key in keys]

    def _principal(self, role_id: int) -> str:
        seat = free_seat(self.facts, self.user, role_id)
        return str(seat.on_behalf_of) if seat is not None and seat.on_behalf_of is not None else ""

    @property
    def hats_words(self) -> str:
        """Which of several roles needs the person most: "Support still needs 1; Engineering has its quorum"."""
        missing = rules.missing_approvals(self.facts.needs, self.facts.votes)
        if len(self.hats) < 2:
            return ""
        said = [f"{h.name} still needs {missing[h.key]}" for h in self.hats if h.key in missing]
        full = [h.name for h in self.hats if h.key not in missing]
        if full:
            said.append(f"{joined(full)} {'has its' if len(full) == 1 else 'have their'} quorum")
        return f"{'; '.join(said)}."

    def _hat(self, role: RoleStatus, missing: Mapping[str, int]) -> Hat:
        after = {key: count - (key == role.key) for key, count in missing.items()}
        left = [r.name for r in self.status.roles if after.get(r.key, 0) > 0]
        if role.key not in missing:
            return Hat(
                role.key, role.name, False, f"{role.name} has its quorum already. A decline still ends the round."
            )
        if not left:
            return Hat(
                role.key,
                role.name,
                True,
                f"You are the last one: with your approval the gate passes. {self._after()}".strip(),
            )
        rest = f"After it, {'only ' if len(left) == 1 else ''}{joined(left)} {'is' if len(left) == 1 else 'are'} left."
        if role.quorum > 1:
            nth = ordinal(role.quorum - missing[role.key] + 1)
            return Hat(
                role.key,
                role.name,
                False,
                f"You are the {nth} of {role.quorum} approvals needed from {role.name}. {rest}",
            )
        return Hat(role.key, role.name, False, rest)

    def _after(self) -> str:
        following = self.next_gate
        if following is None:
            return "The release is closed then."
        if following.is_after_release and self.release.state == ReleaseState.ACTIVE:
            return "Then the release can ship."
        return f"{following.name} opens then."

    @property
    def may_step_aside(self) -> bool:
        return self.status.may("recuse")

    @cached_property
    def why_not(self) -> str:
        """Why a holder of a seat cannot decide in the open round; empty for everybody else."""
        if self.hats or not self.facts.is_in_review or not self.my_seats:
            return ""
        if not self.release.is_running:
            return f"The release is {ReleaseState(self.release.state).label.lower()}: the round rests until it goes on."
        for row in self.facts.roles:
            refusal = vote_refusal(self.facts, self.user, row.role_id)
            is_told = refusal is not None and refusal[0] == "already_decided" and self.my_decision is not None
            if refusal is not None and refusal[0] != "not_holder" and not is_told:
                return refusal[1]
        return ""

    @cached_property
    def my_decision(self) -> DecisionLine | None:
        """The person's standing decision in the latest round."""
        return next((d for line in self.role_lines for d in line.decisions if d.is_mine and d.revocation is None), None)

    @cached_property
    def queue(self) -> tuple[int, int, str]:
        """Where this gate stands among what waits for the person: (place, how many, address of the next one)."""
        waiting = list(
            waiting_for(self.user).values_list(
                "gate_id", "gate__release__product__slug", "gate__release__version", "gate__key"
            )[:MOST_WAITING]
        )
        ids = [row[0] for row in waiting]
        if self.gate.pk not in ids:
            return 0, len(ids), ""
        place = ids.index(self.gate.pk)
        following = waiting[place + 1] if place + 1 < len(waiting) else None
        url = (
            reverse("gate", kwargs={"product": following[1], "version": following[2], "gate": following[3]})
            if following
            else ""
        )
        return place + 1, len(ids), url

    # History

    @cached_property
    def rounds(self) -> list[RoundLine]:
        """The latest rounds, newest first, without their snapshots."""
        if not self.gate.round_number:
            return []
        found = Submission.objects.filter(gate=self.gate).defer("snapshot", "summary").order_by("-number")
        found = found.annotate(is_conditional=IS_CONDITIONAL)
        return round_lines(found[:ROUNDS_SHOWN], self.gate, self.release, self.declines)

    @property
    def more_rounds(self) -> int:
        return max(0, self.gate.round_number - len(self.rounds))

    @cached_property
    def slips(self) -> list[Slip]:
        return list(Slip.objects.filter(gate=self.gate).select_related("settled_by").order_by("-due_on")[:SLIPS_SHOWN])


def declines_of(gate: Gate, user: User, *, after: int = 0) -> dict[int, Declined]:
    """By round number, of the rounds after one: who declined it."""
    rows = Decision.objects.filter(
        submission__gate=gate, submission__number__gt=after, verdict=Verdict.DECLINE, revocation__isnull=True
    ).values_list("submission__number", "printed_name", "comment", "role__name", "decided_by_id")
    return {
        number: Declined(number, "You" if by == user.pk else name, comment, role, by == user.pk)
        for number, name, comment, role, by in rows
    }


def sees_drafts(permissions: frozenset[str], is_admin: bool) -> bool:
    """Evidence that no round has shown: those who gather it, and administrators. Approvers judge frozen rounds only."""
    return is_admin or bool(permissions & {"manage_product", "contribute"})


def round_lines(
    submissions: Iterable[Submission], gate: Gate, release: Release, declines: Mapping[int, Declined]
) -> list[RoundLine]:
    return [
        RoundLine(
            submission=s,
            declined_by=declines[s.number].role if s.number in declines and s.state == RoundState.DECLINED else "",
            url=gate_url(gate, release, "round", number=s.number),
        )
        for s in submissions
    ]


def median_days_to_decide(release: Release, gate: Gate) -> int | None:
    """Days from submission to outcome of this gate's decided rounds in the product's releases; None from too few."""
    spans = [
        (ended - submitted).total_seconds() / 86400
        for submitted, ended in Submission.objects.filter(
            gate__release__product=release.product_id,
            gate__key=gate.key,
            state__in=[RoundState.APPROVED, RoundState.DECLINED],
        )
        .order_by("-pk")
        .values_list("submitted_at", "ended_at")[:MOST_SAMPLES]
        if ended is not None
    ]
    return max(1, round(median(spans))) if len(spans) >= LEAST_SAMPLES else None


def gate_page(release: Release, gate: Gate, gates: list[Gate], today: date, user: User) -> GatePage:
    """The page of one gate for one person."""
    return GatePage(release, gate, gates, today, user, gate_status(release, gate, gates, today, user))


# --- Recorded history ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class MilestonePage:
    """A milestone that happened elsewhere: its dates, how they moved, and where that is written."""

    release: Release
    gate: Gate
    gates: list[Gate]
    moves: list[DateMove]
    slips: list[Slip]
    total_moves: int
    source: str

    @property
    def days_late(self) -> int | None:
        """Calendar days from the last planned to the actual day."""
        if self.gate.decided_on is None or self.gate.due_on is None:
            return None
        return (self.gate.decided_on - self.gate.due_on).days

    @property
    def days_from_baseline(self) -> int | None:
        if self.gate.decided_on is None or self.gate.baseline_due_on is None:
            return None
        return (self.gate.decided_on - self.gate.baseline_due_on).days


MOVES_SHOWN = 50


def milestone_page(release: Release, gate: Gate, gates: list[Gate]) -> MilestonePage:
    """The page of one milestone."""
    moves = DateMove.objects.filter(gate=gate).order_by("-effective_on", "-pk")
    recorded = Event.objects.filter(
        release=release, kind=EventKind.GATE_RECORDED, subject__contains=f'"gate":"{gate.key}"'
    ).order_by("-number")
    event = recorded.first()
    return MilestonePage(
        release=release,
        gate=gate,
        gates=gates,
        moves=list(moves[:MOVES_SHOWN]),
        slips=list(Slip.objects.filter(gate=gate).order_by("-due_on")[:MOVES_SHOWN]),
        total_moves=moves.count(),
        source=str(event.payload.get("source", "")) if event is not None else "",
    )
