"""One round as it was: exactly what was submitted, who decided what, and what had changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from django.db.models import QuerySet

from approvals.actions.rounds import digest_of
from approvals.kinds import RoundState, Verdict
from approvals.models import Condition, Decision, Deliverable, Recusal, Submission, Waiver
from approvals.pages.changes import Comparison, ReadRow, compare, read_rows
from approvals.pages.checks import CheckLine, ExcuseLine, frozen_checks, frozen_excuses
from approvals.pages.gate import IS_CONDITIONAL, ROUND_ICONS, DecisionLine, Declined, RoleLine, gate_url
from approvals.pages.items import Item, author_names, frozen_items
from approvals.pages.through import tokens_of
from gatekeeper.accounts.models import User
from releases.models import Gate, Release


@dataclass
class RoundPage:
    """Everything on the page of one round; nothing here depends on who reads it, but for the word "you"."""

    release: Release
    gate: Gate
    submission: Submission
    user: User

    @property
    def number(self) -> int:
        return self.submission.number

    @property
    def state(self) -> str:
        return "cond" if self._is_conditional else ROUND_ICONS[RoundState(self.submission.state)]

    @property
    def words(self) -> str:
        return "Approved with conditions" if self._is_conditional else RoundState(self.submission.state).label

    @property
    def _is_conditional(self) -> bool:
        standing = {d.pk for d in self.decisions if not hasattr(d, "revocation")}
        return self.submission.state == RoundState.APPROVED and any(c.decision_id in standing for c in self.conditions)

    @property
    def gate_url(self) -> str:
        return gate_url(self.gate, self.release)

    def url_of(self, number: int) -> str:
        return gate_url(self.gate, self.release, "round", number=number)

    @property
    def before_url(self) -> str:
        return self.url_of(self.number - 1) if self.number > 1 else ""

    @property
    def after_url(self) -> str:
        return self.url_of(self.number + 1) if self.number < self.gate.round_number else ""

    @cached_property
    def is_intact(self) -> bool:
        """Whether the stored snapshot still has the digest that the decisions name."""
        return digest_of(self.submission.snapshot) == self.submission.digest

    @cached_property
    def items(self) -> list[Item]:
        frozen = self.submission.frozen
        return frozen_items(frozen, author_names(frozen, [self.submission.submitted_by]))

    @property
    def round_checks(self) -> list[CheckLine]:
        """The checks as they were when the round was submitted."""
        return frozen_checks(self.submission.frozen)

    @property
    def round_excuses(self) -> list[ExcuseLine]:
        """The exceptions under which it was submitted."""
        frozen = self.submission.frozen
        if not frozen.get("exceptions"):
            return []
        names = dict(Deliverable.objects.filter(gate=self.gate).values_list("key", "name"))
        return frozen_excuses(frozen, names)

    @cached_property
    def comparison(self) -> Comparison | None:
        if self.number < 2:
            return None
        previous = Submission.objects.filter(gate=self.gate, number=self.number - 1).first()
        return compare(frozen_items(previous.frozen, {}), self.items) if previous is not None else None

    @property
    def read_rows(self) -> list[ReadRow]:
        return read_rows(self.items, self.comparison)

    @cached_property
    def decisions(self) -> list[Decision]:
        return list(
            Decision.objects.filter(submission=self.submission)
            .select_related("role", "decided_by", "on_behalf_of", "revocation")
            .order_by("decided_at", "pk")
        )

    @cached_property
    def conditions(self) -> list[Condition]:
        return list(
            Condition.objects.filter(decision__submission=self.submission)
            .select_related("owner", "closed_by", "decision__role")
            .order_by("due_on", "pk")
        )

    @cached_property
    def recusals(self) -> list[Recusal]:
        return list(Recusal.objects.filter(submission=self.submission).select_related("person").order_by("recused_at"))

    @cached_property
    def waiver(self) -> Waiver | None:
        if self.submission.state != RoundState.WAIVED:
            return None
        return Waiver.objects.filter(gate=self.gate, kind="gate").first()

    @cached_property
    def role_lines(self) -> list[RoleLine]:
        """The roles and quorums of the snapshot, with the decisions of this round."""
        tokens = tokens_of(self.gate, self.release)
        return [
            self._role_line(row["id"], row["key"], row["name"], row["quorum"], tokens)
            for row in self.submission.frozen["roles"]
        ]

    def _role_line(self, role_id: int, key: str, name: str, quorum: int, tokens: Mapping[int, str]) -> RoleLine:
        decisions = [d for d in self.decisions if d.role_id == role_id]
        standing = [d for d in decisions if not hasattr(d, "revocation")]
        approvals = sum(d.verdict == Verdict.APPROVE for d in standing)
        if any(d.verdict == Verdict.DECLINE for d in standing):
            state = "declined"
        elif approvals >= quorum:
            state = "approved"
        else:
            state = "waiting" if self.submission.state == RoundState.OPEN else "none"
        return RoleLine(
            key=key,
            name=name,
            quorum=quorum,
            approvals=approvals,
            state=state,
            decisions=tuple(
                DecisionLine(
                    decision=d,
                    is_mine=d.decided_by_id == self.user.pk,
                    conditions=tuple(c for c in self.conditions if c.decision_id == d.pk),
                    token=tokens.get(d.pk, ""),
                )
                for d in decisions
            ),
        )

    @property
    def roles_decided(self) -> int:
        return sum(line.state in ("approved", "declined") for line in self.role_lines)

    @property
    def declined(self) -> Declined | None:
        """Who ended the round, in their own words."""
        for d in self.decisions:
            if d.verdict == Verdict.DECLINE and not hasattr(d, "revocation"):
                is_mine = d.decided_by_id == self.user.pk
                return Declined(self.number, "You" if is_mine else d.printed_name, d.comment, d.role.name, is_mine)
        return None


def rounds_of(gate: Gate) -> QuerySet[Submission]:
    """All rounds of a gate for its list, newest first."""
    return (
        Submission.objects.filter(gate=gate)
        .defer("snapshot", "summary")
        .select_related("submitted_by")
        .annotate(is_conditional=IS_CONDITIONAL)
        .order_by("-number")
    )
