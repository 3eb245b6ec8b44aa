"""People and groups: created, changed, deactivated, never deleted. Every change is an event of the organisation."""

from typing import Any
from zoneinfo import available_timezones

from django.contrib.auth.models import Group, Permission
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from approvals.absences import absences_around, concerned_seats
from approvals.actions.delegations import end_all_around
from approvals.actions.tokens import end_all_tokens
from approvals.reach import lock_deciding, refresh_reachability, refuse_to_strand, rounds_within_reach, seats_of
from gatekeeper.accounts.models import CalendarLink, Theme, User
from gatekeeper.common.calendars import day_of
from gatekeeper.common.clock import Clock, database_clock
from gatekeeper.common.errors import Conflict, FieldProblem, NotAllowed, Refused
from releases import events
from releases.actions.releases import line_problem, require_line
from releases.kinds import EventKind
from releases.permissions import GLOBAL_PERMISSIONS, is_administrator, require_administrator


def _person_problems(
    username: str, email: str, full_name: str, title: str, *, besides: int | None = None
) -> list[FieldProblem]:
    problems: list[FieldProblem] = []
    others = User.objects.all() if besides is None else User.objects.exclude(pk=besides)
    try:
        User.username_validator(username)
    except ValidationError:
        problems.append(FieldProblem("username", "invalid", "User name: letters, digits and @ . + - _ only."))
    if not username or len(username) > 150:
        problems.append(FieldProblem("username", "required", "User name: from 1 to 150 characters."))
    elif others.filter(username__iexact=username).exists():
        problems.append(FieldProblem("username", "exists", f"User name: {username} is taken."))
    try:
        validate_email(email)
    except ValidationError:
        problems.append(FieldProblem("email", "invalid", "E-mail: give a whole address such as name@example.org."))
    else:
        if others.filter(email__iexact=email).exists():
            problems.append(FieldProblem("email", "exists", f"E-mail: {email} is in use."))
    if not full_name.strip() or len(full_name) > 120 or not full_name.isprintable():
        problems.append(FieldProblem("full_name", "required", "Name: from 1 to 120 characters."))
    if problem := line_problem(title.strip()):
        problems.append(FieldProblem("title", "invalid", f"Role title: {problem}"))
    return problems


def _password_problems(password: str, person: User) -> list[FieldProblem]:
    try:
        validate_password(password, person)
    except ValidationError as error:
        return [FieldProblem("password", "weak_password", f"Password: {text}") for text in error.messages]
    return []


@transaction.atomic
def create_first_administrator(
    *,
    username: str,
    email: str,
    full_name: str,
    password: str,
    organisation: str,
    title: str = "",
    clock: Clock = database_clock,
) -> User:
    """First steps: the first person of an empty installation, who administers it.

    Raises:
        Conflict: there is a person already. Refused: every bad field at once.
    """
    head = events.lock_organisation()
    if User.objects.exists():
        raise Conflict("already_set_up", "This installation has people already. Sign in instead.")
    person = User(username=username, email=email, full_name=full_name.strip(), title=title.strip())
    problems = _person_problems(username, email, full_name, title) + _password_problems(password, person)
    if not organisation.strip() or len(organisation) > 120:
        problems.append(FieldProblem("organisation", "required", "Organisation: from 1 to 120 characters."))
    elif problem := line_problem(organisation.strip()):
        problems.append(FieldProblem("organisation", "invalid", f"Organisation: {problem}"))
    if problems:
        raise Refused("invalid_person", "The first user was not created.", fields=problems)
    at = clock()
    person.set_password(password)
    person.save()
    _grant_globals(person, GLOBAL_PERMISSIONS)
    head.name = organisation.strip()
    head.set_up_at = at
    events.record(head, EventKind.ORGANISATION_SAVED, actor=person, at=at, data={"name": head.name})
    events.record(head, EventKind.USER_CREATED, actor=person, at=at, data={"user": person.pk, "administers": True})
    head.save()
    return person


def _grant_globals(person: User, names: tuple[str, ...]) -> None:
    codenames = [name.split(".")[1] for name in names]
    person.user_permissions.add(*Permission.objects.filter(content_type__app_label="releases", codename__in=codenames))


@transaction.atomic
def create_person(
    *,
    username: str,
    email: str,
    full_name: str,
    actor: User | None,
    title: str = "",
    password: str | None = None,
    permissions: tuple[str, ...] = (),
    is_service: bool = False,
    clock: Clock = database_clock,
) -> User:
    """Create a person; without a password they set one through "Forgot it?". `actor` None is set-up by a command.

    Args:
        permissions: global ones of `GLOBAL_PERMISSIONS`.
        is_service: an account for an engineering tool, which has tokens instead of a password.
    """
    if actor is not None:
        require_administrator(actor)
    events.lock_organisation()  # names are unique: the second of two equal ones waits, and is told
    person = User(
        username=username,
        email=email,
        full_name=full_name.strip(),
        title=title.strip()[:120],
        is_service=is_service,
        wants_email=not is_service,
    )
    problems = _person_problems(username, email, full_name, title)
    if is_service and (password is not None or permissions):
        problems.append(
            FieldProblem("password", "service", "A service account has no password and administers nothing.")
        )
    if password is not None:
        problems += _password_problems(password, person)
    problems += [
        FieldProblem("permissions", "unknown", f"{name} is not a permission.")
        for name in permissions
        if name not in GLOBAL_PERMISSIONS
    ]
    if problems:
        raise Refused("invalid_person", "The person was not created.", fields=problems)
    if password is None:
        person.set_unusable_password()
    else:
        person.set_password(password)
    person.save()
    if permissions:
        _grant_globals(person, permissions)
    data = {"user": person.pk, "permissions": list(permissions)} | ({"is_service": True} if is_service else {})
    _record(EventKind.USER_CREATED, actor, clock, data)
    return person


@transaction.atomic
def set_global_permissions(
    *, person: User, actor: User, permissions: tuple[str, ...], clock: Clock = database_clock
) -> None:
    """Give and take the permissions that hold for the whole organisation, to exactly these of `GLOBAL_PERMISSIONS`.

    Raises:
        NotAllowed: not an administrator, or one's own. Refused: an unknown permission, or a deactivated person.
    """
    require_administrator(actor)
    if person.pk == actor.pk:
        raise NotAllowed("own_permissions", "Another administrator has to change your own permissions.")
    unknown = sorted(set(permissions) - set(GLOBAL_PERMISSIONS))
    if unknown:
        raise Refused.for_field("permissions", "unknown", f"{unknown[0]} is not a permission.")
    events.lock_organisation()
    stored = User.objects.select_for_update(no_key=True).get(pk=person.pk)
    if permissions and not stored.is_active:
        raise Refused.for_field("permissions", "inactive", f"{stored} is deactivated.")
    codenames = {name.split(".")[1]: name for name in GLOBAL_PERMISSIONS}
    held = stored.user_permissions.filter(content_type__app_label="releases", codename__in=codenames)
    before = {codenames[codename] for codename in held.values_list("codename", flat=True)}
    for name in sorted(before - set(permissions)):
        stored.user_permissions.remove(*held.filter(codename=name.split(".")[1]))
        _record(EventKind.GRANT_REVOKED, actor, clock, {"permission": name, "user": stored.pk})
    for name in sorted(set(permissions) - before):
        _grant_globals(stored, (name,))
        _record(EventKind.GRANT_GIVEN, actor, clock, {"permission": name, "user": stored.pk})


def _record(kind: str, actor: User | None, clock: Clock, data: dict[str, Any]) -> None:
    events.record_for_organisation(kind, actor=actor, at=clock(), data=data)


def _require_self_or_administrator(actor: User, person: User) -> None:
    if actor.pk != person.pk and not is_administrator(actor):
        raise NotAllowed("not_self", "Only the person or an administrator may change this.")


@transaction.atomic
def change_profile(
    *,
    person: User,
    actor: User,
    full_name: str,
    email: str,
    title: str,
    theme: str = "",
    time_zone: str = "",
    has_shortcuts: bool = True,
    wants_email: bool = True,
    clock: Clock = database_clock,
) -> User:
    """Change a person's name, e-mail, role title and display settings. Decisions keep the name of their time."""
    _require_self_or_administrator(actor, person)
    events.lock_organisation()
    stored = User.objects.select_for_update(no_key=True).get(pk=person.pk)
    problems = _person_problems(stored.username, email, full_name, title, besides=stored.pk)
    if len(title) > 120:
        problems.append(FieldProblem("title", "too_long", "Role title: longer than 120 characters."))
    if theme not in Theme.values:
        problems.append(FieldProblem("theme", "unknown", "Appearance: choose one of the list."))
    if time_zone and time_zone not in available_timezones():
        problems.append(FieldProblem("time_zone", "unknown", f"Time zone: {time_zone} is not known."))
    if problems:
        raise Refused("invalid_person", "The profile was not saved.", fields=problems)
    names = ("full_name", "email", "title", "theme", "time_zone", "has_shortcuts", "wants_email")
    values = (full_name.strip(), email, title.strip(), theme, time_zone, has_shortcuts, wants_email)
    changed = [name for name, value in zip(names, values, strict=True) if getattr(stored, name) != value]
    if not changed:
        return stored
    for name, value in zip(names, values, strict=True):
        setattr(stored, name, value)
    stored.save(update_fields=changed)
    _record(EventKind.USER_CHANGED, actor, clock, {"user": stored.pk, "fields": changed})
    return stored


@transaction.atomic
def change_password(*, person: User, actor: User, password: str, clock: Clock = database_clock) -> None:
    """Set a new password. Other sessions of the person end, because their key depends on it."""
    _require_self_or_administrator(actor, person)
    events.lock_organisation()
    stored = User.objects.select_for_update(no_key=True).get(pk=person.pk)
    if problems := _password_problems(password, stored):
        raise Refused("weak_password", "The password was not changed.", fields=problems)
    stored.set_password(password)
    stored.save(update_fields=["password"])
    person.password = stored.password
    _record(EventKind.USER_PASSWORD_CHANGED, actor, clock, {"user": stored.pk})


@transaction.atomic
def deactivate_person(*, person: User, actor: User, clock: Clock = database_clock) -> User:
    """Deactivate: the person cannot sign in or decide from the next request on; everything they did stays.

    Absences of the person, and those in which they stand in, end; so do their API tokens and calendar address, for
    good. Rounds whose quorums become unreachable are flagged and their product managers told.
    """
    require_administrator(actor)
    if person.pk == actor.pk:
        raise NotAllowed("own_account", "Another administrator has to deactivate you.")
    events.lock_organisation()
    stored = User.objects.select_for_update(no_key=True).get(pk=person.pk)
    if not stored.is_active:
        raise Conflict("inactive", f"{stored} is deactivated already.")
    at = clock()
    ending = absences_around(stored, day_of(at))
    seats = sorted({*seats_of(stored), *(seat for one in ending for seat in concerned_seats(one))})
    lock_deciding(seats, actor, clock)
    stored.is_active = False
    stored.save(update_fields=["is_active"])
    ended = end_all_tokens(stored, actor, at)
    CalendarLink.objects.filter(person=stored).delete()
    _record(EventKind.USER_DEACTIVATED, actor, clock, {"user": stored.pk} | ({"tokens": ended} if ended else {}))
    end_all_around(ending, actor, at)
    refresh_reachability(seats, actor, clock)
    return stored


@transaction.atomic
def reactivate_person(*, person: User, actor: User, clock: Clock = database_clock) -> User:
    """Let a deactivated person in again."""
    require_administrator(actor)
    events.lock_organisation()
    stored = User.objects.select_for_update(no_key=True).get(pk=person.pk)
    if stored.is_active:
        raise Conflict("active", f"{stored} is active already.")
    lock_deciding(seats_of(stored), actor, clock)
    stored.is_active = True
    stored.save(update_fields=["is_active"])
    _record(EventKind.USER_REACTIVATED, actor, clock, {"user": stored.pk})
    refresh_reachability(seats_of(stored), actor, clock)
    return stored


@transaction.atomic
def save_group(*, name: str, actor: User | None, clock: Clock = database_clock) -> Group:
    """Create a group of people, such as "Engineering approvers"; an existing name is the same group."""
    if actor is not None:
        require_administrator(actor)
    name = require_line("name", name, "A name", most=150)
    group, made = Group.objects.get_or_create(name=name)
    if made:
        _record(EventKind.GROUP_SAVED, actor, clock, {"group": name})
    return group


@transaction.atomic
def add_to_group(*, group: Group, person: User, actor: User | None, clock: Clock = database_clock) -> None:
    """Put a person into a group: its seats and permissions count at once."""
    if actor is not None:
        require_administrator(actor)
        if person.pk == actor.pk and seats_of(group):
            raise NotAllowed("own_seat", "Another administrator has to give you this group’s seats.")
    if not person.is_active:
        raise Refused.for_field("person", "inactive", f"{person} is deactivated.")
    events.lock_organisation()
    if person.groups.filter(pk=group.pk).exists():
        return
    lock_deciding(seats_of(group), actor, clock)
    person.groups.add(group)
    _record(EventKind.GROUP_JOINED, actor, clock, {"group": group.name, "user": person.pk})
    refresh_reachability(seats_of(group), actor, clock)


@transaction.atomic
def remove_from_group(
    *,
    group: Group,
    person: User,
    actor: User | None,
    is_confirmed: bool = False,
    clock: Clock = database_clock,
) -> None:
    """Take a person out of a group.

    Args:
        is_confirmed: do it although it leaves an open round without a quorum; that one is flagged, and told.

    Raises:
        Conflict: an open round could not reach its quorums any more, and nobody has confirmed that.
    """
    if actor is not None:
        require_administrator(actor)
    events.lock_organisation()
    if not person.groups.filter(pk=group.pk).exists():
        raise Refused.for_field("person", "not_member", f"{person} is not in {group.name}.")
    seats = seats_of(group)
    lock_deciding(seats, actor, clock)
    waiting = rounds_within_reach(seats)
    person.groups.remove(group)
    _record(EventKind.GROUP_LEFT, actor, clock, {"group": group.name, "user": person.pk})
    stuck = refresh_reachability(seats, actor, clock)
    if not is_confirmed:
        refuse_to_strand(waiting, stuck, f"The seats of {group}")
