"""Approve several rounds at once: plain approvals, one transaction each."""

from collections.abc import Sequence
from dataclasses import dataclass

from approvals import rules
from approvals.actions.decisions import record_decision
from approvals.kinds import Verdict
from approvals.models import Decision
from gatekeeper.accounts.models import User
from gatekeeper.common.clock import Clock, database_clock
from gatekeeper.common.errors import Conflict, DomainError, Refused
from releases.actions.releases import require_text
from releases.models import Gate

MOST_AT_ONCE = 50


@dataclass(frozen=True)
class Pick:
    """One round as it was read, and the role to approve it in."""

    gate_id: int
    round_number: int
    role_key: str


@dataclass(frozen=True)
class Outcome:
    """What became of one pick: a decision, or why there is none."""

    pick: Pick
    decision: Decision | None = None
    error: DomainError | None = None


def approve_rounds(
    *, picks: Sequence[Pick], actor: User, comment: str = "", clock: Clock = database_clock
) -> list[Outcome]:
    """Approve each round in a transaction of its own: one that has changed is reported, and the others stand.

    A gate that asks for a signature is not approved in passing.

    Raises:
        Refused: nothing or too much was chosen, or the comment does not hold; nobody has decided anything then.
    """
    chosen = list(dict.fromkeys(picks))
    if not chosen:
        raise Refused("nothing_chosen", "Choose at least one gate.")
    if len(chosen) > MOST_AT_ONCE:
        raise Refused("too_many", f"{MOST_AT_ONCE} gates at most can be approved at once; {len(chosen)} are chosen.")
    comment = require_text("comment", comment, "The comment", least=0, most=rules.COMMENT_LENGTH)
    signed = set(
        Gate.objects.filter(pk__in=[p.gate_id for p in chosen], needs_signature=True).values_list("pk", flat=True)
    )
    found = []
    for pick in chosen:
        try:
            if pick.gate_id in signed:
                raise Conflict("signature_required", "It asks for your signature: decide on the gate’s own page.")
            decision = record_decision(
                gate_id=pick.gate_id,
                round_number=pick.round_number,
                role_key=pick.role_key,
                actor=actor,
                verdict=Verdict.APPROVE,
                comment=comment,
                clock=clock,
            )
        except DomainError as error:
            found.append(Outcome(pick, error=error))
        else:
            found.append(Outcome(pick, decision))
    return found
