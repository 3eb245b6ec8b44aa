"""The code on a gate record: which gate, how far its release's history went, and a part of a hash over both.

A code needs no table: it says where to look, and what is found there has to give the same hash again.
"""

import hashlib
from dataclasses import dataclass

from django.db.models import QuerySet

from gatekeeper.accounts.models import User
from releases.events import canonical
from releases.kinds import EventKind
from releases.models import Event, Gate, Release

# Crockford's alphabet: no I, L, O or U, so that a code can be read aloud and typed.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
ALIKE = str.maketrans("ILO", "110")
PREFIX = "GK"
GATE_BITS, NUMBER_BITS, HASH_BITS = 30, 22, 48
LENGTH = (GATE_BITS + NUMBER_BITS + HASH_BITS) // 5


@dataclass(frozen=True)
class VerifyCode:
    """A gate's record as of one event of its release: the event's number and hash, the last round's digest."""

    gate: Gate
    number: int
    hash: str
    digest: str

    @property
    def text(self) -> str:
        """GK-0000-1A00-… in groups of four."""
        stream = self.gate.release.stream
        seal = hashlib.sha256("\n".join((stream, self.gate.key, str(self.number), self.hash, self.digest)).encode())
        part = int.from_bytes(seal.digest()) >> (256 - HASH_BITS)
        value = (((self.gate.pk << NUMBER_BITS) | self.number) << HASH_BITS) | part
        letters = "".join(ALPHABET[(value >> shift) & 31] for shift in range(5 * (LENGTH - 1), -1, -5))
        return "-".join([PREFIX, *(letters[i : i + 4] for i in range(0, LENGTH, 4))])


def gate_events(gate: Gate, release: Release) -> QuerySet[Event]:
    """The events of a release that are about one of its gates."""
    about = {"product": release.product.slug, "version": release.version, "gate": gate.key}
    return Event.objects.filter(release=release, subject=canonical(about))


def _digest_at(gate: Gate, release: Release, number: int) -> str:
    """The digest of the last round that was submitted up to an event; empty before the first."""
    event = gate_events(gate, release).filter(kind=EventKind.SUBMITTED, number__lte=number).order_by("-number").first()
    return str(event.payload.get("digest", "")) if event is not None else ""


def verify_code(gate: Gate, release: Release) -> VerifyCode:
    """The code of the record that is made now."""
    number = release.event_number
    return VerifyCode(gate, number, release.event_hash, _digest_at(gate, release, number))


@dataclass(frozen=True)
class Verified:
    """What a code stands for, and what has happened to the gate since."""

    code: VerifyCode
    event: Event
    later: int

    @property
    def gate(self) -> Gate:
        return self.code.gate


def check_code(text: str, user: User) -> Verified | None:
    """The record that a code was made of; None when there is none, or none that the person may see."""
    letters = "".join(c for c in text.upper().removeprefix(PREFIX) if c.isalnum()).translate(ALIKE)
    if len(letters) != LENGTH or any(c not in ALPHABET for c in letters):
        return None
    value = 0
    for c in letters:
        value = value << 5 | ALPHABET.index(c)
    number = value >> HASH_BITS & (1 << NUMBER_BITS) - 1
    gate = (
        Gate.objects.select_related("release__product")
        .filter(pk=value >> (HASH_BITS + NUMBER_BITS), release__in=Release.objects.visible_to(user))
        .first()
    )
    if gate is None:
        return None
    event = Event.objects.filter(release=gate.release, number=number).first()
    if event is None:
        return None
    code = VerifyCode(gate, number, event.hash, _digest_at(gate, gate.release, number))
    if code.text.replace("-", "").removeprefix(PREFIX) != letters:
        return None
    later = gate_events(gate, gate.release).filter(number__gt=number).count()
    return Verified(code, event, later)
