"""A playbook's definition: parsed from YAML or JSON into frozen values, every mistake named by its place."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from gatekeeper.common.errors import FieldProblem, Refused
from releases.rules import TARGET

KEY = re.compile(r"^[a-z0-9]+(-[a-z0-9]+)*$")
DISCIPLINES = {
    "PM": "product management",
    "PP": "product planning",
    "CPM": "core product marketing",
    "TPM": "technical product marketing",
    "CM": "conversation marketing",
    "ENG": "engineering",
    "QA": "quality",
    "UX": "user experience",
    "SUP": "support",
    "SAL": "sales",
    "LEG": "legal",
    "FIN": "finance",
}


def key_words(key: str) -> str:
    """A playbook's key as words: `product-marketing` is Product marketing, `ceo` CEO; words stay as they are."""
    if not key.islower() or " " in key:
        return key
    return key.upper() if len(key) <= 3 else key.replace("-", " ").capitalize()


@dataclass(frozen=True)
class RoleSpec:
    """An approver role of a gate: its key (the function), name and how many approvals it needs.

    A quorum of `all` means everybody who sits there and may decide when the round is submitted. Roles of a higher
    `order` see a round but decide only when every role of a lower one has its quorum.
    """

    key: str
    name: str
    quorum: int | Literal["all"] = 1
    order: int = 1


@dataclass(frozen=True)
class DeliverableSpec:
    """A thing a gate asks for."""

    key: str
    name: str
    required: bool = True
    disciplines: tuple[str, ...] = ()
    hint: str = ""
    days_before: int | None = None
    """Calendar days before the gate's due date on which it is wanted."""


@dataclass(frozen=True)
class CheckSpec:
    """A check that an engineering tool may report; advisory unless it blocks."""

    name: str
    blocking: bool = False


@dataclass(frozen=True)
class GateSpec:
    """One gate: when it is due relative to GA (days, or months after), who decides, who is informed, what it asks."""

    key: str
    name: str
    short_name: str
    offset_days: int | None
    offset_months: int | None
    roles: tuple[RoleSpec, ...] = ()
    informed: tuple[str, ...] = ()
    deliverables: tuple[DeliverableSpec, ...] = ()
    checks: tuple[CheckSpec, ...] = ()
    questions: tuple[str, ...] = ()
    signature: bool = False
    """Whether a decision is signed: the password again, a printed name and a meaning."""

    @property
    def is_after_release(self) -> bool:
        """Due some months after the actual release."""
        return self.offset_months is not None


@dataclass(frozen=True)
class PlaybookSpec:
    """The whole definition. `functions` names each approver function once."""

    slug: str
    name: str
    kind: str
    description: str
    gates: tuple[GateSpec, ...]

    def as_data(self) -> dict[str, Any]:
        """Plain data for the database's JSON column; `parse_playbook` of it gives the same value.

        Fields that came later are left out while they say nothing, so that a playbook that has not changed keeps its
        digest and its version.
        """
        data = asdict(self)
        for gate in data["gates"]:
            _drop_default(gate, "signature", False)
            for role in gate["roles"]:
                _drop_default(role, "order", 1)
            for thing in gate["deliverables"]:
                _drop_default(thing, "days_before", None)
        return data


def _drop_default(row: dict[str, Any], name: str, default: object) -> None:
    if row[name] == default:
        del row[name]


# How many rows one list may have: enough for any process, and a bound for what a page has to draw.
MOST_GATES, MOST_ROWS = 40, 60


def digest_of(definition: Mapping[str, Any]) -> str:
    """The mark of a definition (`PlaybookSpec.as_data`): equal definitions have equal digests."""
    text = json.dumps(definition, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


ONE_OFFSET = "give offset_days (0 or less) or offset_months (1 or more), one of them"


class _Reader:
    """Collects problems with their place while reading nested data."""

    def __init__(self) -> None:
        self.problems: list[FieldProblem] = []

    def fail(self, place: str, message: str) -> None:
        self.problems.append(FieldProblem(place, "invalid", f"{place}: {message}"))

    def mapping(self, data: Any, place: str, allowed: set[str]) -> Mapping[str, Any]:
        if not isinstance(data, Mapping):
            self.fail(place, "expected a mapping")
            return {}
        for name in sorted(set(map(str, data)) - allowed):
            self.fail(f"{place}.{name}", "unknown field")
        return data

    def rows(
        self, data: Mapping[str, Any], name: str, place: str, most: int | None = MOST_ROWS
    ) -> list[tuple[str, Any]]:
        value = data.get(name) or []
        if not isinstance(value, list | tuple):
            self.fail(f"{place}.{name}", "expected a list")
            return []
        if most is not None and len(value) > most:
            self.fail(f"{place}.{name}", f"more than {most} of them")
            return []
        return [(f"{place}.{name}[{i}]", row) for i, row in enumerate(value)]

    def text(
        self, data: Mapping[str, Any], name: str, place: str, *, limit: int = 200, default: str | None = None
    ) -> str:
        value = data.get(name, default)
        if not isinstance(value, str) or (default is None and not value.strip()):
            self.fail(f"{place}.{name}", "expected a text")
            return ""
        if len(value) > limit:
            self.fail(f"{place}.{name}", f"longer than {limit} characters")
        return self.readable(value.strip(), f"{place}.{name}", lines=default == "")

    def readable(self, value: str, place: str, *, lines: bool = False) -> str:
        """A text without characters that cannot be seen or stored; `lines` allows line ends."""
        if not (value.replace("\n", " ").replace("\t", " ") if lines else value).isprintable():
            self.fail(place, "holds a line end or another character that cannot be seen")
            return ""
        return value

    def key(self, data: Mapping[str, Any], place: str) -> str:
        value = self.text(data, "key", place, limit=64)
        if value and not KEY.match(value):
            self.fail(f"{place}.key", "expected lowercase words with hyphens")
        return value

    def number(self, data: Mapping[str, Any], name: str, place: str, low: int, high: int) -> int | None:
        value = data.get(name)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            self.fail(f"{place}.{name}", f"expected a whole number from {low} to {high}")
            return None
        return value

    def quorum(self, data: Mapping[str, Any], place: str) -> int | Literal["all"]:
        value = data.get("quorum")
        if value == "all":
            return "all"
        if value == "any":
            return 1
        if isinstance(value, str):
            self.fail(f"{place}.quorum", "expected any, all, or a whole number from 1 to 50")
            return 1
        found = self.number(data, "quorum", place, 1, 50)
        return 1 if found is None else found

    def flag(self, data: Mapping[str, Any], name: str, place: str, default: bool) -> bool:
        value = data.get(name, default)
        if not isinstance(value, bool):
            self.fail(f"{place}.{name}", "expected true or false")
            return default
        return value

    def texts(self, data: Mapping[str, Any], name: str, place: str) -> tuple[str, ...]:
        found = []
        for spot, row in self.rows(data, name, place):
            if not isinstance(row, str) or not row.strip():
                self.fail(spot, "expected a text")
            elif len(row) > 300:
                self.fail(spot, "longer than 300 characters")
            elif text := self.readable(row.strip(), spot):
                found.append(text)
        return tuple(found)

    def distinct(self, keys: list[str], place: str) -> None:
        for key in sorted({k for k in keys if keys.count(k) > 1}):
            self.fail(place, f"{key} stands twice")


def parse_playbook(data: Any) -> PlaybookSpec:
    """Read a playbook from plain data.

    Raises:
        Refused: with one field problem per mistake, each naming its place such as `gates[2].roles[0].quorum`.
    """
    read = _Reader()
    top = read.mapping(data, "playbook", {"slug", "name", "kind", "description", "gates"})
    kind = str(top.get("kind", "gates"))
    if kind not in ("gates", "history"):
        read.fail("playbook.kind", "expected gates or history")
    slug = read.text(top, "slug", "playbook", limit=64)
    if slug and not KEY.match(slug):
        read.fail("playbook.slug", "expected lowercase words with hyphens")
    most = MOST_GATES if kind == "gates" else None  # recorded milestones have no bound
    gates = tuple(_gate(read, place, row, kind) for place, row in read.rows(top, "gates", "playbook", most))
    if not gates:
        read.fail("playbook.gates", "at least one gate is needed")
    read.distinct([gate.key for gate in gates], "playbook.gates")
    if kind == "gates":
        _check_order(read, gates)
    spec = PlaybookSpec(
        slug=slug,
        name=read.text(top, "name", "playbook"),
        kind=kind,
        description=read.text(top, "description", "playbook", limit=2000, default=""),
        gates=gates,
    )
    if read.problems:
        first = read.problems[0].message
        more = f" (and {len(read.problems) - 1} more)" if len(read.problems) > 1 else ""
        raise Refused("invalid_playbook", f"The playbook was not loaded. {first}{more}", fields=read.problems)
    return spec


def _gate(read: _Reader, place: str, row: Any, kind: str) -> GateSpec:
    data = read.mapping(
        row,
        place,
        {
            "key",
            "name",
            "short_name",
            "offset_days",
            "offset_months",
            "roles",
            "informed",
            "deliverables",
            "checks",
            "questions",
            "signature",
        },
    )
    days = read.number(data, "offset_days", place, -3650, 0)
    months = read.number(data, "offset_months", place, 1, 60)
    if kind == "gates" and (days is None) == (months is None):
        read.fail(place, ONE_OFFSET)
    name = read.text(data, "name", place, limit=120)
    roles = []
    for spot, item in read.rows(data, "roles", place):
        role = read.mapping(item, spot, {"key", "name", "quorum", "order"})
        order = read.number(role, "order", spot, 1, 9)
        roles.append(
            RoleSpec(
                read.key(role, spot),
                read.text(role, "name", spot, limit=80),
                read.quorum(role, spot),
                1 if order is None else order,
            )
        )
    read.distinct([role.key for role in roles], f"{place}.roles")
    if kind == "gates" and not roles:
        read.fail(f"{place}.roles", "a gate without approver roles could never be approved")
    deliverables = []
    for spot, item in read.rows(data, "deliverables", place):
        thing = read.mapping(item, spot, {"key", "name", "required", "disciplines", "hint", "days_before"})
        disciplines = read.texts(thing, "disciplines", spot)
        for unknown in sorted(set(disciplines) - set(DISCIPLINES)):
            read.fail(f"{spot}.disciplines", f"{unknown} is not one of {', '.join(DISCIPLINES)}")
        deliverables.append(
            DeliverableSpec(
                read.key(thing, spot),
                read.text(thing, "name", spot, limit=120),
                read.flag(thing, "required", spot, True),
                disciplines,
                read.text(thing, "hint", spot, limit=300, default=""),
                read.number(thing, "days_before", spot, 0, 365),
            )
        )
    read.distinct([thing.key for thing in deliverables], f"{place}.deliverables")
    checks = []
    for spot, item in read.rows(data, "checks", place):
        check = read.mapping(item, spot, {"name", "blocking"})
        checks.append(CheckSpec(read.text(check, "name", spot, limit=120), read.flag(check, "blocking", spot, False)))
    read.distinct([check.name for check in checks], f"{place}.checks")
    questions, informed = read.texts(data, "questions", place), read.texts(data, "informed", place)
    read.distinct(list(questions), f"{place}.questions")
    read.distinct(list(informed), f"{place}.informed")
    key = read.key(data, place)
    if key == TARGET:
        read.fail(f"{place}.key", f"{TARGET} means the release date in plans")
    return GateSpec(
        key=key,
        name=name,
        short_name=read.text(data, "short_name", place, limit=40, default=name[:40]) or name[:40],
        offset_days=days,
        offset_months=months,
        roles=tuple(roles),
        informed=informed,
        deliverables=tuple(deliverables),
        checks=tuple(checks),
        questions=questions,
        signature=read.flag(data, "signature", place, False),
    )


def _check_order(read: _Reader, gates: tuple[GateSpec, ...]) -> None:
    """Gates before GA come first, in order of their days; assessments after GA follow."""
    if gates and gates[0].is_after_release:
        read.fail("playbook.gates[0]", "the first gate has to be due before the release")
    last = (False, -100_000)
    for index, gate in enumerate(gates):
        months = gate.offset_months
        here = (months is not None, months if months is not None else gate.offset_days or 0)
        if here < last:
            read.fail(f"playbook.gates[{index}]", f"{gate.name} is due before the gate above it")
        last = here
