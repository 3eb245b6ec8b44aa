"""Large data for benchmarks: a few dozen releases are told through the real actions, then copied in bulk.

A copy has every row that the actions left of its original (gates, rounds, decisions, slips, moves, events), under
another product, with other ids, its dates some weeks earlier, and with its own digests and hash chain. So whatever
holds of the originals holds of all; nobody is notified of the copies. The same seed gives the same data on the same
day.
"""

import io
import json
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from random import Random
from typing import Any

from django.contrib.auth.models import Group
from django.core.management.color import no_style
from django.db import connection
from django.db.models import DateField, DateTimeField, ForeignKey, JSONField, Max, Model

from approvals.actions import people, seats
from approvals.actions.rounds import digest_of
from approvals.models import (
    ApproverRole,
    Check,
    Condition,
    Decision,
    Deliverable,
    Evidence,
    GateRole,
    Submission,
    Waiver,
)
from gatekeeper.accounts.models import User
from gatekeeper.common.calendars import organisation_zone
from gatekeeper.common.clock import Clock, database_clock
from gatekeeper.demo import GROUPS, LINES, Demo, Progress, Story
from gatekeeper.demo_signins import CAST, PASSWORD
from notifications.models import EventReceipt
from notifications.relay import relay_events
from releases.actions import products
from releases.events import canonical, is_postgresql, link_hash
from releases.kinds import ReleaseState
from releases.models import DateMove, Event, EventPosition, Gate, Hold, Playbook, Product, Release, Slip

PREFIX = "seed"
RELEASES_PER_PRODUCT = 25
MOST_ORIGINALS = 48
COPIES_AT_ONCE = 100
MANAGERS = 40
# days, less four: no two gates of the playbook lie closer together
SHORTEST_STEP = 16
# how far back a copy may lie: two years
MOST_WEEKS = 104

# One of everything that the pages show, at any size; every original after these is drawn.
BASICS: tuple[dict[str, Any], ...] = (
    {"gate": 8, "due_in": 0, "end": "closed"},
    {"gate": 4, "due_in": 12, "now": "half"},
    {"gate": 6, "due_in": -9, "now": "ready", "late": {2: 12}},
    {"gate": 2, "due_in": 4, "now": "declined"},
    {"gate": 7, "due_in": 60, "now": "open", "end": "released"},
    {"gate": 5, "due_in": 40, "conditions": (4,), "condition_due_in": 20},
    {"gate": 0, "due_in": 0, "end": "draft"},
    {"gate": 3, "due_in": 30, "now": "open", "end": "on_hold"},
    {"gate": 3, "due_in": 20, "now": "open", "end": "cancelled"},
    {"gate": 8, "due_in": 0, "end": "closed", "late": {3: 6}, "waived": (2,)},
)
WORDS = ("Faster", "Shared", "Safer", "Regional", "Offline", "Guided", "Open", "Quiet")
THINGS = ("sessions", "catalogues", "reports", "hand-overs", "exports", "searches", "archives", "policies")
NAMES = ("Harbour", "Lantern", "Meridian", "Quarry", "Sextant", "Tiller", "Viaduct", "Wharf", "Beacon", "Causeway")


def stories_for(count: int, products_: Sequence[Product], random: Random) -> list[Story]:
    """So many stories: the basic ones, then drawn ones."""
    found = []
    for index in range(count):
        told = BASICS[index] if index < len(BASICS) else _drawn(random)
        theme = f"{random.choice(WORDS)} {random.choice(THINGS)}"
        found.append(Story(products_[index % len(products_)].slug, f"1.{index}", theme, **told))
    return found


def _drawn(random: Random) -> dict[str, Any]:
    """What became of one release: a third is closed, a sixth is out, the rest is under way."""
    chance = random.random()
    gate = 8 if chance < 0.33 else 7 if chance < 0.5 else random.randint(1, 6)
    passed = range(1, min(gate, 7))
    told: dict[str, Any] = {
        "gate": gate,
        "due_in": 0 if gate == 8 else random.choice((3, 6, 9, 16, 23, 30, 44)),
        "late": {n: random.choice((2, 3, 5, 8, 14, 21)) for n in passed if random.random() < 0.18},
        "declined": tuple(n for n in passed if random.random() < 0.15),
        "conditions": tuple(n for n in passed if random.random() < 0.08),
        "condition_due_in": random.choice((15, 40, 90)),
    }
    if told["due_in"] > SHORTEST_STEP:
        # the gate before was due only lately: nobody can have been late for it and still be through
        told["late"].pop(gate - 1, None)
    if gate < 7:
        told["now"] = random.choice(("open", "partly", "ready", "review", "half", "half", "declined"))
        if random.random() < 0.15:
            told["due_in"] = -random.choice((1, 4, 9, 17))
    else:
        told["end"] = "closed" if gate == 8 else "released"
        told["now"] = "open"
    free = [n for n in passed if n not in told["late"] and n not in told["declined"] and n not in told["conditions"]]
    if free and random.random() < 0.12:
        told["waived"] = (random.choice(free),)
    return told


class Originals(Demo):
    """The releases that are told, in products of their own; the cast has the demo's parts under other names."""

    def __init__(self, progress: Progress, random: Random, count: int, clock: Clock) -> None:
        super().__init__(progress, clock)
        self.random = random
        self.count = count
        self.groups: dict[str, Group] = {}
        self.lines: list[Any] = []
        self.managers: list[User] = []

    def load(self) -> None:
        self._set_up()
        first = [self.add_product() for _ in range(min(8, self.count))]
        for number, story in enumerate(stories_for(self.count, first, self.random), start=1):
            self.progress(f"[{number}/{self.count}] told through the actions")
            self._tell(story, number)

    def _set_up(self) -> None:
        begin = self.at(self.today - timedelta(days=760))
        self.progress("People, groups and product lines")
        self.groups = {
            function: people.save_group(name=f"{name} ({PREFIX})", actor=None, clock=begin)
            for function, name in GROUPS.items()
        }
        for person in CAST:
            self.people[person.username] = user = people.create_person(
                username=f"{PREFIX}-{person.username}", email=f"{person.username}@{PREFIX}.example",
                full_name=f"{person.name} ({PREFIX})", title=person.title, permissions=person.permissions, actor=None,
                password=PASSWORD if person.shows else None, clock=begin,
            )  # fmt: skip
            for function in person.functions:
                people.add_to_group(group=self.groups[function], person=user, actor=None, clock=begin)
        for number in range(1, MANAGERS + 1):
            self.managers.append(
                people.create_person(
                    username=f"{PREFIX}-pm-{number}", email=f"pm-{number}@{PREFIX}.example", title="Product manager",
                    full_name=f"Manager {number:02}", actor=None, clock=begin,
                )
            )  # fmt: skip
        self.lines = [
            products.save_product_line(
                slug=f"{PREFIX}-{slug}", name=f"{name} ({PREFIX})", description=words, default_seats=self.groups,
                actor=self.people["chloe"], clock=begin,
            )
            for slug, (name, words) in LINES.items()
        ]  # fmt: skip
        self.playbooks["seven-gates"] = Playbook.objects.filter(slug="seven-gates").order_by("-version")[0]

    def add_product(self) -> Product:
        """One more product, with its seats."""
        begin = self.at(self.today - timedelta(days=760))
        number = len(self.products) + 1
        product = products.create_product(
            slug=f"{PREFIX}-{number}", name=f"{NAMES[number % len(NAMES)]} {number}", line=self.lines[number % 3],
            owner=self.managers[number % MANAGERS], description="", is_restricted=number % 20 == 0,
            actor=self.people["chloe"], clock=begin,
        )  # fmt: skip
        products.grant_product_permission(
            product=product, codename="waive_gate", holder=self.people["helen"], actor=self.people["chloe"],
            clock=begin,
        )  # fmt: skip
        seats.prepare_seats(
            product=product, playbook=self.playbooks["seven-gates"], actor=self.people["chloe"], clock=begin
        )
        self.products[product.slug] = product
        return product


# --- Copies -----------------------------------------------------------------------------------------------------------

# Every table that has rows of a release, parents before children, and the way from the row to the release.
CONTRIBUTORS: type[Model] = Submission.contributors.through
TABLES: tuple[tuple[type[Model], str], ...] = (
    (Release, "pk"),
    (Gate, "release"),
    (Hold, "release"),
    (Slip, "release"),
    (DateMove, "release"),
    (GateRole, "gate__release"),
    (Deliverable, "gate__release"),
    (Evidence, "deliverable__gate__release"),
    (Check, "gate__release"),
    (Submission, "gate__release"),
    (CONTRIBUTORS, "submission__gate__release"),
    (Decision, "submission__gate__release"),
    (Condition, "gate__release"),
    (Waiver, "gate__release"),
    (Event, "release"),
)
# What the events call the rows that they name by number.
NAMED_IN_EVENTS: Mapping[str, type[Model]] = {
    "slip": Slip, "decision": Decision, "condition": Condition, "owner": User, "submitted_by": User,
}  # fmt: skip
DAY = re.compile(r"\d{4}-\d\d-\d\d\Z")


Values = list[Any]


@dataclass
class Original:
    """A told release with the values of all its rows, and how many weeks back a copy of it may lie."""

    release: Release
    rows: dict[type[Model], list[Values]]
    weeks: int


def originals(today: date) -> list[Original]:
    """All releases that were told, by number."""
    found = []
    told = Release.objects.filter(product__slug__startswith=f"{PREFIX}-").select_related("product").order_by("pk")
    for release in told:
        rows = {model: list(model._default_manager.filter(**{way: release.pk}).order_by("pk")) for model, way in TABLES}
        values = {model: [_values(model, row) for row in found_rows] for model, found_rows in rows.items()}
        found.append(Original(release, values, _weeks(release, rows, today)))
    return found


def _weeks(release: Release, rows: Mapping[type[Model], list[Any]], today: date) -> int:
    """So that nothing that still has time in the original is over in its copy."""
    ahead = [gate.sweep_on for gate in rows[Gate] if gate.sweep_on is not None]
    ahead += [w.expires_on for w in rows[Waiver] if w.expired_at is None]
    ahead += [c.due_on for c in rows[Condition] if c.closed_at is None]
    if release.state == ReleaseState.DRAFT:
        ahead.append(today + timedelta(weeks=4))
    if release.resume_by is not None:
        ahead.append(release.resume_by)
    if release.state == ReleaseState.ACTIVE and release.open_slips:
        ahead.append(today + timedelta(weeks=3))  # no release waits for years
    return max(0, min([MOST_WEEKS, *((day - today).days // 7 for day in ahead)]))


@dataclass(frozen=True)
class Column:
    """What is to be done with a column of a table in a copy; `target` is the table whose ids it holds."""

    name: str
    kind: str
    target: type[Model]


@cache
def columns_of(model: type[Model]) -> tuple[Column, ...]:
    """The columns of a table, in the order in which its rows' values stand here."""
    found = []
    for column in model._meta.concrete_fields:
        kind, target = "same", model
        if isinstance(column, ForeignKey):
            kind, target = "id", column.related_model
        elif column.primary_key:
            kind = "id"
        elif isinstance(column, DateTimeField):
            kind = "moment"
        elif isinstance(column, DateField):
            kind = "day"
        elif column.name == "board":
            kind = "board"
        elif isinstance(column, JSONField):
            kind = "json"
        elif model is Evidence and column.name in ("text", "url", "note"):
            kind = "text"
        found.append(Column(column.attname, kind, target))
    return tuple(found)


@cache
def place_of(model: type[Model], name: str) -> int:
    """Where a column stands among a row's values."""
    return [column.name for column in columns_of(model)].index(name)


def _values(model: type[Model], row: Model) -> Values:
    """A row's values; JSON that no copy changes is text already."""
    return [
        json.dumps(getattr(row, column.name)) if column.kind == "json" else getattr(row, column.name)
        for column in columns_of(model)
    ]


class Copier:
    """Makes copies of originals; ids are counted here, so that rows can name each other before they are stored."""

    def __init__(self) -> None:
        self.next_id = {
            model: (model._default_manager.aggregate(top=Max("pk"))["top"] or 0) + 1 for model, _way in TABLES
        }
        self.made: dict[type[Model], list[Values]] = defaultdict(list)
        self.seats: dict[int, dict[tuple[str, str], int]] = defaultdict(dict)
        for product, gate, role, pk in ApproverRole.objects.values_list("product", "gate_key", "key", "pk"):
            self.seats[product][gate, role] = pk

    def copy(self, original: Original, product: Product, version: str, weeks: int) -> None:
        """One more copy, kept until `save`."""
        old = original.release
        ids: dict[type[Model], dict[int, int]] = {}
        for model, rows in original.rows.items():
            first, place = self.next_id[model], place_of(model, "id")
            ids[model] = {row[place]: first + index for index, row in enumerate(rows)}
            self.next_id[model] = first + len(rows)
        mine = self.seats[product.pk]
        ids[ApproverRole] = {pk: mine[key] for key, pk in self.seats[old.product_id].items()}
        assert old.owner_id is not None
        assert product.owner_id is not None
        ids[User] = {old.owner_id: product.owner_id}
        ids[Product] = {old.product_id: product.pk}
        words = {
            f"{old.product.name} {old.version}": f"{product.name} {version}",
            f"/{old.product.slug}/{old.version}/": f"/{product.slug}/{version}/",
        }
        change = _Change(ids, timedelta(weeks=weeks), words)
        made = {model: [change.row(model, row) for row in rows] for model, rows in original.rows.items()}
        _finish(made, change, product, version)
        for model, copies in made.items():
            self.made[model] += copies

    def save(self) -> int:
        """Store what was copied since the last time; returns how many rows."""
        count = 0
        with connection.cursor() as cursor:
            for model, _way in TABLES:
                if self.made[model]:
                    _store(cursor, model, self.made[model])
                    count += len(self.made[model])
        self.made.clear()
        return count


def _finish(made: Mapping[type[Model], list[Values]], change: "_Change", product: Product, version: str) -> None:
    """What is not a plain copy: the version, snapshots with their digests, and the chain of events."""
    (release,) = made[Release]
    release[place_of(Release, "version")] = version
    snapshot, digest = place_of(Submission, "snapshot"), place_of(Submission, "digest")
    for submission in made[Submission]:
        frozen = change.value(json.loads(submission[snapshot])) | {"product": product.slug, "version": version}
        frozen["contributors"] = sorted(change.id_of(User, pk) for pk in frozen["contributors"])
        for item in frozen["evidence"]:
            item["id"] = change.id_of(Evidence, item["id"])
            item["author"] = change.id_of(User, item["author"])
        for role in frozen["roles"]:
            role["id"] = change.id_of(ApproverRole, role["id"])
        before = submission[digest]
        submission[snapshot] = canonical(frozen)
        submission[digest] = change.digests[before] = digest_of(submission[snapshot])
    for decision in made[Decision]:
        decision[place_of(Decision, "digest")] = change.digests[decision[place_of(Decision, "digest")]]
    names = [column.name for column in columns_of(Event)]
    stream, previous = f"release:{release[place_of(Release, 'id')]}", ""
    for values in made[Event]:
        event = Event(**dict(zip(names, values, strict=True)))
        event.stream = stream
        event.subject = canonical(event.about | {"product": product.slug, "version": version})
        event.data = canonical(change.value(event.payload))
        event.previous_hash, event.hash = previous, link_hash(previous, event)
        previous = event.hash
        values[:] = [getattr(event, name) for name in names]
    release[place_of(Release, "event_hash")] = previous


class _Change:
    """What is different in one copy: ids, dates, and words such as the product's name and the digests."""

    def __init__(
        self, ids: Mapping[type[Model], Mapping[int, int]], earlier: timedelta, words: Mapping[str, str]
    ) -> None:
        self.ids = ids
        self.earlier = earlier
        self.words = words
        self.digests: dict[str, str] = {}
        self.zone = organisation_zone()

    def id_of(self, model: type[Model], pk: int) -> int:
        """The copy's id of a row; rows that are not copied, such as most people, stay who they are."""
        return self.ids.get(model, {}).get(pk, pk)

    def value(self, value: Any, name: str = "") -> Any:
        """A value out of JSON."""
        if isinstance(value, dict):
            return {key: self.value(inner, key) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.value(inner) for inner in value]
        if isinstance(value, str):
            if DAY.match(value):
                return (date.fromisoformat(value) - self.earlier).isoformat()
            return self.digests[value] if value in self.digests else self.text(value)
        if name in NAMED_IN_EVENTS and isinstance(value, int):
            return self.id_of(NAMED_IN_EVENTS[name], value)
        return value

    def text(self, value: str) -> str:
        for before, after in self.words.items():
            value = value.replace(before, after)
        return value

    def row(self, model: type[Model], values: Values) -> Values:
        """The copy of a row."""
        return [
            value if value is None or column.kind in ("same", "json") else self._cell(column, value)
            for column, value in zip(columns_of(model), values, strict=True)
        ]

    def _cell(self, column: Column, value: Any) -> Any:
        if column.kind == "id":
            return self.id_of(column.target, value)
        if column.kind == "moment":
            # the same time by the organisation's clock
            return (value.astimezone(self.zone) - self.earlier).astimezone(UTC)
        if column.kind == "day":
            return value - self.earlier
        return json.dumps(self.value(value)) if column.kind == "board" else self.text(value)


def _store(cursor: Any, model: type[Model], rows: list[Values]) -> None:
    """The fastest way into a table that each database has."""
    quoted = connection.ops.quote_name
    table, names = quoted(model._meta.db_table), [quoted(str(column.column)) for column in model._meta.concrete_fields]
    columns = ", ".join(names)
    if is_postgresql():
        text = io.StringIO("\n".join("\t".join(map(_copied, row)) for row in rows) + "\n")
        cursor.copy_expert(f"COPY {table} ({columns}) FROM STDIN", text)
        return
    marks = ", ".join(["%s"] * len(names))
    cursor.executemany(
        f"INSERT INTO {table} ({columns}) VALUES ({marks})",  # noqa: S608  # the names are those of our own tables
        [[_embedded(value) for value in row] for row in rows],
    )


ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})


def _copied(value: Any) -> str:
    """A value as COPY reads it."""
    if value is None:
        return "\\N"
    return value.translate(ESCAPES) if isinstance(value, str) else str(value)


def _embedded(value: Any) -> Any:
    """A value as SQLite stores it."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ")
    return value.isoformat() if isinstance(value, date) else value


def seed(count: int, *, number: int, progress: Progress, clock: Clock = database_clock) -> int:
    """So many releases; returns how many rows their copies have. Inside a transaction.

    Args:
        number: the seed; the same one gives the same data on the same day.
    """
    random = Random(number)  # noqa: S311  # nobody has to be unable to guess it
    told = Originals(progress, random, min(count, MOST_ORIGINALS), clock)
    told.load()
    found = originals(told.today)
    copies = count - told.count
    # before the copier counts ids: their events belong to the organisation
    rooms = [told.add_product() for _ in range(-(-copies // RELEASES_PER_PRODUCT))]
    progress(f"{len(told.products)} products")
    relay_events(is_quiet=True)
    copier, rows = Copier(), 0
    for index in range(copies):
        original = random.choice(found)
        place, turn = divmod(index, RELEASES_PER_PRODUCT)
        version = f"{2 + turn // 4}.{turn % 4}"
        copier.copy(original, rooms[place], version, random.randint(0, original.weeks))
        if (index + 1) % COPIES_AT_ONCE == 0 or index + 1 == copies:
            rows += copier.save()
            progress(f"[{told.count + index + 1}/{count}] releases, {rows:,} rows copied")
    _publish(told.now)
    _set_counters()
    return rows


def _publish(now: datetime) -> None:
    """Positions and receipts of the copies' events, in the order of their time: they are over, and nobody is told."""
    events, positions = Event._meta.db_table, EventPosition._meta.db_table
    receipts = EventReceipt._meta.db_table
    with connection.cursor() as cursor:
        # the names are those of our own tables
        cursor.execute(
            f"INSERT INTO {positions} (event_id) SELECT e.id FROM {events} e "  # noqa: S608
            f"LEFT JOIN {positions} p ON p.event_id = e.id WHERE p.event_id IS NULL ORDER BY e.recorded_at, e.id"
        )
        cursor.execute(
            f"INSERT INTO {receipts} (event_id, read_at) SELECT e.id, %s FROM {events} e "  # noqa: S608
            f"LEFT JOIN {receipts} r ON r.event_id = e.id WHERE r.event_id IS NULL",
            [now if is_postgresql() else _embedded(now)],
        )


def _set_counters() -> None:
    """The database goes on counting after the ids that were counted here."""
    tables = [model for model, _way in TABLES]
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), tables):
            cursor.execute(statement)
