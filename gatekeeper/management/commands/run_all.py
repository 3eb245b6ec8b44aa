"""Web, worker and beat in one terminal, with nothing to install beside Python."""

import fcntl
import hashlib
import importlib
import importlib.util
import os
import socket
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command, get_commands
from django.core.management.base import BaseCommand, CommandError

from gatekeeper.common.health import has_pending_migrations
from gatekeeper.supervisor import Child, Supervisor

LOCAL = "127.0.0.1"
# in a container or on a test machine, root is the only user there is
QUIET = "ignore:You're running the worker with superuser"


class Command(BaseCommand):
    help = "Start web server, worker and beat together; prepares database, files and demo first where needed."
    requires_system_checks = []  # the children check, and a second start should be quick

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--prepare-only", action="store_true", help="prepare, and start nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        with self._only_one():
            self._prepare()
            if options["prepare_only"]:
                return
            self._check_port()
            supervisor = Supervisor(
                self._children(),
                environment=os.environ | {"PYTHONUNBUFFERED": "1", "PYTHONWARNINGS": QUIET},
                ready_address=(self._own_address(), settings.PORT),
                on_ready=self._greet,
            )
            supervisor.run()
            self.stdout.write("Stopped.")

    def _only_one(self) -> IO[str]:
        """Two schedules over one database would do everything twice; the lock goes when this process goes."""
        lock = (settings.VAR_DIR / "run.lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            raise CommandError(f"gatekeeper is already running on {settings.VAR_DIR}.") from None
        return lock

    def _prepare(self) -> None:
        if has_pending_migrations():
            self.stdout.write("Preparing the database ...")
            call_command("migrate", interactive=False, verbosity=0)
        self._collect_static_files()
        if settings.DEMO and "demo" in get_commands():
            call_command("demo", if_empty=True)

    def _collect_static_files(self) -> None:
        """Only when a file of the front end is another than last time."""
        if settings.DEBUG:
            return
        stamp: Path = settings.STATIC_ROOT / ".collected"
        state = _static_state()
        if stamp.exists() and stamp.read_text() == state:
            return
        self.stdout.write("Preparing the front end's files ...")
        call_command("collectstatic", interactive=False, clear=True, verbosity=0)
        stamp.write_text(state)

    def _check_port(self) -> None:
        with socket.socket(socket.AF_INET6 if ":" in settings.BIND_ADDRESS else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((settings.BIND_ADDRESS, settings.PORT))
            except OSError as error:
                raise CommandError(
                    f"Cannot listen on {settings.BIND_ADDRESS} port {settings.PORT} ({error.strerror}). "
                    f"Another one: make run PORT={settings.PORT + 1}"
                ) from None

    def _children(self) -> list[Child]:
        celery = [sys.executable, "-m", "celery", "-A", "gatekeeper", "--quiet"]
        level = f"--loglevel={settings.LOG_LEVEL}"
        return [
            Child("web", [sys.executable, "-m", "gunicorn", "-c", "python:gatekeeper.gunicorn_conf"]),
            Child(
                "worker",
                [*celery, "worker", level, "--pool=threads", "--concurrency=4", "--without-gossip", "--without-mingle",
                 "--without-heartbeat"],
            ),
            Child("beat", [*celery, "beat", level, "--pidfile="]),
        ]  # fmt: skip

    def _own_address(self) -> str:
        return LOCAL if settings.BIND_ADDRESS in ("", "0.0.0.0", "::") else settings.BIND_ADDRESS  # noqa: S104

    def _greet(self) -> None:
        lines = ["", f"Gatekeeper is at {settings.BASE_URL}", *_demo_signins()]
        if settings.EMAIL_FILE_PATH:
            lines.append(f"Mails are written to {settings.EMAIL_FILE_PATH}")
        lines += ["Ctrl-C stops everything.", ""]
        self.stdout.write("\n".join(lines))
        self.stdout.flush()


def _demo_signins() -> Iterator[str]:
    """What the demo tells about its people, when it is there and loaded."""
    name = "gatekeeper.demo_signins"
    if settings.DEMO and importlib.util.find_spec(name):
        yield from importlib.import_module(name).lines()


def _static_state() -> str:
    """A short name for all files of the front end as they are: names, sizes, times."""
    digest = hashlib.sha256()
    for finder in get_finders():
        for path, storage in finder.list([]):
            status = Path(storage.path(path)).stat()
            digest.update(f"{path} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()
