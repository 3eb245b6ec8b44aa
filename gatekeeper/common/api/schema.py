"""OpenAPI 3.1 from the descriptions of the views: every path, parameter, body, answer and refusal."""

import re
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.validators import RegexValidator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import build_parameter_type
from drf_spectacular.utils import OpenApiParameter
from rest_framework.serializers import CharField

from gatekeeper.common.api import problems, shapes
from gatekeeper.common.api.inputs import Keyed, QueryMoment, QueryWords
from gatekeeper.common.api.views import Spec

DESCRIPTION = """\
Engineering tools take part in the gates: they report checks, ask whether a gate is open, and follow what happened.

Sign in with `Authorization: Bearer gk_…`; make a token under Settings, API. A token has scopes: `read`; `write`, what a
product manager may do; `checks`, reports of the named checks and nothing else; `decide`, decisions, waivers and
absences of the person who owns it. It can never do more than its owner.

Names, never numbers: every state is its word. Days are days of the organisation (`2026-12-01`), times are UTC. Fields
and parameters that are not known are refused. A refused request changes nothing.
"""

REFUSALS: Mapping[int, str] = {
    400: "Malformed: an unknown field, a wrong type, a number or text that nothing can hold.",
    401: "Nobody: no session, or a token that is unknown, revoked or out of date.",
    403: "Known, but not allowed.",
    404: "There is nothing here, or you may not see it.",
    406: "No answer of the asked kind.",
    409: "The wrong state, a round that is no longer current, or the same request still running.",
    412: "`If-Match` names another state.",
    413: "The body is too large.",
    415: "The body is of another kind.",
    422: "Refused by a rule: the code and the sentence say which; or an Idempotency-Key used for another body.",
    429: "Too many requests; `Retry-After` says how many seconds to wait.",
    503: "Something that this needs does not answer; `Retry-After` says when to try again.",
}
PATTERNS: Mapping[str, tuple[str, str]] = {
    "product": (r"^[-a-zA-Z0-9_]+$", "The product's slug."),
    "version": (r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$", "The version of the release."),
    "gate": (r"^[-a-zA-Z0-9_]+$", "The gate's key."),
    "deliverable": (r"^[-a-zA-Z0-9_]+$", "The deliverable's key."),
    "role": (r"^[-a-zA-Z0-9_]+$", "The role's key."),
    "playbook": (r"^[-a-zA-Z0-9_]+$", "The playbook's slug."),
    "name": (r"^.+$", "The check's name; it may have slashes."),
    "username": (r"^[^/]+$", "A user name."),
    "group": (r"^[^/]+$", "A group's name."),
}
MOST_KEY = "9223372036854775807"
# no text can hold NUL
TEXT, NOT_BLANK, WORD = r"^[^\x00]*$", r"^[^\x00]*[^\x00\s\x1c-\x1f\x85][^\x00]*$", r"^[^,\x00]+$"


def _header(name: str, words: str, schema: shapes.Schema | None = None) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, "description": words, "schema": schema or shapes.TEXT}


class ApiSchema(AutoSchema):
    """REST framework's view inspector: says what a Spec says, and adds what is true of every method."""

    @property
    def spec(self) -> Spec | None:
        return getattr(getattr(self.view, self.method.lower(), None), "spec", None)

    def is_excluded(self) -> bool:
        return self.spec is None

    def get_operation_id(self) -> str:
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", type(self.view).__name__.removesuffix("View")).lower()
        return f"{self.method.lower()}_{name}"

    def get_summary(self) -> str | None:
        return self.spec.summary if self.spec else None

    def get_description(self) -> str:  # type: ignore[override]
        assert self.spec is not None
        scope = f"Scope of a token: `{self.spec.scope}`." if self.spec.scope != "any" else "Any token may ask."
        method = getattr(self.view, self.method.lower())
        words = " ".join((method.__doc__ or "").split())
        return f"{words}\n\n{scope}" if words else scope

    def get_tags(self) -> list[str]:
        return [getattr(self.view, "tag", "other")]

    def get_request_serializer(self) -> Any:
        return self.spec.body if self.spec else None

    def get_auth(self) -> list[dict[str, Any]]:
        return [{"token": []}, {"session": []}]

    def _get_parameters(self) -> list[dict[str, Any]]:
        assert self.spec is not None
        found = [self._path_parameter(name) for name in re.findall(r"{(\w+)}", self.path)]
        if self.spec.query is not None:
            for name, field in self.spec.query().fields.items():
                if name == "fields" and not self._fields:
                    continue
                schema = self._map_serializer_field(field, "request")
                if isinstance(schema, dict):
                    schema.pop("readOnly", None)
                    schema.pop("x-spec-enum-id", None)
                    self._insert_field_validators(field, schema)
                    description = schema.pop("description", "")
                found.append(
                    build_parameter_type(
                        name=name,
                        schema=schema,
                        location=OpenApiParameter.QUERY,
                        required=field.required,
                        description=description,
                        explode=False if isinstance(field, QueryWords) else None,
                        style="form" if isinstance(field, QueryWords) else None,
                    )
                )
        if self.method == "POST":
            found.append(
                _header(
                    "Idempotency-Key",
                    "The same key and body again within 24 hours: the first answer again, and no second effect.",
                    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[\x21-\x7e]+$"},
                )
            )
        if self.method == "GET":
            found.append(_header("If-None-Match", "The ETag of an earlier answer; 304 when it is still the same."))
        if self.spec.has_match:
            found.append(_header("If-Match", "The ETag of what was read; 412 when it has changed since."))
        return found

    def _map_serializer_field(self, field: Any, direction: Any, bypass_extensions: bool = False) -> Any:
        """Says what REST framework leaves out: blank texts, characters that nothing can hold, lists with commas."""
        if isinstance(field, QueryMoment):
            return {"type": "string", "format": "date-time", "description": str(field.help_text)}
        found = super()._map_serializer_field(field, direction, bypass_extensions)
        if isinstance(field, QueryWords):
            words = self._fields if field.field_name == "fields" else field.known
            word = {"type": "string", "enum": list(words)} if words else {"type": "string", "pattern": WORD}
            described = {"description": str(field.help_text)} if field.help_text else {}
            return {"type": "array", "items": word, "minItems": 1, "maxItems": field.most} | described
        if isinstance(field, Keyed):
            return found | {"propertyNames": {"pattern": TEXT}}
        if isinstance(field, CharField):
            has_pattern = any(isinstance(one, RegexValidator) for one in field.validators)
            if found.get("type") == "string" and not has_pattern:
                return found | {"pattern": TEXT if field.allow_blank else NOT_BLANK}
        return found

    @property
    def _fields(self) -> list[str]:
        """What `?fields=` may name."""
        shown = self.spec.shown if self.spec is not None else None
        return sorted(shapes.fields_of(shown)) if shown is not None else []

    def _path_parameter(self, name: str) -> dict[str, Any]:
        schema: dict[str, Any] = {"type": "integer", "minimum": 1, "maximum": int(MOST_KEY)}
        words = "Its number."
        if name in PATTERNS:
            pattern, words = PATTERNS[name]
            schema = {"type": "string", "minLength": 1, "maxLength": 150, "pattern": pattern}
        elif name in ("round", "position"):
            words = f"The {name}."
        return {"name": name, "in": "path", "required": True, "description": words, "schema": schema}

    def _get_request_body(self, direction: str = "request") -> dict[str, Any] | None:
        spec = self.spec
        if spec is None or (spec.body is None and not spec.bodies):
            return None
        content: dict[str, Any] = {}
        if spec.body is not None:
            component = self.resolve_serializer(spec.body(), "request")
            content["application/json"] = {"schema": component.ref}
        for media, schema in spec.bodies.items():
            content[media] = {"schema": schema}
        return {"content": content, "required": not spec.is_body_optional}

    def _get_response_bodies(self, direction: str = "response") -> dict[str, Any]:
        assert self.spec is not None
        found: dict[str, Any] = {}
        for status, schema in self.spec.answers.items():
            found[str(status)] = self._answer(status, schema)
        if self.method == "GET":
            found["304"] = {"description": "As before (`If-None-Match`)."}
        for status in self._refusals():
            found.setdefault(str(status), _refusal(status))
        return found

    def _answer(self, status: int, schema: shapes.Schema | None) -> dict[str, Any]:
        assert self.spec is not None
        headers: dict[str, Any] = {name: {"schema": shapes.TEXT} for name in ("RateLimit", "RateLimit-Policy")}
        if self.method == "GET":
            headers["ETag"] = {"schema": shapes.TEXT}
        if self.method == "POST":
            headers["Idempotent-Replayed"] = {"schema": shapes.TEXT}
        found: dict[str, Any] = {"description": self.spec.summary, "headers": headers}
        if schema is not None and self.method == "GET" and self._fields:
            schema = {"anyOf": [schema, shapes.part_of(schema)]}
        content = {"application/json": {"schema": schema}} if schema is not None else {}
        content |= {media: {"schema": other} for media, other in self.spec.media.items()}
        if content:
            found["content"] = content
        return found

    def _refusals(self) -> list[int]:
        assert self.spec is not None
        found = {400, 401, 403, 404, 406, 429, 503, *self.spec.refusals}
        if self.method != "GET":
            found |= {409, 413, 415, 422}
        if self.spec.has_match:
            found.add(412)
        return sorted(found)


def _refusal(status: int) -> dict[str, Any]:
    return {"$ref": f"#/components/responses/Refused{status}"}


def _refusals() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for status, words in REFUSALS.items():
        answer: dict[str, Any] = {
            "description": words,
            "content": {problems.CONTENT_TYPE: {"schema": shapes.ref("Problem")}},
        }
        if status in (429, 503):
            answer["headers"] = {"Retry-After": {"schema": shapes.NUMBER}}
        found[f"Refused{status}"] = answer
    return found


def finish(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """After the paths: shapes of answers, closed bodies, and the two ways to sign in."""
    result["info"]["description"] = DESCRIPTION
    components = result.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name, schema in schemas.items():
        for field in schema.get("properties", {}).values():
            field.pop("x-spec-enum-id", None)
        if schema.get("type") == "object":
            schemas[name] = {**schema, "additionalProperties": False}
    schemas.update(shapes.all_shapes())
    components["schemas"] = dict(sorted(schemas.items()))
    components["responses"] = _refusals()
    components["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "bearerFormat": "gk_<prefix>_<secret>"},
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": settings.SESSION_COOKIE_NAME,
            "description": "The session of a browser.",
        },
    }
    return result
