"""Playbooks as YAML: mistakes by line, and reading what was written."""

import copy
import time
from collections.abc import Iterator
from typing import Any

import pytest

from gatekeeper.common.errors import Refused
from gatekeeper.management.commands.load_playbooks import FOLDER
from releases.playbook_changes import changes
from releases.playbook_yaml import read_playbook_text, write_playbook_text
from releases.playbooks import digest_of, parse_playbook
from tests.cast import SMALL_PLAYBOOK

GOOD = """\
slug: two
name: Two gates
gates:
  - key: one
    name: One
    offset_days: -10
    signature: true
    roles:
      - {key: engineering, name: Engineering, quorum: all, order: 2}
    deliverables:
      - key: memo
        name: 'Memo: "why"'
        days_before: 3
        required: no
    checks:
      - {name: ci/build, blocking: true}
    questions: ["Is it worth it?"]
  - {key: six, name: Six, offset_months: 6, roles: [{key: sales, name: Sales}]}
"""


def problems(text: str) -> list[str]:
    with pytest.raises(Refused) as found:
        read_playbook_text(text)
    return [problem.message for problem in found.value.fields]


def test_what_was_written_reads_as_the_same_playbook() -> None:
    for text in (GOOD, *(path.read_text() for path in sorted(FOLDER.glob("*.yaml")))):
        spec = read_playbook_text(text)
        written = write_playbook_text(spec.as_data(), "Two gates, version 3\nby Ada")
        assert written.startswith("# Two gates, version 3\n# by Ada\nslug:")
        assert digest_of(read_playbook_text(written).as_data()) == digest_of(spec.as_data())


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("quorum: all", "quorum: 0", ["line 9: gates[0].roles[0].quorum: expected a whole number from 1 to 50"]),
        ("    name: One\n", "", ["line 4: gates[0].name: expected a text"]),
        ("{key: six,", "{key: one,", ["line 3: gates: one stands twice"]),
        ("offset_days: -10", "offset_days: ten", [
            "line 4: gates[0]: give offset_days (0 or less) or offset_months (1 or more), one of them",
            "line 6: gates[0].offset_days: expected a whole number from -3650 to 0",
        ]),
        ("    questions:", "    colour: red\n    questions:", ["line 17: gates[0].colour: unknown field"]),
        ("name: Two gates", "name: Two gates\nname: Three", ["line 3, column 1: name stands twice"]),
        ("        name: 'Memo", "        name: x\n        name: 'Memo", ["line 13, column 9: name stands twice"]),
        ('["Is it worth it?"]', '["Is it worth it?"', ["line 18, column 3: expected ',' or ']', but got '-'"]),
        ("name: Two gates", "name: &a Two gates\ndescription: *a",
         ["line 3, column 14: *a refers to another place; write it out"]),
        ("name: Two gates", "name: 2020-13-45", ["line 2, column 7: month must be in 1..12"]),
        ("name: Two gates", "name: !!python/name:x y", [
            "line 2, column 7: could not determine a constructor for the tag 'tag:yaml.org,2002:python/name:x'"
        ]),
        ("name: Two gates", 'name: "Two\\0gates"',
         ["line 2: name: holds a line end or another character that cannot be seen"]),
        ("name: Two gates", 'name: "Two\\ud800"',
         ["line 2: name: holds a line end or another character that cannot be seen"]),
        ("name: Two gates", "name: Two\x07gates", ["line 2: a character that YAML does not allow"]),
        ("name: Two gates", "name: Two gates\n---\na: b", ["line 3, column 1: but found another document"]),
        ('["Is it worth it?"]', '["Is it worth it?", "Is it worth it?"]',
         ["line 17: gates[0].questions: Is it worth it? stands twice"]),
    ],
)  # fmt: skip
def test_a_mistake_is_named_by_its_line(old: str, new: str, words: list[str]) -> None:
    assert GOOD.count(old) == 1
    assert problems(GOOD.replace(old, new)) == words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "line 1: playbook: expected a mapping"),
        ("- a\n", "line 1: playbook: expected a mapping"),
        ("{[a]: 1}\n", "line 1, column 2: found unhashable key"),
        ("[" * 50_000, "line 1, column 13: nested too deeply"),
        ("a: &a [x]\nb: [*a, *a]\n", "line 2, column 5: *a refers to another place; write it out"),
        ("x" * 200_001, "The text is longer than 200,000 characters."),
        (f"a: {'9' * 5000}", "line 1, column 4: Exceeds the limit"),
    ],
    ids=["empty", "list", "unhashable", "deep", "alias", "long", "number"],
)
def test_what_is_no_playbook_is_refused_at_once(text: str, words: str) -> None:
    begun = time.thread_time()
    assert problems(text)[0].startswith(words)
    assert time.thread_time() - begun < 5


# --- What differs ---------------------------------------------------------------------------------------------------


def mutations(data: Any) -> Iterator[tuple[str, Any]]:
    """The data with one thing changed, at every place in turn."""
    if isinstance(data, dict):
        for key, value in data.items():
            if key in ("key", "slug"):
                continue
            for place, changed in mutations(value):
                yield f"{key}.{place}", data | {key: changed}
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield f"{index} removed", data[:index] + data[index + 1 :]
            for place, changed in mutations(value):
                yield f"{index}.{place}", [*data[:index], changed, *data[index + 1 :]]
        if len(data) > 1:
            yield "turned", data[::-1]
    elif isinstance(data, bool):
        yield "flipped", not data
    elif isinstance(data, int):
        yield "raised", data + 1
    elif isinstance(data, str) and data != "gates":
        yield "reworded", f"{data} x"


def test_every_difference_is_told_and_nothing_else() -> None:
    data = read_playbook_text(GOOD).as_data()
    data["description"] = "Why."
    data["gates"][0]["informed"] = ["Support", "Docs"]
    data = copy.deepcopy(data) | {"gates": [*data["gates"], *parse_playbook(SMALL_PLAYBOOK).as_data()["gates"]]}
    as_list = {"gates": [dict(gate) for gate in data["gates"]]}
    plain = {**data, **as_list}
    assert changes(plain, copy.deepcopy(plain)) == []
    count = 0
    for place, changed in mutations(_lists(plain)):
        assert changes(plain, changed), place
        count += 1
    assert count > 60


def _lists(value: Any) -> Any:
    """Tuples as the lists that a JSON column gives back."""
    if isinstance(value, dict):
        return {key: _lists(one) for key, one in value.items()}
    return [_lists(one) for one in value] if isinstance(value, list | tuple) else value


def test_changes_read_as_sentences() -> None:
    before = _lists(parse_playbook(SMALL_PLAYBOOK).as_data())
    after = copy.deepcopy(before)
    first, last = after["gates"][0], after["gates"].pop(1)
    first["offset_days"], first["signature"] = -50, True
    first["roles"][0]["quorum"] = "all"
    first["deliverables"][1]["required"] = True
    first["deliverables"].append({"key": "memo", "name": "Memo", "required": False})
    last["key"], last["name"] = "beta", "Beta"
    after["gates"].insert(1, last)
    assert [(c.kind, c.where, c.text) for c in changes(before, after)] == [
        ("removed", "Gates", "Functional Completeness is removed"),
        ("changed", "Gate 1, Market Opportunity", "Due 50 days before the release, was 60 days before the release"),
        ("changed", "Gate 1, Market Opportunity", "Decisions are signed"),
        ("changed", "Gate 1, roles", "Quorum of Engineering is all of them, was 1"),
        ("changed", "Gate 1, deliverables", "Competitive teardown is required now"),
        ("added", "Gate 1, deliverables", "Memo is new and optional"),
        ("added", "Gate 2", "Beta is new, due 30 days before the release"),
    ]
