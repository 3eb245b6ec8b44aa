"""The verdict of a past moment, told from the events, is the one that was given then."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from approvals.actions.checks import report_check
from approvals.actions.decisions import NewCondition, close_condition, revoke_decision
from approvals.actions.evidence import remove_evidence
from approvals.actions.exceptions import grant_exception
from approvals.actions.people import create_person
from approvals.actions.rounds import expire_waivers, waive_gate, withdraw_submission
from approvals.facts import load_facts
from approvals.models import Condition, Deliverable
from approvals.status import status_of
from approvals.verdicts import GO, NO_GO, Answer, past_answer, present_answer
from gatekeeper.common.calendars import day_of
from releases.actions.products import grant_product_permission
from releases.actions.releases import cancel_release, hold_release, resume_release
from releases.models import Gate, Release
from tests.cast import (
    COMPLETENESS,
    MARKET,
    READINESS,
    SMALL_PLAYBOOK,
    Cast,
    active_release,
    at,
    day,
    decide,
    fill,
    fresh,
    gate_of,
    make_playbook,
    moment,
    submit,
)  # fmt: skip

REASON = "The pilot customer cannot wait for it."
GATES = (MARKET, COMPLETENESS, READINESS)


def now_of(release: Release, key: str, when: datetime) -> Answer:
    gates = list(Gate.objects.filter(release=release).order_by("position"))
    gate = next(one for one in gates if one.key == key)
    return present_answer(status_of(load_facts(fresh(release), gate, gates, day_of(when))))


def told_of(release: Release, key: str, when: datetime) -> Answer:
    gates = list(Gate.objects.filter(release=release).order_by("position"))
    gate = next(one for one in gates if one.key == key)
    return past_answer(load_facts(fresh(release), gate, gates, day_of(when)), when)


class Chronicle:
    """What was answered for every gate after each step of a story."""

    def __init__(self, release: Release) -> None:
        self.release = release
        self.said: list[tuple[datetime, str, Answer]] = []

    def note(self, number: int) -> None:
        when = moment(number, 10)
        self.said += [(when, key, now_of(self.release, key, when)) for key in GATES]

    def differences(self) -> list[Any]:
        found = []
        for when, key, said in self.said:
            told = told_of(self.release, key, when)
            # what is fulfilled has no order of its own
            parts = [
                (part.verdict, part.state, part.summary, part.blockers, part.waived, set(part.satisfied))
                for part in (said, told)
            ]
            if parts[0] != parts[1]:
                found.append((when, key, *parts))
        return found


@pytest.mark.django_db
def test_a_release_with_everything_in_it_is_told_as_it_was(cast: Cast) -> None:
    first, *rest = SMALL_PLAYBOOK["gates"]
    checks = [{"name": "ci", "blocking": True}, {"name": "lint"}]
    playbook = make_playbook(
        SMALL_PLAYBOOK | {"slug": "checked", "name": "Checked", "gates": [first | {"checks": checks}, *rest]}
    )
    robot = create_person(
        username="robot", email="robot@example.org", full_name="Robot", is_service=True, actor=cast.administrator
    )
    grant_product_permission(product=cast.product, codename="report_checks", holder=robot, actor=cast.administrator)
    release = active_release(cast, playbook=playbook)
    story = Chronicle(release)
    story.note(0)
    gate = gate_of(release, MARKET)
    fill(cast, gate, on=1)
    story.note(1)
    report_check(gate_id=gate.pk, name="ci", status="failure", actor=robot, run_number=1, clock=at(2))
    story.note(2)
    brief = Deliverable.objects.filter(gate=gate).order_by("position")[0]
    remove_evidence(deliverable_id=brief.pk, actor=cast.pm, clock=at(3))
    story.note(3)
    grant_exception(
        gate_id=gate.pk, kind="deliverable", subject=brief.key, actor=cast.executive, reason=REASON,
        expires_on=day(30), clock=at(4),
    )  # fmt: skip
    report_check(gate_id=gate.pk, name="ci", status="success", actor=robot, run_number=2, clock=at(4))
    story.note(4)
    submit(cast, gate, on=5)
    story.note(5)
    made = decide(cast, gate, "engineering", "approve", on=6)
    story.note(6)
    revoke_decision(decision_id=made.pk, actor=cast.approver, reason="Too early.", clock=at(7))
    story.note(7)
    decide(cast, gate, "sales", "decline", on=8, comment="Thin.")
    story.note(8)
    submit(cast, gate, on=9)
    withdraw_submission(gate_id=gate.pk, actor=cast.pm, clock=at(10))
    story.note(10)
    submit(cast, gate, on=11)
    condition = [NewCondition("Price list", cast.pm, day(13))]
    decide(cast, gate, "engineering", "approve", on=11, comment="If.", conditions=condition)
    decide(cast, gate, "sales", "approve", on=11)
    story.note(11)
    story.note(15)  # the condition is late, and keeps the next gate
    close_condition(condition_id=Condition.objects.get().pk, actor=cast.pm, note="There.", clock=at(16))
    story.note(16)
    waive_gate(
        gate_id=gate_of(release, COMPLETENESS).pk, actor=cast.executive, reason=REASON, expires_on=day(20), clock=at(17)
    )
    story.note(17)
    expire_waivers(day(21), clock=at(21))
    story.note(21)
    hold_release(release_id=release.pk, actor=cast.pm, reason=REASON, resume_by=day(40), clock=at(22))
    story.note(22)
    resume_release(release_id=release.pk, actor=cast.pm, clock=at(24))
    story.note(24)
    cancel_release(release_id=release.pk, actor=cast.pm, reason=REASON, clock=at(25))
    story.note(25)
    assert story.differences() == []
    assert {said.verdict for _when, _key, said in story.said} == {GO, NO_GO}


@pytest.mark.django_db
def test_before_the_release_was_active_nothing_was_open(cast: Cast) -> None:
    release = active_release(cast, on=5)
    told = told_of(release, MARKET, moment(5) - timedelta(hours=1))
    assert (told.verdict, told.state) == (NO_GO, "upcoming")
    assert "release_not_active" in {b.code for b in told.blockers}
