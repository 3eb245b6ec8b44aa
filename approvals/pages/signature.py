"""What a person reads before they sign: the very sentences that the decision will store."""

from dataclasses import dataclass

from approvals import rules
from approvals.kinds import Verdict
from approvals.status import GateStatus, free_seat
from gatekeeper.accounts.models import User
from gatekeeper.common.calendars import organisation_zone


@dataclass(frozen=True)
class Statement:
    """The sentences of one role: what is signed with each choice."""

    role: str
    approve: str
    conditions: str
    decline: str


@dataclass(frozen=True)
class SignatureCard:
    """The signature of a decision that is about to be made."""

    person: User
    statements: tuple[Statement, ...]
    time_zone: str
    is_fresh: bool
    """Whether the password was given within the last ten minutes."""

    @property
    def minutes(self) -> int:
        return rules.SIGNATURE_MINUTES


def signature_card(status: GateStatus, user: User, *, is_fresh: bool) -> SignatureCard | None:
    """Nothing where the gate asks for no signature or the person cannot decide."""
    facts = status.facts
    if not facts.gate.needs_signature or not status.my_roles:
        return None
    roles = {row.role.key: row.role for row in facts.roles}
    number = facts.gate.round_number

    def sentence(key: str, verdict: str, *, has_conditions: bool = False) -> str:
        seat = free_seat(facts, user, roles[key].pk)
        principal = seat.on_behalf_of if seat is not None else None
        return rules.decision_meaning(
            facts.gate.name, str(facts.release), verdict=verdict, round_number=number, role=roles[key].name,
            principal=str(principal) if principal is not None else "", has_conditions=has_conditions,
        )  # fmt: skip

    return SignatureCard(
        person=user,
        statements=tuple(
            Statement(
                role=roles[key].name,
                approve=sentence(key, Verdict.APPROVE),
                conditions=sentence(key, Verdict.APPROVE, has_conditions=True),
                decline=sentence(key, Verdict.DECLINE),
            )
            for key in status.my_roles
        ),
        time_zone=organisation_zone().key,
        is_fresh=is_fresh,
    )
