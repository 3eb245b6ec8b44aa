"""Evidence as pages show it: a draft and a frozen item of a round look alike."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.safestring import SafeString

from approvals.kinds import EvidenceKind, Scan
from approvals.markdown import render_markdown
from approvals.models import Deliverable, Evidence, Submission
from gatekeeper.accounts.models import User

WORDS_PER_MINUTE = 220
# Types that are shown in place, as found by the content of a file; larger images are for download.
IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp")
IMAGE_LIMIT = 10_000_000
# Ends of names of what a computer would run.
PROGRAMS = frozenset(
    ["app", "bat", "cmd", "com", "dll", "dmg", "exe", "jar", "js", "msi", "pkg", "ps1", "scr", "sh", "vbs"]
)


def is_program(name: str) -> bool:
    """Something that a computer would run: it is said, and only ever handed out."""
    return name.rpartition(".")[2].lower() in PROGRAMS


@dataclass(frozen=True)
class ItemFile:
    """A file of an item, as its row or a snapshot has it."""

    name: str
    size: int
    sha256: str
    content_type: str = ""
    scan: str = ""
    id: int | None = None  # rounds from before files had rows know one file per version, and no id

    @property
    def extension(self) -> str:
        """What stands in the file's square: PDF, XLSX."""
        suffix = self.name.rpartition(".")[2] if "." in self.name else ""
        return suffix.upper() if 0 < len(suffix) <= 4 and suffix.isalnum() else "FILE"

    @property
    def is_image(self) -> bool:
        """Whether it is shown in place."""
        return self.id is not None and self.content_type in IMAGES and self.size <= IMAGE_LIMIT

    @property
    def is_program(self) -> bool:
        return is_program(self.name)

    @property
    def scan_words(self) -> str:
        return Scan(self.scan).label.lower() if self.scan else ""


@dataclass(frozen=True)
class Item:
    """One deliverable's evidence: what it is, and who wrote it when (a frozen item knows its author only)."""

    key: str
    name: str
    is_required: bool
    version: int
    kind: str
    text: str
    url: str
    note: str
    author: str
    files: tuple[ItemFile, ...] = ()
    saved_at: datetime | None = None

    @property
    def html(self) -> SafeString:
        return render_markdown(self.text)

    @property
    def words(self) -> int:
        return len(self.text.split())

    @property
    def reading(self) -> str:
        """How long the text takes to read; empty for short ones."""
        minutes = round(self.words / WORDS_PER_MINUTE)
        return f"{minutes} min to read" if minutes > 1 else ""

    @property
    def icon(self) -> str:
        return {"text": "file-text", "link": "link", "file": "paperclip", "tick": "check"}.get(self.kind, "file-text")

    @property
    def tag(self) -> str:
        """The kind in a few words: "Text, 640 words"."""
        if self.kind == EvidenceKind.TEXT:
            return f"Text, {self.words} {'word' if self.words == 1 else 'words'}"
        return {"link": "Link", "file": self.files_tag, "tick": "Done"}.get(self.kind, self.kind)

    @property
    def files_tag(self) -> str:
        """ "2 files"; empty without any."""
        return "" if not self.files else "1 file" if len(self.files) == 1 else f"{len(self.files)} files"

    @property
    def content(self) -> tuple[str, ...]:
        """What makes two items the same."""
        return (self.kind, self.text, self.url, self.note, *(part for f in self.files for part in (f.name, f.sha256)))

    @property
    def gist(self) -> str:
        """The content in one line."""
        body = {
            EvidenceKind.TEXT: self.text, EvidenceKind.LINK: self.url,
            EvidenceKind.FILE: ", ".join(f.name for f in self.files),
        }.get(EvidenceKind(self.kind), self.note)  # fmt: skip
        line = " ".join(body.replace("#", " ").split())
        return f"{line[:157]}…" if len(line) > 160 else line


def draft_item(evidence: Evidence, deliverable: Deliverable) -> Item:
    """The latest evidence of a deliverable."""
    return Item(
        key=deliverable.key,
        name=deliverable.name,
        is_required=deliverable.is_required,
        version=evidence.version,
        kind=evidence.kind,
        text=evidence.text,
        url=evidence.url,
        note=evidence.note,
        author=str(evidence.author),
        files=tuple(ItemFile(f.name, f.size, f.sha256, f.content_type, f.scan, f.pk) for f in evidence.files.all()),
        saved_at=evidence.saved_at,
    )


def frozen_items(frozen: Mapping[str, Any], names: Mapping[int, str]) -> list[Item]:
    """The evidence of a round, exactly as its snapshot holds it."""
    return [
        Item(
            key=row["deliverable"],
            name=row["name"],
            is_required=row["required"],
            version=row["version"],
            kind=row["kind"],
            text=row["text"],
            url=row["url"],
            note=row["note"],
            files=frozen_files(row),
            author=names.get(row["author"], ""),
        )
        for row in frozen["evidence"]
    ]


def frozen_files(row: Mapping[str, Any]) -> tuple[ItemFile, ...]:
    """The files of a snapshot's item. Before a version could have several, the item itself named its one file."""
    if "files" in row:
        return tuple(
            ItemFile(f["name"], f["size"], f["sha256"], f["content_type"], f["scan"], f["id"]) for f in row["files"]
        )
    if not row.get("file_name"):
        return ()
    return (ItemFile(row["file_name"], row["size"], row["sha256"]),)


def author_names(frozen: Mapping[str, Any], known: Iterable[User] = ()) -> dict[int, str]:
    """Names of the authors in a snapshot; asks the database only for people who are not at hand."""
    names = {person.pk: str(person) for person in known}
    missing = {row["author"] for row in frozen["evidence"]} - names.keys()
    if missing:
        names |= {person.pk: str(person) for person in User.objects.filter(pk__in=missing)}
    return names


def submitted_versions(submissions: Iterable[Submission], deliverable_key: str) -> set[int]:
    """Versions of a deliverable's evidence that some round has put before the approvers."""
    return {
        row["version"]
        for submission in submissions
        for row in submission.frozen["evidence"]
        if row["deliverable"] == deliverable_key
    }
