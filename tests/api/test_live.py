"""The client and every recipe against the real API, over a real connection."""

import io
import json
import re
import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from hmac import new as hmac_of
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.db import transaction
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

import gatekeeper_cli as client
from approvals.actions.people import create_person
from approvals.models import Check
from gatekeeper.accounts.models import User
from gatekeeper.common.calendars import day_of
from releases.actions.products import grant_product_permission
from releases.actions.releases import activate_release, create_release
from releases.models import Release
from tests.api.conftest import token_of
from tests.cast import MARKET, SMALL_PLAYBOOK, Cast, fill, gate_of, make_playbook, recorded_cast
from tests.processes import ROOT

pytestmark = pytest.mark.django_db(transaction=True)

RECIPES = ROOT / "docs" / "recipes"
GATE = ("router", "2.0", MARKET)


@dataclass
class Stage:
    """A release at a gate with a blocking check, the account of the build machine, and where to ask."""

    cast: Cast
    release: Release
    bot: User
    url: str
    patch: pytest.MonkeyPatch

    def come_as(self, person: User, *scopes: str, **more: Any) -> str:
        token = token_of(person, *scopes, **more)
        self.patch.setenv("GATEKEEPER_URL", self.url)
        self.patch.setenv("GATEKEEPER_TOKEN", token)
        return token

    def come_as_tool(self) -> str:
        names = ["ci/nightly", "runbook"]
        return self.come_as(self.bot, "read", "checks", products=[self.cast.product.pk], checks=names)

    def check(self, name: str = "ci/nightly") -> Check:
        return Check.objects.get(gate__release=self.release, name=name)


@pytest.fixture
def stage(live_server: LiveServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Stage:
    with transaction.atomic():
        cast = recorded_cast()
        first = SMALL_PLAYBOOK["gates"][0] | {"checks": [{"name": "ci/nightly", "blocking": True}, {"name": "runbook"}]}
        playbook = make_playbook(SMALL_PLAYBOOK | {"slug": "checked", "gates": [first, *SMALL_PLAYBOOK["gates"][1:]]})
        target = day_of(timezone.now()) + timedelta(days=200)
        draft = create_release(product=cast.product, version="2.0", target_on=target, playbook=playbook, actor=cast.pm)
        release = activate_release(release_id=draft.pk, actor=cast.pm)
        bot = create_person(
            username="build-bot", email="bot@example.com", full_name="Build bot", is_service=True,
            actor=cast.administrator,
        )  # fmt: skip
        grant_product_permission(product=cast.product, codename="report_checks", holder=bot, actor=cast.administrator)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return Stage(cast, release, bot, live_server.url, monkeypatch)


def test_a_gate_is_led_to_its_decision_from_the_command_line(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    def run(*words: str, code: int = client.DONE) -> str:
        assert client.main(words) == code, capsys.readouterr()
        told = capsys.readouterr()
        assert "gk_" not in told.out + told.err
        return told.err if code else told.out

    cast = stage.cast
    stage.come_as(cast.pm, "read", "write")
    assert run("inbox") == "Nothing waits for you.\n"
    shown = run("gate", "show", *GATE)
    assert "Market Opportunity of router 2.0 is open." in shown
    assert "Role Engineering: none, 0 of 1 approvals; held by " in shown
    assert "Blocking check ci/nightly: " in shown
    assert "It waits for its product manager." in shown
    assert "You may: edit evidence" in shown
    refused = run("gate", "submit", *GATE, code=client.REFUSED)
    assert "Refused (422): " in refused
    assert "Market opportunity brief" in refused
    assert "ci/nightly" in refused
    assert "scope decide" in run("gate", "approve", *GATE, "--role", "engineering", code=client.REFUSED)

    stage.come_as_tool()
    said = run("check", "report", *GATE, "ci/nightly", "--status", "success", "--run-number", "8", "--summary", "Fine")
    assert said == f"ci/nightly is success at {MARKET} of router 2.0.\n"
    older = run("check", "report", *GATE, "ci/nightly", "--status", "failure", "--run-number", "7")
    assert older == "Ignored: a newer run of ci/nightly than 7 has been reported already.\n"
    assert (stage.check().status, stage.check().run_number) == ("success", 8)
    run("check", "report", *GATE, "ci/other", "--status", "success", "--run-number", "1", code=client.REFUSED)

    with transaction.atomic():
        fill(cast, gate_of(stage.release, MARKET))
    stage.come_as(cast.pm, "read", "write")
    assert run("gate", "submit", *GATE, "--summary", "Ready.").startswith(f"Submitted {MARKET} of router 2.0: round 1,")
    before = timezone.now()
    client.main(["verdict", *GATE])
    assert capsys.readouterr().out.startswith("No go. ")
    assert client.main(["verdict", *GATE]) == client.REFUSED
    capsys.readouterr()

    stage.come_as(cast.second_approver, "read", "decide")
    assert run("inbox").startswith(
        f"1 gate waits for you.\n1. Market Opportunity ({MARKET}) of router 2.0, round 1, as Sales."
    )
    assert run("gate", "decline", *GATE, "--comment", "The market is smaller.") == (
        f"Declined round 1 of {MARKET}, router 2.0, as sales.\n"
    )
    assert "There is nothing for you to decide" in run("gate", "approve", *GATE, code=client.UNKNOWN)
    stage.come_as(cast.pm, "read", "write")
    run("gate", "submit", *GATE)
    stage.come_as(cast.approver, "read", "decide")
    run("gate", "approve", *GATE, "--round", "1", "--role", "engineering", code=client.REFUSED)
    due = (timezone.now() + timedelta(days=30)).date()
    condition = f"{cast.pm.username} {due} Count the market again"
    why = "comment: A comment that says why is needed."
    assert why in run("gate", "approve", *GATE, "--condition", condition, code=client.REFUSED)
    comment = ("--comment", "If it is counted again.")
    assert "as engineering" in run("gate", "approve", *GATE, "--condition", condition, *comment)
    stage.come_as(cast.second_approver, "read", "decide")
    decided = json.loads(run("gate", "approve", *GATE, "--json"))
    assert (decided["decision"]["verdict"], decided["gate"]["state"]) == ("approve", "approved")

    assert run("verdict", *GATE).startswith("Go. ")
    assert json.loads(run("verdict", *GATE, "--json"))["verdict"] == "go"
    assert client.main(["verdict", *GATE, "--as-of", before.isoformat()]) == client.REFUSED
    assert capsys.readouterr().out.startswith("No go. ")
    assert client.main(["verdict", "router", "9.9", MARKET]) == client.UNKNOWN
    assert "Refused (404)" in capsys.readouterr().err
    assert "approve on" in run("gate", "show", *GATE)


def test_the_examples_of_the_readme_run(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    chapter = (ROOT / "README.md").read_text().split("## Command line and CI")[1]
    lines = [line for line in chapter.split("```")[1].splitlines() if line]
    said = dict(zip(("remote-support", "5.2", "release-readiness"), GATE, strict=True))
    said |= {"https://gates.example.com": stage.url, "2026-11-20T09:14:03Z": timezone.now().isoformat()}
    cast = stage.cast
    with transaction.atomic():
        fill(cast, gate_of(stage.release, MARKET))
    people: dict[str, tuple[User, tuple[str, ...]]] = {
        "login": (cast.approver, ("read",)), "inbox": (cast.approver, ("read",)), "verdict": (stage.bot, ("read",)),
        "gate show": (cast.pm, ("read",)), "gate submit": (cast.pm, ("write",)),
        "gate approve": (cast.approver, ("read", "decide")),
    }  # fmt: skip
    for line in lines:
        words = [said.get(word, word) for word in shlex.split(line)]
        assert words.pop(0) == "gatekeeper"
        name = words[0] if words[0] in people else " ".join(words[:2])
        token = stage.come_as(people[name][0], *people[name][1]) if name in people else stage.come_as_tool()
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{token}\n"))
        expected = client.REFUSED if name == "verdict" else client.DONE  # sales have not decided yet
        assert client.main(words) == expected, (line, capsys.readouterr())
    assert capsys.readouterr().out.strip().endswith("}")


def bash(lines: str, folder: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Lines of a recipe as its runner runs them: in bash, ended by the first failure."""
    tools = folder / "tools"
    tools.mkdir(exist_ok=True)
    (tools / "gatekeeper_cli.py").write_bytes((ROOT / "gatekeeper_cli.py").read_bytes())
    (folder / "Makefile").write_text("test:\n\t@exit $(FAILS)\n")
    return subprocess.run(["bash", "-e", "-c", lines], cwd=folder, env=env, capture_output=True, text=True, timeout=60)


def github_steps() -> dict[str, str]:
    steps = yaml.safe_load((RECIPES / "github-actions.yml").read_text())["jobs"]["gate"]["steps"]
    return {step["name"]: step["run"] for step in steps if "run" in step}


def gitlab_lines() -> str:
    return "\n".join(yaml.safe_load((RECIPES / "gitlab-ci.yml").read_text())["gate"]["script"])


def jenkins_lines() -> list[str]:
    text = (RECIPES / "Jenkinsfile").read_text()
    return [lines.replace("\\\\", "\\") for lines in re.findall(r"sh '''\n(.*?)'''", text, re.DOTALL)]


needs_curl = pytest.mark.skipif(not (shutil.which("curl") and shutil.which("jq")), reason="needs curl and jq")


@needs_curl
def test_pipelines_report_a_check_and_stop_at_a_gate_that_is_no_go(stage: Stage, tmp_path: Path) -> None:
    product, version, gate = GATE
    path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"
    env = {
        "PATH": path, "HOME": str(tmp_path), "GATEKEEPER_URL": stage.url, "GATEKEEPER_TOKEN": stage.come_as_tool(),
        "PRODUCT": product, "VERSION": version, "GATE": gate, "FAILS": "0", "STATUS": "success",
        "GITHUB_RUN_NUMBER": "41", "GITHUB_RUN_ID": "7", "GITHUB_REPOSITORY": "acme/router",
        "GITHUB_SERVER_URL": "https://github.example.com", "CI_PIPELINE_IID": "42",
        "CI_PIPELINE_URL": "https://gitlab.example.com/p/42", "BUILD_NUMBER": "43",
        "BUILD_URL": "https://jenkins.example.com/43/",
    }  # fmt: skip
    report, ask = github_steps()["Report the tests"], github_steps()["Ask for the verdict"]
    done = bash(report, tmp_path, env)
    assert done.returncode == 0, done
    check = stage.check()
    url = "https://github.example.com/acme/router/actions/runs/7"
    assert (check.status, check.run_number, check.details_url) == ("success", 41, url)
    asked = bash(ask, tmp_path, env)
    assert (asked.returncode, asked.stderr) == (1, ""), asked
    assert "- " in asked.stdout
    assert bash(ask, tmp_path, env | {"VERSION": "9.9"}).returncode == 2
    assert bash(report, tmp_path, env | {"GATEKEEPER_TOKEN": "gk_no_token"}).returncode != 0

    done = bash(gitlab_lines(), tmp_path, env | {"FAILS": "1"})
    assert done.returncode == 1, done
    assert (stage.check().status, stage.check().run_number) == ("failure", 42)
    assert "No go." in done.stdout

    test, verdict = jenkins_lines()
    assert bash(test, tmp_path, env).returncode == 0
    assert (stage.check().status, stage.check().details_url) == ("success", "https://jenkins.example.com/43/")
    with transaction.atomic():
        cast = stage.cast
        fill(cast, gate_of(stage.release, MARKET))
    assert bash(verdict, tmp_path, env).returncode == 1
    stage.come_as(cast.pm, "read", "write")
    assert client.main(["gate", "submit", *GATE]) == 0
    for person in (cast.approver, cast.second_approver):
        stage.come_as(person, "read", "decide")
        assert client.main(["gate", "approve", *GATE]) == 0
    for lines in (verdict, ask):
        assert bash(lines, tmp_path, env).returncode == 0


def test_webhooks_of_other_tools_become_checks(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(RECIPES)
    import webhook_to_check as recipe

    stage.come_as_tool()
    place = {"product": "router", "version": "2.0", "gate": MARKET}
    places = {
        "github": {"acme/router@main": place | {"checks": {"nightly": "ci/nightly"}}},
        "jira": {"ROU-7": place | {"check": "runbook"}},
    }
    receiver = recipe.Receiver(client.Site(client.find_account()), "a shared secret", places)
    deliveries = iter(range(100))

    def send(path: str, message: dict[str, Any], **headers: str) -> str:
        body = json.dumps(message).encode()
        signature = "sha256=" + hmac_of(b"a shared secret", body, sha256).hexdigest()
        number = str(next(deliveries))
        names = {
            "/github": {
                "X-GitHub-Event": "workflow_run", "X-GitHub-Delivery": number, "X-Hub-Signature-256": signature,
            },
            "/jira": {"X-Atlassian-Webhook-Identifier": number, "X-Hub-Signature": signature},
        }  # fmt: skip
        return str(receiver.receive(path, names[path] | {k.replace("_", "-"): v for k, v in headers.items()}, body))

    def run_of(number: int, status: str = "completed", conclusion: str | None = "success") -> dict[str, Any]:
        run = {
            "name": "nightly", "head_branch": "main", "run_number": number, "run_attempt": 1, "status": status,
            "conclusion": conclusion, "html_url": f"https://github.example.com/runs/{number}",
        }  # fmt: skip
        return {"repository": {"full_name": "acme/router"}, "workflow_run": run}

    assert send("/github", run_of(5, "in_progress", None)) == "ci/nightly is pending."
    assert send("/github", run_of(5), X_GitHub_Delivery="one") == "ci/nightly is success."
    # again, out of order, forged, and of an older run: four that change nothing
    with pytest.raises(recipe.Ignored, match="taken already"):
        send("/github", run_of(5), X_GitHub_Delivery="one")
    with pytest.raises(recipe.Ignored, match="newer report"):
        send("/github", run_of(5, "in_progress", None))
    with pytest.raises(recipe.Refused, match="signature"):
        send("/github", run_of(6, conclusion="failure"), X_Hub_Signature_256="sha256=" + "0" * 64)
    with pytest.raises(recipe.Ignored, match="newer report"):
        send("/github", run_of(4, conclusion="failure"))
    assert stage.check().status == "success"
    assert send("/github", run_of(6, conclusion="timed_out")) == "ci/nightly is error."
    for message in ({"workflow_run": 1}, {}):
        with pytest.raises(recipe.Refused, match="not a message"):
            send("/github", message)

    def issue(category: str, at: float) -> dict[str, Any]:
        status = {"name": "Done", "statusCategory": {"key": category}}
        found = {"key": "ROU-7", "self": "https://jira.example.com/rest/api/2/issue/1", "fields": {"status": status}}
        return {"timestamp": int(at * 1000), "webhookEvent": "jira:issue_updated", "issue": found}

    now = time.time()
    with pytest.raises(recipe.Refused, match="last 5 minutes"):
        send("/jira", issue("done", now - 301))
    assert send("/jira", issue("done", now)) == "runbook is success."
    with pytest.raises(recipe.Ignored, match="newer report"):
        send("/jira", issue("new", now - 10))
    assert stage.check("runbook").details_url == "https://jira.example.com/browse/ROU-7"
    stage.come_as(stage.cast.outsider, "read")
    receiver.site = client.Site(client.find_account())
    with pytest.raises(recipe.Refused, match="scope") as refused:
        send("/github", run_of(9))
    assert refused.value.status == 502


@needs_curl
def test_a_spreadsheet_goes_in_and_out(stage: Stage, tmp_path: Path) -> None:
    token = stage.come_as(stage.cast.pm, "read", "write")
    env = {
        "PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "GATEKEEPER_URL": stage.url, "GATEKEEPER_TOKEN": token,
        "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    today = day_of(timezone.now())
    target, gate = today + timedelta(days=300), today + timedelta(days=100)
    plan = tmp_path / "plan.csv"

    def load(*rows: str) -> subprocess.CompletedProcess[str]:
        plan.write_text(f"\ufeffproduct,version,name,target_on,playbook,{MARKET},reason\n" + "\n".join(rows) + "\n")
        script = str(RECIPES / "spreadsheet_in.py")
        return subprocess.run([sys.executable, script, plan], env=env, capture_output=True, text=True, timeout=60)

    rows = [f"router,3.0,Faster,{target},small,{gate},", f"router,3.1,,{target},small,,"]
    first = load(*rows, f"router,3.2,,{target},unheard,,")
    assert first.stdout == "Line 2: router 3.0 is active.\nLine 3: router 3.1 is draft.\n"
    assert first.stderr.startswith("Line 4: Refused (422): ")
    assert "playbook: There is no playbook unheard." in first.stderr
    assert first.returncode == 1
    again = load(*rows)
    assert (again.returncode, again.stderr) == (0, "")
    release = Release.objects.get(product=stage.cast.product, version="3.0")
    assert (release.name, release.target_on, gate_of(release, MARKET).due_on) == ("Faster", target, gate)
    assert not Release.objects.filter(version="3.2").exists()

    lines = (RECIPES / "spreadsheet-out.sh").read_text()
    assert bash(lines, tmp_path, env).returncode != 0
    env["GATEKEEPER_TOKEN"] = stage.come_as(stage.cast.executive, "read")
    done = bash(lines, tmp_path, env)
    assert done.returncode == 0, done
    assert "3.0" in (tmp_path / "portfolio.csv").read_text(encoding="utf-8-sig")
    assert bash(lines, tmp_path, env | {"GATEKEEPER_TOKEN": "gk_no_token"}).returncode != 0
    assert "3.0" in (tmp_path / "portfolio.csv").read_text(encoding="utf-8-sig")
