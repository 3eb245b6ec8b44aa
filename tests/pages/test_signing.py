"""Signing on pages: the password again, what was typed kept, and the meaning read before the button signs it."""

from copy import deepcopy
from datetime import datetime, timedelta
from urllib.parse import quote

import pytest
from django.test import Client
from django.utils import timezone

from approvals.models import Decision, Submission, Waiver
from gatekeeper.accounts.fresh import KEY
from gatekeeper.common.calendars import day_of
from releases.models import Gate
from tests.cast import MARKET, PASSWORD, SMALL_PLAYBOOK, Cast, active_release, gate_of, make_playbook, submit
from tests.pages.stories import address, client_of, days_ago, text_of

pytestmark = pytest.mark.django_db
AGAIN = "/sign-in/again/"
APPROVE = {"choice": "approve", "role": "engineering", "round": 1, "comment": "Five of five, <b>all</b> pay."}
MEANING = "I approve Market Opportunity of Router 1.0, round 1, as Engineering."


@pytest.fixture
def signed_gate(cast: Cast) -> Gate:
    """A gate of today that asks for signatures; round 1 is open."""
    spec = deepcopy(SMALL_PLAYBOOK) | {"slug": "signed", "name": "Signed"}
    spec["gates"][0]["signature"] = True
    start = days_ago(20)
    gate = gate_of(active_release(cast, playbook=make_playbook(spec), target=start + 90, on=start), MARKET)
    submit(cast, gate, on=days_ago(3))
    return gate


def give_password(client: Client, password: str = PASSWORD) -> int:
    return client.post(AGAIN, {"password": password, "next": "/"}).status_code


def test_a_decision_asks_for_the_password_comes_back_as_typed_and_is_signed(cast: Cast, signed_gate: Gate) -> None:
    client, url = client_of(cast.approver), address(signed_gate)
    page = text_of(client.get(url))
    assert MEANING in page
    assert "The button asks for your password first." in page
    answer = client.post(address(signed_gate, "decide/"), APPROVE)
    assert answer.headers["Location"] == f"{AGAIN}?next={quote(url, safe='')}%3Fsign%3D1%23h-decide"
    assert "You go on to Router 1.0, Market Opportunity" in text_of(client.get(answer.headers["Location"]))
    wrong = client.post(AGAIN, {"password": "seven gates stand shut", "next": f"{url}?sign=1"})
    assert wrong.status_code == 422
    assert "This is not your password." in text_of(wrong)
    back = client.post(AGAIN, {"password": PASSWORD, "next": f"{url}?sign=1#h-decide"}, follow=True)
    assert back.redirect_chain == [(f"{url}?sign=1#h-decide", 302)]
    html = back.content.decode()
    assert '<h2 id="h-decide" tabindex="-1" data-focus>' in html  # on a phone it is far below
    assert "Five of five, &lt;b&gt;all&lt;/b&gt; pay.</textarea>" in html
    assert 'value="approve" data-choice="approve" checked' in html
    assert not Decision.objects.exists()
    signed = client.post(address(signed_gate, "decide/"), APPROVE, follow=True)
    assert signed.redirect_chain == [(url, 302)]
    decision = Decision.objects.get()
    assert (decision.meaning, decision.comment) == (MEANING, APPROVE["comment"])
    assert "typed" not in client.session


def test_the_password_holds_for_ten_minutes(cast: Cast, signed_gate: Gate) -> None:
    client = client_of(cast.approver)
    assert give_password(client) == 302
    # PostgreSQL's clock does not travel, so the moment is moved back
    session = client.session
    given = datetime.fromisoformat(session[KEY])
    session[KEY] = (given - timedelta(minutes=10, seconds=1)).isoformat()
    session.save()
    late = client.post(address(signed_gate, "decide/"), APPROVE)
    assert late.headers["Location"].startswith(AGAIN)
    assert not Decision.objects.exists()


def test_an_approval_in_the_inbox_goes_to_the_page_that_says_what_is_signed(cast: Cast, signed_gate: Gate) -> None:
    client = client_of(cast.approver)
    give_password(client)
    url = f"/inbox/{Submission.objects.get().pk}/decide/"
    answer = client.post(url, APPROVE, headers={"HX-Request": "true"})
    assert answer.headers["HX-Redirect"] == f"{address(signed_gate)}?sign=1#h-decide"
    assert not Decision.objects.exists()
    assert "all&lt;/b&gt; pay.</textarea>" in client.get(answer.headers["HX-Redirect"]).content.decode()


def test_a_waiver_is_signed_too(cast: Cast, signed_gate: Gate) -> None:
    client, url = client_of(cast.executive), address(signed_gate, "waive/")
    until = day_of(timezone.now()) + timedelta(days=30)
    form = {"reason": "The pilot answers these questions already.", "expires_on": until.isoformat()}
    answer = client.post(url, form)
    back = client.post(AGAIN, {"password": PASSWORD, "next": f"{url}?sign=1"}, follow=True)
    assert answer.headers["Location"].startswith(AGAIN)
    assert form["reason"] in back.content.decode()
    assert client.post(url, form).status_code == 302
    assert Waiver.objects.get().meaning.startswith("I waive Market Opportunity of Router 1.0 until ")


def test_tries_are_counted_with_those_of_signing_in(cast: Cast) -> None:
    client = client_of(cast.approver)
    assert [give_password(client, "wrong") for _ in range(10)] == [422] * 10
    assert give_password(client) == 429
    assert "reauthenticated_at" not in client.session


def test_a_page_of_elsewhere_is_no_way_back(cast: Cast) -> None:
    answer = client_of(cast.approver).post(AGAIN, {"password": PASSWORD, "next": "https://elsewhere.example/"})
    assert answer.headers["Location"] == "/"
