"""Recorded history: schedules that happened elsewhere, loaded from files."""

import difflib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils.text import slugify

from gatekeeper.common.calendars import day_of
from gatekeeper.common.clock import Clock, database_clock, fixed_clock
from releases import events, history
from releases.actions.products import create_product, load_playbook, save_product_line
from releases.importing import ChangeRow, MilestoneRow, Problems, Table
from releases.kinds import PlaybookKind, ReleaseState
from releases.locking import LockedRelease, lock_release
from releases.models import Playbook, Product, ProductLine, Release
from releases.playbooks import GateSpec, PlaybookSpec
from releases.recorded import Facts, Milestone, bring_up_to_date, change_data

LINE = "Recorded history"

# Told after each release: how many are done, of how many, and which.
Progress = Callable[[int, int, str], None]


@dataclass
class Outcome:
    """What an import did."""

    made: int = 0
    changed: int = 0
    unchanged: int = 0
    rows: int = 0
    moves: int = 0
    misses: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def releases(self) -> int:
        return self.made + self.changed + self.unchanged

    def count(self, is_new: bool, has_changed: bool, replays: Iterable[history.Replay]) -> None:
        """Count one release."""
        if is_new:
            self.made += 1
        elif has_changed:
            self.changed += 1
        else:
            self.unchanged += 1
        for replay in replays:
            self.moves += len(replay.moves)
            self.misses += len(replay.misses)


# --- Releases -------------------------------------------------------------------------------------------------------


@transaction.atomic
def import_releases(
    *,
    table: Table[MilestoneRow],
    is_dry_run: bool = False,
    progress: Progress | None = None,
    clock: Clock = database_clock,
) -> Outcome:
    """Load recorded releases; all of a file or nothing. Loading the same file again changes nothing.

    A file that has changed since brings its releases up to date: actual dates are recorded, and a planned date that
    changed while the milestone was open is a move on the day it was found. What a file no longer names stays.

    Raises:
        Refused: a version is taken by a running release, or milestones cannot be told apart; every one by line.
    """
    # One import at a time: both would make the same product and the same playbook.
    events.lock_organisation()
    at = clock()
    outcome = Outcome(rows=table.row_count)
    total = table.release_count
    _check_releases(table, day_of(at), outcome)
    for name in table.products():
        product = Product.objects.filter(name=name).first() or _make_product(name, at)
        playbook = _playbook_for(product, table, at)
        for rows in table.releases(name):
            _import_release(product, playbook, rows, at, outcome)
            if progress is not None:
                progress(outcome.releases, total, f"{name} {rows[0].release}")
    if is_dry_run:
        transaction.set_rollback(True)
    return outcome


def _check_releases(table: Table[MilestoneRow], today: date, outcome: Outcome) -> None:
    """Refuse what cannot be stored, by line, and note what is odd."""
    problems = Problems()
    for rows in table.releases():
        first = rows[0]
        release = Release.objects.filter(product__name=first.product, version=first.release).first()
        if release is not None and not release.is_history:
            problems.add(
                first.line,
                f"{first.product} {first.release} is a release of gatekeeper’s own and cannot be recorded history",
                "version_taken",
            )
            continue
        lines = {row.milestone: row.line for row in rows}
        keys = _keys(release, rows)
        for one, other in keys.clashing:
            problems.add(
                max(lines[one], lines[other]),
                f"{one} and {other} of {first.product} {first.release} cannot be told apart: "
                f"both would have the key {keys.by_name[other]}",
                "key_clash",
            )
        if keys.told_apart and not keys.clashing:
            names = ", ".join(f"{name} (line {lines[name]})" for name in keys.told_apart)
            outcome.notes.append(f"{first.product} {first.release}: keys with the version number for {names}")
        outcome.notes += [
            f"line {row.line}: {row.product} {row.release} {row.milestone}: {row.actual_on} has not come yet"
            for row in rows
            if row.actual_on is not None and row.actual_on > today
        ]
        ordered = sorted(rows, key=lambda row: row.position)
        index, fits = history.find_release_milestone((row.milestone, keys.by_name[row.milestone]) for row in ordered)
        if index is not None and fits > 1:
            what = f"{fits} milestones could be the release; taken: {ordered[index].milestone}"
            outcome.notes.append(f"line {ordered[index].line}: {first.product} {first.release}: {what}")
    problems.refuse()


def _keys(release: Release | None, rows: Sequence[MilestoneRow]) -> history.Keys:
    names = [row.milestone for row in rows]
    taken = {} if release is None else dict(release.gates.filter(name__in=names).values_list("name", "key"))
    return history.keys_of(names, rows[0].release, taken)


def _make_product(name: str, at: datetime) -> Product:
    line = ProductLine.objects.filter(Q(name=LINE) | Q(slug=slugify(LINE))).first() or save_product_line(
        name=LINE,
        description="Products whose schedules happened elsewhere and were loaded from files.",
        actor=None,
        clock=fixed_clock(at),
    )
    slug = _free_slug(Product, history.slug_of(name)[:60].strip("-") or "product")
    return create_product(name=name, slug=slug, line=line, owner=None, actor=None, clock=fixed_clock(at))


def _free_slug(model: type[Product] | type[Playbook], base: str) -> str:
    """The slug, or with the first number behind it that nothing else has."""
    slug, count = base, 1
    while model.objects.filter(slug=slug).exists():
        count += 1
        slug = f"{base}-{count}"
    return slug


def _playbook_for(product: Product, table: Table[MilestoneRow], at: datetime) -> Playbook:
    """The product's playbook of milestones; a new version when the file brings a milestone that it does not have."""
    used = Playbook.objects.filter(kind=PlaybookKind.HISTORY, releases__product=product).first()
    newest = Playbook.objects.filter(slug=used.slug).order_by("-version").first() if used is not None else None
    slug = newest.slug if newest is not None else _free_slug(Playbook, f"{product.slug[:50]}-milestones")
    known = [] if newest is None else [(gate["key"], gate["name"]) for gate in newest.definition["gates"]]
    order = history.merge_order(known, _sequences(product, table))
    if newest is not None and len(order) == len(known):
        return newest
    spec = PlaybookSpec(
        slug=slug,
        name=f"{product.name} milestones",
        kind=PlaybookKind.HISTORY.value,
        description=f"The milestones of {product.name}, made from its recorded releases.",
        gates=tuple(GateSpec(key, label, label[:40], None, None) for key, label in order),
    )
    return load_playbook(spec=spec, actor=None, clock=fixed_clock(at))[0]


def _sequences(product: Product, table: Table[MilestoneRow]) -> Iterator[list[tuple[str, str]]]:
    for rows in table.releases(product.name):
        release = Release.objects.filter(product=product, version=rows[0].release).first()
        keys = _keys(release, rows).by_name
        ordered = sorted(rows, key=lambda row: row.position)
        yield [(keys[row.milestone], history.label_of(row.milestone, row.release)) for row in ordered]


def _import_release(
    product: Product, playbook: Playbook, rows: Sequence[MilestoneRow], at: datetime, outcome: Outcome
) -> None:
    version = rows[0].release
    release = Release.objects.filter(product=product, version=version).first()
    keys = _keys(release, rows).by_name
    is_new = release is None
    if release is None:
        release = Release.objects.create(
            product=product,
            version=version,
            playbook=playbook,
            kind=PlaybookKind.HISTORY,
            state=ReleaseState.RECORDED,
            target_on=None,
            created_at=at,
        )
    locked = lock_release(release.pk, actor=None, clock=fixed_clock(at))
    facts = Facts.of(release)
    before = dict(facts.milestones)
    found: list[list[Any]] = []
    for row in rows:
        milestone = Milestone(
            keys[row.milestone], row.milestone, row.position, row.baseline_on, row.current_on, row.actual_on, row.source
        )
        change = _found_change(locked, before.get(milestone.key), milestone)
        if change is not None and facts.add(milestone.key, change):
            found.append(change_data(milestone.key, change))
        facts.milestones[milestone.key] = milestone
    kept = [before[key] for key in before if key not in set(keys.values())]
    if kept:
        names = ", ".join(milestone.name for milestone in kept)
        outcome.notes.append(f"{product.name} {version}: not in this file, kept as recorded: {names}")
    places = {row.position for row in rows}
    for milestone in sorted(kept, key=lambda milestone: milestone.position):
        if milestone.position in places:
            facts.milestones[milestone.key] = replace(milestone, position=max(places) + 1)
        places.add(facts.milestones[milestone.key].position)
    new = [asdict(milestone) for key, milestone in facts.milestones.items() if before.get(key) != milestone]
    data: dict[str, Any] | None = None
    if is_new or new or found:
        covered = {gate["key"] for gate in locked.release.playbook.definition["gates"]}
        if not covered.issuperset(facts.milestones):
            locked.release.playbook = playbook
        used = locked.release.playbook
        data = {"what": "milestones", "playbook": used.slug, "playbook_version": used.version, "milestones": new}
        if found:
            data["changes"] = found
    has_changed, replays = bring_up_to_date(locked, facts, data)
    outcome.count(is_new, has_changed, replays.values())


def _found_change(locked: LockedRelease, before: Milestone | None, now: Milestone) -> history.Change | None:
    """A planned date that is another one than in the file before, while the milestone is open: a move of today.

    Of a milestone that has happened it is a correction of the record instead.
    """
    if before is None or before.actual_on is not None or now.current_on == before.current_on:
        return None
    if now.actual_on is not None and now.actual_on <= locked.today:
        return None
    gate = locked.gate(now.key)
    if gate is None or gate.due_on == now.current_on:
        return None
    return history.Change(locked.today, gate.due_on, now.current_on, history.FOUND, now.source, is_found=True)


# --- Schedule changes -----------------------------------------------------------------------------------------------


@transaction.atomic
def import_schedule_changes(
    *,
    table: Table[ChangeRow],
    is_dry_run: bool = False,
    progress: Progress | None = None,
    clock: Clock = database_clock,
) -> Outcome:
    """Load past changes of planned dates of recorded releases; all of a file or nothing.

    Every change is kept. One that contradicts what else is known is named in the outcome's notes, by line.

    Raises:
        Refused: a release or a milestone is not recorded; every one by line.
    """
    events.lock_organisation()
    at = clock()
    outcome = Outcome(rows=table.row_count)
    total = table.release_count
    _check_changes(table)
    for rows in table.releases():
        _import_changes(rows, at, outcome)
        if progress is not None:
            progress(outcome.releases, total, f"{rows[0].product} {rows[0].release}")
    if is_dry_run:
        transaction.set_rollback(True)
    return outcome


def _check_changes(table: Table[ChangeRow]) -> None:
    problems = Problems()
    for rows in table.releases():
        first = rows[0]
        what = f"{first.product} {first.release}"
        release = Release.objects.filter(product__name=first.product, version=first.release).first()
        if release is None or not release.is_history:
            why = "is not recorded; import its release first" if release is None else "is no recorded history"
            for row in rows:
                problems.add(row.line, f"{what} {why}", "unknown_release")
            continue
        names = list(release.gates.values_list("name", flat=True))
        for row in rows:
            if row.milestone not in names:
                close = difflib.get_close_matches(row.milestone, names, n=1)
                hint = f"; did you mean {close[0]}?" if close else ""
                problems.add(row.line, f"{what} has no milestone called {row.milestone}{hint}", "unknown_milestone")
    problems.refuse()


def _import_changes(rows: Sequence[ChangeRow], at: datetime, outcome: Outcome) -> None:
    release = Release.objects.get(product__name=rows[0].product, version=rows[0].release)
    locked = lock_release(release.pk, actor=None, clock=fixed_clock(at))
    facts = Facts.of(release)
    keys = {gate.name: gate.key for gate in locked.gates}
    new: list[list[Any]] = []
    for row in rows:
        change = history.Change(row.changed_on, row.old_on, row.new_on, row.reason, row.source, line=row.line)
        if facts.add(keys[row.milestone], change):
            new.append(change_data(keys[row.milestone], change))
    data = {"what": "schedule_changes", "changes": new} if new else None
    has_changed, replays = bring_up_to_date(locked, facts, data)
    outcome.count(False, has_changed, replays.values())
    for key, replay in replays.items():
        name = facts.milestones[key].name
        outcome.notes += [f"line {d.line}: {release} {name}: {d.message}" for d in replay.disagreements if d.line]
