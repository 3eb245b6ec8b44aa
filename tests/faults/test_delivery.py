"""Delivery under faults: workers killed, a queue emptied, four workers at once. Nothing is lost, and what is sent twice
bears the same Message-ID."""

import shutil
import threading
from collections import Counter
from collections.abc import Iterator

import pytest
from django.conf import settings as live
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone
from pytest_django import Settings

from gatekeeper.accounts.models import User
from gatekeeper.common.clock import database_clock
from gatekeeper.common.queue import nudge
from notifications import delivery, relay
from notifications.actions import watch
from notifications.kinds import Channel, DeliveryState
from notifications.models import Delivery, EventReceipt
from releases import events
from releases.actions.releases import cancel_release
from releases.models import Event, Release
from tests.cast import Cast, active_release, draft_release, make_cast, make_person
from tests.mail_sink import Sink, mail_sink, use
from tests.processes import BEAT, Process, environment_of_test, start_worker, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sink() -> Iterator[Sink]:
    with mail_sink() as found:
        yield found


def prepare(people: int) -> Release:
    """A release with so many watchers."""
    cast = make_cast()
    release = draft_release(cast)
    for number in range(people):
        watch(of=release, actor=make_person(f"watcher{number}", f"Watcher {number}"))
    return release


def happen(release: Release) -> None:
    """Something happens now that its watchers are told of."""
    cancel_release(release_id=release.pk, actor=User.objects.get(username="petra"), reason="The market is gone")


def tell(people: int) -> None:
    """Something happens now that so many watchers are told of."""
    happen(prepare(people))


def ids_of_mails() -> set[str]:
    """The Message-IDs of all mails there are."""
    mails = Delivery.objects.filter(channel=Channel.EMAIL).values_list("pk", flat=True)
    return {f"<delivery-{pk}@localhost>" for pk in mails}


def all_sent(count: int) -> bool:
    """So many mails are there, and all of them are marked as sent."""
    mails = Delivery.objects.filter(channel=Channel.EMAIL)
    return mails.count() == count and not mails.exclude(state=DeliveryState.SENT).exists()


def let_leases_end() -> None:
    """A minute passes."""
    Delivery.objects.filter(leased_until__isnull=False).update(leased_until=timezone.now() - delivery.LEASE)


def empty_the_queue() -> None:
    """What FLUSHALL does to our queue."""
    if live.REDIS_URL:
        from celery import current_app

        with current_app.connection_for_write() as broker:
            client = broker.default_channel.client
            for key in client.scan_iter(f"{live.CELERY_BROKER_TRANSPORT_OPTIONS['global_keyprefix']}*"):
                client.delete(key)
        return
    messages = live.QUEUE_DIR / "messages"
    shutil.rmtree(messages, ignore_errors=True)
    messages.mkdir(parents=True)


def beat(sink: Sink) -> Process:
    """The real beat: a relay tick every five seconds."""
    schedule = live.VAR_DIR / "beat-schedule"
    for path in live.VAR_DIR.glob("beat-schedule*"):
        path.unlink()
    return Process(*BEAT, f"--schedule={schedule}", env=environment_of_test(EMAIL_URL=sink.url))


def test_killed_workers_lose_nothing_and_repeat_at_most_the_mail_in_flight(sink: Sink, empty_queue: None) -> None:
    people, kills = 30, 3
    tell(people)
    with beat(sink):
        for number in range(1, kills + 1):
            sink.pause_at = number * 7
            sink.may_go_on.clear()
            worker = start_worker(EMAIL_URL=sink.url)
            try:
                wait_until(lambda n=number: len(sink.messages) >= n * 7, explain=worker.output)
            finally:
                worker.kill_group()
            sink.may_go_on.set()
            assert not all_sent(people)
            let_leases_end()
        with start_worker(EMAIL_URL=sink.url) as worker:
            wait_until(lambda: all_sent(people), explain=worker.output)
    assert set(sink.ids()) == ids_of_mails()
    repeated = [count for count in Counter(sink.ids()).values() if count > 1]
    assert sum(repeated) - len(repeated) <= kills, "only mails in flight at a kill"
    assert delivery.LEASE.total_seconds() + 5 < 90, "a lease and a tick are what people really wait"
    call_command("check_invariants", verbosity=0)


def test_an_emptied_queue_loses_nothing(sink: Sink, empty_queue: None) -> None:
    people = 20
    tell(people)
    nudge("notifications.tasks.relay")
    relay.relay_events()
    nudge("notifications.tasks.deliver")
    empty_the_queue()
    assert Delivery.objects.filter(channel=Channel.EMAIL, state=DeliveryState.WAITING).count() == people
    with start_worker(EMAIL_URL=sink.url) as worker, beat(sink):
        wait_until(lambda: len(sink.messages) >= 5, explain=worker.output)
        empty_the_queue()
        wait_until(lambda: all_sent(people), explain=worker.output)
    assert Counter(sink.ids()) == dict.fromkeys(ids_of_mails(), 1)
    assert EventReceipt.objects.count() == Event.objects.count()


def test_a_commit_wakes_the_worker_without_beat(sink: Sink, empty_queue: None) -> None:
    """The nudge is what makes it quick; here nothing ticks."""
    release = prepare(1)
    empty_the_queue()
    with start_worker(EMAIL_URL=sink.url) as worker:
        happen(release)
        wait_until(lambda: all_sent(1), explain=worker.output)
    assert set(sink.ids()) == ids_of_mails()


# --- Four workers at once -----------------------------------------------------------------------------------------


def four_workers_deliver(sink: Sink) -> None:
    """Four deliverers start at the same moment, each on its own database connection."""
    barrier = threading.Barrier(4)
    errors: list[Exception] = []

    def work() -> None:
        barrier.wait(60)
        try:
            delivery.deliver_waiting()
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not errors


def test_four_workers_send_each_mail_once(sink: Sink, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """On both engines; first shown with the claim switched off."""
    use(settings, sink)
    monkeypatch.setattr(delivery, "BATCH", 8)
    people = 40
    tell(people)
    relay.relay_events()
    monkeypatch.setattr(delivery, "IS_CLAIMING", False)
    sink.slow = 0.01

    def send_again() -> None:
        Delivery.objects.filter(channel=Channel.EMAIL).update(state=DeliveryState.WAITING, sent_at=None, attempts=0)
        sink.messages.clear()

    for _ in range(5):
        four_workers_deliver(sink)
        repeated = Counter(sink.ids())
        assert set(repeated) == ids_of_mails()
        send_again()
        if max(repeated.values()) > 1:
            break
    else:
        pytest.fail("without the claim mails would be sent twice")

    sink.slow = 0.0
    monkeypatch.setattr(delivery, "IS_CLAIMING", True)
    four_workers_deliver(sink)
    assert Counter(sink.ids()) == dict.fromkeys(ids_of_mails(), 1)
    assert all_sent(people)
    assert set(Delivery.objects.filter(channel=Channel.EMAIL).values_list("attempts", flat=True)) == {1}


def test_four_relays_write_each_delivery_and_position_once() -> None:
    people = 10
    tell(people)
    barrier = threading.Barrier(4)
    counts: list[int] = []

    def work() -> None:
        barrier.wait(60)
        try:
            counts.append(relay.relay_events())
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sum(counts) == Event.objects.count() == EventReceipt.objects.count()
    assert Delivery.objects.filter(channel=Channel.APP, notice="cancelled").count() == people
    positions = Event.objects.order_by("published__position").values_list("pk", flat=True)
    assert list(positions) == sorted(positions)


# --- The announcement ---------------------------------------------------------------------------------------------


def test_events_are_announced_once_per_commit_and_never_after_a_rollback(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    monkeypatch.setattr(events, "after_commit", [lambda: calls.append(Event.objects.count())])
    cast = make_cast()
    calls.clear()
    release = active_release(cast)
    assert len(calls) == 2, "drafted and activated: several events, two transactions"
    calls.clear()
    with transaction.atomic():
        watch(of=release, actor=cast.pm)
        watch(of=cast.product, actor=cast.pm)
        assert calls == []
    assert calls == [Event.objects.count()], "after the commit, with everything there"
    calls.clear()
    with transaction.atomic():
        watch(of=release, actor=cast.outsider)
        transaction.set_rollback(True)
    assert calls == []


def test_an_announcement_whose_savepoint_was_undone_is_made_by_the_next_event(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[str] = []
    monkeypatch.setattr(events, "after_commit", [lambda: calls.append("told")])
    cast = make_cast()
    calls.clear()
    with transaction.atomic():
        with transaction.atomic():
            watch(of=cast.product, actor=cast.pm)
            transaction.set_rollback(True)
        watch(of=cast.product, actor=cast.outsider)
    assert calls == ["told"]


def test_a_failing_announcement_fails_nobody(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise OSError("the queue is gone")

    cast: Cast = make_cast()
    monkeypatch.setattr(events, "after_commit", [fail])
    watch(of=cast.product, actor=cast.outsider, clock=database_clock)
    assert "the queue is gone" in caplog.text
