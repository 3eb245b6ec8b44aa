"""Which round of a gate a person has read. Like any read mark it is nobody else's business, and no event."""

from datetime import datetime

from django.db import transaction

from approvals.models import RoundSeen, Submission
from gatekeeper.accounts.models import User
from gatekeeper.common.clock import Clock, database_clock
from gatekeeper.common.errors import Refused
from releases.models import Gate
from releases.permissions import who_may_see


@transaction.atomic
def mark_round_read(*, gate_id: int, round_number: int, actor: User, clock: Clock = database_clock) -> RoundSeen:
    """A person has read a round; a later one that they have read stays.

    Raises:
        Refused: there is no such round.
    """
    gate = Gate.objects.select_related("release__product").get(pk=gate_id)
    visible = who_may_see(gate.release.product, [actor.pk])
    if not visible or not Submission.objects.filter(gate=gate, number=round_number).exists():
        raise Refused.for_field("round", "unknown_round", f"{gate.name} has no round {round_number}.")
    return remember_round(gate, actor, round_number, clock())


def remember_round(gate: Gate, person: User, number: int, at: datetime) -> RoundSeen:
    """Remember the round, and the one that was read before it, so that the page still tells what changed since then."""
    seen, is_new = RoundSeen.objects.select_for_update().get_or_create(
        person=person, gate=gate, defaults={"number": number, "seen_at": at}
    )
    if not is_new and seen.number < number:
        seen.before, seen.number, seen.seen_at = seen.number, number, at
        seen.save()
    return seen
