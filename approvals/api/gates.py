"""Gates: what is in the way, whose turn it is, the verdict for pipelines, and the verbs of the product manager."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.http import HttpResponseBase
from django.utils import timezone

from approvals.actions.exceptions import grant_exception
from approvals.actions.rounds import submit_evidence, waive_gate, withdraw_submission
from approvals.api.places import Place, the_gate, the_release, today
from approvals.api.shown import days_late
from approvals.facts import load_all, load_facts
from approvals.kinds import BlockerCode, CheckStatus, Verdict, WaiverKind
from approvals.models import Decision
from approvals.serializers import ExceptionBody, SubmitBody, VerdictQuery, WaiveBody, WithdrawBody
from approvals.status import GateStatus, status_of
from approvals.verdicts import GO, NO_GO, past_answer, present_answer
from gatekeeper.accounts.models import Scope
from gatekeeper.accounts.requests import ApiRequest
from gatekeeper.common.api.inputs import ListQuery
from gatekeeper.common.api.shapes import (
    DAY,
    FLAG,
    MOMENT,
    NUMBER,
    TEXT,
    an_object,
    listed,
    maybe,
    one_of,
    page_of,
    shape,
)
from gatekeeper.common.api.views import DECIDE, ApiView, describe
from gatekeeper.common.errors import Blocker, Refused
from releases import rules
from releases.kinds import GateState, ReleaseState
from releases.models import Gate, Release, Slip

BLOCKER_CODES = sorted(value for name, value in vars(BlockerCode).items() if not name.startswith("_"))
BLOCKER = an_object({"code": one_of(BLOCKER_CODES), "subject": TEXT, "message": TEXT})
REMARK = an_object({"code": TEXT, "subject": TEXT, "message": TEXT})
CHECK = shape(
    "Check",
    {
        "name": TEXT,
        "required": FLAG,
        "status": one_of(CheckStatus.values),
        "details_url": TEXT,
        "summary": TEXT,
        "run_number": maybe(NUMBER),
        "reported_by": maybe(TEXT),
        "reported_at": maybe(MOMENT),
    },
)
DECISION = shape(
    "Decision",
    {
        "id": NUMBER,
        "round": NUMBER,
        "role": TEXT,
        "by": TEXT,
        "name": TEXT,
        "title": TEXT,
        "on_behalf_of": maybe(TEXT),
        "verdict": one_of(Verdict.values),
        "at": MOMENT,
        "comment": TEXT,
        "meaning": TEXT,
        "digest": TEXT,
        "revoked": FLAG,
    },
)
ROLE = an_object(
    {
        "key": TEXT,
        "name": TEXT,
        "quorum": NUMBER,
        "approvals": NUMBER,
        "state": one_of(["none", "later", "waiting", "approved", "declined"]),
        "members": listed(TEXT),
        "decisions": listed(DECISION),
    }
)
TURN = an_object(
    {"who": one_of(["pm", "role", "tool", "none"]), "role": maybe(TEXT), "roles": listed(TEXT), "since": maybe(MOMENT)}
)
GATE = shape(
    "Gate",
    {
        "key": TEXT,
        "name": TEXT,
        "position": NUMBER,
        "state": one_of(GateState.values),
        "release": an_object({"product": TEXT, "version": TEXT}),
        "baseline_due_on": maybe(DAY),
        "due_on": maybe(DAY),
        "forecast_on": maybe(DAY),
        "decided_on": maybe(DAY),
        "missed_at": maybe(MOMENT),
        "days_late": NUMBER,
        "needs_signature": FLAG,
        "round": NUMBER,
        "digest": maybe(TEXT),
        "submitted_by": maybe(TEXT),
        "submitted_at": maybe(MOMENT),
        "waiver_expires_on": maybe(DAY),
        "roles": listed(ROLE),
        "checks": listed(CHECK),
        "blockers": listed(BLOCKER),
        "turn": TURN,
        "allowed_actions": listed(TEXT),
    },
)
VERDICT = shape(
    "Verdict",
    {
        "verdict": one_of([GO, NO_GO]),
        "summary": TEXT,
        "as_of": maybe(MOMENT),
        "gate": TEXT,
        "state": one_of(GateState.values),
        "satisfied": listed(REMARK),
        "blockers": listed(BLOCKER),
        "waived": listed(REMARK),
    },
)
SUBMITTED = shape("Submitted", {"round": NUMBER, "digest": TEXT, "submitted_at": MOMENT})
WAIVED = shape(
    "Exception", {"kind": one_of(WaiverKind.values), "subject": TEXT, "by": TEXT, "reason": TEXT, "expires_on": DAY}
)

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
# which actions a token with a scope may take; a browser may take all
WRITES = ("edit_evidence", "submit", "withdraw")


def show_blockers(blockers: Iterable[Blocker]) -> list[dict[str, str]]:
    return [{"code": b.code, "subject": b.subject, "message": b.message} for b in blockers]


def show_decision(decision: Decision, number: int) -> dict[str, Any]:
    return {
        "id": decision.pk,
        "round": number,
        "role": decision.role.key,
        "by": decision.decided_by.username,
        "name": decision.printed_name,
        "title": decision.printed_title,
        "on_behalf_of": decision.on_behalf_of.username if decision.on_behalf_of else None,
        "verdict": decision.verdict,
        "at": decision.decided_at,
        "comment": decision.comment,
        "meaning": decision.meaning,
        "digest": decision.digest,
        "revoked": hasattr(decision, "revocation"),
    }


def show_check(check: Any) -> dict[str, Any]:
    return {
        "name": check.name,
        "required": check.is_blocking,
        "status": check.status,
        "details_url": check.details_url,
        "summary": check.summary,
        "run_number": check.run_number,
        "reported_by": check.reported_by.username if check.reported_by else None,
        "reported_at": check.reported_at,
    }


def actions_of(status: GateStatus, scopes: Sequence[str] | None) -> list[str]:
    """What the engine would let the caller do, of what their token may ask for."""
    found = list(status.allowed_actions)
    if scopes is None:
        return found
    return [
        action
        for action in found
        if (Scope.WRITE in scopes if action.split(":")[0] in WRITES else Scope.DECIDE in scopes)
    ]


def missed_at(gates: Sequence[Gate]) -> dict[int, datetime]:
    """By gate id: when it was last found missed."""
    rows = Slip.objects.filter(gate__in=gates).order_by("detected_at").values_list("gate_id", "detected_at")
    return dict(rows)


def forecast_of(release: Release, gate: Gate, on: date) -> date | None:
    """Where a gate is heading while a miss is open: as the slip rule projects it."""
    due = gate.due_on
    if due is None or gate.decided_on is not None or release.state != ReleaseState.ACTIVE:
        return due
    delay = rules.forecast_days_late(release.next_due_on, bool(release.open_slips), on)
    is_current = gate.key == release.current_gate
    moves = is_current or (gate.state == GateState.UPCOMING and not gate.is_pinned)
    return due + timedelta(days=delay) if delay and moves else due


def show_gate(
    status: GateStatus, missed: datetime | None, on: date, scopes: Sequence[str] | None = None
) -> dict[str, Any]:
    """One gate as the caller gets it."""
    facts = status.facts
    release, gate, submission = facts.release, facts.gate, facts.submission
    return {
        "key": gate.key,
        "name": gate.name,
        "position": gate.position,
        "state": gate.state,
        "release": {"product": release.product.slug, "version": release.version},
        "baseline_due_on": gate.baseline_due_on,
        "due_on": gate.due_on,
        "forecast_on": forecast_of(release, gate, on),
        "decided_on": gate.decided_on,
        "missed_at": missed,
        "days_late": days_late(gate.state, gate.due_on, gate.decided_on, on, is_running=release.is_running),
        "needs_signature": gate.needs_signature,
        "round": gate.round_number,
        "digest": submission.digest if submission is not None else None,
        "submitted_by": submission.submitted_by.username if submission is not None else None,
        "submitted_at": submission.submitted_at if submission is not None else None,
        "waiver_expires_on": gate.waiver_expires_on,
        "roles": [
            {
                "key": role.key,
                "name": role.name,
                "quorum": role.quorum,
                "approvals": role.approvals,
                "state": role.state,
                "members": [holder.user.username for holder in role.holders],
                "decisions": [show_decision(d, submission.number if submission else 0) for d in role.decisions],
            }
            for role in status.roles
        ],
        "checks": [show_check(check) for check in facts.checks],
        "blockers": [] if release.is_history else show_blockers(status.blockers),
        "turn": {
            "who": status.turn.who,
            "role": status.turn.roles[0] if status.turn.roles else None,
            "roles": list(status.turn.roles),
            "since": status.turn.since,
        },
        "allowed_actions": actions_of(status, scopes),
    }


class GateApi(ApiView):
    """What views of a gate share."""

    tag = "gates"

    def place(self, product: str, version: str, gate: str) -> Place:
        request: Any = self.request
        return the_gate(request.user, product, version, gate)

    def scopes(self) -> Sequence[str] | None:
        token: Any = self.request.auth
        return token.scopes if token is not None else None

    def show(self, place: Place) -> dict[str, Any]:
        """A gate as it is stored now."""
        request: Any = self.request
        on = today()
        again = self.place(place.release.product.slug, place.release.version, place.gate.key)
        status = status_of(load_facts(again.release, again.gate, again.gates, on), request.user)
        return show_gate(status, missed_at([again.gate]).get(again.gate.pk), on, self.scopes())


class GatesView(GateApi):
    @describe("The gates of a release", answers={200: page_of("Gate")}, query=ListQuery)
    def get(self, request: ApiRequest, product: str, version: str) -> HttpResponseBase:
        """In order; each with what is in its way, whose turn it is and what you may do."""
        release, on = the_release(request.user, product, version), today()
        gates = list(Gate.objects.filter(release=release).order_by("position"))
        facts, missed = load_all(release, gates, on), missed_at(gates)
        shown = [
            show_gate(status_of(facts[gate.pk], request.user), missed.get(gate.pk), on, self.scopes()) for gate in gates
        ]
        return self.page(shown, lambda one: one)


class GateView(GateApi):
    @describe("A gate", answers={200: GATE})
    def get(self, request: ApiRequest, product: str, version: str, gate: str) -> HttpResponseBase:
        """State, dates, roles with who decided, the current round, what is in the way, and what you may do."""
        return self.answer(self.show(self.place(product, version, gate)))


class GateVerdictView(GateApi):
    @describe("The verdict of a gate, for pipelines", answers={200: VERDICT}, query=VerdictQuery, refusals=(422,))
    def get(self, request: ApiRequest, product: str, version: str, gate: str) -> HttpResponseBase:
        """`go` or `no_go` with typed reasons; what was waived or excused stands apart.

        With `as_of` the answer of a past moment, told from the release's events.
        """
        place = self.place(product, version, gate)
        now = timezone.now()
        at: datetime = self.query.get("as_of", now)
        if at > now:
            raise Refused.for_field("as_of", "not_yet", "This moment has not come yet.")
        if at < EARLIEST:
            raise Refused.for_field("as_of", "too_early", "Give a moment of the year 2000 or later.")
        facts = load_facts(place.release, place.gate, place.gates, today())
        found = past_answer(facts, at) if "as_of" in self.query else present_answer(status_of(facts, request.user))
        return self.answer(
            {
                "verdict": found.verdict,
                "summary": found.summary,
                "as_of": at if "as_of" in self.query else None,
                "gate": place.gate.key,
                "state": found.state,
                "satisfied": show_blockers(found.satisfied),
                "blockers": show_blockers(found.blockers),
                "waived": show_blockers(found.waived),
            }
        )


class GateSubmitView(GateApi):
    @describe("Submit a gate", answers={201: SUBMITTED}, body=SubmitBody, is_body_optional=True)
    def post(self, request: ApiRequest, product: str, version: str, gate: str) -> HttpResponseBase:
        """Freezes the evidence as the next round and puts it to the approvers; or 422 with every blocker at once."""
        place = self.place(product, version, gate)
        submission = submit_evidence(gate_id=place.gate.pk, actor=request.user, summary=self.said.get("summary", ""))
        return self.answer(
            {"round": submission.number, "digest": submission.digest, "submitted_at": submission.submitted_at}, 201
        )


class GateWithdrawView(GateApi):
    @describe("Withdraw the open round", answers={200: GATE}, body=WithdrawBody, is_body_optional=True)
    def post(self, request: ApiRequest, product: str, version: str, gate: str) -> HttpResponseBase:
        """The gate is open again; decisions of the round stay in the history."""
        place = self.place(product, version, gate)
        withdraw_submission(gate_id=place.gate.pk, actor=request.user, reason=self.said.get("reason", ""))
        return self.answer(self.show(place))


class GateWaiveView(GateApi):
    @describe("Waive a gate", answers={200: GATE}, body=WaiveBody, scope=DECIDE)
    def post(self, request: ApiRequest, product: str, version: str, gate: str) -> HttpResponseBase:
        """Lets it through without approval until a day, by an authority; never counted as approved."""
        place = self.place(product, version, gate)
        waive_gate(gate_id=place.gate.pk, actor=request.user, **self.said)
        return self.answer(self.show(place))


class GateExceptionsView(GateApi):
    @describe("Excuse one deliverable or check", answers={201: WAIVED}, body=ExceptionBody, scope=DECIDE)
    def post(self, request: ApiRequest, product: str, version: str, gate: str) -> HttpResponseBase:
        """Until a day, by an authority. `kind` is needed where a deliverable and a check have the same name."""
        place, said = self.place(product, version, gate), dict(self.said)
        said["kind"] = said.get("kind") or self._kind(place, said["subject"])
        waiver = grant_exception(gate_id=place.gate.pk, actor=request.user, **said)
        return self.answer(
            {
                "kind": waiver.kind,
                "subject": waiver.subject,
                "by": request.user.username,
                "reason": waiver.reason,
                "expires_on": waiver.expires_on,
            },
            201,
        )

    def _kind(self, place: Place, subject: str) -> str:
        facts = load_facts(place.release, place.gate, place.gates, today())
        kinds = [WaiverKind.DELIVERABLE.value for thing in facts.deliverables if thing.key == subject]
        kinds += [WaiverKind.CHECK.value for check in facts.checks if check.name == subject]
        if len(kinds) > 1:
            raise Refused.for_field("kind", "required", f"{subject} is a deliverable and a check: say which.")
        return kinds[0] if kinds else WaiverKind.DELIVERABLE.value
