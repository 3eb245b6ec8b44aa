"""Playbooks as YAML text: read with every mistake named by its line, and written so that reading gives the same."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import yaml

from gatekeeper.common.errors import FieldProblem, Refused
from releases.playbooks import PlaybookSpec, parse_playbook

MOST_CHARACTERS = 200_000
DEEPEST = 12


class _Loader(yaml.SafeLoader):
    """Plain data only."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """A day that no calendar has, or a number of a thousand digits, is a mistake of its line too."""
        try:
            return super().construct_object(node, deep)
        except (ValueError, OverflowError) as error:
            if isinstance(error, yaml.YAMLError):
                raise
            raise yaml.constructor.ConstructorError(None, None, str(error), node.start_mark) from None


class _Trick(yaml.YAMLError):
    """YAML that a playbook never needs, and its place."""

    def __init__(self, problem: str, mark: Any) -> None:
        super().__init__(problem)
        self.problem, self.problem_mark = problem, mark


class _Dumper(yaml.SafeDumper):
    """Rows of lists stand under their field, further in; nothing is written as an alias."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def read_playbook_text(text: str) -> PlaybookSpec:
    """A playbook from YAML text.

    Raises:
        Refused: with one field problem per mistake in order of lines. `field` is the place, such as
            `playbook.gates[2].roles[0].quorum`; the message begins with the line.
    """
    if len(text) > MOST_CHARACTERS:
        raise _refused([FieldProblem("", "too_long", f"The text is longer than {MOST_CHARACTERS:,} characters.")])
    try:
        _refuse_tricks(text)
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            lines = _lines_of(node)
            data = loader.construct_document(node) if node is not None else None
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise _refused([FieldProblem("", "invalid", _words_of(error, text))]) from None
    try:
        return parse_playbook(data)
    except Refused as refused:
        found = dict.fromkeys(refused.fields)
        at = {problem: _line_of(problem.field, lines) for problem in found}
        raise _refused(
            [
                replace(problem, message=f"line {at[problem]}: {problem.message.removeprefix('playbook.')}")
                for problem in sorted(found, key=lambda one: (at[one], one.field))
            ]
        ) from None


def _refused(problems: list[FieldProblem]) -> Refused:
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return Refused("invalid_playbook", f"{problems[0].message}{more}", fields=problems)


def _refuse_tricks(text: str) -> None:
    """Nothing is built before this: aliases could grow without bound, and deep nesting could exhaust the stack."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise _Trick(f"*{event.anchor} refers to another place; write it out", event.start_mark)
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > DEEPEST:
                raise _Trick("nested too deeply", event.start_mark)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _lines_of(node: yaml.Node | None, place: str = "playbook") -> dict[str, int]:
    """The line of every place, counted from 1. A field that stands twice is a mistake, not the last one wins."""
    if node is None:
        return {}
    lines = {place: node.start_mark.line + 1}
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue  # refused when it is built
            spot = f"{place}.{key.value}"
            if spot in lines:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value} stands twice", key.start_mark)
            lines |= _lines_of(value, spot)
            lines[spot] = key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            lines |= _lines_of(value, f"{place}[{index}]")
    return lines


def _line_of(place: str, lines: Mapping[str, int]) -> int:
    """The line of a place, or of what is around it when it is missing."""
    while place not in lines:
        cut = max(place.rfind("."), place.rfind("["))
        if cut < 0:
            return 1
        place = place[:cut]
    return lines[place]


def _words_of(error: yaml.YAMLError, text: str) -> str:
    mark = getattr(error, "problem_mark", None)
    words = getattr(error, "problem", None)
    if mark is not None:
        return f"line {mark.line + 1}, column {mark.column + 1}: {words or error}"
    position = getattr(error, "position", None)
    if isinstance(position, int):
        return f"line {text.count(chr(10), 0, position) + 1}: a character that YAML does not allow"
    return str(error)


# --- Writing --------------------------------------------------------------------------------------------------------


def write_playbook_text(definition: Mapping[str, Any], head: str = "") -> str:
    """A definition (`PlaybookSpec.as_data`, perhaps not valid yet) as YAML; `head` becomes its first comment."""
    comment = "".join(f"# {line}\n" for line in head.splitlines())
    return comment + yaml.dump(_plain(definition), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


def _plain(value: Any) -> Any:
    """Without fields that say nothing."""
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items() if one is not None and one != "" and one not in ([], ())}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value
