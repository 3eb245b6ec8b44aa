"""What happened while a page was open: nothing that somebody typed is lost, and nothing is done twice."""

import pytest

from approvals.actions.seats import revoke_seat
from approvals.models import Decision, Evidence
from releases.actions.products import revoke_product_permission
from tests.cast import (
    ENGINEERING,
    MARKET,
    SALES,
    SMALL_PLAYBOOK,
    Cast,
    active_release,
    at,
    gate_of,
    make_playbook,
    nothing_changes,
    submit,
)
from tests.pages.stories import address, client_of, days_ago, market_of, release_of_today, text_of

pytestmark = pytest.mark.django_db
WORDS = "Two customers are no market. تبقى الكلمات 🙂"


def test_who_lost_the_seat_while_typing_gets_the_words_back(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    submit(cast, gate, on=days_ago(3))
    client = client_of(cast.approver)
    assert "Your decision" in text_of(client.get(address(gate)))
    revoke_seat(
        role_id=cast.seat(MARKET, "engineering").pk, holder=cast.approver, actor=cast.administrator, is_confirmed=True,
        clock=at(days_ago(1)),
    )  # fmt: skip
    form = {"choice": "decline", "comment": WORDS, "role": "engineering", "round": "1"}
    with nothing_changes():
        answer = client.post(address(gate, "decide/"), form)
    assert answer.status_code == 403
    assert "You do not hold this role." in text_of(answer)
    assert WORDS in text_of(answer)


def test_who_lost_the_right_to_write_while_typing_gets_the_words_back(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    client = client_of(cast.contributor)
    assert client.get(address(gate, "?edit=brief")).status_code == 200
    revoke_product_permission(
        product=cast.product, codename="contribute", holder=cast.contributor, actor=cast.administrator,
        clock=at(days_ago(1)),
    )  # fmt: skip
    form = {"kind": "text", "text": WORDS, "version": "0", "gives_up_vote": "on"}
    with nothing_changes():
        answer = client.post(address(gate, "evidence/brief/"), form)
        # a script leaves them where they were typed
        part = client.post(address(gate, "evidence/brief/"), form, headers={"HX-Request": "true"})
    assert (answer.status_code, part.status_code) == (403, 403)
    assert "You may not supply evidence for Router." in text_of(answer)
    assert WORDS in text_of(answer)


def test_a_decision_sent_twice_is_recorded_once_and_the_second_says_so(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    submit(cast, gate, on=days_ago(3))
    client = client_of(cast.approver)
    form = {"choice": "approve", "comment": WORDS, "role": "engineering", "round": "1"}
    assert client.post(address(gate, "decide/"), form).status_code == 302
    with nothing_changes():
        again = client.post(address(gate, "decide/"), form)
    assert again.status_code == 409
    assert "You have decided in this round already; revoke that decision first." in text_of(again)
    assert Decision.objects.count() == 1


def test_evidence_sent_twice_is_one_version(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    client = client_of(cast.pm)
    form = {"kind": "text", "text": WORDS, "version": "0"}
    assert client.post(address(gate, "evidence/brief/"), form).status_code == 302
    answer = client.post(address(gate, "evidence/brief/"), form)
    assert answer.status_code == 409
    assert WORDS in text_of(answer)
    assert Evidence.objects.count() == 1


def test_who_is_not_up_yet_is_offered_to_step_aside(cast: Cast) -> None:
    first = SMALL_PLAYBOOK["gates"][0] | {"roles": [ENGINEERING, SALES | {"order": 2}]}
    playbook = make_playbook(SMALL_PLAYBOOK | {"slug": "ordered", "gates": [first, *SMALL_PLAYBOOK["gates"][1:]]})
    gate = gate_of(active_release(cast, "2.0", playbook=playbook, on=days_ago(9), target=days_ago(-90)), MARKET)
    submit(cast, gate, on=days_ago(3))
    client = client_of(cast.second_approver)
    text = text_of(client.get(address(gate)))
    assert "Engineering decides first." in text
    assert "Step aside from this round" in text
    answer = client.post(address(gate, "recuse/"), {"comment": "My brother works there.", "round": "1"}, follow=True)
    assert "You stepped aside for this round." in text_of(answer)
