"""Which running releases a change of people or seats leaves without a reachable quorum."""

from collections.abc import Iterable

from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import Q, QuerySet

from approvals import rules
from approvals.actions.rounds import facts_of
from approvals.models import ApproverRole, GateRole
from gatekeeper.accounts.models import User
from gatekeeper.common.clock import Clock, database_clock
from releases.actions.slips import record_misses
from releases.kinds import UNDECIDED, EventKind, ReleaseState
from releases.locking import lock_release
from releases.models import Release


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


def stuck_without(person: User) -> list[tuple[Release, tuple[str, ...]]]:
    """What a deactivation of a person would leave unreachable: releases and the role keys. Changes nothing."""
    found = []
    with transaction.atomic():
        for release in releases_deciding_in(seats_of(person)).order_by("pk")[:200]:
            locked = lock_release(release.pk, actor=None)
            gate = locked.current
            if gate is None or not gate.is_undecided:
                continue
            facts = facts_of(locked, gate)
            candidates = {key: people - {person.pk} for key, people in facts.candidates().items()}
            if short := rules.unreachable_roles(facts.needs, facts.votes, candidates):
                found.append((locked.release, short))
    return found
