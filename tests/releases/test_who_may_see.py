"""Who may see a product, asked for many people at once, is what each of them is shown."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from approvals.actions.people import add_to_group, deactivate_person, save_group
from approvals.actions.seats import grant_seat
from gatekeeper.accounts.models import User
from releases.actions.products import grant_product_permission
from releases.models import Product
from releases.permissions import PRODUCT_PERMISSIONS, who_may_see
from tests.cast import MARKET, Cast, at, make_person


@pytest.mark.parametrize("is_restricted", [False, True])
def test_the_two_ways_to_ask_agree_for_everybody(cast: Cast, is_restricted: bool) -> None:
    for codename in PRODUCT_PERMISSIONS:
        group = save_group(name=f"May {codename}", actor=cast.administrator, clock=at(0))
        grant_product_permission(
            product=cast.product, codename=codename, holder=group, actor=cast.administrator, clock=at(0)
        )
        member = make_person(f"in_{codename}", f"Member {codename}")
        add_to_group(group=group, person=member, actor=cast.administrator, clock=at(0))
        direct = make_person(f"has_{codename}", f"Holder {codename}")
        grant_product_permission(
            product=cast.product, codename=codename, holder=direct, actor=cast.administrator, clock=at(0)
        )
    seated = make_person("seated", "Seated Person")
    role = cast.seat(MARKET, "engineering")
    grant_seat(role_id=role.pk, holder=seated, actor=cast.administrator, clock=at(0))
    gone = make_person("gone", "Gone Person")
    grant_product_permission(
        product=cast.product, codename="view_product", holder=gone, actor=cast.administrator, clock=at(0)
    )
    deactivate_person(person=gone, actor=cast.administrator, clock=at(1))
    make_person("root", "Root", permissions=("releases.administer",))
    Product.objects.update(is_restricted=is_restricted)
    product = Product.objects.get()

    everybody = list(User.objects.all())
    expected = {
        person.pk
        for person in everybody
        if person.is_active and Product.objects.visible_to(person).filter(pk=product.pk).exists()
    }
    with CaptureQueriesContext(connection) as queries:
        found = who_may_see(product, [person.pk for person in everybody])
    assert found == expected
    assert len(found) == (len(everybody) - 1 if not is_restricted else len(everybody) - 2), "but for Gone and Otto"
    assert len(queries) == 1
    assert who_may_see(product, [cast.pm.pk]) == {cast.pm.pk}, "asked for some, answered for some"
