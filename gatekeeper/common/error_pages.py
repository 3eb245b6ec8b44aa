"""Pages for what went wrong: the usual frame, what happened, what to do, and a number to report."""

import logging

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from gatekeeper.common import logs
from gatekeeper.common.api.problems import NOT_FOUND, problem
from gatekeeper.common.held import hold

logger = logging.getLogger(__name__)

API = "/api/"
API_WORDS = {
    400: ("malformed", "The request cannot be read."),
    403: ("not_allowed", "You may not do this."),
    404: ("not_found", NOT_FOUND),
    500: ("server_error", "Something went wrong here; it is in the log, under this answer’s X-Request-Id."),
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
    """A form from an old page or another site: settings.CSRF_FAILURE_VIEW.

    What was typed into an old page of ours is given back. Scripts are told by a header to fetch a new token.
    """
    logger.warning("CSRF check failed: %s", reason)
    form = hold(request) if request.user.is_authenticated else None
    template = "errors/held.html" if form is not None else "errors/csrf.html"
    context = {"reference": logs.request_id.get(), "held": form}
    response = HttpResponse(render_to_string(template, context, request=request), status=403)
    response.headers["X-Token"] = "stale"
    return response
