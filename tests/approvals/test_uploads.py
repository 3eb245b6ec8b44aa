"""Files on their way in: piece by piece, looked at by content, scanned, counted; and what is left over goes."""

import io
import os
import socket
import struct
import threading
import zipfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from pytest_django import Settings

from approvals.actions import files
from approvals.actions.drafts import discard_draft, save_draft
from approvals.actions.evidence import save_evidence
from approvals.actions.files import (
    MOST_FILES,
    begin_upload,
    clear_blobs,
    clear_uploads,
    finish_upload,
    receive_piece,
    remove_upload,
)
from approvals.actions.rounds import submit_evidence
from approvals.filetypes import UNKNOWN, content_type_of
from approvals.models import Deliverable, Evidence, EvidenceDraft, EvidenceFile, Upload
from gatekeeper.common.clock import fixed_clock
from gatekeeper.common.errors import Unavailable
from releases.kinds import EventKind
from releases.models import Gate
from tests.cast import Cast, at, conflict, fields_of, fill, last_event, moment, not_allowed, nothing_changes, refused

pytestmark = pytest.mark.usefixtures("invariants")

EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"


@pytest.fixture
def brief(gate: Gate) -> Deliverable:
    return Deliverable.objects.get(gate=gate, key="brief")


def blobs() -> list[Path]:
    return [path for path in Path(default_storage.path("")).rglob("*") if path.is_file()]


def send(cast: Cast, thing: Deliverable, data: bytes, name: str = "plan.pdf", pieces: int = 2) -> Upload:
    """A whole upload in some pieces."""
    upload = begin_upload(deliverable_id=thing.pk, actor=cast.pm, name=name, size=len(data), clock=at(1))
    step = -(-len(data) // pieces)
    for offset in range(0, len(data), step):
        piece = data[offset : offset + step]
        receive_piece(upload_id=upload.pk, actor=cast.pm, offset=offset, data=piece, clock=at(1))
    return finish_upload(upload_id=upload.pk, actor=cast.pm, clock=at(1))


# --- Piece by piece -----------------------------------------------------------------------------------------------


def test_pieces_become_a_file_of_the_next_version(cast: Cast, brief: Deliverable) -> None:
    data = b"%PDF-1.7 " + os.urandom(3000)
    upload = send(cast, brief, data, pieces=3)
    assert (upload.content_type, upload.received) == ("application/pdf", len(data))
    assert not Evidence.objects.exists()
    draft = EvidenceDraft.objects.get()
    assert (draft.author, draft.kind) == (cast.pm, "file")
    version = save_evidence(deliverable_id=brief.pk, actor=cast.pm, kind="file", received=[upload.pk], clock=at(1))
    file = version.files.get()
    assert (file.name, file.size, file.file.read()) == ("plan.pdf", len(data), data)
    assert not Upload.objects.exists()
    assert not EvidenceDraft.objects.exists()
    assert len(blobs()) == 1
    event = last_event(brief.gate.release, EventKind.EVIDENCE_SAVED)
    assert event.payload["files"] == [{"name": "plan.pdf", "size": len(data), "sha256": file.sha256}]


def test_a_file_goes_on_where_it_stopped(cast: Cast, brief: Deliverable) -> None:
    def begin() -> Upload:
        return begin_upload(
            deliverable_id=brief.pk, actor=cast.pm, name="a.txt", size=6, mark="1700000000", clock=at(1)
        )

    upload = begin()
    receive_piece(upload_id=upload.pk, actor=cast.pm, offset=0, data=b"abc", clock=at(1))
    for offset in (0, 2, 4):
        with conflict("wrong_offset"):
            receive_piece(upload_id=upload.pk, actor=cast.pm, offset=offset, data=b"def", clock=at(1))
    with refused("upload_incomplete"):
        finish_upload(upload_id=upload.pk, actor=cast.pm, clock=at(1))
    again = begin()
    assert (again.pk, again.received) == (upload.pk, 3)
    with refused("too_long"):
        receive_piece(upload_id=upload.pk, actor=cast.pm, offset=3, data=b"defg", clock=at(1))
    receive_piece(upload_id=upload.pk, actor=cast.pm, offset=3, data=b"def", clock=at(1))
    assert finish_upload(upload_id=upload.pk, actor=cast.pm, clock=at(1)).file.read() == b"abcdef"


def test_an_upload_is_its_authors_and_ends_with_the_right_to_contribute(cast: Cast, brief: Deliverable) -> None:
    with not_allowed("no_contribute"):
        begin_upload(deliverable_id=brief.pk, actor=cast.approver, name="a.txt", size=3, clock=at(1))
    upload = begin_upload(deliverable_id=brief.pk, actor=cast.pm, name="a.txt", size=3, clock=at(1))
    with nothing_changes(), pytest.raises(Upload.DoesNotExist):
        receive_piece(upload_id=upload.pk, actor=cast.contributor, offset=0, data=b"abc", clock=at(1))
    with nothing_changes():
        remove_upload(upload_id=upload.pk, actor=cast.contributor)
    fill(cast, brief.gate, actor=cast.second_pm)
    submit_evidence(gate_id=brief.gate_id, actor=cast.pm, clock=at(2))
    with conflict("evidence_frozen"):
        receive_piece(upload_id=upload.pk, actor=cast.pm, offset=0, data=b"abc", clock=at(3))


def test_only_own_whole_uploads_become_evidence(cast: Cast, brief: Deliverable) -> None:
    whole = send(cast, brief, b"abc", "a.txt")
    part = begin_upload(deliverable_id=brief.pk, actor=cast.pm, name="b.txt", size=3, clock=at(1))
    for who, ids in ((cast.pm, [part.pk]), (cast.contributor, [whole.pk]), (cast.pm, [10**9])):
        with refused("upload_missing"):
            save_evidence(deliverable_id=brief.pk, actor=who, kind="file", received=ids, clock=at(1))


# --- Several files, kept and replaced ------------------------------------------------------------------------------


def test_files_go_on_without_being_copied_and_a_new_one_of_the_name_replaces(cast: Cast, brief: Deliverable) -> None:
    def save(*names: str, keep: list[int] | None = None, kind: str = "file", **words: str) -> Evidence:
        uploads = [SimpleUploadedFile(name, name.encode()) for name in names]
        return save_evidence(
            deliverable_id=brief.pk, actor=cast.pm, kind=kind, uploads=uploads, keep=keep or [], clock=at(1), **words
        )

    first = save("a.txt", "b.txt", "b.txt")
    a, b, b2 = first.files.all()
    assert [f.name for f in (a, b, b2)] == ["a.txt", "b.txt", "b (2).txt"]
    second = save("b.txt", keep=[a.pk, b.pk], kind="text", text="With files.")
    assert [(f.name, f.pk == a.pk) for f in second.files.all()] == [("a.txt", True), ("b.txt", False)]
    assert len(blobs()) == EvidenceFile.objects.count() == 4
    other = Deliverable.objects.get(gate=brief.gate, key="teardown")
    with refused("unknown_file"):
        save_evidence(deliverable_id=other.pk, actor=cast.pm, kind="file", keep=[a.pk], clock=at(1))
    with refused("tick_with_files"):
        save("c.txt", kind="tick", note="Done.")
    assert save(kind="tick", note="Done.", keep=[a.pk]).files.count() == 0


def test_a_round_freezes_name_size_hash_and_type_of_each_file(cast: Cast, brief: Deliverable) -> None:
    fill(cast, brief.gate)
    uploads = [SimpleUploadedFile("a.pdf", b"%PDF-1.4 a"), SimpleUploadedFile("b.txt", b"b")]
    version = save_evidence(deliverable_id=brief.pk, actor=cast.pm, kind="file", uploads=uploads, clock=at(1))
    frozen = submit_evidence(gate_id=brief.gate_id, actor=cast.pm, clock=at(2)).frozen
    row = next(row for row in frozen["evidence"] if row["deliverable"] == "brief")
    assert row["files"] == [
        {"id": f.pk, "name": f.name, "content_type": kind, "size": f.size, "sha256": f.sha256, "scan": "not_scanned"}
        for f, kind in zip(version.files.all(), ("application/pdf", "text/plain"), strict=True)
    ]


# --- Limits ---------------------------------------------------------------------------------------------------------


def test_empty_too_large_too_many_and_over_the_quota_are_refused_before_a_byte_is_taken(
    cast: Cast, brief: Deliverable, settings: Settings
) -> None:
    def begin(size: int) -> Upload:
        return begin_upload(deliverable_id=brief.pk, actor=cast.pm, name="a.bin", size=size, clock=at(1))

    settings.EVIDENCE_FILE_LIMIT, settings.EVIDENCE_QUOTA = 700_000, 1_200_000
    for size, code in ((0, "empty_file"), (700_001, "too_large")):
        with refused(code) as found:
            begin(size)
        assert fields_of(found) == [("file", code)]
    begin(700_000)
    with refused("quota_reached"):
        begin(500_001)
    with refused("quota_reached"):
        upload = SimpleUploadedFile("a.bin", b"x" * 500_001)
        save_evidence(deliverable_id=brief.pk, actor=cast.pm, kind="file", uploads=[upload], clock=at(1))
    cast.product.evidence_quota_mb = 2
    cast.product.save(update_fields=["evidence_quota_mb"])
    begin(500_001)
    for _number in range(MOST_FILES - 2):
        begin(1)
    with refused("too_many_files"):
        begin(1)
    many = [SimpleUploadedFile(f"{n}.txt", b"x") for n in range(MOST_FILES + 1)]
    with refused("too_many_files"):
        save_evidence(deliverable_id=brief.pk, actor=cast.pm, kind="file", uploads=many, clock=at(1))


def test_a_full_disk_keeps_nothing_and_says_so(cast: Cast, brief: Deliverable, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system without room is the one part that a test cannot have for real without being root."""
    upload = begin_upload(deliverable_id=brief.pk, actor=cast.pm, name="a.txt", size=3, clock=at(1))

    class Full:
        def __init__(self, *_words: object) -> None:
            raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(files, "Path", Full)
        with refused("disk_full", Unavailable):
            receive_piece(upload_id=upload.pk, actor=cast.pm, offset=0, data=b"abc", clock=at(1))
    receive_piece(upload_id=upload.pk, actor=cast.pm, offset=0, data=b"abc", clock=at(1))
    assert finish_upload(upload_id=upload.pk, actor=cast.pm, clock=at(1)).file.read() == b"abc"


# --- What a file is -------------------------------------------------------------------------------------------------


def archive(*members: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as found:
        for member in members:
            found.writestr(member, b"0" * 50)
    return stream.getvalue()


OFFICE = "application/vnd.openxmlformats-officedocument"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"%PDF-1.7\n<script>", "application/pdf"),
        (b"\x89PNG\r\n\x1a\n<html>", "image/png"),
        (b"\xff\xd8\xff\xe0JFIF", "image/jpeg"),
        (b"GIF89a..", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"\x00\x00\x00\x18ftypmp42", "video/mp4"),
        (archive("[Content_Types].xml", "xl/workbook.xml"), f"{OFFICE}.spreadsheetml.sheet"),
        (archive("[Content_Types].xml", "word/document.xml"), f"{OFFICE}.wordprocessingml.document"),
        (archive("word/document.xml"), "application/zip"),
        (archive("a.txt")[:-30], "application/zip"),
        ("Grüße, 2 €\n".encode(), "text/plain"),
        (b"x" * 4095 + "€".encode() + b"x", "text/plain"),
        (b"MZ\x90\x00\x03", UNKNOWN),
        (b"\x7fELF\x02\x01", UNKNOWN),
        (b"\xcf\xfa\xed\xfe\x07", UNKNOWN),
        (b"<!DOCTYPE html><title>x</title>", UNKNOWN),
        (b"\n <svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", UNKNOWN),
        (b"plain so far" * 100_000 + b"\x00", UNKNOWN),
        (b"\xff\xfeU\x00T\x00F\x00", UNKNOWN),
        (b"cut \xe2\x82", UNKNOWN),
    ],
)
def test_a_type_is_found_by_content(data: bytes, expected: str) -> None:
    assert content_type_of(io.BytesIO(data)) == expected


# --- The virus scanner ----------------------------------------------------------------------------------------------


@pytest.fixture
def clamd(settings: Settings) -> Iterator[Callable[[], None]]:
    """A daemon that speaks clamd's INSTREAM and knows one virus; the call takes it down."""
    server = socket.create_server(("127.0.0.1", 0))

    def read(connection: socket.socket, count: int) -> bytes:
        found = b""
        while len(found) < count and (more := connection.recv(count - len(found))):
            found += more
        return found

    def serve() -> None:
        while True:
            try:
                connection, _address = server.accept()
            except OSError:
                return
            with connection:
                assert read(connection, 10) == b"zINSTREAM\0"
                data = b""
                while (length := struct.unpack(">I", read(connection, 4))[0]) > 0:
                    data += read(connection, length)
                connection.sendall(b"stream: Eicar-Test-Signature FOUND\0" if EICAR in data else b"stream: OK\0")

    def stop() -> None:
        server.shutdown(socket.SHUT_RDWR)
        server.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    settings.EVIDENCE_SCANNER = "approvals.scanners.clamd"
    settings.CLAMD_ADDRESS = f"127.0.0.1:{server.getsockname()[1]}"
    yield stop
    if server.fileno() >= 0:
        stop()
    thread.join(5)


def test_a_clean_file_says_so_and_of_an_infected_one_nothing_is_kept_but_an_event(
    cast: Cast, brief: Deliverable, clamd: Callable[[], None]
) -> None:
    assert send(cast, brief, b"harmless").scan == "clean"
    with pytest.raises(files.Infected) as found:
        send(cast, brief, b"a " + EICAR, "bill.pdf")
    assert "Eicar-Test-Signature" in found.value.message
    whole = SimpleUploadedFile("bill2.pdf", EICAR)
    with pytest.raises(files.Infected):
        save_evidence(deliverable_id=brief.pk, actor=cast.pm, kind="file", uploads=[whole], clock=at(2))
    assert [upload.name for upload in Upload.objects.all()] == ["plan.pdf"]
    assert len(blobs()) == 1
    event = last_event(brief.gate.release, EventKind.EVIDENCE_INFECTED)
    assert (event.actor, event.payload["file"], event.payload["found"]) == (
        cast.pm, "bill2.pdf", "Eicar-Test-Signature"
    )  # fmt: skip


def test_without_an_answer_of_the_scanner_nothing_is_let_in_and_the_upload_waits(
    cast: Cast, brief: Deliverable, clamd: Callable[[], None]
) -> None:
    upload = begin_upload(deliverable_id=brief.pk, actor=cast.pm, name="a.txt", size=3, clock=at(1))
    receive_piece(upload_id=upload.pk, actor=cast.pm, offset=0, data=b"abc", clock=at(1))
    clamd()
    with refused("scanner_down", Unavailable):
        finish_upload(upload_id=upload.pk, actor=cast.pm, clock=at(1))
    with refused("scanner_down", Unavailable):
        whole = SimpleUploadedFile("b.txt", b"abc")
        save_evidence(deliverable_id=brief.pk, actor=cast.pm, kind="file", uploads=[whole], clock=at(1))
    assert len(blobs()) == 1
    assert Upload.objects.get().received == 3


# --- What is left over ----------------------------------------------------------------------------------------------


def test_stopped_uploads_and_bytes_without_a_row_go_and_nothing_else(cast: Cast, brief: Deliverable) -> None:
    upload = SimpleUploadedFile("kept.txt", b"kept")
    save_evidence(deliverable_id=brief.pk, actor=cast.pm, kind="file", uploads=[upload], clock=at(1))
    whole = send(cast, brief, b"abc", "whole.txt")
    begin_upload(deliverable_id=brief.pk, actor=cast.pm, name="stopped.txt", size=9, clock=at(1))
    default_storage.save("evidence/ff/lost", SimpleUploadedFile("x", b"lost"))
    assert clear_uploads(clock=at(2, hour=8)) == 0
    assert clear_uploads(clock=at(2, hour=10)) == 1
    assert list(Upload.objects.all()) == [whole]
    soon = fixed_clock(moment(1) + timedelta(days=36500))
    assert clear_blobs(clock=at(1)) == 0, "it is younger than an hour"
    assert clear_blobs(clock=soon) == 1
    assert len(blobs()) == 2
    assert clear_uploads(clock=at(40)) == 1


def test_a_store_of_another_database_is_left_alone(cast: Cast, brief: Deliverable) -> None:
    for number in range(MOST_FILES + 1):
        default_storage.save(f"evidence/ff/{number}", SimpleUploadedFile("x", b"x"))
    assert clear_blobs(clock=fixed_clock(moment(1) + timedelta(days=36500))) == 0
    assert len(blobs()) == MOST_FILES + 1


# --- Drafts ---------------------------------------------------------------------------------------------------------


def test_a_draft_is_one_persons_and_ends_when_it_is_marked_as_ready(cast: Cast, brief: Deliverable) -> None:
    def draft(text: str, who: str = "pm", base: int = 0) -> EvidenceDraft | None:
        return save_draft(
            deliverable_id=brief.pk, actor=getattr(cast, who), kind="text", text=text, base_version=base, clock=at(1)
        )

    assert draft(" ") is None
    draft("One")
    draft("One and two")
    draft("Mine", "contributor")
    assert sorted(EvidenceDraft.objects.values_list("text", flat=True)) == ["Mine", "One and two"]
    assert not Evidence.objects.exists()
    with refused("blocked") as found:
        submit_evidence(gate_id=brief.gate_id, actor=cast.pm, clock=at(2))
    assert [b.subject for b in found.value.blockers] == ["brief"]
    save_evidence(deliverable_id=brief.pk, actor=cast.pm, kind="text", text="Ready", expected_version=0, clock=at(2))
    assert [d.text for d in EvidenceDraft.objects.all()] == ["Mine"]
    # a save that was under way meanwhile
    assert draft("Ready") is None
    assert not EvidenceDraft.objects.filter(author=cast.pm).exists()
    with conflict("evidence_changed"):
        save_evidence(
            deliverable_id=brief.pk, actor=cast.contributor, kind="text", text="Mine", expected_version=0, clock=at(2)
        )
    assert discard_draft(deliverable_id=brief.pk, actor=cast.contributor)
    assert not discard_draft(deliverable_id=brief.pk, actor=cast.contributor)


def test_who_may_not_supply_evidence_keeps_no_draft_and_a_frozen_gate_takes_none(
    cast: Cast, brief: Deliverable
) -> None:
    for who in (cast.approver, cast.outsider, cast.administrator):
        with not_allowed("no_contribute"):
            save_draft(deliverable_id=brief.pk, actor=who, kind="text", text="x", clock=at(1))
    with refused("unknown_kind"):
        save_draft(deliverable_id=brief.pk, actor=cast.pm, kind="removed", clock=at(1))
    fill(cast, brief.gate)
    submit_evidence(gate_id=brief.gate_id, actor=cast.pm, clock=at(2))
    with conflict("evidence_frozen"):
        save_draft(deliverable_id=brief.pk, actor=cast.pm, kind="text", text="x", clock=at(3))
