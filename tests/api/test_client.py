"""The command line client, asked alone: what it sends where, what it keeps, what it says when things go wrong.

A small server plays the site and answers from a script; the commands themselves are run against the real API elsewhere.
"""

import http.server
import json
import os
import shutil
import ssl
import stat
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import gatekeeper_cli as client
from tests.processes import ROOT

TOKEN = "gk_4f7k2m9q_" + "Ab3" * 16
ME = {"username": "maya", "scopes": ["read", "write"]}
GO = {"verdict": "go", "summary": "Approved.", "satisfied": [], "blockers": [], "waived": []}
VERDICT = ["verdict", "router", "1.0", "market-opportunity"]
SUBMIT = ["gate", "submit", "router", "1.0", "market-opportunity"]
MADE = {"round": 1, "digest": "sha256:00"}

Answer = tuple[int, Any, dict[str, str]] | str


class Script(http.server.BaseHTTPRequestHandler):
    """Answers with the next line of the script: (status, body, headers), or a word for a fault."""

    server: "Stage"

    def answer(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        self.server.asked.append((self.command, self.path, dict(self.headers), self.rfile.read(length)))
        line = self.server.script.pop(0)
        if line == "hang up":
            self.connection.close()
            return
        if line == "sleep":
            self.server.woken.wait(5)
            return
        assert not isinstance(line, str)
        status, body, headers = line
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        kind = "application/json" if status < 300 else "application/problem+json"
        for name, value in {"Content-Type": kind, "Content-Length": str(len(raw)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)

    do_GET = do_POST = do_PUT = answer

    def log_message(self, *_args: Any) -> None:
        pass


class Stage(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Script)
        self.script: list[Answer] = []
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        self.woken = threading.Event()

    @property
    def url(self) -> str:
        return f"http://localhost:{self.server_port}"

    def handle_error(self, *_args: Any) -> None:
        pass


@pytest.fixture
def stage() -> Iterator[Stage]:
    with Stage() as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.02,))
        thread.start()
        yield made
        made.woken.set()
        made.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder of its own, no account in the environment, no waiting between two tries."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("GATEKEEPER_URL", "GATEKEEPER_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    return tmp_path


@pytest.fixture
def account(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """The stage, with its account in the environment."""
    monkeypatch.setenv("GATEKEEPER_URL", stage.url)
    monkeypatch.setenv("GATEKEEPER_TOKEN", TOKEN)
    return stage


def type_in(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    read, write = os.pipe()
    os.write(write, text.encode())
    os.close(write)
    monkeypatch.setattr("sys.stdin", os.fdopen(read))


def test_login_tries_the_token_and_keeps_it_where_only_its_owner_reads_it(
    stage: Stage, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    type_in(monkeypatch, f"{TOKEN}\n")
    stage.script = [(401, {"status": 401, "detail": "This token is unknown."}, {})]
    assert client.main(["login", "--url", f"{stage.url}/"]) == client.REFUSED
    file = home / "config" / "gatekeeper" / "credentials.json"
    assert not file.exists()

    type_in(monkeypatch, f"{TOKEN}\n")
    stage.script = [(200, ME, {}), (200, GO, {}), (200, GO, {})]
    assert client.main(["login", "--url", f"{stage.url}/api/v1/"]) == client.DONE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert client.main(VERDICT) == client.DONE
    assert stage.asked[-1][2]["Authorization"] == f"Bearer {TOKEN}"
    told = capsys.readouterr()
    assert f"Signed in to {stage.url} as maya. Scopes of the token: read, write." in told.out
    assert TOKEN not in told.out + told.err

    file.chmod(0o640)
    assert client.main(VERDICT) == client.UNKNOWN
    assert "Others may read" in capsys.readouterr().err
    file.chmod(0o600)

    # a kept token goes to no other address, and the environment counts first
    monkeypatch.setenv("GATEKEEPER_URL", "https://other.example.com")
    count = len(stage.asked)
    assert client.main(VERDICT) == client.UNKNOWN
    assert "Set GATEKEEPER_TOKEN too" in capsys.readouterr().err
    monkeypatch.setenv("GATEKEEPER_URL", stage.url)
    monkeypatch.setenv("GATEKEEPER_TOKEN", f"{TOKEN}2")
    assert client.main(VERDICT) == client.DONE
    assert [asked[2]["Authorization"] for asked in stage.asked[count:]] == [f"Bearer {TOKEN}2"]

    assert client.main(["logout"]) == client.DONE
    assert not file.exists()


@pytest.mark.parametrize(
    "address",
    [
        "http://gates.example.com", "http://10.0.0.7:8000", "http://localhost.example.com", "ftp://localhost",
        "https://user:secret@gates.example.com", "https://", "gates.example.com", "https://gates.example.com:port",
        "http://127.0.0.1.example.com", "",
    ],
)  # fmt: skip
def test_a_token_goes_nowhere_in_the_clear(address: str) -> None:
    with pytest.raises(client.CouldNotTell):
        client.read_address(address)


def test_addresses_that_count(monkeypatch: pytest.MonkeyPatch) -> None:
    read = client.read_address
    assert read("https://gates.example.com/api/v1/") == "https://gates.example.com"
    assert read(" https://example.com/gates/ ") == "https://example.com/gates"
    for here in ("http://localhost:8000", "http://127.0.0.1:8000", "http://[::1]:8000"):
        assert read(here) == here


def test_a_redirect_and_a_proxy_get_no_token(
    account: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    account.script = [(302, b"", {"Location": f"{account.url}/elsewhere/"})]
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert client.main(VERDICT) == client.UNKNOWN
    assert len(account.asked) == 1
    assert f"sends us to {account.url}/elsewhere/" in capsys.readouterr().err


@pytest.mark.parametrize("fault", ["hang up", (503, {}, {"Retry-After": "2"}), (429, {}, {})])
def test_what_did_not_get_through_is_sent_once_more_under_the_same_key(account: Stage, fault: Answer) -> None:
    account.script = [fault, (201, MADE, {})]
    assert client.main(SUBMIT) == client.DONE
    account.script = [(201, MADE, {})]
    assert client.main(SUBMIT) == client.DONE
    keys = [headers["Idempotency-Key"] for _method, _path, headers, _body in account.asked]
    assert len(keys) == 3
    assert keys[0] == keys[1] != keys[2]
    assert [json.loads(body) for *_rest, body in account.asked] == [{"summary": ""}] * 3

    account.asked.clear()
    account.script = [fault, fault, fault]
    assert client.main(SUBMIT) != client.DONE
    assert len(account.asked) == 2


def test_a_refusal_is_not_sent_again_and_names_field_and_reason(
    account: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    said = {
        "status": 422,
        "detail": "The gate was not submitted.",
        "errors": [{"field": "summary", "code": "too_long", "message": "At most 2000 characters."}],
        "blockers": [{"code": "deliverable_missing", "subject": "brief", "message": "The brief is\x1b[31m missing."}],
    }
    account.script = [(422, said, {}), (422, said, {})]
    assert client.main(SUBMIT) == client.REFUSED
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines() == [
        "Refused (422): The gate was not submitted.",
        "- summary: At most 2000 characters.",
        "- The brief is[31m missing. (deliverable missing)",
    ]
    assert client.main([*SUBMIT, "--json"]) == client.REFUSED
    assert json.loads(capsys.readouterr().err) == said
    assert len(account.asked) == 2


@pytest.mark.parametrize(
    ("answer", "exit_code"),
    [
        ((200, GO, {}), 0),
        ((200, GO | {"verdict": "no_go"}, {}), 1),
        ((200, {"verdict": "perhaps"}, {}), 2),
        ((200, [1], {}), 2),
        ((200, GO | {"blockers": [7]}, {}), 2),
        ((200, b"<html>Welcome</html>", {}), 2),
        ((404, {"status": 404, "detail": "There is nothing at this address."}, {}), 2),
        ((403, b"", {}), 2),
        ((500, b"<h1>", {"Content-Type": "text/html"}), 2),
    ],
)
def test_a_verdict_is_0_or_1_only_when_it_was_given(account: Stage, answer: Answer, exit_code: int) -> None:
    account.script = [answer]
    assert client.main(VERDICT) == exit_code


def test_an_error_of_the_client_itself_is_no_verdict(account: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "gate_path", lambda _words: 1 / 0)
    assert client.main(VERDICT) == client.UNKNOWN
    with pytest.raises(SystemExit) as stopped:
        client.main([*VERDICT, "--as-off", "yesterday"])
    assert stopped.value.code == client.UNKNOWN


def test_nobody_waits_for_ever(account: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    account.script = ["sleep", "sleep"]
    assert client.main([*VERDICT, "--timeout", "0.1"]) == client.UNKNOWN
    assert f"{account.url} did not answer within 0.1 seconds." in capsys.readouterr().err
    account.server_close()
    assert client.main([*VERDICT, "--timeout", "0.1"]) == client.UNKNOWN
    assert "cannot be reached" in capsys.readouterr().err


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl")
def test_a_certificate_that_nobody_vouches_for_ends_it(
    account: Stage, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    key, certificate = home / "key.pem", home / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj",
         "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    account.socket = context.wrap_socket(account.socket, server_side=True)
    monkeypatch.setenv("GATEKEEPER_URL", account.url.replace("http:", "https:"))
    account.script = [(200, GO, {})]
    assert client.main(VERDICT) == client.UNKNOWN
    assert "does not hold: self-signed certificate" in capsys.readouterr().err
    assert account.asked == []
    # an organisation's own authority is named the way every program takes it
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert client.main(VERDICT) == client.DONE


def test_the_package_brings_the_command() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["scripts"] == {"gatekeeper": "gatekeeper_cli:main"}
    assert project["tool"]["setuptools"]["py-modules"] == ["gatekeeper_cli"]
    loads = "import sys, gatekeeper_cli; print([name for name in sys.modules if name.startswith(('django', 'celery'))])"
    told = subprocess.run([sys.executable, "-S", "-c", loads], cwd=ROOT, check=True, capture_output=True, text=True)
    assert told.stdout == "[]\n"
