"""What the releases app asks of the apps above it, plugged in by them at start-up.

Releases know gates and dates; what a gate asks for and who decides it is the business of `approvals`, which may import
releases but not the other way round. These three questions go up through here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from releases.locking import LockedRelease
    from releases.models import Gate
    from releases.playbooks import PlaybookSpec


@dataclass(frozen=True)
class MissCause:
    """Why a gate was missed: a `kinds.Cause` and the keys of the roles that were still out."""

    cause: str
    waiting_on: tuple[str, ...] = ()


def _not_plugged(*_args: object) -> None:
    raise RuntimeError("approvals has not plugged in its part (approvals.apps)")


@dataclass
class GatePorts:
    """The questions; `approvals.apps.ApprovalsConfig.ready` sets all of them."""

    furnish: Callable[["LockedRelease", "PlaybookSpec"], None] = field(default=_not_plugged)
    cause_of_miss: Callable[["LockedRelease", "Gate"], MissCause] = field(default=_not_plugged)  # type: ignore[assignment]
    cancel_round: Callable[["LockedRelease"], None] = field(default=_not_plugged)
    is_quorum_unreachable: Callable[["LockedRelease", Sequence["Gate"]], bool] = field(default=_not_plugged)  # type: ignore[assignment]


gates = GatePorts()
