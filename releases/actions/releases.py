"""The verbs of a release: create, activate, hold, resume, ship, correct its date, close, cancel."""

from collections.abc import Mapping
from datetime import date, timedelta

from django.db import transaction

from gatekeeper.accounts.models import User
from gatekeeper.common.calendars import EARLIEST_DAY, add_months, day_of, latest_allowed_day
from gatekeeper.common.clock import Clock, database_clock
from gatekeeper.common.errors import Conflict, FieldProblem, Refused
from releases import events, ports, rules
from releases.actions.slips import record_misses
from releases.kinds import EventKind, GateState, MoveKind, PlaybookKind, ReleaseState
from releases.locking import LockedRelease, lock_release
from releases.models import VERSION, Gate, Hold, Playbook, Product, Release
from releases.permissions import people_with, require_manage
from releases.playbooks import PlaybookSpec, parse_playbook


def require_text(field: str, value: str, what: str, *, least: int = 1, most: int = 5000) -> str:
    """A trimmed text of some length.

    Raises:
        Refused: naming the field.
    """
    text = value.strip()
    if "\x00" in text:
        raise Refused.for_field(field, "invalid", f"{what} holds a character that cannot be stored.")
    if len(text) < least:
        need = "is needed" if least == 1 else f"needs at least {least} characters"
        raise Refused.for_field(field, "too_short" if text else "required", f"{what} {need}.")
    if len(text) > most:
        raise Refused.for_field(field, "too_long", f"{what} is longer than {most} characters.")
    return text


def line_problem(text: str) -> str:
    """What is wrong with a text that is read as one line, or nothing.

    Line ends, other control characters and marks of direction would make a name look like another one.
    """
    return "" if text.isprintable() else "holds a line end or another character that cannot be seen."


def require_line(field: str, value: str, what: str, *, least: int = 1, most: int = 120) -> str:
    """A trimmed text of one line, such as a name.

    Raises:
        Refused: naming the field.
    """
    text = require_text(field, value, what, least=least, most=most)
    if problem := line_problem(text):
        raise Refused.for_field(field, "invalid", f"{what} {problem}")
    return text


def offsets_of(spec: PlaybookSpec) -> list[tuple[str, int | None, int | None]]:
    """(key, days, months) of each gate."""
    return [(gate.key, gate.offset_days, gate.offset_months) for gate in spec.gates]


@transaction.atomic
def create_release(
    *,
    product: Product,
    version: str,
    target_on: date,
    playbook: Playbook,
    actor: User,
    name: str = "",
    owner: User | None = None,
    clock: Clock = database_clock,
) -> Release:
    """Plan a release as a draft.

    Raises:
        NotAllowed: the actor does not manage the product.
        Refused: version, target, playbook or owner; every problem at once.
    """
    require_manage(actor, product)
    # Two people may plan the same version at once: the second one waits, and is told that it exists.
    Product.objects.select_for_update(no_key=True).get(pk=product.pk)
    at = clock()
    today = day_of(at)
    problems: list[FieldProblem] = []
    if not VERSION.regex.match(version):  # type: ignore[union-attr]
        problems.append(FieldProblem("version", "invalid", f"Version: {VERSION.message}"))
    elif Release.objects.filter(product=product, version=version).exists():
        problems.append(FieldProblem("version", "exists", f"Version: {version} exists already in {product}."))
    if target_on < today:
        problems.append(FieldProblem("target_on", "date_in_past", f"Release date: {target_on} is in the past."))
    elif not EARLIEST_DAY <= target_on <= latest_allowed_day(today):
        problems.append(FieldProblem("target_on", "date_too_far", "Release date: more than ten years ahead."))
    if playbook.kind != PlaybookKind.GATES:
        problems.append(FieldProblem("playbook", "invalid", "Playbook: recorded history cannot be run."))
    if len(name) > 200:
        problems.append(FieldProblem("name", "too_long", "Theme: longer than 200 characters."))
    elif problem := line_problem(name.strip()):
        problems.append(FieldProblem("name", "invalid", f"Theme: {problem}"))
    owner = owner or product.owner
    if owner is None or not people_with(product, "manage_product").filter(pk=owner.pk).exists():
        problems.append(
            FieldProblem("owner", "not_manager", f"Product manager: choose a person who manages {product}.")
        )
    if problems:
        raise Refused("invalid_release", "The release was not created.", fields=problems)
    release = Release.objects.create(
        product=product,
        version=version,
        name=name.strip(),
        owner=owner,
        playbook=playbook,
        kind=playbook.kind,
        target_on=target_on,
        created_at=at,
    )
    events.record(
        release,
        EventKind.RELEASE_CREATED,
        actor=actor,
        at=at,
        data={
            "target_on": target_on,
            "playbook": playbook.slug,
            "playbook_version": playbook.version,
            "name": release.name,
            "owner": owner.pk if owner else None,
        },
    )
    release.revision = 1
    release.save()
    return release


@transaction.atomic
def change_release(
    *,
    release_id: int,
    actor: User,
    name: str,
    owner: User,
    target_on: date | None = None,
    clock: Clock = database_clock,
) -> Release:
    """Change a release's theme and product manager; a draft's target too (a running one is re-planned)."""
    locked = lock_release(release_id, actor=actor, clock=clock)
    record_misses(locked)
    release = locked.release
    require_manage(actor, release.product)
    if release.is_history or release.state in (ReleaseState.CLOSED, ReleaseState.CANCELLED):
        raise Conflict("wrong_state", f"{release} is {ReleaseState(release.state).label.lower()}; it stays as it is.")
    if not people_with(release.product, "manage_product").filter(pk=owner.pk).exists():
        raise Refused.for_field("owner", "not_manager", f"{owner} does not manage {release.product}.")
    if len(name) > 200:
        raise Refused.for_field("name", "too_long", "Theme: longer than 200 characters.")
    if problem := line_problem(name.strip()):
        raise Refused.for_field("name", "invalid", f"Theme: {problem}")
    before = {"name": release.name, "owner": release.owner_id, "target_on": release.target_on}
    release.name, release.owner = name.strip(), owner
    if target_on is not None and target_on != release.target_on:
        if release.state != ReleaseState.DRAFT:
            raise Conflict("release_active", "The target of a running release is changed by a re-plan.")
        if not locked.today <= target_on <= latest_allowed_day(locked.today):
            raise Refused.for_field("target_on", "date_in_past", "The release date must lie from today on.")
        release.target_on = target_on
    after = {"name": release.name, "owner": owner.pk, "target_on": release.target_on}
    locked.record(EventKind.RELEASE_CHANGED, data={"before": before, "after": after})
    return locked.finish()


@transaction.atomic
def activate_release(
    *, release_id: int, actor: User, dates: Mapping[str, date] | None = None, clock: Clock = database_clock
) -> Release:
    """Copy the playbook into gates, compute due dates, freeze the baseline, open gate 1.

    Args:
        dates: due dates by gate key that replace the computed ones.

    Raises:
        Refused: a due date would lie in the past (names the earliest GA that fits), or dates are out of order.
    """
    locked = lock_release(release_id, actor=actor, clock=clock)
    release = locked.release
    require_manage(actor, release.product)
    locked.enter(ReleaseState.ACTIVE)
    assert release.target_on is not None
    spec = parse_playbook(release.playbook.definition)
    due = planned_due_dates(spec, release.target_on, locked.today, dates or {})
    release.baseline_on = release.target_on
    release.activated_at = locked.at
    locked.gates = Gate.objects.bulk_create(
        Gate(
            release=release,
            key=gate.key,
            name=gate.name,
            short_name=gate.short_name,
            position=position,
            offset_days=gate.offset_days,
            offset_months=gate.offset_months,
            questions=list(gate.questions),
            needs_signature=gate.signature,
            informed=list(gate.informed),
            baseline_due_on=due[gate.key],
            due_on=due[gate.key],
        )
        for position, gate in enumerate(spec.gates, start=1)
    )
    release.save()
    ports.gates.furnish(locked, spec)
    locked.record(
        EventKind.RELEASE_ACTIVATED,
        data={
            "baseline_on": release.baseline_on,
            "gates": [[gate.key, gate.due_on] for gate in locked.gates],
            "playbook": release.playbook.slug,
            "playbook_version": release.playbook.version,
        },
    )
    locked.open_gate(locked.gates[0])
    return locked.finish()


def planned_due_dates(spec: PlaybookSpec, target_on: date, today: date, dates: Mapping[str, date]) -> dict[str, date]:
    """Due dates at activation; explicit ones win.

    Raises:
        Refused: with the earliest GA that fits, or naming each explicit date that does not.
    """
    unknown = sorted(set(dates) - {gate.key for gate in spec.gates})
    if unknown:
        raise Refused.for_field(f"dates.{unknown[0]}", "unknown_gate", f"{unknown[0]} is not a gate of this playbook.")
    due = rules.planned_dates(offsets_of(spec), target_on) | dict(dates)
    ordered = [(gate.key, gate.name, due[gate.key]) for gate in spec.gates if not gate.is_after_release]
    ordered.append((rules.TARGET, "Release", target_on))
    after = [(gate.key, gate.name, due[gate.key]) for gate in spec.gates if gate.is_after_release]
    keys = [key for key, _name, _day in ordered + after]
    problems = rules.date_problems(ordered + after, keys, today, latest_allowed_day(today) + timedelta(days=3700))
    if problems:
        places = [(p, p.about(dates)) for p in problems]
        fields = [FieldProblem(f"dates.{key}" if key in dates else "target_on", p.code, p.message) for p, key in places]
        first = problems[0]
        hint = ""
        if any(p.code == "date_in_past" and p.key not in dates for p in problems):
            earliest = rules.earliest_target(offsets_of(spec), today)
            hint = f" The earliest release date that fits this playbook is {earliest:%-d %b %Y}."
        raise Refused(first.code, first.message + hint, fields=fields)
    return due


@transaction.atomic
def hold_release(
    *, release_id: int, actor: User, reason: str, resume_by: date, clock: Clock = database_clock
) -> Release:
    """Put a release on hold: the open round freezes, nobody is missed or nagged."""
    locked = lock_release(release_id, actor=actor, clock=clock)
    record_misses(locked)
    release = locked.release
    require_manage(actor, release.product)
    locked.enter(ReleaseState.ON_HOLD)
    reason = require_text("reason", reason, "A reason")
    if not locked.today <= resume_by <= latest_allowed_day(locked.today):
        raise Refused.for_field("resume_by", "date_in_past", "The resume-by date must lie from today on.")
    release.held_on, release.resume_by, release.state_reason = locked.today, resume_by, reason
    Hold.objects.create(release=release, held_on=locked.today, resume_by=resume_by, reason=reason)
    locked.record(EventKind.RELEASE_HELD, data={"reason": reason, "resume_by": resume_by})
    return locked.finish()


@transaction.atomic
def resume_release(*, release_id: int, actor: User, reason: str = "", clock: Clock = database_clock) -> Release:
    """Resume: every unmissed due date and the target move by the days held; held days never count as slip.

    `reason` is why it goes on; pages ask for it.
    """
    locked = lock_release(release_id, actor=actor, clock=clock)
    release = locked.release
    require_manage(actor, release.product)
    locked.enter(ReleaseState.ACTIVE)
    assert release.held_on is not None
    assert release.target_on is not None
    days = max(0, (locked.today - release.held_on).days)  # a clock that was set back holds nothing up
    why = _optional_reason(reason)
    Hold.objects.filter(release=release, resumed_on__isnull=True).update(resumed_on=locked.today)
    reason = f"On hold for {days} {'day' if days == 1 else 'days'}: {release.state_reason}"
    release.held_on, release.resume_by, release.state_reason = None, None, ""
    release.held_days += days
    locked.record(EventKind.RELEASE_RESUMED, data={"days": days, **why})
    missed = {slip.gate_id for slip in locked.open_slips}
    shift = timedelta(days=days)
    for gate in locked.gates:
        # An assessment follows the target below, unless it is pinned.
        if gate.is_passed or gate.pk in missed or (gate.is_after_release and not gate.is_pinned) or not days:
            continue
        assert gate.due_on is not None
        locked.move(gate, gate.due_on + shift, kind=MoveKind.HOLD, reason=reason, is_cascade=True)
    if days:
        locked.move(None, release.target_on + shift, kind=MoveKind.HOLD, reason=reason, is_cascade=True)
        locked.move_assessments(release.target_on, MoveKind.HOLD, reason)
    return locked.finish()


@transaction.atomic
def ship_release(
    *, release_id: int, actor: User, released_on: date, reason: str = "", clock: Clock = database_clock
) -> Release:
    """Release: needs every gate before GA approved or waived; fixes the assessment's date and opens it.

    `reason` says why on that day; pages ask for it when the day is not the target.
    """
    locked = lock_release(release_id, actor=actor, clock=clock)
    record_misses(locked)
    release = locked.release
    require_manage(actor, release.product)
    open_gates = [gate for gate in locked.gates if not gate.is_after_release and not gate.is_passed]
    if release.state == ReleaseState.ACTIVE and open_gates:
        names = ", ".join(gate.name for gate in open_gates)
        raise Conflict("earlier_gate_open", f"{release} cannot be released before these are passed: {names}.")
    locked.enter(ReleaseState.RELEASED)
    _check_release_date(locked, released_on)
    why = _optional_reason(reason)
    release.released_on = released_on
    locked.record(EventKind.RELEASE_SHIPPED, data={"released_on": released_on, "target_on": release.target_on, **why})
    locked.move_assessments(released_on, MoveKind.SHIP, "Fixed by the actual release date")
    after = next((gate for gate in locked.gates if gate.is_after_release), None)
    if after is not None:
        locked.open_gate(after)
    else:
        close_if_done(locked)
    return locked.finish()


@transaction.atomic
def correct_release_date(
    *, release_id: int, actor: User, released_on: date, reason: str, clock: Clock = database_clock
) -> Release:
    """Correct the actual release date, with a reason; an assessment that still runs follows it."""
    locked = lock_release(release_id, actor=actor, clock=clock)
    record_misses(locked)
    release = locked.release
    require_manage(actor, release.product)
    locked.require_state(ReleaseState.RELEASED)
    reason = require_text("reason", reason, "A reason")
    _check_release_date(locked, released_on)
    before, release.released_on = release.released_on, released_on
    locked.record(EventKind.RELEASE_DATE_CORRECTED, data={"from": before, "to": released_on, "reason": reason})
    missed = {slip.gate_id for slip in locked.open_slips}
    if not any(gate.pk in missed for gate in locked.gates if gate.is_after_release):
        locked.move_assessments(released_on, MoveKind.SHIP, reason)
    return locked.finish()


def _optional_reason(reason: str) -> dict[str, str]:
    """A reason for an event's data, when one was given."""
    return {"reason": require_text("reason", reason, "A reason")} if reason.strip() else {}


def _check_release_date(locked: LockedRelease, released_on: date) -> None:
    """The day it happened: not ahead, not before its gates were passed, not so far back that the assessment of
    it would be due on a day that has ended already."""

    def refuse(code: str, message: str) -> None:
        raise Refused.for_field("released_on", code, message)

    if released_on > locked.today:
        refuse("date_in_future", "The release date is the day it happened: not in the future.")
    last = max(
        (gate for gate in locked.gates if not gate.is_after_release and gate.decided_on is not None),
        key=lambda gate: gate.decided_on or locked.today,
        default=None,
    )
    if last is not None and last.decided_on is not None and released_on < last.decided_on:
        refuse(
            "date_too_early", f"{last.name} was passed on {last.decided_on:%-d %b %Y}: it cannot be released before."
        )
    missed = {slip.gate_id for slip in locked.open_slips}
    for gate in locked.gates:
        if gate.offset_months is None or gate.is_passed or gate.is_pinned or gate.pk in missed:
            continue
        due_on = add_months(released_on, gate.offset_months)
        if due_on < locked.today:
            refuse("date_too_early", f"{gate.name} would have been due on {due_on:%-d %b %Y}, which has passed.")


def close_if_done(locked: LockedRelease) -> None:
    """Close a released release whose last gate is passed."""
    if locked.release.state == ReleaseState.RELEASED and all(gate.is_passed for gate in locked.gates):
        locked.enter(ReleaseState.CLOSED)
        locked.release.ended_at = locked.at
        locked.record(EventKind.RELEASE_CLOSED)


def open_next_gate(locked: LockedRelease, gate: Gate) -> None:
    """After a gate is passed: open the next one, or close the release after the last."""
    following = next((g for g in locked.gates if g.position > gate.position), None)
    is_its_time = following is not None and (
        not following.is_after_release or locked.release.state == ReleaseState.RELEASED
    )
    if following is not None and is_its_time and following.state == GateState.UPCOMING:
        locked.open_gate(following)
    close_if_done(locked)


@transaction.atomic
def cancel_release(*, release_id: int, actor: User, reason: str, clock: Clock = database_clock) -> Release:
    """Cancel: ends the open round and stops every timer. Ending a release on evidence is a good outcome."""
    locked = lock_release(release_id, actor=actor, clock=clock)
    record_misses(locked)
    release = locked.release
    require_manage(actor, release.product)
    reason = require_text("reason", reason, "A reason")
    if release.state == ReleaseState.ON_HOLD:
        Hold.objects.filter(release=release, resumed_on__isnull=True).update(resumed_on=locked.today)
        release.held_on, release.resume_by = None, None
    locked.enter(ReleaseState.CANCELLED)
    release.state_reason, release.ended_at = reason, locked.at
    ports.gates.cancel_round(locked)
    locked.record(EventKind.RELEASE_CANCELLED, data={"reason": reason})
    return locked.finish()
