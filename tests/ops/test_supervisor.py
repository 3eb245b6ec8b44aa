"""`manage.py run_all` with its real processes."""

import os
import random
import re
import shutil
import signal
import socket
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest

from gatekeeper.supervisor import pause_before_restart
from tests.processes import Process, plain_environment, wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("postgres" in os.environ.get("DATABASE_URL", ""), reason="the embedded default's own"),
]

# seconds: long enough for a machine that does much else
PATIENCE = 120


def free_port() -> int:
    """A port below those that the system gives away by itself, so that nobody else gets it meanwhile."""
    while True:
        port = random.SystemRandom().randrange(10_000, 30_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def status_of(port: int, path: str) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def children_of(pid: int) -> dict[str, int]:
    """Name → process id of the supervisor's own children, read from the system and not from its output."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            words = (entry / "cmdline").read_text().split("\0")
        except (OSError, ValueError):
            continue
        if parent == pid:
            for name, word in {"web": "gunicorn", "worker": "worker", "beat": "beat"}.items():
                if word in words:
                    found[name] = int(entry.name)
    return found


def group_is_gone(pid: int) -> bool:
    try:
        os.killpg(pid, 0)
    except ProcessLookupError:
        return True
    return False


def run_all(var: Path, port: int) -> Process:
    """The instance on a folder; use as `with run_all(var, port) as instance:`."""
    return Process("manage.py", "run_all", env=plain_environment(VAR_DIR=str(var), PORT=str(port), DEMO="0"))


@pytest.fixture(scope="module")
def after_first_start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first start of all, on an empty folder, ended by force; what it leaves behind is what the others start on."""
    var, port = tmp_path_factory.mktemp("first") / "var", free_port()
    with run_all(var, port) as first:
        wait_until(lambda: status_of(port, "/healthz") != 0, PATIENCE, first.output)
        assert status_of(port, "/admin/login/") == 200, "migrated before the web answers"
        assert first.output().count("Preparing the database ...") == 1
        first.wait_for("Ctrl-C stops everything", PATIENCE)
        children = children_of(first.pid)
        assert set(children) == {"web", "worker", "beat"}

        first.popen.send_signal(signal.SIGKILL)
        first.popen.wait(PATIENCE)
        wait_until(lambda: all(group_is_gone(pid) for pid in children.values()), PATIENCE)
    return var


def test_a_first_start_migrates_before_the_web_answers_and_killed_leaves_no_orphans(after_first_start: Path) -> None:
    assert (after_first_start / "gatekeeper.sqlite3").exists()


def test_the_next_start_prepares_nothing_refuses_a_second_restarts_the_killed_and_stops_all(
    after_first_start: Path, tmp_path: Path
) -> None:
    var, port = Path(shutil.copytree(after_first_start, tmp_path / "var")), free_port()
    with run_all(var, port) as instance:
        instance.wait_for("Ctrl-C stops everything", PATIENCE)
        assert "Preparing" not in instance.output()
        assert f"Gatekeeper is at http://localhost:{port}" in instance.output()
        assert f"Mails are written to {var}/mail" in instance.output()
        wait_until(lambda: status_of(port, "/readyz") == 200, PATIENCE, instance.output)
        assert status_of(port, "/admin/login/") == 200
        first = children_of(instance.pid)
        assert set(first) == {"web", "worker", "beat"}

        with run_all(var, free_port()) as second:
            assert second.popen.wait(PATIENCE) == 1
            assert "already running" in second.output()
        assert children_of(instance.pid) == first

        for name in ("worker", "web", "beat"):
            os.kill(first[name], signal.SIGKILL)

        def are_back() -> bool:
            now = children_of(instance.pid)
            return set(now) == set(first) and not set(now.values()) & set(first.values())

        wait_until(are_back, PATIENCE, instance.output)
        again = children_of(instance.pid)
        for name in first:
            assert re.search(rf"{name} +\| was killed by signal 9; starting it again", instance.output())
        wait_until(lambda: status_of(port, "/healthz") == 200, PATIENCE, instance.output)

        instance.popen.send_signal(signal.SIGTERM)
        assert instance.popen.wait(PATIENCE) == 0
        wait_until(lambda: all(group_is_gone(pid) for pid in (*first.values(), *again.values())), PATIENCE)
        assert "Stopped." in instance.output()


def test_a_taken_port_is_named_and_what_only_prepares_does_not_mind(after_first_start: Path, tmp_path: Path) -> None:
    var = Path(shutil.copytree(after_first_start, tmp_path / "var"))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with run_all(var, port) as process:
            assert process.popen.wait(PATIENCE) == 1
            assert f"Cannot listen on 127.0.0.1 port {port}" in process.output()
        environment = plain_environment(VAR_DIR=str(var), PORT=str(port), DEMO="0")
        with Process("manage.py", "run_all", "--prepare-only", env=environment) as process:
            assert process.popen.wait(PATIENCE) == 0, process.output()


def test_pauses_grow_to_half_a_minute() -> None:
    assert [pause_before_restart(deaths) for deaths in (1, 2, 3, 7, 50)] == [0.5, 1, 2, 30, 30]
