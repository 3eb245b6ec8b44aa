"""What the frame of every page shows of notices."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from gatekeeper.common.prepared import Prepared
from notifications import shell
from notifications.actions import mark_read, watch
from notifications.kinds import Channel
from notifications.models import Delivery
from releases.actions.releases import cancel_release
from releases.models import Gate, Product
from tests.cast import Cast, active_release, at, draft_release, moment, submit
from tests.notifications.conftest import relay_all


def test_the_bell_counts_what_is_unread(cast: Cast, gate: Gate) -> None:
    assert shell.unread_count(cast.approver) == 0
    submit(cast, gate)
    relay_all(on=2)
    assert shell.unread_count(cast.approver) == 1
    assert shell.unread_count(cast.pm) == 0
    mark_read(person=cast.approver, clock=at(3))
    assert shell.unread_count(cast.approver) == 0


def test_a_product_one_may_not_see_any_more_is_not_counted(cast: Cast, gate: Gate) -> None:
    watch(of=gate.release, actor=cast.outsider, clock=at(0))
    cancel_release(release_id=gate.release_id, actor=cast.pm, reason="Gone", clock=at(1))
    relay_all(on=1)
    assert shell.unread_count(cast.outsider) == 1
    Product.objects.update(is_restricted=True)
    assert shell.unread_count(cast.outsider) == 0
    assert shell.watching(cast.outsider) == []


def test_the_count_ends_at_a_hundred(cast: Cast, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    submit(cast, gate)
    relay_all(on=2)
    monkeypatch.setattr(shell, "MOST_COUNTED", 1)
    monkeypatch.setattr(shell, "UNREAD", Prepared(shell.UNREAD.build))  # put together anew
    one = Delivery.objects.get(recipient=cast.approver, channel=Channel.APP)
    other = Delivery.objects.exclude(event=one.event).first()
    event = other.event if other else one.event.__class__.objects.exclude(pk=one.event_id)[0]
    Delivery.objects.get_or_create(
        event=event, recipient=cast.approver, channel=Channel.APP,
        defaults={"notice": "approved", "state": "sent", "created_at": moment(2), "not_before": moment(2)},
    )  # fmt: skip
    with CaptureQueriesContext(connection) as queries:
        assert shell.unread_count(cast.approver) == 1
    assert len(queries) <= 4, "one for the count, the rest for the person's own permissions"


def test_watched_releases_come_nearest_target_first_without_those_that_are_over(cast: Cast) -> None:
    for version, target in (("1.0", 200), ("1.1", 100), ("1.2", 150)):
        watch(of=active_release(cast, version, target=target), actor=cast.outsider, clock=at(0))
    gone = draft_release(cast, "0.9")
    watch(of=gone, actor=cast.outsider, clock=at(0))
    cancel_release(release_id=gone.pk, actor=cast.pm, reason="Gone", clock=at(1))
    watch(of=cast.product, actor=cast.outsider, clock=at(0))
    assert shell.watching(cast.outsider) == [
        {"label": "Router 1.1", "url": "/releases/router/1.1/"},
        {"label": "Router 1.2", "url": "/releases/router/1.2/"},
        {"label": "Router 1.0", "url": "/releases/router/1.0/"},
    ]


def test_at_most_seven_are_listed(cast: Cast) -> None:
    for number in range(9):
        watch(of=draft_release(cast, f"1.{number}"), actor=cast.outsider, clock=at(0))
    assert len(shell.watching(cast.outsider)) == 7
