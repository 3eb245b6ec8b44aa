"""GitHub and Jira in, a check out: a small receiver of webhooks that reports to a gate.

    GATEKEEPER_URL=… GATEKEEPER_TOKEN=… WEBHOOK_SECRET=… python3 webhook_to_check.py map.json 8090

GitHub: webhook to /github, content type application/json, events "Workflow runs". Jira: webhook with a secret to /jira,
event "Issue updated". map.json says which gate is meant:

    {"github": {"acme/support@main": {"product": "remote-support", "version": "5.2", "gate": "release-readiness",
                                      "checks": {"nightly": "ci/nightly"}}},
     "jira": {"SUP-7": {"product": "remote-support", "version": "5.2", "gate": "release-readiness",
                        "check": "support/runbook"}}}

gatekeeper_cli.py must lie beside it, or be installed. Put it behind https.
"""

import hashlib
import hmac
import http.server
import json
import os
import sys
import time
import urllib.parse
from collections import OrderedDict
from typing import Any

import gatekeeper_cli

LONGEST_BODY = 5 * 1024 * 1024
MINUTES = 5  # a signed message with a time is taken so long before and after it
REMEMBERED = 10_000
GITHUB_STATUS = {"success": "success", "neutral": "success", "skipped": "success", "failure": "failure"}


class Refused(Exception):
    """Not taken: the status and the reason for the sender."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Ignored(Exception):
    """Well signed, and nothing that we report."""


class Receiver:
    """Turns signed messages of other tools into reports of checks."""

    def __init__(self, site: gatekeeper_cli.Site, secret: str, places: dict[str, Any]) -> None:
        self.site = site
        self.secret = secret.encode()
        self.places = places
        self.seen: OrderedDict[str, None] = OrderedDict()

    def receive(self, path: str, headers: Any, body: bytes) -> str:
        """One message; answers in a sentence.

        Raises:
            Refused: no or a wrong signature, too old, or nonsense. Ignored: nothing to report, or known already.
        """
        sources = {
            "/github": ("X-Hub-Signature-256", "X-GitHub-Delivery", self._of_github),
            "/jira": ("X-Hub-Signature", "X-Atlassian-Webhook-Identifier", self._of_jira),
        }
        if path not in sources:
            raise Refused(404, "There is nothing here.")
        signature, delivery, read = sources[path]
        expected = "sha256=" + hmac.new(self.secret, body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected.encode(), headers.get(signature, "").encode("utf-8", "replace")):
            raise Refused(401, "The signature does not fit.")
        name = f"{path} {headers.get(delivery, '')}"
        if name in self.seen:
            raise Ignored("This delivery was taken already.")
        try:
            place, check, report = read(headers, json.loads(body))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Refused(400, "This is not a message of that tool.") from error
        said = self._report(place, check, report)
        self.seen[name] = None  # after the report: what failed is taken when it is sent again
        if len(self.seen) > REMEMBERED:
            self.seen.popitem(last=False)
        return said

    def _of_github(self, headers: Any, message: dict[str, Any]) -> tuple[dict[str, Any], str, dict[str, Any]]:
        if headers.get("X-GitHub-Event") != "workflow_run":
            raise Ignored("Not a run of a workflow.")
        run = message["workflow_run"]
        place = self.places.get("github", {}).get(f"{message['repository']['full_name']}@{run['head_branch']}")
        if place is None or run["name"] not in place["checks"]:
            raise Ignored("No gate asks for this workflow.")
        is_over = run["status"] == "completed"
        status = GITHUB_STATUS.get(run["conclusion"], "error") if is_over else "pending"
        # messages may overtake each other: a later attempt counts more, and within one its end more than its beginning
        number = int(run["run_number"]) * 10_000 + min(int(run["run_attempt"]), 4_999) * 2 + is_over
        summary = f"Run {run['run_number']}, attempt {run['run_attempt']}"
        report = {"status": status, "run_number": number, "details_url": run["html_url"], "summary": summary}
        return place, place["checks"][run["name"]], report

    def _of_jira(self, headers: Any, message: dict[str, Any]) -> tuple[dict[str, Any], str, dict[str, Any]]:
        at = int(message["timestamp"]) / 1000
        if abs(time.time() - at) > MINUTES * 60:
            raise Refused(401, f"The message is not of the last {MINUTES} minutes.")
        if message["webhookEvent"] != "jira:issue_updated":
            raise Ignored("Not a change of an issue.")
        issue = message["issue"]
        place = self.places.get("jira", {}).get(issue["key"])
        if place is None:
            raise Ignored("No gate asks for this issue.")
        state = issue["fields"]["status"]
        is_done = state["statusCategory"]["key"] == "done"
        site = urllib.parse.urlsplit(issue["self"])
        report = {
            "status": "success" if is_done else "pending",
            "run_number": int(message["timestamp"]),
            "details_url": f"{site.scheme}://{site.netloc}/browse/{issue['key']}",
            "summary": f"{issue['key']}: {state['name']}",
        }
        return place, place["check"], report

    def _report(self, place: dict[str, Any], check: str, report: dict[str, Any]) -> str:
        words = (urllib.parse.quote(str(place[name]), safe="") for name in ("product", "version", "gate"))
        path = "/releases/{}/{}/gates/{}/checks/{}/".format(*words, urllib.parse.quote(check))
        try:
            found = self.site.send("PUT", path, report)
        except gatekeeper_cli.Problem as problem:
            raise Refused(502, f"The report was refused: {problem}") from problem
        except gatekeeper_cli.CouldNotTell as error:
            raise Refused(503, str(error)) from error
        if not found["applied"]:
            raise Ignored(f"A newer report of {check} is known already.")
        return f"{check} is {report['status']}."


class Handler(http.server.BaseHTTPRequestHandler):
    """POST alone; the sender gets a sentence."""

    receiver: Receiver
    timeout = 20

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > LONGEST_BODY:
            self._answer(413, "The message has no length, or is too long.")
            return
        try:
            self._answer(200, self.receiver.receive(self.path, self.headers, self.rfile.read(int(length))))
        except Ignored as reason:
            self._answer(200, f"Ignored: {reason}")
        except Refused as refusal:
            self._answer(refusal.status, str(refusal))

    def _answer(self, status: int, sentence: str) -> None:
        raw = f"{sentence}\n".encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:
        places = json.load(file)
    site = gatekeeper_cli.Site(gatekeeper_cli.find_account(), timeout=10)
    Handler.receiver = Receiver(site, os.environ["WEBHOOK_SECRET"], places)
    with http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Handler) as server:
        print(f"Listening on port {server.server_port}.", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
