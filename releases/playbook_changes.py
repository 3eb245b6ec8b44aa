"""What differs between two versions of a playbook, in words. Pure; a draft that is not valid yet is compared too."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from releases.playbooks import key_words

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Change:
    """One difference: `kind` is added, removed or changed; `gate` a key or empty; `where` such as "Gate 6, roles"."""

    kind: str
    gate: str
    where: str
    text: str

    @property
    def icon(self) -> str:
        return {"added": "plus", "removed": "minus"}.get(self.kind, "pencil")

    @property
    def word(self) -> str:
        return self.kind.capitalize()


def quorum_words(value: Any) -> str:
    """2, or all."""
    return "all of them" if value == "all" else str(value)


def due_words(gate: Row) -> str:
    """10 days before the release, on the day of the release, 6 months after it."""
    days, months = gate.get("offset_days"), gate.get("offset_months")
    if isinstance(months, int):
        return f"{months} {'month' if months == 1 else 'months'} after the release"
    if not isinstance(days, int):
        return f"without a due date ({days or months})" if days or months else "without a due date"
    if days == 0:
        return "on the day of the release"
    return f"{abs(days)} {'day' if abs(days) == 1 else 'days'} {'before' if days < 0 else 'after'} the release"


def changes(before: Row, after: Row) -> list[Change]:
    """Every difference from one definition to another; empty if and only if they mean the same."""
    found: list[Change] = []
    for name, label in (("name", "Name"), ("kind", "Kind")):
        if before.get(name) != after.get(name):
            found.append(Change("changed", "", "Playbook", f"{label} is {after.get(name)}, was {before.get(name)}"))
    if (before.get("description") or "") != (after.get("description") or ""):
        found.append(Change("changed", "", "Playbook", "The description has changed"))
    old, new = _by(before.get("gates"), "key"), _by(after.get("gates"), "key")
    places = {key: number for number, key in enumerate(new, start=1)}
    common = [key for key in old if key in new]
    found += [Change("removed", key, "Gates", f"{old[key]['name']} is removed") for key in old if key not in new]
    wanted = [key for key in new if key in old]
    for key, gate in new.items():
        where = f"Gate {places[key]}"
        if key not in old:
            found.append(Change("added", key, where, f"{gate['name']} is new, due {due_words(gate)}"))
            continue
        found += _gate_changes(old[key], gate, where, key)
    if common != wanted:
        order = " · ".join(new[key].get("short_name") or new[key]["name"] for key in wanted)
        found.append(Change("changed", "", "Gates", f"The order of the gates is now {order}"))
    return found


def _by(rows: Iterable[Row] | None, name: str) -> dict[Any, Row]:
    return {row.get(name): row for row in rows or ()}


def _gate_changes(old: Row, new: Row, where: str, key: str) -> list[Change]:
    found: list[Change] = []

    def say(text: str, kind: str = "changed", part: str = "") -> None:
        found.append(Change(kind, key, f"{where}, {part}" if part else f"{where}, {new['name']}", text))

    if old["name"] != new["name"]:
        say(f"Called {new['name']}, was {old['name']}")
    if (old.get("short_name") or old["name"]) != (new.get("short_name") or new["name"]) and not (
        old.get("short_name") == old["name"] and new.get("short_name") == new["name"]
    ):
        say(f"Short name is {new.get('short_name')}, was {old.get('short_name')}")
    if due_words(old) != due_words(new):
        words = due_words(new)
        say(f"{words.capitalize() if words.startswith('without') else f'Due {words}'}, was {due_words(old)}")
    if bool(old.get("signature")) != bool(new.get("signature")):
        say("Decisions are signed" if new.get("signature") else "Decisions are not signed any more")
    _list_changes(old.get("roles"), new.get("roles"), "key", lambda o, n: _role(o, n, say), say, "roles")
    _list_changes(
        old.get("deliverables"), new.get("deliverables"), "key", lambda o, n: _thing(o, n, say), say, "deliverables"
    )
    _list_changes(old.get("checks"), new.get("checks"), "name", lambda o, n: _check(o, n, say), say, "checks")
    for name, part in (("questions", "questions"), ("informed", "informed")):
        rows = [
            [{"name": key_words(text) if name == "informed" else text} for text in gate.get(name) or ()]
            for gate in (old, new)
        ]
        _list_changes(rows[0], rows[1], "name", lambda _old, _new: None, say, part)
    return found


Say = Callable[..., None]
NEW_WORDS: Mapping[str, Callable[[Row], str]] = {
    "roles": lambda r: f"{r['name']} decides too, quorum {quorum_words(r.get('quorum', 1))}",
    "deliverables": lambda r: f"{r['name']} is new and {'required' if r.get('required', True) else 'optional'}",
    "checks": lambda r: f"{r['name']} is new and {'blocks' if r.get('blocking') else 'advises'}",
    "questions": lambda r: f"Also asked: {r['name']}",
    "informed": lambda r: f"{r['name']} is informed",
}
GONE_WORDS: Mapping[str, str] = {
    "roles": "{} does not decide any more",
    "deliverables": "{} is not asked for any more",
    "checks": "{} is removed",
    "questions": "Not asked any more: {}",
    "informed": "{} is not informed any more",
}


def _list_changes(
    before: Sequence[Row] | None,
    after: Sequence[Row] | None,
    name: str,
    compare: Callable[[Row, Row], None],
    say: Say,
    part: str,
) -> None:
    old, new = _by(before, name), _by(after, name)
    for key, row in new.items():
        if key in old:
            compare(old[key], row)
        else:
            say(NEW_WORDS[part](row), "added", part)
    for key, row in old.items():
        if key not in new:
            say(GONE_WORDS[part].format(row["name"]), "removed", part)
    if [key for key in old if key in new] != [key for key in new if key in old]:
        say(f"The order of the {part} has changed", "changed", part)


def _role(old: Row, new: Row, say: Say) -> None:
    if old["name"] != new["name"]:
        say(f"The role {new['name']} was called {old['name']}", "changed", "roles")
    if old.get("quorum", 1) != new.get("quorum", 1):
        was, now = quorum_words(old.get("quorum", 1)), quorum_words(new.get("quorum", 1))
        say(f"Quorum of {new['name']} is {now}, was {was}", "changed", "roles")
    if old.get("order", 1) != new.get("order", 1):
        say(f"{new['name']} decides in step {new.get('order', 1)}, was {old.get('order', 1)}", "changed", "roles")


def _thing(old: Row, new: Row, say: Say) -> None:
    name = new["name"]
    if old["name"] != name:
        say(f"{name} was called {old['name']}", "changed", "deliverables")
    if old.get("required", True) != new.get("required", True):
        is_required = new.get("required", True)
        say(f"{name} is {'required' if is_required else 'optional'} now", "changed", "deliverables")
    if list(old.get("disciplines") or ()) != list(new.get("disciplines") or ()):
        owners = ", ".join(new.get("disciplines") or ()) or "nobody in particular"
        say(f"{name} is supplied by {owners}", "changed", "deliverables")
    if (old.get("hint") or "") != (new.get("hint") or ""):
        say(f"The hint of {name} has changed", "changed", "deliverables")
    if old.get("days_before") != new.get("days_before"):
        days = new.get("days_before")
        wanted = "on the gate’s due day" if not days else f"{days} {'day' if days == 1 else 'days'} before it"
        say(f"{name} is wanted {wanted}", "changed", "deliverables")


def _check(old: Row, new: Row, say: Say) -> None:
    if bool(old.get("blocking")) != bool(new.get("blocking")):
        say(f"{new['name']} {'blocks' if new.get('blocking') else 'advises'} now", "changed", "checks")
