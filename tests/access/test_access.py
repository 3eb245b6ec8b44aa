"""Who reaches what: every address, asked by everybody, against the table; and what a refusal or a read leaves behind.

All in one file, so that the demo is loaded once.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.urls import Resolver404, resolve, reverse
from django.utils import timezone

from approvals.actions.people import deactivate_person
from approvals.facts import load_facts, load_reach
from gatekeeper.accounts.models import User
from gatekeeper.common.calendars import day_of
from releases.models import Gate, Release
from tests.access.stage import PUBLIC, RESTRICTED, Stage
from tests.access.walk import METHODS, Browser, Writes, fingerprint, said, table, undone, url_names
from tests.cast import everything

pytestmark = pytest.mark.django_db

# What anybody reaches. First steps are open too, but only while there is nobody who could sign in.
OPEN = {
    "healthz", "readyz", "sign-in", "sign-out", "password-reset", "password-reset-sent", "password-set",
    "calendar-feed", "calendar-feed/unknown",
}  # fmt: skip
# Allowed, and yet no row changes: sessions and mails are no rows, and these seats and playbooks are there already.
WITHOUT_ROWS = {
    "sign-in",
    "sign-in-again",
    "sign-out",
    "sessions-end",
    "setup",
    "setup-playbooks",
    "seats-prepare",
    "settings-person-link",
    "settings-token-new",
    "settings-token-rotate",
}
WITHOUT_ROWS |= {"password-reset", "password-set", "saved-view-rename"}
# What was done is told by the way to another page, or to a script in JSON.
DONE = {"201", "204", "302"}
ADMIN = "admin:"
API = "api-"  # has a table of its own, in tests/api
# Of a restricted product these people see nothing; the others are asked because they see it by a right of their own.
HIDDEN_FROM = ("outsider", "manager")
ASKED_OF_RESTRICTED = ("outsider", "viewer", "manager", "portfolio")

NAMES = sorted({name for name, _route in url_names()})
ROWS = sorted(table())


def address(name: str, arguments: Mapping[str, Any]) -> str:
    return reverse(name.split("/")[0], kwargs=dict(arguments))


def names_a_product(stage: Stage, name: str) -> bool:
    """Whether the address leads to a product or to a thing of it that not everybody sees."""
    return name in stage.restricted.arguments and not name.startswith("notification-")


@pytest.fixture(scope="module")
def browser(stage: Stage) -> Browser:
    return Browser()


@pytest.fixture(scope="module")
def untouched(stage: Stage, sessions: dict[str, str]) -> dict[str, Any]:
    """The database before anybody has asked for anything."""
    return fingerprint()


@dataclass
class Read:
    """What a GET said, wrote and showed."""

    status: str
    writes: list[str]
    text: str


@dataclass
class Reading:
    """Everything that was read, by (name, place, person), and the rows before and after."""

    answers: dict[tuple[str, str, str], Read] = field(default_factory=dict)
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)


def asked_of(stage: Stage, name: str, people: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """(place, person, expected) for a row of the table."""
    for person, expected in people.items():
        yield "public", person, expected
    if not names_a_product(stage, name):
        return
    for person in ASKED_OF_RESTRICTED:
        expected = people[person]
        yield "restricted", person, "404" if person in HIDDEN_FROM else expected


@pytest.fixture(scope="module")
def reading(stage: Stage, sessions: dict[str, str], browser: Browser) -> Reading:
    """Every GET of the table, by everybody, with nothing taken back in between."""
    found = Reading(before=everything())
    for name, method in ROWS:
        if method != "GET":
            continue
        for place, person, _expected in asked_of(stage, name, table()[name, method]):
            writes = Writes()
            with connection.execute_wrapper(writes):
                answer = browser.ask("GET", address(name, stage.place(place).arguments.get(name, {})), sessions[person])
            is_page = not answer.streaming and answer.headers.get("Content-Type", "").startswith("text/html")
            text = answer.content.decode() if is_page and answer.status_code == 200 else ""
            found.answers[name, place, person] = Read(said(answer), writes.statements, text)
    found.after = everything()
    return found


# --- The table ----------------------------------------------------------------------------------------------------


def test_every_address_has_a_row_and_every_row_an_address() -> None:
    assert [route for name, route in url_names() if not name] == []
    named = {name for name in NAMES if not name.startswith((ADMIN, API))}
    rows = {name.split("/")[0] for name, _method in ROWS}
    assert named - rows == set(), "addresses without a row in table.csv"
    assert rows - named == set(), "rows of table.csv without an address"


def test_nobody_reaches_more_than_the_open_addresses() -> None:
    reached = {name for (name, _method), people in table().items() if people["anonymous"] != "in"}
    assert reached == OPEN
    assert len({name.split("/")[0] for name in OPEN}) <= 9


def test_the_table_knows_nobody_deactivated() -> None:
    for (name, method), people in table().items():
        assert people["deactivated"] == people["anonymous"], (name, method)


@pytest.mark.parametrize("name", [name for name, method in ROWS if method == "GET"])
def test_reading_is_answered_as_the_table_says(stage: Stage, reading: Reading, name: str) -> None:
    asked = list(asked_of(stage, name, table()[name, "GET"]))
    got = {(place, person): reading.answers[name, place, person].status for place, person, _expected in asked}
    assert got == {(place, person): expected for place, person, expected in asked}
    written = {person: read.writes for (one, _, person), read in reading.answers.items() if one == name and read.writes}
    assert written == {}, "a GET wrote"


def test_reading_changes_nothing(reading: Reading) -> None:
    assert {key: rows for key, rows in reading.after.items() if rows != reading.before[key]} == {}
    assert len(reading.answers) > 500


@pytest.mark.parametrize("name", [name for name, method in ROWS if method == "POST"])
def test_writing_is_answered_as_the_table_says(
    stage: Stage, sessions: dict[str, str], browser: Browser, untouched: dict[str, Any], name: str
) -> None:
    asked = list(asked_of(stage, name, table()[name, "POST"]))
    got, traces = {}, {}
    for place, person, _expected in asked:
        at = stage.place(place)
        form = at.form(name, stage.people.get(person))
        with undone():
            status = said(browser.ask("POST", address(name, at.arguments.get(name, {})), sessions[person], form))
            got[place, person] = status
            is_done = status in DONE and name not in WITHOUT_ROWS
            if (fingerprint() != untouched) != is_done:
                traces[place, person] = "changed nothing" if is_done else f"{status}, and yet something changed"
    assert got == {(place, person): expected for place, person, expected in asked}
    assert traces == {}


def test_refused_writing_leaves_no_trace(stage: Stage, sessions: dict[str, str], browser: Browser) -> None:
    """The fingerprint above sees rows and revisions; here every value of every row is compared, once for all."""
    before, count = everything(), 0
    for name, method in ROWS:
        if method != "POST" or name in OPEN:
            continue
        for place, person, expected in asked_of(stage, name, table()[name, method]):
            if person not in ("anonymous", "outsider", "other_approver") or expected in DONE:
                continue
            at = stage.place(place)
            browser.ask("POST", address(name, at.arguments.get(name, {})), sessions[person], at.form(name, None))
            count += 1
    after = everything()
    assert {key: rows for key, rows in after.items() if rows != before[key]} == {}
    assert count > 100


def test_methods_without_a_row_are_refused(
    stage: Stage, sessions: dict[str, str], browser: Browser, untouched: dict[str, Any]
) -> None:
    wrong = {}
    for name in {name for name, _method in ROWS}:
        at = address(name, stage.public.arguments.get(name, {}))
        for method in METHODS:
            if (name, method) not in table():
                status = said(browser.ask(method, at, sessions["administrator"]))
                if status != "405":
                    wrong[name, method] = status
    assert wrong == {}
    assert fingerprint() == untouched


# --- Addresses that were put together by hand -----------------------------------------------------------------------


def swapped(stage: Stage, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The arguments of a nested address with one of them taken from somewhere else."""
    mine = stage.restricted.arguments[name]
    other = stage.public.arguments[name]
    if "version" in mine:
        theirs = Release.objects.filter(product__slug="flow-desk")[0].version
        yield "the version of another product", mine | {"version": theirs}
        yield "no version", mine | {"version": "no-such-version"}
    if "product" in mine:
        yield "no product", mine | {"product": "no-such-product"}
    if "gate" in mine:
        yield "no gate", mine | {"gate": "no-such-gate"}
        if len(mine) > 3:
            yield "another gate of the release", mine | {"gate": "release-readiness"}
        if {"number", "decision", "condition"} & set(mine):
            yield "another release", mine | {"version": "W.held"}
    for key in ("decision", "condition", "submission"):
        if key in mine and "gate" in mine:
            yield f"the {key} of another product", mine | {key: other[key]}
        if key in mine:
            yield f"no {key}", mine | {key: 10**9}
            yield f"a {key} with a number beyond any", mine | {key: 10**25}
    if "number" in mine:
        yield "no such number", mine | {"number": 99}
        yield "a number beyond any", mine | {"number": 10**25}
    if "deliverable" in mine:
        yield "no deliverable", mine | {"deliverable": "no-such-thing"}


def test_a_thing_of_another_parent_is_not_there(
    stage: Stage, sessions: dict[str, str], browser: Browser, untouched: dict[str, Any]
) -> None:
    """For somebody who may do it in the right place, so that nothing but the address is wrong."""
    wrong, count = {}, 0
    for (name, method), people in table().items():
        if not names_a_product(stage, name):
            continue
        person = next(
            one for one in ("owner", "administrator", "approver", "executive") if people[one] not in ("403", "404")
        )
        for what, arguments in swapped(stage, name):
            with undone():
                form = stage.restricted.form(name, stage.people[person])
                status = said(browser.ask(method, address(name, arguments), sessions[person], form))
                if status != "404" or fingerprint() != untouched:
                    wrong[name, method, what] = status
            count += 1
    assert wrong == {}
    assert count > 200


def test_numbers_beyond_any_are_not_found(stage: Stage, sessions: dict[str, str], browser: Browser) -> None:
    """Ids that no column could hold, where the address has no parent."""
    wrong = {}
    for name, method in ROWS:
        arguments = stage.public.arguments.get(name, {})
        ids = {key for key, value in arguments.items() if isinstance(value, int)}
        for key in {"person", "group", "delivery", "submission", "token", "session", "entry"} & ids:
            for number in (0, 10**9, 2**63, 10**25):
                at = address(name, arguments | {key: number})
                status = said(browser.ask(method, at, sessions["administrator"], stage.public.form(name, None)))
                if status != "404":
                    wrong[name, method, key, number] = status
    assert wrong == {}


def test_nonsense_in_the_query_is_survived(stage: Stage, sessions: dict[str, str], browser: Browser) -> None:
    """Filters, pages and parts of a page come from the address: anything may stand there."""
    keys = (
        "q", "page", "slips", "in", "show", "state", "health", "gate", "target", "line", "product", "pm", "sort",
        "group", "open", "close", "do", "part", "edit", "kind", "choice", "round", "for", "target_on", "playbook",
    )  # fmt: skip
    wrong = {}
    for name, method in ROWS:
        if method != "GET":
            continue
        at = address(name, stage.public.arguments.get(name, {}))
        for nonsense in ("%00", "99999999999999999999", "-1%C2%B2%27%22%3Cb%3E%F0%9F%98%80%FF"):
            query = "&".join(f"{key}={nonsense}" for key in keys)
            status = said(browser.ask("GET", f"{at}?{query}", sessions["owner"]))
            if status.startswith("5"):
                wrong[name, nonsense] = status
    assert wrong == {}


# --- Tokens, sessions, the admin ------------------------------------------------------------------------------------


def test_no_form_is_taken_without_its_token(stage: Stage, sessions: dict[str, str], untouched: dict[str, Any]) -> None:
    """For somebody from whom it would be taken; signing in and the ways in are forms like others."""
    strict = Browser(enforces_csrf=True)
    wrong = {}
    for (name, method), people in table().items():
        if method != "POST":
            continue
        # 413: what is sent here is too much, but from the right person
        done = ("302", "201", "204", "413")
        # a thing that is nobody's here: the token is asked for before it is looked for
        person = next((one for wanted in (done, "404") for one, status in people.items() if status in wanted), None)
        assert person is not None, f"nobody may do {name}"
        form = stage.public.form(name, stage.people.get(person))
        at = address(name, stage.public.arguments.get(name, {}))
        status = said(strict.ask("POST", at, sessions[person], form))
        if status != "403" or fingerprint() != untouched:
            wrong[name] = status
    assert wrong == {}


def test_a_session_dies_with_the_deactivation(stage: Stage, sessions: dict[str, str], browser: Browser) -> None:
    pages = [reverse("portfolio"), reverse("product", args=[RESTRICTED]), reverse("notifications")]
    assert [said(browser.ask("GET", page, sessions["manager"])) for page in pages] == ["200", "404", "200"]
    person = stage.people["manager"]
    deactivate_person(person=User.objects.get(pk=person.pk), actor=stage.people["administrator"])
    assert [said(browser.ask("GET", page, sessions["manager"])) for page in pages] == ["in", "in", "in"]
    assert said(browser.ask("POST", reverse("release-watch", args=[PUBLIC, "W.work"]), sessions["manager"])) == "in"


def admin_addresses() -> list[str]:
    """Every address of the admin site, with the keys of things that are there."""
    found = []
    for name in NAMES:
        if not name.startswith(ADMIN) or name == ADMIN:
            continue
        if name == "admin:view_on_site":
            found.append(reverse(name, args=[1, 1]))
            continue
        if name == "admin:app_list":
            found += [reverse(name, args=[app]) for app in ("releases", "accounts", "auth")]
            continue
        model = re.fullmatch(r"admin:([a-z]+)_([a-z]+)_(change|delete|history)", name)
        found.append(reverse(name, args=[1] if model else []))
    return found


def test_the_admin_is_for_administrators_and_changes_nothing_by_itself(
    stage: Stage, sessions: dict[str, str], browser: Browser, untouched: dict[str, Any]
) -> None:
    """Everybody else is sent to its sign-in, which is our own; empty forms change nothing."""
    addresses = admin_addresses()
    assert len(addresses) > 20
    sign_in, index = reverse("admin:login"), reverse("admin:index")
    wrong = {}
    for person in ("anonymous", "outsider", "owner", "executive", "administrator", "deactivated"):
        for at in addresses:
            for method in ("GET", "POST"):
                answer = browser.ask(method, at, sessions[person])
                status, goes_to = said(answer), answer.headers.get("Location", "").split("?")[0]
                if person == "administrator":
                    is_right = not status.startswith("5")
                elif at == sign_in:
                    is_right = status == ("in" if person in ("anonymous", "deactivated") else "403")
                else:
                    # the password has its own page; whoever is not in and wants out is shown the way in
                    is_right = goes_to in (sign_in, "/sign-in/", "/settings/password/") or status == "405"
                    is_right |= at == reverse("admin:logout") and goes_to == index
                if not is_right:
                    wrong[person, method, at] = status
    assert wrong == {}
    assert fingerprint() == untouched


def test_the_admin_shows_no_releases_gates_decisions_or_events() -> None:
    """What only actions may change has no page there, not even for looking."""
    shown = {name.split(":")[1].rsplit("_", 1)[0] for name in NAMES if name.endswith("_changelist")}
    assert shown == {
        "releases_organisation", "releases_productline", "releases_playbook", "accounts_user", "auth_group",
        "notifications_delivery",
    }  # fmt: skip


def test_facts_loaded_for_many_gates_are_those_of_each(stage: Stage) -> None:
    """The demo has gates in every situation: what a deactivation would leave stuck is judged from the same facts."""
    gates = list(Gate.objects.select_related("release__product"))
    today = day_of(timezone.now())
    for gate, facts in zip(gates, load_reach(gates, today).values(), strict=True):
        alone = load_facts(gate.release, gate, [gate], today)
        assert (facts.needs, facts.votes) == (alone.needs, alone.votes), gate
        assert facts.candidates() == alone.candidates(), gate
        assert facts.submission == alone.submission


# --- What pages show ------------------------------------------------------------------------------------------------


def test_a_restricted_product_is_named_to_nobody_who_may_not_see_it(stage: Stage, reading: Reading) -> None:
    named = {
        (name, person)
        for (name, _place, person), read in reading.answers.items()
        if person in HIDDEN_FROM and ("Signal Stream" in read.text or RESTRICTED in read.text)
    }
    assert named == set()
    assert "Signal Stream" in reading.answers["products", "public", "viewer"].text


def test_the_draft_of_the_evidence_is_shown_to_nobody_but_its_authors(stage: Stage, reading: Reading) -> None:
    gate = Gate.objects.get(release__product__slug=PUBLIC, release__version="W.work", position=1)
    assert gate.state == "open"
    sees = {
        person
        for (name, place, person), read in reading.answers.items()
        if (name, place) == ("gate", "public") and ("What we found." in read.text or "brief.txt" in read.text)
    }
    assert sees == {"owner", "administrator"}


def test_every_link_leads_somewhere(stage: Stage, sessions: dict[str, str], browser: Browser, reading: Reading) -> None:
    """Each address that a page offers exists, and the person to whom it is offered gets an answer there."""
    dead: set[tuple[str, ...]] = set()
    offered: dict[tuple[str, str], tuple[str, str]] = {}
    kinds: dict[str, str] = {}
    for (name, _place, person), read in reading.answers.items():
        for href in set(re.findall(r'(?:href|hx-get)="(/[^"]*)"', read.text)):
            path = urlsplit(href).path
            if path.startswith("/static/"):
                continue
            if path not in kinds:
                try:
                    kinds[path] = resolve(path).view_name
                except Resolver404:
                    kinds[path] = ""
            if not kinds[path]:
                dead.add((name, path))
            # one of each kind for each person is enough
            offered.setdefault((person, kinds[path]), (name, href.replace("&amp;", "&")))
    assert dead == set(), "links to nowhere"
    for (person, _kind), (name, href) in offered.items():
        if person in ("outsider", "owner", "approver", "administrator"):
            status = said(browser.ask("GET", href, sessions[person]))
            if status not in ("200", "204", "302"):
                dead.add((name, person, href, status))
    assert dead == set(), "links that refuse whoever they are shown to"
    assert len(offered) > 100
