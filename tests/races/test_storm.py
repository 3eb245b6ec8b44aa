"""Everybody does everything at once: nothing but rules says no, no deadlock, and every invariant holds afterwards."""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime

import pytest

from approvals.actions.decisions import record_decision, recuse, revoke_decision
from approvals.actions.evidence import save_evidence
from approvals.actions.people import add_to_group, deactivate_person, reactivate_person, remove_from_group
from approvals.actions.rounds import submit_evidence, waive_gate, withdraw_submission
from approvals.actions.seats import grant_seat, revoke_seat
from approvals.models import ApproverRole, Decision, Deliverable
from approvals.sweep import sweep
from gatekeeper.accounts.models import User
from gatekeeper.common.errors import DomainError
from releases.actions.releases import hold_release, resume_release, ship_release
from releases.actions.replan import replan_release
from releases.models import Gate, Release
from tests.cast import Cast, active_release, day, differences, make_cast, moment
from tests.races.together import faults, together, without_announcements

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]

THREADS = 8
STEPS = 40


@pytest.fixture
def cast(transactional_db: None) -> Iterator[Cast]:
    with without_announcements():
        yield make_cast()


class Calendar:
    """A clock for all threads: some readings make a day, and it never goes back."""

    READINGS_A_DAY = 8

    def __init__(self) -> None:
        self.lock, self.readings = threading.Lock(), self.READINGS_A_DAY

    @property
    def today(self) -> int:
        return self.readings // self.READINGS_A_DAY

    def clock(self) -> datetime:
        with self.lock:
            self.readings += 1
            return moment(self.today)


def one_step(cast: Cast, dice: random.Random, calendar: Calendar) -> object:
    """Some verb by somebody on some release; most are refused by a rule."""
    on, clock = calendar.today, calendar.clock
    people = list(User.objects.order_by("pk"))
    actor = dice.choice(people)
    release = dice.choice(list(Release.objects.order_by("pk")))
    gate = (
        Gate.objects.filter(release=release, key=release.current_gate).first() or release.gates.order_by("position")[0]
    )
    things = Deliverable.objects.filter(gate=gate).order_by("pk")
    thing = things.filter(versions=None).first() or dice.choice(list(things))
    role = dice.choice(["engineering", "sales"])
    seat = dice.choice(list(ApproverRole.objects.order_by("pk")))
    standing = list(Decision.objects.filter(submission__gate=gate).order_by("pk").values_list("pk", flat=True))
    person = dice.choice([cast.approver, cast.second_approver, cast.outsider])
    verbs: list[Callable[[], object]] = [
        lambda: save_evidence(deliverable_id=thing.pk, actor=cast.pm, kind="text", text="Words", clock=clock),
        lambda: submit_evidence(gate_id=gate.pk, actor=cast.pm, clock=clock),
        lambda: record_decision(
            gate_id=gate.pk, round_number=gate.round_number, role_key=role,
            actor=dice.choice([actor, cast.decider(role), cast.decider(role)]),
            verdict=dice.choice(["approve"] * 5 + ["decline"]), comment="So.", clock=clock,
        ),
        lambda: revoke_decision(decision_id=dice.choice(standing or [0]), actor=actor, reason="So.", clock=clock),
        lambda: recuse(gate_id=gate.pk, round_number=gate.round_number, actor=actor, clock=clock),
        lambda: withdraw_submission(gate_id=gate.pk, actor=cast.pm, clock=clock),
        lambda: waive_gate(
            gate_id=gate.pk, actor=cast.executive, reason="x" * 20, expires_on=day(on + 5), clock=clock
        ),
        lambda: replan_release(
            release_id=release.pk, actor=cast.pm, dates={gate.key: day(on + dice.randint(1, 20))}, reason="So.",
            clock=clock,
        ),
        lambda: hold_release(release_id=release.pk, actor=cast.pm, reason="So.", resume_by=day(on + 9), clock=clock),
        lambda: resume_release(release_id=release.pk, actor=cast.pm, clock=clock),
        lambda: ship_release(release_id=release.pk, actor=cast.pm, released_on=day(on), clock=clock),
        lambda: sweep(clock=clock),
        lambda: grant_seat(role_id=seat.pk, holder=person, actor=cast.administrator, clock=clock),
        lambda: revoke_seat(role_id=seat.pk, holder=person, actor=cast.administrator, clock=clock),
        lambda: add_to_group(group=cast.sales_group, person=person, actor=cast.administrator, clock=clock),
        lambda: remove_from_group(group=cast.sales_group, person=person, actor=cast.administrator, clock=clock),
        lambda: deactivate_person(person=cast.outsider, actor=cast.administrator, clock=clock),
        lambda: reactivate_person(person=cast.outsider, actor=cast.administrator, clock=clock),
    ]  # fmt: skip
    # the verbs of a round come up more often, and holds end soon, so that gates do pass
    return dice.choices(verbs, weights=[8, 8, 24] + [1] * 6 + [6] + [1] * (len(verbs) - 10))[0]()


def test_a_storm_of_all_verbs(cast: Cast) -> None:
    for version in ("1.0", "2.0", "3.0"):
        active_release(cast, version)
    calendar = Calendar()

    def work(seed: int) -> Callable[[], int]:
        dice = random.Random(seed)

        def steps() -> int:
            done = 0
            for _ in range(STEPS):
                with suppress(DomainError, Decision.DoesNotExist):
                    one_step(cast, dice, calendar)
                    done += 1
            return done

        return steps

    outcomes = together(*[work(seed) for seed in range(THREADS)])
    assert faults(outcomes) == []
    assert all(int(str(outcome.value)) > 0 for outcome in outcomes)
    assert Decision.objects.count() > 3
    assert differences() == []
