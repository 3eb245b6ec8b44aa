"""How often the API may be called: per token (or signed-in person) and per address, in windows of a minute.

The counts are rows that all processes share. A process takes calls in small blocks and hands them out from memory, so
that few requests write; together they never hand out more than the limit.
"""

import hashlib
import threading
import time
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction

from gatekeeper.common.api.problems import ApiProblem
from gatekeeper.common.models import CallWindow

WINDOW = 60  # seconds
BLOCKS = 20  # a process takes a twentieth of the limit at a time


@dataclass
class Lease:
    """Calls that this process may hand out without asking."""

    window: int
    left: int
    shared: int  # what nobody has taken yet, when this block was


_leases: dict[tuple[str, int], Lease] = {}
_lock = threading.Lock()


@dataclass(frozen=True)
class Standing:
    """How many calls are left in the present window, and when it ends."""

    policy: str
    limit: int
    left: int
    seconds: int

    @property
    def headers(self) -> dict[str, str]:
        """As in the draft standard RateLimit headers of the IETF."""
        return {
            "RateLimit-Policy": f'"{self.policy}";q={self.limit};w={WINDOW}',
            "RateLimit": f'"{self.policy}";r={self.left};t={self.seconds}',
        }


def take(policy: str, subject: str, limit: int) -> Standing:
    """Count one call of a subject.

    Raises:
        ApiProblem: 429 with `Retry-After`, when the limit of this minute is used up.
    """
    now = time.time()
    window = int(now // WINDOW)
    seconds = WINDOW - int(now % WINDOW)
    key = (f"{policy}:{subject}", limit)
    with _lock:
        lease = _leases.get(key)
        if lease is None or lease.window != window or lease.left < 1:
            if len(_leases) > 10_000:
                _leases.clear()
            lease = _leases[key] = _reserve(key[0], window, limit)
        if lease.left < 1:
            standing = Standing(policy, limit, 0, seconds)
            raise ApiProblem(
                429,
                "too_many_requests",
                f"At most {limit} requests a minute. Wait {seconds} seconds, then go on.",
                headers=standing.headers | {"Retry-After": str(seconds)},
            )
        lease.left -= 1
        return Standing(policy, limit, lease.left + lease.shared, seconds)


def _reserve(subject: str, window: int, limit: int) -> Lease:
    """Take the next block from what all processes share."""
    key = hashlib.sha256(subject.encode()).hexdigest()
    with transaction.atomic():
        row, _made = CallWindow.objects.select_for_update().get_or_create(
            key=key, defaults={"window": window, "used": 0}
        )
        if row.window != window:
            row.window, row.used = window, 0
        block = max(0, min(max(1, limit // BLOCKS), limit - row.used))
        if block:
            row.used += block
            row.save(update_fields=["window", "used"])
    return Lease(window, block, limit - row.used)


def take_for_address(address: str) -> Standing:
    """Count a call from an address, whoever it is."""
    return take("address", address, settings.API_CALLS_PER_ADDRESS)


def take_for_caller(caller: str) -> Standing:
    """Count a call with a token or by a signed-in person."""
    return take("caller", caller, settings.API_CALLS_PER_TOKEN)
