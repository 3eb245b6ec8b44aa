"""One gate of a playbook's draft, read from what a person typed, and what the buttons beside its rows do.

What was typed is kept as it is, a word where a number belongs too: a draft may be wrong, and publishing says what is.
"""

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from django.http import QueryDict
from django.utils.text import slugify

from releases.playbooks import key_words

MOST_ROWS = 60


def text(data: QueryDict, name: str, most: int = 200) -> str:
    """One typed line, without what cannot be stored."""
    return " ".join(data.get(name, "").replace("\x00", "").split())[:most]


def number(data: QueryDict, name: str) -> int | str | None:
    """A whole number; what is none stays as it was typed; nothing is None."""
    typed = text(data, name, 40)
    if not typed:
        return None
    try:
        return int(typed)
    except ValueError:
        return typed


def lines(data: QueryDict, name: str) -> list[str]:
    """One row per line that says something."""
    found = [" ".join(line.split())[:300] for line in data.get(name, "").replace("\x00", "").splitlines()]
    return [line for line in found if line][:MOST_ROWS]


def free_key(name: str, taken: set[str]) -> str:
    """A key from a name, unlike all others."""
    base = slugify(name)[:56].strip("-") or "new"
    key, count = base, 2
    while key in taken:
        key, count = f"{base}-{count}", count + 1
    return key


def read_gate(data: QueryDict, before: Mapping[str, Any], functions: Mapping[str, str]) -> dict[str, Any]:
    """The gate as it stands in the form; `functions` are known roles by key, so that a name finds its function."""
    name = text(data, "name", 120)
    days = number(data, "due")
    is_after = data.get("unit") == "months"
    if isinstance(days, int) and not is_after:
        days = -abs(days)
    gate: dict[str, Any] = {
        "key": before["key"],
        "name": name,
        "short_name": text(data, "short_name", 40) or name[:40],
        "offset_days": None if is_after else days,
        "offset_months": days if is_after else None,
        "roles": [],
        "informed": _keys(lines(data, "informed"), before.get("informed", ())),
        "deliverables": [],
        "checks": [],
        "questions": lines(data, "questions"),
    }
    if data.get("signature"):
        gate["signature"] = True
    for place in _rows(data, "role"):
        role: dict[str, Any] = {
            "key": text(data, f"{place}-key", 64),
            "name": text(data, f"{place}-name", 80),
            "quorum": "all" if data.get(f"{place}-quorum") == "all" else number(data, f"{place}-quorum") or 1,
        }
        if (order := number(data, f"{place}-order")) not in (None, 1):
            role["order"] = order
        gate["roles"].append(role)
    for place in _rows(data, "thing"):
        thing: dict[str, Any] = {
            "key": text(data, f"{place}-key", 64),
            "name": text(data, f"{place}-name", 120),
            "required": bool(data.get(f"{place}-required")),
            "disciplines": text(data, f"{place}-disciplines", 100).upper().replace(",", " ").split(),
            "hint": text(data, f"{place}-hint", 300),
        }
        if (wanted := number(data, f"{place}-days")) is not None:
            thing["days_before"] = wanted
        gate["deliverables"].append(thing)
    for place in _rows(data, "check"):
        gate["checks"].append(
            {"name": text(data, f"{place}-name", 120), "blocking": data.get(f"{place}-blocking") == "yes"}
        )
    _add_new(gate, data, functions)
    return gate


def _keys(typed: Iterable[str], before: Iterable[str]) -> list[str]:
    """Who is informed, as it is stored: keys are shown as words, and words that a key gives are that key again."""
    known = {key_words(key): key for key in before}
    return [known.get(line) or (key if key_words(key := slugify(line)) == line else line) for line in typed]


def _rows(data: QueryDict, name: str) -> list[str]:
    count = number(data, f"{name}-count")
    return [f"{name}-{index}" for index in range(min(count, MOST_ROWS) if isinstance(count, int) else 0)]


def _add_new(gate: dict[str, Any], data: QueryDict, functions: Mapping[str, str]) -> None:
    """What stands in the "add" fields is added by any button: nothing that was typed gets lost."""
    if role := text(data, "new-role", 80):
        known = {name.lower(): key for key, name in functions.items()}
        taken = {row["key"] for row in gate["roles"]}
        key = known.get(role.lower(), "")
        if not key or key in taken:
            key = free_key(role, taken)
        gate["roles"].append({"key": key, "name": role, "quorum": 1})
    if thing := text(data, "new-thing", 120):
        key = free_key(thing, {row["key"] for row in gate["deliverables"]})
        gate["deliverables"].append({"key": key, "name": thing, "required": True, "disciplines": [], "hint": ""})
    if check := text(data, "new-check", 120):
        gate["checks"].append({"name": check, "blocking": False})


# The heading under which each kind of row stands.
PARTS = {"role": "roles", "thing": "things", "check": "checks"}
LISTS = {"role": "roles", "thing": "deliverables", "check": "checks"}


def do_rows(gate: dict[str, Any], what: str) -> None:
    """`role-up:2`, `thing-down:0`, `check-remove:1`; anything else changes nothing."""
    name, _, index = what.partition(":")
    kind, _, verb = name.partition("-")
    rows = gate.get(LISTS.get(kind, ""), [])
    if index.isdigit() and int(index) < len(rows):
        move(rows, int(index), verb)


def move(rows: list[Any], index: int, verb: str) -> None:
    """Move a row up or down, or take it away."""
    if verb == "remove":
        del rows[index]
    elif verb in ("up", "down"):
        other = index + (1 if verb == "down" else -1)
        if 0 <= other < len(rows):
            rows[index], rows[other] = rows[other], rows[index]


def edited(
    definition: Mapping[str, Any], data: QueryDict, functions: Mapping[str, str]
) -> tuple[dict[str, Any], str, str]:
    """The definition with what a person typed and the button they pressed, the gate to show next, and where on it."""
    changed = copy.deepcopy(dict(definition))
    gates: list[dict[str, Any]] = changed["gates"]
    what = data.get("do", "")
    key = str(data.get("gate", ""))[:64]
    index = next((i for i, gate in enumerate(gates) if gate["key"] == key), None)
    if key:
        before = gates[index] if index is not None else {"key": key}
        typed = read_gate(data, before, functions)
        do_rows(typed, what)
        if index is None:  # somebody else has removed it meanwhile: what was typed brings it back
            index = len(gates)
            gates.append(typed)
        else:
            gates[index] = typed
    if (name := text(data, "new-gate", 120)) and len(gates) < MOST_ROWS:
        beside = gates[index] if index is not None else {}
        new: dict[str, Any] = {
            "key": free_key(name, {gate["key"] for gate in gates}),
            "name": name,
            "short_name": name[:40],
            "offset_days": beside.get("offset_days", -30 if not beside else None),
            "offset_months": beside.get("offset_months"),
            **{one: [] for one in ("roles", "informed", "deliverables", "checks", "questions")},
        }
        gates.insert(index + 1 if index is not None else len(gates), new)
        return changed, new["key"], "gate"
    verb, _, place = what.partition(":")
    if verb.startswith("gate-") and place.isdigit() and int(place) < len(gates):
        moved = gates[int(place)]["key"]
        move(gates, int(place), verb.removeprefix("gate-"))
        if verb == "gate-remove" and moved == key:
            key = gates[min(int(place), len(gates) - 1)]["key"] if gates else ""
        return changed, key, "gates"
    part = {"role": "roles", "thing": "things", "check": "checks"}.get(what.partition("-")[0], "gate")
    if not what or what == "save":
        part = (next((p for p in ("role", "thing", "check") if text(data, f"new-{p}")), "") and part) or "gate"
    return changed, key, part
