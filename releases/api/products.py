"""Product lines, products, playbooks."""

from typing import Any

from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import Max, Q
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404
from rest_framework import renderers

from gatekeeper.accounts.models import User
from gatekeeper.accounts.requests import ApiRequest
from gatekeeper.common.api.shapes import (
    ANYTHING,
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
from gatekeeper.common.api.views import ApiView, describe
from gatekeeper.common.errors import NotAllowed, Refused
from releases.actions.playbooks import import_draft, newest_version, publish_playbook, read_import
from releases.actions.products import change_product, create_product, save_product_line
from releases.kinds import PlaybookKind
from releases.models import Playbook, Product, ProductLine
from releases.permissions import is_administrator, permissions_by_product, product_permissions, require_administrator
from releases.playbook_yaml import write_playbook_text
from releases.playbooks import digest_of, parse_playbook
from releases.serializers import (
    LineBody,
    LineQuery,
    PlaybookBody,
    PlaybookQuery,
    ProductBody,
    ProductChange,
    ProductQuery,
)

# --- Product lines ------------------------------------------------------------------------------------------------

LINE = shape(
    "ProductLine",
    {
        "slug": TEXT,
        "name": TEXT,
        "description": TEXT,
        "default_seats": listed(an_object({"function": TEXT, "group": TEXT})),
    },
)


def show_line(line: ProductLine) -> dict[str, Any]:
    return {
        "slug": line.slug,
        "name": line.name,
        "description": line.description,
        "default_seats": [
            {"function": seat.function, "group": seat.group.name}
            for seat in sorted(line.default_seats.all(), key=lambda seat: seat.function)
        ],
    }


class ProductLinesView(ApiView):
    tag = "products"

    @describe("Product lines", answers={200: page_of("ProductLine")}, query=LineQuery)
    def get(self, request: ApiRequest) -> HttpResponseBase:
        """Every product line, with the groups that hold its seats unless a product says otherwise."""
        found = ProductLine.objects.prefetch_related("default_seats__group").order_by(self.query["ordering"], "pk")
        if words := self.query.get("q"):
            found = found.filter(name__icontains=words)
        return self.page(found, show_line)

    @describe("Create a product line", answers={201: LINE}, body=LineBody)
    def post(self, request: ApiRequest) -> HttpResponseBase:
        """For administrators. A slug that exists is the same line: its words change, its other seats stay."""
        require_administrator(request.user)
        said = self.said
        seats = {}
        for function, name in said.get("default_seats", {}).items():
            group = Group.objects.filter(name=name).first()
            if group is None:
                raise Refused.for_field(f"default_seats.{function}", "unknown_group", f"There is no group {name}.")
            seats[function] = group
        line = save_product_line(
            name=said["name"],
            slug=said.get("slug", ""),
            description=said.get("description", ""),
            default_seats=seats,
            actor=request.user,
        )
        return self.answer(show_line(ProductLine.objects.prefetch_related("default_seats__group").get(pk=line.pk)), 201)


# --- Products -----------------------------------------------------------------------------------------------------

PRODUCT = shape(
    "Product",
    {
        "product": TEXT,
        "name": TEXT,
        "description": TEXT,
        "line": TEXT,
        "owner": maybe(TEXT),
        "is_restricted": FLAG,
        "created_at": MOMENT,
        "allowed_actions": listed(one_of(["edit", "create_release", "restrict"])),
    },
)


def show_product(product: Product, permissions: frozenset[str], *, administers: bool) -> dict[str, Any]:
    manages = administers or "manage_product" in permissions
    return {
        "product": product.slug,
        "name": product.name,
        "description": product.description,
        "line": product.line.slug,
        "owner": product.owner.username if product.owner else None,
        "is_restricted": product.is_restricted,
        "created_at": product.created_at,
        "allowed_actions": (["edit", "create_release"] if manages else []) + (["restrict"] if administers else []),
    }


def named_owner(username: str) -> User:
    """The product manager whom a body names."""
    found = User.objects.filter(username=username, is_service=False).first()
    if found is None:
        raise Refused.for_field("owner", "unknown_person", f"There is nobody with the user name {username}.")
    return found


class ProductsView(ApiView):
    tag = "products"

    @describe("Products", answers={200: page_of("Product")}, query=ProductQuery)
    def get(self, request: ApiRequest) -> HttpResponseBase:
        """The products that you may see."""
        found = Product.objects.visible_to(request.user).select_related("line", "owner")
        found = found.order_by(self.query["ordering"], "pk")
        query = self.query
        if "line" in query:
            found = found.filter(line__slug__in=query["line"])
        if "owner" in query:
            found = found.filter(owner__username__in=query["owner"])
        if "restricted" in query:
            found = found.filter(is_restricted=query["restricted"])
        if "q" in query:
            found = found.filter(Q(name__icontains=query["q"]) | Q(slug__icontains=query["q"]))
        held = permissions_by_product(request.user)
        administers = is_administrator(request.user)
        return self.page(found, lambda one: show_product(one, held.get(one.pk, frozenset()), administers=administers))

    @describe("Create a product", answers={201: PRODUCT}, body=ProductBody)
    def post(self, request: ApiRequest) -> HttpResponseBase:
        """Needs the permission to add products. Its owner manages it from now on."""
        said = self.said
        if not (is_administrator(request.user) or request.user.has_perm("releases.add_product")):
            raise NotAllowed("no_add_product", "You may not add products.")
        line = ProductLine.objects.filter(slug=said["line"]).first()
        if line is None:
            raise Refused.for_field("line", "unknown_line", f"There is no product line {said['line']}.")
        product = create_product(
            name=said["name"],
            slug=said.get("slug", ""),
            description=said.get("description", ""),
            is_restricted=said.get("is_restricted", False),
            line=line,
            owner=named_owner(said["owner"]),
            actor=request.user,
        )
        return self.answer(_shown_to(product, request.user), 201, {"Location": f"/api/v1/products/{product.slug}/"})


def _shown_to(product: Product, user: User) -> dict[str, Any]:
    return show_product(product, product_permissions(user, product), administers=is_administrator(user))


class ProductView(ApiView):
    tag = "products"

    def _product(self, request: ApiRequest, slug: str) -> Product:
        query = Product.objects.visible_to(request.user).select_related("line", "owner")
        return get_object_or_404(query, slug=slug)

    @describe("A product", answers={200: PRODUCT})
    def get(self, request: ApiRequest, product: str) -> HttpResponseBase:
        return self.answer(_shown_to(self._product(request, product), request.user))

    @describe("Change a product", answers={200: PRODUCT}, body=ProductChange, has_match=True)
    def patch(self, request: ApiRequest, product: str) -> HttpResponseBase:
        """Its words, as a product manager; its owner and who sees it, as an administrator."""
        found, said = self._product(request, product), self.said
        self.require_match(_shown_to(found, request.user))
        owner = named_owner(said["owner"]) if "owner" in said else found.owner
        if owner is None:
            raise Refused.for_field("owner", "required", "Name a product manager.")
        changed = change_product(
            product=found,
            actor=request.user,
            name=said.get("name", found.name),
            description=said.get("description", found.description),
            owner=owner,
            is_restricted=said.get("is_restricted", found.is_restricted),
        )
        return self.answer(_shown_to(changed, request.user))


# --- Playbooks ----------------------------------------------------------------------------------------------------

VERSION = shape(
    "PlaybookVersion",
    {"version": NUMBER, "digest": TEXT, "created_at": MOMENT, "published_by": maybe(TEXT), "note": TEXT},
)
LISTED = shape(
    "PlaybookSummary",
    {"slug": TEXT, "name": TEXT, "kind": one_of(PlaybookKind.values), "version": NUMBER, "gates": listed(TEXT)},
)
PLAYBOOK = shape(
    "Playbook",
    {
        "slug": TEXT,
        "name": TEXT,
        "kind": one_of(PlaybookKind.values),
        "version": NUMBER,
        "versions": listed(VERSION),
        "gates": listed(ANYTHING),
    },
)


class YamlRenderer(renderers.BaseRenderer):
    """Says that this address answers in YAML too."""

    media_type = "application/yaml"
    format = "yaml"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return str(data).encode()


def show_playbook(playbook: Playbook) -> dict[str, Any]:
    versions = Playbook.objects.filter(slug=playbook.slug).select_related("published_by").order_by("-version")
    return {
        "slug": playbook.slug,
        "name": playbook.name,
        "kind": playbook.kind,
        "version": playbook.version,
        "versions": [
            {
                "version": one.version,
                "digest": one.digest,
                "created_at": one.created_at,
                "published_by": one.published_by.username if one.published_by else None,
                "note": one.note,
            }
            for one in versions.defer("definition")
        ],
        "gates": parse_playbook(playbook.definition).as_data()["gates"],
    }


class PlaybooksView(ApiView):
    tag = "playbooks"

    @describe("Playbooks", answers={200: page_of("PlaybookSummary")}, query=PlaybookQuery)
    def get(self, request: ApiRequest) -> HttpResponseBase:
        """The newest version of each."""
        newest = Playbook.objects.values("slug").annotate(newest=Max("pk")).values("newest")
        found = Playbook.objects.filter(pk__in=newest).order_by(self.query["ordering"], "pk")
        return self.page(
            found,
            lambda one: {
                "slug": one.slug,
                "name": one.name,
                "kind": one.kind,
                "version": one.version,
                "gates": [gate["key"] for gate in one.definition["gates"]],
            },
        )

    @describe("Publish a playbook", answers={201: PLAYBOOK, 200: PLAYBOOK}, body=PlaybookBody)
    def post(self, request: ApiRequest) -> HttpResponseBase:
        """The next version of its slug, for administrators; 200 when the newest version says the same already."""
        require_administrator(request.user)
        text = self.said["playbook"]
        spec = read_import(text)
        newest = newest_version(spec.slug)
        if newest is not None and newest.digest == digest_of(spec.as_data()):
            return self.answer(show_playbook(newest))
        with transaction.atomic():
            draft = import_draft(text=text, slug=spec.slug if newest is not None else "", actor=request.user)
            published = publish_playbook(
                slug=draft.slug, revision=draft.revision, note=self.said["note"], actor=request.user
            )
        return self.answer(show_playbook(published), 201)


class PlaybookView(ApiView):
    tag = "playbooks"
    renderer_classes = [renderers.JSONRenderer, YamlRenderer]

    @describe("A playbook", answers={200: PLAYBOOK}, media={"application/yaml": TEXT})
    def get(self, request: ApiRequest, playbook: str) -> HttpResponseBase:
        """The newest version: gates, roles, deliverables. As YAML with `Accept: application/yaml`."""
        found = Playbook.objects.filter(slug=playbook).order_by("-version")[:1]
        newest = get_object_or_404(found)
        if request.accepted_renderer.format == "yaml":
            text = write_playbook_text(newest.definition)
            return HttpResponse(text, content_type="application/yaml")
        return self.answer(show_playbook(newest))
