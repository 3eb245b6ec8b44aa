"""Some verb by somebody on some release, drawn by lot: for a storm of threads, and for long stories of one."""

import random
import threading
from collections.abc import Callable
from datetime import datetime

from django.core.exceptions import ObjectDoesNotExist

from approvals.actions.decisions import NewCondition, close_condition, record_decision, recuse, revoke_decision
from approvals.actions.evidence import remove_evidence, save_evidence
from approvals.actions.people import add_to_group, deactivate_person, reactivate_person, remove_from_group
from approvals.actions.rounds import submit_evidence, waive_gate, withdraw_submission
from approvals.actions.seats import grant_seat, revoke_seat
from approvals.models import ApproverRole, Condition, Decision, Deliverable
from approvals.sweep import sweep
from gatekeeper.accounts.models import User
from gatekeeper.common.errors import DomainError
from releases.actions.releases import (
    cancel_release,
    correct_release_date,
    hold_release,
    resume_release,
    ship_release,
)
from releases.actions.replan import replan_release
from releases.models import Gate, Release
from tests.cast import Cast, day, moment


class Calendar:
    """A clock for everybody: some readings make a day, and it never goes back."""

    def __init__(self, readings_a_day: int = 8) -> None:
        self.lock, self.readings, self.readings_a_day = threading.Lock(), readings_a_day, readings_a_day

    @property
    def today(self) -> int:
        return self.readings // self.readings_a_day

    def clock(self) -> datetime:
        with self.lock:
            self.readings += 1
            return moment(self.today)


def one_step(cast: Cast, dice: random.Random, calendar: Calendar) -> bool:
    """Draw and try one verb; most are refused by a rule. Whether it was done."""
    on, clock = calendar.today, calendar.clock
    release = dice.choice(list(Release.objects.order_by("pk")))
    gates = list(Gate.objects.filter(release=release).order_by("position"))
    gate = next((g for g in gates if g.key == release.current_gate), gates[0])
    things = Deliverable.objects.filter(gate=gate).order_by("pk")
    thing = things.filter(versions=None).first() or dice.choice(list(things))
    role = dice.choice(["engineering", "sales"])
    actor = dice.choice([*User.objects.order_by("pk"), *[cast.decider(role)] * 12])
    author = dice.choice([cast.pm, cast.second_pm, cast.contributor])
    seat = dice.choice(list(ApproverRole.objects.order_by("pk")))
    person = dice.choice([cast.approver, cast.second_approver, cast.outsider])
    standing = list(Decision.objects.filter(submission__gate=gate).order_by("pk").values_list("pk", flat=True))
    pending = list(Condition.objects.filter(gate__release=release).order_by("pk").values_list("pk", flat=True))
    verdict, ahead = dice.choice(["approve"] * 6 + ["decline"]), dice.randint(0, 20)
    condition = NewCondition("Prices", cast.contributor, day(on + ahead))
    conditions = (condition,) if verdict == "approve" and dice.random() < 0.3 else ()
    key = dice.choice(gates).key
    pins = {dice.choice(gates).key: dice.random() < 0.5} if dice.random() < 0.3 else {}
    verbs: list[tuple[int, Callable[[], object]]] = [
        (8, lambda: save_evidence(deliverable_id=thing.pk, actor=author, kind="text", text="Words", clock=clock)),
        (1, lambda: remove_evidence(deliverable_id=thing.pk, actor=author, clock=clock)),
        (8, lambda: submit_evidence(gate_id=gate.pk, actor=author, clock=clock)),
        (24, lambda: record_decision(
            gate_id=gate.pk, round_number=gate.round_number, role_key=role, actor=actor, verdict=verdict,
            comment="So.", conditions=conditions, clock=clock,
        )),
        (2, lambda: revoke_decision(decision_id=dice.choice(standing or [0]), actor=actor, reason="So.", clock=clock)),
        (1, lambda: recuse(
            gate_id=gate.pk, round_number=gate.round_number, actor=actor, comment="My own plan.", clock=clock,
        )),
        (1, lambda: close_condition(condition_id=dice.choice(pending or [0]), actor=author, note="So.", clock=clock)),
        (1, lambda: withdraw_submission(gate_id=gate.pk, actor=author, clock=clock)),
        (1, lambda: waive_gate(
            gate_id=gate.pk, actor=cast.executive, reason="x" * 20, expires_on=day(on + ahead), clock=clock
        )),
        (3, lambda: replan_release(
            release_id=release.pk, actor=cast.pm, dates={key: day(on + ahead * 3)}, pins=pins, reason="So.",
            clock=clock,
        )),
        (1, lambda: hold_release(
            release_id=release.pk, actor=cast.pm, reason="So.", resume_by=day(on + ahead), clock=clock
        )),
        (8, lambda: resume_release(release_id=release.pk, actor=cast.pm, clock=clock)),
        (3, lambda: ship_release(release_id=release.pk, actor=cast.pm, released_on=day(on), clock=clock)),
        (1, lambda: correct_release_date(
            release_id=release.pk, actor=cast.pm, released_on=day(on - 1), reason="So.", clock=clock
        )),
        (int(dice.random() < 0.1), lambda: cancel_release(
            release_id=release.pk, actor=cast.pm, reason="So.", clock=clock
        )),
        (3, lambda: sweep(clock=clock)),
        (2, lambda: grant_seat(role_id=seat.pk, holder=person, actor=cast.administrator, clock=clock)),
        (1, lambda: revoke_seat(role_id=seat.pk, holder=person, actor=cast.administrator, clock=clock)),
        (2, lambda: add_to_group(group=cast.sales_group, person=person, actor=cast.administrator, clock=clock)),
        (1, lambda: remove_from_group(group=cast.sales_group, person=person, actor=cast.administrator, clock=clock)),
        (1, lambda: deactivate_person(person=person, actor=cast.administrator, clock=clock)),
        (3, lambda: reactivate_person(person=person, actor=cast.administrator, clock=clock)),
    ]  # fmt: skip
    verb = dice.choices([verb for _weight, verb in verbs], weights=[weight for weight, _verb in verbs])[0]
    try:
        verb()
    except (DomainError, ObjectDoesNotExist):
        return False
    return True
