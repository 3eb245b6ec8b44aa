"""Reads the environment against declarations, and says in one line each what is missing or malformed."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import environ

# gunicorn's master gives up on this exit code and would start a new worker for ever on any other.
CANNOT_START = 3

DATABASE_SCHEMES = ("sqlite", "postgres", "postgresql")
BROKER_SCHEMES = ("redis", "rediss", "unix")
MAIL_SCHEMES = ("file", "console", "smtp", "smtp+tls", "smtps")


class Unusable(ValueError):
    """A value is there and cannot be used; the text says why when there is more to say than what was expected."""


@dataclass(frozen=True)
class Variable:
    """One environment variable: a row of the README's table.

    `default` is the text a person would write; None means it depends on others, and `default_note` says how.
    `required` names when it must be given: never "", or "in production".
    """

    name: str
    kind: str
    default: str | None
    expected: str
    purpose: str
    default_note: str = ""
    required: str = ""
    secret: bool = False

    def row(self) -> str:
        """Its row in the README's table."""
        default = self.default_note or (f"`{self.default}`" if self.default else "empty")
        if self.required:
            default += f"; required {self.required}"
        return f"| `{self.name}` | {self.purpose} | {self.expected} | {default} |"


def _boolean(text: str) -> bool:
    words = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
    try:
        return words[text.lower()]
    except KeyError:
        raise Unusable from None


def _natural(text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise Unusable
    return int(text)


def _count(text: str) -> int:
    number = _natural(text)
    if number < 1:
        raise Unusable
    return number


def _port(text: str) -> int:
    number = _natural(text)
    if not 1 <= number <= 65535:
        raise Unusable
    return number


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _address(text: str) -> str:
    """The web address without a trailing slash."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise Unusable
    if parts.path not in ("", "/"):
        raise Unusable
    if parts.username or parts.password:
        raise Unusable
    parts.port  # noqa: B018  # raises ValueError for a port that is none
    return text.rstrip("/")


def _zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Unusable from None
    return text


def _level(text: str) -> str:
    if text.upper() not in ("DEBUG", "INFO", "WARNING", "ERROR"):
        raise Unusable
    return text.upper()


def _path(text: str) -> Path:
    return Path(text).expanduser().resolve()


def _key(text: str) -> str:
    if len(text) < 50 or len(set(text)) < 5:
        raise Unusable
    return text


def _scheme_of(text: str, schemes: Sequence[str]) -> str:
    scheme, separator, _ = text.partition("://")
    if not separator or scheme not in schemes:
        raise Unusable
    return scheme


def _database(text: str) -> dict[str, Any]:
    """Django's DATABASES entry, without our options."""
    scheme = _scheme_of(text, DATABASE_SCHEMES)
    parts = urlsplit(text)
    parts.port  # noqa: B018  # raises ValueError for a port that is none
    config: dict[str, Any] = environ.Env.db_url_config(text)
    if not config.get("NAME"):
        raise Unusable
    if scheme == "sqlite":
        if config["NAME"] != ":memory:":
            config["NAME"] = str(Path(config["NAME"]).expanduser())
    else:
        config["ENGINE"] = "django.db.backends.postgresql"
    return config


def _broker(text: str) -> str:
    if not text:
        return ""
    _scheme_of(text, BROKER_SCHEMES)
    urlsplit(text).port  # noqa: B018
    return text


def _mail(text: str) -> dict[str, Any]:
    """Django's e-mail settings from an address like smtp+tls://user:password@host:587."""
    scheme = _scheme_of(text, MAIL_SCHEMES)
    if scheme == "console":
        return {"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"}
    if scheme == "file":
        folder = text.removeprefix("file://")
        if not folder.startswith("/"):
            raise Unusable
        return {"EMAIL_BACKEND": "gatekeeper.common.mail_files.EmailBackend", "EMAIL_FILE_PATH": folder}
    parsed = environ.Env.email_url_config(text)
    if not parsed.get("EMAIL_HOST"):
        raise Unusable
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": parsed["EMAIL_HOST"],
        "EMAIL_PORT": parsed["EMAIL_PORT"] or {"smtp": 25, "smtp+tls": 587, "smtps": 465}[scheme],
        "EMAIL_HOST_USER": parsed["EMAIL_HOST_USER"] or "",
        "EMAIL_HOST_PASSWORD": parsed["EMAIL_HOST_PASSWORD"] or "",
        "EMAIL_USE_TLS": scheme == "smtp+tls",
        "EMAIL_USE_SSL": scheme == "smtps",
        # a slow mail server holds one worker, and not for longer than a task may run
        "EMAIL_TIMEOUT": 20,
    }


PARSERS: dict[str, Callable[[str], Any]] = {
    "yes/no": _boolean,
    "number": _natural,
    "count": _count,
    "port": _port,
    "text": str,
    "list": _words,
    "address": _address,
    "time zone": _zone,
    "log level": _level,
    "folder": _path,
    "key": _key,
    "database": _database,
    "broker": _broker,
    "mail": _mail,
}


class Environment:
    """The declared variables, read once. Problems are collected, so that all are told at once."""

    def __init__(self, variables: Sequence[Variable], source: Mapping[str, str]) -> None:
        self._variables = {variable.name: variable for variable in variables}
        self._source = source
        self.problems: list[str] = []

    def given(self, name: str) -> bool:
        """Whether the variable has a value of its own; an empty one counts as not given."""
        return bool(self._source.get(name, "").strip())

    def read(self, name: str, default: str | None = None) -> Any:
        """The parsed value; without a usable one the default's, so that reading can go on to the next problem."""
        variable = self._variables[name]
        fallback = default if default is not None else (variable.default or "")
        parse = PARSERS[variable.kind]
        if self.given(name):
            try:
                return parse(self._source[name].strip())
            except ValueError:
                self.malformed(name)
        return parse(fallback)

    def missing(self, name: str) -> None:
        """A value has to be given and is not."""
        self.problems.append(f"{name} is missing. Expected: {self._variables[name].expected}.")

    def malformed(self, name: str, why: str = "") -> None:
        """A value is there and cannot be used; a secret's is not printed."""
        variable = self._variables[name]
        value = "" if variable.secret else f" ({self._source.get(name, '')!r})"
        self.problems.append(f"{name}{value} cannot be used{f': {why}' if why else ''}. Expected: {variable.expected}.")

    def stop_on_problems(self) -> None:
        """End the process with one line per problem and no traceback."""
        if self.problems:
            for problem in self.problems:
                print(f"gatekeeper cannot start: {problem}", file=sys.stderr)  # noqa: T201
            raise SystemExit(CANNOT_START)
