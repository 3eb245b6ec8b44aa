"""A mail server in a thread that keeps what it takes, or misbehaves as told."""

import email
import email.policy
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from types import SimpleNamespace
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

# What to answer at one step to one recipient: "" goes on, else a reply such as "450 later".
Answer = Callable[[str], str]


def _fine(_recipient: str) -> str:
    return ""


@dataclass
class Sink:
    """What arrived, and how to answer. `received` holds a message once per time the server said yes."""

    port: int = 0
    connections: int = 0
    messages: list[EmailMessage] = field(default_factory=list)
    on_recipient: Answer = _fine
    on_data: Answer = _fine
    # Seconds between taking a mail and saying so.
    slow: float = 0.0
    # After so many mails nothing more is said until `may_go_on` is set: room for a worker to die in.
    pause_at: int | None = None
    may_go_on: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        """For EMAIL_URL."""
        return f"smtp://127.0.0.1:{self.port}"

    def ids(self) -> list[str]:
        """The Message-IDs of what arrived, in order."""
        with self._lock:
            return [str(message["Message-ID"]) for message in self.messages]

    def to(self, address: str) -> list[EmailMessage]:
        """What arrived for an address."""
        with self._lock:
            return [m for m in self.messages if address in str(m["X-Rcpt"])]

    def keep(self, message: EmailMessage) -> None:
        with self._lock:
            self.messages.append(message)

    # --- aiosmtpd's handler ------------------------------------------------------------------------------------

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if reply := self.on_recipient(address):
            return reply
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        with self._lock:
            self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        recipient = envelope.rcpt_tos[0]
        if reply := self.on_data(recipient):
            return reply
        content: Any = envelope.content
        message = email.message_from_bytes(content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        message["X-Rcpt"] = ", ".join(envelope.rcpt_tos)
        self.keep(message)
        if self.slow:
            time.sleep(self.slow)  # the one connection of a worker waits; so would a real, slow server
        if self.pause_at is not None and len(self.messages) >= self.pause_at:
            self.may_go_on.wait(90)
        return "250 OK"


@contextmanager
def mail_sink() -> Iterator[Sink]:
    """A running server on a free port of this machine."""
    sink = Sink(port=free_port())
    controller = Controller(sink, hostname="127.0.0.1", port=sink.port)
    controller.start()
    try:
        yield sink
    finally:
        with suppress(AssertionError):
            controller.stop()


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def use(settings: Any, sink: Sink | SimpleNamespace) -> None:
    """Let this process send its mails to the sink."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", sink.port, 5
