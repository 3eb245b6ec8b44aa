"""The relay: receipts, deliveries and positions of every committed event, once."""

import threading
import time
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from gatekeeper.common.clock import fixed_clock
from notifications import relay
from notifications.actions import watch
from notifications.kinds import Channel, DeliveryState
from notifications.models import Delivery, EventReceipt
from releases.kinds import EventKind
from releases.models import Event, EventPosition, Gate, Product, Release
from tests.cast import MARKET, Cast, active_release, at, decline, gate_of, make_cast, make_person, moment, submit
from tests.notifications.conftest import relay_all


def test_every_event_gets_a_receipt_and_a_position_in_order(cast: Cast, gate: Gate) -> None:
    submit(cast, gate)
    count = Event.objects.count()
    assert relay_all(on=2) == count
    assert EventReceipt.objects.count() == EventPosition.objects.count() == count
    positions = EventPosition.objects.order_by("position").values_list("event_id", flat=True)
    assert list(positions) == sorted(positions), "in the order of the events"
    assert relay_all(on=2) == 0
    assert EventPosition.objects.count() == count


def test_in_app_notices_are_sent_with_their_row_and_mails_wait(cast: Cast, gate: Gate) -> None:
    submit(cast, gate)
    relay_all(on=2)
    event = Event.objects.get(kind=EventKind.SUBMITTED)
    in_app = Delivery.objects.get(event=event, recipient=cast.approver, channel=Channel.APP)
    assert (in_app.state, in_app.sent_at, in_app.read_at) == (DeliveryState.SENT, moment(2), None)
    mail = Delivery.objects.get(event=event, recipient=cast.approver, channel=Channel.EMAIL)
    assert (mail.state, mail.sent_at, mail.not_before, mail.attempts) == (DeliveryState.WAITING, None, moment(2), 0)


def test_relaying_again_after_the_receipts_are_lost_sends_nothing_twice(cast: Cast, gate: Gate) -> None:
    submit(cast, gate)
    relay_all(on=2)
    before = list(Delivery.objects.order_by("pk").values_list())
    EventReceipt.objects.all().delete()
    relay_all(on=2)
    assert list(Delivery.objects.order_by("pk").values_list()) == before


def test_what_was_rolled_back_is_not_relayed(cast: Cast, gate: Gate) -> None:
    submit(cast, gate)
    relay_all(on=2)
    before = Delivery.objects.count()
    with transaction.atomic():
        decline(cast, gate, "engineering")
        transaction.set_rollback(True)
    assert relay_all(on=3) == 0
    assert Delivery.objects.count() == before


def test_an_event_with_an_id_below_the_last_receipt_is_found(
    cast: Cast, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ids commit out of order: a long transaction brings a low id late. Shown for a tick that looks back an hour."""
    submit(cast, gate)
    relay_all(on=2)
    late = Event.objects.get(kind=EventKind.SUBMITTED)
    Delivery.objects.filter(event=late).delete()
    EventReceipt.objects.filter(event=late).delete()
    monkeypatch.setattr(relay, "_full_scan_due", time.monotonic() + 1000)
    assert relay.relay_events(clock=fixed_clock(moment(2, minute=59))) == 1
    assert Delivery.objects.filter(event=late).count() == 4
    assert EventReceipt.objects.filter(event=late).exists()


def test_ticks_look_back_an_hour_and_a_full_scan_finds_the_rest(
    cast: Cast, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay_all(on=0)
    lost = Event.objects.order_by("pk")[3]
    EventReceipt.objects.filter(event=lost).delete()
    submit(cast, gate)
    relay_all(on=2)
    EventReceipt.objects.filter(event=lost).delete()
    monkeypatch.setattr(relay, "_full_scan_due", time.monotonic() + 1000)
    assert relay.relay_events(clock=at(3)) == 0
    monkeypatch.setattr(relay, "_full_scan_due", time.monotonic() - 1)
    assert relay.relay_events(clock=at(3)) == 1


# --- The past -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("days_later", "mails", "notices"), [(0, 2, 2), (3, 2, 2), (4, 0, 2), (30, 0, 2), (31, 0, 0)])
def test_nothing_is_sent_for_the_past(cast: Cast, gate: Gate, days_later: int, mails: int, notices: int) -> None:
    submit(cast, gate, on=2)
    relay_all(on=2 + days_later)
    found = Delivery.objects.filter(event__kind=EventKind.SUBMITTED)
    assert found.filter(channel=Channel.EMAIL).count() == mails
    assert found.filter(channel=Channel.APP, read_at__isnull=True).count() == notices
    assert EventReceipt.objects.count() == Event.objects.count()


def test_a_quiet_relay_mails_nothing_and_leaves_recent_notices_unread(cast: Cast, gate: Gate) -> None:
    submit(cast, gate, on=2)
    decline(cast, gate, "engineering", on=4)
    relay_all(on=5, is_quiet=True)
    assert not Delivery.objects.filter(channel=Channel.EMAIL).exists()
    declined = Delivery.objects.filter(event__kind=EventKind.GATE_DECLINED)
    assert declined.filter(read_at__isnull=True).count() == declined.count() == 2
    assert not relay_all(on=5)


def test_after_a_quiet_relay_older_notices_are_read(cast: Cast, gate: Gate) -> None:
    submit(cast, gate, on=2)
    relay_all(on=6, is_quiet=True)
    found = Delivery.objects.get(event__kind=EventKind.SUBMITTED, recipient=cast.approver)
    assert (found.read_at, found.created_at, found.state) == (moment(2), moment(2), DeliveryState.SENT)


def test_recorded_history_is_told_to_nobody(cast: Cast, release: Release, gate: Gate) -> None:
    watch(of=release, actor=cast.outsider, clock=at(0))
    relay_all(on=0)
    submit(cast, gate)
    decline(cast, gate, "sales")
    before = Delivery.objects.count()
    Release.objects.update(kind="history")
    relay_all(on=3)
    assert Delivery.objects.count() == before
    assert EventReceipt.objects.count() == EventPosition.objects.count() == Event.objects.count()


# --- Cost ---------------------------------------------------------------------------------------------------------


def queries_of_relay(on: int) -> int:
    """Questions only: SQLite takes many rows in several INSERTs."""
    relay._full_scan_due = 0.0
    with CaptureQueriesContext(connection) as queries:
        relay_all(on=on)
    return sum(query["sql"].lstrip().upper().startswith("SELECT") for query in queries)


@pytest.mark.parametrize("is_restricted", [False, True])
def test_the_number_of_queries_depends_neither_on_people_nor_on_events(cast: Cast, is_restricted: bool) -> None:
    Product.objects.update(is_restricted=is_restricted)
    first = active_release(cast, "1.0")
    submit(cast, gate_of(first, MARKET))
    decline(cast, gate_of(first, MARKET), "engineering")
    submit(cast, gate_of(first, MARKET), on=3)
    few = queries_of_relay(3)
    assert Delivery.objects.exists()
    Product.objects.update(is_restricted=False)
    others = [active_release(cast, f"2.{number}") for number in range(4)]
    for number in range(12):
        person = make_person(f"watcher{number}", f"Watcher {number}")
        watch(of=cast.product, actor=person, clock=at(0))
    for release in others:
        submit(cast, gate_of(release, MARKET))
        decline(cast, gate_of(release, MARKET), "engineering")
        submit(cast, gate_of(release, MARKET), on=3)
    Product.objects.update(is_restricted=is_restricted)
    before = Delivery.objects.count()
    many = queries_of_relay(3)
    assert many == few
    told = Delivery.objects.count() - before
    assert told >= (30 if is_restricted else 100)


def test_a_tick_with_nothing_to_do_writes_nothing(cast: Cast) -> None:
    relay_all(on=0)
    with CaptureQueriesContext(connection) as queries:
        relay_all(on=0)
    assert len(queries) <= 2
    assert not [q for q in queries if not q["sql"].lstrip().upper().startswith("SELECT")]


def test_a_big_backlog_is_relayed_in_batches(cast: Cast, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "BATCH", 4)
    submit(cast, gate)
    count = Event.objects.count()
    assert count > 8
    assert relay_all(on=2) == count
    assert EventReceipt.objects.count() == count


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_second_relay_leaves_while_the_first_is_at_work() -> None:
    make_cast()
    started, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            assert relay._is_the_only_relay()
            started.set()
            may_end.wait(10)
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    started.wait(10)
    try:
        assert relay.relay_events(clock=at(0)) == 0
    finally:
        may_end.set()
        thread.join()
    assert relay.relay_events(clock=at(0)) == Event.objects.count()


def test_a_notice_has_the_time_of_its_event(cast: Cast, gate: Gate) -> None:
    submit(cast, gate, on=2)
    relay.relay_events(clock=fixed_clock(moment(2) + timedelta(hours=5)))
    assert Delivery.objects.filter(channel=Channel.APP).latest("pk").created_at == moment(2)
    assert Delivery.objects.filter(channel=Channel.EMAIL).latest("pk").created_at == moment(2, hour=14)
