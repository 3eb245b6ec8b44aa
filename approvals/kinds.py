"""Words that are stored."""

from django.db.models import TextChoices


class EvidenceKind(TextChoices):
    TEXT = "text", "Text"
    LINK = "link", "Link"
    FILE = "file", "File"
    TICK = "tick", "Tick"
    REMOVED = "removed", "Removed"


class Scan(TextChoices):
    """What the virus scanner said of a file that is kept; of an infected one nothing is kept."""

    CLEAN = "clean", "Scanned, clean"
    NOT_SCANNED = "not_scanned", "Not scanned"


class RoundState(TextChoices):
    OPEN = "open", "Waiting for decision"
    APPROVED = "approved", "Approved"
    DECLINED = "declined", "Declined"
    WITHDRAWN = "withdrawn", "Withdrawn"
    WAIVED = "waived", "Waived"
    CANCELLED = "cancelled", "Cancelled"


class Verdict(TextChoices):
    APPROVE = "approve", "Approve"
    DECLINE = "decline", "Decline"


class WaiverKind(TextChoices):
    GATE = "gate", "Gate"
    DELIVERABLE = "deliverable", "Deliverable"
    CHECK = "check", "Check"


class CheckStatus(TextChoices):
    """What an engineering tool last said of a check."""

    NOT_REPORTED = "not_reported", "Not reported"
    PENDING = "pending", "Running"
    SUCCESS = "success", "Passed"
    FAILURE = "failure", "Failed"
    ERROR = "error", "Error"


class BlockerCode:
    """Why a gate cannot go on; the codes of the API contract."""

    NOT_OPEN = "not_open"
    RELEASE_NOT_ACTIVE = "release_not_active"
    EARLIER_GATE_OPEN = "earlier_gate_open"
    DELIVERABLE_MISSING = "deliverable_missing"
    CHECK_MISSING = "check_missing"
    CHECK_FAILING = "check_failing"
    CONDITION_OVERDUE = "condition_overdue"
    QUORUM_UNREACHABLE = "quorum_unreachable"
    ROLE_APPROVAL_MISSING = "role_approval_missing"
    DECLINED = "declined"
    WAIVER_EXPIRED = "waiver_expired"
    NOT_SUBMITTED = "not_submitted"
