"""Which event is told to whom, and in which words. Events are made by the real actions."""

from datetime import date

import pytest
from django.contrib.auth.models import Group

from approvals.actions.comments import add_comment, edit_comment
from approvals.actions.conditions import mark_overdue_conditions
from approvals.actions.decisions import NewCondition, recuse
from approvals.actions.delegations import end_delegation, make_delegation
from approvals.actions.deliverables import assign_deliverable
from approvals.actions.exceptions import expire_exceptions, grant_exception
from approvals.actions.people import add_to_group, deactivate_person, save_group
from approvals.actions.rounds import expire_waivers, withdraw_submission
from approvals.actions.seats import grant_seat
from approvals.models import Deliverable, GateRole
from notifications.actions import add_stakeholder, watch
from notifications.facts import with_facts
from notifications.kinds import Channel
from notifications.models import Delivery
from notifications.notices import NOTICES, notices_of, people_told_of, plain, words_of
from releases.actions.baselines import rebaseline_release
from releases.actions.products import grant_product_permission, save_product_line
from releases.actions.releases import (
    cancel_release,
    correct_release_date,
    hold_release,
    resume_release,
    ship_release,
)
from releases.actions.replan import replan_release
from releases.actions.slips import record_all_misses
from releases.kinds import EVENT_KINDS, EventKind
from releases.models import Event, Gate, Product, Release
from tests.cast import (
    READINESS,
    Cast,
    approve,
    at,
    day,
    decline,
    fill,
    gate_of,
    last_event,
    make_person,
    pass_gate,
    pass_gates_before_release,
    submit,
    waive,
)
from tests.notifications.conftest import relay_all, told


@pytest.fixture
def informed(cast: Cast) -> Group:
    """The Support group, which Market Opportunity informs: Ines."""
    group = save_group(name="Support people", actor=cast.administrator, clock=at(0))
    add_to_group(group=group, person=make_person("ines", "Ines Informed"), actor=cast.administrator, clock=at(0))
    save_product_line(name=cast.line.name, actor=cast.administrator, default_seats={"support": group}, clock=at(0))
    return group


@pytest.fixture
def followers(cast: Cast, release: Release, informed: Group) -> None:
    """Otto watches the release, Wanda the product, Stan is a stakeholder."""
    watch(of=release, actor=cast.outsider, clock=at(0))
    watch(of=cast.product, actor=make_person("wanda", "Wanda Watcher"), clock=at(0))
    add_stakeholder(of=release, person=make_person("stan", "Stan Stakeholder"), actor=cast.pm, clock=at(0))


FOLLOWERS = {"otto", "wanda", "stan", "ines"}


# --- Each kind ----------------------------------------------------------------------------------------------------


def test_an_opened_gate_is_told_to_the_manager_when_somebody_else_opened_it(cast: Cast, gate: Gate) -> None:
    relay_all(on=0)
    assert told(EventKind.GATE_OPENED) == {}, "Petra activated the release herself"
    pass_gate(cast, gate, on=3)
    relay_all(on=3)
    assert told(EventKind.GATE_OPENED) == {"gate_opened": {"petra"}}


def test_a_submission_is_told_to_those_whose_turn_it_is(cast: Cast, gate: Gate, followers: None) -> None:
    submit(cast, gate)
    relay_all(on=2)
    assert told(EventKind.SUBMITTED) == {"submitted": {"erik", "sara"}}
    assert told(EventKind.SUBMITTED, Channel.EMAIL) == {"submitted": {"erik", "sara"}}


def test_neither_submitter_nor_contributor_is_asked_to_decide(cast: Cast, gate: Gate) -> None:
    for person in (cast.second_pm, cast.contributor):
        role = cast.seat(gate.key, "engineering")
        grant_seat(role_id=role.pk, holder=person, actor=cast.administrator, clock=at(1))
    fill(cast, gate, on=1, actor=cast.contributor)
    submit(cast, gate, actor=cast.second_pm)
    relay_all(on=2)
    assert told(EventKind.SUBMITTED) == {"submitted": {"erik", "sara"}}


def test_a_round_that_is_over_asks_nobody(cast: Cast, gate: Gate) -> None:
    submit(cast, gate)
    withdraw_submission(gate_id=gate.pk, actor=cast.pm, reason="A page was missing", clock=at(2))
    relay_all(on=2)
    assert told(EventKind.SUBMITTED) == {}


def test_a_role_with_its_quorum_is_not_asked_any_more(cast: Cast, gate: Gate) -> None:
    submit(cast, gate)
    approve(cast, gate, "engineering")
    relay_all(on=3)
    assert told(EventKind.SUBMITTED) == {"submitted": {"sara"}}


def test_an_approval_of_one_role_is_told_in_the_app_alone(cast: Cast, gate: Gate) -> None:
    submit(cast, gate)
    approve(cast, gate, "engineering")
    relay_all(on=3)
    assert told(EventKind.DECISION_RECORDED) == {"role_approved": {"petra"}}
    assert told(EventKind.DECISION_RECORDED, Channel.EMAIL) == {}


def test_a_later_role_is_asked_when_its_turn_comes(cast: Cast, gate: Gate) -> None:
    GateRole.objects.filter(gate=gate, role__key="sales").update(order=2)
    submit(cast, gate)
    relay_all(on=2)
    assert told(EventKind.SUBMITTED) == {"submitted": {"erik"}}
    approve(cast, gate, "engineering")
    relay_all(on=3)
    assert told(EventKind.DECISION_RECORDED) == {"your_turn": {"sara"}, "role_approved": {"petra"}}


def test_an_approved_gate_is_told_to_all_around_it_but_the_last_approver(
    cast: Cast, gate: Gate, followers: None
) -> None:
    submit(cast, gate)
    approve(cast, gate, "engineering")
    approve(cast, gate, "sales")
    relay_all(on=3)
    assert told(EventKind.GATE_APPROVED) == {"approved": {"petra", "erik"} | FOLLOWERS}


def test_a_decline_wants_the_manager_and_tells_the_others(cast: Cast, gate: Gate, followers: None) -> None:
    submit(cast, gate)
    decline(cast, gate, "engineering", comment="The plan has no names.")
    relay_all(on=3)
    assert told(EventKind.GATE_DECLINED) == {"declined": {"petra"}, "declined_told": {"sara"} | FOLLOWERS}
    assert told(EventKind.DECISION_RECORDED) == {}, "one decline, one notice"


def test_a_withdrawal_is_told_to_the_approvers(cast: Cast, gate: Gate) -> None:
    submit(cast, gate)
    withdraw_submission(gate_id=gate.pk, actor=cast.second_pm, reason="A page was missing", clock=at(3))
    relay_all(on=3)
    assert told(EventKind.WITHDRAWN) == {"withdrawn": {"petra", "erik", "sara"}}


def test_a_waiver_is_told_and_so_is_its_end(cast: Cast, gate: Gate, followers: None) -> None:
    waive(cast, gate, until=20)
    relay_all(on=3)
    assert told(EventKind.GATE_WAIVED) == {"waived": {"petra", "erik", "sara"} | FOLLOWERS}
    expire_waivers(day(21), clock=at(21))
    relay_all(on=21)
    assert told(EventKind.WAIVER_EXPIRED) == {"waiver_expired": {"petra"}}


def test_stepping_aside_is_told_to_the_manager_and_by_mail_when_the_round_is_stuck(cast: Cast, gate: Gate) -> None:
    second = make_person("elsa", "Elsa Engineer")
    grant_seat(role_id=cast.seat(gate.key, "engineering").pk, holder=second, actor=cast.administrator, clock=at(1))
    submit(cast, gate)
    recuse(gate_id=gate.pk, round_number=1, actor=second, comment="I know them.", clock=at(3))
    relay_all(on=3)
    assert told(EventKind.RECUSED) == {"recused": {"petra"}}
    assert told(EventKind.QUORUM_UNREACHABLE) == {}
    recuse(gate_id=gate.pk, round_number=1, actor=cast.approver, comment="My own plan.", clock=at(3))
    relay_all(on=3)
    assert told(EventKind.QUORUM_UNREACHABLE, Channel.EMAIL) == {"unreachable": {"petra"}}


def test_a_condition_is_told_to_its_owner(cast: Cast, gate: Gate) -> None:
    submit(cast, gate)
    wanted = NewCondition(text="Name the test lead", owner=cast.contributor, due_on=day(20))
    approve(cast, gate, "engineering", comment="Once the lead is named", conditions=(wanted,))
    relay_all(on=3)
    assert told(EventKind.CONDITION_OPENED, Channel.EMAIL) == {"condition": {"carl"}}


@pytest.mark.parametrize("is_submitted", [False, True])
def test_of_one_miss_everybody_hears_once(cast: Cast, gate: Gate, followers: None, is_submitted: bool) -> None:
    """Who must act hears of the miss, who follows of the slip."""
    if is_submitted:
        submit(cast, gate)
        approve(cast, gate, "sales")
    relay_all(on=3)
    Delivery.objects.all().delete()
    record_all_misses(day(31), clock=at(31))
    relay_all(on=31)
    late = {"missed_decision": {"erik"}, "missed": {"petra"}} if is_submitted else {"missed": {"petra"}}
    rest = {"sara"} | FOLLOWERS if is_submitted else {"erik", "sara"} | FOLLOWERS
    for channel in Channel:
        assert told(EventKind.GATE_MISSED, channel) == late
        assert told(EventKind.RELEASE_SLIPPED, channel) == {"slipped": rest}
    mails = Delivery.objects.filter(channel=Channel.EMAIL).values_list("recipient", flat=True)
    assert len(mails) == len(set(mails)), "nobody gets two mails of one miss"


def test_a_replan_is_told_to_those_whom_its_preview_names(cast: Cast, release: Release, followers: None) -> None:
    named = [person.username for person in people_told_of(release, cast.second_pm)]
    assert named == ["ines", "otto", "petra", "stan", "wanda"], "in order of name, without the one who re-plans"
    replan_release(
        release_id=release.pk,
        actor=cast.second_pm,
        dates={READINESS: day(85)},
        reason="A supplier is late",
        clock=at(3),
    )
    relay_all(on=3)
    assert told(EventKind.RELEASE_REPLANNED) == {"replanned": set(named)}
    assert told(EventKind.GATE_DUE_CHANGED) == {}, "one re-plan, one notice"


def test_hold_resume_ship_and_cancel_are_told(cast: Cast, release: Release, followers: None) -> None:
    hold_release(release_id=release.pk, actor=cast.pm, reason="Money", resume_by=day(20), clock=at(5))
    resume_release(release_id=release.pk, actor=cast.pm, clock=at(9))
    relay_all(on=9)
    assert told(EventKind.RELEASE_HELD) == {"held": FOLLOWERS}
    assert told(EventKind.RELEASE_RESUMED) == {"resumed": FOLLOWERS}
    assert "Resumed: Router 1.0, dates move by 4 days" in sentences(last_event(release, EventKind.RELEASE_RESUMED))
    hold_release(release_id=release.pk, actor=cast.pm, reason="Money", resume_by=day(20), clock=at(9))
    resume_release(release_id=release.pk, actor=cast.pm, clock=at(9))
    assert "Resumed: Router 1.0, no date moves" in sentences(last_event(release, EventKind.RELEASE_RESUMED))
    pass_gates_before_release(cast, release, on=10)
    ship_release(release_id=release.pk, actor=cast.second_pm, released_on=day(11), clock=at(11))
    relay_all(on=11)
    # Market Opportunity informs Ines; it is passed, and the gate that is left informs nobody.
    assert told(EventKind.RELEASE_SHIPPED) == {"shipped": {"petra", "otto", "wanda", "stan"}}


def test_a_cancelled_release_is_told(cast: Cast, release: Release, followers: None) -> None:
    cancel_release(release_id=release.pk, actor=cast.pm, reason="The market is gone", clock=at(5))
    relay_all(on=5)
    assert told(EventKind.RELEASE_CANCELLED) == {"cancelled": FOLLOWERS}


def test_a_new_baseline_is_told_to_those_whom_its_preview_names(cast: Cast, release: Release, followers: None) -> None:
    grant_product_permission(
        product=cast.product, codename="rebaseline", holder=cast.executive, actor=cast.administrator, clock=at(1)
    )
    replan_release(release_id=release.pk, actor=cast.pm, dates={READINESS: day(85)}, reason="Supplier", clock=at(3))
    named = {one.username for one in people_told_of(release, cast.executive, EventKind.RELEASE_REBASELINED)}
    rebaseline_release(release_id=release.pk, actor=cast.executive, reason="The new contract", clock=at(4))
    relay_all(on=4)
    assert told(EventKind.RELEASE_REBASELINED) == {"rebaselined": named}
    assert named == {"petra"} | FOLLOWERS
    (event,) = Event.objects.filter(kind=EventKind.RELEASE_REBASELINED)
    assert sentences(event)[0] == "New baseline: Router 1.0, Fri 10 Apr 2026"


def test_a_new_stakeholder_is_told_in_the_app(cast: Cast, release: Release) -> None:
    add_stakeholder(of=release, person=cast.outsider, actor=cast.pm, clock=at(3))
    relay_all(on=3)
    assert told(EventKind.STAKEHOLDER_ADDED) == {"stakeholder": {"otto"}}
    assert told(EventKind.STAKEHOLDER_ADDED, Channel.EMAIL) == {}


# --- Who is left out ----------------------------------------------------------------------------------------------


def test_the_deactivated_and_those_who_may_not_see_are_not_told(cast: Cast, gate: Gate, followers: None) -> None:
    Product.objects.update(is_restricted=True)
    deactivate_person(person=cast.approver, actor=cast.administrator, clock=at(1))
    second = make_person("elsa", "Elsa Engineer")
    grant_seat(role_id=cast.seat(gate.key, "engineering").pk, holder=second, actor=cast.administrator, clock=at(1))
    submit(cast, gate)
    decline(cast, gate, "sales")
    relay_all(on=3)
    everybody = set().union(*told(EventKind.GATE_DECLINED).values())
    assert everybody == {"petra", "elsa"}, "Erik has left, the followers may not see the product"


def test_who_wants_no_mail_gets_the_notice_in_the_app(cast: Cast, gate: Gate) -> None:
    cast.approver.wants_email = False
    cast.approver.save()
    submit(cast, gate)
    relay_all(on=2)
    assert told(EventKind.SUBMITTED) == {"submitted": {"erik", "sara"}}
    assert told(EventKind.SUBMITTED, Channel.EMAIL) == {"submitted": {"sara"}}


def test_a_product_owner_who_does_not_own_the_release_is_told_too(cast: Cast, gate: Gate) -> None:
    Release.objects.update(owner=cast.second_pm)
    submit(cast, gate, actor=cast.second_pm)
    decline(cast, gate, "engineering")
    relay_all(on=3)
    assert told(EventKind.GATE_DECLINED)["declined"] == {"petra", "quinn"}


# --- The table ----------------------------------------------------------------------------------------------------


def test_every_row_has_its_own_key_and_a_kind_that_exists() -> None:
    assert len({notice.key for notice in NOTICES}) == len(NOTICES)
    assert {notice.kind for notice in NOTICES} <= set(EVENT_KINDS)
    assert max(len(notice.key) for notice in NOTICES) <= Delivery._meta.get_field("notice").max_length


# Subjects begin with what they want or what happened; these are the words people filter their mail by.
WANTS = {
    "To prepare", "Waiting for you", "Approved{conditional} by {role}", "To mend", "Declined",
    "Approved{conditional}", "To do", "Withdrawn",
    "Waived", "To settle", "Stepped aside", "Blocked", "Waiting for you, late", "Late", "Slipping", "Re-planned",
    "Released", "On hold", "Resumed", "Cancelled", "Excused", "For you to follow",
    "For you to know", "For you to answer", "For you to supply", "New comment", "Playbook", "New baseline",
    "Corrected",
}  # fmt: skip


def test_every_subject_begins_with_what_it_wants() -> None:
    assert {notice.subject.partition(":")[0] for notice in NOTICES} == WANTS


def test_all_the_promised_kinds_are_told() -> None:
    kinds = {
        EventKind.GATE_OPENED, EventKind.SUBMITTED, EventKind.GATE_APPROVED, EventKind.GATE_DECLINED,
        EventKind.WITHDRAWN, EventKind.GATE_WAIVED, EventKind.GATE_MISSED, EventKind.RELEASE_SLIPPED,
        EventKind.RELEASE_REPLANNED, EventKind.RELEASE_SHIPPED,
    }  # fmt: skip
    assert all(notices_of(kind) for kind in kinds)


def sentences(event: Event) -> list[str]:
    """Everything the first notice of an event says."""
    facts = with_facts([event])[event.pk]
    notice, words = notices_of(event.kind)[0], words_of(facts, ["Engineering"])
    return [plain(text, words) for text in (notice.subject, notice.line, notice.heading, notice.lead)]


def test_the_words_of_a_submission(cast: Cast, gate: Gate) -> None:
    submit(cast, gate)
    due = date(2026, 2, 4)
    subject, line, heading, lead = sentences(Event.objects.get(kind=EventKind.SUBMITTED))
    assert subject == "Waiting for you: Router 1.0, Market Opportunity (round 1), due Wed 4 Feb 2026"
    assert line == "Petra Manager submitted round 1 of Market Opportunity for your decision"
    assert heading == "Market Opportunity waits for your decision"
    assert lead.startswith(
        "Petra Manager submitted round 1 on Wed 7 Jan 2026 at 09:00. You decide as Engineering. It was due Wed"
    )
    assert gate.due_on == due


def test_the_words_of_a_decline(cast: Cast, gate: Gate) -> None:
    submit(cast, gate)
    decline(cast, gate, "sales")
    subject, line, _heading, lead = sentences(Event.objects.get(kind=EventKind.GATE_DECLINED))
    assert subject == "To mend: Router 1.0, Market Opportunity was declined by Sales"
    assert line == "Sara Seller declined Market Opportunity for Sales"
    assert lead.endswith("It is your turn: mend the evidence and submit round 2.")


def test_the_words_of_a_miss_say_what_had_not_happened(cast: Cast, gate: Gate) -> None:
    submit(cast, gate)
    approve(cast, gate, "sales")
    record_all_misses(day(31), clock=at(31))
    event = Event.objects.get(kind=EventKind.RELEASE_SLIPPED)
    subject, line, *_ = sentences(event)
    assert subject == "Slipping: Router 1.0, Market Opportunity was due Wed 4 Feb 2026"
    assert line == "Router 1.0 is slipping: Market Opportunity was missed, Engineering had not decided"


def test_the_words_of_a_replan_say_where_the_target_goes(cast: Cast, release: Release) -> None:
    replan_release(
        release_id=release.pk, actor=cast.pm, dates={READINESS: day(85)}, reason="A supplier is late", clock=at(3)
    )
    event = Event.objects.get(kind=EventKind.RELEASE_REPLANNED)
    facts = with_facts([event])[event.pk]
    assert sentences(event)[0] == "Re-planned: Router 1.0, the target moves by 5 days to Fri 10 Apr 2026"
    assert facts.moves() == [
        "Release Readiness: 26 Mar to 31 Mar", "Release: 5 Apr to 10 Apr", "6 Month Assessment: 5 Oct to 10 Oct",
    ]  # fmt: skip


def test_every_notice_that_has_happened_leaves_no_gap_in_its_sentences(cast: Cast, release: Release) -> None:
    """A long story; afterwards each row of the table that was used is checked for words that are missing."""
    gate = gate_of(release, "market-opportunity")
    brief = Deliverable.objects.get(gate=gate, key="brief")
    assign_deliverable(deliverable_id=brief.pk, actor=cast.pm, assignee=cast.contributor, clock=at(1))
    submit(cast, gate, on=2)
    withdraw_submission(gate_id=gate.pk, actor=cast.pm, reason="A page was missing", clock=at(2))
    submit(cast, gate, on=2)
    decline(cast, gate, "engineering", on=3)
    submit(cast, gate, on=4)
    record_all_misses(day(31), clock=at(31))
    wanted = NewCondition("Name a lead", cast.contributor, day(50))
    approve(cast, gate, "engineering", on=32, comment="Once the lead is named", conditions=(wanted,))
    approve(cast, gate, "sales", on=32)
    hold_release(release_id=release.pk, actor=cast.pm, reason="Money", resume_by=day(40), clock=at(33))
    resume_release(release_id=release.pk, actor=cast.pm, clock=at(35))
    replan_release(
        release_id=release.pk, actor=cast.pm, dates={READINESS: day(110)}, reason="A supplier is late", clock=at(36)
    )
    grant_product_permission(
        product=cast.product, codename="rebaseline", holder=cast.executive, actor=cast.administrator, clock=at(36)
    )
    rebaseline_release(release_id=release.pk, actor=cast.executive, reason="The plan of the supplier", clock=at(36))
    waive(cast, gate_of(release, "functional-completeness"), on=37, until=38)
    expire_waivers(day(39), clock=at(39))
    readiness = gate_of(release, READINESS)
    grant_exception(
        gate_id=readiness.pk, kind="deliverable", subject="runbooks", reason="The supplier writes them next week.",
        expires_on=day(45), actor=cast.executive, clock=at(39),
    )  # fmt: skip
    submit(cast, readiness, on=40)
    approve(cast, readiness, "engineering", on=41)
    recuse(gate_id=readiness.pk, round_number=1, actor=cast.second_approver, comment="My own plan.", clock=at(41))
    waive(cast, readiness, on=42)
    ship_release(release_id=release.pk, actor=cast.pm, released_on=day(42), clock=at(42))
    correct_release_date(release_id=release.pk, actor=cast.pm, released_on=day(43), reason="A day late", clock=at(43))
    expire_exceptions(day(46), clock=at(46))
    mark_overdue_conditions(day(51), clock=at(51))
    add_stakeholder(of=release, person=cast.outsider, actor=cast.pm, clock=at(42))
    said = add_comment(gate_id=readiness.pk, actor=cast.pm, text="Out, @sara.", clock=at(42)).comment
    edit_comment(comment_id=said.pk, actor=cast.pm, text="Out, @sara and @erik.", clock=at(42))
    away = make_delegation(
        person=cast.approver, actor=cast.administrator, delegate=cast.outsider, starts_on=day(60), ends_on=day(61),
        clock=at(51),
    )  # fmt: skip
    end_delegation(delegation_id=away.pk, actor=cast.administrator, clock=at(52))
    used = set()
    for event in Event.objects.select_related("actor", "on_behalf_of", "product", "release__product").order_by("pk"):
        facts = with_facts([event])[event.pk]
        for notice in notices_of(event.kind):
            words = words_of(facts)
            for sentence in (notice.subject, notice.line, notice.heading, notice.lead):
                text = plain(sentence, words)
                assert "  " not in text, text
                assert ": ," not in text, text
                assert not text.endswith((" ", ",")), text
                assert "by ," not in text, text
            used.add(notice.key)
    assert {notice.key for notice in NOTICES} - used == {"cancelled", "playbook_applied"}


def test_a_comment_is_told_to_who_is_mentioned_and_to_who_takes_part(cast: Cast, gate: Gate) -> None:
    submit(cast, gate, actor=cast.second_pm)
    add_comment(gate_id=gate.pk, actor=cast.outsider, text="How many customers?", clock=at(2))
    relay_all(on=2)
    assert told(EventKind.COMMENT_ADDED) == {"commented": {"petra", "quinn"}}, "not the writer"
    answer = add_comment(gate_id=gate.pk, actor=cast.pm, text="@erik knows.", clock=at(3)).comment
    relay_all(on=3)
    assert told(EventKind.COMMENT_ADDED) == {"mentioned": {"erik"}, "commented": {"otto", "quinn"}}
    assert told(EventKind.COMMENT_ADDED, Channel.EMAIL)["mentioned"] == {"erik"}
    edit_comment(comment_id=answer.pk, actor=cast.pm, text="@erik and @sara know.", clock=at(3))
    relay_all(on=3)
    assert told(EventKind.COMMENT_EDITED) == {"mentioned_later": {"sara"}}
