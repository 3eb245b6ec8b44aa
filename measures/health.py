"""The health that releases had on an earlier day, for trends."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta

from django.db.models import Max, Q

from gatekeeper.common.calendars import organisation_zone
from measures.models import Statement
from releases import rules
from releases.kinds import EventKind, GateState, PlaybookKind, ReleaseState
from releases.models import Baseline, DateMove, Event, Hold, Release, Slip

# What the last of these says is the state of the release.
STATES = {
    EventKind.RELEASE_ACTIVATED: ReleaseState.ACTIVE,
    EventKind.RELEASE_RESUMED: ReleaseState.ACTIVE,
    EventKind.RELEASE_HELD: ReleaseState.ON_HOLD,
    EventKind.RELEASE_CANCELLED: ReleaseState.CANCELLED,
    EventKind.RELEASE_SHIPPED: ReleaseState.RELEASED,
    EventKind.RELEASE_CLOSED: ReleaseState.CLOSED,
}
# A round is open when the last of these is a submission.
ROUNDS = (EventKind.SUBMITTED, EventKind.WITHDRAWN, EventKind.GATE_APPROVED, EventKind.GATE_DECLINED,
          EventKind.GATE_WAIVED)  # fmt: skip


def health_then(releases: Sequence[Release], day: date) -> dict[int, str]:
    """The health of releases at the end of an earlier day, by id. Six queries for any number of releases.

    The same rule as today's (`releases.rules.health`), on the facts of that day: the state from the event log, dates
    and target with every later move taken back, misses found by then and not settled yet, days held by then, the
    current gate from the days of the decisions, a round open by the log, and the P50 stated by then. A release that
    had not begun is a draft. Two things are not on record and are left out: whether a quorum was unreachable then, and
    a forecast before the first one was stated.
    """
    ids = [release.pk for release in releases if release.kind == PlaybookKind.GATES]
    until = datetime.combine(day + timedelta(days=1), time(), organisation_zone())
    states, in_review = _log(ids, until)
    moves = _moves_after(ids, day)
    slips: dict[int, int] = defaultdict(int)
    missed = Slip.objects.filter(release__in=ids, detected_at__lt=until)
    for release_id in missed.exclude(settled_on__lte=day).values_list("release", flat=True):
        slips[release_id] += 1
    # The first baseline that was replaced afterwards was the one in force.
    replaced = Baseline.objects.filter(release__in=ids, replaced_on__gt=day).order_by("-number")
    baselines = {row.release_id: row for row in replaced}
    held: dict[int, int] = defaultdict(int)
    for hold in Hold.objects.filter(release__in=ids, resumed_on__gt=day):
        assert hold.resumed_on is not None
        row = baselines.get(hold.release_id)
        if row is None or hold.resumed_on <= row.replaced_on:
            held[hold.release_id] += (hold.resumed_on - hold.held_on).days
    stated = Statement.objects.filter(release__in=ids, gate=rules.TARGET, stated_on__lte=day).order_by("stated_on")
    said = dict(stated.values_list("release", "p50_on"))  # the last one counts
    found = {}
    for release in releases:
        if release.kind != PlaybookKind.GATES:
            found[release.pk] = release.state
            continue
        state = states.get(release.pk, ReleaseState.DRAFT)
        dates = moves[release.pk]
        target_on = dates.get(0, release.target_on)
        baseline = baselines.get(release.pk, release)
        current = _current(release, day)
        due_on = dates.get(current.position, current.due_day) if current else None
        mark = rules.health(
            state=state,
            today=day,
            slip_days=rules.slip_days_of(
                target_on, baseline.baseline_on, max(0, baseline.held_days - held[release.pk])
            ),
            open_slips=slips[release.pk],
            current_gate=current.name if current else "",
            current_state=GateState.IN_REVIEW if current and release.pk in in_review else "",
            next_due_on=due_on,
            is_quorum_unreachable=False,
            target_on=target_on,
            p50_on=said.get(release.pk),
        )
        found[release.pk] = mark.value
    return found


def trends(releases: Sequence[Release], health: Iterable[str], today: date) -> dict[int, str]:
    """By id: `better`, `worse` or `same` against 14 days ago, or empty; `health` is today's, in the same order."""
    then = health_then(releases, today - rules.TREND_DAYS)
    return {
        release.pk: rules.trend(now, then[release.pk]) for release, now in zip(releases, health, strict=True)
    }  # fmt: skip


def _log(ids: Sequence[int], until: datetime) -> tuple[dict[int, str], set[int]]:
    """The state of each release, and those with an open round, by the events written before a moment."""
    last = {
        f"last_{at}": Max("number", filter=Q(kind=kind)) for at, kind in enumerate((*STATES, *ROUNDS))
    }  # fmt: skip
    rows = (
        Event.objects.filter(release__in=ids, recorded_at__lt=until, kind__in=[*STATES, *ROUNDS])
        .order_by()
        .values_list("release")
        .annotate(**last)
    )
    states: dict[int, str] = {}
    in_review: set[int] = set()
    for release_id, *numbers in rows:
        of_state, of_round = numbers[: len(STATES)], numbers[len(STATES) :]
        number, state = max(
            (number or 0, state) for number, state in zip(of_state, STATES.values(), strict=True)
        )  # fmt: skip
        if number:
            states[release_id] = state
        if of_round[0] is not None and of_round[0] == max(number or 0 for number in of_round):
            in_review.add(release_id)
    return states, in_review


def _moves_after(ids: Sequence[int], day: date) -> dict[int, dict[int, date]]:
    """By release and position (0: the target), the date in force at the end of a day, where it has moved since."""
    found: dict[int, dict[int, date]] = defaultdict(dict)
    rows = DateMove.objects.filter(release__in=ids, effective_on__gt=day).order_by("-effective_on", "-pk")
    for release_id, position, from_on in rows.values_list("release", "gate__position", "from_on"):
        if from_on is not None:
            found[release_id][position or 0] = from_on
    return found


def _current(release: Release, day: date) -> rules.BoardCell | None:
    """The gate that was worked on: the first that was not passed by then."""
    return next(
        (cell for cell in rules.cells(release.board) if cell.decided_day is None or cell.decided_day > day), None
    )  # fmt: skip
