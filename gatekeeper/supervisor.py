"""Runs a few processes as one: restarts what dies, stops everything together, leaves no orphans.

One thread: a selector reads the children's output and the signals' wake-up pipe.
"""

import contextlib
import ctypes
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import IO

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
GRACE_SECONDS = 10.0
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
# a child that lived for so long counts as well, and its next death starts from the first pause again
WELL_AFTER = 30.0
PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def pause_before_restart(deaths: int) -> float:
    """Seconds to wait after so many deaths in a row: 0.5, 1, 2 … 30."""
    return min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** max(0, deaths - 1))


def _end_with(parent: int) -> Callable[[], None]:
    """To run in a new child: Linux sends it SIGTERM when the supervisor dies, even by kill -9."""

    def prepare() -> None:
        if _libc is not None:
            _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:  # it died before we asked
                os._exit(1)

    return prepare


@dataclass
class Child:
    """One process, and what the supervisor knows of it."""

    name: str
    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    deaths: int = 0
    start_at: float = 0.0
    rest: bytes = field(default=b"", repr=False)

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process else None


class Supervisor:
    """Starts the children, and serves until it is told to stop.

    `on_ready` is called once, when `ready_port` answers on this machine.
    """

    def __init__(
        self,
        children: Sequence[Child],
        *,
        environment: Mapping[str, str],
        ready_address: tuple[str, int],
        on_ready: Callable[[], None],
        out: IO[str] = sys.stdout,
    ) -> None:
        self.children = list(children)
        self.environment = dict(environment)
        self.ready_address = ready_address
        self.on_ready = on_ready
        self.out = out
        self.selector = selectors.DefaultSelector()
        self.stop_requests = 0
        self.width = max(len(child.name) for child in self.children)

    def run(self) -> None:
        """Until SIGINT, SIGTERM or SIGHUP; a second one ends the children at once."""
        receiver, sender = socket.socketpair()
        for end in (receiver, sender):
            end.setblocking(False)
        old_wakeup = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
        old_handlers = {number: signal.signal(number, self._ask_to_stop) for number in STOP_SIGNALS}
        self.selector.register(receiver, selectors.EVENT_READ, None)
        try:
            self._serve(receiver)
        finally:
            self._stop(receiver)
            signal.set_wakeup_fd(old_wakeup)
            for number, handler in old_handlers.items():
                signal.signal(number, handler)
            self.selector.close()
            receiver.close()
            sender.close()

    def _ask_to_stop(self, number: int, frame: FrameType | None) -> None:
        self.stop_requests += 1

    def _serve(self, wakeup: socket.socket) -> None:
        is_ready = False
        while not self.stop_requests:
            now = time.monotonic()
            for child in self.children:
                if child.process is None and now >= child.start_at:
                    self._start(child)
            self._read(wakeup, timeout=0.1 if not is_ready else 0.5)
            for child in self.children:
                self._reap(child)
            if not is_ready and self._answers():
                is_ready = True
                self.on_ready()

    def _start(self, child: Child) -> None:
        child.started_at = time.monotonic()
        child.process = subprocess.Popen(  # noqa: S603  # our own commands
            child.command,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches us alone, and its whole group can be ended
            preexec_fn=_end_with(os.getpid()),  # one thread here
        )
        if child.process.stdout is not None:
            os.set_blocking(child.process.stdout.fileno(), False)
            self.selector.register(child.process.stdout, selectors.EVENT_READ, child)

    def _read(self, wakeup: socket.socket, timeout: float) -> None:
        for key, _ in self.selector.select(timeout):
            if key.data is None:
                with contextlib.suppress(BlockingIOError):
                    wakeup.recv(1024)
            else:
                self._copy_output(key.data)

    def _copy_output(self, child: Child) -> None:
        """Whole lines with the child's name before them."""
        if child.process is None or child.process.stdout is None:
            return
        try:
            data = os.read(child.process.stdout.fileno(), 65536)
        except BlockingIOError:
            return
        if not data:
            self.selector.unregister(child.process.stdout)
            child.process.stdout.close()
            child.process.stdout = None
            return
        *lines, child.rest = (child.rest + data).split(b"\n")
        for line in lines:
            self.say(line.decode(errors="replace"), child.name)

    def say(self, line: str, name: str = "") -> None:
        """Print a line; a closed terminal is no reason to leave children behind."""
        with contextlib.suppress(OSError, ValueError):
            self.out.write(f"{name:<{self.width}} | {line}\n" if name else f"{line}\n")
            self.out.flush()

    def _reap(self, child: Child) -> None:
        if child.process is None or (code := child.process.poll()) is None:
            return
        self._copy_output(child)
        now = time.monotonic()
        child.deaths = 1 if now - child.started_at > WELL_AFTER else child.deaths + 1
        pause = pause_before_restart(child.deaths)
        child.start_at = now + pause
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        self.say(f"{how}; starting it again in {pause:g} s", child.name)
        self._forget(child)

    def _forget(self, child: Child) -> None:
        """Nothing of the dead child's group may live on: it could hold the port or the queue."""
        if child.process is None:
            return
        self._signal_group(child, signal.SIGKILL)
        if child.process.stdout is not None:
            self.selector.unregister(child.process.stdout)
            child.process.stdout.close()
        child.process = None
        child.rest = b""

    def _signal_group(self, child: Child, number: signal.Signals) -> None:
        if child.pid is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, number)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(self.ready_address, timeout=0.2):
                return True
        except OSError:
            return False

    def _stop(self, wakeup: socket.socket) -> None:
        """Ask everybody, wait, insist."""
        asked = self.stop_requests
        deadline = time.monotonic() + GRACE_SECONDS
        for child in self.children:
            if child.process is not None:
                with contextlib.suppress(ProcessLookupError):
                    child.process.terminate()
        while any(child.process is not None for child in self.children):
            self._read(wakeup, timeout=0.05)
            for child in self.children:
                if child.process is not None and child.process.poll() is not None:
                    self._copy_output(child)
                    self._forget(child)
            if time.monotonic() > deadline or self.stop_requests > asked:
                for child in self.children:
                    self._signal_group(child, signal.SIGKILL)
