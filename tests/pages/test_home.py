"""My work: what comes next, in which order, and that it says the same as the gate's own page."""

import re
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from approvals.actions.decisions import NewCondition
from approvals.actions.evidence import save_evidence
from approvals.actions.people import deactivate_person
from approvals.actions.seats import grant_seat
from approvals.status import gate_status
from gatekeeper.accounts.models import User
from gatekeeper.common.calendars import day_of
from gatekeeper.dashboard.queries.home import Home
from gatekeeper.dashboard.queries.weeks import chart_of
from releases.actions.products import change_product
from releases.actions.releases import hold_release
from releases.models import Organisation, Release
from tests.cast import (
    COMPLETENESS,
    MARKET,
    PASSWORD,
    Cast,
    active_release,
    approve,
    at,
    day,
    decline,
    draft_release,
    gate_of,
    make_playbook,
    pass_gate,
    pass_gates_before_release,
    submit,
)
from tests.pages.stories import client_of, days_ago, release_of_today, text_of, thing

pytestmark = pytest.mark.django_db


def home(person: User) -> Any:
    response = client_of(person).get("/")
    assert response.status_code == 200
    return response


def steps(person: User) -> list[tuple[str, str, str]]:
    """(state, title, button) of what comes next."""
    return [(step.state, step.title, step.action) for step in home(person).context["work"].steps]


def today() -> Any:
    return day_of(timezone.now())


# --- What comes next ----------------------------------------------------------------------------------------------


def test_a_new_gate_is_started(cast: Cast) -> None:
    release_of_today(cast)
    assert steps(cast.pm) == [("prep", "Start the evidence for Market Opportunity", "Start")]


def test_what_is_far_ahead_is_next_only_where_nothing_else_is(cast: Cast) -> None:
    release_of_today(cast, "2.0", target=320)
    assert [step.note.split(" · ")[0] for step in home(cast.pm).context["work"].steps] == ["Router 2.0"]
    release_of_today(cast, "1.0")
    assert [step.note.split(" · ")[0] for step in home(cast.pm).context["work"].steps] == ["Router 1.0"]


def test_a_ready_gate_is_submitted(cast: Cast) -> None:
    gate = gate_of(release_of_today(cast), MARKET)
    # the competitive teardown is optional: nothing waits for it
    save_evidence(deliverable_id=thing(gate).pk, actor=cast.pm, kind="text", text="A brief", clock=at(days_ago(1)))
    assert steps(cast.pm) == [("prep", "Submit Market Opportunity", "Submit")]


def test_what_is_missing_is_named(cast: Cast) -> None:
    playbook = make_playbook(
        {"slug": "one", "name": "One gate", "gates": [
            {"key": "start", "name": "Start", "offset_days": -20, "roles": [{"key": "engineering", "name": "E"}],
             "deliverables": [{"key": k, "name": n} for k, n in (("a", "Plan"), ("b", "Budget"), ("c", "Risks"))]},
        ]}
    )  # fmt: skip
    release = active_release(cast, "1.0", target=days_ago(0) + 60, playbook=playbook, on=days_ago(0))
    gate = gate_of(release, "start")
    grant_seat(role_id=gate.roles.get().role_id, holder=cast.approver, actor=None, clock=at(days_ago(0)))
    save_evidence(deliverable_id=thing(gate, "a").pk, actor=cast.pm, kind="text", text="Plan", clock=at(days_ago(0)))
    (step,) = steps(cast.pm)
    assert step[1] == "Finish 2 deliverables: Budget and Risks"
    (row,) = home(cast.pm).context["work"].rows
    assert (row.ready, row.needed) == (1, 3)


def test_roles_that_have_not_decided_are_named(cast: Cast) -> None:
    gate = gate_of(release_of_today(cast), MARKET)
    submit(cast, gate, on=days_ago(3))
    assert steps(cast.pm) == [("rev", "Engineering and Sales have not decided on Market Opportunity", "Open")]
    approve(cast, gate, "engineering", on=days_ago(2))
    assert steps(cast.pm) == [("rev", "Sales has not decided on Market Opportunity", "Open")]


def test_a_decline_is_answered_with_its_words(cast: Cast) -> None:
    gate = gate_of(release_of_today(cast), MARKET)
    submit(cast, gate, on=days_ago(3))
    decline(cast, gate, "sales", on=days_ago(2), comment="Nobody asked for it.")
    assert steps(cast.pm) == [("dec", "Answer the decline of Market Opportunity", "Prepare round 2")]
    assert "Sales declined round 1: Nobody asked for it." in text_of(home(cast.pm))


def test_a_late_gate_is_late_whatever_it_waits_for(cast: Cast) -> None:
    gate = gate_of(release_of_today(cast, began=35), MARKET)
    assert steps(cast.pm)[0][0] == "late"
    submit(cast, gate, on=days_ago(6))
    assert steps(cast.pm)[0][0] == "late"
    assert "5 days late" in text_of(home(cast.pm))
    assert "1 gate late" in text_of(home(cast.pm))


def test_too_few_people_are_said_before_anything_else(cast: Cast) -> None:
    release_of_today(cast)
    deactivate_person(person=cast.approver, actor=cast.administrator, clock=at(days_ago(1)))
    stuck = ("dec", "Market Opportunity cannot reach its quorums: too few people can decide", "Open")
    assert steps(cast.pm) == [stuck, ("prep", "Start the evidence for Market Opportunity", "Start")]


def test_a_release_whose_gates_are_passed_is_released(cast: Cast) -> None:
    pass_gates_before_release(cast, release_of_today(cast), on=days_ago(1))
    assert steps(cast.pm) == [
        ("ok", "Router 1.0 can be released: every gate before it is passed", "Record the release")
    ]


def test_drafts_holds_and_conditions_are_steps_too(cast: Cast) -> None:
    draft_release(cast, "2.0", target=days_ago(0) + 200, on=days_ago(1))
    held = release_of_today(cast, "3.0")
    hold_release(
        release_id=held.pk, actor=cast.pm, reason="Strategy", resume_by=day(days_ago(-5)), clock=at(days_ago(1))
    )
    gate = gate_of(release_of_today(cast, "1.0"), MARKET)
    submit(cast, gate, on=days_ago(4))
    condition = NewCondition("Name the buyers", cast.contributor, day(days_ago(-20)))
    approve(cast, gate, "engineering", on=days_ago(3), comment="Nearly.", conditions=(condition,))
    approve(cast, gate, "sales", on=days_ago(3))
    titles = [title for _state, title, _action in steps(cast.pm)]
    assert titles == [
        "Resume Router 3.0, or give it another day",
        "Condition due: Name the buyers",
        "Start the evidence for Functional Completeness",
        "Activate Router 2.0",
    ]
    assert "Carl Contributor" in text_of(home(cast.pm))


def test_what_delays_a_release_first_stands_first(cast: Cast) -> None:
    release_of_today(cast, "1.0", began=10)
    release_of_today(cast, "2.0", began=35)
    release_of_today(cast, "3.0", began=25)
    work = home(cast.pm).context["work"]
    assert [step.note.split(" · ")[0] for step in work.steps] == ["Router 2.0", "Router 3.0", "Router 1.0"]
    assert [row.release.version for row in work.rows] == ["2.0", "3.0", "1.0"]


def test_twenty_steps_are_enough(cast: Cast) -> None:
    for number in range(25):
        draft_release(cast, f"1.{number}", target=days_ago(0) + 200 + number, on=days_ago(1))
    response = home(cast.pm)
    assert len(response.context["work"].steps) == 20
    assert "the next 10 of 25" in text_of(response)


@pytest.mark.parametrize("until", range(6))
def test_home_says_what_the_gate_itself_says(cast: Cast, until: int) -> None:
    """The facts of many gates at once against `gate_status` of one, along a gate's life."""
    release = release_of_today(cast)
    gate = gate_of(release, MARKET)
    story = [
        lambda: save_evidence(
            deliverable_id=thing(gate).pk, actor=cast.pm, kind="text", text="x", clock=at(days_ago(9))
        ),
        lambda: submit(cast, gate, on=days_ago(8)),
        lambda: approve(cast, gate, "engineering", on=days_ago(7)),
        lambda: decline(cast, gate, "sales", on=days_ago(6)),
        lambda: submit(cast, gate, on=days_ago(5)),
    ]
    for step in story[:until]:
        step()
    gate = gate_of(release, MARKET)
    status = gate_status(gate.release, gate, list(release.gates.order_by("position")), today(), cast.pm)
    work = Home(cast.pm, timezone.now(), today())
    missing = [blocker.subject for blocker in status.submission_blockers if blocker.code == "deliverable_missing"]
    assert [one.key for one in work.needs.missing(work.gates[release.pk])] == missing
    (step_now,) = work.steps
    if status.turn.who == "role":
        assert step_now.title.startswith(f"{status.turn.words} ha")
    else:
        assert status.turn.who == "pm"
        assert step_now.action in ("Start", "Submit", "Prepare round 2")
        assert (step_now.action == "Submit") is status.may("submit") or step_now.action == "Prepare round 2"


# --- The rest of the page -----------------------------------------------------------------------------------------


def test_rounds_that_wait_for_me_stand_beside(cast: Cast) -> None:
    own = release_of_today(cast, "1.0")
    change_product(
        product=cast.product, name="Router", description="", owner=cast.approver, is_restricted=False,
        actor=cast.administrator, clock=at(days_ago(9)),
    )  # fmt: skip
    gate = gate_of(own, MARKET)
    submission = submit(cast, gate, on=days_ago(2))
    response = home(cast.approver)
    assert "you decide as Engineering" in text_of(response)
    assert f"/inbox/?open={submission.pk}&amp;do=approve" in response.content.decode()
    assert "No round waits for your decision" in text_of(home(cast.pm))


def test_decided_rounds_say_their_result_and_how_long_they_took(cast: Cast) -> None:
    gate = gate_of(release_of_today(cast), MARKET)
    submit(cast, gate, on=days_ago(9))
    decline(cast, gate, "sales", on=days_ago(6))
    submit(cast, gate, on=days_ago(5))
    approve(cast, gate, "engineering", on=days_ago(4))
    approve(cast, gate, "sales", on=days_ago(4))
    rows = home(cast.pm).context["work"].decided
    assert [(row.words, row.submission.number, row.took) for row in rows] == [
        ("Approved", 2, "24 hours"),
        ("Declined", 1, "3 days"),
    ]


def test_since_yesterday_tells_what_others_did(cast: Cast) -> None:
    gate = gate_of(release_of_today(cast), MARKET)
    submit(cast, gate, on=days_ago(1))
    approve(cast, gate, "engineering", on=days_ago(1))
    text = text_of(home(cast.pm))
    assert "Erik Engineer approved Market for Engineering" in text
    assert "Petra Manager submitted" not in text


def test_the_chart_shows_the_dates_of_six_weeks(cast: Cast) -> None:
    release = release_of_today(cast, began=25)
    work = Home(cast.pm, timezone.now(), today())
    chart = chart_of(work.releases, work.boards, today())
    assert chart is not None
    ((row),) = chart.rows
    monday = today() - timedelta(days=today().weekday())
    wanted = [
        cell.due_day
        for cell in work.boards[release.pk].values()
        if cell.due_day and monday <= cell.due_day < monday + timedelta(weeks=6)
    ]
    assert [mark.on for mark in row.marks] == wanted
    assert all(0 <= mark.x <= chart.width for mark in row.marks)
    assert [mark.x for mark in row.marks] == sorted(mark.x for mark in row.marks)
    page = home(cast.pm).content.decode()
    assert "View as table" in page
    assert "style=" not in page


def test_labels_of_the_chart_do_not_run_into_each_other(cast: Cast) -> None:
    gates = [
        {"key": f"g{n}", "name": f"A rather long name {n}", "offset_days": -12 + n,
         "roles": [{"key": "engineering", "name": "E"}]}
        for n in range(6)
    ]  # fmt: skip
    playbook = make_playbook({"slug": "close", "name": "Close", "gates": gates})
    active_release(cast, "1.0", target=days_ago(0) + 20, playbook=playbook, on=days_ago(0))
    work = Home(cast.pm, timezone.now(), today())
    chart = chart_of(work.releases, work.boards, today())
    assert chart is not None
    spans = []
    for mark in chart.rows[0].marks:
        if mark.label:
            length = len(mark.label) * 5.9
            spans.append(
                (mark.label_x, mark.label_x + length)
                if mark.anchor == "start"
                else (mark.label_x - length, mark.label_x)
            )
    spans.sort()
    assert all(end <= start + 1 for (_s, end), (start, _e) in pairwise(spans))
    assert all(start >= 0 and end <= chart.width for start, end in spans)
    # what has no room for a label still says its name
    assert all(mark.title for mark in chart.rows[0].marks)


# --- Who goes where -----------------------------------------------------------------------------------------------


def test_everybody_begins_where_their_work_is(cast: Cast) -> None:
    Organisation.objects.update_or_create(pk=1, defaults={"name": "Larkfield"})
    release_of_today(cast)
    assert client_of(cast.approver).get("/")["Location"] == "/inbox/"
    assert client_of(cast.second_approver).get("/")["Location"] == "/inbox/"
    assert client_of(cast.executive).get("/")["Location"] == "/portfolio/"
    for person in (cast.pm, cast.second_pm, cast.outsider):
        assert home(person).status_code == 200
    administrators = text_of(home(cast.administrator))
    assert "You look after gatekeeper" in administrators
    assert "People Playbooks Organisation Portfolio" in administrators
    assert Client().get("/")["Location"] == "/sign-in/?next=/"


def test_an_empty_page_says_what_will_be_here(cast: Cast) -> None:
    assert "Plan a release" in text_of(home(cast.second_pm))
    assert "New release" in text_of(home(cast.second_pm))
    text = text_of(home(cast.outsider))
    assert "No releases of yours yet" in text
    assert "New release" not in text


def test_sign_in_leads_to_it(cast: Cast, client: Client) -> None:
    release_of_today(cast)
    response = client.post("/sign-in/", {"username": "petra", "password": PASSWORD}, follow=True)
    assert "Petra" in response.content.decode()
    assert re.search(r"Good (morning|afternoon|evening), Petra", response.content.decode())


def test_releases_of_a_product_that_was_hidden_from_me_are_gone(cast: Cast) -> None:
    release = release_of_today(cast)
    Release.objects.filter(pk=release.pk).update(owner=cast.outsider)
    assert home(cast.outsider).context["work"].counts["releases"] == 1
    change_product(
        product=cast.product, name="Router", description="", owner=cast.pm, is_restricted=True,
        actor=cast.administrator, clock=at(days_ago(0)),
    )  # fmt: skip
    assert "Router" not in home(cast.outsider).content.decode()


# --- What it costs ------------------------------------------------------------------------------------------------


def test_a_dozen_releases_cost_as_many_queries_as_three(cast: Cast) -> None:
    def fill(first: int, last: int) -> None:
        for number in range(first, last):
            release = release_of_today(cast, f"1.{number}", began=20 + number % 9)
            gate = gate_of(release, MARKET)
            if number % 3:
                submit(cast, gate, on=days_ago(8))
            if number % 3 == 2:
                decline(cast, gate, "sales", on=days_ago(7))

    def queries() -> int:
        client = client_of(User.objects.get(pk=cast.pm.pk))
        client.get("/")
        with CaptureQueriesContext(connection) as found:
            assert client.get("/").status_code == 200
        return len(found)

    fill(0, 3)
    few = queries()
    fill(3, 12)
    assert queries() == few


def test_the_page_of_somebody_with_everything_is_not_heavy(cast: Cast) -> None:
    for number in range(12):
        release = release_of_today(cast, f"1.{number}")
        pass_gate(cast, gate_of(release, MARKET), on=days_ago(2))
    assert gate_of(release, COMPLETENESS).state == "open"
    assert len(home(cast.pm).content) < 60_000
