"""Drafts of evidence: what one person has typed and not marked as ready. No event, no version, no release lock."""

from collections.abc import Collection
from datetime import datetime

from django.db import transaction

from approvals.actions.editing import require_editable_deliverable
from approvals.kinds import EvidenceKind
from approvals.models import Deliverable, Evidence, EvidenceDraft, Upload
from gatekeeper.accounts.models import User
from gatekeeper.common.clock import Clock, database_clock
from gatekeeper.common.errors import Refused
from releases.actions.releases import require_text

TEXT_LENGTH = 100_000
LINK_LENGTH = 2000


@transaction.atomic
def save_draft(
    *,
    deliverable_id: int,
    actor: User,
    kind: str,
    text: str = "",
    url: str = "",
    note: str = "",
    kept: Collection[int] = (),
    base_version: int = 0,
    clock: Clock = database_clock,
) -> EvidenceDraft | None:
    """Keep what somebody has typed so far. Nothing of it has to be whole, only short enough to be stored.

    Args:
        base_version: the version that was shown when they began; a later one is a conflict when it is marked as ready.

    Returns:
        The draft; None when there is nothing in it that the evidence does not say already, and then there is none.

    Raises:
        Refused: a word is too long. Conflict, NotAllowed: as for evidence.
    """
    deliverable = require_editable_deliverable(deliverable_id, actor)
    if kind not in EvidenceKind.values or kind == EvidenceKind.REMOVED:
        raise Refused.for_field("kind", "unknown_kind", "Evidence is a text, a link, files or a tick with a note.")
    words = {
        "text": require_text("text", text, "A text", least=0, most=TEXT_LENGTH),
        "url": require_text("url", url, "A link", least=0, most=LINK_LENGTH),
        "note": require_text("note", note, "A note", least=0),
    }
    mine = EvidenceDraft.objects.filter(deliverable=deliverable, author=actor)
    if _says_nothing_new(deliverable, actor, kind, words, kept):
        mine.delete()
        return None
    draft, _made = EvidenceDraft.objects.update_or_create(
        deliverable=deliverable,
        author=actor,
        defaults={
            **words, "kind": kind, "kept": sorted(set(kept)), "base_version": base_version, "saved_at": clock()
        },
    )  # fmt: skip
    return draft


def _says_nothing_new(
    deliverable: Deliverable, actor: User, kind: str, words: dict[str, str], kept: Collection[int]
) -> bool:
    """Nothing typed yet, or just what was marked as ready: a save that was under way meanwhile brings no draft back."""
    if Upload.objects.filter(deliverable=deliverable, author=actor).exists():
        return False
    latest = latest_of(deliverable)
    if latest is None:
        return not any(words.values())
    field = {EvidenceKind.TEXT: "text", EvidenceKind.LINK: "url"}.get(EvidenceKind(kind), "note")
    is_same = kind == latest.kind and (words[field], words["note"]) == (getattr(latest, field), latest.note)
    return is_same and (kind == EvidenceKind.TICK or set(kept) == {file.pk for file in latest.files.all()})


def latest_of(deliverable: Deliverable) -> Evidence | None:
    """What a deliverable has now; None when it has nothing, or nothing any more."""
    found = Evidence.objects.filter(deliverable=deliverable, is_latest=True).exclude(kind=EvidenceKind.REMOVED)
    return found.prefetch_related("files").first()


def begin_draft(deliverable: Deliverable, actor: User, at: datetime) -> None:
    """A file that is uploaded belongs to a draft: one with what the evidence says now, if there is none yet."""
    latest = Evidence.objects.filter(deliverable=deliverable, is_latest=True).prefetch_related("files").first()
    is_there = latest is not None and latest.kind != EvidenceKind.REMOVED
    words = {"text": latest.text, "url": latest.url, "note": latest.note} if latest is not None and is_there else {}
    EvidenceDraft.objects.get_or_create(
        deliverable=deliverable,
        author=actor,
        defaults={
            **words,
            "kind": latest.kind if latest is not None and is_there else EvidenceKind.FILE,
            "kept": [file.pk for file in latest.files.all()] if latest is not None else [],
            "base_version": latest.version if latest is not None else 0,
            "saved_at": at,
        },
    )


@transaction.atomic
def discard_draft(*, deliverable_id: int, actor: User) -> bool:
    """Throw the actor's own draft away. Returns whether there was one."""
    deleted, _tables = EvidenceDraft.objects.filter(deliverable=deliverable_id, author=actor).delete()
    return bool(deleted)
