"""Bodies of requests: JSON, read strictly. What the database could not hold is refused here, before anything else."""

import json
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

MOST_DEPTH = 20
MOST_DIGITS = 19


def _whole(text: str) -> int:
    if len(text) > MOST_DIGITS + 1:
        raise ParseError("A number in the body is too large.")
    return int(text)


def _fraction(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ParseError("A number in the body is too large.")
    return number


def _constant(text: str) -> Any:
    raise ParseError(f"{text} is not JSON.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ParseError("A field stands in the body twice.")
    return found


def check_texts(value: Any) -> None:
    """Refuse NUL, halves of characters and deep nesting, anywhere in a parsed body.

    Raises:
        ParseError: what no text of the database can hold, or more than 20 levels.
    """
    waiting = [(value, 1)]
    while waiting:
        here, depth = waiting.pop()
        if depth > MOST_DEPTH:
            raise ParseError(f"The body is nested more than {MOST_DEPTH} levels deep.")
        if isinstance(here, str):
            _check_text(here)
        elif isinstance(here, dict):
            for name, inner in here.items():
                _check_text(name)
                waiting.append((inner, depth + 1))
        elif isinstance(here, list):
            waiting += [(inner, depth + 1) for inner in here]


def _check_text(text: str) -> None:
    if "\x00" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ParseError("The body has a character that no text can hold.")


class StrictJSONParser(BaseParser):
    """JSON in UTF-8 without what JSON libraries let pass: NaN, a field twice, numbers without end, deep nesting."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        raw = stream.read(limit + 1)
        if len(raw) > limit:
            raise RequestDataTooBig("The body is too large.")
        try:
            found = json.loads(
                raw.decode("utf-8"),
                parse_int=_whole,
                parse_float=_fraction,
                parse_constant=_constant,
                object_pairs_hook=_object,
            )
        except (ValueError, RecursionError) as error:
            raise ParseError("The body is not JSON in UTF-8.") from error
        check_texts(found)
        return found
