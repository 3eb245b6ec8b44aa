"""On the gate page: several conditions, the order of roles, hats, checks and exceptions."""

from datetime import timedelta

import pytest
from django.utils import timezone

from approvals.actions.checks import report_check
from approvals.actions.exceptions import grant_exception
from approvals.actions.seats import grant_seat
from approvals.models import Condition, Decision, Waiver
from gatekeeper.common.calendars import day_of
from releases.actions.products import grant_product_permission
from releases.models import Gate
from tests.cast import (
    ENGINEERING,
    MARKET,
    SALES,
    SMALL_PLAYBOOK,
    Cast,
    active_release,
    at,
    day,
    fill,
    gate_of,
    make_person,
    make_playbook,
    nothing_changes,
    submit,
)
from tests.pages.stories import address, client_of, days_ago, market_of, release_of_today, text_of

pytestmark = pytest.mark.django_db
REASON = "The pilot customers have answered this question."


def market_with(cast: Cast, **changes: object) -> Gate:
    """A gate of today whose playbook says something else of it."""
    gates = [SMALL_PLAYBOOK["gates"][0] | changes, *SMALL_PLAYBOOK["gates"][1:]]
    playbook = make_playbook(SMALL_PLAYBOOK | {"slug": "changed", "gates": gates})
    release = active_release(cast, "2.0", playbook=playbook, target=days_ago(20) + 90, on=days_ago(20))
    return gate_of(release, MARKET)


def test_one_approval_carries_several_conditions_without_a_script(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    submit(cast, gate, on=days_ago(2))
    client, due = client_of(cast.approver), day_of(timezone.now()) + timedelta(days=9)
    assert text_of(client.get(address(gate))).count("Add a condition") == 8, "four more, in the card and in the sheet"
    words = {
        "choice": "conditions", "role": "engineering", "round": "1", "comment": "Go on, but:",
        "condition": "Test it", "condition_owner": "carl", "condition_due_on": due.isoformat(),
        "condition_2": " ", "condition_owner_2": "Nobody Atall", "condition_due_on_2": "",
        "condition_3": "Price it", "condition_owner_3": "petra", "condition_due_on_3": due.isoformat(),
    }  # fmt: skip
    with nothing_changes():
        late = client.post(address(gate, "decide/"), words | {"condition_due_on_3": "2020-01-01"})
    assert late.status_code == 422
    assert 'id="decide-condition_due_on_3-error"' in late.content.decode(), "beside the field that is wrong"
    assert client.post(address(gate, "decide/"), words).status_code == 302
    found = Condition.objects.order_by("pk").values_list("text", "owner__username")
    assert list(found) == [("Test it", "carl"), ("Price it", "petra")]


def test_a_later_role_reads_when_its_turn_comes(cast: Cast) -> None:
    gate = market_with(cast, roles=[ENGINEERING, SALES | {"order": 2}])
    assert "after Engineering" in text_of(client_of(cast.pm).get(address(gate)))
    submit(cast, gate, on=days_ago(2))
    text = text_of(client_of(cast.second_approver).get(address(gate)))
    assert "Decides after Engineering" in text
    assert "You cannot decide here Engineering decides first." in text
    assert "a role with a later turn sees the round at once" in text
    with nothing_changes():
        answer = client_of(cast.second_approver).post(
            address(gate, "decide/"), {"choice": "approve", "role": "sales", "round": "1", "comment": ""}
        )
    assert answer.status_code == 409
    assert not Decision.objects.exists()


def test_who_has_several_hats_reads_which_role_needs_them(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    grant_seat(
        role_id=cast.seat(MARKET, "sales").pk, holder=cast.approver, actor=cast.administrator, clock=at(days_ago(9))
    )
    submit(cast, gate, on=days_ago(2))
    text = text_of(client_of(cast.approver).get(address(gate)))
    assert "You hold 2 roles here. Engineering still needs 1; Sales still needs 1." in text
    page = client_of(cast.second_approver)
    page.post(address(gate, "decide/"), {"choice": "approve", "role": "sales", "round": "1", "comment": ""})
    text = text_of(client_of(cast.approver).get(address(gate)))
    assert "Engineering still needs 1; Sales has its quorum." in text


def test_checks_are_listed_excused_in_place_and_frozen(cast: Cast) -> None:
    gate = market_with(cast, checks=[{"name": "ci/nightly", "blocking": True}, {"name": "Licence scan"}])
    tool = make_person("bot", "Build Bot")
    grant_product_permission(
        product=cast.product, codename="report_checks", holder=tool, actor=cast.administrator, clock=at(1)
    )
    fill(cast, gate, on=days_ago(3))
    report_check(
        gate_id=gate.pk, name="ci/nightly", status="failure", summary="2 of 9 failed", run_number=4,
        details_url="https://ci.example.org/4", actor=tool, clock=at(days_ago(2)),
    )  # fmt: skip
    text = text_of(client_of(cast.pm).get(address(gate)))
    assert "ci/nightly blocks Failed 2 of 9 failed Build Bot" in text
    assert "Licence scan advises Not reported" in text
    assert "The blocking check ci/nightly has failed 2 of 9 failed" in text
    assert "Grant an exception" not in text

    client, url = client_of(cast.executive), address(gate, "exceptions/")
    assert "Grant an exception for" in text_of(client.get(address(gate)))
    form = client.get(f"{url}?what=check:ci/nightly")
    assert '<option value="check:ci/nightly" selected' in form.content.decode()
    words = {"what": "check:ci/nightly", "reason": REASON, "expires_on": day(days_ago(-30)).isoformat()}
    with nothing_changes():
        assert client.post(url, words | {"reason": "Short."}).status_code == 422
        assert client.post(url, words | {"what": "check:Licence scan"}).status_code == 422
        assert client_of(cast.pm).post(url, words).status_code in (403, 422)
    assert client.post(url, words).status_code == 302
    assert (Waiver.objects.get().kind, Waiver.objects.get().subject) == ("check", "ci/nightly")
    text = text_of(client_of(cast.pm).get(address(gate)))
    assert f"Excused by Eva Executive until {day(days_ago(-30)):%a %-d %b}" in text
    assert REASON in text
    assert "Nothing left" in text

    submit(cast, gate, on=days_ago(1))
    text = text_of(client_of(cast.approver).get(address(gate)))
    assert "Checks ci/nightly , Failed Excused by Eva Executive Licence scan , Not reported" in text
    assert REASON in text, "the approvers see what they decide without"
    revision = gate_of(gate.release, MARKET).release.revision
    assert client.get(f"{address(gate)}?part=checks&revision={revision}").status_code == 204


def test_an_excused_deliverable_stands_beside_the_evidence_of_its_round(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    grant_exception(
        gate_id=gate.pk, kind="deliverable", subject="brief", actor=cast.executive, reason=REASON,
        expires_on=day(days_ago(-30)), clock=at(days_ago(3)),
    )  # fmt: skip
    answer = client_of(cast.pm).post(address(gate, "submit/"), {"summary": ""})
    assert answer.status_code == 302
    text = text_of(client_of(cast.approver).get(address(gate, "rounds/1/")))
    assert "Market opportunity brief : excused by Eva Executive" in text
