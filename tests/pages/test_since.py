"""What changed since the round that one has read: the read mark, and what is told without one."""

import pytest

from approvals.actions.decisions import recuse
from approvals.models import RoundSeen
from tests.cast import Cast, at, decline, gate_of, nothing_changes, submit
from tests.pages.stories import address, client_of, days_ago, market_of, release_of_today, text_of

pytestmark = pytest.mark.django_db


def test_what_changed_is_told_from_the_round_that_was_read(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    submit(cast, gate, on=days_ago(9))
    reader, url = client_of(cast.outsider), address(gate)
    with nothing_changes():
        assert "data-seen" in reader.get(url).content.decode()
    assert reader.post(address(gate, "seen/"), {"round": 1}).status_code == 302
    assert "data-seen" not in reader.get(url).content.decode()
    for number in (1, 2):
        decline(cast, gate, "sales", on=days_ago(8 - number), comment=f"Reason {number}.")
        submit(cast, gate, on=days_ago(8 - number))
    seen = RoundSeen.objects.get(person=cast.outsider)
    page = text_of(reader.get(url))
    assert f"What changed since round 1 which you read on {seen.seen_at:%-d %b %Y}" in page
    assert page.index("Reason 2.") < page.index("Reason 1.")
    # read now: the page still tells what it told
    reader.post(address(gate, "seen/"), {"round": 3})
    assert "What changed since round 1 which you read before this one" in text_of(reader.get(url))
    # who has read nothing is told of the round before; who decided, of the round in which they did
    other = text_of(client_of(cast.pm).get(url))
    assert "What changed since round 2" in other
    assert "Reason 1." not in other.partition("What changed")[2].partition("Evidence")[0]
    assert "since round 2 which you read on" in text_of(client_of(cast.second_approver).get(url))


def test_deciding_and_stepping_aside_count_as_reading(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    submit(cast, gate, on=days_ago(5))
    recuse(gate_id=gate.pk, round_number=1, actor=cast.approver, comment="My own plan.", clock=at(days_ago(4)))
    decline(cast, gate, "sales", on=days_ago(3))
    read = dict(RoundSeen.objects.values_list("person__username", "number"))
    assert read == {"erik": 1, "sara": 1}


def test_only_rounds_that_are_there_can_be_read_and_an_older_one_changes_nothing(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    submit(cast, gate, on=days_ago(5))
    decline(cast, gate, "sales", on=days_ago(4))
    submit(cast, gate_of(gate.release, gate.key), on=days_ago(3))
    reader, url = client_of(cast.outsider), address(gate, "seen/")
    with nothing_changes():
        assert [reader.post(url, {"round": n}).status_code for n in ("3", "0", "x", "", "9" * 30)] == [422] * 5
    reader.post(url, {"round": 2})
    with nothing_changes():
        assert reader.post(url, {"round": 1}).status_code == 302
