"""Refusals: what a person should be told, with the code that pages, API and commands share."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class FieldProblem:
    """One field that was refused: its name, a code and a sentence."""

    field: str
    code: str
    message: str


@dataclass(frozen=True)
class Blocker:
    """One thing in the way of a gate: a code of the API contract, whom or what it is about, and a sentence."""

    code: str
    subject: str
    message: str


class DomainError(Exception):
    """A rule says no. Nothing was changed: the action's transaction is rolled back.

    `status` is the HTTP status that pages and API answer with.
    """

    status = 422

    def __init__(
        self,
        code: str,
        message: str,
        *,
        fields: Sequence[FieldProblem] = (),
        blockers: Sequence[Blocker] = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.fields = tuple(fields)
        self.blockers = tuple(blockers)

    @classmethod
    def for_field(cls, field: str, code: str, message: str) -> "DomainError":
        """Refuse one field."""
        return cls(code, message, fields=[FieldProblem(field, code, message)])


class Refused(DomainError):
    """Valid words, refused by a rule (422)."""


class Conflict(DomainError):
    """The state has moved on or is the wrong one (409)."""

    status = 409


class NotAllowed(DomainError):
    """The person is known and may see the thing, but may not do this (403)."""

    status = 403


class Unavailable(DomainError):
    """Something that this needs does not answer or has no room: nothing was kept, and trying later may work (503)."""

    status = 503
