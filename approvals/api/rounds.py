"""Rounds and decisions."""

from typing import Any

from django.http import Http404, HttpResponseBase
from django.shortcuts import get_object_or_404

from approvals.actions.decisions import NewCondition, record_decision, recuse, revoke_decision
from approvals.api.gates import DECISION, GATE, GateApi, show_decision
from approvals.api.places import named_person
from approvals.kinds import CheckStatus, RoundState, WaiverKind
from approvals.models import Decision, Submission
from approvals.pages.changes import compare
from approvals.pages.items import frozen_files, frozen_items
from approvals.serializers import DecisionBody, ReasonBody
from gatekeeper.accounts.models import User
from gatekeeper.accounts.requests import ApiRequest
from gatekeeper.common.api.inputs import ListQuery
from gatekeeper.common.api.problems import malformed
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
from gatekeeper.common.api.views import DECIDE, describe
from gatekeeper.common.errors import FieldProblem

ROUND_FIELDS = {
    "round": NUMBER,
    "state": one_of(RoundState.values),
    "summary": TEXT,
    "digest": TEXT,
    "submitted_by": TEXT,
    "submitted_at": MOMENT,
    "ended_at": maybe(MOMENT),
}
SUMMARY = shape("Round", ROUND_FIELDS)
FROZEN_FILE = an_object({"name": TEXT, "size": NUMBER, "sha256": TEXT})
FROZEN = an_object(
    {
        "deliverable": TEXT,
        "name": TEXT,
        "required": FLAG,
        "version": NUMBER,
        "kind": TEXT,
        "text": TEXT,
        "url": TEXT,
        "note": TEXT,
        "files": listed(FROZEN_FILE),
        "author": maybe(TEXT),
    }
)
CONDITION = shape(
    "Condition",
    {
        "id": NUMBER,
        "gate": TEXT,
        "text": TEXT,
        "owner": TEXT,
        "due_on": DAY,
        "role": TEXT,
        "closed_at": maybe(MOMENT),
        "closed_by": maybe(TEXT),
        "note": TEXT,
    },
)
CHANGE = an_object(
    {
        "deliverable": TEXT,
        "change": one_of(["added", "changed", "removed"]),
        "parts": listed(listed(an_object({"op": one_of(["same", "ins", "del"]), "text": TEXT}))),
    }
)
ROUND = shape(
    "RoundRecord",
    ROUND_FIELDS
    | {
        "contributors": listed(TEXT),
        "evidence": listed(FROZEN),
        "checks": listed(
            an_object(
                {
                    "name": TEXT,
                    "required": FLAG,
                    "status": one_of(CheckStatus.values),
                    "summary": TEXT,
                    "details_url": TEXT,
                    "run_number": maybe(NUMBER),
                }
            )
        ),
        "exceptions": listed(
            an_object({"kind": one_of(WaiverKind.values), "subject": TEXT, "reason": TEXT, "expires_on": DAY})
        ),
        "roles": listed(an_object({"key": TEXT, "name": TEXT, "quorum": NUMBER})),
        "decisions": listed(DECISION),
        "recusals": listed(an_object({"by": TEXT, "comment": TEXT, "at": MOMENT})),
        "conditions": listed(CONDITION),
        "changes": listed(CHANGE),
    },
)
DECIDED = shape("Decided", {"decision": maybe(DECISION), "gate": GATE})


def show_condition(condition: Any) -> dict[str, Any]:
    return {
        "id": condition.pk,
        "gate": condition.gate.key,
        "text": condition.text,
        "owner": condition.owner.username,
        "due_on": condition.due_on,
        "role": condition.decision.role.key,
        "closed_at": condition.closed_at,
        "closed_by": condition.closed_by.username if condition.closed_by else None,
        "note": condition.note,
    }


def show_summary(submission: Submission) -> dict[str, Any]:
    return {
        "round": submission.number,
        "state": submission.state,
        "summary": submission.summary,
        "digest": submission.digest,
        "submitted_by": submission.submitted_by.username,
        "submitted_at": submission.submitted_at,
        "ended_at": submission.ended_at,
    }


def show_round(submission: Submission, before: Submission | None) -> dict[str, Any]:
    """A round as it was frozen, with its decisions and what changed since the one before. A fixed number of queries."""
    frozen = submission.frozen
    wrote = {row["author"] for row in frozen["evidence"]} | set(frozen["contributors"])
    people = dict(User.objects.filter(pk__in=wrote).values_list("pk", "username"))
    decisions = submission.decisions.select_related("role", "decided_by", "on_behalf_of", "revocation")
    conditions = [
        condition
        for decision in decisions.prefetch_related("conditions__owner", "conditions__closed_by", "conditions__gate")
        for condition in decision.conditions.all()
    ]
    roles = {decision.pk: decision.role for decision in decisions}
    for condition in conditions:
        condition.decision.role = roles[condition.decision_id]
    compared = compare(frozen_items(before.frozen, {}), frozen_items(frozen, {})) if before is not None else None
    return show_summary(submission) | {
        "contributors": [people[pk] for pk in frozen["contributors"] if pk in people],
        "evidence": [
            {
                "deliverable": row["deliverable"],
                "name": row["name"],
                "required": row["required"],
                "version": row["version"],
                "kind": row["kind"],
                "text": row["text"],
                "url": row["url"],
                "note": row["note"],
                "files": [{"name": f.name, "size": f.size, "sha256": f.sha256} for f in frozen_files(row)],
                "author": people.get(row["author"]),
            }
            for row in frozen["evidence"]
        ],
        "checks": [
            {
                "name": row["name"],
                "required": row["blocking"],
                "status": row["status"],
                "summary": row["summary"],
                "details_url": row["details_url"],
                "run_number": row["run_number"],
            }
            for row in frozen.get("checks", ())
        ],
        "exceptions": [
            {name: row[name] for name in ("kind", "subject", "reason", "expires_on")}
            for row in frozen.get("exceptions", ())
        ],
        "roles": [{name: row[name] for name in ("key", "name", "quorum")} for row in frozen["roles"]],
        "decisions": [show_decision(decision, submission.number) for decision in decisions],
        "recusals": [
            {"by": one.person.username, "comment": one.comment, "at": one.recused_at}
            for one in submission.recusals.select_related("person").order_by("recused_at")
        ],
        "conditions": [show_condition(condition) for condition in conditions],
        "changes": [
            {
                "deliverable": change.item.key,
                "change": change.kind,
                "parts": [[{"op": part.op, "text": part.text} for part in hunk] for hunk in change.hunks],
            }
            for change in (compared.changes if compared is not None else ())
        ],
    }


class SubmissionsView(GateApi):
    tag = "rounds"

    @describe("The rounds of a gate", answers={200: page_of("Round")}, query=ListQuery)
    def get(self, request: ApiRequest, product: str, version: str, gate: str) -> HttpResponseBase:
        """Newest first."""
        place = self.place(product, version, gate)
        found = Submission.objects.filter(gate=place.gate).select_related("submitted_by").order_by("-number")
        return self.page(found.defer("snapshot"), show_summary)


class SubmissionView(GateApi):
    tag = "rounds"

    @describe("A round", answers={200: ROUND})
    def get(self, request: ApiRequest, product: str, version: str, gate: str, round: int) -> HttpResponseBase:
        """The frozen evidence, its digest, the decisions, and the difference to the round before."""
        place = self.place(product, version, gate)
        found = {
            one.number: one
            for one in Submission.objects.filter(gate=place.gate, number__in=(round, round - 1)).select_related(
                "submitted_by"
            )
        }
        if round not in found:
            raise Http404("No such round.")
        return self.answer(show_round(found[round], found.get(round - 1)))


class DecisionsView(GateApi):
    tag = "rounds"

    @describe("Decide on a round", answers={201: DECIDED}, body=DecisionBody, scope=DECIDE)
    def post(self, request: ApiRequest, product: str, version: str, gate: str) -> HttpResponseBase:
        """Approve, decline or step aside (`recuse`), in one role, on the round that you have read.

        409 when the round is no longer current. Gates that ask for a signature are decided in the browser.
        """
        place, said = self.place(product, version, gate), self.said
        if said["verdict"] == "recuse":
            if said.get("conditions"):
                raise malformed(
                    "Conditions go with an approval.",
                    [FieldProblem("conditions", "not_an_approval", "Leave them out.")],
                )
            recuse(
                gate_id=place.gate.pk,
                round_number=said["round"],
                actor=request.user,
                comment=said.get("comment", ""),
            )
            return self.answer({"decision": None, "gate": self.show(place)}, 201)
        if "role" not in said:
            raise malformed("Say in which role.", [FieldProblem("role", "required", "This field is required.")])
        decision = record_decision(
            gate_id=place.gate.pk,
            round_number=said["round"],
            role_key=said["role"],
            actor=request.user,
            verdict=said["verdict"],
            comment=said.get("comment", ""),
            conditions=[
                NewCondition(one["text"], named_person(one["owner"], f"conditions.{index}.owner"), one["due_on"])
                for index, one in enumerate(said.get("conditions", ()))
            ],
        )
        return self.answer({"decision": show_decision(decision, said["round"]), "gate": self.show(place)}, 201)


class DecisionRevokeView(GateApi):
    tag = "rounds"

    @describe("Revoke one's own decision", answers={200: GATE}, body=ReasonBody, scope=DECIDE)
    def post(self, request: ApiRequest, product: str, version: str, gate: str, id: int) -> HttpResponseBase:
        """While the round is open; the decision stays on record as revoked."""
        place = self.place(product, version, gate)
        found = get_object_or_404(Decision, pk=id, submission__gate=place.gate)
        revoke_decision(decision_id=found.pk, actor=request.user, reason=self.said["reason"])
        return self.answer(self.show(place))
