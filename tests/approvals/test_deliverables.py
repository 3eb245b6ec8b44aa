"""A deliverable assigned: by a manager, to somebody who may supply it, who is told."""

import pytest

from approvals.actions.deliverables import assign_deliverable
from approvals.models import Deliverable
from notifications.models import Delivery
from notifications.relay import relay_events
from releases.kinds import EventKind
from releases.models import Gate
from tests.cast import Cast, at, conflict, fields_of, last_event, not_allowed, nothing_changes, pass_gate, refused

pytestmark = pytest.mark.usefixtures("invariants")


@pytest.fixture
def brief(gate: Gate) -> Deliverable:
    return Deliverable.objects.get(gate=gate, key="brief")


def test_a_manager_assigns_and_takes_back_and_the_person_is_told(cast: Cast, brief: Deliverable) -> None:
    assign_deliverable(deliverable_id=brief.pk, actor=cast.pm, assignee=cast.contributor, clock=at(1))
    event = last_event(brief.gate.release, EventKind.DELIVERABLE_ASSIGNED)
    assert event.payload == {
        "deliverable": "brief", "name": "Market opportunity brief", "person": cast.contributor.pk,
        "to": "Carl Contributor",
    }  # fmt: skip
    with nothing_changes():
        assign_deliverable(deliverable_id=brief.pk, actor=cast.second_pm, assignee=cast.contributor, clock=at(2))
    relay_events(clock=at(2))
    told = Delivery.objects.filter(event=event)
    assert {(one.recipient, one.notice) for one in told} == {(cast.contributor, "assigned")}
    assign_deliverable(deliverable_id=brief.pk, actor=cast.pm, assignee=None, clock=at(3))
    brief.refresh_from_db()
    assert brief.assignee is None


def test_only_to_somebody_who_may_supply_it_by_a_manager_and_before_the_gate_is_passed(
    cast: Cast, brief: Deliverable
) -> None:
    for actor in (cast.contributor, cast.approver, cast.administrator):
        with not_allowed("no_manage_product"):
            assign_deliverable(deliverable_id=brief.pk, actor=actor, assignee=cast.contributor, clock=at(1))
    with refused("no_contribute") as found:
        assign_deliverable(deliverable_id=brief.pk, actor=cast.pm, assignee=cast.outsider, clock=at(1))
    assert fields_of(found) == [("assignee", "no_contribute")]
    pass_gate(cast, brief.gate)
    with conflict("gate_passed"):
        assign_deliverable(deliverable_id=brief.pk, actor=cast.pm, assignee=cast.contributor, clock=at(4))
