"""What the playbook pages fetch and show."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.db.models import Count, Max, Q

from gatekeeper.accounts.models import User
from gatekeeper.common.errors import Refused
from gatekeeper.dashboard.queries import schedule
from gatekeeper.dashboard.queries.words import counted
from releases.actions.playbooks import newest_version, parse_draft
from releases.kinds import PlaybookKind, ReleaseState
from releases.models import DefaultSeat, Playbook, PlaybookDraft, ProductLine, Release
from releases.playbook_changes import Change, changes, due_words

OPEN_STATES = (ReleaseState.DRAFT, ReleaseState.ACTIVE, ReleaseState.ON_HOLD, ReleaseState.RELEASED)
MOST_FACES, MOST_LINES = 3, 4


# --- The list -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PlaybookRow:
    """One playbook: its newest version, if there is one, and its draft, if there is one."""

    slug: str
    name: str
    version: Playbook | None
    draft: PlaybookDraft | None
    releases: int


def playbook_rows() -> list[PlaybookRow]:
    """Every playbook that releases can run, or will. Three queries."""
    newest = Playbook.objects.filter(kind=PlaybookKind.GATES).order_by().values("slug").annotate(newest=Max("pk"))
    versions = Playbook.objects.filter(pk__in=newest.values("newest")).select_related("published_by")
    drafts = {draft.slug: draft for draft in PlaybookDraft.objects.select_related("saved_by")}
    used = dict(
        Release.objects.filter(state__in=OPEN_STATES)
        .order_by()
        .values_list("playbook__slug")
        .annotate(count=Count("pk"))
    )
    rows = [
        PlaybookRow(one.slug, one.name, one, drafts.pop(one.slug, None), used.get(one.slug, 0))
        for one in versions.defer("definition")
    ]
    rows += [PlaybookRow(draft.slug, str(draft.definition["name"]), None, draft, 0) for draft in drafts.values()]
    return sorted(rows, key=lambda row: (row.name.lower(), row.slug))


def versions_of(slug: str) -> Any:
    """The versions of a playbook, newest first, with how many open releases each has."""
    return (
        Playbook.objects.filter(slug=slug, kind=PlaybookKind.GATES)
        .select_related("published_by")
        .annotate(used=Count("releases", filter=Q(releases__state__in=OPEN_STATES)))
        .order_by("-version")
        .defer("definition")
    )


# --- People ---------------------------------------------------------------------------------------------------------


@dataclass
class DefaultPeople:
    """Who sits where by default: active people by product line and function."""

    lines: dict[int, str]
    seats: dict[tuple[int, str], list[User]] = field(default_factory=dict)

    @classmethod
    def load(cls) -> "DefaultPeople":
        """Three queries."""
        people = cls(dict(ProductLine.objects.order_by("name").values_list("pk", "name")))
        seats = list(DefaultSeat.objects.values_list("line_id", "function", "group_id"))
        members: dict[int, list[User]] = defaultdict(list)
        groups = {group for _line, _function, group in seats}
        through = User.groups.through._default_manager.filter(group__in=groups, user__is_active=True)
        for row in through.select_related("user").order_by("user__full_name", "user__username"):
            members[row.group_id].append(row.user)
        people.seats = {(line, function): members[group] for line, function, group in seats}
        return people

    def of(self, function: str) -> list[User]:
        """Everybody who sits for a function in any line, once."""
        found: dict[int, User] = {}
        for line in self.lines:
            for person in self.seats.get((line, function), ()):
                found.setdefault(person.pk, person)
        return list(found.values())


# --- The editor -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ReadyLine:
    """One line of "Ready to publish": ok, cond (think again) or dec (in the way), and the gate it leads to."""

    state: str
    words: str
    note: str = ""
    gate: str = ""


@dataclass(frozen=True)
class GateRow:
    """A gate in the list on the left."""

    number: int
    key: str
    name: str
    counts: str
    due: str
    is_changed: bool
    is_new: bool
    is_chosen: bool
    has_problem: bool


@dataclass(frozen=True)
class RoleRow:
    """A role of the chosen gate, with who sits there by default."""

    data: Mapping[str, Any]
    people: list[User]
    more: int
    is_new: bool
    problems: Mapping[str, str]


@dataclass(frozen=True)
class ThingRow:
    """A deliverable or check of the chosen gate."""

    data: Mapping[str, Any]
    is_new: bool
    problems: Mapping[str, str]


@dataclass(frozen=True)
class EditorPage:
    """The whole page: `draft` None shows the newest version to read."""

    slug: str
    name: str
    draft: PlaybookDraft | None
    newest: Playbook | None
    definition: Mapping[str, Any]
    releases: int
    gates: list[GateRow]
    chosen: Mapping[str, Any] | None
    chosen_row: GateRow | None
    roles: list[RoleRow]
    things: list[ThingRow]
    checks: list[ThingRow]
    changes: list[Change]
    ready: list[ReadyLine]
    picture: schedule.Schedule | None
    functions: list[str]
    is_outrun: bool
    problems: Mapping[str, str]
    """By field of the chosen gate's form, what is wrong there: `due`, `name`, `roles[0].order`."""

    @property
    def is_ready(self) -> bool:
        """Nothing is in the way of publishing."""
        return all(line.state != "dec" for line in self.ready)

    @property
    def next_version(self) -> int:
        return self.newest.version + 1 if self.newest else 1


def editor_page(
    slug: str, draft: PlaybookDraft | None, chosen: str, today: date, typed: Mapping[str, Any] | None = None
) -> EditorPage | None:
    """A playbook to edit or (without a draft) to read; None when there is none. A fixed number of queries.

    `typed` is the definition with what a person has typed and could not save.
    """
    newest = newest_version(slug)
    source = typed or (draft.definition if draft else newest.definition if newest else None)
    if source is None or (newest is not None and newest.kind != PlaybookKind.GATES):
        return None
    base = newest.definition if newest else {"name": source["name"], "description": "", "gates": []}
    found = changes(base, source) if draft is not None else []
    gates = source["gates"]
    gate = next((one for one in gates if one["key"] == chosen), gates[0] if gates else None)
    key = gate["key"] if gate else ""
    people = DefaultPeople.load()
    ready = ready_lines(source, people, found, newest) if draft is not None else []
    old = {one["key"]: one for one in base["gates"]}
    wrong = gate_problems(source, key) if draft is not None else {}
    rows = gate_rows(gates, found, old, key, {line.gate for line in ready if line.state == "dec"})
    return EditorPage(
        slug=slug,
        name=str(source["name"]),
        draft=draft,
        newest=newest,
        definition=source,
        releases=Release.objects.filter(playbook__slug=slug, state__in=OPEN_STATES).count(),
        gates=rows,
        chosen=gate,
        chosen_row=next((row for row in rows if row.key == key), None),
        roles=_role_rows(gate, old.get(key), people, wrong) if gate else [],
        things=_thing_rows(gate, old.get(key), "deliverables", "key", wrong) if gate else [],
        checks=_thing_rows(gate, old.get(key), "checks", "name", wrong) if gate else [],
        changes=found,
        ready=ready,
        picture=schedule.draw(gates, [due_words(one) for one in gates], today, key),
        functions=sorted({role["name"] for one in gates for role in one.get("roles", ())}),
        problems=wrong,
        is_outrun=draft is not None and draft.based_on_id != (newest.pk if newest else None),
    )


def due_short(gate: Mapping[str, Any]) -> str:
    """−14 d, GA, +6 m."""
    days, months = gate.get("offset_days"), gate.get("offset_months")
    if isinstance(months, int):
        return f"+{months} m"
    if not isinstance(days, int):
        return "no date"
    return f"−{-days} d" if days else "0 d"


def gate_rows(
    gates: Sequence[Mapping[str, Any]],
    found: Sequence[Change],
    old: Mapping[str, Mapping[str, Any]],
    chosen: str,
    problems: set[str],
) -> list[GateRow]:
    changed = {change.gate for change in found if change.gate}
    return [
        GateRow(
            number=number,
            key=gate["key"],
            name=gate["name"] or "Without a name",
            counts=f"{counted(len(gate.get('deliverables', ())), 'deliverable')} · "
            f"{counted(len(gate.get('roles', ())), 'role')}",
            due=due_short(gate),
            is_changed=gate["key"] in changed and gate["key"] in old,
            is_new=bool(found) and gate["key"] not in old,
            is_chosen=gate["key"] == chosen,
            has_problem=gate["key"] in problems,
        )
        for number, gate in enumerate(gates, start=1)
    ]


def gate_problems(definition: Mapping[str, Any], key: str) -> dict[str, str]:
    """By field of a gate's form, what is wrong there; what the whole gate is blamed for stands at its due date."""
    index = next((i for i, gate in enumerate(definition["gates"]) if gate["key"] == key), None)
    try:
        parse_draft(definition)
    except Refused as refused:
        found: dict[str, str] = {}
        for problem in refused.fields:
            whose, _, field = problem.field.removeprefix("playbook.").partition("].")
            if whose.rstrip("]") == f"gates[{index}":
                said = problem.message.rpartition(": ")[2]
                found.setdefault(field or "due", f"{said[:1].upper()}{said[1:]}.")
        return found
    return {}


def _of_row(wrong: Mapping[str, str], place: str) -> dict[str, str]:
    """What is wrong in one row of a list: by the name of its field."""
    return {field.removeprefix(f"{place}."): said for field, said in wrong.items() if field.startswith(f"{place}.")}


def _role_rows(
    gate: Mapping[str, Any], old: Mapping[str, Any] | None, people: DefaultPeople, wrong: Mapping[str, str]
) -> list[RoleRow]:
    had = {role["key"] for role in (old or {}).get("roles", ())}
    rows = []
    for index, role in enumerate(gate.get("roles", ())):
        sits = people.of(role["key"])
        is_new = old is not None and role["key"] not in had
        rows.append(
            RoleRow(role, sits[:MOST_FACES], max(0, len(sits) - MOST_FACES), is_new, _of_row(wrong, f"roles[{index}]"))
        )
    return rows


def _thing_rows(
    gate: Mapping[str, Any], old: Mapping[str, Any] | None, name: str, key: str, wrong: Mapping[str, str]
) -> list[ThingRow]:
    had = {row[key] for row in (old or {}).get(name, ())}
    return [
        ThingRow(row, old is not None and row[key] not in had, _of_row(wrong, f"{name}[{index}]"))
        for index, row in enumerate(gate.get(name, ()))
    ]


# --- Ready to publish -----------------------------------------------------------------------------------------------


def ready_lines(
    definition: Mapping[str, Any], people: DefaultPeople, found: Sequence[Change], newest: Playbook | None
) -> list[ReadyLine]:
    """What stands in the way of publishing, and what to think of before."""
    lines: list[ReadyLine] = []
    gates = definition["gates"]
    try:
        parse_draft(definition)
    except Refused as refused:
        for problem in refused.fields:
            place = problem.field.removeprefix("playbook.gates[").split("]")[0]
            gate = gates[int(place)]["key"] if place.isdigit() and int(place) < len(gates) else ""
            lines.append(ReadyLine("dec", problem.message, gate=gate))
    else:
        lines.append(ReadyLine("ok", "Every gate has a name, a due date and an approver role"))
        lines.append(ReadyLine("ok", "Gates are in the order of their due dates"))
    if newest is not None and not found:
        lines.append(ReadyLine("dec", f"Nothing differs from version {newest.version} yet"))
    bare = [gate for gate in gates if not any(thing.get("required", True) for thing in gate.get("deliverables", ()))]
    if bare:
        names = ", ".join(str(gate["name"]) for gate in bare[:MOST_LINES])
        lines.append(ReadyLine("cond", f"{names}: no deliverable is required", gate=bare[0]["key"]))
    elif gates:
        lines.append(ReadyLine("ok", "Each gate has one required deliverable or more"))
    return lines + _seat_lines(gates, people)


def _seat_lines(gates: Sequence[Mapping[str, Any]], people: DefaultPeople) -> list[ReadyLine]:
    """Whether each role has at least as many people as its quorum, in every product line."""
    needed: dict[str, tuple[str, int]] = {}
    for gate in gates:
        for role in gate.get("roles", ()):
            quorum = role.get("quorum", 1)
            least = quorum if isinstance(quorum, int) else 1
            name, most = needed.get(role["key"], (role["name"], 0))
            needed[role["key"]] = (name, max(most, least))
    if not needed:
        return []
    if not people.lines:
        return [ReadyLine("cond", "No product line says who decides by default yet")]
    short: list[tuple[str, str]] = []
    alone: dict[str, User] = {}
    for line, line_name in people.lines.items():
        missing = []
        for function, (name, quorum) in needed.items():
            sits = people.seats.get((line, function), [])
            if not sits:
                missing.append(f"nobody for {name}")
            elif len(sits) < quorum:
                missing.append(f"{len(sits)} of {quorum} for {name}")
            elif len(sits) == 1:
                alone.setdefault(name, sits[0])
        if missing:
            short.append((line_name, _cut(missing)))
    lines = [ReadyLine("cond", f"{name}: {words}", "By default; a product may say otherwise") for name, words in short]
    if len(lines) > MOST_LINES:
        more = len(lines) - MOST_LINES
        lines = [*lines[:MOST_LINES], ReadyLine("cond", f"The same in {counted(more, 'more product line')}")]
    if not lines:
        lines = [ReadyLine("ok", "Each role has at least as many people as its quorum")]
    if alone:
        who = _cut([f"{name} ({person})" for name, person in alone.items()])
        verb = "role depends" if len(alone) == 1 else "roles depend"
        lines.append(ReadyLine("cond", f"{len(alone)} {verb} on one person: {who}"))
    return lines


def _cut(words: Sequence[str]) -> str:
    more = f" and {len(words) - MOST_FACES} more" if len(words) > MOST_FACES else ""
    return f"{', '.join(words[:MOST_FACES])}{more}"
