"""What the page of API tokens shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from gatekeeper.accounts.models import ApiToken, Scope, User
from releases.models import Product
from releases.permissions import is_administrator

SOON = timedelta(days=14)


@dataclass(frozen=True)
class TokenRow:
    """A token with what its row says."""

    token: ApiToken
    scopes: Sequence[str]
    products: Sequence[str]
    is_live: bool
    is_near: bool
    is_rotated: bool

    @property
    def ended(self) -> str:
        """Why it does not count any more."""
        return "Revoked" if self.token.revoked_at is not None else "Expired"


def tokens_of(user: User, now: datetime, *, ended: bool) -> QuerySet[ApiToken]:
    """One's own tokens, and as an administrator those of service accounts; live ones, or those that are over."""
    whose = Q(owner=user) | Q(owner__is_service=True) if is_administrator(user) else Q(owner=user)
    is_live = Q(revoked_at=None, expires_at__gt=now)
    found = ApiToken.objects.filter(whose, ~is_live if ended else is_live)
    return found.select_related("owner", "replaced_by").order_by("-created_at", "-pk")


def token_rows(tokens: Sequence[ApiToken], now: datetime) -> list[TokenRow]:
    """Rows with the names of their products: one query."""
    ids = {product for token in tokens for product in token.products}
    names = dict(Product.objects.filter(pk__in=ids).values_list("pk", "name")) if ids else {}
    return [
        TokenRow(
            token=token,
            scopes=[Scope(scope).label for scope in token.scopes],
            products=[names[product] for product in token.products if product in names],
            is_live=token.is_live(now),
            is_near=token.is_live(now) and token.expires_at - now <= SOON,
            is_rotated=hasattr(token, "replaced_by"),
        )
        for token in tokens
    ]
