"""The page on which somebody says when they are away, and where that shows."""

from datetime import timedelta

import pytest
from django.utils import timezone

from approvals.actions.delegations import end_delegation, make_delegation, set_assistant
from approvals.models import Delegation
from gatekeeper.accounts.models import User
from gatekeeper.common.calendars import day_of
from tests.cast import MARKET, Cast, make_person, nothing_changes, submit
from tests.pages.stories import address, client_of, days_ago, market_of, release_of_today, text_of

pytestmark = pytest.mark.django_db
AWAY = "/settings/away/"


@pytest.fixture
def grace(cast: Cast) -> User:
    return make_person("grace", "Grace Kim")


def form(days: int = 9, since: int = 0, **words: object) -> dict[str, object]:
    first = day_of(timezone.now()) + timedelta(days=since)
    return {
        "starts_on": first.isoformat(), "ends_on": (first + timedelta(days=days)).isoformat(), "seats": "all",
        "delegate": "Grace Kim (grace)", "reason": "Holiday",
    } | words  # fmt: skip


def test_one_says_when_one_is_away_sees_it_everywhere_and_ends_it(cast: Cast, grace: User) -> None:
    gate = market_of(release_of_today(cast))
    submit(cast, gate, on=days_ago(1))
    client = client_of(cast.approver)
    assert "No absence yet" in text_of(client.get(AWAY))
    saved = client.post(AWAY, form(), follow=True)
    assert "Grace Kim decides meanwhile and is told." in text_of(saved)
    assert "Away now" in text_of(saved)
    assert "You are away until" in text_of(client.get("/inbox/"))
    until = f"Away until {day_of(timezone.now()) + timedelta(days=9):%-d %b}"
    roles = text_of(client_of(cast.pm).get(address(gate)))
    assert f"{until}, Grace Kim stands in" in roles
    made = Delegation.objects.get()
    back = client.post(f"{AWAY}{made.pk}/end/", follow=True)
    assert "You are back." in text_of(back)
    assert "Ended early" in text_of(back)
    assert "You are away" not in text_of(client.get("/inbox/"))
    assert client.post(f"{AWAY}{made.pk}/end/").status_code == 409


def test_some_seats_are_chosen_by_function_and_refusals_stand_beside_their_fields(cast: Cast, grace: User) -> None:
    client = client_of(cast.approver)
    some = {"seats": "some", "roles": [f"{cast.product.pk}-engineering"]}
    client.post(AWAY, form(since=20, **some))
    made = Delegation.objects.get()
    assert not made.covers_all
    assert made.roles.count() == 3
    assert "Engineering, Router" in text_of(client.get(AWAY))
    with nothing_changes():
        for words, said in (
            (form(since=25), "It overlaps"),
            (form(days=200), "180 days after the first"),
            (form(since=40, delegate="Erik Engineer (erik)"), "Nobody stands in for themselves."),
            (form(since=40, seats="some", roles=["9-x"]), "Select a valid choice"),
        ):
            answer = client.post(AWAY, words)
            assert answer.status_code == 422
            assert said in text_of(answer)


def test_an_assistant_arranges_it_until_they_are_none_any_more(cast: Cast, grace: User) -> None:
    page = f"{AWAY}{cast.approver.pk}/"
    client = client_of(cast.outsider)
    assert client.get(page).status_code == 404
    named = client_of(cast.approver).post(f"{AWAY}assistant/", {"assistant": "Otto Outsider (otto)"}, follow=True)
    assert "Otto Outsider may say when you are away." in text_of(named)
    assert "You assist Erik Engineer" in text_of(client.get(AWAY)).replace("EE ", "")
    assert "Assistant May" not in text_of(client.get(page))
    client.post(page, form())
    made = Delegation.objects.get()
    assert (made.person, made.made_by) == (cast.approver, cast.outsider)
    assert client.post(f"{AWAY}{cast.approver.pk}/assistant/", {"assistant": ""}).status_code == 403
    set_assistant(person=cast.approver, assistant=None, actor=cast.approver)
    with nothing_changes():
        assert client.post(f"{AWAY}{made.pk}/end/").status_code == 404


def test_the_inbox_tells_for_whom_and_what_others_decide_for_me(cast: Cast, grace: User) -> None:
    gate = market_of(release_of_today(cast))
    submit(cast, gate, on=days_ago(1))
    today = day_of(timezone.now())
    made = make_delegation(
        person=cast.approver, actor=cast.approver, delegate=grace, starts_on=today, ends_on=today,
        roles=[cast.seat(MARKET, "engineering")],
    )  # fmt: skip
    client = client_of(grace)
    row = text_of(client.get("/inbox/"))
    assert "for Erik Engineer" in row
    opened = client.get(f"/inbox/?open={gate.submissions.get().pk}&do=approve")
    assert "Approve as Engineering for Erik Engineer" in text_of(opened)
    shown = text_of(client_of(cast.approver).get("/inbox/?show=delegated"))
    assert "Grace Kim" in shown
    assert "Market Opportunity" in shown
    done = client.post(
        f"/inbox/{gate.submissions.get().pk}/decide/",
        {"choice": "approve", "role": "engineering", "round": 1, "comment": ""},
        follow=True,
    )
    assert "Approved Router 1.0, Market Opportunity, as Engineering for Erik Engineer" in text_of(done)
    assert "for Erik Engineer" in text_of(client.get("/inbox/?show=decided"))
    shown = text_of(client_of(cast.approver).get("/inbox/?show=delegated"))
    assert "Grace Kim approved" in shown
    end_delegation(delegation_id=made.pk, actor=cast.approver)
    assert "for Erik Engineer" in text_of(client_of(cast.pm).get(address(gate, "rounds/1/")))


def test_deactivating_says_which_absences_would_end(cast: Cast, grace: User) -> None:
    today = day_of(timezone.now())
    make_delegation(person=cast.approver, actor=cast.approver, delegate=grace, starts_on=today, ends_on=today)
    page = client_of(cast.administrator).get(f"/settings/people/{grace.pk}/deactivate/")
    assert "1 absence would end: Grace Kim for Erik Engineer" in text_of(page)
