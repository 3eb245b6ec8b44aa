"""What counts as a break of the API, tried on a small schema with planted changes."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from gatekeeper.common.api.compatibility import breaks, is_new_major

Schema = dict[str, Any]


def schema() -> Schema:
    """A schema with one of everything that is compared."""
    return {
        "info": {"version": "1.4.0"},
        "paths": {
            "/gates/{gate}/": {
                "get": {
                    "security": [{"token": []}, {"session": []}],
                    "parameters": [
                        {"in": "path", "name": "gate", "required": True, "schema": {"type": "string"}},
                        {"in": "query", "name": "state", "schema": {"type": "string", "enum": ["open", "approved"]}},
                    ],
                    "responses": {
                        "200": {
                            "headers": {"ETag": {}},
                            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Gate"}}},
                        },
                        "404": {"content": {}},
                    },
                },
                "post": {
                    "requestBody": {
                        "required": False,
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Decision"}}},
                    },
                    "responses": {"201": {}},
                },
            },
            "/me/": {"get": {"responses": {"200": {}}}},
        },
        "components": {
            "schemas": {
                "Gate": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["key", "due_on", "inner"],
                    "properties": {
                        "key": {"type": "string"},
                        "due_on": {"type": ["string", "null"], "format": "date"},
                        "state": {"type": "string", "enum": ["open", "approved"]},
                        "inner": {"type": "array", "items": {"$ref": "#/components/schemas/Gate"}},
                        "turn": {"oneOf": [{"$ref": "#/components/schemas/Turn"}, {"type": "null"}]},
                    },
                },
                "Turn": {"type": "object", "required": ["who"], "properties": {"who": {"type": "string"}}},
                "Decision": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["round"],
                    "properties": {
                        "round": {"type": "integer", "minimum": 1},
                        "verdict": {"type": "string", "enum": ["approve", "decline"]},
                        "comment": {"type": ["string", "null"], "maxLength": 500},
                        "dates": {"type": "object", "additionalProperties": {"type": ["string", "null"]}},
                    },
                },
            }
        },
    }


def gate_get(found: Schema) -> Any:
    return found["paths"]["/gates/{gate}/"]["get"]


def gate_post(found: Schema) -> Any:
    return found["paths"]["/gates/{gate}/"]["post"]


def fields(found: Schema, shape: str) -> Any:
    return found["components"]["schemas"][shape]["properties"]


def required(found: Schema, shape: str) -> Any:
    return found["components"]["schemas"][shape]["required"]


BREAKS: list[tuple[str, Callable[[Schema], Any], str]] = [
    ("a path", lambda s: s["paths"].pop("/me/"), "/me/ is gone."),
    ("a method", lambda s: s["paths"]["/gates/{gate}/"].pop("post"), "POST /gates/{gate}/ is gone."),
    ("a parameter", lambda s: gate_get(s)["parameters"].pop(), "parameter state is gone."),
    ("a required parameter", lambda s: gate_get(s)["parameters"][1].update(required=True), "state is now required."),
    (
        "a new required parameter",
        lambda s: gate_get(s)["parameters"].append({"in": "query", "name": "x", "required": True}),
        "parameter x is new and required.",
    ),
    (
        "a word of a parameter",
        lambda s: gate_get(s)["parameters"][1]["schema"]["enum"].remove("open"),
        "parameter state must not be open any more.",
    ),
    ("an answer", lambda s: gate_post(s).update(responses={"200": {}}), "does not answer with 201 any more."),
    ("a header", lambda s: gate_get(s)["responses"]["200"]["headers"].clear(), "has no header ETag any more."),
    ("a kind of answer", lambda s: gate_get(s)["responses"]["200"]["content"].clear(), "not given as application/json"),
    ("a way in", lambda s: gate_get(s)["security"].pop(0), "cannot be called with token any more."),
    ("a body", lambda s: gate_post(s).pop("requestBody"), "takes no body any more."),
    ("a required body", lambda s: gate_post(s)["requestBody"].update(required=True), "now needs a body."),
    ("a field", lambda s: fields(s, "Gate").pop("key"), "has no field key any more."),
    ("a field inside", lambda s: fields(s, "Turn").pop("who"), "turn has no field who any more."),
    ("a promise", lambda s: required(s, "Gate").remove("due_on"), "may now lack the field due_on."),
    ("a type of a field", lambda s: fields(s, "Gate")["key"].update(type=["string", "null"]), "key may now be null."),
    ("another type", lambda s: fields(s, "Gate")["key"].update(type="integer"), "key may now be integer."),
    ("a format", lambda s: fields(s, "Gate")["due_on"].pop("format"), "due_on has another format"),
    ("words of a field", lambda s: fields(s, "Gate")["state"].pop("enum"), "state may now be any text."),
    ("null for a shape", lambda s: fields(s, "Gate")["inner"].update(type=["array", "null"]), "inner may now be null."),
    ("a field of a body", lambda s: fields(s, "Decision").pop("comment"), "takes no field comment any more."),
    ("a required field", lambda s: required(s, "Decision").append("verdict"), "now needs the field verdict."),
    (
        "a new required field",
        lambda s: (fields(s, "Decision").update(role={"type": "string"}), required(s, "Decision").append("role")),
        "now needs the field role.",
    ),
    (
        "a word in a body",
        lambda s: fields(s, "Decision")["verdict"]["enum"].remove("decline"),
        "verdict must not be decline any more.",
    ),
    (
        "words for any text",
        lambda s: fields(s, "Decision")["comment"].update(enum=["yes"]),
        "comment must now be one of some words.",
    ),
    ("a narrower type", lambda s: fields(s, "Decision")["comment"].update(type="string"), "comment must not be null"),
    ("a narrower limit", lambda s: fields(s, "Decision")["comment"].update(maxLength=100), "comment has another maxL"),
    ("a new limit", lambda s: fields(s, "Decision")["round"].update(maximum=9), "round has another maximum"),
    ("a pattern", lambda s: fields(s, "Decision")["comment"].update(pattern="^a"), "comment has another pattern"),
    (
        "a type of other fields",
        lambda s: fields(s, "Decision")["dates"].update(additionalProperties={"type": "string"}),
        "dates, others must not be null any more.",
    ),
]
ADDITIONS: list[tuple[str, Callable[[Schema], Any]]] = [
    ("a path", lambda s: s["paths"].update({"/new/": {"get": {"responses": {}}}})),
    ("a method", lambda s: s["paths"]["/me/"].update(patch={"responses": {}})),
    ("a parameter", lambda s: gate_get(s)["parameters"].append({"in": "query", "name": "x", "schema": {}})),
    ("a word of a parameter", lambda s: gate_get(s)["parameters"][1]["schema"]["enum"].append("declined")),
    ("a field", lambda s: (fields(s, "Gate").update(x={"type": "string"}), required(s, "Gate").append("x"))),
    ("a word in an answer", lambda s: fields(s, "Gate")["state"]["enum"].append("declined")),
    ("a promise", lambda s: required(s, "Gate").append("state")),
    ("a narrower answer", lambda s: fields(s, "Gate")["due_on"].update(type="string")),
    ("an optional field", lambda s: fields(s, "Decision").update(role={"type": "string"})),
    ("a wider body", lambda s: fields(s, "Decision")["comment"].update(maxLength=9000)),
    ("a wider number", lambda s: fields(s, "Decision")["round"].update(type="number")),
    ("less that is needed", lambda s: required(s, "Decision").clear()),
    ("a refusal", lambda s: gate_get(s)["responses"].update({"429": {}})),
    ("no refusal", lambda s: gate_get(s)["responses"].pop("404")),
    ("words about it", lambda s: gate_get(s).update(summary="A gate", description="As it is.")),
]


@pytest.mark.parametrize(("change", "said"), [one[1:] for one in BREAKS], ids=[one[0] for one in BREAKS])
def test_a_break_is_named(change: Callable[[Schema], Any], said: str) -> None:
    changed = schema()
    change(changed)
    found = breaks(schema(), changed)
    assert any(said in sentence for sentence in found), found
    assert len(found) <= 2, found


@pytest.mark.parametrize("change", [one[1] for one in ADDITIONS], ids=[one[0] for one in ADDITIONS])
def test_an_addition_is_none(change: Callable[[Schema], Any]) -> None:
    changed = copy.deepcopy(schema())
    change(changed)
    assert changed != schema()
    assert breaks(schema(), changed) == []


def test_a_part_of_an_answer_does_not_hide_what_the_whole_lost() -> None:
    """`?fields=` may leave any field out, so that the answer is one or the other."""

    def with_part(found: Schema) -> Schema:
        whole = {"$ref": "#/components/schemas/Gate"}
        part = {"type": "object", "properties": fields(found, "Gate"), "x-part": True}
        gate_get(found)["responses"]["200"]["content"]["application/json"]["schema"] = {"anyOf": [whole, part]}
        return found

    changed = with_part(schema())
    required(changed, "Gate").remove("due_on")
    assert any("may now lack the field due_on" in one for one in breaks(with_part(schema()), changed))
    assert breaks(schema(), with_part(schema())) == []


def test_only_another_major_version_may_break() -> None:
    old, new = schema(), schema()
    assert breaks(old, new) == []
    assert not is_new_major(old, new)
    new["info"]["version"] = "1.5.0"
    assert not is_new_major(old, new)
    new["info"]["version"] = "2.0.0"
    assert is_new_major(old, new)
