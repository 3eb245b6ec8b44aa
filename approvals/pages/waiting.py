"""Everything that waits for a person, lightly: in order of urgency, to be filtered and counted before it is read."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, cast
from urllib.parse import urlencode

from django.contrib.auth.models import Group
from django.db.models import Count, Q

from approvals.inbox import stands_in, waiting_for
from approvals.kinds import Verdict
from approvals.models import (
    ApproverRoleGroupObjectPermission,
    ApproverRoleUserObjectPermission,
    Decision,
    Delegation,
    GateRole,
    Recusal,
)
from gatekeeper.accounts.models import User
from gatekeeper.common.calendars import MONDAY_TO_FRIDAY, WorkCalendar, working_days_left
from releases.working_days import organisation_calendar

# More than anybody reads; no query is without an end.
MOST_LISTED = 1000
OPTIONS_SHOWN = 30
LONGEST_VALUE = 200

LATE, THIS_WEEK, NEXT_WEEK, LATER = "Late", "This week", "Next week", "Later"
GROUPS = (LATE, THIS_WEEK, NEXT_WEEK, LATER)
DUE = {"late": "Late", "this-week": "This week", "later": "After this week"}
SEATS = {"own": "Own seats", "stand-in": "As stand-in"}


def urgency(
    due_on: date, submitted_at: datetime, today: date, calendar: WorkCalendar = MONDAY_TO_FRIDAY
) -> tuple[int, int, datetime]:
    """What is most urgent sorts first: late by most days, then fewest working days left, then waiting longest."""
    days = (due_on - today).days
    return (0, days, submitted_at) if days < 0 else (1, working_days_left(today, due_on, calendar), submitted_at)


def week_of(due_on: date, today: date) -> str:
    """Late, this week, next week or later; weeks begin on Monday."""
    if due_on < today:
        return LATE
    sunday = today + timedelta(days=6 - today.weekday())
    if due_on <= sunday:
        return THIS_WEEK
    return NEXT_WEEK if due_on <= sunday + timedelta(days=7) else LATER


@dataclass(frozen=True)
class RoleProgress:
    """A role of a round: how many approvals it has and needs, and whether the person may decide in it now.

    `principal` is whom they would stand in for; empty in a seat of their own.
    """

    key: str
    name: str
    quorum: int
    approvals: int
    is_mine: bool
    principal: str = ""

    @property
    def title(self) -> str:
        """ "Engineering", or "Engineering for Sofia Almeida" where the person stands in."""
        return f"{self.name} for {self.principal}" if self.principal else self.name

    @property
    def is_done(self) -> bool:
        return self.approvals >= self.quorum


@dataclass(frozen=True)
class Entry:
    """One round that waits, before anything is read of its evidence."""

    pk: int
    gate_id: int
    due_on: date
    submitted_at: datetime
    line: tuple[str, str]
    product: tuple[str, str]
    gate: tuple[str, str]
    text: str
    roles: tuple[RoleProgress, ...]

    @property
    def mine(self) -> list[RoleProgress]:
        """The person's roles that still need approvals, the one that needs most first."""
        mine = [role for role in self.roles if role.is_mine and not role.is_done]
        return sorted(mine, key=lambda role: role.approvals - role.quorum)

    @property
    def is_stand_in(self) -> bool:
        """There is no seat of their own in it."""
        return bool(self.mine) and all(role.principal for role in self.mine)


def waiting_list(user: User, today: date, *, only: int | Collection[int] | None = None) -> list[Entry]:
    """What waits for a person, most urgent first; or of that some rounds alone. A fixed number of queries."""
    away = stands_in(user, today)
    found = waiting_for(user, away).order_by()
    if only is not None:
        found = found.filter(pk__in=[only] if isinstance(only, int) else list(only))
    rows = list(
        found.values_list(
            "pk", "gate_id", "gate__due_on", "submitted_at", "gate__key", "gate__name", "gate__release__version",
            "gate__release__name", "gate__release__product__slug", "gate__release__product__name",
            "gate__release__product__line__slug", "gate__release__product__line__name",
        )[:MOST_LISTED]
    )  # fmt: skip
    if not rows:
        return []
    roles = _progress({row[0]: row[1] for row in rows}, user, away)
    entries = [
        Entry(
            pk=pk, gate_id=gate_id, due_on=cast(date, due_on), submitted_at=at, line=(line, line_name),
            product=(slug, name), gate=(gate, gate_name), roles=roles[pk],
            text=f"{name} {version} {gate_name} {theme}".lower(),
        )
        for pk, gate_id, due_on, at, gate, gate_name, version, theme, slug, name, line, line_name in rows
    ]  # fmt: skip
    calendar = organisation_calendar()
    return sorted(entries, key=lambda entry: (*urgency(entry.due_on, entry.submitted_at, today, calendar), entry.pk))


def _progress(rounds: Mapping[int, int], user: User, away: Sequence[Delegation]) -> dict[int, tuple[RoleProgress, ...]]:
    """By round: its gate's roles. `rounds` gives the gate of each."""
    people = {user.pk, *(d.person_id for d in away)}
    held = _held_seats(people, rounds.values())
    have = {
        (submission, role): count
        for submission, role, count in Decision.objects.filter(
            submission__in=rounds, verdict=Verdict.APPROVE, revocation__isnull=True
        )
        .order_by()
        .values_list("submission", "role")
        .annotate(count=Count("pk"))
    }
    by_gate: dict[int, list[GateRole]] = {}
    for row in GateRole.objects.filter(gate__in=rounds.values()).select_related("role").order_by("position"):
        by_gate.setdefault(row.gate_id, []).append(row)
    spent = _spent_principals(rounds, away) if away else set()
    found = {}
    for submission, gate in rounds.items():
        rows = by_gate.get(gate, [])
        missing = [row for row in rows if have.get((submission, row.role_id), 0) < row.quorum]
        first = min((row.order for row in missing), default=0)
        found[submission] = tuple(
            RoleProgress(
                key=row.role.key,
                name=row.role.name,
                quorum=row.quorum,
                approvals=have.get((submission, row.role_id), 0),
                is_mine=principal is not None and row.order <= first,
                principal=principal or "",
            )
            for row in rows
            for principal in [_seat(row.role_id, submission, user, away, held, spent)]
        )
    return found


def _seat(
    role: int,
    submission: int,
    user: User,
    away: Sequence[Delegation],
    held: Mapping[int, set[int]],
    spent: set[tuple[int, int]],
) -> str | None:
    """For whom a person sits in a role: nobody else (an empty text), a name, or None when they do not."""
    if role in held.get(user.pk, ()):
        return ""
    for d in away:
        if d.covers(role) and role in held.get(d.person_id, ()) and (submission, d.person_id) not in spent:
            return d.person.full_name
    return None


def _held_seats(people: Iterable[int], gates: Iterable[int]) -> dict[int, set[int]]:
    """By person, the seats of some gates that they hold, by name or through a group. Two queries."""
    found: dict[int, set[int]] = {}
    gates, people = list(gates), list(people)
    direct = ApproverRoleUserObjectPermission.objects.filter(
        user__in=people, content_object__gate_roles__gate__in=gates
    ).values_list("user", "content_object")
    members = Group.user_set.through._default_manager.filter(user__in=people)
    through = ApproverRoleGroupObjectPermission.objects.filter(
        group__in=members.values("group"), content_object__gate_roles__gate__in=gates
    ).values_list("group__user", "content_object")
    for person, role in direct.union(through):
        found.setdefault(person, set()).add(role)
    return found


def _spent_principals(rounds: Iterable[int], away: Sequence[Delegation]) -> set[tuple[int, int]]:
    """(round, person) of those stood in for who stepped aside, or for whom somebody has decided. Two queries."""
    people, ids = [d.person_id for d in away], list(rounds)
    decided = Decision.objects.filter(
        Q(decided_by__in=people) | Q(on_behalf_of__in=people), submission__in=ids, revocation__isnull=True
    ).values_list("submission", "decided_by", "on_behalf_of")
    found = {(submission, person) for submission, *deciders in decided for person in deciders if person}
    recused = Recusal.objects.filter(submission__in=ids, person__in=people).values_list("submission", "person")
    return found | set(recused)


# --- Filters ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Filters:
    """What the address asks for; unknown values find nothing, which the page says."""

    q: str = ""
    line: str = ""
    product: str = ""
    gate: str = ""
    due: str = ""
    role: str = ""
    seat: str = ""

    @classmethod
    def read(cls, query: Mapping[str, Any]) -> "Filters":
        """The filters of a query string; others of its words are left alone."""
        words = {name: str(query.get(name) or "").strip()[:LONGEST_VALUE] for name in cls.__dataclass_fields__}
        words["due"] = words["due"] if words["due"] in DUE else ""
        words["seat"] = words["seat"] if words["seat"] in SEATS else ""
        return cls(**words)

    @property
    def set(self) -> dict[str, str]:
        return {name: getattr(self, name) for name in self.__dataclass_fields__ if getattr(self, name)}

    @property
    def query(self) -> str:
        return urlencode(self.set)

    @property
    def base(self) -> str:
        """The beginning of a query string that goes on with a word of its own."""
        return f"?{self.query}&" if self.set else "?"

    @property
    def tail(self) -> str:
        """The query string for an address of its own; empty without filters."""
        return f"?{self.query}" if self.set else ""

    def but(self, name: str, value: str = "") -> str:
        """The query string with one filter set anew or dropped."""
        return f"?{urlencode({k: v for k, v in (self.set | {name: value}).items() if v})}"

    def takes(self, entry: Entry, today: date, but: str = "") -> bool:
        """Whether an entry passes all filters (but one)."""
        return all(self._is_met(name, value, entry, today) for name, value in self.set.items() if name != but)

    def _is_met(self, name: str, value: str, entry: Entry, today: date) -> bool:
        if name == "q":
            return all(word in entry.text for word in value.lower().split())
        if name == "due":
            week = week_of(entry.due_on, today)
            return {"late": week == LATE, "this-week": week == THIS_WEEK}.get(value, week in (NEXT_WEEK, LATER))
        if name == "role":
            return any(role.key == value for role in entry.mine)
        if name == "seat":
            return entry.is_stand_in is (value == "stand-in")
        own: str = getattr(entry, name)[0]
        return own == value


@dataclass(frozen=True)
class Option:
    """One value of a filter: how many rows it would leave, and its address."""

    words: str
    count: int
    url: str


@dataclass(frozen=True)
class Chip:
    """One filter: set, or what it can be set to."""

    label: str
    words: str
    remove: str
    options: tuple[Option, ...]
    more: int = 0


def chips(entries: Sequence[Entry], filters: Filters, today: date) -> list[Chip]:
    """The filters that would tell these rows apart, and those that are set."""
    found = []
    for name, label in (
        ("due", "Due"), ("line", "Line"), ("product", "Product"), ("gate", "Gate"), ("role", "Role"), ("seat", "Seat"),
    ):  # fmt: skip
        names: dict[str, str] = {}
        counts: dict[str, int] = {}
        for entry in entries:
            is_left = filters.takes(entry, today, but=name)
            for value, words in _values(name, entry, today):
                names[value] = words
                counts[value] = counts.get(value, 0) + is_left
        current = filters.set.get(name, "")
        if not current and len(names) < 2:
            continue
        order = list(DUE) if name == "due" else sorted(names, key=lambda value: names[value].lower())
        options = [Option(names[v], counts[v], filters.but(name, v)) for v in order if counts.get(v)]
        found.append(
            Chip(
                label=label,
                words=names.get(current, current) if current else "",
                remove=filters.but(name) if current else "",
                options=tuple(options[:OPTIONS_SHOWN]),
                more=max(0, len(options) - OPTIONS_SHOWN),
            )
        )
    return found


def _values(name: str, entry: Entry, today: date) -> Iterable[tuple[str, str]]:
    """What an entry has of a filter: (value, words)."""
    if name == "due":
        value = {LATE: "late", THIS_WEEK: "this-week"}.get(week_of(entry.due_on, today), "later")
        return [(value, DUE[value])]
    if name == "role":
        return [(role.key, role.name) for role in entry.mine]
    if name == "seat":
        value = "stand-in" if entry.is_stand_in else "own"
        return [(value, SEATS[value])]
    pair: tuple[str, str] = getattr(entry, name)
    return [pair]
