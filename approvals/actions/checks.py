"""Report what an engineering tool found."""

from dataclasses import dataclass

from django.db import transaction

from approvals.actions.evidence import check_link
from approvals.actions.rounds import lock_gate
from approvals.kinds import CheckStatus
from approvals.models import Check
from gatekeeper.accounts.models import User
from gatekeeper.common.clock import Clock, database_clock
from gatekeeper.common.errors import Conflict, DomainError, FieldProblem, NotAllowed, Refused
from releases.actions.releases import require_text
from releases.kinds import EventKind, GateState, ReleaseState
from releases.permissions import product_permissions

SUMMARY_LENGTH = 500
MOST_RUNS = 2**63 - 1
REPORTED = (CheckStatus.PENDING, CheckStatus.SUCCESS, CheckStatus.FAILURE, CheckStatus.ERROR)


@dataclass(frozen=True)
class Report:
    """A check as it is stored after a report; `is_applied` is false when a newer run was known already."""

    check: Check
    is_applied: bool


def _details(url: str) -> str:
    if not url.strip():
        return ""
    try:
        return check_link(url)
    except DomainError as error:
        problems = [FieldProblem("details_url", problem.code, problem.message) for problem in error.fields]
        raise Refused(error.code, error.message, fields=problems) from error


@transaction.atomic
def report_check(
    *,
    gate_id: int,
    name: str,
    status: str,
    actor: User,
    summary: str = "",
    details_url: str = "",
    run_number: int | None = None,
    clock: Clock = database_clock,
) -> Report:
    """Store what a tool says of a check that the playbook names; every report that changes something is an event.

    The actor is a service account: somebody with `report_checks` on the product, and not one of those whom the check
    is to convince. A report of an older run than the stored one is ignored, and so is the same report again.

    Raises:
        NotAllowed: no `report_checks`, or a person who manages the product or supplies its evidence.
        Conflict: the release is over, or the gate is passed.
        Refused: an unknown check, status, link or run number.
    """
    locked, gate = lock_gate(gate_id, actor, clock)
    permissions = product_permissions(actor, locked.release.product)
    if "report_checks" not in permissions:
        raise NotAllowed("no_report_checks", f"You may not report checks for {locked.release.product}.")
    if permissions & {"manage_product", "contribute"}:
        raise NotAllowed("prepares_evidence", "Who prepares the evidence cannot report its checks: a tool has to.")
    locked.require_state(ReleaseState.ACTIVE, ReleaseState.ON_HOLD, ReleaseState.RELEASED)
    if gate.is_passed:
        words = GateState(gate.state).label.lower()
        raise Conflict("gate_passed", f"{gate.name} is {words}: its checks stand as they were.")
    check = Check.objects.filter(gate=gate, name=name).first() if "\x00" not in name else None
    if check is None:
        raise Refused.for_field("name", "unknown_check", f"The playbook asks for no check of this name at {gate.name}.")
    if status not in REPORTED:
        raise Refused.for_field("status", "unknown_status", f"The status is one of {', '.join(REPORTED)}.")
    summary = require_text("summary", summary, "The summary", least=0, most=SUMMARY_LENGTH)
    details_url = _details(details_url)
    if run_number is not None and not 0 <= run_number <= MOST_RUNS:
        raise Refused.for_field("run_number", "invalid", "The run number is a whole number from 0 on.")
    if run_number is None and check.run_number is not None:
        raise Refused.for_field("run_number", "required", "Give the run number: this check was reported with one.")
    if check.run_number is not None and run_number is not None:
        said = (status, summary, details_url) == (check.status, check.summary, check.details_url)
        if run_number < check.run_number:
            return Report(check, is_applied=False)
        if run_number == check.run_number and said:
            return Report(check, is_applied=True)
    before = check.status
    check.status, check.summary, check.details_url, check.run_number = status, summary, details_url, run_number
    check.reported_by, check.reported_at = actor, locked.at
    check.save()
    locked.facts.pop(gate.pk, None)
    locked.record(
        EventKind.CHECK_REPORTED,
        gate=gate,
        data={
            "check": check.name,
            "blocking": check.is_blocking,
            "status": status,
            "before": before,
            "summary": summary,
            "details_url": details_url,
            "run_number": run_number,
        },
    )
    locked.finish()
    return Report(check, is_applied=True)
