"""Shapes of answers, as JSON Schema: each room registers its own, and the schema names them all.

GATE = shape("Gate", {"key": TEXT, "due_on": maybe(DAY), "roles": listed(ref("GateRole"))})
"""

from collections.abc import Mapping, Sequence
from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
DAY: Schema = {"type": "string", "format": "date"}
MOMENT: Schema = {"type": "string", "format": "date-time"}
NUMBER: Schema = {"type": "integer"}
SHARE: Schema = {"type": "number"}
FLAG: Schema = {"type": "boolean"}
ANYTHING: Schema = {"type": "object"}

_shapes: dict[str, Schema] = {}


def one_of(words: Sequence[str]) -> Schema:
    """One of some words."""
    return {"type": "string", "enum": [str(word) for word in words]}


def maybe(schema: Schema) -> Schema:
    """The same, or null."""
    if "$ref" in schema:
        return {"oneOf": [schema, {"type": "null"}]}
    found = dict(schema)
    found["type"] = [schema["type"], "null"]
    if "enum" in schema:
        found["enum"] = [*schema["enum"], None]
    return found


def listed(schema: Schema) -> Schema:
    """A list of these."""
    return {"type": "array", "items": schema}


def ref(name: str) -> Schema:
    """A shape by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def an_object(fields: Mapping[str, Schema], optional: Sequence[str] = ()) -> Schema:
    """An object with exactly these fields."""
    return {
        "type": "object",
        "properties": dict(fields),
        "required": [name for name in fields if name not in optional],
        "additionalProperties": False,
    }


def shape(name: str, fields: Mapping[str, Schema], optional: Sequence[str] = ()) -> Schema:
    """Name a shape; returns the reference to it."""
    if name in _shapes:
        raise RuntimeError(f"There are two shapes {name}.")
    _shapes[name] = an_object(fields, optional)
    return ref(name)


def page_of(name: str) -> Schema:
    """A page of a list of one shape."""
    paged = f"{name}Page"
    if paged not in _shapes:
        text_or_null = maybe({"type": "string", "format": "uri"})
        shape(paged, {"count": NUMBER, "next": text_or_null, "previous": text_or_null, "results": listed(ref(name))})
    return ref(paged)


def fields_of(schema: Schema) -> frozenset[str]:
    """The names that `?fields=` may ask for: those of a thing, or of the things in a page."""
    name = schema.get("$ref", "").rpartition("/")[2]
    found = _shapes.get(name, schema)
    results = found.get("properties", {}).get("results")
    if results is not None and name.endswith("Page"):
        return fields_of(results["items"])
    return frozenset(found.get("properties", ()))


def part_of(schema: Schema) -> Schema:
    """What `?fields=` leaves of an answer: any of its fields, or in a page any fields of each thing."""
    name = schema.get("$ref", "").rpartition("/")[2]
    found = _shapes.get(name, schema)
    results = found.get("properties", {}).get("results")
    if results is not None and name.endswith("Page"):
        found = found | {"properties": found["properties"] | {"results": listed(part_of(results["items"]))}}
    else:
        found = {word: value for word, value in found.items() if word != "required"}
    found = found | {"x-part": True}
    if not name:
        return found
    _shapes[f"{name}Part"] = found
    return ref(f"{name}Part")


def all_shapes() -> dict[str, Schema]:
    """Every shape by its name, for the schema."""
    return dict(sorted(_shapes.items()))


PROBLEM = shape(
    "Problem",
    {
        "type": TEXT,
        "title": TEXT,
        "status": NUMBER,
        "code": TEXT,
        "detail": TEXT,
        "errors": listed(an_object({"field": TEXT, "code": TEXT, "message": TEXT})),
        "blockers": listed(an_object({"code": TEXT, "subject": TEXT, "message": TEXT})),
    },
    optional=("errors", "blockers"),
)
