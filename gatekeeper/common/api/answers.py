"""Answers of the API as JSON: days as 2026-12-01, times in UTC to the second, never a number for a state."""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from django.http import HttpResponse


def moment(at: datetime) -> str:
    """RFC 3339 in UTC: 2026-11-20T09:14:03Z."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in an answer")


def dumps(data: Any) -> bytes:
    """JSON as it goes out."""
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"), default=_plain).encode()


def answer(data: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """A JSON answer."""
    return HttpResponse(dumps(data), status=status, content_type="application/json", headers=headers)


def nothing() -> HttpResponse:
    """Done, and there is nothing to say (204)."""
    return HttpResponse(status=204)
