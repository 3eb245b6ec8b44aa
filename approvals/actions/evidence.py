"""Save and remove evidence: every save is a new version, nothing is edited."""

import hashlib
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction

from approvals.kinds import EvidenceKind
from approvals.models import Deliverable, Evidence, evidence_path
from approvals.status import EDITABLE
from gatekeeper.accounts.models import User
from gatekeeper.common.clock import Clock, database_clock
from gatekeeper.common.errors import Conflict, NotAllowed, Refused
from releases.actions.releases import require_text
from releases.actions.slips import record_misses
from releases.kinds import EventKind, GateState, ReleaseState
from releases.locking import LockedRelease, lock_release
from releases.models import Gate
from releases.permissions import product_permissions

TEXT_LENGTH = 100_000


@dataclass(frozen=True)
class StoredFile:
    """An upload on the disk, before its row exists."""

    path: str
    name: str
    content_type: str
    size: int
    sha256: str


def clean_file_name(name: str) -> str:
    """What a file may be called in lists and downloads: no folders, no control or direction characters."""
    base = name.replace("\\", "/").rsplit("/", 1)[-1]
    kept = "".join(c for c in base if c.isprintable() and c not in '"<>|:*?').strip(" .")
    if len(kept) > 200:
        stem, dot, suffix = kept.rpartition(".")
        kept = f"{stem[: 190 - len(suffix)]}.{suffix}" if dot and len(suffix) < 20 else kept[:200]
    return kept or "file"


def store_upload(upload: UploadedFile) -> StoredFile:
    """Write an upload under a random name and hash it on the way.

    Raises:
        Refused: it is empty or larger than the limit.
    """
    limit = settings.EVIDENCE_FILE_LIMIT
    if not upload.size:
        raise Refused.for_field("file", "empty_file", "The file is empty.")
    if upload.size > limit:
        raise Refused.for_field("file", "too_large", f"The file is larger than {limit // 1_000_000} MB.")
    field = Evidence._meta.get_field("file")
    storage = field.storage
    digest, size = hashlib.sha256(), 0
    for chunk in upload.chunks():
        digest.update(chunk)
        size += len(chunk)
    upload.seek(0)
    path = storage.save(evidence_path(Evidence(), ""), upload)
    return StoredFile(
        path=path,
        name=clean_file_name(upload.name or ""),
        content_type=(upload.content_type or "application/octet-stream")[:100],
        size=size,  # counted, not told
        sha256=digest.hexdigest(),
    )


def discard_upload(stored: StoredFile) -> None:
    """Remove an upload whose row was not written."""
    Evidence._meta.get_field("file").storage.delete(stored.path)


def _lock(deliverable_id: int, actor: User, clock: Clock) -> tuple[LockedRelease, Gate, Deliverable, Evidence | None]:
    """Lock the release of a deliverable and refuse what may not change it."""
    found = Deliverable.objects.select_related("gate").get(pk=deliverable_id)
    locked = lock_release(found.gate.release_id, actor=actor, clock=clock)
    record_misses(locked)
    gate = locked.gate(found.gate.key)
    assert gate is not None
    if not product_permissions(actor, locked.release.product) & {"manage_product", "contribute"}:
        raise NotAllowed("no_contribute", f"You may not supply evidence for {locked.release.product}.")
    if not locked.release.is_running:
        words = ReleaseState(locked.release.state).label.lower()
        raise Conflict("release_not_active", f"{locked.release} is {words}; evidence cannot be changed now.")
    if gate.state not in EDITABLE:
        hint = " Withdraw the round first." if gate.state == GateState.IN_REVIEW else ""
        raise Conflict(
            "evidence_frozen", f"{gate.name} is {GateState(gate.state).label.lower()}; its evidence is frozen.{hint}"
        )
    latest = Evidence.objects.filter(deliverable=found, is_latest=True).first()
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
    upload: UploadedFile | None = None,
    expected_version: int | None = None,
    clock: Clock = database_clock,
) -> Evidence:
    """Save the next version of a deliverable's evidence: markdown text, link, file, or tick with a note.

    Args:
        expected_version: the version the person was looking at (0: none yet); another one is a conflict.

    Raises:
        Refused: the content, by field. Conflict: the gate is in review or passed, or somebody saved in between.
    """
    content: dict[str, Any] = {"kind": kind, "note": require_text("note", note, "A note", least=0)}
    if kind == EvidenceKind.TEXT:
        content["text"] = require_text("text", text, "A text", most=TEXT_LENGTH)
    elif kind == EvidenceKind.LINK:
        content["url"] = check_link(url)
    elif kind == EvidenceKind.TICK:
        content["note"] = require_text("note", note, "A note that says what was done")
    elif kind != EvidenceKind.FILE:
        raise Refused.for_field("kind", "unknown_kind", "Evidence is a text, a link, a file or a tick with a note.")
    stored: StoredFile | None = None
    if kind == EvidenceKind.FILE:
        if upload is None:
            raise Refused.for_field("file", "required", "Choose a file.")
        stored = store_upload(upload)
        content |= {
            "file": stored.path,
            "file_name": stored.name,
            "content_type": stored.content_type,
            "size": stored.size,
            "sha256": stored.sha256,
        }
    try:
        return _save(deliverable_id, actor, content, expected_version, clock)
    except BaseException:
        if stored is not None:
            discard_upload(stored)
        raise


@transaction.atomic
def _save(
    deliverable_id: int, actor: User, content: dict[str, Any], expected_version: int | None, clock: Clock
) -> Evidence:
    locked, gate, deliverable, latest = _lock(deliverable_id, actor, clock)
    _refuse_stale(latest, expected_version)
    evidence = _append(deliverable, latest, actor, locked, content)
    locked.record(
        EventKind.EVIDENCE_SAVED,
        gate=gate,
        data={
            "deliverable": deliverable.key,
            "name": deliverable.name,
            "version": evidence.version,
            "kind": evidence.kind,
            "sha256": evidence.sha256
            or hashlib.sha256((evidence.text or evidence.url or evidence.note).encode()).hexdigest(),
        },
    )
    locked.finish()
    return evidence


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
