"""Who gets what from the API: every address and method, asked by everybody and with every kind of token.

table.csv says it for a product that everybody sees. Of a restricted one an outsider gets 404 wherever an address or a
body names the product. A refusal changes nothing. All in one file, so that the stage is set once.
"""

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from approvals.actions.tokens import create_token
from approvals.models import Check
from gatekeeper.accounts.models import User
from releases.actions.products import grant_product_permission
from tests.access.conftest import _own_media, sessions, stage  # noqa: F401  # fixtures
from tests.access.stage import Stage
from tests.access.walk import fingerprint, said, undone, url_names
from tests.api.places import TARGETS

pytestmark = pytest.mark.django_db

TABLE = Path(__file__).with_name("table.csv")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
PEOPLE = ("anonymous", "outsider", "viewer", "owner", "approver", "executive", "administrator")
TOKENS = ("read", "write", "checks", "decide", "deactivated")
NAMES = sorted({name for name, _route in url_names() if name.startswith("api-")})


@lru_cache
def table() -> Mapping[tuple[str, str], Mapping[str, str]]:
    """(name, method) -> caller -> status."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(line for line in file if line.strip() and not line.startswith("#")))
    return {(row.pop("name"), row.pop("method")): row for row in rows}


@dataclass
class Callers:
    """Everybody with a session or a token."""

    sessions: Mapping[str, str]
    tokens: Mapping[str, str]
    client: Client

    def ask(self, who: str, method: str, address: str, body: Any = None) -> str:
        self.client.cookies.clear()
        headers = {}
        if who in self.tokens:
            headers["Authorization"] = f"Bearer {self.tokens[who]}"
        elif self.sessions[who]:
            self.client.cookies[settings.SESSION_COOKIE_NAME] = self.sessions[who]
        data = b"" if body is None else json.dumps(body).encode()
        answer = self.client.generic(method, address, data, content_type="application/json", headers=headers)
        if answer.streaming:
            b"".join(answer.streaming_content)
        return said(answer)


@pytest.fixture(scope="module")
def callers(stage: Stage, sessions: dict[str, str]) -> Callers:  # noqa: F811
    """Tokens of the owner, the build machine, the approver and of somebody who was deactivated since."""
    robot = User.objects.get(username="build-bot")
    places = (stage.public, stage.restricted)
    for place in places:
        grant_product_permission(
            product=place.product, codename="report_checks", holder=robot, actor=stage.people["administrator"]
        )
    names = set(Check.objects.filter(gate__release__version="W.work").values_list("name", flat=True))
    wanted = {
        "read": (stage.people["owner"], ("read",), {}),
        "write": (stage.people["owner"], ("read", "write"), {}),
        "checks": (robot, ("checks",), {"products": [place.product.pk for place in places], "checks": names}),
        "decide": (stage.people["approver"], ("read", "decide"), {}),
    }
    tokens = {}
    for column, (owner, scopes, more) in wanted.items():
        actor = None if owner.is_service else owner
        tokens[column] = create_token(
            owner=owner, actor=actor, name=column, scopes=scopes, days=30, reauthenticated_at=timezone.now(), **more
        ).text
    dora = stage.people["deactivated"]
    User.objects.filter(pk=dora.pk).update(is_active=True)
    tokens["deactivated"] = create_token(owner=dora, actor=None, name="late", scopes=("write",), days=30).text
    User.objects.filter(pk=dora.pk).update(is_active=False)
    found = Callers(sessions, tokens, Client(raise_request_exception=False))
    for who in (*PEOPLE, *TOKENS):
        found.ask(who, "GET", "/api/v1/me/")  # the first call of each makes the row that counts them
    return found


def test_every_address_of_the_api_has_a_target_and_rows() -> None:
    assert set(NAMES) - {name.split("/")[0] for name in TARGETS} == set()
    assert set(NAMES) - {name.split("/")[0] for name, _method in table()} == set()


def asked(name: str, people: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """(place, caller, expected)."""
    for who, status in people.items():
        yield "public", who, status
    if TARGETS[name].is_hidden:
        yield "restricted", "outsider", "404"


@pytest.mark.parametrize("name", sorted({name for name, _method in table()}))
def test_the_api_answers_as_the_table_says_and_a_refusal_changes_nothing(
    stage: Stage,  # noqa: F811
    callers: Callers,
    name: str,
) -> None:
    target = TARGETS[name]
    untouched = fingerprint()
    got: dict[Any, str] = {}
    wanted: dict[Any, str] = {}
    for method in METHODS:
        people = table().get((name, method))
        if people is None:
            address = reverse(name.split("/")[0], kwargs=target.arguments(stage.public))
            got[method], wanted[method] = callers.ask("administrator", method, address), "405"
            continue
        for where, who, expected in asked(name, people):
            place = stage.place(where)
            address = reverse(name.split("/")[0], kwargs=target.arguments(place)) + target.queries.get(method, "")
            with undone():
                status = callers.ask(who, method, address, target.body(method, place))
                if (method == "GET" or status >= "400") and fingerprint() != untouched:
                    status += " and something changed"
            got[method, where, who], wanted[method, where, who] = status, expected
    assert got == wanted


def test_a_release_of_a_hidden_product_is_not_planned_by_an_outsider(stage: Stage, callers: Callers) -> None:  # noqa: F811
    body = TARGETS["api-releases"].body("POST", stage.restricted)
    assert callers.ask("outsider", "POST", "/api/v1/releases/", body) == "404"
    assert callers.ask("outsider", "POST", "/api/v1/releases/", body | {"product": "no-such-product"}) == "404"
