"""Files of evidence on their way in, by a form or piece by piece; looked at and scanned before they count.

Nothing here holds the release's lock while bytes are written or a scanner is asked.
"""

import errno
import hashlib
import logging
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO, cast

from django.conf import settings
from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import Sum

from approvals.actions.drafts import begin_draft
from approvals.actions.editing import require_editable_deliverable
from approvals.filetypes import content_type_of
from approvals.models import Deliverable, EvidenceFile, Upload, evidence_path
from approvals.scanners import Infected, scan
from gatekeeper.accounts.models import User
from gatekeeper.common.clock import Clock, database_clock
from gatekeeper.common.errors import Conflict, Refused, Unavailable
from releases.actions.slips import record_misses
from releases.kinds import EventKind
from releases.locking import lock_release
from releases.models import Product

log = logging.getLogger(__name__)

MOST_FILES = 20
# A piece of an upload: what the page sends, and the most that is taken.
PIECE = 1_000_000
MOST_PIECE = 2_000_000
READ = 1 << 20
# An upload that stopped can go on for so long; a whole file waits longer for its deliverable to be marked as ready.
RESUMABLE = timedelta(hours=24)
WAITING = timedelta(days=30)
# A blob without a row is a leftover after this: younger ones may belong to a request that has not committed.
LEFTOVER = timedelta(hours=1)


@dataclass(frozen=True)
class StoredFile:
    """A file on the disk that was looked at and scanned, before its row exists."""

    path: str
    name: str
    content_type: str
    size: int
    sha256: str
    scan: str


def clean_file_name(name: str) -> str:
    """What a file may be called in lists and downloads: no folders, no control or direction characters."""
    base = name.replace("\\", "/").rsplit("/", 1)[-1]
    kept = "".join(c for c in base if c.isprintable() and c not in '"<>|:*?').strip(" .")
    if len(kept) > 200:
        stem, dot, suffix = kept.rpartition(".")
        kept = f"{stem[: 190 - len(suffix)]}.{suffix}" if dot and len(suffix) < 20 else kept[:200]
    return kept or "file"


# --- Room ---------------------------------------------------------------------------------------------------------


def quota_of(product: Product) -> int:
    """Bytes of evidence files that a product may have."""
    own = product.evidence_quota_mb
    return settings.EVIDENCE_QUOTA if own is None else own * 1_000_000


def used_by(product: Product) -> int:
    """Bytes of a product's evidence files, with those that are on their way in."""
    stored = EvidenceFile.objects.filter(deliverable__gate__release__product=product).aggregate(n=Sum("size"))["n"]
    coming = Upload.objects.filter(deliverable__gate__release__product=product).aggregate(n=Sum("size"))["n"]
    return (stored or 0) + (coming or 0)


def require_room(product: Product, size: int) -> None:
    """Refuse a file that is empty, larger than the limit, or more than the product's quota has room for.

    Uploads that begin in the same moment may together pass the quota by one file each.
    """
    limit, quota = settings.EVIDENCE_FILE_LIMIT, quota_of(product)
    if not size:
        raise Refused.for_field("file", "empty_file", "The file is empty.")
    if size > limit:
        raise Refused.for_field("file", "too_large", f"The file is larger than {limit // 1_000_000} MB.")
    if used_by(product) + size > quota:
        raise Refused.for_field(
            "file",
            "quota_reached",
            f"The files of {product} would be more than its {quota // 1_000_000} MB. "
            "An administrator can give it more room.",
        )


def _no_room(error: OSError) -> Unavailable:
    """What a person is told when the disk does not take a file."""
    log.error("An evidence file could not be written: %s", error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Unavailable(
            "disk_full", "There is no room for files any more, so it was not kept. Tell an administrator."
        )
    return Unavailable("not_written", "The file could not be written, so it was not kept. Try again in a minute.")


# --- In one piece -------------------------------------------------------------------------------------------------


def store_upload(upload: UploadedFile, deliverable: Deliverable, actor: User, clock: Clock) -> StoredFile:
    """Write an upload under a random name, and look at it and scan it there.

    Raises:
        Refused: empty, too large, over the quota or infected. Unavailable: no room, or the scanner is down.
    """
    require_room(deliverable.gate.release.product, upload.size or 0)
    path, name = evidence_path(None, ""), clean_file_name(upload.name or "")
    try:
        try:
            default_storage.save(path, upload)
        except OSError as error:
            raise _no_room(error) from error
        return _examine(path, name, deliverable, actor, clock)
    except BaseException:
        default_storage.delete(path)
        raise


def _examine(path: str, name: str, deliverable: Deliverable, actor: User, clock: Clock) -> StoredFile:
    """Hash, type and scan of a file on the disk; what is infected is told in the history."""
    with default_storage.open(path, "rb") as opened:
        stream = cast(BinaryIO, opened.file)
        digest, size = hash_of(stream)
        content_type = content_type_of(stream)
        try:
            found = scan(stream, name)
        except Infected as error:
            _record_infected(deliverable, name, digest, error, actor, clock)
            raise
    return StoredFile(path, name, content_type, size, digest, found)


def hash_of(stream: "File[bytes] | BinaryIO") -> tuple[str, int]:
    """SHA-256 and length of a file from its beginning."""
    stream.seek(0)
    digest, size = hashlib.sha256(), 0
    while piece := stream.read(READ):
        digest.update(piece)
        size += len(piece)
    return digest.hexdigest(), size


@transaction.atomic
def _record_infected(
    deliverable: Deliverable, name: str, digest: str, error: Infected, actor: User, clock: Clock
) -> None:
    """That somebody's file was refused for a virus is known afterwards, though nothing of it was kept."""
    locked = lock_release(deliverable.gate.release_id, actor=actor, clock=clock)
    record_misses(locked)
    locked.record(
        EventKind.EVIDENCE_INFECTED,
        gate=locked.gate(deliverable.gate.key),
        data={
            "deliverable": deliverable.key,
            "name": deliverable.name,
            "file": name,
            "sha256": digest,
            "found": error.found,
        },
    )
    locked.finish()


def discard_stored(stored: StoredFile) -> None:
    """Remove a file whose row was not written."""
    default_storage.delete(stored.path)


# --- Piece by piece -----------------------------------------------------------------------------------------------


def begin_upload(
    *, deliverable_id: int, actor: User, name: str, size: int, mark: str = "", clock: Clock = database_clock
) -> Upload:
    """Announce a file that will come in pieces. The same file of the same person goes on where it stopped.

    Args:
        mark: by which the browser knows the file again, such as its time of change; empty: it always begins anew.

    Raises:
        Refused: empty, too large, over the quota, or one of too many. Conflict, NotAllowed: as for evidence.
    """
    name = clean_file_name(name)
    deliverable = require_editable_deliverable(deliverable_id, actor)
    mine = Upload.objects.filter(deliverable=deliverable, author=actor)
    if mark and (begun := mine.filter(name=name, size=size, mark=mark[:64]).first()):
        return begun
    require_room(deliverable.gate.release.product, size)
    if mine.count() >= MOST_FILES:
        raise Refused.for_field("file", "too_many_files", f"At most {MOST_FILES} files belong to one deliverable.")
    path, at = evidence_path(None, ""), clock()
    try:
        default_storage.save(path, ContentFile(b""))
    except OSError as error:
        raise _no_room(error) from error
    begin_draft(deliverable, actor, at)
    return Upload.objects.create(
        deliverable=deliverable, author=actor, file=path, name=name, size=size, mark=mark[:64], begun_at=at,
        touched_at=at,
    )  # fmt: skip


@transaction.atomic
def receive_piece(*, upload_id: int, actor: User, offset: int, data: bytes, clock: Clock = database_clock) -> Upload:
    """Take the next piece of an upload.

    Raises:
        Conflict: the piece does not begin where the last one ended (the upload's `received` says where), or the
        evidence is frozen by now. Refused: more than was announced. Unavailable: no room.
    """
    upload = Upload.objects.select_for_update(no_key=True).get(pk=upload_id, author=actor)
    require_editable_deliverable(upload.deliverable_id, actor)
    if offset != upload.received:
        raise Conflict("wrong_offset", f"{upload.name} goes on at byte {upload.received}.")
    if offset + len(data) > upload.size or len(data) > MOST_PIECE:
        raise Refused.for_field("file", "too_long", f"{upload.name} is longer than was announced.")
    try:
        with Path(default_storage.path(str(upload.file.name))).open("r+b") as stream:
            stream.seek(offset)
            stream.write(data)
            stream.truncate()
    except OSError as error:
        raise _no_room(error) from error
    upload.received += len(data)
    upload.touched_at = clock()
    upload.save(update_fields=["received", "touched_at"])
    return upload


def finish_upload(*, upload_id: int, actor: User, clock: Clock = database_clock) -> Upload:
    """Look at an upload that is all there, and scan it. Repeating it changes nothing.

    Raises:
        Refused: a part is missing, or it is infected (then nothing of it is left). Unavailable: the scanner is down;
        the upload stays, and can be finished later.
    """
    upload = Upload.objects.select_related("deliverable__gate__release__product").get(pk=upload_id, author=actor)
    if upload.finished_at is not None:
        return upload
    if upload.received != upload.size:
        raise Refused("upload_incomplete", f"{upload.name} is not all there yet.")
    try:
        found = _examine(str(upload.file.name), upload.name, upload.deliverable, actor, clock)
    except Infected:
        _drop(upload)
        raise
    except FileNotFoundError as error:
        _drop(upload)
        raise Conflict("upload_gone", f"{upload.name} is not there any more. Choose it again.") from error
    Upload.objects.filter(pk=upload.pk, finished_at__isnull=True).update(
        sha256=found.sha256, content_type=found.content_type, scan=found.scan, finished_at=clock()
    )
    upload.refresh_from_db()
    return upload


def receive_whole(*, deliverable_id: int, actor: User, upload: UploadedFile, clock: Clock = database_clock) -> Upload:
    """Keep a file that came with a form, so that it need not be sent again if the rest of the form is refused."""
    begun = begin_upload(
        deliverable_id=deliverable_id, actor=actor, name=upload.name or "", size=upload.size or 0, clock=clock
    )
    try:
        for data in upload.chunks(PIECE):
            begun = receive_piece(upload_id=begun.pk, actor=actor, offset=begun.received, data=data, clock=clock)
        return finish_upload(upload_id=begun.pk, actor=actor, clock=clock)
    except BaseException:
        remove_upload(upload_id=begun.pk, actor=actor)
        raise


def remove_upload(*, upload_id: int, actor: User) -> None:
    """Abort an upload, or take a finished one away before it has become evidence."""
    upload = Upload.objects.filter(pk=upload_id, author=actor).first()
    if upload is not None:
        _drop(upload)


def _drop(upload: Upload) -> bool:
    """Remove an upload and its bytes, unless it has become evidence in the same moment."""
    deleted, _tables = Upload.objects.filter(pk=upload.pk).delete()
    if deleted:
        default_storage.delete(str(upload.file.name))
    return bool(deleted)


def drop_uploads(*, deliverable_id: int, actor: User) -> None:
    """Take all of somebody's uploads for a deliverable away that have not become evidence."""
    for upload in Upload.objects.filter(deliverable=deliverable_id, author=actor):
        _drop(upload)


# --- What is left over --------------------------------------------------------------------------------------------


def clear_uploads(*, clock: Clock = database_clock) -> int:
    """Remove uploads that stopped a day ago, and whole ones that nobody has made evidence of. Returns how many."""
    now = clock()
    stopped = Upload.objects.filter(finished_at__isnull=True, touched_at__lt=now - RESUMABLE)
    forgotten = Upload.objects.filter(finished_at__isnull=False, touched_at__lt=now - WAITING)
    return sum(_drop(upload) for upload in (*stopped.iterator(), *forgotten.iterator()))


def clear_blobs(*, clock: Clock = database_clock) -> int:
    """Remove files on the disk that no row knows, left by a crash between writing and saving. Returns how many.

    A store of which most files are unknown belongs to another database than this one: then nothing is removed.
    """
    known = set(EvidenceFile.objects.values_list("file", flat=True)) | set(
        Upload.objects.values_list("file", flat=True)
    )
    limit = (clock() - LEFTOVER).timestamp()
    root = Path(default_storage.path(""))
    found = {
        str(path.relative_to(root)): path for path in (root / "evidence").glob("*/*") if path.stat().st_mtime < limit
    }
    unknown = found.keys() - known
    if len(unknown) > len(known) + MOST_FILES:
        log.error(
            "%d of %d evidence files have no row: is this their database? None is removed", len(unknown), len(found)
        )
        return 0
    for name in unknown:
        default_storage.delete(name)
    return len(unknown)
