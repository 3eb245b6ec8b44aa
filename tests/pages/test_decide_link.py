"""From a mail to a decision: the link leads its addressee to a small page, and only its form decides."""

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from approvals.actions.delegations import make_delegation
from approvals.actions.rounds import withdraw_submission
from approvals.links import decide_path, read_link
from approvals.models import Decision, Submission
from gatekeeper.common.calendars import day_of
from releases.kinds import GateState
from releases.models import Gate
from tests.cast import PASSWORD, Cast, approve, at, decline, gate_of, make_person, nothing_changes, submit
from tests.pages.stories import address, client_of, days_ago, market_of, release_of_today, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def waiting(cast: Cast) -> Submission:
    return submit(cast, market_of(release_of_today(cast)), on=days_ago(2), summary="Please start with the brief.")


@pytest.fixture
def link(cast: Cast, waiting: Submission) -> str:
    return decide_path(waiting.pk, cast.approver.pk)


def fresh_gate(submission: Submission) -> Gate:
    return gate_of(submission.gate.release, submission.gate.key)


def test_signed_out_it_leads_through_sign_in_and_back(cast: Cast, link: str) -> None:
    client = Client()
    asked = client.get(link)
    assert (asked.status_code, asked["Location"]) == (302, f"/sign-in/?next={link.replace(':', '%3A')}")
    assert "Your decision" in text_of(client.get(asked["Location"]))
    back = client.post("/sign-in/", {"username": "erik", "password": PASSWORD, "next": link})
    assert (back.status_code, back["Location"]) == (302, link)
    assert "Approve as Engineering" in text_of(client.get(link))


def test_looking_never_decides_and_the_form_does(cast: Cast, waiting: Submission, link: str) -> None:
    client = client_of(cast.approver)
    with nothing_changes():
        page = client.get(link)
        client.head(link)
        assert client.get(f"{link}?choice=approve&role=engineering&round=1").status_code == 200
    text = text_of(page)
    for words in (
        "Router 1.0",
        "Market Opportunity",
        "Due",
        "Round 1",
        "Please start with the brief.",
        "0 of 2 decided",
    ):
        assert words in text
    assert page.headers["Referrer-Policy"] == "strict-origin"
    assert "no-store" in page.headers["Cache-Control"]
    empty = client.post(link, {"choice": "decline", "role": "engineering", "round": 1})
    assert empty.status_code == 422
    assert not Decision.objects.exists()
    done = client.post(link, {"choice": "approve", "role": "engineering", "round": 1, "comment": "Well argued."})
    assert (done.status_code, done["Location"]) == (302, link)
    decision = Decision.objects.get()
    assert (decision.decided_by, decision.verdict, decision.comment) == (cast.approver, "approve", "Well argued.")
    after = text_of(client.get(link))
    assert "As Engineering" in after
    assert "Revoke it" in after
    assert "Approve as" not in after


def test_a_script_elsewhere_cannot_send_the_form(cast: Cast, link: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.approver, "gatekeeper.accounts.backends.EmailOrUsernameBackend")
    with nothing_changes():
        assert client.post(link, {"choice": "approve", "role": "engineering", "round": 1}).status_code == 403


def test_to_anybody_else_and_changed_by_anybody_it_does_not_exist(cast: Cast, waiting: Submission, link: str) -> None:
    other = client_of(cast.second_approver)
    with nothing_changes():
        for method in (other.get, other.post):
            answer = method(link)
            assert answer.status_code == 404
            assert "Router" not in text_of(answer)
        mine = client_of(cast.approver)
        forged = decide_path(waiting.pk, cast.second_approver.pk).split(":", 1)[0] + ":" + link.split(":", 1)[1]
        for bad in (link[:-2] + "x/", "/decide/x/", "/decide/a:b:c/", forged):
            assert mine.get(bad).status_code == 404


def test_after_its_days_it_says_so_and_leads_to_the_gate(cast: Cast, waiting: Submission, link: str) -> None:
    with time_machine.travel(timezone.now() + timedelta(days=14, hours=1), tick=False):
        client = client_of(cast.approver)
        with nothing_changes():
            page = client.get(link)
            assert page.status_code == 410
            assert address(waiting.gate) in page.content.decode()
            assert client.post(link, {"choice": "approve", "role": "engineering", "round": 1}).status_code == 410
        assert client_of(cast.second_approver).get(link).status_code == 404
    found = read_link(link.removeprefix("/decide/").rstrip("/"))
    assert found is not None
    assert not found.is_expired


def test_a_round_that_is_over_says_what_became_of_it_and_keeps_what_was_typed(
    cast: Cast, waiting: Submission, link: str
) -> None:
    gate, client = fresh_gate(waiting), client_of(cast.approver)
    withdraw_submission(gate_id=gate.pk, actor=cast.pm, clock=at(days_ago(1)))
    over = text_of(client.get(link))
    assert "Round 1 was withdrawn. There is nothing to decide until the gate is submitted again." in over
    submit(cast, gate, on=days_ago(1))
    with nothing_changes():
        late = client.post(link, {"choice": "approve", "role": "engineering", "round": 2, "comment": "Fine by me."})
    assert late.status_code == 409
    assert "Round 1 was withdrawn. Round 2 is open now: read it before you decide. Read round 2" in text_of(late)
    assert "Fine by me." in text_of(late)


def test_a_later_round_counts_what_changed_and_repeats_the_decline(cast: Cast, waiting: Submission) -> None:
    gate = fresh_gate(waiting)
    decline(cast, gate, "engineering", comment="No numbers.", on=days_ago(1))
    again = submit(cast, gate, on=days_ago(1))
    text = text_of(client_of(cast.approver).get(decide_path(again.pk, cast.approver.pk)))
    assert "Since round 1 Nothing" in text
    assert "No numbers." in text


def test_a_stand_in_decides_here_with_both_names(cast: Cast, waiting: Submission) -> None:
    grace, today = make_person("grace", "Grace Kim"), day_of(timezone.now())
    make_delegation(person=cast.approver, actor=cast.approver, delegate=grace, starts_on=today, ends_on=today)
    link, client = decide_path(waiting.pk, grace.pk), client_of(grace)
    assert "Approve as Engineering for Erik Engineer" in text_of(client.get(link))
    client.post(link, {"choice": "approve", "role": "engineering", "round": 1})
    assert Decision.objects.get().on_behalf_of == cast.approver
    assert "Grace Kim for Erik Engineer" in text_of(client_of(cast.pm).get(address(waiting.gate)))


def test_where_a_signature_is_asked_the_page_leads_to_the_full_one(cast: Cast, waiting: Submission, link: str) -> None:
    Gate.objects.filter(pk=waiting.gate_id).update(needs_signature=True)
    client = client_of(cast.approver)
    assert "This decision is signed" in text_of(client.get(link))
    with nothing_changes():
        assert client.post(link, {"choice": "approve", "role": "engineering", "round": 1}).status_code == 422


def test_who_lost_the_seat_is_told_and_the_last_approval_passes_the_gate(cast: Cast, waiting: Submission) -> None:
    approve(cast, fresh_gate(waiting), "engineering", on=days_ago(1))
    link = decide_path(waiting.pk, cast.second_approver.pk)
    client = client_of(cast.second_approver)
    assert "and pass the gate" in text_of(client.get(link))
    cast.second_approver.groups.clear()
    assert "You cannot decide here now" in text_of(client.get(link))
    with nothing_changes():
        assert client.post(link, {"choice": "approve", "role": "sales", "round": 1}).status_code == 403
    cast.second_approver.groups.add(cast.sales_group)
    client.post(link, {"choice": "approve", "role": "sales", "round": 1})
    assert fresh_gate(waiting).state == GateState.APPROVED
