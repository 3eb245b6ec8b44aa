"""Save and remove evidence: every save is a new version, nothing is edited."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction

from approvals.actions.drafts import TEXT_LENGTH
from approvals.actions.editing import require_editable, require_editable_deliverable
from approvals.actions.files import MOST_FILES, StoredFile, discard_stored, drop_uploads, store_upload
from approvals.kinds import EvidenceKind
from approvals.models import Deliverable, Evidence, EvidenceDraft, EvidenceFile, Upload
from gatekeeper.accounts.models import User
from gatekeeper.common.clock import Clock, database_clock
from gatekeeper.common.errors import Conflict, Refused
from gatekeeper.common.prepared import Prepared
from releases.actions.releases import require_text
from releases.actions.slips import record_misses
from releases.kinds import EventKind
from releases.locking import LockedRelease, lock_release
from releases.models import Gate

_DELIVERABLE = Prepared(lambda thing: Deliverable.objects.filter(pk=thing).select_related("gate"))
_LATEST = Prepared(lambda thing: Evidence.objects.filter(deliverable=thing, is_latest=True).order_by())


def _lock(deliverable_id: int, actor: User, clock: Clock) -> tuple[LockedRelease, Gate, Deliverable, Evidence | None]:
    """Lock the release of a deliverable and refuse what may not change it."""
    found = _DELIVERABLE.first(deliverable_id)
    if found is None:
        raise Deliverable.DoesNotExist("There is no such deliverable.")
    locked = lock_release(found.gate.release_id, actor=actor, clock=clock)
    record_misses(locked)
    gate = locked.gate(found.gate.key)
    assert gate is not None
    require_editable(locked.release, gate, actor)
    latest = _LATEST.first(found.pk)
    return locked, gate, found, latest


def _refuse_stale(latest: Evidence | None, expected_version: int | None) -> None:
    """Somebody else saved in between: nothing is overwritten."""
    stored = latest.version if latest is not None else 0
    if expected_version is not None and expected_version != stored:
        who = f" by {latest.author}" if latest is not None else ""
        raise Conflict(
            "evidence_changed", f"This was changed{who} while you were editing. Read the new version, then save again."
        )


def save_evidence(
    *,
    deliverable_id: int,
    actor: User,
    kind: str,
    text: str = "",
    url: str = "",
    note: str = "",
    uploads: Sequence[UploadedFile] = (),
    received: Collection[int] = (),
    keep: Collection[int] = (),
    expected_version: int | None = None,
    clock: Clock = database_clock,
) -> Evidence:
    """Save the next version of a deliverable's evidence: markdown text, link, files, or tick with a note.

    The actor's draft is gone afterwards, and so are uploads that did not become files of it.

    Args:
        uploads: files that come with the form.
        received: ids of the actor's finished uploads, which become files of this version.
        keep: ids of files of earlier versions of this deliverable that go on; they are not copied.
        expected_version: the version the person was looking at (0: none yet); another one is a conflict.

    Raises:
        Refused: the content, by field. Conflict: the gate is in review or passed, or somebody saved in between.
        Unavailable: no room for a file, or the scanner is down.
    """
    content: dict[str, Any] = {"kind": kind, "note": require_text("note", note, "A note", least=0)}
    count = len(uploads) + len(set(received)) + len(set(keep))
    if kind == EvidenceKind.TEXT:
        content["text"] = require_text("text", text, "A text", most=TEXT_LENGTH)
    elif kind == EvidenceKind.LINK:
        content["url"] = check_link(url)
    elif kind == EvidenceKind.TICK:
        content["note"] = require_text("note", note, "A note that says what was done")
        if uploads or received:
            raise Refused.for_field("kind", "tick_with_files", "A tick has no files: choose File, or take them away.")
        keep = ()
    elif kind != EvidenceKind.FILE:
        raise Refused.for_field("kind", "unknown_kind", "Evidence is a text, a link, files or a tick with a note.")
    elif not count:
        raise Refused.for_field("file", "required", "Choose a file.")
    if count > MOST_FILES:
        raise Refused.for_field("file", "too_many_files", f"At most {MOST_FILES} files belong to one deliverable.")
    stored: list[StoredFile] = []
    try:
        if uploads:
            deliverable = require_editable_deliverable(deliverable_id, actor)
            for upload in uploads:
                stored.append(store_upload(upload, deliverable, actor, clock))  # noqa: PERF401  # those before an error
        saved = _save(deliverable_id, actor, content, stored, received, keep, expected_version, clock)
    except BaseException:
        for one in stored:
            discard_stored(one)
        raise
    # what was uploaded and left out of this version
    drop_uploads(deliverable_id=deliverable_id, actor=actor)
    return saved


@transaction.atomic
def _save(
    deliverable_id: int,
    actor: User,
    content: dict[str, Any],
    stored: Sequence[StoredFile],
    received: Collection[int],
    keep: Collection[int],
    expected_version: int | None,
    clock: Clock,
) -> Evidence:
    locked, gate, deliverable, latest = _lock(deliverable_id, actor, clock)
    _refuse_stale(latest, expected_version)
    kept, coming = _kept_files(deliverable, keep), [*_received(deliverable, received, actor), *stored]
    # two files of one name could not be told apart: a new one takes the place of an old one
    kept = [f for f in kept if f.name not in {one.name for one in coming}]
    files = [*kept, *(_file_of(deliverable, one, actor, locked) for one in _named_apart(coming))]
    evidence = _append(deliverable, latest, actor, locked, content)
    if files:
        evidence.files.add(*files)
    EvidenceDraft.objects.filter(deliverable=deliverable, author=actor).delete()
    body = evidence.text or evidence.url or evidence.note
    data: dict[str, Any] = {
        "deliverable": deliverable.key,
        "name": deliverable.name,
        "version": evidence.version,
        "kind": evidence.kind,
        "sha256": (
            files[0].sha256 if evidence.kind == EvidenceKind.FILE else hashlib.sha256(body.encode()).hexdigest()
        ),
    }
    if files:
        data["files"] = [{"name": f.name, "size": f.size, "sha256": f.sha256} for f in files]
    locked.record(EventKind.EVIDENCE_SAVED, gate=gate, data=data)
    locked.finish()
    return evidence


def _kept_files(deliverable: Deliverable, ids: Collection[int]) -> list[EvidenceFile]:
    """Files of earlier versions that go on."""
    if not ids:
        return []
    found = list(EvidenceFile.objects.filter(deliverable=deliverable, pk__in=ids))
    if len(found) != len(set(ids)):
        raise Refused.for_field("file", "unknown_file", "A file that should go on does not belong to this deliverable.")
    return found


def _received(deliverable: Deliverable, ids: Collection[int], actor: User) -> list[StoredFile]:
    """The actor's finished uploads: their rows go, their bytes stay where they are."""
    if not ids:
        return []
    mine = Upload.objects.filter(deliverable=deliverable, author=actor, finished_at__isnull=False, pk__in=ids)
    found = list(mine.select_for_update(no_key=True).order_by("pk"))
    if len(found) != len(set(ids)):
        raise Refused.for_field(
            "file", "upload_missing", "An uploaded file is not there any more, or is not all there. Choose it again."
        )
    mine.delete()
    return [StoredFile(str(one.file.name), one.name, one.content_type, one.size, one.sha256, one.scan) for one in found]


def _named_apart(files: Sequence[StoredFile]) -> list[StoredFile]:
    """The second `plan.pdf` of one save is `plan (2).pdf`."""
    taken: set[str] = set()
    found = []
    for one in files:
        name, number = one.name, 1
        while name in taken:
            number += 1
            stem, dot, suffix = one.name.rpartition(".")
            name = f"{stem} ({number}).{suffix}" if dot and stem else f"{one.name} ({number})"
        taken.add(name)
        found.append(replace(one, name=name))
    return found


def _file_of(deliverable: Deliverable, stored: StoredFile, actor: User, locked: LockedRelease) -> EvidenceFile:
    return EvidenceFile.objects.create(
        deliverable=deliverable,
        file=stored.path,
        name=stored.name,
        content_type=stored.content_type,
        size=stored.size,
        sha256=stored.sha256,
        scan=stored.scan,
        uploaded_by=actor,
        uploaded_at=locked.at,
    )


def _append(
    deliverable: Deliverable, latest: Evidence | None, actor: User, locked: LockedRelease, content: dict[str, Any]
) -> Evidence:
    locked.facts.pop(deliverable.gate_id, None)
    Evidence.objects.filter(deliverable=deliverable, is_latest=True).update(is_latest=False)
    return Evidence.objects.create(
        deliverable=deliverable,
        version=latest.version + 1 if latest is not None else 1,
        author=actor,
        saved_at=locked.at,
        **content,
    )


@transaction.atomic
def remove_evidence(
    *, deliverable_id: int, actor: User, expected_version: int | None = None, clock: Clock = database_clock
) -> None:
    """Take a deliverable's evidence away; earlier versions stay on record.

    Raises:
        Refused: there is none.
    """
    locked, gate, deliverable, latest = _lock(deliverable_id, actor, clock)
    if latest is None or latest.kind == EvidenceKind.REMOVED:
        raise Refused("deliverable_missing", f"{deliverable.name} has no evidence.")
    _refuse_stale(latest, expected_version)
    removed = _append(deliverable, latest, actor, locked, {"kind": EvidenceKind.REMOVED})
    locked.record(
        EventKind.EVIDENCE_REMOVED,
        gate=gate,
        data={"deliverable": deliverable.key, "name": deliverable.name, "version": removed.version},
    )
    locked.finish()


def check_link(url: str) -> str:
    """A link with http or https and a host.

    Raises:
        Refused: anything else.
    """
    link = require_text("url", url, "A link", most=2000)
    try:
        parts = urlsplit(link)
        is_whole = parts.scheme.lower() in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # an unfinished [IPv6] host, or a port that is no number
        is_whole = False
    if not is_whole or parts.username is not None or any(c.isspace() for c in link):
        raise Refused.for_field("url", "invalid", "Give a whole link that begins with https:// or http://.")
    return link
