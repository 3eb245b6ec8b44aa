"""Words that are stored: states, causes and the names of events. Values are lowercase words, never codes."""

from django.db.models import TextChoices


class PlaybookKind(TextChoices):
    GATES = "gates", "Gates"
    HISTORY = "history", "Recorded history"


class ReleaseState(TextChoices):
    DRAFT = "draft", "Draft"
    ACTIVE = "active", "Active"
    ON_HOLD = "on_hold", "On hold"
    RELEASED = "released", "Released"
    CLOSED = "closed", "Closed"
    CANCELLED = "cancelled", "Cancelled"
    RECORDED = "recorded", "Recorded"


class GateState(TextChoices):
    UPCOMING = "upcoming", "Not started"
    OPEN = "open", "Preparing"
    IN_REVIEW = "in_review", "Waiting for decision"
    APPROVED = "approved", "Approved"
    DECLINED = "declined", "Declined"
    WAIVED = "waived", "Waived"
    RECORDED = "recorded", "Recorded"
    NOT_RECORDED = "not_recorded", "Not recorded"


class Cause(TextChoices):
    NOT_SUBMITTED = "not_submitted", "Not submitted"
    AWAITING_DECISION = "awaiting_decision", "Awaiting decision"
    DECLINED = "declined", "Declined"
    CHECK_FAILING = "check_failing", "Check failing"
    QUORUM_UNREACHABLE = "quorum_unreachable", "Quorum unreachable"
    RECORDED = "recorded", "Recorded history"


class SettledHow(TextChoices):
    LATE_APPROVAL = "late_approval", "Late approval"
    WAIVER = "waiver", "Waiver"
    REPLAN = "replan", "Re-plan"
    RECORDED = "recorded", "Recorded date"


class MoveKind(TextChoices):
    """Why a date moved: every move of a date has a row with one of these."""

    REPLAN = "replan", "Re-plan"
    SLIP = "slip", "Slip"
    HOLD = "hold", "Hold"
    SHIP = "ship", "Release"
    RECORDED = "recorded", "Recorded history"


class CalendarKind(TextChoices):
    HOLIDAY = "holiday", "Holiday"
    FREEZE = "freeze", "Freeze window"


class Health(TextChoices):
    ON_TRACK = "on_track", "On track"
    AT_RISK = "at_risk", "At risk"
    SLIPPED = "slipped", "Slipped"
    DRAFT = "draft", "Draft"
    ON_HOLD = "on_hold", "On hold"
    RELEASED = "released", "Released"
    CLOSED = "closed", "Closed"
    CANCELLED = "cancelled", "Cancelled"
    RECORDED = "recorded", "Recorded"


# Gates that wait for somebody; a gate in one of these can be missed.
UNDECIDED = (GateState.OPEN, GateState.IN_REVIEW, GateState.DECLINED)
PASSED = (GateState.APPROVED, GateState.WAIVED)


class EventKind:
    """Names of events: past and dotted. The list in the documentation is generated from here."""

    RELEASE_CREATED = "releases.release.created"
    RELEASE_CHANGED = "releases.release.changed"
    RELEASE_ACTIVATED = "releases.release.activated"
    RELEASE_HELD = "releases.release.held"
    RELEASE_RESUMED = "releases.release.resumed"
    RELEASE_CANCELLED = "releases.release.cancelled"
    RELEASE_SHIPPED = "releases.release.shipped"
    RELEASE_DATE_CORRECTED = "releases.release.date_corrected"
    RELEASE_CLOSED = "releases.release.closed"
    RELEASE_SLIPPED = "releases.release.slipped"
    RELEASE_REPLANNED = "releases.release.replanned"
    RELEASE_REBASELINED = "releases.release.rebaselined"
    RELEASE_IMPORTED = "releases.release.imported"
    GATE_OPENED = "releases.gate.opened"
    GATE_MISSED = "releases.gate.missed"
    GATE_DUE_CHANGED = "releases.gate.due_changed"
    GATE_RECORDED = "releases.gate.recorded"
    SLIP_SETTLED = "releases.slip.settled"
    PRODUCT_LINE_SAVED = "releases.product_line.saved"
    PRODUCT_SAVED = "releases.product.saved"
    PLAYBOOK_LOADED = "releases.playbook.loaded"
    PLAYBOOK_PUBLISHED = "releases.playbook.published"
    PLAYBOOK_APPLIED = "releases.release.playbook_applied"
    CALENDAR_CHANGED = "releases.calendar.changed"
    ORGANISATION_SAVED = "releases.organisation.saved"
    SUBMITTED = "approvals.submission.submitted"
    WITHDRAWN = "approvals.submission.withdrawn"
    DECISION_RECORDED = "approvals.decision.recorded"
    DECISION_REVOKED = "approvals.decision.revoked"
    RECUSED = "approvals.decision.recused"
    GATE_APPROVED = "approvals.gate.approved"
    GATE_DECLINED = "approvals.gate.declined"
    GATE_WAIVED = "approvals.gate.waived"
    WAIVER_EXPIRED = "approvals.gate.waiver_expired"
    QUORUM_UNREACHABLE = "approvals.gate.quorum_unreachable"
    EVIDENCE_SAVED = "approvals.evidence.saved"
    EVIDENCE_REMOVED = "approvals.evidence.removed"
    EVIDENCE_INFECTED = "approvals.evidence.infected"
    DELIVERABLE_ASSIGNED = "approvals.deliverable.assigned"
    CHECK_REPORTED = "approvals.check.reported"
    EXCEPTION_GRANTED = "approvals.exception.granted"
    EXCEPTION_EXPIRED = "approvals.exception.expired"
    CONDITION_OPENED = "approvals.condition.opened"
    CONDITION_CLOSED = "approvals.condition.closed"
    CONDITION_OVERDUE = "approvals.condition.overdue"
    COMMENT_ADDED = "approvals.comment.added"
    COMMENT_EDITED = "approvals.comment.edited"
    SEAT_CREATED = "approvals.seat.created"
    GRANT_GIVEN = "accounts.grant.given"
    GRANT_REVOKED = "accounts.grant.revoked"
    GROUP_SAVED = "accounts.group.saved"
    GROUP_JOINED = "accounts.group.joined"
    GROUP_LEFT = "accounts.group.left"
    DELEGATION_MADE = "accounts.delegation.made"
    DELEGATION_ENDED = "accounts.delegation.ended"
    USER_CREATED = "accounts.user.created"
    USER_CHANGED = "accounts.user.changed"
    USER_PASSWORD_CHANGED = "accounts.user.password_changed"  # noqa: S105  # the name of an event
    CALENDAR_LINK_MADE = "accounts.calendar_link.made"
    CALENDAR_LINK_CHANGED = "accounts.calendar_link.changed"
    CALENDAR_LINK_REVOKED = "accounts.calendar_link.revoked"
    USER_DEACTIVATED = "accounts.user.deactivated"
    USER_REACTIVATED = "accounts.user.reactivated"
    TOKEN_CREATED = "accounts.token.created"  # noqa: S105  # the name of an event
    TOKEN_ROTATED = "accounts.token.rotated"  # noqa: S105  # the name of an event
    TOKEN_REVOKED = "accounts.token.revoked"  # noqa: S105  # the name of an event
    WATCH_STARTED = "notifications.watch.started"
    WATCH_ENDED = "notifications.watch.ended"
    STAKEHOLDER_ADDED = "notifications.stakeholder.added"
    STAKEHOLDER_REMOVED = "notifications.stakeholder.removed"


EVENT_KINDS: tuple[str, ...] = tuple(
    sorted(value for name, value in vars(EventKind).items() if not name.startswith("_"))
)
