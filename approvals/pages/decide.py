"""The small page of a mail's link: one round, how it stands, and what its addressee can do about it."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from approvals.kinds import RoundState
from approvals.models import Submission
from approvals.pages.changes import ADDED, CHANGED, REMOVED
from approvals.pages.gate import DecisionLine, Declined, GatePage
from approvals.status import SUBMITTABLE
from releases.kinds import GateState

# What became of a round, said after "Round 2 ".
BECAME = {
    RoundState.APPROVED: "is approved: the gate is passed.",
    RoundState.DECLINED: "was declined.",
    RoundState.WITHDRAWN: "was withdrawn.",
    RoundState.WAIVED: "ended: the gate was waived.",
    RoundState.CANCELLED: "ended: the release was cancelled.",
}
NOBODY_ASKED = "You hold no role of this gate that decides now."


@dataclass(frozen=True)
class DecidePage:
    """One round for its addressee. `at_gate` is the gate's page, which knows who may do what."""

    at_gate: GatePage
    submission: Submission
    is_expired: bool

    @cached_property
    def mode(self) -> str:
        """`expired`, `decided`, `over`, `sign` (on the full page), `decide`, or `no` with a reason."""
        if self.is_expired:
            return "expired"
        if self.my_decision is not None:
            return "decided"
        if not self.is_open:
            return "over"
        if self.at_gate.hats:
            return "sign" if self.at_gate.gate.needs_signature else "decide"
        return "no"

    @property
    def is_open(self) -> bool:
        gate = self.at_gate.gate
        return gate.state == GateState.IN_REVIEW and gate.round_number == self.submission.number

    @property
    def my_decision(self) -> DecisionLine | None:
        """The person's standing decision on this very round."""
        is_latest = self.at_gate.gate.round_number == self.submission.number
        return self.at_gate.my_decision if is_latest else None

    @property
    def became(self) -> str:
        """What became of the round, in words."""
        number = self.submission.number
        if self.submission.state == RoundState.OPEN:
            return f"Round {number} is not open any more."
        return f"Round {number} {BECAME[RoundState(self.submission.state)]}"

    @property
    def what_now(self) -> str:
        """What there is for the person instead."""
        if self.newer:
            return f"Round {self.newer} is open now{': read it before you decide' if self.at_gate.hats else ''}."
        if self.at_gate.gate.state in SUBMITTABLE and self.at_gate.release.is_running:
            return "There is nothing to decide until the gate is submitted again."
        return "There is nothing for you to decide here any more."

    @property
    def newer(self) -> int:
        """The number of the round that is open now instead, or 0."""
        gate = self.at_gate.gate
        is_newer = gate.state == GateState.IN_REVIEW and gate.round_number > self.submission.number
        return gate.round_number if is_newer else 0

    @property
    def why_not(self) -> str:
        return self.at_gate.why_not or NOBODY_ASKED

    @property
    def declined_before(self) -> Declined | None:
        """The decline that this round answers."""
        return self.at_gate.declines.get(self.submission.number - 1)

    @property
    def change_words(self) -> str:
        """ "1 added, 2 changed" since the round before; empty in the first round."""
        comparison = self.at_gate.comparison
        if comparison is None:
            return ""
        count = Counter(change.kind for change in comparison.changes)
        said = [f"{count[kind]} {kind}" for kind in (ADDED, CHANGED, REMOVED) if count[kind]]
        return ", ".join(said) or "Nothing"


def decide_page(at_gate: GatePage, submission: Submission, *, is_expired: bool) -> DecidePage:
    return DecidePage(at_gate, submission, is_expired)
