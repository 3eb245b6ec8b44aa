"""What waits for the caller, and when they are away."""

from datetime import date
from typing import Any

from django.db.models import Q
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404

from approvals.absences import may_arrange
from approvals.actions.delegations import end_delegation, make_delegation
from approvals.api.places import named_person, today
from approvals.models import ApproverRole, Delegation, Submission
from approvals.pages.waiting import Entry, waiting_list
from approvals.serializers import DelegationBody, DelegationQuery, InboxQuery
from gatekeeper.accounts.requests import ApiRequest
from gatekeeper.common.api.answers import nothing
from gatekeeper.common.api.shapes import (
    DAY,
    FLAG,
    MOMENT,
    NUMBER,
    TEXT,
    an_object,
    listed,
    maybe,
    page_of,
    shape,
)
from gatekeeper.common.api.views import DECIDE, ApiView, describe
from gatekeeper.common.errors import Refused
from releases.models import Product
from releases.permissions import bound_products

WAITING = shape(
    "Waiting",
    {
        "release": an_object({"product": TEXT, "version": TEXT}),
        "gate": TEXT,
        "name": TEXT,
        "round": NUMBER,
        "due_on": maybe(DAY),
        "days_late": NUMBER,
        "submitted_by": TEXT,
        "submitted_at": MOMENT,
        "summary": TEXT,
        "needs_signature": FLAG,
        "roles": listed(an_object({"key": TEXT, "name": TEXT, "on_behalf_of": maybe(TEXT)})),
    },
)


def show_entry(entry: Entry, submission: Submission, on: date) -> dict[str, Any]:
    gate = submission.gate
    return {
        "release": {"product": gate.release.product.slug, "version": gate.release.version},
        "gate": gate.key,
        "name": gate.name,
        "round": submission.number,
        "due_on": gate.due_on,
        "days_late": max(0, (on - gate.due_on).days) if gate.due_on else 0,
        "submitted_by": submission.submitted_by.username,
        "submitted_at": submission.submitted_at,
        "summary": submission.summary,
        "needs_signature": gate.needs_signature,
        "roles": [{"key": r.key, "name": r.name, "on_behalf_of": r.principal or None} for r in entry.mine],
    }


class InboxView(ApiView):
    tag = "inbox"

    @describe("What waits for you", answers={200: page_of("Waiting")}, query=InboxQuery)
    def get(self, request: ApiRequest) -> HttpResponseBase:
        """Rounds in which you may decide now, most urgent first; the name in `on_behalf_of` is the printed one."""
        on, bound = today(), bound_products(request.user)
        entries = waiting_list(request.user, on)
        if bound is not None:
            seen = set(Product.objects.filter(pk__in=bound).values_list("slug", flat=True))
            entries = [entry for entry in entries if entry.product[0] in seen]
        rounds: dict[int, Submission] = {}

        def prepare(page: list[Entry]) -> None:
            query = Submission.objects.select_related("gate__release__product", "submitted_by").defer("snapshot")
            rounds.update(query.in_bulk([entry.pk for entry in page]))

        return self.page(entries, lambda entry: show_entry(entry, rounds[entry.pk], on), prepare=prepare)


# --- Absences -----------------------------------------------------------------------------------------------------

DELEGATION = shape(
    "Delegation",
    {
        "id": NUMBER,
        "person": TEXT,
        "delegate": maybe(TEXT),
        "starts_on": DAY,
        "ends_on": DAY,
        "reason": TEXT,
        "covers_all": FLAG,
        "roles": listed(NUMBER),
        "made_by": TEXT,
        "made_at": MOMENT,
        "ended_at": maybe(MOMENT),
    },
)


def show_delegation(delegation: Delegation) -> dict[str, Any]:
    return {
        "id": delegation.pk,
        "person": delegation.person.username,
        "delegate": delegation.delegate.username if delegation.delegate else None,
        "starts_on": delegation.starts_on,
        "ends_on": delegation.ends_on,
        "reason": delegation.reason,
        "covers_all": delegation.covers_all,
        "roles": sorted(role.pk for role in delegation.roles.all()),
        "made_by": delegation.made_by.username,
        "made_at": delegation.made_at,
        "ended_at": delegation.ended_at,
    }


def _delegations() -> Any:
    return Delegation.objects.select_related("person", "delegate", "made_by").prefetch_related("roles")


class DelegationsView(ApiView):
    tag = "delegations"

    @describe("Your absences", answers={200: page_of("Delegation")}, query=DelegationQuery)
    def get(self, request: ApiRequest) -> HttpResponseBase:
        """Those in which you are away, stand in for somebody, or arrange it for somebody whose assistant you are."""
        user = request.user
        found = _delegations().filter(Q(person=user) | Q(delegate=user) | Q(person__assistant=user))
        if self.query["show"] == "current":
            found = found.filter(ended_at=None, ends_on__gte=today())
        return self.page(found.order_by("starts_on", "pk"), show_delegation)

    @describe("Say who decides while you are away", answers={201: DELEGATION}, body=DelegationBody, scope=DECIDE)
    def post(self, request: ApiRequest) -> HttpResponseBase:
        """For yourself, or for somebody whose assistant you are."""
        said = self.said
        person = named_person(said["person"], "person") if "person" in said else request.user
        delegate = named_person(said["delegate"], "delegate") if said.get("delegate") else None
        roles = None
        if "roles" in said:
            roles = list(ApproverRole.objects.filter(pk__in=said["roles"]))
            if len(roles) != len(set(said["roles"])):
                raise Refused.for_field("roles", "unknown_role", "There are no such seats.")
        made = make_delegation(
            person=person,
            actor=request.user,
            delegate=delegate,
            starts_on=said["starts_on"],
            ends_on=said["ends_on"],
            roles=roles,
            reason=said.get("reason", ""),
        )
        return self.answer(show_delegation(_delegations().get(pk=made.pk)), 201)


class DelegationView(ApiView):
    tag = "delegations"

    @describe("End an absence", answers={204: None}, scope=DECIDE)
    def delete(self, request: ApiRequest, id: int) -> HttpResponseBase:
        """From now on; what was decided in it stays."""
        found = get_object_or_404(_delegations(), pk=id)
        if not may_arrange(request.user, found.person) and found.delegate_id != request.user.pk:
            raise found.DoesNotExist
        end_delegation(delegation_id=found.pk, actor=request.user)
        return nothing()
