"""Deeds done at once by real threads, each with its own connection."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from django.db import connection, connections

from gatekeeper.common.errors import DomainError
from releases import events, locking
from tests.cast import moment

Deed = Callable[[], object]


@dataclass
class Outcome:
    """What became of one deed: its value, or the exception."""

    value: object = None
    error: Exception | None = None

    @property
    def is_done(self) -> bool:
        return self.error is None

    @property
    def code(self) -> str:
        """The code of a refusal; the type of any other error; empty when it was done."""
        if isinstance(self.error, DomainError):
            return self.error.code
        return type(self.error).__name__ if self.error is not None else ""

    @property
    def is_fault(self) -> bool:
        """Neither done nor refused by a rule: what a person would see as an internal error."""
        return self.error is not None and not isinstance(self.error, DomainError)


def together(*deeds: Deed, patience: float = 60) -> list[Outcome]:
    """Start all deeds at the same moment; returns what became of each, in order."""
    outcomes = [Outcome() for _ in deeds]
    start = threading.Barrier(len(deeds))
    first_write = FirstWrite(len(deeds))

    def run(deed: Deed, outcome: Outcome) -> None:
        try:
            connection.ensure_connection()  # before the start, so that nobody comes late for having to connect
            start.wait(patience)
            with nullcontext() if locking.IS_LOCKING else connection.execute_wrapper(first_write):
                outcome.value = deed()
        except Exception as error:
            outcome.error = error
        finally:
            first_write.leave()
            connections.close_all()

    threads = [
        threading.Thread(target=run, args=(deed, outcome), daemon=True)
        for deed, outcome in zip(deeds, outcomes, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(patience)
        assert not thread.is_alive(), "a deed hangs"
    return outcomes


class FirstWrite:
    """Where deeds without the lock wait for each other: each has read what it judges by, and none has written yet.

    So what the lock prevents happens for certain, however busy the machine is, and not only when threads are lucky.
    """

    def __init__(self, parties: int, patience: float = 10.0) -> None:
        self.parties, self.patience = parties, patience
        self.waiting = 0
        self.is_open = False
        self.condition = threading.Condition()
        self.local = threading.local()

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.lstrip().upper().startswith(("INSERT", "UPDATE", "DELETE")) and not hasattr(self.local, "has_written"):
            self.local.has_written = True
            self._wait()
        return execute(sql, params, many, context)

    def leave(self) -> None:
        """A deed that has ended writes nothing any more: nobody waits for it."""
        with self.condition:
            self.parties -= 1
            self._open_if_all_wait()

    def _wait(self) -> None:
        with self.condition:
            self.waiting += 1
            self._open_if_all_wait()
            self.condition.wait_for(lambda: self.is_open, self.patience)

    def _open_if_all_wait(self) -> None:
        if self.waiting >= self.parties:
            self.is_open = True
            self.condition.notify_all()


class Meeting:
    """A clock at which verbs wait for each other just after they have locked their release.

    Without the lock they all arrive, and go on side by side; with it only one can come, and goes on alone after a
    short while. So each race is as close as it can be, with the lock and without.
    """

    def __init__(self, parties: int, day: int, patience: float = 0.15) -> None:
        self.barrier = threading.Barrier(parties)
        # Without the lock all of them come, some of them late on a busy machine.
        self.day, self.patience = day, patience if locking.IS_LOCKING else 3.0

    def clock(self) -> datetime:
        with suppress(threading.BrokenBarrierError):
            self.barrier.wait(self.patience)
        return moment(self.day)


@contextmanager
def without_locks() -> Iterator[None]:
    """The fault that a lock prevents is shown with the lock off."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(locking, "IS_LOCKING", False)
        yield


@contextmanager
def without_announcements() -> Iterator[None]:
    """No worker is woken: the races are about the verbs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(events, "after_commit", [])
        yield


def faults(outcomes: Sequence[Outcome]) -> list[str]:
    """Internal errors among some outcomes."""
    return [f"{outcome.code}: {outcome.error}" for outcome in outcomes if outcome.is_fault]
