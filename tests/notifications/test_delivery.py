"""Mails that wait are sent through a real mail server, at the right time, to the right people."""

import smtplib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import SimpleNamespace

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from approvals.actions.decisions import recuse
from approvals.actions.people import deactivate_person
from approvals.actions.rounds import withdraw_submission
from approvals.actions.seats import grant_seat, revoke_seat
from gatekeeper.accounts.models import User
from gatekeeper.common.clock import fixed_clock
from notifications import delivery
from notifications.actions import watch
from notifications.kinds import Channel, DeliveryState
from notifications.models import Delivery
from releases.actions.products import grant_product_permission, revoke_product_permission
from releases.models import Gate, Product
from tests.cast import MARKET, Cast, active_release, at, decline, gate_of, make_cast, make_person, moment, submit
from tests.mail_sink import Sink, free_port, use
from tests.notifications.conftest import deliver, relay_all

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    """Mails are sent outside transactions, so the story is really committed."""
    return make_cast()


@pytest.fixture
def gate(cast: Cast) -> Gate:
    return gate_of(active_release(cast), MARKET)


@pytest.fixture
def waiting(cast: Cast, gate: Gate, sink: Sink, settings: Settings) -> list[Delivery]:
    """Two mails wait, to Erik and to Sara: it is their turn."""
    use(settings, sink)
    submit(cast, gate)
    relay_all(on=2)
    found = list(Delivery.objects.filter(channel=Channel.EMAIL).order_by("pk"))
    assert len(found) == 2
    return found


def of(person: User) -> Delivery:
    return Delivery.objects.get(recipient=person, channel=Channel.EMAIL)


def state_of(person: User) -> tuple[str, int]:
    found = of(person)
    return found.state, found.attempts


def test_what_waits_is_sent_once_over_one_connection(cast: Cast, waiting: list[Delivery], sink: Sink) -> None:
    assert deliver(on=2) == 2
    assert sorted(sink.ids()) == sorted(f"<delivery-{one.pk}@localhost>" for one in waiting)
    assert sink.connections == 1
    for one in Delivery.objects.filter(channel=Channel.EMAIL):
        assert (one.state, one.sent_at, one.attempts, one.leased_until) == (DeliveryState.SENT, moment(2), 1, None)
    assert deliver(on=3) == 0
    assert len(sink.messages) == 2


def test_the_mail_names_the_reader_s_own_role(cast: Cast, waiting: list[Delivery], sink: Sink) -> None:
    deliver(on=2)
    for address, role in (("erik@example.org", "Engineering"), ("sara@example.org", "Sales")):
        (mail,) = sink.to(address)
        assert f"You decide as {role}." in mail.get_body(("plain",)).get_content()


def test_no_mail_is_sent_inside_a_transaction(waiting: list[Delivery], sink: Sink) -> None:
    with pytest.raises(RuntimeError, match="transaction"), transaction.atomic():
        deliver(on=2)
    assert not sink.messages


# --- Who gets nothing after all -----------------------------------------------------------------------------------


def skipped(person: User) -> str:
    found = of(person)
    assert (found.state, found.attempts, found.sent_at) == (DeliveryState.SKIPPED, 0, None)
    return found.last_error


def test_who_was_deactivated_meanwhile_gets_nothing(cast: Cast, waiting: list[Delivery], sink: Sink) -> None:
    deactivate_person(person=cast.approver, actor=cast.administrator, clock=at(2))
    assert deliver(on=2) == 1
    assert not sink.to("erik@example.org")
    assert skipped(cast.approver) == "The person is deactivated."


def test_who_turned_mails_off_meanwhile_gets_nothing(cast: Cast, waiting: list[Delivery], sink: Sink) -> None:
    User.objects.filter(pk=cast.approver.pk).update(wants_email=False)
    assert deliver(on=2) == 1
    assert skipped(cast.approver) == "The person wants no e-mail."


def test_who_may_not_see_the_product_any_more_gets_nothing(
    cast: Cast, gate: Gate, sink: Sink, settings: Settings
) -> None:
    use(settings, sink)
    Product.objects.update(is_restricted=True)
    grant_product_permission(
        product=cast.product, codename="view_product", holder=cast.outsider, actor=cast.pm, clock=at(1)
    )
    watch(of=gate.release, actor=cast.outsider, clock=at(1))
    submit(cast, gate)
    decline(cast, gate, "sales")
    relay_all(on=3)
    assert of(cast.outsider).state == DeliveryState.WAITING
    revoke_product_permission(
        product=cast.product, codename="view_product", holder=cast.outsider, actor=cast.pm, clock=at(3)
    )
    deliver(on=3)
    assert skipped(cast.outsider) == "The person may not see the product any more."
    assert not sink.to("otto@example.org")
    assert sink.to("erik@example.org"), "he holds a seat and sees it"


@pytest.mark.parametrize("why", ["withdrawn", "recused", "seat lost"])
def test_a_task_is_not_mailed_when_it_is_nobody_s_any_more(
    cast: Cast, gate: Gate, waiting: list[Delivery], sink: Sink, why: str
) -> None:
    if why == "withdrawn":
        withdraw_submission(gate_id=gate.pk, actor=cast.pm, reason="A page was missing", clock=at(2))
    elif why == "recused":
        recuse(gate_id=gate.pk, round_number=1, actor=cast.approver, comment="My own plan.", clock=at(2))
    else:
        role = cast.seat(gate.key, "engineering")
        successor = make_person("elsa", "Elsa Engineer")
        grant_seat(role_id=role.pk, holder=successor, actor=cast.administrator, clock=at(2))
        revoke_seat(role_id=role.pk, holder=cast.approver, actor=cast.administrator, clock=at(2))
    deliver(on=2)
    assert skipped(cast.approver) == "It is not this person’s turn any more."
    assert not sink.to("erik@example.org")


# --- When the server says no --------------------------------------------------------------------------------------


def test_a_temporary_no_is_tried_again_later(cast: Cast, waiting: list[Delivery], sink: Sink) -> None:
    sink.on_recipient = lambda address: "450 4.2.1 mailbox busy" if address.startswith("erik") else ""
    assert deliver(on=2) == 1, "the other mail leaves"
    found = of(cast.approver)
    assert (found.state, found.attempts, found.leased_until) == (DeliveryState.WAITING, 1, None)
    assert found.not_before == moment(2) + delivery.BACKOFF[0]
    assert "mailbox busy" in found.last_error
    assert deliver(on=2, clock=fixed_clock(moment(2) + timedelta(seconds=59))) == 0
    sink.on_recipient = lambda _address: ""
    assert deliver(on=2, clock=fixed_clock(moment(2) + timedelta(seconds=60))) == 1
    assert state_of(cast.approver) == (DeliveryState.SENT, 2)
    assert sink.ids().count(f"<delivery-{found.pk}@localhost>") == 1


def test_after_five_attempts_it_is_given_up_and_the_reason_kept(
    cast: Cast, waiting: list[Delivery], sink: Sink
) -> None:
    sink.on_data = lambda address: "451 4.3.0 try later" if address.startswith("erik") else ""
    now = moment(2)
    for number in range(1, 8):
        deliver(on=2, clock=fixed_clock(now))
        now += timedelta(hours=3)
        expected = min(number, 5)
        state = DeliveryState.FAILED if number >= 5 else DeliveryState.WAITING
        assert state_of(cast.approver) == (state, expected)
    assert "try later" in of(cast.approver).last_error
    assert of(cast.approver).sent_at is None
    assert state_of(cast.second_approver) == (DeliveryState.SENT, 1)


@pytest.mark.parametrize("step", ["on_recipient", "on_data"])
def test_a_final_no_is_not_tried_again(cast: Cast, waiting: list[Delivery], sink: Sink, step: str) -> None:
    setattr(sink, step, lambda address: "550 5.1.1 no such person" if address.startswith("erik") else "")
    assert deliver(on=2) == 1
    assert state_of(cast.approver) == (DeliveryState.FAILED, 1)
    assert "no such person" in of(cast.approver).last_error


def test_a_broken_address_fails_and_the_others_leave(cast: Cast, waiting: list[Delivery], sink: Sink) -> None:
    User.objects.filter(pk=cast.approver.pk).update(email="erik@example.org\nBcc: all@example.org")
    assert deliver(on=2) == 1
    assert state_of(cast.approver) == (DeliveryState.FAILED, 1)
    assert [m["To"].addresses[0].addr_spec for m in sink.messages] == ["sara@example.org"]


def test_a_server_that_refuses_connections_costs_no_attempt(
    cast: Cast, waiting: list[Delivery], settings: Settings, sink: Sink
) -> None:
    settings.EMAIL_PORT = free_port()
    assert deliver(on=2) == 0
    for person in (cast.approver, cast.second_approver):
        found = of(person)
        assert (found.state, found.attempts, found.leased_until) == (DeliveryState.WAITING, 0, None)
        assert found.not_before == moment(2) + delivery.PAUSE_WHEN_UNREACHABLE
        assert "cannot be reached" in found.last_error
    use(settings, sink)
    assert deliver(on=3) == 2


def test_a_server_that_never_comes_back_is_given_up_after_days(
    cast: Cast, waiting: list[Delivery], settings: Settings
) -> None:
    settings.EMAIL_PORT = free_port()
    deliver(on=4)
    assert state_of(cast.approver) == (DeliveryState.WAITING, 0)
    deliver(on=6)
    assert state_of(cast.approver) == (DeliveryState.FAILED, 0)
    assert "Given up after 3 days. The mail server cannot be reached" in of(cast.approver).last_error


def test_an_old_backup_that_is_restored_mails_nothing(cast: Cast, waiting: list[Delivery], sink: Sink) -> None:
    assert deliver(on=9) == 0
    assert not sink.messages
    assert state_of(cast.approver) == (DeliveryState.FAILED, 0)


@contextmanager
def bad_server(*, greets: bool, hangs_up: bool) -> Iterator[SimpleNamespace]:
    """A port where somebody listens who is no mail server: says nothing, or greets and is gone."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.1)
    ended = threading.Event()
    kept: list[socket.socket] = []

    def serve() -> None:
        while not ended.is_set():
            try:
                client, _address = listener.accept()
            except TimeoutError:
                continue
            if greets:
                client.sendall(b"220 here\r\n")
            if hangs_up:
                client.close()
            else:
                kept.append(client)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield SimpleNamespace(port=listener.getsockname()[1])
    finally:
        ended.set()
        thread.join()
        for one in (*kept, listener):
            one.close()


@pytest.mark.parametrize(("greets", "hangs_up"), [(False, False), (False, True), (True, True), (True, False)])
def test_a_server_that_hangs_or_hangs_up_delays_only_the_mails(
    cast: Cast, waiting: list[Delivery], settings: Settings, sink: Sink, greets: bool, hangs_up: bool
) -> None:
    with bad_server(greets=greets, hangs_up=hangs_up) as server:
        use(settings, server)
        settings.EMAIL_TIMEOUT = 0.3
        assert deliver(on=2) == 0
    assert of(cast.approver).state == DeliveryState.WAITING
    assert Delivery.objects.filter(channel=Channel.APP, state=DeliveryState.SENT).count() >= 2, "in the app at once"
    use(settings, sink)
    assert deliver(on=3) == 2


def test_a_server_that_dies_between_two_mails_gets_the_rest_later(
    cast: Cast, waiting: list[Delivery], settings: Settings, sink: Sink
) -> None:
    def die(address: str) -> str:
        settings.EMAIL_PORT = free_port()
        return "421 4.3.2 shutting down"

    sink.on_recipient = die
    assert deliver(on=2) == 0
    states = sorted(Delivery.objects.filter(channel=Channel.EMAIL).values_list("state", "attempts"))
    assert states == [("waiting", 0), ("waiting", 1)], "one was tried, the other only put off"
    sink.on_recipient = lambda _address: ""
    use(settings, sink)
    assert deliver(on=3) == 2
    assert len(set(sink.ids())) == len(sink.ids()) == 2


def test_a_notice_that_no_version_knows_is_skipped(cast: Cast, waiting: list[Delivery], sink: Sink) -> None:
    Delivery.objects.filter(pk=of(cast.approver).pk).update(notice="unknown")
    assert deliver(on=2) == 1
    assert skipped(cast.approver) == "There is no such notice any more."


def test_which_refusals_are_final() -> None:
    is_permanent = delivery.is_permanent
    assert is_permanent(smtplib.SMTPRecipientsRefused({"a": (550, b"no")}))
    assert not is_permanent(smtplib.SMTPRecipientsRefused({"a": (450, b"later")}))
    assert is_permanent(smtplib.SMTPDataError(554, b"spam"))
    assert not is_permanent(smtplib.SMTPDataError(452, b"full"))
    assert not is_permanent(smtplib.SMTPSenderRefused(553, b"not you", "us"))
    assert not is_permanent(smtplib.SMTPServerDisconnected("gone"))
    assert not is_permanent(TimeoutError())


# --- Claims -------------------------------------------------------------------------------------------------------


def test_what_one_worker_holds_another_leaves_until_the_lease_ends(waiting: list[Delivery], sink: Sink) -> None:
    assert len(delivery.claim(moment(2))) == 2
    assert delivery.claim(moment(2)) == []
    almost = moment(2) + delivery.LEASE
    assert delivery.claim(almost) == []
    assert len(delivery.claim(almost + timedelta(seconds=1))) == 2


def test_a_worker_whose_lease_has_ended_sends_nothing_more(waiting: list[Delivery], sink: Sink) -> None:
    mine = delivery.claim(moment(2))
    later = moment(2) + delivery.LEASE + timedelta(seconds=1)
    theirs = delivery.claim(later)
    assert delivery.Postman(theirs, fixed_clock(later), float("inf")).deliver() == (2, True)
    assert delivery.Postman(mine, fixed_clock(later), float("inf")).deliver() == (0, True)
    assert len(sink.messages) == 2


def test_what_there_is_no_time_for_is_given_back(waiting: list[Delivery], sink: Sink) -> None:
    batch = delivery.claim(moment(2))
    assert delivery.Postman(batch, at(2), until=0.0).deliver() == (0, True)
    assert Delivery.objects.filter(channel=Channel.EMAIL, leased_until__isnull=True, attempts=0).count() == 2
    assert deliver(on=2) == 2


def test_a_deliverer_is_woken_only_when_there_is_something_for_it(
    waiting: list[Delivery], sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not delivery.has_work(moment(1)), "not due yet"
    assert delivery.has_work(moment(2))
    monkeypatch.setattr(delivery, "MOST_CLAIMED", 2)
    delivery.claim(moment(2))
    Delivery.objects.filter(pk=waiting[0].pk).update(leased_until=None)
    assert delivery.has_work(moment(2)), "one is held, one is free"
    delivery.claim(moment(2))
    assert not delivery.has_work(moment(2)), "all are held"
    deliver(on=3)
    assert not delivery.has_work(moment(3))


def test_the_number_of_queries_per_mail_is_bounded(cast: Cast, waiting: list[Delivery], sink: Sink) -> None:
    with CaptureQueriesContext(connection) as queries:
        deliver(on=2)
    assert len(queries) <= 32
