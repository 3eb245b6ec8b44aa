"""What was let through and is not settled, on the release, in the inbox and in the portfolio."""

import pytest
from django.utils import timezone

from approvals.actions.conditions import mark_overdue_conditions
from approvals.actions.decisions import NewCondition, close_condition
from approvals.actions.exceptions import expire_exceptions, grant_exception
from approvals.actions.rounds import expire_waivers, submit_evidence
from approvals.models import Condition
from gatekeeper.common.calendars import day_of
from releases.models import Gate
from tests.cast import COMPLETENESS, MARKET, Cast, approve, at, day, gate_of, submit, waive
from tests.pages.stories import client_of, days_ago, release_of_today, text_of

pytestmark = pytest.mark.django_db
RELEASE = "/releases/router/1.0/"


@pytest.fixture
def market(cast: Cast) -> Gate:
    """Passed ten days ago on two conditions of the contributor: one is late by two days, one has time."""
    gate = gate_of(release_of_today(cast), MARKET)
    submit(cast, gate, on=days_ago(12))
    conditions = (
        NewCondition("Price list", cast.contributor, day(days_ago(2))),
        NewCondition("Test plan", cast.contributor, day(days_ago(-9))),
    )
    approve(cast, gate, "engineering", on=days_ago(11), comment="If:", conditions=conditions)
    approve(cast, gate, "sales", on=days_ago(10))
    return gate


def test_conditions_of_a_release_stand_on_their_own_page(cast: Cast, market: Gate) -> None:
    done, late, _open = Condition.objects.order_by("-due_on")[0], *Condition.objects.order_by("due_on")
    close_condition(condition_id=done.pk, actor=cast.contributor, note="Written and read.", clock=at(days_ago(1)))
    mark_overdue_conditions(day_of(timezone.now()))
    text = text_of(client_of(cast.outsider).get(f"{RELEASE}conditions/"))
    assert "1 open · 1 late" in text
    assert text.index("Price list Carl Contributor") < text.index("Test plan Carl Contributor")
    assert "Written and read." in text
    assert "Close the condition" not in text
    for person in (cast.pm, cast.contributor):
        page = client_of(person).get(f"{RELEASE}conditions/").content.decode()
        assert page.count(f"conditions/{late.pk}/close/") == 1
        assert f"conditions/{done.pk}/close/" not in page
    page = text_of(client_of(cast.pm).get(RELEASE))
    assert "1 condition is late." in page
    assert "Conditions 1" in page, "the tab counts the open ones"


def test_the_inbox_shows_the_conditions_somebody_owns(cast: Cast, market: Gate) -> None:
    text = text_of(client_of(cast.contributor).get("/inbox/"))
    assert text.index("Conditions you own 2") < text.index("Price list") < text.index("Test plan")
    assert "Conditions you own" not in text_of(client_of(cast.approver).get("/inbox/"))


def test_waivers_and_exceptions_are_counted_by_person_and_by_gate(cast: Cast, market: Gate) -> None:
    gate = gate_of(market.release, COMPLETENESS)
    grant_exception(
        gate_id=gate.pk, kind="deliverable", subject="defects", actor=cast.executive, expires_on=day(days_ago(3)),
        reason="The trend is falling since weeks.", clock=at(days_ago(9)),
    )  # fmt: skip
    client = client_of(cast.executive)
    submit_evidence(gate_id=gate.pk, actor=cast.pm, clock=at(days_ago(8)))
    approve(cast, gate, "engineering", on=days_ago(7))
    other = gate_of(release_of_today(cast, "2.0"), MARKET)
    waive(cast, other, on=days_ago(6), until=days_ago(4))
    today = day_of(timezone.now())
    assert (expire_exceptions(today), expire_waivers(today)) == (1, 1)

    text = text_of(client.get("/portfolio/"))
    assert "1 condition of 1 release" in text
    assert "Eva Executive 2 2" in text
    assert "Functional Completeness 1 1" in text
    assert "Market Opportunity 1 1" in text
    for query, version in (("debt=conditions", "1.0"), ("debt=expired", "2.0"), ("debt=let-through", "1.0")):
        assert f'/releases/router/{version}/"' in client.get(f"/portfolio/?{query}").content.decode()
    assert '/releases/router/2.0/"' not in client.get("/portfolio/?debt=conditions").content.decode()

    rows = text_of(client.get("/portfolio/waivers/?by=eva"))
    assert "2 let through" in rows
    assert "Router 1.0 Functional Completeness Defects by severity Eva Executive" in rows
    assert rows.count("Expired, a debt") == 2
    assert "1 let through" in text_of(client.get("/portfolio/waivers/?at=market-opportunity"))
    assert "Nothing fits these filters" in text_of(client.get("/portfolio/waivers/?by=nobody"))
    debts = text_of(client.get(f"{RELEASE}conditions/"))
    assert "Defects by severity Eva Executive" in debts
    assert "1 waiver or exception has expired" in text_of(client.get(RELEASE))
