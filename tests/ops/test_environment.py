"""A wrong environment stops the start with one clear line; a right one is enough."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import pytest

from gatekeeper.environment import PARSERS, Environment
from gatekeeper.settings import VARIABLES
from tests.processes import ROOT, plain_environment
from tests.settings import NOT_FOR_TESTS

KEY = "k3y-" * 20
PRODUCTION = {
    "PRODUCTION": "1",
    "BASE_URL": "https://gates.example.com",
    "SECRET_KEY": "0123456789abcdefghij" * 3,
    "DATABASE_URL": "postgres://gatekeeper:word@db:5432/gatekeeper",
    "REDIS_URL": "redis://queue:6379/0",
    "EMAIL_URL": "smtp+tls://gatekeeper:word@mail.example.com:587",
}
MALFORMED = {
    "PRODUCTION": "maybe",
    "BASE_URL": "gates.example.com",
    "SECRET_KEY": "short",
    "PROXY_COUNT": "one",
    "DATABASE_URL": "mysql://host/name",
    "REDIS_URL": "localhost:6379",
    "EMAIL_URL": "mail.example.com",
    "TIME_ZONE": "Mars/Olympus",
    "MAIL_LINK_DAYS": "0",
    "UPLOAD_LIMIT_MB": "0",
    "EVIDENCE_QUOTA_MB": "lots",
    "API_CALLS_PER_TOKEN": "0",
    "API_CALLS_PER_ADDRESS": "many",
    "PORT": "80000",
    "WEB_WORKERS": "-1",
    "WEB_THREADS": "four",
    "DEMO": "perhaps",
    "LOG_LEVEL": "LOUD",
    "DEBUG": "2",
}


# Reads cases line by line and forks for each: what every start imports is imported once, the settings in each fork.
FORK = """
import json, os, sys, traceback
import celery.schedules, django.core.management, django.template, environ
for line in sys.stdin:
    case = json.loads(line)
    if (child := os.fork()) == 0:
        for number in (1, 2):
            os.dup2(os.open(case["files"][number - 1], os.O_WRONLY | os.O_CREAT), number)
        os.environ.clear()
        os.environ.update(case["environment"])
        status = 0
        try:
            exec(case["code"], {})
        except SystemExit as end:
            status = end.code or 0
        except BaseException:
            traceback.print_exc()
            status = 1
        sys.stdout.flush()
        os._exit(status)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Start(Protocol):
    """Starts Python with the product's settings and these variables only."""

    def __call__(
        self, folder: Path, code: str = "import django; django.setup()", **variables: str
    ) -> subprocess.CompletedProcess[str]: ...


@pytest.fixture(scope="module")
def start() -> Iterator[Start]:
    with subprocess.Popen(
        [sys.executable, "-c", FORK],
        cwd=ROOT, env=plain_environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        into, out = process.stdin, process.stdout

        def run(
            folder: Path, code: str = "import django; django.setup()", **variables: str
        ) -> subprocess.CompletedProcess[str]:
            environment = plain_environment(
                DJANGO_SETTINGS_MODULE="gatekeeper.settings", **({"VAR_DIR": str(folder / "var")} | variables)
            )
            with TemporaryDirectory() as place:
                files = [Path(place, name) for name in ("out", "err")]
                case = {"code": code, "environment": environment, "files": [str(path) for path in files]}
                into.write(f"{json.dumps(case)}\n")
                into.flush()
                status = int(out.readline())
                return subprocess.CompletedProcess(code, status, *[path.read_text() for path in files])

        yield run
        into.close()


def test_a_fork_starts_as_python_itself_does(start: Start, tmp_path: Path) -> None:
    environment = plain_environment(DJANGO_SETTINGS_MODULE="gatekeeper.settings", VAR_DIR=str(tmp_path), PORT="80000")
    code = "import django; django.setup()"
    alone = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    forked = start(tmp_path, code, VAR_DIR=str(tmp_path), PORT="80000")
    assert (alone.returncode, alone.stdout, alone.stderr) == (forked.returncode, forked.stdout, forked.stderr)
    assert alone.returncode == 3


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_variable_is_named_with_what_is_expected(start: Start, name: str, tmp_path: Path) -> None:
    result = start(tmp_path, **{name: MALFORMED[name]})
    expected = next(variable.expected for variable in VARIABLES if variable.name == name)
    assert result.returncode == 3
    assert result.stderr.startswith(f"gatekeeper cannot start: {name}")
    assert result.stderr.strip().endswith(f"Expected: {expected}.")
    assert "Traceback" not in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_every_variable_that_can_be_malformed_is_tried_above() -> None:
    anything_goes = {"text", "list", "folder"}
    assert {variable.name for variable in VARIABLES if variable.kind not in anything_goes} == set(MALFORMED)
    assert {variable.kind for variable in VARIABLES} <= set(PARSERS)


def test_what_a_shell_sets_for_an_instance_reaches_no_test() -> None:
    names = {variable.name for variable in VARIABLES}
    # the folder is the run's own, and the suite goes to whatever engines are named
    assert names - {"VAR_DIR", "DATABASE_URL", "REDIS_URL"} == NOT_FOR_TESTS
    unset = next(line for line in (ROOT / ".ci" / "run").read_text().splitlines() if line.startswith("unset "))
    shown = subprocess.run(["bash", "-c", f"echo {unset}"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(shown.stdout.split()) == names | {"unset", "DJANGO_SETTINGS_MODULE"}


@pytest.mark.parametrize("name", [name for name in PRODUCTION if name != "PRODUCTION"])
def test_production_asks_for_what_is_missing(start: Start, name: str, tmp_path: Path) -> None:
    result = start(tmp_path, **{key: value for key, value in PRODUCTION.items() if key != name})
    assert result.returncode == 3
    assert result.stderr.startswith(f"gatekeeper cannot start: {name} is missing. Expected: ")
    assert len(result.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [("BASE_URL", "http://gates.example.com"), ("DATABASE_URL", "sqlite:////tmp/x.sqlite3"), ("DEBUG", "1")],
)
def test_production_refuses_embedded_habits(start: Start, name: str, value: str, tmp_path: Path) -> None:
    result = start(tmp_path, **(PRODUCTION | {name: value}))
    assert result.returncode == 3
    assert f"gatekeeper cannot start: {name}" in result.stderr


def test_a_secret_is_never_printed(start: Start, tmp_path: Path) -> None:
    result = start(tmp_path, DATABASE_URL="mysql://user:hidden-word@host/name", SECRET_KEY="hidden-word")
    assert "DATABASE_URL" in result.stderr
    assert "hidden-word" not in result.stderr


def test_a_folder_that_cannot_be_made_is_named(start: Start, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    result = start(tmp_path, VAR_DIR=str(blocked / "var"))
    assert result.returncode == 3
    assert result.stderr.startswith("gatekeeper cannot start: VAR_DIR")


def test_the_embedded_key_is_made_once_and_private(start: Start, tmp_path: Path) -> None:
    code = "from django.conf import settings; print(settings.SECRET_KEY)"
    first, second = start(tmp_path, code), start(tmp_path, code)
    assert first.stdout == second.stdout
    assert len(first.stdout.strip()) >= 50
    assert (tmp_path / "var" / "secret_key").stat().st_mode & 0o777 == 0o600


def test_the_deploy_check_is_clean_in_production(tmp_path: Path) -> None:
    environment = plain_environment(VAR_DIR=str(tmp_path / "var"), **PRODUCTION)
    result = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr


def test_https_turns_on_everything_that_needs_it(start: Start, tmp_path: Path) -> None:
    code = (
        "from django.conf import settings as s; print(s.SESSION_COOKIE_NAME, s.SESSION_COOKIE_SECURE, "
        "s.CSRF_COOKIE_SECURE, s.SECURE_SSL_REDIRECT, s.SECURE_HSTS_SECONDS)"
    )
    assert start(tmp_path, code, **PRODUCTION).stdout.split() == ["__Host-gk", "True", "True", "True", "31536000"]
    assert start(tmp_path, code).stdout.split() == ["gk", "False", "False", "False", "0"]


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("smtp://mail.example.com", ("mail.example.com", 25, False, False)),
        ("smtp+tls://u:p%40ss@mail.example.com", ("mail.example.com", 587, True, False)),
        ("smtps://mail.example.com:4650", ("mail.example.com", 4650, False, True)),
    ],
)
def test_mail_addresses(address: str, expected: tuple[str, int, bool, bool]) -> None:
    mail = Environment(VARIABLES, {"EMAIL_URL": address}).read("EMAIL_URL")
    assert (mail["EMAIL_HOST"], mail["EMAIL_PORT"], mail["EMAIL_USE_TLS"], mail["EMAIL_USE_SSL"]) == expected
    assert mail["EMAIL_HOST_PASSWORD"] == ("p@ss" if "p%40ss" in address else "")


def test_the_readme_prints_the_table_of_variables() -> None:
    readme = (ROOT / "README.md").read_text()
    section = readme.split("## Configuration", 1)[1].split("\n## ", 1)[0]
    rows = [row for row in section.splitlines() if re.match(r"\| `[A-Z_]+` \|", row)]
    assert rows == [variable.row() for variable in VARIABLES]
