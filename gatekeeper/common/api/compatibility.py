"""Whether a client that was written for one OpenAPI schema still works with another. Pure functions.

Requests may only become wider, answers only narrower. New paths, methods, optional parameters and fields, fields of
answers, and new words in answers are no break: clients must leave out what they do not know.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]

METHODS = ("get", "head", "post", "put", "patch", "delete")
# keyword, and whether a greater value lets more through
LIMITS = {
    "minimum": False, "exclusiveMinimum": False, "minLength": False, "minItems": False, "minProperties": False,
    "maximum": True, "exclusiveMaximum": True, "maxLength": True, "maxItems": True, "maxProperties": True,
}  # fmt: skip


def is_new_major(old: Schema, new: Schema) -> bool:
    """Whether the version says that clients must look."""
    before, after = (str(schema["info"]["version"]).partition(".")[0] for schema in (old, new))
    return int(after) > int(before)


def breaks(old: Schema, new: Schema) -> list[str]:
    """Everything in `new` that a client of `old` would trip over, as sentences; empty when there is nothing."""
    return list(dict.fromkeys(_Comparison(old, new).of_paths()))


@dataclass(frozen=True)
class _Side:
    """A schema beside the document in which its references are looked up."""

    document: Schema
    schema: Schema

    def resolved(self) -> "_Side":
        found, seen = self.schema, 0
        while "$ref" in found and seen < 50:
            node: Any = self.document
            for name in found["$ref"].removeprefix("#/").split("/"):
                node = node[name.replace("~1", "/").replace("~0", "~")]
            found, seen = node, seen + 1
        return _Side(self.document, found)

    def inner(self, schema: Any) -> "_Side":
        return _Side(self.document, schema if isinstance(schema, Mapping) else {})

    def variants(self) -> list["_Side"]:
        """What a value may be, one by one: the members of oneOf or anyOf, else the schema itself."""
        here = self.resolved()
        for word in ("oneOf", "anyOf"):
            if word in here.schema:
                found = [variant for one in here.schema[word] for variant in here.inner(one).variants()]
                # what `?fields=` leaves of an answer needs no field and would hide that the whole lost one
                return [variant for variant in found if not variant.schema.get("x-part")]
        if "allOf" in here.schema:
            merged: dict[str, Any] = {k: v for k, v in here.schema.items() if k != "allOf"}
            for one in here.schema["allOf"]:
                for name, value in here.inner(one).resolved().schema.items():
                    if name == "properties":
                        merged[name] = {**merged.get(name, {}), **value}
                    elif name == "required":
                        merged[name] = [*merged.get(name, []), *value]
                    else:
                        merged[name] = value
            return [here.inner(merged)]
        return [here]

    @property
    def types(self) -> frozenset[str] | None:
        """The types a value may have; None for any."""
        given = self.schema.get("type")
        if given is None:
            return frozenset({"object"}) if "properties" in self.schema else None
        found = frozenset([given] if isinstance(given, str) else given)
        return found | {"integer"} if "number" in found else found

    @property
    def words(self) -> list[Any] | None:
        if "const" in self.schema:
            return [self.schema["const"]]
        return list(self.schema["enum"]) if "enum" in self.schema else None


class _Comparison:
    def __init__(self, old: Schema, new: Schema) -> None:
        self.old, self.new = old, new
        self._at: set[tuple[int, int, bool]] = set()

    # --- Paths and methods ----------------------------------------------------------------------------------------

    def of_paths(self) -> Iterator[str]:
        for path, methods in self.old.get("paths", {}).items():
            others = self.new.get("paths", {}).get(path)
            if others is None:
                yield f"{path} is gone."
                continue
            for method in METHODS:
                if method not in methods:
                    continue
                where = f"{method.upper()} {path}"
                if method not in others:
                    yield f"{where} is gone."
                    continue
                yield from self._of_method(where, methods[method], others[method])

    def _of_method(self, where: str, old: Schema, new: Schema) -> Iterator[str]:
        yield from self._of_parameters(where, old, new)
        yield from self._of_body(where, old.get("requestBody"), new.get("requestBody"))
        yield from self._of_answers(where, old, new)
        ways, others = (self._ways_in(*side) for side in ((self.old, old), (self.new, new)))
        for way in sorted(ways - others):
            yield f"{where} cannot be called with {way} any more."

    @staticmethod
    def _ways_in(document: Schema, method: Schema) -> set[str]:
        return {name for way in method.get("security", document.get("security", [])) for name in way}

    def _of_parameters(self, where: str, old: Schema, new: Schema) -> Iterator[str]:
        before, after = ({(p["in"], p["name"]): p for p in method.get("parameters", ())} for method in (old, new))
        for key, parameter in before.items():
            name = f"{where}, parameter {key[1]}"
            if key not in after:
                yield f"{name} is gone."
                continue
            if after[key].get("required") and not parameter.get("required"):
                yield f"{name} is now required."
            yield from self._in_request(name, parameter.get("schema", {}), after[key].get("schema", {}))
        for key, parameter in after.items():
            if key not in before and parameter.get("required"):
                yield f"{where}, parameter {key[1]} is new and required."

    def _of_body(self, where: str, old: Schema | None, new: Schema | None) -> Iterator[str]:
        if new is None:
            if old is not None:
                yield f"{where} takes no body any more."
            return
        if new.get("required") and not (old or {}).get("required"):
            yield f"{where} now needs a body."
        for media, content in (old or {}).get("content", {}).items():
            if media not in new.get("content", {}):
                yield f"{where} takes no body of the kind {media} any more."
                continue
            other = new["content"][media]
            yield from self._in_request(f"{where}, body", content.get("schema", {}), other.get("schema", {}))

    def _of_answers(self, where: str, old: Schema, new: Schema) -> Iterator[str]:
        for status, answer in old.get("responses", {}).items():
            other = new.get("responses", {}).get(status)
            if other is None:
                if status.startswith("2"):
                    yield f"{where} does not answer with {status} any more."
                continue
            for header in answer.get("headers", {}):
                if header not in other.get("headers", {}):
                    yield f"{where}, answer {status} has no header {header} any more."
            for media, content in answer.get("content", {}).items():
                name = f"{where}, answer {status}"
                if media not in other.get("content", {}):
                    yield f"{name} is not given as {media} any more."
                    continue
                yield from self._in_answer(name, content.get("schema", {}), other["content"][media].get("schema", {}))

    # --- Schemas --------------------------------------------------------------------------------------------------

    def _in_request(self, where: str, old: Schema, new: Schema) -> Iterator[str]:
        """Whatever could be sent must still be taken."""
        yield from self._fits(where, _Side(self.old, old), _Side(self.new, new), is_answer=False)

    def _in_answer(self, where: str, old: Schema, new: Schema) -> Iterator[str]:
        """Whatever can be answered now must be what could be expected."""
        yield from self._fits(where, _Side(self.new, new), _Side(self.old, old), is_answer=True)

    def _fits(self, where: str, given: _Side, taken: _Side, is_answer: bool) -> Iterator[str]:
        """Why something of the schema `given` is not taken by whoever takes `taken`."""
        mark = (id(given.schema), id(taken.schema), is_answer)
        if mark in self._at:
            return  # a shape inside itself
        self._at.add(mark)
        variants = taken.variants()
        for one in given.variants():
            reasons = [list(self._fits_one(where, one, variant, is_answer)) for variant in variants]
            yield from min(reasons, key=len, default=[])
        self._at.discard(mark)

    def _fits_one(self, where: str, given: _Side, taken: _Side, is_answer: bool) -> Iterator[str]:
        may = "may now be" if is_answer else "must not be"
        if taken.types is not None:
            more = (given.types or frozenset({"anything"})) - taken.types
            if more:
                yield f"{where} {may} {' or '.join(sorted(more))}{'' if is_answer else ' any more'}."
                return
        yield from self._fits_words(where, given, taken, is_answer)
        if not is_answer or given.words is None:
            for word in ("pattern", "format"):
                if word in taken.schema and given.schema.get(word) != taken.schema[word]:
                    yield f"{where} has another {word} than before."
        for word, is_upper in LIMITS.items():
            if word not in taken.schema:
                continue
            limit, other = taken.schema[word], given.schema.get(word)
            if other is None or (other > limit if is_upper else other < limit):
                yield f"{where} has another {word} than before: {other} and {limit}."
        if given.schema.get("items") is not None or taken.schema.get("items") is not None:
            items = given.inner(given.schema.get("items")), taken.inner(taken.schema.get("items"))
            yield from self._fits(f"{where}, each", *items, is_answer)
        yield from self._fits_fields(where, given, taken, is_answer)

    @staticmethod
    def _fits_words(where: str, given: _Side, taken: _Side, is_answer: bool) -> Iterator[str]:
        if taken.words is None:
            return
        if given.words is None:
            yield f"{where} {'may now be any text' if is_answer else 'must now be one of some words'}."
        elif not is_answer:
            for word in given.words:
                if word not in taken.words:
                    yield f"{where} must not be {word} any more."

    def _fits_fields(self, where: str, given: _Side, taken: _Side, is_answer: bool) -> Iterator[str]:
        ours, theirs = (side.schema.get("properties", {}) for side in (given, taken))
        if is_answer:
            yield from (f"{where} has no field {name} any more." for name in theirs if name not in ours)
        elif taken.schema.get("additionalProperties", True) is False:
            yield from (f"{where} takes no field {name} any more." for name in ours if name not in theirs)
            was_open = given.schema.get("additionalProperties", not ours) not in (False, None)
            if was_open and given.types == frozenset({"object"}):
                yield f"{where} takes no other fields any more."
        for name in theirs:
            if name in ours:
                yield from self._fits(f"{where}, {name}", given.inner(ours[name]), taken.inner(theirs[name]), is_answer)
        needed = set(taken.schema.get("required", ())) - set(given.schema.get("required", ()))
        for name in sorted(needed):
            if is_answer and name in ours:
                yield f"{where} may now lack the field {name}."
            elif not is_answer:
                yield f"{where} now needs the field {name}."
        others = [side.schema.get("additionalProperties") for side in (given, taken)]
        if all(isinstance(other, Mapping) for other in others):
            yield from self._fits(f"{where}, others", given.inner(others[0]), taken.inner(others[1]), is_answer)
