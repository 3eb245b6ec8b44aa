"""Products, product lines and permissions on products: who sets them up, who sees what."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import AnonymousUser, Group

from approvals.actions.people import add_to_group, deactivate_person, save_group
from approvals.actions.seats import grant_seat
from gatekeeper.accounts.models import User
from releases.actions.products import (
    change_product,
    create_product,
    grant_product_permission,
    revoke_product_permission,
    save_organisation,
    save_product_line,
)
from releases.actions.releases import create_release
from releases.actions.slips import record_all_misses
from releases.kinds import EventKind
from releases.models import Event, Organisation, Product, Release, Slip
from releases.permissions import (
    PRODUCT_PERMISSIONS,
    people_with,
    product_permissions,
    sees_every_product,
    who_may_see,
)
from tests.cast import (
    MARKET,
    Cast,
    active_release,
    at,
    conflict,
    day,
    draft_release,
    fields_of,
    make_person,
    not_allowed,
    nothing_changes,
    refused,
)

pytestmark = pytest.mark.usefixtures("invariants")

NOBODY_IN_CHARGE = ["pm", "second_pm", "approver", "contributor", "outsider", "executive"]


def last_of_organisation(kind: str) -> Event:
    return Event.objects.filter(stream="organisation", kind=kind).latest("number")


def restrict(cast: Cast) -> Product:
    """The product becomes visible only to people with a permission or seat on it."""
    return change_product(
        product=cast.product, actor=cast.administrator, name="Router", description="", owner=cast.pm,
        is_restricted=True, clock=at(1),
    )  # fmt: skip


# --- Lines and the organisation ---------------------------------------------------------------------------------


@pytest.mark.parametrize("who", NOBODY_IN_CHARGE)
def test_only_administrators_set_up_lines_and_the_organisation(cast: Cast, who: str) -> None:
    actor = getattr(cast, who)
    with not_allowed("not_administrator"):
        save_product_line(name="Mine", actor=actor, clock=at(1))
    with not_allowed("not_administrator"):
        save_organisation(name="Mine", actor=actor, clock=at(1))


def test_the_organisation_has_a_name(cast: Cast) -> None:
    save_organisation(name=" Northwind ", actor=cast.administrator, clock=at(1))
    assert Organisation.objects.get().name == "Northwind"
    for name, code in (("", "required"), ("x" * 121, "too_long"), ("a\x00b", "invalid")):
        with refused(code):
            save_organisation(name=name, actor=cast.administrator, clock=at(2))


def test_a_line_is_changed_by_its_short_name_and_other_seats_stay(cast: Cast) -> None:
    engineers = save_group(name="Engineers", actor=cast.administrator, clock=at(1))
    line = save_product_line(
        name="Storage", default_seats={"engineering": engineers}, actor=cast.administrator, clock=at(1)
    )
    again = save_product_line(
        name="Storage systems", slug="storage", default_seats={"sales": cast.sales_group}, actor=cast.administrator,
        clock=at(2),
    )  # fmt: skip
    assert again == line
    assert {seat.function: seat.group for seat in again.default_seats.all()} == {
        "engineering": engineers,
        "sales": cast.sales_group,
    }
    with refused("exists"):
        save_product_line(name="Networks", slug="other", actor=cast.administrator, clock=at(3))
    with refused("invalid"):
        save_product_line(name="???", actor=cast.administrator, clock=at(3))


# --- Creating and changing products -----------------------------------------------------------------------------


def test_the_owner_of_a_new_product_manages_it(cast: Cast) -> None:
    product = create_product(name="Switch", line=cast.line, owner=cast.outsider, actor=cast.administrator, clock=at(1))
    assert (product.slug, product.owner, product.is_restricted) == ("switch", cast.outsider, False)
    assert product_permissions(cast.outsider, product) == {"manage_product"}
    event = last_of_organisation(EventKind.PRODUCT_SAVED)
    assert (event.actor, event.product, event.payload["owner"]) == (cast.administrator, product, cast.outsider.pk)


@pytest.mark.parametrize("who", NOBODY_IN_CHARGE)
def test_adding_products_is_a_permission_of_its_own(cast: Cast, who: str) -> None:
    with not_allowed("no_add_product"):
        create_product(name="Switch", line=cast.line, owner=cast.pm, actor=getattr(cast, who), clock=at(1))


def test_who_may_add_products_adds_them_without_being_an_administrator(cast: Cast) -> None:
    adder = make_person("ines", "Ines Adder", permissions=("releases.add_product",))
    assert create_product(name="Switch", line=cast.line, owner=adder, actor=adder, clock=at(1)).owner == adder


def test_every_problem_of_a_new_product_is_named_at_once(cast: Cast) -> None:
    deactivate_person(person=cast.outsider, actor=cast.administrator, clock=at(1))
    gone = User.objects.get(pk=cast.outsider.pk)
    with refused("invalid_product") as found:
        create_product(name="Router", slug="Router!", line=cast.line, owner=gone, actor=cast.administrator, clock=at(1))
    assert fields_of(found) == [("name", "exists"), ("slug", "invalid"), ("owner", "required")]
    with refused("invalid_product") as found:
        create_product(name=" ", slug="router", line=cast.line, owner=None, actor=cast.administrator, clock=at(1))
    assert fields_of(found) == [("name", "invalid"), ("slug", "exists"), ("owner", "required")]


def test_a_new_owner_manages_the_product_from_now_on(cast: Cast) -> None:
    change_product(
        product=cast.product, actor=cast.administrator, name="Router X", description="Faster", owner=cast.outsider,
        is_restricted=False, clock=at(1),
    )  # fmt: skip
    stored = Product.objects.get(pk=cast.product.pk)
    assert (stored.name, stored.description, stored.owner, stored.slug) == (
        "Router X", "Faster", cast.outsider, "router",
    )  # fmt: skip
    assert "manage_product" in product_permissions(cast.outsider, stored)
    assert "manage_product" in product_permissions(cast.pm, stored)


def test_a_product_manager_changes_words_but_not_owner_or_restriction(cast: Cast) -> None:
    def change(**other: object) -> Product:
        values = {"name": "Router", "description": "Words", "owner": cast.pm, "is_restricted": False} | other
        return change_product(product=cast.product, actor=cast.pm, clock=at(1), **values)  # type: ignore[arg-type]

    assert change().description == "Words"
    with not_allowed("not_administrator"):
        change(owner=cast.second_pm)
    with not_allowed("not_administrator"):
        change(is_restricted=True)
    with refused("required"):
        change(name="")
    create_product(name="Switch", line=cast.line, owner=cast.pm, actor=cast.administrator, clock=at(1))
    with refused("exists"):
        change(name="Switch")
    with not_allowed("not_manager"):
        change_product(
            product=cast.product, actor=cast.contributor, name="Mine", description="", owner=cast.pm,
            is_restricted=False, clock=at(1),
        )  # fmt: skip


# --- Permissions on products ------------------------------------------------------------------------------------


def test_administrators_give_every_permission_and_managers_only_sight_and_contribution(cast: Cast) -> None:
    for codename in PRODUCT_PERMISSIONS:
        grant_product_permission(
            product=cast.product, codename=codename, holder=cast.outsider, actor=cast.administrator, clock=at(1)
        )
    assert product_permissions(cast.outsider, cast.product) == frozenset(PRODUCT_PERMISSIONS)
    friend = make_person("fred", "Fred Friend")
    for codename in ("view_product", "contribute"):
        grant_product_permission(product=cast.product, codename=codename, holder=friend, actor=cast.pm, clock=at(1))
    for codename in ("manage_product", "waive_gate", "rebaseline"):
        with not_allowed("not_administrator"):
            grant_product_permission(product=cast.product, codename=codename, holder=friend, actor=cast.pm, clock=at(1))
        with not_allowed("not_administrator"):
            revoke_product_permission(
                product=cast.product, codename=codename, holder=cast.outsider, actor=cast.pm, clock=at(1)
            )
    assert product_permissions(friend, cast.product) == {"view_product", "contribute"}


def test_nobody_else_gives_permissions(cast: Cast) -> None:
    for actor in (cast.contributor, cast.executive, cast.outsider):
        with not_allowed("not_administrator"):
            grant_product_permission(
                product=cast.product, codename="view_product", holder=cast.outsider, actor=actor, clock=at(1)
            )
    with refused("unknown"):
        grant_product_permission(
            product=cast.product, codename="decide", holder=cast.outsider, actor=cast.administrator, clock=at(1)
        )


def test_grants_and_revocations_are_events(cast: Cast) -> None:
    give = {"product": cast.product, "codename": "contribute", "actor": cast.administrator, "clock": at(1)}
    grant_product_permission(holder=cast.outsider, **give)  # type: ignore[arg-type]
    event = last_of_organisation(EventKind.GRANT_GIVEN)
    assert event.payload == {"permission": "contribute", "user": cast.outsider.pk}
    grant_product_permission(holder=cast.sales_group, **give)  # type: ignore[arg-type]
    assert last_of_organisation(EventKind.GRANT_GIVEN).payload == {
        "permission": "contribute",
        "group": "Sales approvers",
    }
    revoke_product_permission(holder=cast.outsider, **give)  # type: ignore[arg-type]
    assert last_of_organisation(EventKind.GRANT_REVOKED).payload == event.payload
    assert "contribute" not in product_permissions(cast.outsider, cast.product)


def test_giving_twice_or_taking_what_is_not_held_changes_nothing(cast: Cast) -> None:
    give = {"product": cast.product, "codename": "contribute", "actor": cast.administrator, "clock": at(1)}
    with nothing_changes():
        grant_product_permission(holder=cast.contributor, **give)  # type: ignore[arg-type]
    with refused("not_holder"):
        revoke_product_permission(holder=cast.outsider, **give)  # type: ignore[arg-type]


def test_the_owner_keeps_managing(cast: Cast) -> None:
    with conflict("owner_manages"):
        revoke_product_permission(
            product=cast.product, codename="manage_product", holder=cast.pm, actor=cast.administrator, clock=at(1)
        )
    revoke_product_permission(
        product=cast.product, codename="manage_product", holder=cast.second_pm, actor=cast.administrator, clock=at(1)
    )
    with not_allowed("not_manager"):
        draft_release_by(cast, cast.second_pm)


def draft_release_by(cast: Cast, actor: User) -> Release:
    return create_release(
        product=cast.product, version="7", target_on=at(90)().date(), playbook=cast.playbook, actor=actor, clock=at(0)
    )


def test_permissions_through_a_group_count_and_those_of_the_deactivated_do_not(cast: Cast) -> None:
    managers = save_group(name="Managers", actor=cast.administrator, clock=at(1))
    grant_product_permission(
        product=cast.product, codename="manage_product", holder=managers, actor=cast.administrator, clock=at(1)
    )
    add_to_group(group=managers, person=cast.outsider, actor=cast.administrator, clock=at(1))
    assert product_permissions(cast.outsider, cast.product) == {"manage_product"}
    assert cast.outsider in people_with(cast.product, "manage_product")
    assert draft_release_by(cast, cast.outsider).owner == cast.pm
    deactivate_person(person=cast.outsider, actor=cast.administrator, clock=at(2))
    gone = User.objects.get(pk=cast.outsider.pk)
    assert product_permissions(gone, cast.product) == frozenset()
    assert gone not in people_with(cast.product, "manage_product")
    with refused("inactive"):
        grant_product_permission(
            product=cast.product, codename="contribute", holder=gone, actor=cast.administrator, clock=at(2)
        )


# --- Who sees what ----------------------------------------------------------------------------------------------


def see(user: User) -> tuple[bool, bool]:
    """Whether a person sees the product and its releases; the two always agree."""
    return Product.objects.visible_to(user).exists(), Release.objects.visible_to(user).exists()


def test_everybody_sees_an_unrestricted_product(cast: Cast, release: Release) -> None:
    assert see(cast.outsider) == (True, True)


SEATED: dict[str, Callable[[Cast, User], object]] = {
    "view_product": lambda cast, user: grant_product_permission(
        product=cast.product, codename="view_product", holder=user, actor=cast.administrator, clock=at(1)
    ),
    "contribute": lambda cast, user: grant_product_permission(
        product=cast.product, codename="contribute", holder=user, actor=cast.administrator, clock=at(1)
    ),
    "a seat": lambda cast, user: grant_seat(
        role_id=cast.seat(MARKET, "sales").pk, holder=user, actor=cast.administrator, clock=at(1)
    ),
    "a group with a seat": lambda cast, user: add_to_group(
        group=cast.sales_group, person=user, actor=cast.administrator, clock=at(1)
    ),
    "a group with a permission": lambda cast, user: add_to_group(
        group=seeing_group(cast), person=user, actor=cast.administrator, clock=at(1)
    ),
}


def seeing_group(cast: Cast) -> Group:
    group = save_group(name="Support", actor=cast.administrator, clock=at(1))
    grant_product_permission(
        product=cast.product, codename="view_product", holder=group, actor=cast.administrator, clock=at(1)
    )
    return group


@pytest.mark.parametrize("through", SEATED)
def test_a_restricted_product_is_seen_through_any_permission_or_seat_on_it(
    cast: Cast, release: Release, through: str
) -> None:
    restrict(cast)
    assert see(cast.outsider) == (False, False)
    SEATED[through](cast, cast.outsider)
    assert see(cast.outsider) == (True, True)


def test_the_portfolio_permission_and_administration_see_restricted_products(cast: Cast, release: Release) -> None:
    product = restrict(cast)
    revoke_product_permission(
        product=product, codename="view_product", holder=cast.executive, actor=cast.administrator, clock=at(1)
    )
    for person in (cast.executive, cast.administrator):
        assert sees_every_product(person)
        assert see(person) == (True, True)


def test_a_superuser_sees_and_may_nothing_by_being_one_on_a_product(cast: Cast, release: Release) -> None:
    root = User.objects.create_superuser("root", "root@example.org", "x" * 20, full_name="Root")
    assert product_permissions(root, cast.product) == frozenset()


def test_somebody_who_is_not_signed_in_sees_nothing(cast: Cast, release: Release) -> None:
    nobody = AnonymousUser()
    for queryset in (Product.objects, Release.objects, Slip.objects, Event.objects):
        assert not queryset.visible_to(nobody).exists()
    assert product_permissions(nobody, cast.product) == frozenset()


@pytest.mark.parametrize("is_restricted", [False, True])
def test_who_may_see_asks_for_many_people_what_visible_to_asks_for_one(
    cast: Cast, release: Release, is_restricted: bool, django_assert_num_queries: Callable[..., object]
) -> None:
    if is_restricted:
        restrict(cast)
    make_person("nora", "Nora Nobody")
    seeing_group(cast)
    deactivate_person(person=cast.contributor, actor=cast.administrator, clock=at(2))
    everybody = list(User.objects.all())
    product = Product.objects.get(pk=cast.product.pk)
    expected = {u.pk for u in everybody if u.is_active and Product.objects.visible_to(u).filter(pk=product.pk)}
    with django_assert_num_queries(1):  # type: ignore[attr-defined]
        assert who_may_see(product, [u.pk for u in everybody]) == expected
    assert who_may_see(product, []) == set()
    assert (cast.outsider.pk in expected) is not is_restricted


def test_managed_products_are_those_one_may_manage(cast: Cast, release: Release) -> None:
    create_product(name="Switch", line=cast.line, owner=cast.outsider, actor=cast.administrator, clock=at(1))
    assert [p.name for p in Product.objects.managed_by(cast.second_pm)] == ["Router"]
    assert [p.name for p in Product.objects.managed_by(cast.outsider)] == ["Switch"]
    assert not Product.objects.managed_by(cast.contributor).exists()


def test_a_slip_of_a_restricted_product_is_hidden_with_it(cast: Cast) -> None:
    active_release(cast)
    draft_release(cast, "2.0")
    record_all_misses(day(31), clock=at(31))
    restrict(cast)
    assert Slip.objects.visible_to(cast.pm).count() == 1
    assert Slip.objects.visible_to(cast.outsider).count() == 0


def test_a_product_is_not_called_like_a_page(cast: Cast) -> None:
    with refused("invalid_product") as found:
        create_product(name="New", line=cast.line, owner=cast.pm, actor=cast.administrator)
    assert [(problem.field, problem.code) for problem in found.value.fields] == [("slug", "reserved")]
