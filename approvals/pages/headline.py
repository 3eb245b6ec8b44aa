"""The top of the release page: the facts row, the banner that says what is true and why, the trend of its health."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.urls import reverse

from approvals.kinds import BlockerCode
from approvals.pages.ledger import ordinal
from approvals.pages.standing import Standing
from approvals.pages.steps import Step
from approvals.ports import Heading
from gatekeeper.common.calendars import day_of
from gatekeeper.common.templatetags.gk import day, stopped
from releases import rules
from releases.kinds import GateState, Health, ReleaseState
from releases.models import Baseline, Release
from releases.sentences import days_words


@dataclass(frozen=True)
class Fact:
    """One cell of the facts row."""

    label: str
    value: str
    note: str
    tone: str = ""
    url: str = ""


def _distance(days: int, of: str) -> str:
    """3 days after target, 1 day before target, on target."""
    if days == 0:
        return f"on {of}"
    return f"{days_words(abs(days))} {'after' if days > 0 else 'before'} {of}"


def last_baseline(release: Release) -> Baseline | None:
    """The baseline before the one in force, if there was one."""
    return Baseline.objects.filter(release=release).select_related("replaced_by").order_by("-number").first()


def facts_of(
    release: Release, delay: int, misses: int, earlier: Baseline | None, heading: Heading | None
) -> list[Fact]:
    """The facts row: what was committed first, what is committed now, where it is heading, how late it is."""
    facts = []
    if release.baseline_on is not None:
        note = f"set {day(release.activated_at)}" if release.activated_at else "first committed date"
        if earlier is not None:
            note = f"the {ordinal(earlier.number + 1)}, set {day(earlier.replaced_on)}; was {day(earlier.baseline_on)}"
        facts.append(Fact("Baseline", day(release.baseline_on), note))
    if release.target_on is not None:
        note = "set at creation" if release.baseline_on is None else ""
        if release.baseline_on is not None:
            note = _distance((release.target_on - release.baseline_on).days, "baseline")
        facts.append(Fact("Target", day(release.target_on), note))
    facts += _forecast_facts(release, delay, heading)
    if release.released_on is not None:
        note = _distance((release.released_on - release.target_on).days, "target") if release.target_on else ""
        facts.append(Fact("Released", day(release.released_on), note))
    if release.baseline_on is not None:
        sign = "+" if release.slip_days > 0 else "−" if release.slip_days < 0 else ""
        missed = f"{misses} missed {'date' if misses == 1 else 'dates'}" if misses else "no date missed"
        held = f", {days_words(release.held_days)} on hold not counted" if release.held_days else ""
        tone = "dec" if release.slip_days > 0 else ""
        facts.append(Fact("Slip to date", f"{sign}{days_words(abs(release.slip_days))}", f"{missed}{held}", tone))
    return facts


def _forecast_facts(release: Release, delay: int, heading: Heading | None) -> list[Fact]:
    """P50, P85 and the chance to make the target; without a forecast what the slip rule says while a miss is open."""
    target = release.target_on
    if target is None or release.state != ReleaseState.ACTIVE:
        return []
    days = heading.days.get(rules.TARGET) if heading else None
    if heading is None or days is None:
        if not delay:
            return []
        note = f"{days_words(delay)} after target, while the slip is open"
        return [Fact("Forecast", day(target + timedelta(days=delay)), note, "cond")]
    url = reverse("release-forecast", args=[release.product.slug, release.version])
    facts = [
        Fact(f"Forecast {name}", day(on), _distance((on - target).days, "target"), "cond" if on > target else "", url)
        for name, on in zip(("P50", "P85"), days, strict=True)
    ]
    if heading.chance is not None:
        made = chance_words(heading.chance)
        facts.append(Fact("Chance to make it", made, heading.made_of, "", url))
    return facts


def chance_words(chance: float) -> str:
    """A probability as people say it: never 0 % or 100 % of what may still come otherwise."""
    if chance <= 0:
        return "None"
    percent = min(99, max(1, round(chance * 100)))
    edge = "under " if chance < 0.01 else "over " if chance > 0.99 else ""
    return f"{edge}{percent} %"


@dataclass(frozen=True)
class Banner:
    """What is true, why, and what comes next."""

    tone: str
    icon: str
    lead: str
    rest: str


def _next_step(current: Step, status: Standing, today: date) -> str:
    """Whose turn it is at the current gate, and until when."""
    gate = current.gate
    due = "" if gate.due_on is None else f" by {day(gate.due_on)}" if gate.due_on >= today else ""
    if gate.state == GateState.IN_REVIEW:
        stuck = f" {status.turn.stuck}." if status.turn.stuck else ""
        return f"{gate.name}, round {gate.round_number}, waits for {status.turn.words}{due}.{stuck}"
    if gate.state == GateState.DECLINED:
        return f"{gate.name} was declined: the product manager prepares round {gate.round_number + 1}{due}."
    count = len([b for b in status.blockers if b.code == BlockerCode.DELIVERABLE_MISSING])
    missing = (
        f", {count} required {'deliverable is' if count == 1 else 'deliverables are'} still empty" if count else ""
    )
    return f"{gate.name} is with the product manager: submit it{due}{missing}."


def banner_of(
    release: Release,
    health: rules.HealthMark,
    steps: Sequence[Step],
    current: Step | None,
    status: Standing | None,
    delay: int,
    heading: Heading | None,
    today: date,
) -> Banner:
    """What is true and why comes first, then the next step (UI guide: answer first)."""
    state = release.state
    if release.is_history:
        recorded = sum(step.gate.decided_on is not None for step in steps)
        missed = sum(bool(step.misses) for step in steps)
        rest = f"{recorded} of {len(steps)} milestones have an actual date."
        if missed:
            rest += f" {missed} {'was' if missed == 1 else 'were'} missed by the plan in force on the day."
        return Banner("none", "history", "Recorded history.", rest)
    if state == ReleaseState.DRAFT:
        return Banner(
            "rev",
            "pencil",
            "This is a draft: nothing is due.",
            "Activating it makes the gates and freezes the baseline.",
        )
    if state == ReleaseState.CANCELLED:
        when = f" on {day(day_of(release.ended_at))}" if release.ended_at else ""
        return Banner("none", "minus", f"Cancelled{when}.", _quoted(release.state_reason))
    if state == ReleaseState.ON_HOLD:
        late = release.resume_by is not None and release.resume_by < today
        words = f"On hold since {day(release.held_on)}, to resume by {day(release.resume_by)}."
        rest = (
            f"{_quoted(release.state_reason)} Nothing is missed meanwhile; later dates move by the days held.".lstrip()
        )
        if late:
            return Banner("late", "pause", f"{words} That day has passed.", rest)
        return Banner("none", "pause", words, rest)
    if state == ReleaseState.CLOSED:
        return Banner("ok", "circle-check", "Closed: every gate is passed.", _released_words(release))
    if state == ReleaseState.RELEASED:
        if current is None or status is None:
            return Banner("ok", "rocket", _released_words(release), "")
        step = _next_step(current, status, today)
        if current.is_late:
            lead = f"{current.gate.name} is {current.when}."
            return Banner("late", "calendar-x", lead, f"{step} {_released_words(release)}")
        return Banner("ok", "rocket", _released_words(release), step)
    if current is None or status is None:
        lead = "Ready to be released: every gate before the release is passed."
        return Banner("ok", "circle-check", lead, "Record the day on which it became generally available.")
    step = _next_step(current, status, today)
    after = f" While it is open, every later date is forecast {days_words(delay)} later." if delay else ""
    after += _effect_words(heading)
    if health.value == Health.SLIPPED:
        return Banner("dec", "calendar-x", f"Slipped, because {_the(health.reason, current)}.", f"{step}{after}")
    if health.value == Health.AT_RISK:
        lead = f"At risk, because {_the(health.reason, current)}."
        return Banner("cond", "calendar-clock", lead, f"{step}{after}")
    return Banner("none", "calendar-check", "On track.", step)


def _effect_words(heading: Heading | None) -> str:
    """What a late day has cost this product so far, where enough slips tell."""
    if heading is None or heading.day_effect is None:
        return ""
    return (
        " Each day by which a gate was late has moved this product’s releases by"
        f" {heading.day_effect:g} {'day' if heading.day_effect == 1 else 'days'} on average"
        f" ({heading.slips_counted} slips)."
    )


@dataclass(frozen=True)
class TrendMark:
    """Health against that of fourteen days ago."""

    icon: str
    words: str
    tone: str


TREND_MARKS: Mapping[str, TrendMark] = {
    "better": TrendMark("arrow-up", "better than", "ok"),
    "worse": TrendMark("arrow-down", "worse than", "dec"),
    "same": TrendMark("minus", "as", "none"),
}


def trend_mark(health: str, heading: Heading | None) -> TrendMark | None:
    """Nothing before there is a health to compare with."""
    found = TREND_MARKS.get(rules.trend(health, heading.health_before)) if heading else None
    if found is None or heading is None:
        return None
    was = Health(heading.health_before).label.lower()
    return TrendMark(found.icon, f"{found.words} {rules.TREND_DAYS.days} days ago ({was})", found.tone)


def _quoted(reason: str) -> str:
    """What somebody typed, set apart from our own sentences."""
    return f"“{stopped(reason)}”" if reason else ""


def _the(reason: str, current: Step) -> str:
    """A gate's name keeps its capitals inside a sentence."""
    return reason if reason.startswith(current.gate.name) else reason[:1].lower() + reason[1:]


def _released_words(release: Release) -> str:
    if release.released_on is None or release.target_on is None:
        return "Released."
    distance = _distance((release.released_on - release.target_on).days, "target")
    return f"Released on {day(release.released_on)}, {distance}."
