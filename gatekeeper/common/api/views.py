"""The base of every view of the API, and the words that describe one method of it.

    class GateView(ApiView):
        @describe("A gate", answers={200: GATE})
        def get(self, request, product, version, gate): ...

A view is parse, fetch by `visible_to`, one action, answer. Who may call (scope), what may be said (query and body), the
safe retry of a POST, tags and limits are done around it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from django.core.paginator import EmptyPage, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import patch_vary_headers
from rest_framework.request import Request
from rest_framework.views import APIView

from gatekeeper.common.api import limits, problems, retries, shapes, tags
from gatekeeper.common.api.answers import answer, dumps
from gatekeeper.common.api.inputs import Input, ListQuery, Query, read_query
from gatekeeper.common.api.parsing import StrictJSONParser
from gatekeeper.common.api.problems import ApiProblem, malformed
from gatekeeper.common.errors import FieldProblem
from gatekeeper.common.requests import client_ip

READ, WRITE, CHECKS, DECIDE, ANY = "read", "write", "checks", "decide", "any"
Method = Callable[..., HttpResponseBase]


@dataclass(frozen=True)
class Spec:
    """What one method of a view takes and answers; the schema is made from it."""

    summary: str
    answers: Mapping[int, shapes.Schema | None]
    query: type[Query] | None
    body: type[Input] | None
    scope: str
    is_body_optional: bool = False
    media: Mapping[str, shapes.Schema] = field(default_factory=dict)
    bodies: Mapping[str, shapes.Schema] = field(default_factory=dict)
    has_match: bool = False
    refusals: tuple[int, ...] = ()

    @property
    def shown(self) -> shapes.Schema | None:
        """The shape of the answer when all is well."""
        return next(iter(self.answers.values()), None)


def describe(
    summary: str,
    *,
    answers: Mapping[int, shapes.Schema | None],
    query: type[Query] | None = None,
    body: type[Input] | None = None,
    scope: str = "",
    is_body_optional: bool = False,
    media: Mapping[str, shapes.Schema] | None = None,
    bodies: Mapping[str, shapes.Schema] | None = None,
    has_match: bool = False,
    refusals: tuple[int, ...] = (),
) -> Callable[[Method], Method]:
    """Describe a method, and do around it what every one needs.

    Args:
        answers: status → shape of the answer; None where there is no body.
        query: its parameters; a GET with a JSON answer takes `fields` in any case.
        scope: what a token needs; `read` for GET and `write` for the rest unless said.
        media: other kinds of answers than JSON, by media type.
        bodies: other kinds of bodies than JSON, by media type.
        has_match: takes `If-Match`.
        refusals: statuses besides the usual ones.
    """

    def wrap(method: Method) -> Method:
        is_read = method.__name__ == "get"
        wanted = query or (Query if is_read and any(answers.values()) else None)
        spec = Spec(
            summary,
            answers,
            wanted,
            body,
            scope or (READ if is_read else WRITE),
            is_body_optional,
            media or {},
            bodies or {},
            has_match,
            refusals,
        )

        @wraps(method)
        def run(view: "ApiView", request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
            view.spec = spec
            view.query = read_query(wanted, dict(request._request.GET.lists()))
            if names := view.query.get("fields"):
                _require_known(names, spec)

            def act() -> HttpResponseBase:
                view.said = view.read(body) if body is not None else view.read_nothing()
                return method(view, request, *args, **kwargs)

            if request.method == "POST" and (key := retries.key_of(request._request)):
                return view.retried(request, key, act)
            return act()

        run.spec = spec  # type: ignore[attr-defined]
        return run

    return wrap


def _require_known(names: list[str], spec: Spec) -> None:
    known = shapes.fields_of(spec.shown) if spec.shown is not None else frozenset()
    unknown = [
        FieldProblem("fields", "unknown", f"The answer has no field {name[:60]}.")
        for name in names
        if name not in known
    ]
    if unknown:
        raise malformed("The answer has no such fields.", unknown)


class ApiView(APIView):
    """A resource of the API."""

    parser_classes = [StrictJSONParser]
    http_method_names = ["get", "head", "post", "put", "patch", "delete"]
    request: Request
    spec: Spec
    query: Mapping[str, Any]
    said: Mapping[str, Any]

    # --- Who may call ---------------------------------------------------------------------------------------------

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Limits, who it is, and what their token may do; nothing of the request is read before."""
        standing = limits.take_for_address(client_ip(request._request))
        request._request.limit_standing = standing  # type: ignore[attr-defined]
        self.format_kwarg = None
        renderer, media_type = self.perform_content_negotiation(request)
        request.accepted_renderer, request.accepted_media_type = renderer, media_type
        if request.method == "POST" and "Idempotency-Key" in request.headers:
            request._request.body  # noqa: B018  # kept, before the check of a session reads it away
        self.perform_authentication(request)
        self.check_permissions(request)
        request._request.limit_standing = limits.take_for_caller(tags.viewer_of(request))  # type: ignore[attr-defined]
        self._check_scope(request)

    def _check_scope(self, request: Request) -> None:
        token: Any = request.auth
        if token is None or (request.method or "").lower() not in self.http_method_names:
            return
        name = "get" if request.method == "HEAD" else (request.method or "").lower()
        spec: Spec | None = getattr(getattr(self, name, None), "spec", None)
        if spec is None or spec.scope == ANY or spec.scope in token.scopes:
            return
        challenge = f'Bearer error="insufficient_scope", scope="{spec.scope}"'
        raise ApiProblem(
            403,
            "insufficient_scope",
            f"This token does not have the scope {spec.scope}.",
            headers={"WWW-Authenticate": challenge},
        )

    # --- What was said --------------------------------------------------------------------------------------------

    def read(self, body: type[Input]) -> dict[str, Any]:
        """The body as its serializer takes it.

        Raises:
            ValidationError, ApiProblem: answered with 400.
        """
        data = self._data()
        read = body(data=data)
        read.is_valid(raise_exception=True)
        return dict(read.validated_data)

    def _data(self) -> Any:
        request = self.request
        if not request._request.META.get("CONTENT_LENGTH") and "HTTP_TRANSFER_ENCODING" not in request._request.META:
            return {}
        if str(request._request.META.get("CONTENT_LENGTH", "")) == "0":
            return {}
        data = request.data
        if not isinstance(data, Mapping):
            raise malformed("The body is not an object.")
        return data

    def read_nothing(self) -> dict[str, Any]:
        """For methods without a body: none, or an empty object."""
        if self.request.method in ("POST", "PUT", "PATCH") and not self.spec.bodies and self._data():
            raise malformed("This address takes no body.")
        return {}

    # --- Answers --------------------------------------------------------------------------------------------------

    def retried(self, request: Request, key: str, act: Callable[[], HttpResponseBase]) -> HttpResponseBase:
        """A POST with a key: refusals are answers too, and are kept like the others."""

        def answered() -> HttpResponse:
            try:
                response = act()
            except Exception as error:
                response = self.handle_exception(error)
            assert isinstance(response, HttpResponse)
            return response

        return retries.once(request._request, tags.viewer_of(request), key, answered)

    def handle_exception(self, exc: Exception) -> Any:
        """A refusal as problem details; an error of ours goes on to the log and is answered with 500."""
        if hasattr(exc, "status_code") and exc.status_code == 401:
            exc.auth_header = self.get_authenticate_header(self.request)  # type: ignore[attr-defined]
        response = problems.handle(exc, self.get_exception_handler_context())
        if response is None:
            raise exc
        if response.status_code == 405:
            response.headers["Allow"] = ", ".join(self.allowed_methods)
        return response

    @property
    def allowed_methods(self) -> list[str]:
        found = super().allowed_methods
        return [*found, "HEAD"] if "GET" in found and "HEAD" not in found else found

    def answer(self, data: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> HttpResponse:
        """JSON, of which `?fields=` may have asked for a part."""
        if names := self.query.get("fields"):
            data = self._part(data, names)
        return answer(data, status, headers)

    def _part(self, data: Any, names: list[str]) -> Any:
        if isinstance(data, dict) and "results" in data and "count" in data:
            return data | {"results": [self._part(one, names) for one in data["results"]]}
        return {name: data[name] for name in names if name in data}

    def page(
        self,
        found: QuerySet[Any] | list[Any],
        show: Callable[[Any], dict[str, Any]],
        *,
        wrap: Callable[[Any], Any] | None = None,
        prepare: Callable[[list[Any]], None] | None = None,
        count: int | None = None,
    ) -> HttpResponse:
        """The answer that is a page of a list."""
        return self.answer(self.page_data(found, show, wrap=wrap, prepare=prepare, count=count))

    def page_data(
        self,
        found: QuerySet[Any] | list[Any],
        show: Callable[[Any], dict[str, Any]],
        *,
        wrap: Callable[[Any], Any] | None = None,
        prepare: Callable[[list[Any]], None] | None = None,
        count: int | None = None,
    ) -> dict[str, Any]:
        """A page of a list. `prepare` loads what `show` needs for all things of the page together.

        Args:
            found: a query in order, or a list.
            wrap: names what the query gives, such as the columns of a row.
            count: how many there are, where that is known already.
        """
        size, number = self.query["page_size"], self.query["page"]
        pages = Paginator(found, size)
        if count is not None:
            pages.count = count
        try:
            page = pages.page(number)
        except EmptyPage:
            raise ApiProblem(404, "not_found", f"There is no page {number}: the list has {pages.num_pages}.") from None
        things = [wrap(thing) for thing in page.object_list] if wrap is not None else list(page.object_list)
        if prepare is not None:
            prepare(things)
        return {
            "count": pages.count,
            "next": self._address_of(number + 1) if page.has_next() else None,
            "previous": self._address_of(number - 1) if page.has_previous() else None,
            "results": [show(thing) for thing in things],
        }

    def _address_of(self, number: int) -> str:
        given = self.request._request.GET.copy()
        given["page"] = str(number)
        return self.request._request.build_absolute_uri(f"{self.request._request.path}?{given.urlencode()}")

    def require_match(self, shown: Any) -> None:
        """Refuse a change when `If-Match` names another state than what is shown now."""
        tags.require_match(tags.tag_of(dumps(shown), self.request), self.request)

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        """Tags, limits and what caches must know."""
        raw: HttpRequest = getattr(request, "_request", request)
        patch_vary_headers(response, ("Accept", "Authorization", "Cookie"))
        if isinstance(response, HttpResponse):
            response.headers["Cache-Control"] = "private, no-store"
            standing = getattr(raw, "limit_standing", None)
            is_shown = raw.method in ("GET", "HEAD") and response.status_code == 200 and not response.streaming
            if is_shown and hasattr(request, "auth"):
                response = self._tagged(request, response)
            if standing is not None:
                for name, value in standing.headers.items():
                    response.headers.setdefault(name, value)
        return response

    def _tagged(self, request: Request, response: HttpResponse) -> HttpResponse:
        if "ETag" not in response.headers:
            response.headers["ETag"] = tags.tag_of(response.content, request)
        if not tags.is_known(response.headers["ETag"], request):
            return response
        return self.not_modified(response.headers)

    @staticmethod
    def not_modified(headers: Mapping[str, str]) -> HttpResponse:
        """304 with the headers that the full answer would have."""
        kept = {name: headers[name] for name in ("ETag", "Cache-Control", "Vary") if name in headers}
        found = HttpResponse(status=304, headers=kept)
        del found.headers["Content-Type"]
        return found


__all__ = ["ANY", "CHECKS", "DECIDE", "READ", "WRITE", "ApiView", "ListQuery", "Query", "Spec", "describe"]
