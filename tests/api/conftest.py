"""Callers of the API: a token in the header, or a browser's session."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from jsonschema import Draft202012Validator

from approvals.actions.tokens import create_token
from gatekeeper.accounts.models import User
from gatekeeper.api import schema

BASE = "/api/v1"


@lru_cache
def _paths() -> list[tuple[re.Pattern[str], dict[str, Any]]]:
    """Every path of the schema as a pattern, those with fewer parameters first."""
    found = []
    for path, operations in sorted(schema()["paths"].items(), key=lambda item: item[0].count("{")):
        pattern = re.sub(r"\{name\}", ".+", re.escape(path).replace(r"\{", "{").replace(r"\}", "}"))
        found.append((re.compile(re.sub(r"\{\w+\}", "[^/]+", pattern)), operations))
    return found


@lru_cache(maxsize=500)
def _validator(text: str) -> Draft202012Validator:
    return Draft202012Validator(json.loads(text) | {"components": schema()["components"]})


def assert_described(method: str, address: str, response: HttpResponse) -> None:
    """The schema declares this status, and the body has the declared shape."""
    path = address.split("?")[0]
    operations = next((ops for pattern, ops in _paths() if pattern.fullmatch(path)), None)
    if operations is None or method.lower() not in operations:
        return
    answers = operations[method.lower()]["responses"]
    answer = answers.get(str(response.status_code))
    assert answer is not None, f"{method} {path}: {response.status_code} is not declared: {response.content[:300]!r}"
    if "$ref" in answer:
        answer = schema()["components"]["responses"][answer["$ref"].rpartition("/")[2]]
    kind = response.headers.get("Content-Type", "").split(";")[0]
    if response.streaming or not response.content or (kind == "application/json" and "fields=" in address):
        return
    declared = answer["content"].get(kind)
    assert declared is not None, f"{method} {path}: {kind} is not declared"
    if kind.endswith("json"):
        _validator(json.dumps(declared["schema"])).validate(json.loads(response.content))


@dataclass
class Caller:
    """Calls the API with a token, or signed in."""

    token: str = ""
    client: Client = field(default_factory=Client)

    def call(
        self, method: str, path: str, body: Any = None, *, raw: bytes | None = None, **headers: str
    ) -> HttpResponse:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token:
            given["Authorization"] = f"Bearer {self.token}"
        data = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        kind = given.pop("Content-Type", "application/json")
        found: HttpResponse = self.client.generic(method, BASE + path, data, content_type=kind, headers=given)
        assert_described(method, BASE + path, found)
        return found

    def get(self, path: str, **headers: str) -> HttpResponse:
        return self.call("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> HttpResponse:
        return self.call("POST", path, body, **headers)

    def put(self, path: str, body: Any = None, **headers: str) -> HttpResponse:
        return self.call("PUT", path, body, **headers)

    def patch(self, path: str, body: Any = None, **headers: str) -> HttpResponse:
        return self.call("PATCH", path, body, **headers)

    def delete(self, path: str, **headers: str) -> HttpResponse:
        return self.call("DELETE", path, **headers)


def token_of(person: User, *scopes: str, **more: Any) -> str:
    """A token that somebody makes, with their password given just now."""
    found = create_token(
        owner=person,
        actor=None if person.is_service else person,
        name="test",
        scopes=scopes or ("read",),
        days=90,
        reauthenticated_at=timezone.now(),
        **more,
    )
    return found.text


def caller(person: User, *scopes: str, **more: Any) -> Caller:
    """Somebody with a token."""
    return Caller(token_of(person, *scopes, **more))


def signed_in(person: User) -> Caller:
    """Somebody in a browser."""
    found = Caller()
    found.client.force_login(person, "gatekeeper.accounts.backends.EmailOrUsernameBackend")
    return found


def shown(response: HttpResponse) -> Any:
    """What an answer says."""
    return json.loads(response.content)


def assert_problem(response: HttpResponse, status: int, code: str = "") -> Mapping[str, Any]:
    """Every refusal has the same shape."""
    assert response.status_code == status, response.content
    assert response.headers["Content-Type"] == "application/problem+json"
    found = shown(response)
    assert set(found) - {"errors", "blockers"} == {"type", "title", "status", "code", "detail"}
    assert found["status"] == status
    assert not code or found["code"] == code
    return found


@pytest.fixture(autouse=True)
def _whole_limits() -> None:
    """No test inherits the calls that another has taken."""
    from gatekeeper.common.api import limits

    limits._leases.clear()
