"""Real processes of the product, on the database of the running test."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from django.conf import settings
from django.db import connection

ROOT = Path(__file__).resolve().parent.parent
WORKER = ("-m", "celery", "-A", "gatekeeper", "--quiet", "worker", "--without-gossip", "--without-mingle")
BEAT = ("-m", "celery", "-A", "gatekeeper", "--quiet", "beat", "--pidfile=")


def plain_environment(**changes: str) -> dict[str, str]:
    """The machine's environment without the product's variables, so that only `changes` configure the process."""
    from gatekeeper.settings import VARIABLES

    ours = {variable.name for variable in VARIABLES} | {"DJANGO_SETTINGS_MODULE"}
    return {name: value for name, value in os.environ.items() if name not in ours} | changes


def test_database_url() -> str:
    """The address of the test's own database, as a process would be given it."""
    config = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{config['NAME']}"
    password = f":{config['PASSWORD']}" if config["PASSWORD"] else ""
    host, port = config["HOST"] or "localhost", config["PORT"] or 5432
    return f"postgres://{config['USER']}{password}@{host}:{port}/{config['NAME']}"


def environment_of_test(**changes: str) -> dict[str, str]:
    """What makes a process work on the test's database, queue and folders."""
    return plain_environment(
        VAR_DIR=str(settings.VAR_DIR),
        DATABASE_URL=test_database_url(),
        REDIS_URL=settings.REDIS_URL,
        DJANGO_SETTINGS_MODULE="tests.processes_settings",
        GATEKEEPER_TEST_KEYPREFIX=settings.CELERY_BROKER_TRANSPORT_OPTIONS.get("global_keyprefix", ""),
        GATEKEEPER_TEST_POSTGRESQL_OPTIONS=settings.POSTGRESQL_OPTIONS_OF_TESTS,
        PYTHONUNBUFFERED="1",
        **changes,
    )


class Process:
    """A child in its own group, with its output kept; ends with the `with` block."""

    def __init__(self, *arguments: str, env: Mapping[str, str], cwd: Path = ROOT) -> None:
        self.popen = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        assert self.popen.stdout is not None
        os.set_blocking(self.popen.stdout.fileno(), False)
        self._output = b""

    @property
    def pid(self) -> int:
        return self.popen.pid

    def output(self) -> str:
        """Everything printed up to now."""
        assert self.popen.stdout is not None
        with suppress(BlockingIOError):
            while chunk := os.read(self.popen.stdout.fileno(), 65536):
                self._output += chunk
        return self._output.decode(errors="replace")

    def wait_for(self, text: str, seconds: float = 90) -> None:
        """Until the text has been printed."""
        wait_until(lambda: text in self.output() or self.popen.poll() is not None, seconds, self.output)
        assert text in self.output(), self.output()

    def kill_group(self) -> None:
        """kill -9 to the process and all its children."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.popen.wait(30)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.output()
        if self.popen.poll() is None:
            self.popen.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.popen.wait(30)
        self.kill_group()
        if self.popen.stdout is not None:
            self.popen.stdout.close()


def start_worker(*more: str, **changes: str) -> Process:
    """A real Celery worker on the test's database; use as `with start_worker() as worker:`."""
    pool = ("--pool=threads", "--concurrency=4") if not any(word.startswith("--pool") for word in more) else ()
    process = Process(*WORKER, *pool, *more, env=environment_of_test(**changes))
    process.wait_for("ready.")
    return process


def wait_until(is_so: Callable[[], bool], seconds: float = 90, explain: Callable[[], str] = str) -> None:
    """Poll until something is so, and fail with an explanation when it does not become so."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"not within {seconds} s. {explain()}"
        time.sleep(0.05)
