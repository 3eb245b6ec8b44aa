"""What an event says, in words: loaded for many events in a fixed number of queries."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import Any

from django.urls import reverse

from approvals.models import GateRole
from gatekeeper.accounts.models import User
from gatekeeper.common.calendars import organisation_zone
from gatekeeper.common.templatetags.gk import as_day, day, day_short, plural_days, relative_day, since_day, today
from releases.kinds import Cause, EventKind
from releases.models import Event, Gate, Release
from releases.rules import TARGET, slip_days_of

NOBODY = "gatekeeper"
MOST_LINES = 8
ABSENCE_KINDS = (EventKind.DELEGATION_MADE, EventKind.DELEGATION_ENDED)

# What had not happened when the due day ended; `{roles}` are the roles that were still out.
CAUSES: Mapping[str, str] = {
    Cause.NOT_SUBMITTED: "nothing was submitted",
    Cause.AWAITING_DECISION: "{roles} had not decided",
    Cause.DECLINED: "it was declined and not submitted again",
    Cause.CHECK_FAILING: "a blocking check was failing",
    Cause.QUORUM_UNREACHABLE: "{roles} had nobody left to decide",
}


def name_list(names: Sequence[str]) -> str:
    """A, B and C."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def day_of_text(value: Any) -> date | None:
    """A day as events store it (ISO text)."""
    return date.fromisoformat(value[:10]) if isinstance(value, str) and value else None


def when(at: datetime) -> str:
    """Tue 17 Nov at 16:42, in the organisation's zone."""
    here = at.astimezone(organisation_zone())
    return f"{day(here.date())} at {here:%H:%M}"


@dataclass
class EventFacts:
    """One event with what is known of its release and gate now."""

    event: Event
    gates: Sequence[Gate] = ()
    role_names: Mapping[str, str] = field(default_factory=dict)
    people: Mapping[int, str] = field(default_factory=dict)

    @cached_property
    def data(self) -> dict[str, Any]:
        return self.event.payload

    @property
    def release(self) -> Release | None:
        return self.event.release

    @cached_property
    def gate(self) -> Gate | None:
        key = self.event.about.get("gate")
        return next((gate for gate in self.gates if gate.key == key), None)

    @property
    def is_absence(self) -> bool:
        """It is about somebody being away and their stand-in, and about no product."""
        return self.event.kind in ABSENCE_KINDS

    @property
    def next_gate(self) -> Gate | None:
        """The gate after this one."""
        here = self.gate
        return next((gate for gate in self.gates if here is not None and gate.position == here.position + 1), None)

    def path(self, *, is_release_page: bool = False) -> str:
        """The page that the event is about: its gate's, or its release's where it has no gate or that is wanted."""
        about = self.event.about
        if self.is_absence:
            return reverse("away")
        if "version" not in about:
            return reverse("product", args=[about["product"]]) if "product" in about else reverse("notifications")
        if is_release_page or "gate" not in about:
            return reverse("release", args=[about["product"], about["version"]])
        place = reverse("gate", args=[about["product"], about["version"], about["gate"]])
        return f"{place}#comment-{self.data['comment_id']}" if "comment_id" in self.data else place

    @cached_property
    def words(self) -> dict[str, str]:
        """Everything that a notice's sentences may name; empty where the event says nothing of it."""
        data, gate, release = self.data, self.gate, self.release
        due_on = day_of_text(data.get("due_on")) or (gate.due_on if gate else None)
        roles = [self.role_names.get(key, key) for key in data.get("waiting_on") or data.get("roles") or []]
        return {
            "actor": self._actor(),
            "product": self.event.product.name if self.event.product else "",
            "release": str(release) if release else (self.event.product.name if self.event.product else ""),
            "gate": gate.name if gate else "",
            "over": self._over(),
            "round": str(data.get("round", "")),
            "role": data.get("role_name") or self.role_names.get(data.get("role", ""), data.get("role", "")),
            "roles": name_list(roles) or "the approvers",
            "when": when(self.event.recorded_at),
            "due": day(due_on),
            "due_when": _due_words(due_on),
            "is_due": "It was due" if due_on is not None and due_on < today() else "It is due",
            "target": day(release.target_on) if release else "",
            "target_when": self._target_words(),
            "cause": CAUSES.get(data.get("cause", ""), "").format(roles=name_list(roles) or "the approvers"),
            "reason": data.get("reason", ""),
            "comment": data.get("comment", ""),
            "summary": data.get("summary", ""),
            "text": data.get("text", ""),
            "subject": str(data.get("name") or data.get("subject") or ""),
            "conditions": self._conditions(),
            "conditional": " with conditions" if self._is_conditional() else "",
            "absent": self.people.get(data.get("absent") or 0, ""),
            "stand_in": self.people.get(data.get("stand_in") or 0, "Nobody"),
            "starts": day(day_of_text(data.get("starts_on"))),
            "ends": day(day_of_text(data.get("ends_on"))),
            "expires": day(day_of_text(data.get("expires_on"))),
            "resume_by": day(day_of_text(data.get("resume_by"))),
            "held": self._held(),
            "released": day(day_of_text(data.get("released_on"))),
            "baseline": day(day_of_text(data.get("baseline_on"))),
            "corrected": day(day_of_text(data.get("to"))) if self.event.kind.endswith(".date_corrected") else "",
            "shift": self._shift(),
            "next": self._next_words(),
            "version": str(data.get("version", "")),
            "thing": str(data.get("name", "")) if "deliverable" in data else "",
        }

    def _actor(self) -> str:
        """Who did it; with both names where it was done for somebody: "Grace Kim for Sofia Almeida"."""
        if self.event.actor is None:
            return NOBODY
        principal = self.event.on_behalf_of
        return f"{self.event.actor} for {principal}" if principal is not None else str(self.event.actor)

    def _over(self) -> str:
        if self.is_absence:
            return "Away"
        if self.gate is None or self.release is None:
            return str(self.release or self.event.product or "")
        return f"Gate {self.gate.position} of {len(self.gates)} · {self.release}"

    def _target_words(self) -> str:
        release = self.release
        if release is None or release.target_on is None:
            return ""
        late = slip_days_of(release.target_on, release.baseline_on, release.held_days)
        if not late:
            return f"{day(release.target_on)}, as in the baseline"
        return f"{day(release.target_on)}, {plural_days(abs(late))} {'after' if late > 0 else 'before'} the baseline"

    def _conditions(self) -> str:
        count = self.gate.open_conditions if self.gate else 0
        if not count:
            return ""
        return " with 1 open condition" if count == 1 else f" with {count} open conditions"

    def _held(self) -> str:
        """What a resumption does to the dates."""
        if self.event.kind != EventKind.RELEASE_RESUMED:
            return ""
        days = data if isinstance(data := self.data.get("days"), int) else 0
        return f"dates move by {plural_days(days)}" if days else "no date moves"

    def _is_conditional(self) -> bool:
        """The decision has conditions, or the gate that was passed has open ones."""
        if self.event.kind == EventKind.DECISION_RECORDED:
            return bool(self.data.get("conditions"))
        return bool(self._conditions())

    def _next_words(self) -> str:
        following = self.next_gate
        if following is None or following.due_on is None:
            return ""
        return f"{following.name}, due {day(following.due_on)}"

    def cost_of_missing(self) -> list[str]:
        """What a late decision moves; once the day is over, what every further one does."""
        is_late = self.gate is not None and self.gate.due_on is not None and self.gate.due_on < today()
        verb = "moves on with every further day" if is_late else "moves day by day"
        return [f"The target of {self.words['target']} {verb}"]

    def moves(self) -> list[str]:
        """The dates that a re-plan moved, one line each: "Release Readiness: 20 Nov to 8 Jan 27"."""
        names = {gate.key: gate.name for gate in self.gates} | {TARGET: "Release"}
        return [
            f"{names.get(key, key)}: {day_short(as_day(day_of_text(old)))} to {day_short(as_day(day_of_text(new)))}"
            for key, old, new, _along in self.data.get("moves", [])
        ]

    def playbook_changes(self) -> list[str]:
        """What a newer version of the playbook changed, one line each; the release page has the rest."""
        lines = [f"{where}: {text}" for where, text in self.data.get("changes", [])]
        return lines if len(lines) <= MOST_LINES else [*lines[:MOST_LINES], f"and {len(lines) - MOST_LINES} more"]

    def _shift(self) -> str:
        """How a re-plan moves the target, or that it does not."""
        for key, old, new, _along in self.data.get("moves", []):
            before, after = day_of_text(old), day_of_text(new)
            if key == TARGET and before and after:
                days = (after - before).days
                return f"the target moves by {plural_days(abs(days))} to {day(after)}{'' if days > 0 else ', earlier'}"
        return "the target stays"


def _due_words(due_on: date | None) -> str:
    """tomorrow, Fri 20 Nov 2026; of a day that has passed: Fri 20 Nov 2026, 7 days ago."""
    if due_on is None:
        return ""
    if due_on < today():
        return f"{day(due_on)}, {since_day(due_on)}"
    return f"{relative_day(due_on)}, {day(due_on)}"


def with_facts(events: Iterable[Event]) -> dict[int, EventFacts]:
    """Facts of some events by event id. Two queries, however many events.

    The events come with `actor`, `on_behalf_of`, `product` and `release__product` selected.
    """
    found = list(events)
    gates: dict[int, list[Gate]] = defaultdict(list)
    releases = {event.release_id for event in found if event.release_id is not None}
    if releases:
        for gate in Gate.objects.filter(release__in=releases, release__kind="gates").order_by("position"):
            gates[gate.release_id].append(gate)
    names: dict[int, dict[str, str]] = defaultdict(dict)
    needed = {
        gate.pk
        for event in found
        if event.release_id is not None and _names_roles(event)
        for gate in gates[event.release_id]
        if gate.key == event.about.get("gate")
    }
    if needed:
        rows = GateRole.objects.filter(gate__in=needed).values_list("gate", "role__key", "role__name")
        for gate_id, key, name in rows:
            names[gate_id][key] = name
    people = _people_named(found)
    facts = {}
    for event in found:
        one = EventFacts(event, gates[event.release_id] if event.release_id is not None else ())
        one.role_names = names[one.gate.pk] if one.gate is not None and one.gate.pk in names else {}
        one.people = people if one.is_absence else {}
        facts[event.pk] = one
    return facts


def _people_named(found: Sequence[Event]) -> dict[int, str]:
    """Names of the people in events about absences; one query, where there are such."""
    data = [event.payload for event in found if event.kind in ABSENCE_KINDS]
    wanted = {one.get(key) for one in data for key in ("absent", "stand_in")}
    if not wanted:
        return {}
    return {person.pk: str(person) for person in User.objects.filter(pk__in=[pk for pk in wanted if pk])}


def _names_roles(event: Event) -> bool:
    return any(word in event.data for word in ('"roles":', '"role":', '"waiting_on":'))
