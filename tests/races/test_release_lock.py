"""Races for one release: each is shown with the release's lock off, and cannot happen with it on."""

from collections.abc import Callable, Iterator

import pytest

from approvals.actions.decisions import record_decision
from approvals.actions.delegations import make_delegation
from approvals.actions.evidence import save_evidence
from approvals.actions.rounds import submit_evidence, withdraw_submission
from approvals.actions.seats import grant_seat
from approvals.kinds import RoundState
from approvals.models import Decision, Deliverable, Evidence, Submission
from gatekeeper.accounts.models import User
from gatekeeper.common.clock import Clock
from releases.actions.replan import replan_release
from releases.actions.slips import record_all_misses
from releases.kinds import EventKind, GateState
from releases.models import Event, Gate, Release, Slip
from tests.cast import (
    COMPLETENESS,
    MARKET,
    Cast,
    active_release,
    approve,
    at,
    day,
    differences,
    fill,
    fresh,
    gate_of,
    make_cast,
    make_person,
    submit,
)
from tests.races.together import Meeting, Outcome, faults, together, without_announcements, without_locks

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]

# Where the lock is on, each try is a new pair; where it is off, the first shows the fault.
TRIES_ON = 6
TRIES_OFF = 2


@pytest.fixture
def cast(transactional_db: None) -> Iterator[Cast]:
    with without_announcements():
        yield make_cast()


class Race:
    """One race, run again and again on a release of its own: what went wrong in each try, in words."""

    def __init__(self, cast: Cast) -> None:
        self.cast = cast
        self.count = 0

    def gate(self) -> Gate:
        """The first gate of a new release."""
        self.count += 1
        return gate_of(active_release(self.cast, f"1.{self.count}"), MARKET)

    def prepare(self) -> Gate:
        raise NotImplementedError

    def deeds(self, gate: Gate, clock: Clock) -> list[Callable[[], object]]:
        raise NotImplementedError

    def wrong(self, gate: Gate, outcomes: list[Outcome]) -> list[str]:
        """What no serial order of the deeds could have led to."""
        raise NotImplementedError

    def run(self) -> list[str]:
        gate = self.prepare()
        meeting = Meeting(self.parties, day=31 if self.is_late else 5)
        outcomes = together(*self.deeds(gate, meeting.clock))
        return faults(outcomes) + self.wrong(gate_of(gate.release, MARKET), outcomes)

    parties = 2
    is_late = False

    def approve(self, gate: Gate, role: str, clock: Clock, actor: User | None = None) -> Callable[[], object]:
        return lambda: record_decision(
            gate_id=gate.pk, round_number=1, role_key=role, actor=actor or self.cast.decider(role), verdict="approve",
            clock=clock,
        )  # fmt: skip

    def decline(self, gate: Gate, role: str, clock: Clock, actor: User) -> Callable[[], object]:
        return lambda: record_decision(
            gate_id=gate.pk, round_number=1, role_key=role, actor=actor, verdict="decline", comment="No.", clock=clock
        )


def count_events(gate: Gate, kind: str) -> int:
    return Event.objects.filter(release=gate.release, kind=kind).count()


class TwoLastApprovals(Race):
    """Both see only their own approval without the lock: the gate would stay in review for ever."""

    def prepare(self) -> Gate:
        gate = self.gate()
        submit(self.cast, gate)
        return gate

    def deeds(self, gate: Gate, clock: Clock) -> list[Callable[[], object]]:
        return [self.approve(gate, "engineering", clock), self.approve(gate, "sales", clock)]

    def wrong(self, gate: Gate, outcomes: list[Outcome]) -> list[str]:
        found = [outcome.code for outcome in outcomes if not outcome.is_done]
        if gate.state != GateState.APPROVED:
            found.append(f"stuck: the gate is {gate.state}")
        if count_events(gate, EventKind.GATE_APPROVED) != 1:
            found.append(f"{count_events(gate, EventKind.GATE_APPROVED)} approved events")
        if gate_of(gate.release, COMPLETENESS).state != GateState.OPEN:
            found.append("the next gate did not open")
        return found


class ApproveAgainstWithdraw(Race):
    """Either the gate is approved and the withdrawal refused, or the round withdrawn and the approval refused."""

    def prepare(self) -> Gate:
        gate = self.gate()
        submit(self.cast, gate)
        approve(self.cast, gate, "engineering")
        return gate

    def deeds(self, gate: Gate, clock: Clock) -> list[Callable[[], object]]:
        return [
            self.approve(gate, "sales", clock),
            lambda: withdraw_submission(gate_id=gate.pk, actor=self.cast.pm, clock=clock),
        ]

    def wrong(self, gate: Gate, outcomes: list[Outcome]) -> list[str]:
        round_one = Submission.objects.get(gate=gate)
        late = Decision.objects.filter(submission=round_one, role__key="sales").exists()
        seen = (gate.state, round_one.state, late, outcomes[0].code, outcomes[1].code)
        serial = (
            (GateState.APPROVED, RoundState.APPROVED, True, "", "not_in_review"),
            (GateState.OPEN, RoundState.WITHDRAWN, False, "stale_round", ""),
        )
        return [] if seen in serial else [str(seen)]


class ApproveAgainstEdit(Race):
    """The manager withdraws, mends the evidence and submits again while somebody approves what they have read."""

    def prepare(self) -> Gate:
        gate = self.gate()
        submit(self.cast, gate)
        approve(self.cast, gate, "engineering")
        return gate

    def deeds(self, gate: Gate, clock: Clock) -> list[Callable[[], object]]:
        def mend() -> object:
            thing = Deliverable.objects.get(gate=gate, key="brief")
            withdraw_submission(gate_id=gate.pk, actor=self.cast.pm, clock=clock)
            save_evidence(deliverable_id=thing.pk, actor=self.cast.pm, kind="text", text="Other words.", clock=clock)
            return submit_evidence(gate_id=gate.pk, actor=self.cast.pm, clock=clock)

        return [self.approve(gate, "sales", clock), mend]

    def wrong(self, gate: Gate, outcomes: list[Outcome]) -> list[str]:
        found = []
        for decision in Decision.objects.filter(submission__gate=gate).select_related("submission"):
            if decision.digest != decision.submission.digest:
                found.append("an approval of other content")
            if decision.submission.number != 1:
                found.append("an approval of a round that nobody had read")
        codes = tuple(outcome.code for outcome in outcomes)
        wanted = {GateState.APPROVED: ("", "not_in_review"), GateState.IN_REVIEW: ("stale_round", "")}
        if codes != wanted.get(GateState(gate.state)):
            found.append(f"{gate.state} with {codes}")
        return found


class SubmitAgainstEdit(Race):
    """What is saved at the moment of submitting is in the round, or it is refused; never beside it."""

    def prepare(self) -> Gate:
        gate = self.gate()
        fill(self.cast, gate)
        return gate

    def deeds(self, gate: Gate, clock: Clock) -> list[Callable[[], object]]:
        thing = Deliverable.objects.get(gate=gate, key="brief")
        return [
            lambda: submit_evidence(gate_id=gate.pk, actor=self.cast.pm, clock=clock),
            lambda: save_evidence(
                deliverable_id=thing.pk, actor=self.cast.contributor, kind="text", text="More.", clock=clock
            ),
        ]

    def wrong(self, gate: Gate, outcomes: list[Outcome]) -> list[str]:
        if not Submission.objects.filter(gate=gate).exists():
            return ["not submitted"]
        frozen = {item["id"] for item in Submission.objects.get(gate=gate).frozen["evidence"]}
        latest = set(Evidence.objects.filter(deliverable__gate=gate, is_latest=True).values_list("pk", flat=True))
        found = [] if frozen == latest else ["the round does not hold the latest evidence"]
        contributors = set(Submission.objects.get(gate=gate).contributors.values_list("username", flat=True))
        if outcomes[1].is_done != ("carl" in contributors):
            found.append("a contributor is not known as one")
        if outcomes[1].code not in ("", "evidence_frozen"):
            found.append(outcomes[1].code)
        return found


class ApproveAgainstDecline(Race):
    """Two holders of the last open role: one of them wins, the other is told that the round is over."""

    def prepare(self) -> Gate:
        gate = self.gate()
        submit(self.cast, gate)
        approve(self.cast, gate, "engineering")
        return gate

    def deeds(self, gate: Gate, clock: Clock) -> list[Callable[[], object]]:
        other = User.objects.get(username="sam")
        return [self.approve(gate, "sales", clock), self.decline(gate, "sales", clock, other)]

    def wrong(self, gate: Gate, outcomes: list[Outcome]) -> list[str]:
        passed, refused = count_events(gate, EventKind.GATE_APPROVED), count_events(gate, EventKind.GATE_DECLINED)
        seen = (gate.state, outcomes[0].code, outcomes[1].code, passed, refused)
        serial = (
            (GateState.APPROVED, "", "stale_round", 1, 0),
            (GateState.DECLINED, "stale_round", "", 0, 1),
        )
        return [] if seen in serial else [str(seen)]


class SubmitTwice(Race):
    """Two managers press the button at once: there is one round."""

    def prepare(self) -> Gate:
        gate = self.gate()
        fill(self.cast, gate)
        return gate

    def deeds(self, gate: Gate, clock: Clock) -> list[Callable[[], object]]:
        return [
            lambda: submit_evidence(gate_id=gate.pk, actor=self.cast.pm, clock=clock),
            lambda: submit_evidence(gate_id=gate.pk, actor=self.cast.second_pm, clock=clock),
        ]

    def wrong(self, gate: Gate, outcomes: list[Outcome]) -> list[str]:
        codes = sorted(outcome.code for outcome in outcomes)
        rounds = Submission.objects.filter(gate=gate).count()
        return [] if (codes, rounds) == (["", "not_open"], 1) else [f"{codes}, {rounds} rounds"]


class SweepAgainstApprove(Race):
    """A day late: whoever comes first records the miss, and it is recorded and settled once."""

    is_late = True

    def prepare(self) -> Gate:
        gate = self.gate()
        submit(self.cast, gate)
        approve(self.cast, gate, "engineering")
        return gate

    def deeds(self, gate: Gate, clock: Clock) -> list[Callable[[], object]]:
        return [self.approve(gate, "sales", clock), lambda: record_all_misses(day(31), clock=clock)]

    def wrong(self, gate: Gate, outcomes: list[Outcome]) -> list[str]:
        slips = list(Slip.objects.filter(gate=gate).values_list("due_on", "days", "settled_how"))
        seen = (gate.state, slips, fresh(gate.release).target_on)
        wanted = (GateState.APPROVED, [(day(30), 1, "late_approval")], day(91))
        return [] if seen == wanted else [str(seen)]


class SweepAgainstReplan(Race):
    """A day late: the new date cannot hide the miss, and the miss cannot be recorded for the new date."""

    is_late = True

    def prepare(self) -> Gate:
        return self.gate()

    def deeds(self, gate: Gate, clock: Clock) -> list[Callable[[], object]]:
        return [
            lambda: replan_release(
                release_id=gate.release_id, actor=self.cast.pm, dates={MARKET: day(40)}, reason="Later", clock=clock
            ),
            lambda: record_all_misses(day(31), clock=clock),
        ]

    def wrong(self, gate: Gate, outcomes: list[Outcome]) -> list[str]:
        slips = list(Slip.objects.filter(gate=gate).values_list("due_on", "days", "settled_how"))
        seen = (gate.due_on, slips, fresh(gate.release).target_on)
        return [] if seen == (day(40), [(day(30), 10, "replan")], day(100)) else [str(seen)]


class StandInAgainstPrincipal(Race):
    """Both decide in the one seat: without the lock it would count twice, and fill a quorum of two."""

    def prepare(self) -> Gate:
        gate = self.gate()
        if self.count == 1:
            self.stand_in = make_person("grace", "Grace Kim")
            make_delegation(
                person=self.cast.approver, actor=self.cast.approver, delegate=self.stand_in, starts_on=day(2),
                ends_on=day(9), clock=at(2),
            )  # fmt: skip
        submit(self.cast, gate)
        return gate

    def deeds(self, gate: Gate, clock: Clock) -> list[Callable[[], object]]:
        return [
            self.approve(gate, "engineering", clock),
            self.approve(gate, "engineering", clock, actor=self.stand_in),
        ]

    def wrong(self, gate: Gate, outcomes: list[Outcome]) -> list[str]:
        count = Decision.objects.filter(submission__gate=gate, role__key="engineering").count()
        codes = sorted(outcome.code for outcome in outcomes)
        return [] if (count, codes) == (1, ["", "already_decided"]) else [f"{count} decisions, {codes}"]


RACES: list[type[Race]] = [
    StandInAgainstPrincipal,
    TwoLastApprovals,
    ApproveAgainstWithdraw,
    ApproveAgainstEdit,
    SubmitAgainstEdit,
    ApproveAgainstDecline,
    SubmitTwice,
    SweepAgainstApprove,
    SweepAgainstReplan,
]


@pytest.fixture
def other_seller(cast: Cast) -> User:
    """A second holder of the Sales seat."""
    person = make_person("sam", "Sam Seller")
    grant_seat(role_id=cast.seat(MARKET, "sales").pk, holder=person, actor=cast.administrator)
    return person


@pytest.mark.parametrize("kind", RACES, ids=lambda kind: kind.__name__)
def test_the_race_goes_wrong_without_the_lock_and_never_with_it(
    cast: Cast, other_seller: User, kind: type[Race]
) -> None:
    race = kind(cast)
    with without_locks():
        assert any(race.run() for _ in range(TRIES_OFF)), "the lock is not what prevents this race"
    broken = list(Release.objects.all())
    assert [race.run() for _ in range(TRIES_ON)] == [[]] * TRIES_ON
    assert differences(besides=broken) == []
