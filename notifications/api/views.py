"""Watch, stakeholders, notices."""

from typing import Any

from django.db.models import Q
from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404

from gatekeeper.accounts.models import User
from gatekeeper.accounts.requests import ApiRequest
from gatekeeper.common.api.answers import nothing
from gatekeeper.common.api.inputs import ListQuery
from gatekeeper.common.api.shapes import MOMENT, NUMBER, TEXT, maybe, page_of, shape
from gatekeeper.common.api.views import ApiView, describe
from gatekeeper.common.errors import Refused
from notifications.actions import add_stakeholder, mark_read, remove_stakeholder, unwatch, watch
from notifications.lists import in_app_for, notice_rows
from notifications.models import Delivery, Watch
from notifications.serializers import NoticeQuery, ReadBody, StakeholderBody, StakeholderQuery
from releases.models import Product, Release

STAKEHOLDER = shape("Stakeholder", {"username": TEXT, "name": TEXT, "title": TEXT, "since": MOMENT, "of": TEXT})
NOTICE = shape(
    "Notice",
    {"id": NUMBER, "kind": TEXT, "text": TEXT, "about": TEXT, "url": TEXT, "at": MOMENT, "read_at": maybe(MOMENT)},
)
READ = shape("Read", {"read": NUMBER})


class FollowApi(ApiView):
    """Of a release, or of a whole product."""

    tag = "following"

    def followed(self, product: str, version: str | None) -> Release | Product:
        request: Any = self.request
        if version is None:
            return get_object_or_404(Product.objects.visible_to(request.user), slug=product)
        query = Release.objects.visible_to(request.user).select_related("product")
        return get_object_or_404(query, product__slug=product, version=version)


class WatchApi(FollowApi):
    def begin(self, of: Release | Product) -> HttpResponseBase:
        request: Any = self.request
        watch(of=of, actor=request.user)
        return nothing()

    def end(self, of: Release | Product) -> HttpResponseBase:
        request: Any = self.request
        unwatch(of=of, actor=request.user)
        return nothing()


class ProductWatchView(WatchApi):
    @describe("Watch a product", answers={204: None})
    def put(self, request: ApiRequest, product: str) -> HttpResponseBase:
        """Be told of the progress of all its releases."""
        return self.begin(self.followed(product, None))

    @describe("Stop watching a product", answers={204: None})
    def delete(self, request: ApiRequest, product: str) -> HttpResponseBase:
        return self.end(self.followed(product, None))


class ReleaseWatchView(WatchApi):
    @describe("Watch a release", answers={204: None})
    def put(self, request: ApiRequest, product: str, version: str) -> HttpResponseBase:
        """Be told of its progress."""
        return self.begin(self.followed(product, version))

    @describe("Stop watching a release", answers={204: None})
    def delete(self, request: ApiRequest, product: str, version: str) -> HttpResponseBase:
        return self.end(self.followed(product, version))


def show_stakeholder(row: Watch) -> dict[str, Any]:
    return {
        "username": row.person.username,
        "name": row.person.full_name,
        "title": row.person.title,
        "since": row.since,
        "of": "release" if row.release_id else "product",
    }


class StakeholderApi(FollowApi):
    def listed(self, of: Release | Product) -> HttpResponseBase:
        concerned = Q(release__isnull=True, product=of.product if isinstance(of, Release) else of)
        if isinstance(of, Release):
            concerned |= Q(release=of)
        found = Watch.objects.filter(concerned, is_stakeholder=True).select_related("person")
        return self.page(found.order_by("person__full_name", "person__username", "pk"), show_stakeholder)

    def add(self, of: Release | Product) -> HttpResponseBase:
        request: Any = self.request
        person = User.objects.filter(username=self.said["username"]).first()
        if person is None:
            words = f"There is nobody with the user name {self.said['username']}."
            raise Refused.for_field("username", "unknown_person", words)
        added = add_stakeholder(of=of, person=person, actor=request.user)
        return self.answer(show_stakeholder(added), 201)

    def remove(self, of: Release | Product) -> HttpResponseBase:
        request: Any = self.request
        person = get_object_or_404(User, username=self.query["username"])
        remove_stakeholder(of=of, person=person, actor=request.user)
        return nothing()


class ProductStakeholdersView(StakeholderApi):
    @describe("The stakeholders of a product", answers={200: page_of("Stakeholder")}, query=ListQuery)
    def get(self, request: ApiRequest, product: str) -> HttpResponseBase:
        """Who is told of its progress without a vote."""
        return self.listed(self.followed(product, None))

    @describe("Add a stakeholder to a product", answers={201: STAKEHOLDER}, body=StakeholderBody)
    def post(self, request: ApiRequest, product: str) -> HttpResponseBase:
        return self.add(self.followed(product, None))

    @describe("Take a stakeholder off a product", answers={204: None}, query=StakeholderQuery)
    def delete(self, request: ApiRequest, product: str) -> HttpResponseBase:
        """Who had watched by themselves before goes on watching."""
        return self.remove(self.followed(product, None))


class ReleaseStakeholdersView(StakeholderApi):
    @describe("The stakeholders of a release", answers={200: page_of("Stakeholder")}, query=ListQuery)
    def get(self, request: ApiRequest, product: str, version: str) -> HttpResponseBase:
        """Those of its product are told of it too (`of`)."""
        return self.listed(self.followed(product, version))

    @describe("Add a stakeholder to a release", answers={201: STAKEHOLDER}, body=StakeholderBody)
    def post(self, request: ApiRequest, product: str, version: str) -> HttpResponseBase:
        return self.add(self.followed(product, version))

    @describe("Take a stakeholder off a release", answers={204: None}, query=StakeholderQuery)
    def delete(self, request: ApiRequest, product: str, version: str) -> HttpResponseBase:
        """Who had watched by themselves before goes on watching."""
        return self.remove(self.followed(product, version))


class NotificationsView(ApiView):
    tag = "notifications"

    @describe("Your notices", answers={200: page_of("Notice")}, query=NoticeQuery)
    def get(self, request: ApiRequest) -> HttpResponseBase:
        """Newest first, in the words of the page."""
        found = in_app_for(request.user).select_related(
            "event__product", "event__release__product", "event__actor", "event__on_behalf_of"
        )
        if "unread" in self.query:
            found = found.filter(read_at__isnull=self.query["unread"])
        words: dict[int, Any] = {}

        def prepare(page: list[Delivery]) -> None:
            words.update({row.delivery.pk: row for row in notice_rows(page)})

        def show(delivery: Delivery) -> dict[str, Any]:
            row = words.get(delivery.pk)
            return {
                "id": delivery.pk,
                "kind": delivery.notice,
                "text": row.text if row else "",
                "about": row.under if row else "",
                "url": request._request.build_absolute_uri(row.url) if row else "",
                "at": delivery.created_at,
                "read_at": delivery.read_at,
            }

        return self.page(found, show, prepare=prepare)


class NotificationsReadView(ApiView):
    tag = "notifications"

    @describe("Mark notices as read", answers={200: READ}, body=ReadBody, is_body_optional=True)
    def post(self, request: ApiRequest) -> HttpResponseBase:
        """Your own; answers with how many were unread."""
        return self.answer({"read": mark_read(person=request.user, deliveries=self.said.get("ids"))})
