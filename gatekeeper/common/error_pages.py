"""Pages for what went wrong: the usual frame, what happened, what to do, and a number to report."""

import logging

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from gatekeeper.common import logs
from gatekeeper.common.api.problems import NOT_FOUND, problem

logger = logging.getLogger(__name__)

API = "/api/"
API_WORDS = {
    400: ("malformed", "The request cannot be read."),
    403: ("not_allowed", "You may not do this."),
    404: ("not_found", NOT_FOUND),
    500: ("server_error", "Something went wrong here; it is in the log, under this answer's X-Request-Id."),
}


def page(request: HttpRequest, status: int) -> HttpResponse:
    """The page of one status, in the frame; in a plain one when the frame itself cannot be built.

    Callers of the API get problem details instead.
    """
    if request.path.startswith(API):
        code, detail = API_WORDS[status]
        return problem(status, code, detail)
    context = {"reference": logs.request_id.get()}
    try:
        html = render_to_string(f"errors/{status}.html", context, request=request)
    except Exception:
        # a broken database must not turn one error into a blank page
        logger.exception("The frame of an error page failed")
        html = render_to_string(f"errors/{status}.html", context | {"is_bare": True})
    return HttpResponse(html, status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return page(request, 400)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return page(request, 403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return page(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    return page(request, 500)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form from an old page or another site: settings.CSRF_FAILURE_VIEW."""
    logger.warning("CSRF check failed: %s", reason)
    return HttpResponse(
        render_to_string("errors/csrf.html", {"reference": logs.request_id.get()}, request=request), status=403
    )
