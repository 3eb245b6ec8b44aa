"""What a stand-in is told, both names in what is told of their decision, and where the mail leads."""

import pytest
import time_machine

from approvals.actions.delegations import end_delegation, make_delegation
from approvals.links import read_link
from approvals.models import Submission
from gatekeeper.accounts.models import User
from notifications.audience import Crowd
from notifications.facts import with_facts
from notifications.kinds import Channel
from notifications.lists import in_app_for, notice_rows
from notifications.mail import compose
from notifications.models import Delivery
from notifications.shell import unread_count
from releases.kinds import EventKind
from releases.models import Event, Gate
from tests.cast import Cast, at, day, decline, make_person, moment, submit
from tests.notifications.conftest import relay_all, told


@pytest.fixture
def grace(cast: Cast) -> User:
    return make_person("grace", "Grace Kim")


def away(cast: Cast, grace: User, actor: User, *, on: int = 2) -> int:
    return make_delegation(
        person=cast.approver, actor=actor, delegate=grace, starts_on=day(on), ends_on=day(9), clock=at(on)
    ).pk


def test_both_hear_of_an_absence_that_somebody_else_sets_and_ends(cast: Cast, grace: User) -> None:
    number = away(cast, grace, cast.administrator)
    relay_all(on=2)
    assert told(EventKind.DELEGATION_MADE) == {"stands_in": {"grace"}, "away": {"erik"}}
    assert told(EventKind.DELEGATION_MADE, Channel.EMAIL) == {"stands_in": {"grace"}, "away": {"erik"}}
    rows = notice_rows(in_app_for(grace).select_related("event__actor", "event__on_behalf_of", "event__product"))
    assert [(row.text, row.url) for row in rows] == [
        ("You decide for Erik Engineer from Wed 7 Jan 2026 to Wed 14 Jan 2026", "/settings/away/")
    ]
    assert unread_count(grace) == 1
    end_delegation(delegation_id=number, actor=cast.approver, clock=at(3))
    relay_all(on=3)
    assert told(EventKind.DELEGATION_ENDED) == {"stands_in_no_more": {"grace"}}, "not who ended it"


def test_a_stand_in_is_asked_and_the_mail_leads_to_the_decision(cast: Cast, gate: Gate, grace: User) -> None:
    away(cast, grace, cast.approver)
    submit(cast, gate)
    with time_machine.travel(moment(3), tick=False):
        relay_all(on=3)
        assert told(EventKind.SUBMITTED, Channel.EMAIL)["submitted"] == {"erik", "grace", "sara"}
        event = Event.objects.select_related("actor", "on_behalf_of", "product", "release__product").get(
            kind=EventKind.SUBMITTED
        )
        crowd = Crowd(with_facts([event]).values())
        assert crowd.turns(crowd.facts[0])[grace.pk] == ["Engineering for Erik Engineer"]
        mine = Delivery.objects.select_related("recipient").get(event=event, recipient=grace, channel=Channel.EMAIL)
        mail = compose(mine, crowd.facts[0], ["Engineering for Erik Engineer"], crowd.open_round(crowd.facts[0]))
    text = str(mail.body)
    assert "You decide as Engineering for Erik Engineer." in text
    found = read_link(text.partition("/decide/")[2].partition("/")[0])
    assert found is not None
    assert (found.person, found.submission) == (grace.pk, Submission.objects.get().pk)


def test_what_is_told_of_a_stand_ins_decline_names_both(cast: Cast, gate: Gate, grace: User) -> None:
    away(cast, grace, cast.approver)
    submit(cast, gate)
    decline(cast, gate, "engineering", actor=grace)
    relay_all(on=3)
    event = Event.objects.select_related("actor", "on_behalf_of", "product", "release__product").get(
        kind=EventKind.GATE_DECLINED
    )
    assert with_facts([event])[event.pk].words["actor"] == "Grace Kim for Erik Engineer"
