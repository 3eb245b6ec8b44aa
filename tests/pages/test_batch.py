"""Several plain approvals at once: each is listed, each stands for itself, and one that changed is told."""

import pytest
from django.contrib.messages import get_messages

from approvals.actions.batches import MOST_AT_ONCE, Pick, approve_rounds
from approvals.actions.seats import grant_seat
from approvals.models import Decision, Submission
from releases.actions.products import change_product
from releases.models import Gate
from tests.cast import (
    MARKET,
    Cast,
    active_release,
    approve,
    at,
    decline,
    gate_of,
    make_person,
    nothing_changes,
    refused,
    submit,
)
from tests.pages.stories import client_of, days_ago, market_of, release_of_today, text_of

pytestmark = pytest.mark.django_db
PAGE = "/inbox/approve/"


def waiting(cast: Cast, version: str = "1.0", *, target: int = 90) -> Submission:
    return submit(cast, market_of(release_of_today(cast, version, target=target)), on=days_ago(2))


def tick(submission: Submission, role: str = "engineering") -> str:
    return f"{submission.pk}-{submission.number}-{role}"


def test_the_page_lists_each_and_what_it_would_do_and_get_decides_nothing(cast: Cast) -> None:
    first, last = waiting(cast, "1.0"), waiting(cast, "2.0", target=88)
    approve(cast, gate_of(last.gate.release, MARKET), "sales", on=days_ago(1))
    with nothing_changes():
        page = client_of(cast.approver).get(PAGE, {"pick": [tick(first), tick(last)]})
    text = text_of(page)
    assert "Approve 2 gates?" in text
    assert text.index("Router 2.0") < text.index("Router 1.0")  # the most urgent first
    assert "as Engineering" in text
    assert "You are the last one: with your approval the gate passes." in text
    assert "After it, only Sales is left." in text
    assert f'name="pick" value="{tick(first)}" checked' in page.content.decode()


def test_each_is_approved_and_one_summary_says_so(cast: Cast) -> None:
    first, last = waiting(cast, "1.0"), waiting(cast, "2.0")
    approve(cast, gate_of(last.gate.release, MARKET), "sales", on=days_ago(1))
    client = client_of(cast.approver)
    answer = client.post(PAGE, {"pick": [tick(first), tick(last)], "comment": "Read both."})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/inbox/")
    said = [str(message) for message in get_messages(answer.wsgi_request)]
    assert said == ["2 approved (Router 2.0, Market Opportunity is passed)."]
    mine = Decision.objects.filter(decided_by=cast.approver)
    assert {(d.submission_id, d.verdict, d.comment) for d in mine} == {
        (first.pk, "approve", "Read both."),
        (last.pk, "approve", "Read both."),
    }
    assert gate_of(last.gate.release, MARKET).state == "approved"


def test_one_that_changed_is_told_and_the_others_stand(cast: Cast) -> None:
    stale, good = waiting(cast, "1.0"), waiting(cast, "2.0")
    gate = gate_of(stale.gate.release, MARKET)
    decline(cast, gate, "sales", on=days_ago(1))
    submit(cast, gate, on=days_ago(0))
    client = client_of(cast.approver)
    asked = text_of(client.get(PAGE, {"pick": [tick(stale), tick(good)]}))
    assert "Approve 1 gate?" in asked
    assert "1 of the ticked gates cannot be approved here." in asked
    answer = client.post(PAGE, {"pick": [tick(stale), tick(good)]}, follow=True)
    text = text_of(answer)
    assert "1 approved, 1 was not: Router 1.0, Market Opportunity (Round 1 is over: round 2 of Market" in text
    assert [d.submission_id for d in Decision.objects.filter(decided_by=cast.approver)] == [good.pk]


def test_when_none_can_be_approved_nothing_changes_and_the_page_says_why(cast: Cast) -> None:
    submission = waiting(cast)
    with nothing_changes():
        answer = client_of(cast.outsider).post(PAGE, {"pick": [tick(submission)], "comment": "Let me."})
        empty = client_of(cast.approver).post(PAGE, {"comment": "No tick."})
        wrong = client_of(cast.approver).post(PAGE, {"pick": [tick(submission, "sales")]})
    assert (answer.status_code, empty.status_code, wrong.status_code) == (403, 422, 403)
    assert "Router 1.0, Market Opportunity: You do not hold this role." in text_of(answer)
    assert "Choose at least one gate." in text_of(empty)


def test_a_gate_that_asks_for_a_signature_is_not_approved_in_passing(cast: Cast) -> None:
    submission = waiting(cast)
    Gate.objects.filter(pk=submission.gate_id).update(needs_signature=True)
    client = client_of(cast.approver)
    assert "data-pick " not in client.get("/inbox/").content.decode()
    with nothing_changes():
        answer = client.post(PAGE, {"pick": [tick(submission)]})
    assert answer.status_code == 409
    assert "It asks for your signature" in text_of(answer)


def test_with_several_hats_a_row_is_ticked_once_one_is_picked(cast: Cast) -> None:
    both = make_person("bea", "Bea Both")
    for role in ("engineering", "sales"):
        grant_seat(role_id=cast.seat(MARKET, role).pk, holder=both, actor=cast.administrator, clock=at(days_ago(30)))
    submission = waiting(cast)
    client = client_of(both)
    assert 'name="pick"' not in client.get("/inbox/").content.decode()
    assert f'value="{tick(submission, "sales")}"' in client.get("/inbox/?role=sales").content.decode()
    assert client.post(PAGE, {"pick": [tick(submission, "sales")]}).status_code == 302
    assert Decision.objects.get().role.key == "sales"


def test_what_one_may_not_see_is_not_there(cast: Cast) -> None:
    submission = waiting(cast)
    change_product(
        product=cast.product, name="Router", description="", owner=cast.pm, is_restricted=True,
        actor=cast.administrator, clock=at(days_ago(1)),
    )  # fmt: skip
    client = client_of(cast.outsider)
    with nothing_changes():
        for pick in (tick(submission), "999999-1-sales", "nonsense", f"{submission.pk}"):
            assert client.get(PAGE, {"pick": [pick]}).status_code == 404
            assert client.post(PAGE, {"pick": [pick]}).status_code == 404


def test_a_batch_has_an_end_and_a_bad_comment_decides_nothing(cast: Cast) -> None:
    gate = gate_of(active_release(cast), MARKET)
    submit(cast, gate)
    picks = [Pick(gate.pk, number, "engineering") for number in range(1, MOST_AT_ONCE + 2)]
    with refused("too_many"):
        approve_rounds(picks=picks, actor=cast.approver, clock=at(3))
    with refused("too_long"):
        approve_rounds(picks=picks[:1], actor=cast.approver, comment="x" * 5001, clock=at(3))
    (done,) = approve_rounds(picks=[picks[0], picks[0]], actor=cast.approver, clock=at(3))
    assert done.decision is not None
