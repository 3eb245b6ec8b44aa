"""The API's own addresses: its schema, and its reference page."""

from typing import Any, ClassVar

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_GET
from drf_spectacular.generators import SchemaGenerator
from rest_framework.request import Request

from gatekeeper.common.api.shapes import ANYTHING
from gatekeeper.common.api.views import ANY, ApiView, describe


class SchemaView(ApiView):
    """This description, as OpenAPI 3.1."""

    tag = "this API"
    _made: ClassVar[dict[str, Any]] = {}

    @describe("The schema of this API", answers={200: ANYTHING}, scope=ANY)
    def get(self, request: Request) -> HttpResponseBase:
        """As JSON, OpenAPI 3.1."""
        return self.answer(schema())


def schema() -> dict[str, Any]:
    """The whole schema; made once in each process."""
    if not SchemaView._made:
        SchemaView._made.update(SchemaGenerator().get_schema(request=None, public=True))
    return SchemaView._made


@login_required
@require_GET
def docs(request: HttpRequest) -> HttpResponse:
    """The reference page: Swagger UI with the files of this site."""
    return render(request, "api/docs.html")
