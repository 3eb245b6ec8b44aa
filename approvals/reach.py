"""Which running releases a change of people or seats leaves without a reachable quorum."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from approvals import rules
from approvals.actions.rounds import facts_of
from approvals.facts import load_reach
from approvals.models import ApproverRole, GateRole
from gatekeeper.accounts.models import User
from gatekeeper.common.calendars import day_of
from gatekeeper.common.clock import Clock, database_clock
from gatekeeper.common.errors import Conflict
from releases.actions.slips import record_misses
from releases.kinds import UNDECIDED, EventKind, GateState, ReleaseState
from releases.locking import lock_release
from releases.models import Gate, Release


def releases_deciding_in(roles: Iterable[int]) -> QuerySet[Release]:
    """Running releases whose current, undecided gate needs one of some seats."""
    gates = GateRole.objects.filter(role__in=list(roles), gate__state__in=UNDECIDED).values("gate__release")
    return Release.objects.filter(pk__in=gates, state__in=[ReleaseState.ACTIVE, ReleaseState.RELEASED])


def seats_of(holder: User | Group) -> list[int]:
    """Ids of the seats that a person (also through groups) or a group holds."""
    if isinstance(holder, User):
        return list(ApproverRole.objects.all().held_by(holder).values_list("pk", flat=True))
    return list(
        ApproverRole.objects.filter(Q(approverrolegroupobjectpermission__group=holder)).values_list("pk", flat=True)
    )


def lock_deciding(roles: Iterable[int], actor: User | None, clock: Clock = database_clock) -> None:
    """Before a change of who sits where: lock each release that decides in the seats, and record its miss.

    So the cause of a miss is told from who sat there on the due day, and a decision is either before the change or
    after it. The organisation's stream is locked first, releases in order of their numbers.
    """
    for release_id in list(releases_deciding_in(roles).order_by("pk").values_list("pk", flat=True)):
        locked = lock_release(release_id, actor=actor, clock=clock)
        if record_misses(locked) is not None:
            locked.finish()


def refresh_reachability(roles: Iterable[int], actor: User | None, clock: Clock = database_clock) -> list[Release]:
    """After a change of who sits where: recompute each affected release under its lock, and flag what became stuck.

    Call it inside the transaction of the change. Returns the releases that became unreachable now.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("Reachability is refreshed in the transaction of the change.")
    stuck: list[Release] = []
    for release_id in list(releases_deciding_in(roles).order_by("pk").values_list("pk", flat=True)):
        locked = lock_release(release_id, actor=actor, clock=clock)
        gate = locked.current
        if gate is None or not gate.is_undecided:
            continue
        facts = facts_of(locked, gate)
        short = rules.unreachable_roles(facts.needs, facts.votes, facts.candidates())
        if bool(short) == locked.release.is_quorum_unreachable:
            continue
        if short:
            locked.record(
                EventKind.QUORUM_UNREACHABLE, gate=gate, data={"round": gate.round_number, "roles": list(short)}
            )
            stuck.append(locked.release)
        locked.finish()
    return stuck


def rounds_within_reach(roles: Iterable[int]) -> set[int]:
    """Before a change of who sits where: the releases whose open round can still reach its quorums."""
    waiting = releases_deciding_in(roles).filter(current_state=GateState.IN_REVIEW, is_quorum_unreachable=False)
    return set(waiting.values_list("pk", flat=True))


def refuse_to_strand(waiting: set[int], stuck: Iterable[Release], who: str) -> None:
    """Refuse a change that nobody has confirmed when an open round became unreachable by it.

    Raises:
        Conflict: naming the releases.
    """
    names = [str(release) for release in stuck if release.pk in waiting]
    if names:
        raise Conflict(
            "empties_needed_role",
            f"{who} could not reach {'its' if len(names) == 1 else 'their'} quorum any more in the open round of "
            f"{', '.join(names)}.",
        )


@dataclass(frozen=True)
class Stuck:
    """A gate of a running release that could not reach its quorums: which roles, and whether it is worked on now."""

    gate: Gate
    roles: tuple[str, ...]
    is_current: bool


# As many gates as one page names.
STUCK_LIMIT = 200


def stuck_without(person: User) -> list[Stuck]:
    """What a deactivation of a person would leave unreachable, in current and in later gates. Changes nothing.

    Gates in review are judged by their round; of the others everybody who sits there counts.
    """
    mine = seats_of(person)
    gates = list(
        Gate.objects.filter(
            roles__role__in=mine,
            state__in=[GateState.UPCOMING, *UNDECIDED],
            release__state__in=[ReleaseState.ACTIVE, ReleaseState.RELEASED, ReleaseState.ON_HOLD],
        )
        .select_related("release__product")
        .distinct()
        .order_by("due_on", "pk")[:STUCK_LIMIT]
    )
    all_facts = load_reach(gates, day_of(timezone.now()))
    found = []
    for gate in gates:
        facts = all_facts[gate.pk]
        if gate.is_undecided and gate.release.is_running:
            needs, votes, candidates = facts.needs, facts.votes, facts.candidates()
        else:
            needs = [rules.RoleNeed(row.role.key, row.role.name, row.quorum, row.order) for row in facts.roles]
            votes = []
            candidates = {row.role.key: {h.user.pk for h in facts.holders[row.role_id]} for row in facts.roles}
        rest = {key: people - {person.pk} for key, people in candidates.items()}
        short = rules.unreachable_roles(needs, votes, rest)
        if short and short != rules.unreachable_roles(needs, votes, candidates):
            names = {need.key: need.name for need in needs}
            found.append(Stuck(gate, tuple(names[key] for key in short), gate.is_undecided))
    return found
