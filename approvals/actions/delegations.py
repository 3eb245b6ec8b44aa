"""Being away: say so, end it, and what the schedule does when an absence begins or is over."""

from collections.abc import Collection, Sequence
from datetime import date, datetime

from django.db import transaction
from django.db.models import Q

from approvals import absences
from approvals.models import ApproverRole, Delegation
from approvals.reach import lock_deciding, refresh_reachability
from gatekeeper.accounts.models import User
from gatekeeper.common.calendars import day_of
from gatekeeper.common.clock import Clock, database_clock
from gatekeeper.common.errors import Conflict, NotAllowed, Refused
from releases import events
from releases.actions.releases import require_line
from releases.kinds import EventKind
from releases.permissions import is_administrator


def _require_arranging(actor: User, person: User) -> None:
    if not absences.may_arrange(actor, person):
        raise NotAllowed("not_self", "Only the person, their assistant or an administrator may do this.")


@transaction.atomic
def make_delegation(
    *,
    person: User,
    actor: User,
    delegate: User | None,
    starts_on: date,
    ends_on: date,
    roles: Sequence[ApproverRole] | None = None,
    reason: str = "",
    clock: Clock = database_clock,
) -> Delegation:
    """Say that somebody is away between two days, both included, and who decides for them.

    Args:
        delegate: None when nobody decides for them.
        roles: the seats that it is about; None for all, those given later too.

    Raises:
        NotAllowed: neither the person nor their assistant nor an administrator; or one of the latter two names
            themselves, or somebody for a product that they manage.
        Refused: every field that does not hold, such as days that overlap another absence, or a ring of stand-ins.
    """
    _require_arranging(actor, person)
    reason = require_line("reason", reason, "The reason", least=0, most=absences.REASON_LENGTH)
    # Under this lock nobody is deactivated and no other absence is made, so that a ring cannot close unseen.
    head = events.lock_organisation()
    at = clock()
    person = User.objects.get(pk=person.pk)
    delegate = User.objects.get(pk=delegate.pk) if delegate is not None else None
    found = absences.problems_of(
        person=person, delegate=delegate, starts_on=starts_on, ends_on=ends_on, roles=roles, today=day_of(at)
    )
    if found:
        raise Refused("invalid_absence", " ".join(problem.message for problem in found), fields=found)
    if delegate is not None:
        seats = roles if roles is not None else list(ApproverRole.objects.all().held_by(person))
        refusal = absences.naming_refusal(actor, person, delegate, {seat.product_id for seat in seats})
        if refusal is not None:
            raise NotAllowed(*refusal)
    delegation = Delegation(
        person=person,
        delegate=delegate,
        starts_on=starts_on,
        ends_on=ends_on,
        covers_all=roles is None,
        reason=reason,
        made_by=actor,
        made_at=at,
    )
    concerned = absences.concerned_seats_of(person, delegate, roles)
    begins_now = starts_on == day_of(at)
    if begins_now:
        lock_deciding(concerned, actor, clock)
        delegation.begun_at = at
    delegation.save()
    delegation.roles.set(roles or ())
    events.record(
        head,
        EventKind.DELEGATION_MADE,
        actor=actor,
        at=at,
        data=_about(delegation)
        | {"roles": [role.pk for role in roles] if roles is not None else "all", "reason": reason},
    )
    head.save(update_fields=["event_number", "event_hash"])
    if begins_now:
        refresh_reachability(concerned, actor, clock)
    return delegation


def _about(delegation: Delegation) -> dict[str, object]:
    return {
        "delegation": delegation.pk,
        "absent": delegation.person_id,
        "stand_in": delegation.delegate_id,
        "starts_on": delegation.starts_on,
        "ends_on": delegation.ends_on,
    }


@transaction.atomic
def end_delegation(*, delegation_id: int, actor: User, clock: Clock = database_clock) -> Delegation:
    """End an absence before its last day is over, or before it has begun. It stays in the history.

    Raises:
        NotAllowed: neither the person nor their assistant nor an administrator. Conflict: it is over already.
    """
    events.lock_organisation()
    at = clock()
    delegation = Delegation.objects.select_related("person", "delegate").get(pk=delegation_id)
    _require_arranging(actor, delegation.person)
    if delegation.ended_at is not None or delegation.ends_on < day_of(at):
        raise Conflict("over", "This absence is over already.")
    concerned = absences.concerned_seats(delegation)
    lock_deciding(concerned, actor, clock)
    _end(delegation, actor, at, why="")
    refresh_reachability(concerned, actor, clock)
    return delegation


def _end(delegation: Delegation, actor: User, at: datetime, why: str) -> None:
    delegation.ended_at, delegation.ended_by, delegation.over_at = at, actor, at
    delegation.save(update_fields=["ended_at", "ended_by", "over_at"])
    events.record_for_organisation(
        EventKind.DELEGATION_ENDED, actor=actor, at=at, data=_about(delegation) | {"why": why}
    )


def end_all_around(delegations: Collection[Delegation], actor: User, at: datetime) -> None:
    """Part of a deactivation, which has locked what they concern and refreshes it: none of them goes on."""
    for delegation in delegations:
        _end(delegation, actor, at, why="deactivated")


def refresh_absences(today: date, *, clock: Clock = database_clock) -> int:
    """The sweep's part: absences that have begun, and those whose last day has ended. Returns how many of either.

    They count by their days alone; this records misses with the right people in their seats, and tells once which
    rounds became unable to reach their quorums.
    """
    turned = Q(begun_at__isnull=True, starts_on__lte=today) | Q(over_at__isnull=True, ends_on__lt=today)
    due = Delegation.objects.filter(turned, ended_at__isnull=True).order_by("pk").values_list("pk", flat=True)
    return sum(_turn_one(delegation_id, today, clock) for delegation_id in list(due))


@transaction.atomic
def _turn_one(delegation_id: int, today: date, clock: Clock) -> bool:
    events.lock_organisation()
    at = clock()
    delegation = Delegation.objects.select_related("person", "delegate").get(pk=delegation_id)
    begins = delegation.begun_at is None and delegation.starts_on <= today
    is_over = delegation.over_at is None and delegation.ends_on < today
    if delegation.ended_at is not None or not (begins or is_over):
        return False  # another sweep was quicker, or somebody ended it
    concerned = absences.concerned_seats(delegation)
    lock_deciding(concerned, None, clock)
    delegation.begun_at = at if begins else delegation.begun_at
    delegation.over_at = at if is_over else None
    delegation.save(update_fields=["begun_at", "over_at"])
    refresh_reachability(concerned, None, clock)
    return True


@transaction.atomic
def set_assistant(*, person: User, assistant: User | None, actor: User, clock: Clock = database_clock) -> User:
    """Name the one who may say for a person that they are away, or nobody any more.

    Raises:
        NotAllowed: neither the person nor an administrator. Refused: oneself, or somebody deactivated.
    """
    if actor.pk != person.pk and not is_administrator(actor):
        raise NotAllowed("not_self", "Only the person or an administrator may change this.")
    events.lock_organisation()
    stored = User.objects.select_for_update(no_key=True).get(pk=person.pk)
    if assistant is not None:
        assistant = User.objects.get(pk=assistant.pk)
        if assistant.pk == stored.pk:
            raise Refused.for_field("assistant", "oneself", "Nobody is their own assistant.")
        if not assistant.is_active:
            raise Refused.for_field("assistant", "inactive", f"{assistant} is deactivated.")
        if assistant.pk == actor.pk:
            raise NotAllowed("own_permissions", f"{stored} or another administrator has to name you.")
    if stored.assistant_id == (assistant.pk if assistant else None):
        return stored
    stored.assistant = assistant
    stored.save(update_fields=["assistant"])
    events.record_for_organisation(
        EventKind.USER_CHANGED,
        actor=actor,
        at=clock(),
        data={"user": stored.pk, "fields": ["assistant"], "assistant": assistant.pk if assistant else None},
    )
    return stored
