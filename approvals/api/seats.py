"""Who holds which seat of a product."""

from typing import Any

from django.contrib.auth.models import Group
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404

from approvals.actions.seats import grant_seat, revoke_seat
from approvals.api.places import the_group, the_person, the_product
from approvals.models import ApproverRole
from approvals.pages.products import product_seats
from approvals.serializers import SeatQuery
from gatekeeper.accounts.models import User
from gatekeeper.accounts.requests import ApiRequest
from gatekeeper.common.api.answers import nothing
from gatekeeper.common.api.inputs import ListQuery
from gatekeeper.common.api.shapes import NUMBER, TEXT, listed, page_of, shape
from gatekeeper.common.api.views import ApiView, describe

SEAT = shape(
    "Seat",
    {"id": NUMBER, "gate": TEXT, "role": TEXT, "name": TEXT, "members": listed(TEXT), "groups": listed(TEXT)},
)


class RolesView(ApiView):
    tag = "seats"

    @describe("The seats of a product", answers={200: page_of("Seat")}, query=ListQuery)
    def get(self, request: ApiRequest, product: str) -> HttpResponseBase:
        """By gate, in the playbook's order: the people and groups who hold each."""
        found: list[dict[str, Any]] = [
            {
                "id": seat.role.pk,
                "gate": gate.key,
                "role": seat.role.key,
                "name": seat.role.name,
                "members": [person.username for person in seat.holders.people],
                "groups": [holder.group.name for holder in seat.holders.groups],
            }
            for gate in product_seats(the_product(request.user, product))
            for seat in gate.seats
        ]
        return self.page(found, lambda one: one)


class SeatApi(ApiView):
    """Give and take a seat. Administrators do, never their own, nor on products that they manage."""

    tag = "seats"

    def seat(self, product: str, gate: str, role: str) -> ApproverRole:
        request: Any = self.request
        return get_object_or_404(ApproverRole, product=the_product(request.user, product), gate_key=gate, key=role)

    def give(self, seat: ApproverRole, holder: User | Group) -> HttpResponseBase:
        request: Any = self.request
        grant_seat(role_id=seat.pk, holder=holder, actor=request.user)
        return nothing()

    def take(self, seat: ApproverRole, holder: User | Group) -> HttpResponseBase:
        request: Any = self.request
        revoke_seat(role_id=seat.pk, holder=holder, actor=request.user, is_confirmed=self.query.get("confirm", False))
        return nothing()


class SeatMemberView(SeatApi):
    @describe("Give a seat to a person", answers={204: None})
    def put(self, request: ApiRequest, product: str, gate: str, role: str, username: str) -> HttpResponseBase:
        """Giving it twice changes nothing."""
        return self.give(self.seat(product, gate, role), the_person(username))

    @describe("Take a seat from a person", answers={204: None}, query=SeatQuery)
    def delete(self, request: ApiRequest, product: str, gate: str, role: str, username: str) -> HttpResponseBase:
        """409 when an open round would be left without a quorum, unless it is confirmed."""
        return self.take(self.seat(product, gate, role), the_person(username))


class SeatGroupView(SeatApi):
    @describe("Give a seat to a group", answers={204: None})
    def put(self, request: ApiRequest, product: str, gate: str, role: str, group: str) -> HttpResponseBase:
        return self.give(self.seat(product, gate, role), the_group(group))

    @describe("Take a seat from a group", answers={204: None}, query=SeatQuery)
    def delete(self, request: ApiRequest, product: str, gate: str, role: str, group: str) -> HttpResponseBase:
        return self.take(self.seat(product, gate, role), the_group(group))
