"""Set-up of product lines, products, playbooks and the organisation."""

from collections.abc import Mapping

from django.contrib.auth.models import Group
from django.db import transaction
from django.utils.text import slugify
from guardian.shortcuts import assign_perm, remove_perm

from gatekeeper.accounts.models import User
from gatekeeper.common.clock import Clock, database_clock
from gatekeeper.common.errors import Conflict, FieldProblem, NotAllowed, Refused
from releases import events
from releases.actions.releases import line_problem, require_line
from releases.kinds import EventKind
from releases.models import (
    SLUG,
    DefaultSeat,
    Organisation,
    Playbook,
    Product,
    ProductGroupObjectPermission,
    ProductLine,
    ProductUserObjectPermission,
)
from releases.permissions import (
    PRODUCT_PERMISSIONS,
    is_administrator,
    product_permissions,
    require_administrator,
    require_manage,
)
from releases.playbooks import PlaybookSpec, digest_of

# `/products/new/` is a page.
RESERVED_SLUGS = frozenset({"new"})


@transaction.atomic
def save_organisation(*, name: str, actor: User, clock: Clock = database_clock) -> Organisation:
    """Name the organisation."""
    require_administrator(actor)
    organisation = events.lock_organisation()
    organisation.name = require_line("name", name, "A name", most=120)
    events.record(organisation, EventKind.ORGANISATION_SAVED, actor=actor, at=clock(), data={"name": organisation.name})
    organisation.save()
    return organisation


@transaction.atomic
def save_product_line(
    *,
    name: str,
    actor: User | None,
    slug: str = "",
    description: str = "",
    default_seats: Mapping[str, Group | None] | None = None,
    clock: Clock = database_clock,
) -> ProductLine:
    """Create or change a product line (by slug) and its default seats (function → group; others are left alone).

    A function with None has no default any more. Seats that were made from a default stay as they are.

    `actor` None is the importer.
    """
    if actor is not None:
        require_administrator(actor)
    name = require_line("name", name, "A name", most=120)
    slug = _slug(slug or slugify(name)[:64])
    organisation = events.lock_organisation()
    if ProductLine.objects.filter(name=name).exclude(slug=slug).exists():
        raise Refused.for_field("name", "exists", f"There is another product line called {name}.")
    line, _made = ProductLine.objects.update_or_create(slug=slug, defaults={"name": name, "description": description})
    for function, group in (default_seats or {}).items():
        if group is None:
            DefaultSeat.objects.filter(line=line, function=_slug(function)).delete()
        else:
            DefaultSeat.objects.update_or_create(line=line, function=_slug(function), defaults={"group": group})
    events.record(
        organisation,
        EventKind.PRODUCT_LINE_SAVED,
        actor=actor,
        at=clock(),
        data={
            "line": slug,
            "name": name,
            "seats": {f: g.name if g is not None else None for f, g in (default_seats or {}).items()},
        },
    )
    organisation.save(update_fields=["event_number", "event_hash"])
    return line


def _slug(value: str) -> str:
    if not SLUG.regex.match(value):  # type: ignore[union-attr]
        raise Refused.for_field("slug", "invalid", f"Short name: {SLUG.message}")
    if len(value) > 64:
        raise Refused.for_field("slug", "too_long", "Short name: longer than 64 characters.")
    return value


@transaction.atomic
def create_product(
    *,
    name: str,
    line: ProductLine,
    owner: User | None,
    actor: User | None,
    slug: str = "",
    description: str = "",
    is_restricted: bool = False,
    clock: Clock = database_clock,
) -> Product:
    """Create a product; its owner manages it from now on. Needs `add_product` or administration.

    `actor` and `owner` None is the importer.
    """
    if actor is not None and not (is_administrator(actor) or actor.has_perm("releases.add_product")):
        raise NotAllowed("no_add_product", "You may not add products.")
    events.lock_organisation()  # names are unique: the second of two equal ones waits, and is told
    problems: list[FieldProblem] = []
    name = name.strip()
    slug = slug or slugify(name)[:64]
    if not name or len(name) > 120:
        problems.append(FieldProblem("name", "invalid", "Name: from 1 to 120 characters."))
    elif problem := line_problem(name):
        problems.append(FieldProblem("name", "invalid", f"Name: {problem}"))
    elif Product.objects.filter(name=name).exists():
        problems.append(FieldProblem("name", "exists", f"Name: {name} exists already."))
    if not SLUG.regex.match(slug) or len(slug) > 64:  # type: ignore[union-attr]
        problems.append(FieldProblem("slug", "invalid", f"Short name: {SLUG.message}"))
    elif slug in RESERVED_SLUGS:
        problems.append(FieldProblem("slug", "reserved", f"Short name: {slug} is an address of its own."))
    elif Product.objects.filter(slug=slug).exists():
        problems.append(FieldProblem("slug", "exists", f"Short name: {slug} exists already."))
    if actor is not None and (owner is None or not owner.is_active):
        problems.append(FieldProblem("owner", "required", "Product manager: choose a person."))
    if problems:
        raise Refused("invalid_product", "The product was not created.", fields=problems)
    at = clock()
    product = Product.objects.create(
        name=name,
        slug=slug,
        line=line,
        owner=owner,
        description=description,
        is_restricted=is_restricted,
        created_at=at,
    )
    if owner is not None:
        assign_perm("releases.manage_product", owner, product)
    events.record_for_organisation(
        EventKind.PRODUCT_SAVED,
        actor=actor,
        at=at,
        product=product,
        data={"name": name, "line": line.slug, "owner": owner.pk if owner else None, "is_restricted": is_restricted},
    )
    return product


@transaction.atomic
def change_product(
    *,
    product: Product,
    actor: User,
    name: str,
    description: str,
    owner: User,
    is_restricted: bool,
    clock: Clock = database_clock,
) -> Product:
    """Change a product's words, owner and restriction; a new owner manages it from now on."""
    require_manage(actor, product)
    events.lock_organisation()  # names are unique: the second of two equal ones waits, and is told
    locked = Product.objects.select_for_update(no_key=True).get(pk=product.pk)
    name = require_line("name", name, "A name", most=120)
    if Product.objects.filter(name=name).exclude(pk=product.pk).exists():
        raise Refused.for_field("name", "exists", f"Name: {name} exists already.")
    if not owner.is_active:
        raise Refused.for_field("owner", "inactive", f"{owner} is deactivated.")
    if (locked.is_restricted != is_restricted or locked.owner_id != owner.pk) and not is_administrator(actor):
        raise NotAllowed("not_administrator", "Only an administrator may change a product’s owner or restriction.")
    locked.name, locked.description = name, description.strip()
    locked.owner, locked.is_restricted = owner, is_restricted
    locked.save()
    if "manage_product" not in product_permissions(owner, locked):
        assign_perm("releases.manage_product", owner, locked)
    events.record_for_organisation(
        EventKind.PRODUCT_SAVED,
        actor=actor,
        at=clock(),
        product=locked,
        data={"name": name, "owner": owner.pk, "is_restricted": is_restricted},
    )
    return locked


def _may_grant_on_product(actor: User, product: Product, codename: str, holder: User | Group) -> None:
    if codename not in PRODUCT_PERMISSIONS:
        raise Refused.for_field("permission", "unknown", f"{codename} is not a permission on products.")
    if isinstance(holder, User) and not holder.is_active:
        raise Refused.for_field("holder", "inactive", f"{holder} is deactivated.")
    if is_administrator(actor):
        return
    # A product manager may let people see and contribute; authority is given by administrators.
    if codename in ("view_product", "contribute") and "manage_product" in product_permissions(actor, product):
        return
    raise NotAllowed("not_administrator", "Only an administrator may give this permission.")


@transaction.atomic
def grant_product_permission(
    *, product: Product, codename: str, holder: User | Group, actor: User | None, clock: Clock = database_clock
) -> None:
    """Give a person or group a permission on a product; giving it twice changes nothing. `actor` None is a command."""
    if actor is not None:
        _may_grant_on_product(actor, product, codename, holder)
    events.lock_organisation()
    if _holds(product, codename, holder):
        return
    assign_perm(f"releases.{codename}", holder, product)
    _record_grant(EventKind.GRANT_GIVEN, product, codename, holder, actor, clock)


@transaction.atomic
def revoke_product_permission(
    *, product: Product, codename: str, holder: User | Group, actor: User, clock: Clock = database_clock
) -> None:
    """Take a permission on a product back.

    Raises:
        Conflict: the owner's own management. Refused: the holder does not have it.
    """
    if not is_administrator(actor):
        _may_grant_on_product(actor, product, codename, holder)
    if codename == "manage_product" and isinstance(holder, User) and product.owner_id == holder.pk:
        raise Conflict("owner_manages", f"{holder} owns {product}: choose another owner first.")
    events.lock_organisation()
    if not _holds(product, codename, holder):
        raise Refused.for_field("holder", "not_holder", f"{holder} does not hold this permission directly.")
    remove_perm(f"releases.{codename}", holder, product)
    _record_grant(EventKind.GRANT_REVOKED, product, codename, holder, actor, clock)


def _holds(product: Product, codename: str, holder: User | Group) -> bool:
    if isinstance(holder, User):
        held = ProductUserObjectPermission.objects.filter(user=holder)
        return held.filter(content_object=product, permission__codename=codename).exists()
    groups = ProductGroupObjectPermission.objects.filter(group=holder)
    return groups.filter(content_object=product, permission__codename=codename).exists()


def _record_grant(
    kind: str, product: Product, codename: str, holder: User | Group, actor: User | None, clock: Clock
) -> None:
    data = {"permission": codename, "user": holder.pk} if isinstance(holder, User) else {
        "permission": codename, "group": holder.name
    }  # fmt: skip
    events.record_for_organisation(kind, actor=actor, at=clock(), product=product, data=data)


@transaction.atomic
def load_playbook(*, spec: PlaybookSpec, actor: User | None, clock: Clock = database_clock) -> tuple[Playbook, bool]:
    """Store a playbook as the next version of its slug; nothing happens when the newest version says the same.

    Nor when the newest version was published in the browser: from then on the playbook is edited there, and a file
    that came with an upgrade must not undo that. Whoever wants the file's words imports it as a draft.

    Returns:
        The newest version, and whether it is new.
    """
    if actor is not None:
        require_administrator(actor)
    organisation = events.lock_organisation()
    definition = spec.as_data()
    digest = digest_of(definition)
    versions = list(Playbook.objects.filter(slug=spec.slug).order_by("-version").defer("definition"))
    newest = versions[0] if versions else None
    if newest is not None and (newest.digest == digest or newest.published_by_id is not None):
        return newest, False
    at = clock()
    playbook = Playbook.objects.create(
        slug=spec.slug,
        version=newest.version + 1 if newest else 1,
        name=spec.name,
        kind=spec.kind,
        definition=definition,
        digest=digest,
        created_at=at,
    )
    events.record(
        organisation,
        EventKind.PLAYBOOK_LOADED,
        actor=actor,
        at=at,
        data={"playbook": spec.slug, "version": playbook.version, "digest": digest},
    )
    organisation.save(update_fields=["event_number", "event_hash"])
    return playbook, True
