"""Virus scanners: one reads a file and names what it found. The setting EVIDENCE_SCANNER says which one is asked."""

import socket
import struct
from collections.abc import Callable
from typing import BinaryIO

from django.conf import settings
from django.utils.module_loading import import_string

from approvals.kinds import Scan
from gatekeeper.common.errors import Refused, Unavailable

# Takes a file at its beginning; returns the name of what it found, or "". Raises OSError when it cannot say.
Scanner = Callable[[BinaryIO], str]

CHUNK = 1 << 16
TIMEOUT = 20  # seconds, for each answer of the scanner
MOST_ANSWER = 4096


class Infected(Refused):
    """A scanner found something in a file; nothing of the file is kept."""

    def __init__(self, name: str, found: str) -> None:
        super().__init__("infected", f"{name} was not kept: the virus scanner found {found}.")
        self.found = found


def scan(stream: BinaryIO, name: str) -> str:
    """Ask the scanner of the settings about a file.

    Returns:
        `clean`, or `not_scanned` when the installation has no scanner.

    Raises:
        Infected: it found something. Unavailable: it does not answer, so nothing is let in.
    """
    if not settings.EVIDENCE_SCANNER:
        return Scan.NOT_SCANNED
    scanner: Scanner = import_string(settings.EVIDENCE_SCANNER)
    try:
        stream.seek(0)
        found = scanner(stream)
    except OSError as error:
        raise Unavailable(
            "scanner_down", f"{name} could not be scanned for viruses, so it was not taken. Try again in a minute."
        ) from error
    finally:
        stream.seek(0)
    if found:
        raise Infected(name, found)
    return Scan.CLEAN


def clamd(stream: BinaryIO) -> str:
    """Ask ClamAV's daemon at CLAMD_ADDRESS by its INSTREAM command (man clamd): pieces with their length, then a zero.

    Raises:
        OSError: it cannot be reached, does not answer in time, or answers with an error.
    """
    host, _colon, port = settings.CLAMD_ADDRESS.rpartition(":")
    with socket.create_connection((host.strip("[]"), int(port)), timeout=TIMEOUT) as connection:
        connection.sendall(b"zINSTREAM\0")
        while piece := stream.read(CHUNK):
            connection.sendall(struct.pack(">I", len(piece)) + piece)
        connection.sendall(struct.pack(">I", 0))
        answer = b""
        while not answer.endswith(b"\0") and len(answer) < MOST_ANSWER:
            received = connection.recv(MOST_ANSWER)
            if not received:
                break
            answer += received
    words = answer.rstrip(b"\0\n").decode(errors="replace").removeprefix("stream: ")
    if words == "OK":
        return ""
    if words.endswith(" FOUND"):
        # what a stranger's signature is called ends up in pages and events
        return "".join(c for c in words.removesuffix(" FOUND") if c.isprintable())[:100] or "something"
    raise OSError(f"clamd answered {words[:200]!r}")
