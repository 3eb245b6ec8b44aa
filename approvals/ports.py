"""What the pages of approvals ask of the apps above them, plugged in by those at start-up."""

from collections.abc import Callable
from dataclasses import dataclass, field

from releases.models import Release


def _not_known(_release: Release) -> str:
    return ""


@dataclass
class SlipPorts:
    """What a slip costs. Until something that knows money is plugged in, nothing is said of it."""

    cost_of_a_day: Callable[[Release], str] = field(default=_not_known)
    """One day of slip of a release in words with its currency, such as "EUR 12,000 at risk"; empty: not known."""


slips = SlipPorts()
