"""Object permissions on products, read from guardian's direct-foreign-key tables. One place per question, both ways.

Superusers and administrators get nothing here by being so: what they may do is asked for by name.
"""

from collections.abc import Iterable
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db.models import Model, Q, QuerySet

from gatekeeper.accounts.models import User
from gatekeeper.common.errors import NotAllowed
from gatekeeper.common.prepared import Prepared

PRODUCT_PERMISSIONS = ("view_product", "manage_product", "contribute", "report_checks", "waive_gate", "rebaseline")
GLOBAL_PERMISSIONS = ("releases.view_portfolio", "releases.administer", "releases.add_product")


def bound_products(user: User | AnonymousUser) -> list[int] | None:
    """The ids of the products to which the token of this request is bound; None when there is no such bound."""
    token = getattr(user, "token", None)
    return token.products or None if token is not None else None


def is_administrator(user: User | AnonymousUser) -> bool:
    """May set up people, groups, lines, playbooks and seats; has no vote and writes no evidence.

    Not with a token that is bound to products: what an administrator does is not about one product.
    """
    if not user.is_authenticated or not user.is_active or bound_products(user) is not None:
        return False
    return user.has_perm("releases.administer")


def sees_every_product(user: User | AnonymousUser) -> bool:
    """Administrators and holders of `view_portfolio` see restricted products too."""
    return user.is_authenticated and user.is_active and (
        user.has_perm("releases.view_portfolio") or user.has_perm("releases.administer")
    )  # fmt: skip


def _table(name: str) -> type[Model]:
    return apps.get_model(name)


def granted_product_ids(user: User, *codenames: str) -> QuerySet[Any]:
    """Ids of products on which the person holds one of the permissions, directly or through a group.

    Without codenames: any permission, ownership or seat (what opens a restricted product).
    """
    perms = codenames or PRODUCT_PERMISSIONS
    direct = Q(productuserobjectpermission__user=user, productuserobjectpermission__permission__codename__in=perms)
    products = _table("releases.Product")._default_manager.order_by()
    if (bound := bound_products(user)) is not None:
        products = products.filter(pk__in=bound)
    mine = products.filter(direct).values("pk")
    groups = products.filter(
        productgroupobjectpermission__group__in=user.groups.values("pk"),
        productgroupobjectpermission__permission__codename__in=perms,
    ).values("pk")
    found = mine.union(groups)
    if not codenames:
        seats = _table("approvals.ApproverRole")._default_manager.order_by()
        if bound is not None:
            seats = seats.filter(product__in=bound)
        found = found.union(
            products.filter(owner=user).values("pk"),
            seats.filter(approverroleuserobjectpermission__user=user).values("product"),
            seats.filter(approverrolegroupobjectpermission__group__in=user.groups.values("pk")).values("product"),
        )
    return found


def _permissions(person: int, product: int) -> QuerySet[Any, tuple[Any, ...]]:
    direct = (
        _table("releases.ProductUserObjectPermission")
        ._default_manager.filter(user=person, content_object=product)
        .values_list("permission__codename")
    )
    through_groups = (
        _table("releases.ProductGroupObjectPermission")
        ._default_manager.filter(group__user=person, content_object=product)
        .values_list("permission__codename")
    )
    return direct.union(through_groups)


_PERMISSIONS = Prepared(_permissions)


def product_permissions(user: User | AnonymousUser, product: Model) -> frozenset[str]:
    """The product permissions that a person holds on one product; empty for the deactivated."""
    if not user.is_authenticated or not user.is_active:
        return frozenset()
    if (bound := bound_products(user)) is not None and product.pk not in bound:
        return frozenset()
    return frozenset(codename for (codename,) in _PERMISSIONS.rows(user.pk, product.pk))


def permissions_by_product(user: User) -> dict[int, frozenset[str]]:
    """By product id, the product permissions that a person holds directly or through a group. Two queries."""
    held: dict[int, set[str]] = {}
    tables = (
        ("releases.ProductUserObjectPermission", {"user": user}),
        ("releases.ProductGroupObjectPermission", {"group__user": user}),
    )
    for name, whose in tables:
        rows = _table(name)._default_manager.filter(**whose).values_list("content_object", "permission__codename")
        for product, codename in rows:
            held.setdefault(product, set()).add(codename)
    return {product: frozenset(codenames) for product, codenames in held.items()}


def people_with(product: Model, codename: str) -> QuerySet[User]:
    """Active people who hold a permission on a product, directly or through a group."""
    direct = (
        _table("releases.ProductUserObjectPermission")
        ._default_manager.filter(content_object=product, permission__codename=codename)
        .values("user")
    )
    groups = (
        _table("releases.ProductGroupObjectPermission")
        ._default_manager.filter(content_object=product, permission__codename=codename)
        .values("group")
    )
    return User.objects.filter(Q(pk__in=direct) | Q(pk__in=User.objects.filter(groups__in=groups).values("pk"))).filter(
        is_active=True
    )


def who_may_see(product: Any, people: Iterable[int]) -> set[int]:
    """Of some people (ids), the active ones who may see a product now: for recipients at the time of sending.

    The same answer as `visible_to`, asked for many people and one product; one query, however many people.
    """
    wanted = User.objects.filter(pk__in=list(people), is_active=True)
    if product.is_restricted:
        direct = _table("releases.ProductUserObjectPermission")._default_manager.filter(
            content_object=product, permission__codename__in=PRODUCT_PERMISSIONS
        )
        groups = _table("releases.ProductGroupObjectPermission")._default_manager.filter(
            content_object=product, permission__codename__in=PRODUCT_PERMISSIONS
        )
        seats = _table("approvals.ApproverRoleUserObjectPermission")._default_manager.filter(
            content_object__product=product
        )
        group_seats = _table("approvals.ApproverRoleGroupObjectPermission")._default_manager.filter(
            content_object__product=product
        )
        members = User.groups.through._default_manager.filter(
            Q(group__in=groups.values("group")) | Q(group__in=group_seats.values("group"))
        )
        may = Q(pk=product.owner_id) | Q(pk__in=direct.values("user")) | Q(pk__in=seats.values("user"))
        may |= Q(pk__in=members.values("user"))
        for codename in ("releases.view_portfolio", "releases.administer"):
            may |= Q(pk__in=User.objects.with_perm(codename, backend=settings.AUTHENTICATION_BACKENDS[0]).values("pk"))
        wanted = wanted.filter(may)
    return set(wanted.values_list("pk", flat=True))


def require_manage(user: User, product: Model) -> None:
    """Refuse anybody but the product's managers and administrators (releases and dates)."""
    if "manage_product" not in product_permissions(user, product) and not is_administrator(user):
        raise NotAllowed("not_manager", f"Only a product manager of {product} may do this.")


def require_product_permission(user: User, product: Model, codename: str, what: str) -> None:
    """Refuse anybody who does not hold one permission on the product; administrators too."""
    if codename not in product_permissions(user, product):
        raise NotAllowed(f"no_{codename}", f"You may not {what} on {product}.")


def require_administrator(user: User) -> None:
    """Refuse anybody but administrators."""
    if not is_administrator(user):
        raise NotAllowed("not_administrator", "Only an administrator may do this.")
