"""What the tests of notices share."""

from collections.abc import Callable, Iterator

import pytest

from gatekeeper.common.clock import Clock
from notifications import delivery, relay
from notifications.kinds import Channel
from notifications.models import Delivery
from releases.models import Event
from tests.cast import at
from tests.mail_sink import Sink, mail_sink

Told = Callable[..., dict[str, set[str]]]


@pytest.fixture(autouse=True)
def _each_scan_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    """Event ids begin anew in each test."""
    monkeypatch.setattr(relay, "_full_scan_due", 0.0)


@pytest.fixture
def sink() -> Iterator[Sink]:
    """A mail server."""
    with mail_sink() as found:
        yield found


def relay_all(*, on: int, is_quiet: bool = False) -> int:
    """Relay what has happened, on a day of the story."""
    return relay.relay_events(is_quiet=is_quiet, clock=at(on))


def told(kind: str, channel: str = Channel.APP) -> dict[str, set[str]]:
    """Of the newest event of a kind: by notice, the user names of those who are told."""
    event = Event.objects.filter(kind=kind).order_by("-pk").first()
    found: dict[str, set[str]] = {}
    for one in Delivery.objects.filter(event=event, channel=channel).select_related("recipient"):
        found.setdefault(one.notice, set()).add(one.recipient.username)
    return found


def deliver(*, on: int, clock: Clock | None = None) -> int:
    """Send what waits, on a day of the story."""
    return delivery.deliver_waiting(clock=clock or at(on))
