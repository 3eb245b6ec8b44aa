"""What a change of people would leave without a quorum is asked before it is done."""

import pytest

from approvals.models import ApproverRole
from releases.models import Release
from tests.cast import MARKET, Cast, nothing_changes, submit
from tests.pages.stories import client_of, days_ago, market_of, release_of_today, text_of

pytestmark = pytest.mark.django_db


def test_the_last_holder_is_taken_away_after_a_question_only(cast: Cast) -> None:
    submit(cast, market_of(release_of_today(cast)), on=days_ago(2))
    client, seat = client_of(cast.administrator), cast.seat(MARKET, "engineering")
    words = {"role": seat.pk, "holder": "Erik Engineer (erik)"}
    take = "/products/router/seats/revoke/"
    with nothing_changes():
        asked = client.post(take, words)
    assert asked.status_code == 409
    assert "could not reach its quorum any more in the open round of Router 1.0" in text_of(asked)
    assert 'name="sure" value="yes"' in asked.content.decode()
    leave = f"/settings/groups/{cast.sales_group.pk}/leave/{cast.second_approver.pk}/"
    with nothing_changes():
        asked = client.post(leave, {"from": "person"})
    assert asked.status_code == 409
    assert "Remove Sara Seller from Sales approvers?" in text_of(asked)
    assert client.post(leave, {"from": "person", "sure": "yes"}).status_code == 302
    assert not cast.second_approver.groups.exists()
    assert Release.objects.get().is_quorum_unreachable
    assert client.post(take, words | {"sure": "yes"}).status_code == 302
    assert not ApproverRole.objects.filter(pk=seat.pk, approverroleuserobjectpermission__user=cast.approver).exists()
