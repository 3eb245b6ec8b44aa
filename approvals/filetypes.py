"""What a file is, found by its content: a short allow-list, and anything else is just bytes. Nothing is unpacked."""

import struct
import zipfile
from collections.abc import Iterable
from typing import BinaryIO

UNKNOWN = "application/octet-stream"
HEAD = 4096
# A picture of more pixels is just bytes: a browser that showed it would need gigabytes to unpack a small file.
MOST_PIXELS = 50_000_000
# The list of members of an archive may be this long; longer ones are not read.
MOST_DIRECTORY = 1_000_000

SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"%PDF-", "application/pdf"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"\x1f\x8b\x08", "application/gzip"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
)
PICTURES = ("image/png", "image/jpeg", "image/gif")
OOXML = (
    ("word/", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("xl/", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("ppt/", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
)
ZIP_LOCAL, ZIP_END = b"PK\x03\x04", b"PK\x05\x06"
# Text that a browser would act upon is no plain text.
ACTIVE = (b"<!doctype", b"<html", b"<head", b"<body", b"<script", b"<svg", b"<?xml", b"<iframe")
# Tab, line feed, form feed, carriage return and escape are what text files have below the space.
_TEXT_CONTROLS = {9, 10, 12, 13, 27}


def content_type_of(stream: BinaryIO) -> str:
    """The media type of a file by its first bytes (of an archive by its members' names); leaves it at its beginning."""
    try:
        stream.seek(0)
        head = stream.read(HEAD)
        for signature, found in SIGNATURES:
            if head.startswith(signature):
                return UNKNOWN if found in PICTURES and _pixels(found, head, stream) > MOST_PIXELS else found
        if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
            return UNKNOWN if _pixels("image/webp", head, stream) > MOST_PIXELS else "image/webp"
        if head[4:8] == b"ftyp":
            return "video/mp4"
        if head.startswith(ZIP_LOCAL):
            return _archive(stream)
        return "text/plain" if _is_text(head, stream) else UNKNOWN
    finally:
        stream.seek(0)


def _pixels(kind: str, head: bytes, stream: BinaryIO) -> int:
    """Width times height as a picture's own header says, without unpacking it; 0 when it does not say.

    Sources: PNG (ISO/IEC 15948) IHDR; GIF89a logical screen descriptor; WebP (RFC 9649) VP8, VP8L and VP8X chunks;
    JPEG (ITU-T T.81) frame headers.
    """
    try:
        if kind == "image/png":
            width, height = struct.unpack_from(">II", head, 16)
        elif kind == "image/gif":
            width, height = struct.unpack_from("<HH", head, 6)
        elif kind == "image/jpeg":
            width, height = _jpeg_size(stream)
        elif head[12:16] == b"VP8X":
            width, height = (1 + int.from_bytes(head[at : at + 3], "little") for at in (24, 27))
        elif head[12:16] == b"VP8L":
            bits = int.from_bytes(head[21:25], "little")
            width, height = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        else:
            width, height = (size & 0x3FFF for size in struct.unpack_from("<HH", head, 26))
    except struct.error:
        return 0
    return width * height


def _jpeg_size(stream: BinaryIO) -> tuple[int, int]:
    """Width and height in the first frame header, found by stepping from segment to segment."""
    at = 2
    for _segment in range(200):
        stream.seek(at)
        marker, kind, length, _depth, height, width = struct.unpack(">BBHBHH", stream.read(9))
        if marker != 0xFF:
            break
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            return width, height
        at += 2 + length
    return 0, 0


def _archive(stream: BinaryIO) -> str:
    """A zip, or the office document that it is inside."""
    members = _members(stream)
    if "[Content_Types].xml" in members:
        for folder, found in OOXML:
            if any(name.startswith(folder) for name in members):
                return found
    return "application/zip"


def _members(stream: BinaryIO) -> Iterable[str]:
    """Names in a zip's directory; nothing of one that is damaged or too long to be read."""
    size = stream.seek(0, 2)
    tail = min(size, 66_000)
    stream.seek(size - tail)
    end = stream.read(tail)
    at = end.rfind(ZIP_END)
    if at < 0 or len(end) - at < 22:
        return ()
    (length,) = struct.unpack_from("<I", end, at + 12)
    if length > MOST_DIRECTORY:
        return ()
    try:
        with zipfile.ZipFile(stream) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, UnicodeDecodeError):
        return ()


def _is_text(head: bytes, stream: BinaryIO) -> bool:
    """UTF-8 without control characters from end to end, and nothing in its beginning that a browser would act upon."""
    if any(mark in head.lower() for mark in ACTIVE):
        return False
    stream.seek(0)
    rest = b""
    while piece := stream.read(1 << 20):
        data = rest + piece
        if any(byte < 32 and byte not in _TEXT_CONTROLS for byte in set(data)):
            return False
        try:
            data.decode()
            rest = b""
        except UnicodeDecodeError as error:
            # a character may be cut by the end of the piece, and by nothing else
            if error.end != len(data) or len(data) - error.start > 3:
                return False
            rest = data[error.start :]
    return not rest
