"""Headers of every answer, the request's id, the size of a body, the age of a session."""

import re
import secrets
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import unquote

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone

from gatekeeper.common import error_pages, logs
from gatekeeper.common.api.problems import problem

GetResponse = Callable[[HttpRequest], HttpResponseBase]

PERMISSIONS_POLICY = (
    "accelerometer=(), browsing-topics=(), camera=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), "
    "payment=(), usb=()"
)
# room for the form fields around the largest file
BODY_ALLOWANCE = 1_000_000
SESSION_RENEWAL = timedelta(minutes=5)


class RequestIdMiddleware:
    """Names each request, for its log lines and for the person who reports it."""

    _usable = re.compile(r"[A-Za-z0-9-]{8,64}")

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get("X-Request-Id", "")
        # only our own proxy may choose it
        identity = given if settings.PROXY_COUNT and self._usable.fullmatch(given) else secrets.token_hex(8)
        token = logs.request_id.set(identity)
        try:
            response = self.get_response(request)
        finally:
            logs.request_id.reset(token)
        response["X-Request-Id"] = identity
        return response


class SecurityHeadersMiddleware:
    """The strict content policy and its companions, on pages, files and errors alike; a view may set a stricter one."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", settings.CONTENT_SECURITY_POLICY)
        response.headers.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        return response


class BodyLimitMiddleware:
    """Refuses a body that is too large by its announced length, before anything of it is read or stored."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        announced = str(request.META.get("CONTENT_LENGTH") or "0")
        if announced.isdigit() and int(announced) > settings.EVIDENCE_FILE_LIMIT + BODY_ALLOWANCE:
            limit = settings.EVIDENCE_FILE_LIMIT // 1_000_000
            words = f"This is too large: a file may have at most {limit} MB."
            if request.path.startswith(error_pages.API):
                response = problem(413, "too_large", words)
            else:
                response = HttpResponse(f"{words}\n", status=413, content_type="text/plain")
            response["Connection"] = "close"  # the rest of the body is not waited for
            return response
        return self.get_response(request)


class NulMiddleware:
    """Refuses a NUL in an address, which no text of the database can hold, before anything is looked up with it.

    After the session and the person, since the page of the refusal has the person's frame.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if "\x00" in unquote(request.path_info + "?" + request.META.get("QUERY_STRING", "")):
            return error_pages.page(request, 400)
        return self.get_response(request)


class NoStoreMiddleware:
    """Pages are one person's: no cache keeps them, unless the view says otherwise."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response


class SessionAgeMiddleware:
    """Ends a session 7 days after sign-in, and renews its 12 idle hours with use.

    Renews at most every 5 minutes, so that reading pages hardly ever writes.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.session.session_key and request.user.is_authenticated:
            now = int(timezone.now().timestamp())
            signed_in_at = request.session.setdefault("signed_in_at", now)
            if now - signed_in_at > settings.SESSION_ABSOLUTE_AGE.total_seconds():
                logout(request)
            elif now - request.session.get("seen_at", 0) >= SESSION_RENEWAL.total_seconds():
                request.session["seen_at"] = now
        return self.get_response(request)
