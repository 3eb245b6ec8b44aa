"""What the pages of approvals ask of the apps above them, plugged in by those at start-up."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from releases.models import Release


def _not_known(_release: Release) -> str:
    return ""


@dataclass
class SlipPorts:
    """What a slip costs. Until something that knows money is plugged in, nothing is said of it."""

    cost_of_a_day: Callable[[Release], str] = field(default=_not_known)
    """One day of slip of a release in words with its currency, such as "EUR 12,000 at risk"; empty: not known."""


@dataclass(frozen=True)
class Heading:
    """Where a release is heading: P50 and P85 by gate (under the key of the target: of the release itself).

    `made_of` says in words what the forecast of the release was made from.
    """

    made_on: date
    days: Mapping[str, tuple[date, date]]
    chance: float | None
    made_of: str = ""
    health_before: str = ""
    day_effect: float | None = None
    slips_counted: int = 0

    def p50(self, key: str) -> date | None:
        return self.days[key][0] if key in self.days else None

    def p85(self, key: str) -> date | None:
        return self.days[key][1] if key in self.days else None


def _not_forecast(_release: Release) -> Heading | None:
    return None


def _no_trends(_releases: Sequence[Release], _health: Sequence[str], _today: date) -> dict[int, str]:
    return {}


@dataclass
class ForecastPorts:
    """What is forecast. Until something that knows the past is plugged in, nothing is."""

    heading_of: Callable[[Release], Heading | None] = field(default=_not_forecast)
    """The stored forecast of a release and what stands beside it. One query at most."""

    trends: Callable[[Sequence[Release], Sequence[str], date], dict[int, str]] = field(default=_no_trends)
    """By release id: `better`, `worse` or `same` against 14 days ago, or empty. A fixed number of queries."""


slips = SlipPorts()
forecasts = ForecastPorts()
