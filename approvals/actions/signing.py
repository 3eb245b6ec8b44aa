"""Signatures: at some gates a decision is signed with a fresh password, a printed name, a time and a meaning."""

from dataclasses import dataclass
from datetime import datetime

from approvals import rules
from gatekeeper.common.calendars import organisation_zone
from gatekeeper.common.errors import Refused
from releases.locking import LockedRelease
from releases.models import Gate

SIGNATURE_REQUIRED = "signature_required"


@dataclass(frozen=True)
class Signature:
    """A person agrees to sign, having given their password again at a moment (UTC). Tokens and batches have none."""

    reauthenticated_at: datetime


@dataclass(frozen=True)
class Signed:
    """What a signed row stores; both are empty where the gate asks for no signature."""

    meaning: str = ""
    time_zone: str = ""

    @property
    def event_data(self) -> dict[str, str]:
        """What the event says besides."""
        return {"meaning": self.meaning, "time_zone": self.time_zone} if self.meaning else {}


def require_signature(locked: LockedRelease, gate: Gate, signature: Signature | None, meaning: str) -> Signed:
    """What to store of a decision or waiver, under the lock: nothing where the gate asks for no signature.

    Raises:
        Refused: `signature_required`: there is none, or the password was given more than ten minutes ago.
    """
    if not gate.needs_signature:
        return Signed()
    if signature is None:
        raise Refused(SIGNATURE_REQUIRED, f"{gate.name} asks for a signature: give your password again, then sign.")
    if not rules.is_fresh(signature.reauthenticated_at, locked.at):
        raise Refused(
            SIGNATURE_REQUIRED,
            f"Your password was given more than {rules.SIGNATURE_MINUTES} minutes ago. Give it again, then sign.",
        )
    return Signed(meaning, organisation_zone().key)
