"""The command line client of gatekeeper: one file, the standard library, plain sentences.

    gatekeeper login
    gatekeeper verdict remote-support 5.2 release-readiness

Address and token are those of GATEKEEPER_URL and GATEKEEPER_TOKEN, or those that `login` has kept. What was asked for
goes to standard output, what went wrong to standard error. Exit codes: 0 done, 1 refused, 2 could not tell (wrong
words, no answer, no token). `verdict` says 0 go, 1 no_go, 2 could not tell, whatever the reason.
"""

import argparse
import contextlib
import getpass
import http.client
import importlib.metadata
import ipaddress
import json
import os
import re
import socket
import ssl
import sys
import time
import traceback
import unicodedata
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

DONE, REFUSED, UNKNOWN = 0, 1, 2
BASE = "/api/v1"
LONGEST_ANSWER = 10 * 1024 * 1024
LONGEST_WAIT = 30  # seconds that Retry-After may make us wait
TRY_AGAIN = (429, 502, 503, 504)
TOKEN = re.compile(r"gk_[0-9a-z]+_[0-9A-Za-z]+")


class Problem(Exception):
    """The site answered, and said no."""

    def __init__(self, status: int, said: Mapping[str, Any]) -> None:
        super().__init__(str(said.get("detail") or said.get("title") or f"HTTP status {status}"))
        self.status = status
        self.said = said


class CouldNotTell(Exception):
    """There was no answer, or nothing to ask with."""


class _Again(Exception):
    """Worth one more try: the request may or may not have arrived."""

    def __init__(self, reason: Exception, wait: float = 1.0) -> None:
        super().__init__(str(reason))
        self.reason = reason
        self.wait = wait


# --- Address and token ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Account:
    """Where to ask, and as whom. The token never stands in a text that is printed."""

    url: str
    token: str

    def __repr__(self) -> str:
        return f"Account({self.url})"


def config_file() -> Path:
    """Where `login` keeps address and token."""
    folder = os.environ.get("XDG_CONFIG_HOME", "")
    base = Path(folder) if folder.startswith("/") else Path.home() / ".config"
    return base / "gatekeeper" / "credentials.json"


def is_this_machine(host: str) -> bool:
    """Whether a host is the machine itself, so that nothing travels over a network."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def read_address(given: str) -> str:
    """The address of a site, without the path of its API.

    Raises:
        CouldNotTell: it is no address, or a token would travel over the network in the clear.
    """
    parts = urllib.parse.urlsplit(given.strip())
    try:
        is_address = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        is_address = False
    if parts.scheme not in ("http", "https") or not is_address or parts.username or parts.query or parts.fragment:
        raise CouldNotTell(f"This is not an address such as https://gates.example.com: {given.strip() or 'nothing'}.")
    if parts.scheme == "http" and not is_this_machine(parts.hostname or ""):
        raise CouldNotTell(
            f"A token is not sent over plain http to {parts.hostname}: anybody on the way could read it. Use https."
        )
    path = parts.path.rstrip("/").removesuffix(BASE)
    return f"{parts.scheme}://{parts.netloc}{path}"


def read_token(given: str) -> str:
    """A token, if it looks like one.

    Raises:
        CouldNotTell: it does not; the text itself is not repeated.
    """
    token = given.strip()
    if not TOKEN.fullmatch(token):
        raise CouldNotTell("This is not a token: one begins with gk_ and is shown once, where it is made.")
    return token


def kept_account() -> Account | None:
    """What `login` kept, or nothing.

    Raises:
        CouldNotTell: others may read the file, or it is damaged.
    """
    file = config_file()
    try:
        if file.stat().st_mode & 0o077:
            raise CouldNotTell(f"Others may read {file}, which holds a token. Run: chmod 600 {file}")
        said = json.loads(file.read_text(encoding="utf-8"))
        return Account(read_address(said["url"]), read_token(said["token"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CouldNotTell(f"{file} cannot be read. Run gatekeeper login again.") from error


def keep_account(account: Account) -> Path:
    """Write address and token where only their owner can read them."""
    file = config_file()
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = file.with_name(f".{file.name}.{uuid.uuid4().hex}")
    opened = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(opened, "w", encoding="utf-8") as stream:
            json.dump({"url": account.url, "token": account.token}, stream)
        new.replace(file)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    return file


def find_account() -> Account:
    """The account of the environment, else the kept one.

    Raises:
        CouldNotTell: there is none, or a kept token would go to another address than the one it was given for.
    """
    url, token = os.environ.get("GATEKEEPER_URL", ""), os.environ.get("GATEKEEPER_TOKEN", "")
    if url and token:
        return Account(read_address(url), read_token(token))
    kept = kept_account()
    if kept is None:
        missing = (
            "GATEKEEPER_URL is not set" if token else "GATEKEEPER_TOKEN is not set" if url else "Nobody is signed in"
        )
        raise CouldNotTell(f"{missing}. Run gatekeeper login, or set GATEKEEPER_URL and GATEKEEPER_TOKEN.")
    if token:
        return Account(kept.url, read_token(token))
    if url and read_address(url) != kept.url:
        raise CouldNotTell(
            f"GATEKEEPER_URL is {read_address(url)}, but the kept token is for {kept.url}. Set GATEKEEPER_TOKEN too."
        )
    return kept


# --- Requests -------------------------------------------------------------------------------------------------------


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the token elsewhere."""

    def redirect_request(self, *_args: Any, **_kwargs: Any) -> None:
        return None


def version() -> str:
    """The version of the installed package; a copied file does not know it."""
    try:
        return importlib.metadata.version("gatekeeper")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


class Site:
    """The API of one site, asked as one account."""

    def __init__(self, account: Account, timeout: float = 30.0) -> None:
        self.account = account
        self.timeout = timeout
        host = urllib.parse.urlsplit(account.url).hostname or ""
        handlers: list[urllib.request.BaseHandler] = [
            _NoRedirect(),
            urllib.request.HTTPSHandler(context=ssl.create_default_context()),
        ]
        if is_this_machine(host):
            handlers.append(urllib.request.ProxyHandler({}))  # plain http must not reach a proxy
        self._opener = urllib.request.build_opener(*handlers)

    def get(self, path: str, **query: str) -> Any:
        """What stands at a path of the API."""
        return self.send("GET", path, query={name: value for name, value in query.items() if value})

    def send(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, query: Mapping[str, str] | None = None
    ) -> Any:
        """Ask, and once more when the first try did not get through: a POST then takes effect once all the same.

        Raises:
            Problem: the site refused. CouldNotTell: it did not answer, twice.
        """
        address = f"{self.account.url}{BASE}{path}"
        if query:
            address += f"?{urllib.parse.urlencode(query)}"
        headers = {
            "Authorization": f"Bearer {self.account.token}",
            "Accept": "application/json",
            "User-Agent": f"gatekeeper-cli/{version()}",
        }
        if method == "POST":
            headers["Idempotency-Key"] = str(uuid.uuid4())
        data = None
        if body is not None:
            data = json.dumps(body, ensure_ascii=False).encode()
            headers["Content-Type"] = "application/json"
        try:
            return self._once(method, address, data, headers)
        except _Again as first:
            time.sleep(first.wait)
        try:
            return self._once(method, address, data, headers)
        except _Again as second:
            raise second.reason from None

    def _once(self, method: str, address: str, data: bytes | None, headers: Mapping[str, str]) -> Any:
        # the address is https, or this machine: see read_address
        request = urllib.request.Request(address, data=data, headers=dict(headers), method=method)  # noqa: S310
        try:
            with self._opener.open(request, timeout=self.timeout) as answer:
                return self._read(answer.status, answer)
        except urllib.error.HTTPError as answer:
            with answer:
                self._refuse(answer)
        except urllib.error.URLError as error:
            raise self._unanswered(error.reason) from error
        except (OSError, http.client.HTTPException) as error:
            raise self._unanswered(error) from error

    def _unanswered(self, reason: object) -> Exception:
        if isinstance(reason, ssl.SSLCertVerificationError):
            return CouldNotTell(f"The certificate of {self.account.url} does not hold: {reason.verify_message}.")
        if isinstance(reason, TimeoutError | socket.timeout):
            return _Again(CouldNotTell(f"{self.account.url} did not answer within {self.timeout:g} seconds."))
        return _Again(CouldNotTell(f"{self.account.url} cannot be reached: {reason}."))

    def _read(self, status: int, answer: Any) -> Any:
        raw = answer.read(LONGEST_ANSWER + 1)
        if len(raw) > LONGEST_ANSWER:
            raise CouldNotTell(f"{self.account.url} answered with more than 10 MB.")
        if status == 204 or not raw:
            return None
        try:
            return json.loads(raw)
        except ValueError:
            raise CouldNotTell(
                f"{self.account.url} answered with something else than JSON. Is it the address of a gatekeeper?"
            ) from None

    def _refuse(self, answer: urllib.error.HTTPError) -> NoReturn:
        status = answer.code
        if 300 <= status < 400:
            target = answer.headers.get("Location", "elsewhere")
            raise CouldNotTell(
                f"{self.account.url} sends us to {target}. Tokens do not follow: log in at that address."
            )
        said: Any = None
        if answer.headers.get_content_type() in ("application/problem+json", "application/json"):
            with contextlib.suppress(CouldNotTell, OSError, http.client.HTTPException):
                said = self._read(status, answer)
        if not isinstance(said, dict):
            said = {"status": status, "detail": f"{self.account.url} answered with status {status} and no reason."}
        reason: Exception = Problem(status, said)
        if status in TRY_AGAIN or (status == 409 and said.get("code") == "still_running"):
            wait = answer.headers.get("Retry-After", "1")
            seconds = float(wait) if re.fullmatch(r"\d{1,6}", wait) else 1.0
            if seconds <= LONGEST_WAIT:
                raise _Again(reason, seconds)
        raise reason


def gate_path(words: argparse.Namespace) -> str:
    """The path of the gate that a command names."""
    product, release, gate = (urllib.parse.quote(word, safe="") for word in (words.product, words.version, words.gate))
    return f"/releases/{product}/{release}/gates/{gate}/"


# --- Sentences ------------------------------------------------------------------------------------------------------


def clean(text: object) -> str:
    """One line that may stand on a terminal: what others wrote must not move its cursor or change its colours."""
    line = " ".join(str(text).split())
    return "".join(letter for letter in line if unicodedata.category(letter) not in ("Cc", "Cf", "Cs", "Co"))


def say(*sentences: object) -> None:
    """Lines of the answer."""
    for sentence in sentences:
        sys.stdout.write(f"{clean(sentence)}\n")


def complain(*sentences: object) -> None:
    """Lines of what went wrong."""
    for sentence in sentences:
        sys.stderr.write(f"{clean(sentence)}\n")


def words_of(word: object) -> str:
    """A stored word as it is read out: in_review is "in review"."""
    return str(word).replace("_", " ")


def counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def day_of(moment: object) -> str:
    return str(moment)[:10]


def explain(problem: Problem) -> Iterator[str]:
    """A refusal: its sentence, then each field and each blocker with its reason."""
    yield f"Refused ({problem.status}): {problem}"
    for error in problem.said.get("errors") or ():
        field = f"{error['field']}: " if error.get("field") else ""
        yield f"- {field}{error.get('message', '')}"
    for blocker in problem.said.get("blockers") or ():
        yield f"- {blocker.get('message', '')} ({words_of(blocker.get('code', ''))})"


TURNS = {"pm": "its product manager", "tool": "an engineering tool"}


def sentences_of_gate(gate: Mapping[str, Any]) -> Iterator[str]:
    """A gate as one would tell it over the phone."""
    release = gate["release"]
    yield f"{gate['name']} of {release['product']} {release['version']} is {words_of(gate['state'])}."
    yield _dates_of(gate)
    if gate.get("round"):
        submitted = ""
        if gate.get("submitted_by"):
            submitted = f", submitted by {gate['submitted_by']} on {day_of(gate['submitted_at'])}"
        yield f"Round {gate['round']}{submitted}."
    for role in gate.get("roles") or ():
        yield from _sentences_of_role(role)
    for check in gate.get("checks") or ():
        kind = "Blocking check" if check.get("required") else "Check"
        run = f", run {check['run_number']}" if check.get("run_number") is not None else ""
        yield f"{kind} {check['name']}: {words_of(check['status'] or 'not reported')}{run}."
    for blocker in gate.get("blockers") or ():
        yield f"Blocked: {blocker['message']}"
    turn = gate.get("turn") or {}
    if turn.get("who", "none") != "none":
        yield f"It waits for {', '.join(turn.get('roles') or ()) or TURNS.get(turn['who'], turn['who'])}."
    actions = gate.get("allowed_actions") or ()
    yield (
        f"You may: {', '.join(words_of(action) for action in actions)}." if actions else "There is nothing you may do."
    )


def _dates_of(gate: Mapping[str, Any]) -> str:
    if not gate.get("due_on"):
        return "It has no due date."
    found = f"Due on {gate['due_on']}"
    if gate.get("baseline_due_on") and gate["baseline_due_on"] != gate["due_on"]:
        found += f", first committed to {gate['baseline_due_on']}"
    if gate.get("forecast_on") and gate["forecast_on"] != gate["due_on"]:
        found += f", forecast {gate['forecast_on']}"
    if gate.get("missed_at"):
        found += f", missed on {day_of(gate['missed_at'])}"
    if gate.get("days_late"):
        found += f", {counted(gate['days_late'], 'day', 'days')} late"
    return f"{found}."


def _sentences_of_role(role: Mapping[str, Any]) -> Iterator[str]:
    members = ", ".join(role.get("members") or ()) or "nobody"
    state = words_of(role.get("state") or "waiting")
    yield f"Role {role['name']}: {state}, {role.get('approvals', 0)} of {role['quorum']} approvals; held by {members}."
    for decision in role.get("decisions") or ():
        behalf = f" on behalf of {decision['on_behalf_of']}" if decision.get("on_behalf_of") else ""
        comment = f": {decision['comment']}" if decision.get("comment") else "."
        yield f"{decision['by']}{behalf} said {words_of(decision['verdict'])} on {day_of(decision['at'])}{comment}"


def sentences_of_verdict(verdict: Mapping[str, Any]) -> Iterator[str]:
    """Go or no go first, then why."""
    yield f"{'Go' if verdict['verdict'] == 'go' else 'No go'}. {verdict.get('summary') or ''}"
    for heading, key in (("Blocked", "blockers"), ("Waived", "waived"), ("Satisfied", "satisfied")):
        for reason in verdict.get(key) or ():
            code = f" ({words_of(reason['code'])})" if reason.get("code") else ""
            yield f"{heading}: {reason.get('message') or reason.get('subject') or ''}{code}"


# --- Commands -------------------------------------------------------------------------------------------------------


def site_of(words: argparse.Namespace) -> Site:
    return Site(find_account(), words.timeout)


def tell(words: argparse.Namespace, found: Any, sentences: Callable[[], Iterator[str]]) -> None:
    """The answer as JSON, when asked for, else as sentences."""
    if words.json:
        sys.stdout.write(json.dumps(found, ensure_ascii=False, indent=2, sort_keys=True) + "\n")
        return
    try:
        told = list(sentences())
    except (KeyError, TypeError, AttributeError) as error:
        raise CouldNotTell(
            "The answer is not what this client knows. Its version may be too old; --json shows it."
        ) from error
    say(*told)


def login(words: argparse.Namespace) -> int:
    """Ask for address and token, try them, keep them."""
    is_typed = sys.stdin.isatty()
    url = words.url or os.environ.get("GATEKEEPER_URL", "")
    if not url:
        if not is_typed:
            raise CouldNotTell("Which address? Give it as --url, or set GATEKEEPER_URL.")
        url = input("Address of the site: ")
    url = read_address(url)
    token = read_token(getpass.getpass("Token (it is not shown): ") if is_typed else sys.stdin.readline())
    account = Account(url, token)
    me = Site(account, words.timeout).get("/me/")
    file = keep_account(account)

    def sentences() -> Iterator[str]:
        scopes = ", ".join(me.get("scopes") or ()) or "none"
        yield f"Signed in to {url} as {me['username']}. Scopes of the token: {scopes}."
        yield f"Address and token are kept in {file}, which only you can read."

    tell(words, me, sentences)
    return DONE


def logout(words: argparse.Namespace) -> int:
    """Forget address and token; the token itself counts until it is revoked."""
    config_file().unlink(missing_ok=True)
    tell(
        words, {}, lambda: iter(["Address and token are forgotten here. Revoke the token in the settings of the site."])
    )
    return DONE


def inbox(words: argparse.Namespace) -> int:
    """What waits for you, most urgent first."""
    found = site_of(words).get("/inbox/", page_size="100")

    def sentences() -> Iterator[str]:
        yield (
            f"{counted(found['count'], 'gate waits', 'gates wait')} for you."
            if found["count"]
            else "Nothing waits for you."
        )
        for number, thing in enumerate(found["results"], 1):
            yield f"{number}. {sentence_of_inbox(thing)}"
        if found["next"]:
            yield f"The first {len(found['results'])} are shown."

    tell(words, found, sentences)
    return DONE


def sentence_of_inbox(thing: Mapping[str, Any]) -> str:
    """One round that waits, and in which roles."""
    release = thing["release"]
    roles = " and ".join(
        role["name"] + (f" on behalf of {role['on_behalf_of']}" if role.get("on_behalf_of") else "")
        for role in thing["roles"]
    )
    due = f" Due on {thing['due_on']}" if thing.get("due_on") else " No due date"
    late = f", {counted(thing['days_late'], 'day', 'days')} late" if thing.get("days_late") else ""
    signature = " It asks for a signature, so decide in the browser." if thing.get("needs_signature") else ""
    return (
        f"{thing['name']} ({thing['gate']}) of {release['product']} {release['version']}, round {thing['round']}, "
        f"as {roles}.{due}{late}. Submitted by {thing['submitted_by']} on {day_of(thing['submitted_at'])}.{signature}"
    )


def gate_show(words: argparse.Namespace) -> int:
    """Where a gate stands."""
    gate = site_of(words).get(gate_path(words))
    tell(words, gate, lambda: sentences_of_gate(gate))
    return DONE


def gate_submit(words: argparse.Namespace) -> int:
    """Put the evidence of a gate to its approvers."""
    made = site_of(words).send("POST", gate_path(words) + "submit/", {"summary": words.summary})
    name = f"{words.gate} of {words.product} {words.version}"
    tell(words, made, lambda: iter([f"Submitted {name}: round {made['round']}, digest {made['digest']}."]))
    return DONE


def gate_approve(words: argparse.Namespace) -> int:
    """Approve the round of a gate."""
    return decide(words, "approve", [condition_of(text) for text in words.condition])


def gate_decline(words: argparse.Namespace) -> int:
    """Decline the round of a gate."""
    return decide(words, "decline", [])


def condition_of(text: str) -> dict[str, str]:
    """OWNER DATE TEXT, as one word of the command line."""
    owner, _, rest = text.strip().partition(" ")
    due_on, _, what = rest.strip().partition(" ")
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", due_on) or not what.strip():
        raise CouldNotTell(f'A condition is "OWNER YYYY-MM-DD what must be done", not "{text}".')
    return {"owner": owner, "due_on": due_on, "text": what.strip()}


def decide(words: argparse.Namespace, verdict: str, conditions: list[dict[str, str]]) -> int:
    """Decide on the named round, else on the one that is current now."""
    site = site_of(words)
    role, number = words.role, words.round
    if role is None or number is None:
        gate = site.get(gate_path(words))
        role, number = role or only_role(gate), gate["round"] if number is None else number
    body: dict[str, Any] = {"round": number, "role": role, "verdict": verdict, "comment": words.comment}
    if conditions:
        body["conditions"] = conditions
    made = site.send("POST", gate_path(words) + "decisions/", body)
    done = "Approved" if verdict == "approve" else "Declined"
    where = f"round {number} of {words.gate}, {words.product} {words.version}"
    tell(words, made, lambda: iter([f"{done} {where}, as {role}."]))
    return DONE


def only_role(gate: Mapping[str, Any]) -> str:
    """The role in which the caller may decide, when there is one.

    Raises:
        CouldNotTell: there are several, or none.
    """
    roles = [action.partition(":")[2] for action in gate["allowed_actions"] if action.startswith("decide:")]
    if len(roles) == 1:
        return str(roles[0])
    if roles:
        raise CouldNotTell(f"In which role? You hold {', '.join(roles)}. Give it as --role.")
    raise CouldNotTell(f"There is nothing for you to decide at this gate: it is {words_of(gate['state'])}.")


def check_report(words: argparse.Namespace) -> int:
    """Report a check of a gate."""
    body = {"status": words.status, "run_number": words.run_number, "details_url": words.url, "summary": words.summary}
    path = f"{gate_path(words)}checks/{urllib.parse.quote(words.name, safe='/')}/"
    found = site_of(words).send("PUT", path, {name: value for name, value in body.items() if value is not None})

    def sentences() -> Iterator[str]:
        if found["applied"]:
            yield f"{words.name} is {words_of(words.status)} at {words.gate} of {words.product} {words.version}."
        else:
            yield f"Ignored: a newer run of {words.name} than {words.run_number} has been reported already."

    tell(words, found, sentences)
    return DONE


def verdict(words: argparse.Namespace) -> int:
    """Whether a gate is a go: exit code 0 go, 1 no_go, 2 could not tell."""
    try:
        found = site_of(words).get(gate_path(words) + "verdict/", as_of=words.as_of or "")
        if not isinstance(found, dict) or found.get("verdict") not in ("go", "no_go"):
            raise CouldNotTell("The answer is neither go nor no_go.")
    except Problem as problem:
        report(words, problem)
        return UNKNOWN
    tell(words, found, lambda: sentences_of_verdict(found))
    return DONE if found["verdict"] == "go" else REFUSED


# --- The command line -----------------------------------------------------------------------------------------------


def add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="the answer of the site as JSON")
    parser.add_argument("--timeout", type=float, default=30.0, metavar="SECONDS", help="how long to wait (30)")


def add_gate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("product", help="the product, as in its address")
    parser.add_argument("version", help="the version of the release")
    parser.add_argument("gate", help="the key of the gate, such as release-readiness")


def make_parser() -> argparse.ArgumentParser:
    """Every command and its words."""
    description, _, rest = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        "gatekeeper", description=description, epilog=rest, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=f"gatekeeper {version()}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(
        within: Any, name: str, run: Callable[[argparse.Namespace], int], has_gate: bool = True
    ) -> argparse.ArgumentParser:
        summary = (run.__doc__ or "").splitlines()[0]
        made: argparse.ArgumentParser = within.add_parser(name, help=summary, description=summary)
        made.set_defaults(run=run)
        if has_gate:
            add_gate(made)
        add_common(made)
        return made

    made = command(commands, "login", login, has_gate=False)
    made.add_argument("--url", help="address of the site; the token is asked for, or read from standard input")
    command(commands, "logout", logout, has_gate=False)
    command(commands, "inbox", inbox, has_gate=False)

    gates = commands.add_parser("gate", help="Look at a gate, submit it, decide on it.").add_subparsers(
        title="commands", metavar="COMMAND", required=True
    )
    command(gates, "show", gate_show)
    command(gates, "submit", gate_submit).add_argument("--summary", default="", help="what the approvers should know")
    for name, run in (("approve", gate_approve), ("decline", gate_decline)):
        made = command(gates, name, run)
        made.add_argument("--role", help="in which role; needed when you hold several")
        made.add_argument("--round", type=int, help="the round that you have looked at; without it the current one")
        made.add_argument("--comment", default="", required=name == "decline", help="why")
        if name == "approve":
            made.add_argument(
                "--condition", action="append", default=[], metavar="'OWNER DATE TEXT'",
                help="what the approval depends on, such as 'maya 2026-12-01 Publish the runbook'; may be given again",
            )  # fmt: skip

    checks = commands.add_parser("check", help="Report a check.").add_subparsers(
        title="commands", metavar="COMMAND", required=True
    )
    made = command(checks, "report", check_report)
    made.add_argument("name", help="the name of the check, such as ci/nightly")
    made.add_argument("--status", required=True, choices=("pending", "success", "failure", "error"))
    made.add_argument("--run-number", required=True, type=int, help="an older run than the stored one is ignored")
    made.add_argument("--url", help="where the details are")
    made.add_argument("--summary", help="one line about it")

    made = command(commands, "verdict", verdict)
    made.add_argument("--as-of", metavar="MOMENT", help="at a past moment, such as 2026-11-20T09:14:03Z")
    return parser


def report(words: argparse.Namespace, problem: Problem) -> None:
    """A refusal on standard error."""
    if words.json:
        sys.stderr.write(json.dumps(problem.said, ensure_ascii=False, indent=2, sort_keys=True) + "\n")
    else:
        complain(*explain(problem))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal that has no such letter still gets the sentence
    words = make_parser().parse_args(arguments)
    try:
        return int(words.run(words))
    except Problem as problem:
        report(words, problem)
        return REFUSED
    except CouldNotTell as error:
        complain(error)
        return UNKNOWN
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNKNOWN
    except (KeyboardInterrupt, EOFError):
        complain("Stopped.")
        return UNKNOWN
    except OSError as error:
        complain(f"{error.strerror or error}: {error.filename}" if error.filename else error)
        return UNKNOWN
    except Exception:
        traceback.print_exc()  # Python's own exit code would be 1, and a pipeline would read "no_go"
        return UNKNOWN


if __name__ == "__main__":
    raise SystemExit(main())
