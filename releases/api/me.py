"""Who the caller is."""

from django.http import HttpResponseBase

from gatekeeper.accounts.models import Scope
from gatekeeper.accounts.requests import ApiRequest
from gatekeeper.common.api.shapes import MOMENT, TEXT, an_object, listed, maybe, one_of, shape
from gatekeeper.common.api.views import ANY, ApiView, describe
from releases.models import Product
from releases.permissions import GLOBAL_PERMISSIONS, bound_products, permissions_by_product

SCOPES = one_of(Scope.values)
ME = shape(
    "Me",
    {
        "username": TEXT,
        "name": TEXT,
        "title": TEXT,
        "kind": one_of(["person", "service"]),
        "scopes": listed(SCOPES),
        "permissions": listed(one_of([name.split(".")[1] for name in GLOBAL_PERMISSIONS])),
        "products": listed(an_object({"product": TEXT, "permissions": listed(TEXT)})),
        "token": maybe(
            an_object(
                {"prefix": TEXT, "name": TEXT, "expires_at": MOMENT, "products": listed(TEXT), "checks": listed(TEXT)}
            )
        ),
    },
)


class MeView(ApiView):
    """The caller."""

    tag = "me"

    @describe("Who the caller is", answers={200: ME}, scope=ANY)
    def get(self, request: ApiRequest) -> HttpResponseBase:
        """The person, what they may do on which products, and the token with its scopes; in a browser every scope."""
        user, token = request.user, request.auth
        products = Product.objects.visible_to(user).order_by("slug")
        held = permissions_by_product(user)
        bound = bound_products(user)
        return self.answer(
            {
                "username": user.username,
                "name": user.full_name,
                "title": user.title,
                "kind": "service" if user.is_service else "person",
                "scopes": token.scopes if token is not None else list(Scope.values),
                "permissions": [
                    name.split(".")[1] for name in GLOBAL_PERMISSIONS if user.has_perm(name) and bound is None
                ],
                "products": [
                    {"product": product.slug, "permissions": sorted(held[product.pk])}
                    for product in products
                    if product.pk in held
                ],
                "token": {
                    "prefix": token.prefix,
                    "name": token.name,
                    "expires_at": token.expires_at,
                    "products": [p.slug for p in products if bound is not None and p.pk in bound],
                    "checks": token.checks,
                }
                if token is not None
                else None,
            }
        )
