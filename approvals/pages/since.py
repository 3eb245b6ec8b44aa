"""From which round on a person is told what changed: the last one that they have read."""

from dataclasses import dataclass

from django.db.models import Max

from approvals.models import Decision, RoundSeen
from gatekeeper.accounts.models import User
from gatekeeper.common.calendars import day_of
from releases.models import Gate
from releases.sentences import day_words


@dataclass(frozen=True)
class Since:
    """The round to compare with, and how the person knows it; `is_read` says that the latest round is marked read."""

    number: int
    words: str = ""
    is_read: bool = False


def since_when(gate: Gate, user: User) -> Since | None:
    """Nothing in a first round. A round that was never marked read: the last one decided in, else the one before."""
    latest = gate.round_number
    if not latest:
        return None
    seen = RoundSeen.objects.filter(gate=gate, person=user).first()
    is_read = seen is not None and seen.number >= latest
    if seen is not None and seen.number < latest:
        return Since(seen.number, f"which you read on {day_words(day_of(seen.seen_at).isoformat())}")
    if seen is not None and seen.before is not None:
        return Since(seen.before, "which you read before this one", is_read)
    if latest < 2:
        return Since(0, is_read=is_read)
    mine = Decision.objects.filter(submission__gate=gate, submission__number__lt=latest, decided_by=user)
    decided = mine.aggregate(last=Max("submission__number"))["last"]
    if decided:
        return Since(decided, "in which you decided", is_read)
    return Since(latest - 1, is_read=is_read)
