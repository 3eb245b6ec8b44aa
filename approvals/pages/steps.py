"""Gates as the release page shows them: the stepper, the table of milestones, the rows of the timeline."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.urls import reverse

from approvals.pages import timeline
from approvals.pages.rows import STATE_WORDS
from approvals.ports import Heading
from gatekeeper.common.templatetags.gk import MONTHS
from releases import rules
from releases.kinds import PASSED, GateState, ReleaseState
from releases.models import Gate, Release
from releases.sentences import days_words


@dataclass(frozen=True)
class Step:
    """One gate in the stepper, the table of milestones and the timeline."""

    gate: Gate
    state: str
    when: str
    note: str
    is_current: bool
    is_done: bool
    is_late: bool
    forecast_on: date | None
    days: int | None
    misses: int
    url: str
    p50_on: date | None = None
    p85_on: date | None = None

    @property
    def state_words(self) -> str:
        if self.gate.state == GateState.RECORDED:
            return "Recorded"
        if self.gate.state == GateState.NOT_RECORDED:
            return "Not recorded"
        return STATE_WORDS[self.state]


def gate_url(release: Release, key: str) -> str:
    """The address of a gate's page."""
    return reverse("gate", args=[release.product.slug, release.version, key])


def short_day(on: date | None, today: date) -> str:
    """20 Nov, with the year when it is another one."""
    if on is None:
        return "no date"
    words = f"{on.day} {MONTHS[on.month - 1]}"
    return words if on.year == today.year else f"{words} {on.year % 100:02d}"


def _due_words(on: date, today: date) -> str:
    days = (on - today).days
    if days < 0:
        return f"{days_words(-days)} late"
    near = {0: "Due today", 1: "Due tomorrow"}
    return near.get(days, f"Due {short_day(on, today)}")


def make_step(
    release: Release,
    gate: Gate,
    today: date,
    *,
    is_current: bool,
    delay: int,
    is_behind: bool,
    misses: int,
    waiting: str,
    heading: Heading | None = None,
) -> Step:
    state = rules.display_state(
        gate.state,
        due_on=gate.due_on,
        today=today,
        conditions=gate.open_conditions,
        is_running=release.is_running,
    )
    forecast = None
    if delay and gate.due_on is not None and (is_current or (is_behind and not gate.is_pinned)):
        forecast = gate.due_on + timedelta(days=delay)
    actual = gate.decided_on
    days = None
    if actual is not None and gate.baseline_due_on is not None:
        days = (actual - gate.baseline_due_on).days
    when, note = _step_words(release, gate, state, today, is_current=is_current, waiting=waiting)
    # A gate that has just been passed stands in the forecast until the next one is made.
    said = heading.days.get(gate.key) if heading is not None and not gate.is_passed else None
    p50_on, p85_on = said or (None, None)
    if p85_on is not None and gate.state == GateState.UPCOMING:
        note = f"P85 {short_day(p85_on, today)}"
    elif not note and forecast is not None and not is_current:
        note = f"Forecast {short_day(forecast, today)}"
    if gate.is_pinned and gate.state == GateState.UPCOMING:
        note = f"{note}, pinned" if note else "Pinned"
    return Step(
        gate=gate,
        state=state,
        when=when,
        note=note,
        is_current=is_current,
        is_done=gate.state in (*PASSED, GateState.RECORDED),
        is_late=state == "late",
        forecast_on=forecast,
        days=days,
        misses=misses,
        url=gate_url(release, gate.key),
        p50_on=p50_on,
        p85_on=p85_on,
    )


def _step_words(
    release: Release, gate: Gate, state: str, today: date, *, is_current: bool, waiting: str
) -> tuple[str, str]:
    """The line under a gate's name, and the one under it."""
    rounds = f"{gate.round_number} {'round' if gate.round_number == 1 else 'rounds'}"
    if gate.state == GateState.APPROVED:
        note = rounds
        if gate.open_conditions:
            note = f"{gate.open_conditions} {'condition' if gate.open_conditions == 1 else 'conditions'} open"
        return f"Approved {short_day(gate.decided_on, today)}", note
    if gate.state == GateState.WAIVED:
        verb = "Waiver expired" if gate.is_waiver_expired else "Until"
        return f"Waived {short_day(gate.decided_on, today)}", f"{verb} {short_day(gate.waiver_expires_on, today)}"
    if gate.state == GateState.RECORDED:
        return short_day(gate.decided_on, today), ""
    if gate.state == GateState.NOT_RECORDED:
        return f"Planned {short_day(gate.due_on, today)}", "Not recorded"
    if gate.due_on is None:
        return "No date", ""
    when = _due_words(gate.due_on, today) if is_current and release.is_running else short_day(gate.due_on, today)
    if release.state == ReleaseState.CANCELLED and gate.is_undecided:
        return when, "Not decided"
    if gate.state == GateState.IN_REVIEW:
        return when, f"Round {gate.round_number}, {waiting}" if waiting else f"Round {gate.round_number}"
    if gate.state == GateState.DECLINED:
        return when, f"Round {gate.round_number} declined"
    if gate.state == GateState.OPEN:
        return when, "Preparing" if not gate.round_number else f"Preparing round {gate.round_number + 1}"
    if gate.is_after_release and release.released_on is None:
        return when, "After the release"
    return when, ""


def timeline_lines(
    release: Release, steps: Sequence[Step], delay: int, heading: Heading | None = None
) -> list[timeline.Line]:
    """The rows of the timeline: gates, and the release itself where its date falls."""
    lines, placed = [], release.is_history
    for number, step in enumerate(steps, start=1):
        gate = step.gate
        if gate.is_after_release and not placed:
            lines.append(_release_line(release, delay, heading))
            placed = True
        words = {GateState.WAIVED: "Waived", GateState.RECORDED: "Happened"}.get(GateState(gate.state), "Approved")
        prefix = "" if release.is_history else f"{number} "
        lines.append(
            timeline.Line(
                name=f"{prefix}{gate.name}",
                short_name=f"{prefix}{gate.short_name}",
                state=step.state,
                baseline_on=gate.baseline_due_on,
                due_on=gate.due_on,
                forecast_on=step.forecast_on,
                actual_on=gate.decided_on,
                actual_words=words,
                is_waived=gate.state == GateState.WAIVED,
                p50_on=step.p50_on,
                p85_on=step.p85_on,
            )
        )
    if not placed and steps:
        lines.append(_release_line(release, delay, heading))
    return lines


def _release_line(release: Release, delay: int, heading: Heading | None) -> timeline.Line:
    forecast = release.target_on + timedelta(days=delay) if delay and release.target_on else None
    if release.released_on is not None:
        heading = None
    return timeline.Line(
        "Release", "Release", "ok" if release.released_on else "none", release.baseline_on, release.target_on,
        None if release.released_on else forecast, release.released_on, "Released",
        p50_on=heading.p50(rules.TARGET) if heading else None, p85_on=heading.p85(rules.TARGET) if heading else None,
    )  # fmt: skip
