"""Errors of the API: problem details (RFC 9457) for rules, bad requests and everything between, in one shape."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import ObjectDoesNotExist, PermissionDenied, RequestDataTooBig
from django.http import Http404, HttpResponse, UnreadablePostError
from rest_framework import exceptions

from gatekeeper.common.api.answers import dumps
from gatekeeper.common.errors import Blocker, DomainError, FieldProblem, Unavailable

CONTENT_TYPE = "application/problem+json"
NOT_FOUND = "There is nothing at this address, or you may not see it."
RETRY_SECONDS = 5


class ApiProblem(Exception):
    """A request that is refused before any action is asked."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        errors: Iterable[FieldProblem] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})


def malformed(detail: str, errors: Iterable[FieldProblem] = ()) -> ApiProblem:
    """400: the request itself is wrong, whatever the state of things."""
    return ApiProblem(400, "malformed", detail, errors=errors)


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    errors: Iterable[FieldProblem] = (),
    blockers: Iterable[Blocker] = (),
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    """The answer to a refused request."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
        "detail": detail,
    }
    if errors := list(errors):
        body["errors"] = [{"field": e.field, "code": e.code, "message": e.message} for e in errors]
    if blockers := list(blockers):
        body["blockers"] = [{"code": b.code, "subject": b.subject, "message": b.message} for b in blockers]
    return HttpResponse(dumps(body), status=status, content_type=CONTENT_TYPE, headers=headers)


def of_domain(error: DomainError) -> HttpResponse:
    """A rule said no: the same code and sentence as on a page."""
    headers = {"Retry-After": str(RETRY_SECONDS)} if isinstance(error, Unavailable) else None
    return problem(
        error.status, error.code, error.message, errors=error.fields, blockers=error.blockers, headers=headers
    )


def handle(error: Exception, context: Mapping[str, Any]) -> HttpResponse | None:
    """REST framework's exception handler. None lets an error of ours go on to the log and the answer 500."""
    if isinstance(error, ApiProblem):
        return problem(error.status, error.code, error.detail, errors=error.errors, headers=error.headers)
    if isinstance(error, DomainError):
        return of_domain(error)
    if isinstance(error, Http404 | ObjectDoesNotExist):
        return problem(404, "not_found", NOT_FOUND)
    if isinstance(error, PermissionDenied):
        return problem(403, "not_allowed", "You may not do this.")
    if isinstance(error, RequestDataTooBig):
        return problem(413, "too_large", "The body of the request is too large.")
    if isinstance(error, UnreadablePostError):
        return problem(400, "malformed", "The body of the request ended too early.")
    if isinstance(error, exceptions.APIException):
        return _of_framework(error)
    return None


def _of_framework(error: exceptions.APIException) -> HttpResponse:
    if isinstance(error, exceptions.ValidationError):
        return problem(400, "malformed", "The request has fields that cannot be used.", errors=flat(error.detail))
    if isinstance(error, exceptions.ParseError):
        return problem(400, "malformed", str(error.detail))
    if isinstance(error, exceptions.MethodNotAllowed):
        return problem(405, "method_not_allowed", f"{error.detail}")
    if isinstance(error, exceptions.UnsupportedMediaType):
        return problem(415, "unsupported_media_type", "Send JSON: Content-Type: application/json.")
    if isinstance(error, exceptions.NotAcceptable):
        return problem(406, "not_acceptable", "This address has no answer of the asked kind.")
    if isinstance(error, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
        challenge = getattr(error, "auth_header", None) or "Bearer"
        code = "invalid_token" if isinstance(error, exceptions.AuthenticationFailed) else "not_signed_in"
        return problem(401, code, str(error.detail), headers={"WWW-Authenticate": challenge})
    if isinstance(error, exceptions.PermissionDenied):
        return problem(403, "not_allowed", str(error.detail))
    code = str(error.get_codes()) if isinstance(error.detail, str) else "malformed"
    return problem(error.status_code, code, str(error.detail))


def flat(detail: Any, prefix: str = "") -> list[FieldProblem]:
    """REST framework's nested errors as a flat list; a field inside another is `dates.release-readiness`."""
    if isinstance(detail, Mapping):
        found: list[FieldProblem] = []
        for name, inner in detail.items():
            name = "" if name == "non_field_errors" else str(name)
            found += flat(inner, f"{prefix}.{name}".strip("."))
        return found
    if isinstance(detail, list):
        found = []
        for index, inner in enumerate(detail):
            is_nested = isinstance(inner, Mapping | list)
            found += flat(inner, f"{prefix}.{index}".strip(".") if is_nested and inner else prefix)
        return found
    return [FieldProblem(prefix, str(getattr(detail, "code", "invalid")), str(detail))]
