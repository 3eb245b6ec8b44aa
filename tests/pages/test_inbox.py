"""Waiting for you: two clicks to a decision, the most urgent first, and what was decided."""

from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from approvals.actions.decisions import revoke_decision
from approvals.actions.evidence import save_evidence
from approvals.actions.rounds import withdraw_submission
from approvals.actions.seats import grant_seat
from approvals.models import Decision, Submission
from approvals.pages.inbox import InboxRow, grouped, inbox_rows
from approvals.pages.waiting import waiting_list
from gatekeeper.common.calendars import day_of
from gatekeeper.common.templatetags.gk import day_short
from releases.actions.products import change_product
from releases.actions.releases import hold_release
from tests.cast import (
    MARKET,
    Cast,
    approve,
    at,
    day,
    decline,
    fill,
    gate_of,
    make_person,
    nothing_changes,
    submit,
)
from tests.pages.stories import address, client_of, days_ago, market_of, release_of_today, text_of, thing

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


def waiting(cast: Cast, version: str = "1.0", *, target: int = 90, began: int = 20) -> Submission:
    """A round of a release that waits for both roles."""
    return submit(cast, market_of(release_of_today(cast, version, began=began, target=target)), on=days_ago(2))


def test_a_row_says_what_when_and_how_ready(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    fill(cast, gate, on=days_ago(3))
    submit(cast, gate, on=days_ago(2), summary="Mind the price.")
    approve(cast, gate, "sales", on=days_ago(1))
    page = client_of(cast.approver).get("/inbox/")
    text = text_of(page)
    assert "1 gate · you decide as Engineering · the most urgent first" in text
    assert "In 10 days" in text
    assert "Router 1.0" in text
    assert "Petra Manager" in text
    assert "Mind the price." in text
    assert "2 of 2 deliverables" in text
    assert "1 of 2 roles approved" in text
    assert "<title>(1) Waiting for you - gatekeeper</title>" in page.content.decode()


def test_a_later_round_says_what_changed_since_you_declined(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    submit(cast, gate, on=days_ago(6))
    decline(cast, gate, "engineering", on=days_ago(5))
    save_evidence(
        deliverable_id=thing(gate).pk, actor=cast.pm, kind="text", text="Better.", expected_version=1,
        clock=at(days_ago(4)),
    )  # fmt: skip
    submit(cast, gate, on=days_ago(3))
    assert "1 change since you declined round 1" in text_of(client_of(cast.approver).get("/inbox/"))
    assert "1 change since Engineering declined round 1" in text_of(client_of(cast.second_approver).get("/inbox/"))
    withdraw_submission(gate_id=gate.pk, actor=cast.pm, clock=at(days_ago(2)))
    submit(cast, gate, on=days_ago(1))
    assert "Nothing changed since round 2" in text_of(client_of(cast.approver).get("/inbox/"))


def test_rows_stand_in_groups_of_weeks(cast: Cast) -> None:
    waiting(cast)
    today = day_of(timezone.now())
    (row,) = inbox_rows(waiting_list(cast.approver, today), cast.approver, today)
    due = row.due_on
    monday = due - timedelta(days=due.weekday())

    def group(today_is: object) -> str:
        return InboxRow(row.submission, today_is, row.entry, 0, 0, 0, "").group  # type: ignore[arg-type]

    assert group(due + timedelta(days=1)) == "Late"
    assert group(due) == "This week"
    assert group(monday) == "This week"
    assert group(monday - timedelta(days=1)) == "Next week"
    assert group(monday - timedelta(days=7)) == "Next week"
    assert group(monday - timedelta(days=8)) == "Later"
    assert [g.name for g in grouped([row])] == [row.group]


def test_the_most_urgent_comes_first_and_late_ones_say_so(cast: Cast) -> None:
    waiting(cast, "1.0", target=110)
    waiting(cast, "2.0", target=78)
    text = text_of(client_of(cast.approver).get("/inbox/"))
    assert text.index("Router 2.0") < text.index("Router 1.0")
    assert "Late 2 days" in text
    assert "Late 1" in text


def test_the_first_click_opens_the_row_and_decides_nothing(cast: Cast) -> None:
    submission = waiting(cast)
    client = client_of(cast.approver)
    with nothing_changes():
        page = client.get("/inbox/", {"open": submission.pk, "do": "approve"})
        row = client.get("/inbox/", {"open": submission.pk, "do": "decline"}, headers=HTMX)
        closed = client.get("/inbox/", {"close": submission.pk}, headers=HTMX)
    assert "Approve as Engineering" in text_of(page)
    assert "After it, only Sales is left." in text_of(page)
    assert f'action="/inbox/{submission.pk}/decide/"' in page.content.decode()
    assert "<html" not in row.content.decode()
    assert "Decline as Engineering" in text_of(row)
    assert row.headers["Vary"].startswith("HX-Request")
    assert "<form" not in closed.content.decode()


def test_the_second_click_decides_and_the_row_leaves(cast: Cast) -> None:
    submission = waiting(cast)
    waiting(cast, "2.0", target=110)
    client = client_of(cast.approver)
    words = {"choice": "approve", "role": "engineering", "round": "1", "comment": ""}
    answer = client.post(f"/inbox/{submission.pk}/decide/", words, headers=HTMX)
    html = answer.content.decode()
    assert answer.status_code == 200
    assert "<html" not in html
    assert f'id="row-{submission.pk}"' not in html
    assert "<title>(1) Waiting for you - gatekeeper</title>" in html
    assert "Approved Router 1.0, Market Opportunity, as Engineering." in text_of(answer)
    assert 'id="waiting-count" hx-swap-oob="true"' in html
    assert "data-focus" in html
    assert Decision.objects.get().submission == submission


def test_without_javascript_the_same_two_clicks_do(cast: Cast) -> None:
    submission = waiting(cast)
    client = client_of(cast.approver)
    words = {"choice": "decline", "role": "engineering", "round": "1", "comment": "Not enough customers."}
    answer = client.post(f"/inbox/{submission.pk}/decide/", words, follow=True)
    assert answer.redirect_chain == [("/inbox/", 302)]
    assert "Declined Router 1.0, Market Opportunity, as Engineering." in text_of(answer)
    assert "Nothing waits for you" in text_of(answer)


def test_a_decline_without_words_comes_back_with_the_row_open(cast: Cast) -> None:
    submission = waiting(cast)
    words = {"choice": "decline", "role": "engineering", "round": "1", "comment": " "}
    for headers in ({}, HTMX):
        with nothing_changes():
            answer = client_of(cast.approver).post(f"/inbox/{submission.pk}/decide/", words, headers=headers)
        assert answer.status_code == 422
        assert "A comment that says why is needed." in text_of(answer)
        assert "Decline as Engineering" in text_of(answer)


def test_a_round_that_ended_meanwhile_gives_the_words_back(cast: Cast) -> None:
    submission = waiting(cast)
    gate = gate_of(submission.gate.release, MARKET)
    decline(cast, gate, "sales", on=days_ago(1), comment="Wrong price.")
    words = {"choice": "approve", "role": "engineering", "round": "1", "comment": "All of this was good."}
    with nothing_changes():
        answer = client_of(cast.approver).post(f"/inbox/{submission.pk}/decide/", words)
        stale_row = client_of(cast.approver).get("/inbox/", {"open": submission.pk}, headers=HTMX)
    assert answer.status_code == 409
    assert "was not recorded. Round 1 of Market Opportunity is over" in text_of(answer)
    assert "You wrote: “All of this was good.”" in text_of(answer)
    assert address(gate) in answer.content.decode()
    assert stale_row.headers["HX-Retarget"] == "#inbox"


def test_a_condition_is_added_from_the_row(cast: Cast) -> None:
    submission = waiting(cast)
    client = client_of(cast.approver)
    opened = client.get("/inbox/", {"open": submission.pk, "do": "conditions"}, headers=HTMX)
    assert "What must still be done" in text_of(opened)
    assert 'value="Petra Manager (petra)"' in opened.content.decode()
    words = {
        "choice": "conditions", "role": "engineering", "round": "1", "comment": "But first:",
        "condition": "Ask Legal", "condition_owner": "petra",
        "condition_due_on": (day_of(timezone.now()) + timedelta(days=3)).isoformat(),
    }  # fmt: skip
    assert client.post(f"/inbox/{submission.pk}/decide/", words).status_code == 302
    assert Decision.objects.get().conditions.get().text == "Ask Legal"


def test_with_two_roles_the_neediest_is_offered_first(cast: Cast) -> None:
    both = make_person("bea", "Bea Both")
    for role in ("engineering", "sales"):
        grant_seat(role_id=cast.seat(MARKET, role).pk, holder=both, actor=cast.administrator, clock=at(days_ago(30)))
    submission = waiting(cast)
    page = client_of(both).get("/inbox/", {"open": submission.pk, "do": "approve"})
    assert "you decide as Engineering and Sales" in text_of(page)
    words = {"choice": "approve", "role": "sales", "round": "1"}
    assert client_of(both).post(f"/inbox/{submission.pk}/decide/", words).status_code == 302
    assert Decision.objects.get().role.key == "sales"
    assert "Nothing waits for you" in text_of(client_of(both).get("/inbox/"))


def test_what_does_not_concern_a_person_does_not_wait_for_them(cast: Cast) -> None:
    waiting(cast)
    for person in (cast.pm, cast.second_pm, cast.outsider, cast.executive, cast.administrator):
        page = client_of(person).get("/inbox/")
        assert "Nothing waits for you" in text_of(page)
        assert "Router" not in text_of(page)


def test_on_hold_nothing_waits(cast: Cast) -> None:
    submission = waiting(cast)
    hold_release(
        release_id=submission.gate.release_id, actor=cast.pm, reason="Waits.", resume_by=day(days_ago(-30)),
        clock=at(days_ago(1)),
    )  # fmt: skip
    assert "Nothing waits for you" in text_of(client_of(cast.approver).get("/inbox/"))


def test_a_hidden_rounds_address_does_not_exist(cast: Cast) -> None:
    submission = waiting(cast)
    words = {"choice": "approve", "role": "engineering", "round": "1"}
    outsider = client_of(cast.outsider)
    with nothing_changes():
        assert outsider.post(f"/inbox/{submission.pk}/decide/", words).status_code == 403
    change_product(
        product=cast.product, name="Router", description="", owner=cast.pm, is_restricted=True,
        actor=cast.administrator, clock=at(days_ago(1)),
    )  # fmt: skip
    with nothing_changes():
        assert outsider.post(f"/inbox/{submission.pk}/decide/", words).status_code == 404
        assert outsider.post("/inbox/999999/decide/", words).status_code == 404


def test_an_empty_inbox_names_what_comes_next(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    page = text_of(client_of(cast.approver).get("/inbox/"))
    assert "Next likely: Router 1.0, Market Opportunity, around" in page
    assert gate.due_on is not None
    assert f"around {gate.due_on.day} " in page
    with time_machine.travel(timezone.now() + timedelta(days=30), tick=False):
        late = text_of(client_of(cast.approver).get("/inbox/"))
    assert f"which was due {day_short(gate.due_on)} and is late." in late
    assert "around" not in late
    assert "A gate appears here when a round is submitted" in text_of(client_of(cast.outsider).get("/inbox/"))


def test_what_i_have_decided_is_listed_newest_first_and_paged(cast: Cast) -> None:
    first, second = waiting(cast, "1.0"), waiting(cast, "2.0")
    decision = approve(cast, gate_of(first.gate.release, MARKET), "engineering", on=days_ago(1), comment="Fine.")
    revoke_decision(decision_id=decision.pk, actor=cast.approver, reason="Hm.", clock=at(days_ago(1)))
    decline(cast, gate_of(second.gate.release, MARKET), "engineering", on=days_ago(0), comment="No plan.")
    page = text_of(client_of(cast.approver).get("/inbox/?show=decided"))
    assert page.index("Router 2.0") < page.index("Router 1.0")
    assert "declined as Engineering" in page
    assert "“No plan.”" in page
    assert "approved as Engineering, revoked since" in page
    assert "1 to 2 of 2" in page
    assert "You have not decided anything yet" in text_of(client_of(cast.outsider).get("/inbox/?show=decided"))


@pytest.mark.parametrize("query", ["?open=no&do=eat", "?page=zero", "?open=99999999999999999999", "?show=everything"])
def test_nonsense_in_the_address_is_forgiven(cast: Cast, query: str) -> None:
    waiting(cast)
    assert client_of(cast.approver).get(f"/inbox/{query}").status_code == 200
    assert client_of(cast.approver).get(f"/inbox/{query}", headers=HTMX).status_code == 200


def test_a_dozen_rows_cost_as_many_queries_as_three(cast: Cast) -> None:
    client = client_of(cast.approver)

    def cost(url: str) -> int:
        client.get(url)
        with CaptureQueriesContext(connection) as found:
            assert client.get(url).status_code == 200
        return len(found)

    made = [waiting(cast, f"1.{number}") for number in range(3)]
    decline(cast, gate_of(made[0].gate.release, MARKET), "engineering", on=days_ago(1))
    submit(cast, gate_of(made[0].gate.release, MARKET), on=days_ago(1))
    few = (cost("/inbox/"), cost("/inbox/?show=decided"))
    for number in range(3, 12):
        gate = gate_of(waiting(cast, f"1.{number}").gate.release, MARKET)
        decline(cast, gate, "engineering", on=days_ago(1))
        submit(cast, gate, on=days_ago(1))
    assert text_of(client.get("/inbox/")).count("2 of 2 deliverables") == 12
    assert (cost("/inbox/"), cost("/inbox/?show=decided")) == few
    assert few[0] <= 23
