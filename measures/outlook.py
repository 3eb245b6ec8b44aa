"""The outlook of one of our own releases on a day: pure, from its facts and what was known of the past."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from measures.forecasting import Samples, Step, forecast
from releases.kinds import PASSED, ReleaseState
from releases.rules import TARGET

# Where due dates move along by rule, nothing has to be measured.
SLIP_RULE = 1.0


@dataclass(frozen=True)
class GateFacts:
    """What the forecast needs of a gate."""

    key: str
    state: str
    due_on: date
    decided_on: date | None
    is_pinned: bool
    is_after_release: bool


@dataclass(frozen=True)
class ReleaseFacts:
    """What the forecast needs of a release. `holds` are (first day, day of resumption) of its ended holds."""

    product: int
    state: str
    began_on: date
    target_on: date
    released_on: date | None
    gates: Sequence[GateFacts]
    holds: Sequence[tuple[date, date]] = ()


@dataclass(frozen=True)
class Said:
    """What is said of one gate, or under the key of the target of the release; and from which samples."""

    gate: str
    p50_on: date
    p85_on: date
    source: str
    samples: int


@dataclass(frozen=True)
class Outlook:
    """Everything that is said of a release on a day; `chance` is to make the target, 0 to 1, None when it is out."""

    said: tuple[Said, ...]
    chance: float | None

    def of(self, gate: str) -> Said | None:
        """What is said of one gate."""
        return next((one for one in self.said if one.gate == gate), None)

    @property
    def of_release(self) -> Said | None:
        return self.of(TARGET)

    def as_data(self) -> dict[str, Any]:
        """For canonical JSON."""
        return {
            "chance": self.chance,
            "gates": [[s.gate, s.p50_on.isoformat(), s.p85_on.isoformat(), s.source, s.samples] for s in self.said],
        }

    @classmethod
    def from_json(cls, text: str) -> "Outlook":
        """What `as_data` stored."""
        data: Mapping[str, Any] = json.loads(text)
        said = tuple(
            Said(gate, date.fromisoformat(p50), date.fromisoformat(p85), source, samples)
            for gate, p50, p85, source, samples in data["gates"]
        )
        return cls(said, data["chance"])


def remaining(facts: ReleaseFacts) -> list[Step]:
    """The gates that are still to be passed, in order, with the release itself where it falls."""
    steps = []
    is_release_told = facts.state == ReleaseState.RELEASED
    for gate in facts.gates:
        if gate.is_after_release and not is_release_told:
            steps.append(Step(TARGET, facts.target_on))
            is_release_told = True
        if gate.state not in PASSED:
            follows = gate.is_after_release and facts.state != ReleaseState.RELEASED and not gate.is_pinned
            steps.append(Step(gate.key, gate.due_on, is_pinned=gate.is_pinned, follows=follows))
    if not is_release_told:
        steps.append(Step(TARGET, facts.target_on))
    return steps


def outlook(facts: ReleaseFacts, samples: Samples, day: date) -> Outlook | None:
    """Where a release is heading, seen on a day; None unless it is active, or released with an assessment to come.

    The interval that runs now begins with the last gate that was passed (or the activation, or the release), less the
    days on hold since; nothing can happen before the day itself.
    """
    if facts.state not in (ReleaseState.ACTIVE, ReleaseState.RELEASED):
        return None
    steps = remaining(facts)
    if not steps:
        return None
    passed = [gate.decided_on for gate in facts.gates if gate.state in PASSED and gate.decided_on is not None]
    since = max([facts.began_on, *passed, *([facts.released_on] if facts.released_on else [])])
    held = sum(max(0, (min(until, day) - max(on, since)).days) for on, until in facts.holds)
    since = date.fromordinal(min(since.toordinal() + held, day.toordinal()))
    found = forecast(
        steps,
        passed_on=since,
        first_on=day,
        ratios={step.gate: samples.ratios(step.gate, facts.product) for step in steps},
        carry=SLIP_RULE,
    )
    chance = next((round(one.chance_by(facts.target_on), 4) for one in found if one.gate == TARGET), None)
    said = tuple(Said(one.gate, one.p50_on, one.p85_on, one.ratios.source, one.ratios.samples) for one in found)
    return Outlook(said, chance)
