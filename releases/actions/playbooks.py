"""A playbook edited in the browser: a draft that anybody who administers may save, then its next version.

A draft is nobody's history: saving and discarding it writes no event. What is published is one, with its changes.
"""

import re
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.text import slugify

from gatekeeper.accounts.models import User
from gatekeeper.common.clock import Clock, database_clock
from gatekeeper.common.errors import Conflict, FieldProblem, Refused
from releases import events
from releases.actions.releases import require_line, require_text
from releases.kinds import EventKind, PlaybookKind
from releases.models import SLUG, Playbook, PlaybookDraft
from releases.permissions import require_administrator
from releases.playbook_changes import changes
from releases.playbook_yaml import MOST_CHARACTERS, read_playbook_text
from releases.playbooks import ONE_OFFSET, PlaybookSpec, digest_of, parse_playbook

NOTE_LENGTH = 2000
LISTS = ("roles", "deliverables", "checks", "questions", "informed")


def newest_version(slug: str) -> Playbook | None:
    """The newest version of a playbook; None for one that is only a draft yet."""
    return Playbook.objects.filter(slug=slug).order_by("-version").first()


def _lock_draft(slug: str, revision: int) -> PlaybookDraft:
    """The draft as the person saw it.

    Raises:
        Conflict: somebody has saved, published or discarded it since.
    """
    draft = PlaybookDraft.objects.select_for_update(no_key=True, of=("self",)).filter(slug=slug).first()
    if draft is None:
        raise Conflict("no_draft", "This draft is gone: somebody has published or discarded it meanwhile.")
    if draft.revision != revision:
        raise Conflict("draft_changed", f"{draft.saved_by} has saved this draft since you opened it.")
    return draft


@transaction.atomic
def start_draft(*, slug: str, actor: User, clock: Clock = database_clock) -> PlaybookDraft:
    """Begin to edit a playbook: its newest version as a draft. One that was begun already is taken up again."""
    require_administrator(actor)
    events.lock_organisation()
    newest = newest_version(slug)
    draft = PlaybookDraft.objects.filter(slug=slug).first()
    if draft is not None:
        return draft
    if newest is None:
        raise Conflict("no_draft", "This draft is gone: somebody has discarded it meanwhile.")
    if newest.kind != PlaybookKind.GATES:
        raise Refused("recorded_history", "Recorded history is loaded from files; it has nothing to edit.")
    return PlaybookDraft.objects.create(
        slug=slug, based_on=newest, definition=newest.definition, saved_by=actor, saved_at=clock()
    )


@transaction.atomic
def create_playbook(
    *, name: str, actor: User, slug: str = "", source: Playbook | None = None, clock: Clock = database_clock
) -> PlaybookDraft:
    """A new playbook as a draft: a copy of a version of another one, or empty.

    Raises:
        Refused: the name or short name is taken or not usable.
    """
    require_administrator(actor)
    name = require_line("name", name, "A name", most=200)
    slug = (slug or slugify(name)[:64]).strip()
    if not SLUG.regex.match(slug) or len(slug) > 64:  # type: ignore[union-attr]
        raise Refused.for_field("slug", "invalid", f"Short name: {SLUG.message}")
    events.lock_organisation()
    _require_free(slug)
    if Playbook.objects.filter(name__iexact=name).exists():
        raise Refused.for_field("name", "exists", f"Name: there is a playbook called {name} already.")
    if source is not None and source.kind != PlaybookKind.GATES:
        raise Refused.for_field("source", "invalid", "Recorded history cannot be copied.")
    copied = source.definition if source is not None else {"description": "", "gates": []}
    definition = {"slug": slug, "name": name, "kind": PlaybookKind.GATES.value} | {
        key: copied[key] for key in ("description", "gates")
    }
    return PlaybookDraft.objects.create(slug=slug, definition=definition, saved_by=actor, saved_at=clock())


def _require_free(slug: str) -> None:
    if Playbook.objects.filter(slug=slug).exists() or PlaybookDraft.objects.filter(slug=slug).exists():
        raise Refused.for_field("slug", "exists", f"Short name: there is a playbook {slug} already.")


@transaction.atomic
def save_draft(
    *, slug: str, revision: int, definition: Mapping[str, Any], actor: User, clock: Clock = database_clock
) -> PlaybookDraft:
    """Save a draft, valid or not: publishing asks for that. `revision` is the one that the person saw.

    Raises:
        Conflict: somebody else has saved it since; nothing is lost on either side.
    """
    require_administrator(actor)
    draft = _lock_draft(slug, revision)
    require_shape(definition)
    return _write(draft, definition, actor, clock)


def _write(draft: PlaybookDraft, definition: Mapping[str, Any], actor: User, clock: Clock) -> PlaybookDraft:
    draft.definition = {**definition, "slug": draft.slug, "kind": PlaybookKind.GATES.value}
    draft.revision += 1
    draft.saved_by, draft.saved_at = actor, clock()
    draft.save()
    return draft


def require_shape(definition: Mapping[str, Any]) -> None:
    """What pages can draw: names and lists where they belong. Whether it could be run is asked at publishing.

    Raises:
        Refused: something else stands there, or too much.
    """
    gates = definition.get("gates")
    is_whole = isinstance(definition.get("name"), str) and isinstance(gates, list)
    for gate in gates if isinstance(gates, list) else ():
        is_whole = is_whole and isinstance(gate, dict) and _is_named(gate, "key", "name")
        for name in LISTS if is_whole else ():
            rows = gate.get(name, [])
            kind = str if name in ("questions", "informed") else dict
            is_whole = is_whole and isinstance(rows, list) and all(isinstance(row, kind) for row in rows)
        for row in [*gate.get("roles", ()), *gate.get("deliverables", ())] if is_whole else ():
            is_whole = is_whole and _is_named(row, "key", "name")
        is_whole = is_whole and all(_is_named(row, "name") for row in gate.get("checks", ()))
    if not is_whole:
        raise Refused("invalid_shape", "This is not a playbook’s definition.")
    if len(events.canonical(definition)) > MOST_CHARACTERS:
        raise Refused("too_long", f"A playbook may have {MOST_CHARACTERS:,} characters; this one has more.")


def _is_named(row: Mapping[str, Any], *names: str) -> bool:
    return all(isinstance(row.get(name), str) for name in names)


@transaction.atomic
def import_draft(
    *, text: str, actor: User, slug: str = "", revision: int = 0, clock: Clock = database_clock
) -> PlaybookDraft:
    """Make YAML text the draft of a playbook, or (without `slug`) of a new one.

    `revision` is that of the draft which it replaces, 0 for none: nobody's draft is overwritten unseen.

    Raises:
        Refused: every mistake by its line; or the text says the same as the newest version.
    """
    require_administrator(actor)
    spec = read_import(text, slug)
    events.lock_organisation()
    if not slug:
        _require_free(spec.slug)
    newest = newest_version(spec.slug)
    if newest is not None and newest.digest == digest_of(spec.as_data()):
        raise Refused.for_field("text", "nothing_changed", f"This says the same as version {newest.version}.")
    if revision:
        return _write(_lock_draft(spec.slug, revision), spec.as_data(), actor, clock)
    begun = PlaybookDraft.objects.filter(slug=spec.slug).select_related("saved_by").first()
    if begun is not None:
        raise Conflict("draft_changed", f"{begun.saved_by} has begun a draft since you opened this page.")
    return PlaybookDraft.objects.create(
        slug=spec.slug, based_on=newest, definition=spec.as_data(), saved_by=actor, saved_at=clock()
    )


def read_import(text: str, slug: str = "") -> PlaybookSpec:
    """Text as a playbook that can be edited here, and (with `slug`) of this one."""
    spec = read_playbook_text(text)
    if spec.kind != PlaybookKind.GATES:
        raise Refused.for_field("text", "recorded_history", "Recorded history is loaded by commands.")
    if slug and spec.slug != slug:
        raise Refused.for_field("text", "other_playbook", f"The slug is {spec.slug}; here it has to be {slug}.")
    return spec


@transaction.atomic
def discard_draft(*, slug: str, revision: int, actor: User) -> None:
    """Throw a draft away; its published versions stay as they are."""
    require_administrator(actor)
    _lock_draft(slug, revision).delete()


@transaction.atomic
def rebase_draft(*, slug: str, revision: int, actor: User, clock: Clock = database_clock) -> PlaybookDraft:
    """Put a draft on top of a version that came while it was edited; what it would change is shown against that."""
    require_administrator(actor)
    draft = _lock_draft(slug, revision)
    draft.based_on = newest_version(slug)
    return _write(draft, draft.definition, actor, clock)


@transaction.atomic
def publish_playbook(*, slug: str, revision: int, note: str, actor: User, clock: Clock = database_clock) -> Playbook:
    """Make a draft the next version. Releases that run keep theirs.

    Raises:
        Refused: what is missing or wrong, all at once; or nothing has changed.
        Conflict: the draft was saved since, or a newer version was loaded under it.
    """
    require_administrator(actor)
    organisation = events.lock_organisation()
    draft = _lock_draft(slug, revision)
    newest = newest_version(slug)
    if (draft.based_on_id or None) != (newest.pk if newest else None):
        number = newest.version if newest else 0
        raise Conflict("newer_version", f"Version {number} was loaded while this draft was edited. Look at it first.")
    note = require_text("note", note, "A note", most=NOTE_LENGTH)
    spec = parse_draft(draft.definition)
    definition = spec.as_data()
    digest = digest_of(definition)
    if newest is not None and newest.digest == digest:
        raise Refused("nothing_changed", f"Nothing differs from version {newest.version}: there is nothing to publish.")
    at = clock()
    playbook = Playbook.objects.create(
        slug=slug,
        version=newest.version + 1 if newest else 1,
        name=spec.name,
        kind=spec.kind,
        definition=definition,
        digest=digest,
        created_at=at,
        published_by=actor,
        note=note,
    )
    draft.delete()
    events.record(
        organisation,
        EventKind.PLAYBOOK_PUBLISHED,
        actor=actor,
        at=at,
        data={
            "playbook": slug,
            "version": playbook.version,
            "digest": digest,
            "note": note,
            "changes": [[c.where, c.text] for c in changes(newest.definition, definition)] if newest else [],
        },
    )
    organisation.save(update_fields=["event_number", "event_hash"])
    return playbook


# The two fields in which a definition keeps what people know as one: when a gate is due.
DUE = re.compile(r"\.offset_(days|months)$")
DUE_WORDS = "give whole days before the release (0 to 3650), or whole months after it (1 to 60)"


def parse_draft(definition: Mapping[str, Any]) -> PlaybookSpec:
    """A draft as a playbook that could be run.

    Raises:
        Refused: with one field problem per mistake, in words that name the gate.
    """
    try:
        return parse_playbook(definition)
    except Refused as refused:
        problems: list[FieldProblem] = []
        for problem in refused.fields:
            place = DUE.sub("", problem.field)
            said = FieldProblem(place, problem.code, _in_words(problem, definition))
            if all((one.field, one.message) != (place, said.message) for one in problems):
                problems.append(said)
        raise Refused("invalid_playbook", problems[0].message, fields=problems) from None


def _in_words(problem: FieldProblem, definition: Mapping[str, Any]) -> str:
    """`playbook.gates[2].roles[0].quorum: expected …` as "Functional Completeness, Engineering, quorum: expected …"."""
    said = problem.message.removeprefix(f"{problem.field}: ")
    field = problem.field
    if DUE.search(field) or said == ONE_OFFSET:
        field, said = f"{DUE.sub('', field)}.due", DUE_WORDS
    names: list[str] = []
    here: Any = definition
    for part in field.removeprefix("playbook").lstrip(".").split("."):
        name, _, rest = part.partition("[")
        if not name:
            continue
        here = here.get(name) if isinstance(here, Mapping) else None
        if rest and isinstance(here, list):
            index = int(rest.rstrip("]"))
            here = here[index] if index < len(here) else None
            called = here.get("name") if isinstance(here, Mapping) else here
            names.append(str(called or f"{name.rstrip('s').replace('_', ' ')} {index + 1}"))
        else:
            names.append(name.replace("_", " "))
    words = ", ".join(names)
    return f"{words[:1].upper()}{words[1:]}: {said}" if words else said[:1].upper() + said[1:]
