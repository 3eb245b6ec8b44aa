"""Tokens of the API as text: how they are made, known again and kept. Pure functions.

    gk_<prefix>_<secret><checksum>

The prefix (8 characters) names the token and is shown; the secret has 256 bits and is kept only as a keyed hash; the
checksum (6 characters) tells a token from a text that looks like one, so that a scanner of logs and repositories knows
a leaked one without asking anybody.
"""

import hashlib
import hmac
import re
import secrets
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
PREFIX_LETTERS = "0123456789abcdefghijkmnpqrstuvwxyz"
PREFIX_LENGTH = 8
SECRET_LENGTH = 43  # 62 ** 43 > 2 ** 256
CHECKSUM_LENGTH = 6
PATTERN = re.compile(
    rf"gk_([0-9a-z]{{{PREFIX_LENGTH}}})_([0-9A-Za-z]{{{SECRET_LENGTH}}})([0-9A-Za-z]{{{CHECKSUM_LENGTH}}})"
)


@dataclass(frozen=True)
class TokenText:
    """A token in the clear: only its owner keeps it."""

    prefix: str
    secret: str

    @property
    def text(self) -> str:
        return f"gk_{self.prefix}_{self.secret}{checksum(self.prefix, self.secret)}"


def _base62(number: int, length: int) -> str:
    found = ""
    for _ in range(length):
        number, rest = divmod(number, 62)
        found = LETTERS[rest] + found
    return found


def checksum(prefix: str, secret: str) -> str:
    """CRC-32 of the rest, in six letters."""
    return _base62(zlib.crc32(f"gk_{prefix}_{secret}".encode()), CHECKSUM_LENGTH)


def new_token() -> TokenText:
    """A token that nobody has."""
    prefix = "".join(secrets.choice(PREFIX_LETTERS) for _ in range(PREFIX_LENGTH))
    return TokenText(prefix, _base62(secrets.randbits(256), SECRET_LENGTH))


def read_token(text: str) -> TokenText | None:
    """A token from its text; None when it is not one by its shape or checksum."""
    found = PATTERN.fullmatch(text)
    if found is None or checksum(found[1], found[2]) != found[3]:
        return None
    return TokenText(found[1], found[2])


def find_tokens(text: str) -> Iterator[TokenText]:
    """Tokens anywhere in a text, such as a log; what only looks like one is left out."""
    for found in PATTERN.finditer(text):
        if checksum(found[1], found[2]) == found[3]:
            yield TokenText(found[1], found[2])


def digest_of(token: TokenText, secret_key: str) -> str:
    """What is kept: HMAC-SHA-256 under a key that is made from the installation's secret key and is no other's."""
    pepper = hashlib.sha256(f"gatekeeper.accounts.tokens:{secret_key}".encode()).digest()
    return hmac.new(pepper, token.text.encode(), hashlib.sha256).hexdigest()
