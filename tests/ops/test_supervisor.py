"""`manage.py run_all` with its real processes."""

import os
import re
import shutil
import signal
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatekeeper.supervisor import pause_before_restart
from tests.processes import Process, plain_environment, wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("postgres" in os.environ.get("DATABASE_URL", ""), reason="the embedded default's own"),
]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def status_of(port: int, path: str) -> int:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as response:
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


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def first_start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a first start leaves behind: a migrated database and the collected files."""
    folder = tmp_path_factory.mktemp("first") / "var"
    environment = plain_environment(VAR_DIR=str(folder), DEMO="0")
    with Process("manage.py", "run_all", "--prepare-only", env=environment) as first:
        assert first.popen.wait(120) == 0, first.output()
        assert "Preparing the database" in first.output()
    return folder


@pytest.fixture
def var(tmp_path: Path, first_start: Path) -> Path:
    return Path(shutil.copytree(first_start, tmp_path / "var"))


@pytest.fixture
def instance(var: Path, port: int) -> Iterator[Process]:
    environment = plain_environment(VAR_DIR=str(var), PORT=str(port), DEMO="0")
    with Process("manage.py", "run_all", env=environment) as process:
        process.wait_for("Ctrl-C stops everything", 60)
        yield process


def test_starts_all_restarts_the_killed_and_stops_all(instance: Process, port: int, var: Path) -> None:
    assert f"Gatekeeper is at http://localhost:{port}" in instance.output()
    assert f"Mails are written to {var}/mail" in instance.output()
    wait_until(lambda: status_of(port, "/readyz") == 200, 30, instance.output)
    first = children_of(instance.pid)
    assert set(first) == {"web", "worker", "beat"}

    for name in ("worker", "web", "beat"):
        os.kill(first[name], signal.SIGKILL)
    wait_until(lambda: set(children_of(instance.pid)) == set(first), 20, instance.output)
    second = children_of(instance.pid)
    assert not set(first.values()) & set(second.values())
    for name in first:
        assert re.search(rf"{name} +\| was killed by signal 9; starting it again", instance.output())
    wait_until(lambda: status_of(port, "/healthz") == 200, 20, instance.output)

    instance.popen.send_signal(signal.SIGTERM)
    assert instance.popen.wait(20) == 0
    assert all(group_is_gone(pid) for pid in (*first.values(), *second.values()))
    assert "Stopped." in instance.output()


def test_no_orphans_when_the_supervisor_is_killed(instance: Process) -> None:
    children = children_of(instance.pid)
    instance.popen.send_signal(signal.SIGKILL)
    instance.popen.wait(5)
    wait_until(lambda: all(group_is_gone(pid) for pid in children.values()), 20)


def test_a_second_one_on_the_same_folder_is_refused(instance: Process, var: Path) -> None:
    environment = plain_environment(VAR_DIR=str(var), PORT=str(free_port()), DEMO="0")
    with Process("manage.py", "run_all", env=environment) as second:
        assert second.popen.wait(20) == 1
        assert "already running" in second.output()


def test_a_taken_port_is_named(var: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        environment = plain_environment(VAR_DIR=str(var), PORT=str(port), DEMO="0")
        with Process("manage.py", "run_all", env=environment) as process:
            assert process.popen.wait(60) == 1
            assert f"Cannot listen on 127.0.0.1 port {port}" in process.output()


def test_the_second_start_prepares_nothing_and_answers(var: Path, port: int) -> None:
    environment = plain_environment(VAR_DIR=str(var), PORT=str(port), DEMO="0")
    with Process("manage.py", "run_all", env=environment) as second:
        wait_until(lambda: status_of(port, "/admin/login/") == 200, 20, second.output)
        assert "Preparing" not in second.output()


def test_an_unmigrated_database_is_migrated_before_the_web_answers(var: Path, port: int) -> None:
    for file in var.glob("gatekeeper.sqlite3*"):
        file.unlink()
    environment = plain_environment(VAR_DIR=str(var), PORT=str(port), DEMO="0")
    with Process("manage.py", "run_all", env=environment) as process:
        wait_until(lambda: status_of(port, "/healthz") == 200, 90, process.output)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/admin/login/", timeout=5) as page:
            assert page.status == 200


def test_pauses_grow_to_half_a_minute() -> None:
    assert [pause_before_restart(deaths) for deaths in (1, 2, 3, 7, 50)] == [0.5, 1, 2, 30, 30]
