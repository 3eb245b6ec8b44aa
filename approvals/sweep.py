"""What the schedule does: misses and slips, then what expires or is overdue, then absences that begin or are over."""

from dataclasses import dataclass
from datetime import date

from approvals.actions.conditions import mark_overdue_conditions
from approvals.actions.delegations import refresh_absences
from approvals.actions.exceptions import expire_exceptions
from approvals.actions.rounds import expire_waivers
from gatekeeper.common.calendars import day_of
from gatekeeper.common.clock import Clock, database_clock
from gatekeeper.common.errors import Refused
from releases.actions.slips import record_all_misses


@dataclass(frozen=True)
class Swept:
    """How much a sweep recorded."""

    misses: int
    expired_waivers: int
    absences: int = 0
    expired_exceptions: int = 0
    overdue_conditions: int = 0


def sweep(*, as_of: date | None = None, clock: Clock = database_clock) -> Swept:
    """Record what has become true by the end of the day before `as_of` (default: today). Repeating it changes nothing.

    Raises:
        Refused: `as_of` lies in the future.
    """
    today = day_of(clock())
    day = as_of or today
    if day > today:
        raise Refused.for_field("as_of", "date_in_future", f"{day} is in the future: nothing can be missed yet.")
    return Swept(
        misses=record_all_misses(day, clock=clock),
        expired_waivers=expire_waivers(day, clock=clock),
        absences=refresh_absences(day, clock=clock),
        expired_exceptions=expire_exceptions(day, clock=clock),
        overdue_conditions=mark_overdue_conditions(day, clock=clock),
    )
