"""What the walk asks of the resolver, the database and the answers."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connection, transaction
from django.http import HttpResponseBase
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

TABLE = Path(__file__).with_name("table.csv")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# a person's own session, and by what they know it again, is nothing of the product; reading renews it
SESSIONS = ("django_session", "accounts_signedin")


def url_names(resolver: URLResolver | None = None, namespace: str = "") -> Iterator[tuple[str, str]]:
    """(name, route) of every address; of one without a name only the namespace is left."""
    for entry in (resolver or get_resolver()).url_patterns:
        if isinstance(entry, URLResolver):
            inner = f"{namespace}{entry.namespace}:" if entry.namespace else namespace
            yield from url_names(entry, inner)
        else:
            assert isinstance(entry, URLPattern)
            yield f"{namespace}{entry.name or ''}", str(entry.pattern)


@lru_cache
def table() -> Mapping[tuple[str, str], Mapping[str, str]]:
    """The rows of table.csv: (name, method) -> person -> what they get."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(line for line in file if line.strip() and not line.startswith("#")))
    found = {(row.pop("name"), row.pop("method")): row for row in rows}
    assert len(found) == len(rows), "a row stands twice in the table"
    return found


def said(response: HttpResponseBase) -> str:
    """An answer as the table writes it: `in` for the way to the sign-in page, else the status."""
    place = response.headers.get("Location", "")
    is_sign_in = response.status_code == 302 and place.split("?")[0] == "/sign-in/" and "next=" in place
    return "in" if is_sign_in else str(response.status_code)


@lru_cache
def _tables() -> Sequence[tuple[str, str]]:
    """(table, key column) of everything that is stored."""
    models = [model for model in apps.get_models(include_auto_created=True) if model._meta.managed]
    pairs = {(model._meta.db_table, model._meta.pk.column) for model in models}
    return sorted(pair for pair in pairs if pair[0] not in SESSIONS)


def fingerprint() -> dict[str, tuple[Any, ...]]:
    """Rows and newest key of every table, and what rises with a change that adds no row: one query."""
    quote = connection.ops.quote_name
    # keys may be texts, and a UNION wants one type
    parts = [
        f"SELECT '{table}' AS name, COUNT(*), MAX(CAST({quote(key)} AS varchar(80))) FROM {quote(table)}"
        for table, key in _tables()
    ]
    parts += [
        f"SELECT '{name}', {column}, '' FROM {quote(table)}"
        for name, table, column in (
            ("revisions", "releases_release", "SUM(revision)"),
            ("numbers", "releases_release", "SUM(event_number)"),
            ("organisation", "releases_organisation", "SUM(event_number)"),
            ("drafts", "releases_playbookdraft", "SUM(revision)"),
            ("active people", "accounts_user", "SUM(CASE WHEN is_active THEN 1 ELSE 0 END)"),
            ("read notices", "notifications_delivery", "COUNT(read_at)"),
        )
    ]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts))
        return {row[0]: tuple(row[1:]) for row in cursor.fetchall()}


class Writes:
    """Statements that change something, as they pass by; those of sessions do not count."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        verb = sql.lstrip().split(" ", 1)[0].upper()
        if verb in ("INSERT", "UPDATE", "DELETE", "REPLACE") and not any(table in sql for table in SESSIONS):
            self.statements.append(sql[:200])
        return execute(sql, params, many, context)


@contextmanager
def undone() -> Iterator[None]:
    """What happens inside is taken back."""
    with trial_atomic():
        yield
        transaction.set_rollback(True)


def trial_atomic() -> transaction.Atomic:
    """A transaction that actions which want to be outermost do not mind, as in Django's own test cases."""
    atomic = transaction.atomic()
    atomic._from_testcase = True
    return atomic


class Browser:
    """Sends requests with anybody's session; one handler for all, because each new one reads the static files anew."""

    def __init__(self, *, enforces_csrf: bool = False) -> None:
        self.client = Client(raise_request_exception=False, enforce_csrf_checks=enforces_csrf)

    def ask(self, method: str, address: str, session: str, data: Mapping[str, Any] | None = None) -> HttpResponseBase:
        """One request; nothing is left of it for the next."""
        self.client.cookies.clear()
        if session:
            self.client.cookies[settings.SESSION_COOKIE_NAME] = session
        if method == "POST":
            response: HttpResponseBase = self.client.post(address, data or {})
        else:
            response = self.client.generic(method, address)
        if response.streaming:
            # to its end, since the files and queries behind it come only now
            b"".join(response.streaming_content)
        return response
