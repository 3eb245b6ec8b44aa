"""What the release page shows: gates, dates, slips, what it waits for, what may be done."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import QuerySet
from django.urls import reverse

from approvals import ports
from approvals.pages import timeline
from approvals.pages.debts import Debts, debts_of
from approvals.pages.headline import Banner, Fact, TrendMark, banner_of, facts_of, last_baseline, trend_mark
from approvals.pages.ledger import LedgerRow, Replan, ledger, moves_of, replans, slips_of
from approvals.pages.rows import health_of
from approvals.pages.standing import Standing, Waiting, standing_of, waiting_on
from approvals.pages.steps import Step, make_step, timeline_lines
from approvals.pages.trend import Trend, milestone_trend
from approvals.ports import Heading
from releases import rules
from releases.actions.baselines import baseline_problem
from releases.actions.releases import offsets_of
from releases.kinds import GateState, ReleaseState
from releases.models import Event, Gate, Release
from releases.playbooks import parse_playbook
from releases.sentences import LEFT_OUT, Sentence, sentence

# Up to this many gates stand beside each other; more, and recorded history, are a table.
MOST_STEPS = 8
LATEST_EVENTS = 10
LATEST_SLIPS = 20
LATEST_MOVES = 200
LATEST_REPLANS = 10


# --- Activity -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Activity:
    """An event of the feed with its sentence."""

    event: Event
    sentence: Sentence


def events_of(release: Release) -> QuerySet[Event]:
    """The release's events, newest first by what is shown: when they happened, in recorded history by their day."""
    order = ("-effective_on" if release.is_history else "-recorded_at", "-number")
    return Event.objects.filter(release=release).select_related("actor", "on_behalf_of").order_by(*order)


def activities(events: Iterable[Event], names: Mapping[str, str]) -> list[Activity]:
    return [Activity(event, sentence(event, names)) for event in events]


# --- The page -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Action:
    """Something the person may do with the release now."""

    key: str
    label: str
    icon: str
    url: str
    is_danger: bool = False


ACTIONS: Mapping[str, tuple[str, str]] = {
    "activate": ("Activate", "play"),
    "ship": ("Record the release", "rocket"),
    "resume": ("Resume", "play"),
    "replan": ("Re-plan", "calendar-clock"),
    "edit": ("Edit", "pencil"),
    "rebaseline": ("Set a new baseline", "flag"),
    "hold": ("Put on hold", "pause"),
    "correct-date": ("Correct the release date", "calendar"),
    "cancel": ("Cancel the release", "ban"),
}


def allowed(release: Release, gates: Sequence[Gate]) -> tuple[str, ...]:
    """What the state of a release allows its managers; the same conditions as the verbs'."""
    state = release.state
    if release.is_history:
        return ()
    if state == ReleaseState.DRAFT:
        return ("activate", "edit", "cancel")
    if state == ReleaseState.ACTIVE:
        is_ready = all(gate.is_passed for gate in gates if not gate.is_after_release)
        return ("ship", "replan", "edit", "hold", "cancel") if is_ready else ("replan", "edit", "hold", "cancel")
    if state == ReleaseState.ON_HOLD:
        return ("resume", "edit", "cancel")
    if state == ReleaseState.RELEASED:
        can_replan = any(not gate.is_passed for gate in gates)
        return ("replan", "edit", "correct-date") if can_replan else ("edit", "correct-date")
    return ()


def allowed_to(release: Release, gates: Sequence[Gate], *, manages: bool, may_rebaseline: bool) -> list[str]:
    """What one person may do now; a new baseline is set by an authority, who need not manage the release."""
    keys = list(allowed(release, gates)) if manages else []
    if may_rebaseline and baseline_problem(release, gates) is None:
        keys.insert(max(0, len(keys) - 1), "rebaseline")
    return keys


def actions_for(release: Release, gates: Sequence[Gate], *, manages: bool, may_rebaseline: bool) -> list[Action]:
    """The same as links."""
    args = [release.product.slug, release.version]
    keys = allowed_to(release, gates, manages=manages, may_rebaseline=may_rebaseline)
    return [Action(key, *ACTIONS[key], reverse(f"release-{key}", args=args), is_danger=key == "cancel") for key in keys]


@dataclass(frozen=True)
class ReleasePage:
    """Everything the release page shows."""

    health: rules.HealthMark
    steps: list[Step]
    passed: int
    facts: list[Fact]
    banner: Banner
    status: Standing | None
    waiting: list[Waiting]
    since: datetime | None
    current: Step | None
    delay: int
    chart: timeline.Chart | None
    chart_narrow: timeline.Chart | None
    lines: list[timeline.Line]
    slips: list[LedgerRow]
    has_more_slips: bool
    replans: list[Replan]
    has_more_moves: bool
    feed: list[Activity]
    actions: list[Action]
    planned: list[tuple[str, date, bool]]
    earliest: date | None
    debts: Debts | None = None
    heading: Heading | None = None
    trend: TrendMark | None = None
    milestones: Trend | None = None

    @property
    def gates(self) -> list[Gate]:
        return [step.gate for step in self.steps]

    @property
    def has_waived(self) -> bool:
        return any(line.is_waived for line in self.lines)

    @property
    def is_table(self) -> bool:
        """Many milestones, or history that has no steps."""
        return len(self.steps) > MOST_STEPS or any(
            step.gate.state in (GateState.RECORDED, GateState.NOT_RECORDED) for step in self.steps
        )


def gates_of(release: Release) -> list[Gate]:
    """A release's gates in order."""
    return list(Gate.objects.filter(release=release).order_by("position"))


def release_page(
    release: Release, today: date, *, manages: bool, may_rebaseline: bool = False, lines_wanted: str = ""
) -> ReleasePage:
    """Fetch and work out the whole page; the number of queries does not depend on how much there is to show."""
    gates = gates_of(release)
    by_id = {gate.pk: gate for gate in gates}
    names = {gate.key: gate.name for gate in gates}
    slips = list(slips_of(release)[: LATEST_SLIPS + 1])
    moves = list(moves_of(release)[: LATEST_MOVES + 1])
    events = list(events_of(release).exclude(kind__in=LEFT_OUT)[:LATEST_EVENTS])
    is_over = release.state == ReleaseState.CANCELLED
    current_gate = next((gate for gate in gates if gate.key == release.current_gate and not is_over), None)
    status = standing_of(release, current_gate, gates, today) if current_gate is not None else None
    has_open_slip = release.state == ReleaseState.ACTIVE and bool(release.open_slips)
    delay = rules.forecast_days_late(release.next_due_on, has_open_slip, today)
    heading = ports.forecasts.heading_of(release)
    misses: dict[int, int] = {cell.position: cell.slips for cell in rules.cells(release.board)}
    waiting = _waiting_words(status)
    steps = [
        make_step(
            release,
            gate,
            today,
            is_current=gate is current_gate,
            delay=delay,
            is_behind=current_gate is not None and gate.position > current_gate.position,
            misses=misses.get(gate.position, 0),
            waiting=waiting,
            heading=heading,
        )
        for gate in gates
    ]
    current = next((step for step in steps if step.is_current), None)
    health = health_of(release, today, names.get(release.current_gate, ""))
    lines = timeline_lines(release, steps, delay, heading)
    axis_today = None if release.is_history else today
    groups = replans(moves[:LATEST_MOVES], by_id)
    planned, earliest = _planned(release, today)
    return ReleasePage(
        health=health,
        steps=steps,
        passed=sum(step.is_done for step in steps),
        facts=facts_of(release, delay, sum(misses.values()), last_baseline(release), heading),
        banner=banner_of(release, health, steps, current, status, delay, heading, today),
        status=status,
        waiting=waiting_on(release, status) if status and release.is_running else [],
        since=status.turn.since if status else None,
        current=current,
        delay=delay,
        chart=timeline.draw(lines, axis_today, width=640, left=186, label_chars=27),
        chart_narrow=timeline.draw(lines, axis_today, width=340, left=134, label_chars=18),
        lines=lines,
        slips=ledger(slips[:LATEST_SLIPS], moves, by_id),
        has_more_slips=len(slips) > LATEST_SLIPS,
        replans=groups[:LATEST_REPLANS],
        has_more_moves=len(groups) > LATEST_REPLANS or len(moves) > LATEST_MOVES,
        feed=activities(events, names),
        actions=actions_for(release, gates, manages=manages, may_rebaseline=may_rebaseline),
        planned=planned,
        earliest=earliest,
        debts=None if release.is_history else debts_of(release, today),
        heading=heading,
        trend=trend_mark(health.value, heading),
        milestones=milestone_trend(
            release, steps, moves[:LATEST_MOVES], today, lines_wanted, is_whole=len(moves) <= LATEST_MOVES
        ),
    )


def _waiting_words(status: Standing | None) -> str:
    if status is None or status.turn.who != "role":
        return ""
    done = sum(role.state == "approved" for role in status.roles)
    return f"{done} of {len(status.roles)} {'role' if len(status.roles) == 1 else 'roles'}"


def _planned(release: Release, today: date) -> tuple[list[tuple[str, date, bool]], date | None]:
    """A draft's dates as its playbook gives them, and the earliest target that fits when this one does not."""
    if release.state != ReleaseState.DRAFT or release.target_on is None:
        return [], None
    spec = parse_playbook(release.playbook.definition)
    dates = rules.planned_dates(offsets_of(spec), release.target_on)
    rows: list[tuple[str, date, bool]] = []
    for gate in spec.gates:
        if gate.is_after_release and not any(name == "Release" for name, _day, _late in rows):
            rows.append(("Release", release.target_on, release.target_on < today))
        rows.append((gate.name, dates[gate.key], dates[gate.key] < today))
    if not any(gate.is_after_release for gate in spec.gates):
        rows.append(("Release", release.target_on, release.target_on < today))
    earliest = rules.earliest_target(offsets_of(spec), today)
    return rows, earliest if earliest > release.target_on else None
