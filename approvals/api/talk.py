"""The discussion of a gate, and the conditions of its approvals."""

from typing import Any

from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404

from approvals.actions.comments import add_comment
from approvals.actions.decisions import close_condition
from approvals.api.gates import GateApi
from approvals.api.rounds import CONDITION, show_condition
from approvals.models import Comment, Condition
from approvals.serializers import CommentBody, CommentQuery, ConditionBody
from gatekeeper.accounts.requests import ApiRequest
from gatekeeper.common.api.problems import malformed
from gatekeeper.common.api.shapes import MOMENT, NUMBER, TEXT, listed, maybe, page_of, shape
from gatekeeper.common.api.views import describe
from gatekeeper.common.errors import FieldProblem

COMMENT = shape(
    "Comment",
    {
        "id": NUMBER,
        "by": TEXT,
        "text": TEXT,
        "written_at": MOMENT,
        "edited_at": maybe(MOMENT),
        "mentions": listed(TEXT),
    },
)


def show_comment(comment: Comment) -> dict[str, Any]:
    return {
        "id": comment.pk,
        "by": comment.author.username,
        "text": comment.text,
        "written_at": comment.written_at,
        "edited_at": comment.edited_at,
        "mentions": sorted(person.username for person in comment.mentions.all()),
    }


class CommentsView(GateApi):
    tag = "discussion"

    @describe("The discussion of a gate", answers={200: page_of("Comment")}, query=CommentQuery)
    def get(self, request: ApiRequest, product: str, version: str, gate: str) -> HttpResponseBase:
        """Comments are no decisions."""
        place = self.place(product, version, gate)
        found = Comment.objects.filter(gate=place.gate).select_related("author").prefetch_related("mentions")
        word = self.query["ordering"]
        return self.page(found.order_by(word, "-pk" if word.startswith("-") else "pk"), show_comment)

    @describe("Write a comment", answers={201: COMMENT}, body=CommentBody)
    def post(self, request: ApiRequest, product: str, version: str, gate: str) -> HttpResponseBase:
        """Markdown; who is mentioned with @ and their user name is told."""
        place = self.place(product, version, gate)
        written = add_comment(gate_id=place.gate.pk, actor=request.user, text=self.said["text"])
        return self.answer(show_comment(written.comment), 201)


class ConditionView(GateApi):
    tag = "discussion"

    def _condition(self, product: str, version: str, gate: str, id: int) -> Condition:
        place = self.place(product, version, gate)
        query = Condition.objects.select_related("gate", "owner", "closed_by", "decision__role")
        return get_object_or_404(query, pk=id, gate=place.gate)

    @describe("A condition", answers={200: CONDITION})
    def get(self, request: ApiRequest, product: str, version: str, gate: str, id: int) -> HttpResponseBase:
        return self.answer(show_condition(self._condition(product, version, gate, id)))

    @describe("Close a condition", answers={200: CONDITION}, body=ConditionBody, has_match=True)
    def patch(self, request: ApiRequest, product: str, version: str, gate: str, id: int) -> HttpResponseBase:
        """With a note that says how it was met, as its owner or a product manager."""
        found = self._condition(product, version, gate, id)
        if not self.said["closed"]:
            raise malformed("A closed condition stays so.", [FieldProblem("closed", "invalid", "Only true.")])
        self.require_match(show_condition(found))
        close_condition(condition_id=found.pk, actor=request.user, note=self.said["note"])
        return self.answer(show_condition(self._condition(product, version, gate, id)))
