"""What requests may say: fields that take nothing but their own type, serializers that refuse what they do not know.

A body is JSON, so `"5"` is not 5 and 1 is not true. A query is text, so its fields have classes of their own.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from django.utils.dateparse import parse_datetime
from rest_framework import serializers

from gatekeeper.common.api.problems import malformed
from gatekeeper.common.errors import FieldProblem

MOST_PER_PAGE = 100
PER_PAGE = 50
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_NUMBER = re.compile(r"\d{1,19}", re.ASCII)
MOST_NUMBER = 2**63 - 1


class Text(serializers.CharField):
    """A text; a number is not one."""

    def __init__(self, *, most: int = 5000, **kwargs: Any) -> None:
        super().__init__(max_length=most, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return str(super().to_internal_value(data))


class Words(serializers.ChoiceField):
    """One of some words."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid_choice", input=data)
        return str(super().to_internal_value(data))


class Whole(serializers.IntegerField):
    """A whole number; neither text nor truth is one, and 7.0 is 7, as JSON has it."""

    def __init__(self, *, least: int = 0, most: int = MOST_NUMBER, **kwargs: Any) -> None:
        super().__init__(min_value=least, max_value=most, **kwargs)

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, float) and data.is_integer():
            data = int(data)
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return int(super().to_internal_value(data))


class Flag(serializers.BooleanField):
    """true or false."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class Day(serializers.DateField):
    """A calendar day of the organisation: 2026-12-01."""

    def to_internal_value(self, value: Any) -> date:
        if not isinstance(value, str) or not _DAY.fullmatch(value):
            self.fail("invalid", format="YYYY-MM-DD")
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.fail("invalid", format="YYYY-MM-DD")
            raise  # `fail` always raises


class Listed(serializers.ListField):
    """A list of at most so many things."""

    def __init__(self, *, most: int = 200, **kwargs: Any) -> None:
        super().__init__(max_length=most, **kwargs)

    def to_internal_value(self, data: Any) -> list[Any]:
        if not isinstance(data, list):
            self.fail("not_a_list", input_type=type(data).__name__)
        found: list[Any] = super().to_internal_value(data)
        return found


class Keyed(serializers.DictField):
    """An object whose names are keys, such as those of gates."""

    initial: Any = {}


class Input(serializers.Serializer[Any]):
    """An object that refuses what it does not know, instead of leaving it out."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = sorted(set(map(str, data)) - set(self.fields))
            if unknown:
                raise serializers.ValidationError(
                    {name[:100]: [serializers.ErrorDetail("There is no such field.", "unknown")] for name in unknown}
                )
        return super().to_internal_value(data)


# --- Queries ------------------------------------------------------------------------------------------------------


class QueryWhole(serializers.IntegerField):
    """A whole number in an address."""

    def __init__(self, *, least: int = 0, most: int = MOST_NUMBER, **kwargs: Any) -> None:
        super().__init__(min_value=least, max_value=most, **kwargs)

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, str) or not _NUMBER.fullmatch(data):
            self.fail("invalid")
        return int(super().to_internal_value(data))


class QueryFlag(serializers.ChoiceField):
    """`true` or `false` in an address."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=["true", "false"], **kwargs)

    def to_internal_value(self, data: Any) -> bool:  # type: ignore[override]
        return bool(super().to_internal_value(data) == "true")


class QueryText(serializers.CharField):
    """A text to look for."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=200, required=False, **kwargs)


class QueryMoment(serializers.Field[datetime, str, str, Any]):
    """A moment with its zone in an address, as RFC 3339 writes it; a plus may have become a space on the way."""

    def to_internal_value(self, data: str) -> datetime:
        try:
            at = parse_datetime(data.replace(" ", "+"))
        except ValueError:
            at = None
        if at is None or at.tzinfo is None:
            raise serializers.ValidationError("Give a moment with its zone, such as 2026-11-20T09:14:03Z.", "invalid")
        return at


class QueryWords(serializers.CharField):
    """Words with commas between them; with `choices` nothing but those."""

    def __init__(self, *, choices: list[str] | None = None, most: int = 50, **kwargs: Any) -> None:
        super().__init__(max_length=4000, trim_whitespace=False, **kwargs)
        self.known = choices
        self.most = most

    def to_internal_value(self, data: Any) -> list[str]:  # type: ignore[override]
        found = super().to_internal_value(data).split(",")
        if "" in found or len(found) > self.most:
            raise serializers.ValidationError("Give words with commas between them.", "invalid")
        if self.known is not None and (unknown := sorted(set(found) - set(self.known))):
            raise serializers.ValidationError(
                f"{unknown[0][:60]} is none of {', '.join(self.known)}.", "invalid_choice"
            )
        return found


class Query(Input):
    """The query of an address that answers with one thing."""

    fields_shown = QueryWords(required=False, help_text="Only these fields of the answer, with commas between them.")

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        found = super().get_fields()
        # `fields` is a name of the serializer's own
        found["fields"] = found.pop("fields_shown")
        return found


class ListQuery(Query):
    """The query of a list: pages are counted from 1."""

    page = QueryWhole(required=False, least=1, most=10**6, default=1)
    page_size = QueryWhole(required=False, least=1, most=MOST_PER_PAGE, default=PER_PAGE)


def ordering(*names: str, default: str) -> serializers.ChoiceField:
    """The field `ordering` of a list: these names, and each with a minus for the other direction."""
    return serializers.ChoiceField(
        choices=[word for name in names for word in (name, f"-{name}")], required=False, default=default
    )


def read_query(query: type[Query] | None, given: Mapping[str, list[str]]) -> dict[str, Any]:
    """The parsed query of a request.

    Raises:
        ApiProblem: 400 with every parameter that is unknown, given twice or of the wrong kind.
    """
    twice = [
        FieldProblem(name, "twice", "This stands in the address twice.") for name, v in given.items() if len(v) > 1
    ]
    if twice:
        raise malformed("The address has a parameter twice.", twice)
    if query is None:
        if given:
            unknown = [FieldProblem(name, "unknown", "There is no such parameter.") for name in sorted(given)]
            raise malformed("This address takes no parameters.", unknown)
        return {}
    read = query(data={name: values[0] for name, values in given.items()})
    read.is_valid(raise_exception=True)
    return dict(read.validated_data)
