"""Products: the list, one product, its words, and its people."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext
from guardian.shortcuts import assign_perm

from approvals.actions.people import add_to_group, deactivate_person, save_group
from approvals.actions.seats import grant_seat
from approvals.forms.products import PERMISSION_WORDS
from approvals.models import ApproverRole
from approvals.permissions import seat_holders
from gatekeeper.accounts.models import User
from releases.actions.products import change_product, create_product, save_product_line
from releases.actions.releases import ship_release
from releases.models import Product, Release
from releases.permissions import PRODUCT_PERMISSIONS, product_permissions
from tests.cast import (
    MARKET,
    Cast,
    approve,
    at,
    day,
    decline,
    draft_release,
    gate_of,
    make_person,
    nothing_changes,
    pass_gates_before_release,
    submit,
)
from tests.pages.stories import client_of, days_ago, release_of_today, text_of

pytestmark = pytest.mark.django_db

SEATS = "/products/router/seats/"


def another(cast: Cast, name: str, **more: Any) -> Product:
    return create_product(name=name, line=more.pop("line", cast.line), owner=cast.pm, actor=cast.administrator, **more)


def names_in(page: Any) -> list[str]:
    """The products of the list, in order."""
    return re.findall(r'<th scope="row"><a href="/products/[^"]+">([^<]+)</a>', page.content.decode())


def restrict(cast: Cast) -> None:
    product = Product.objects.get(pk=cast.product.pk)
    assert product.owner is not None
    change_product(
        product=product, actor=cast.administrator, name=product.name, description="", owner=product.owner,
        is_restricted=True,
    )  # fmt: skip


# --- List ---------------------------------------------------------------------------------------------------------


def test_the_list_tells_how_the_releases_stand(cast: Cast) -> None:
    release_of_today(cast, "1.0", began=20, target=120)
    release_of_today(cast, "1.1", began=60, target=90)
    draft_release(cast, "2.0", target=days_ago(-300), on=days_ago(1))
    row = text_of(client_of(cast.outsider).get("/products/"))
    assert "1 on track" in row
    # Its first gate was due thirty days ago; nobody has swept yet, so the stored columns say at risk.
    assert "1 at risk" in row
    assert "Petra Manager" in row


def test_a_restricted_product_is_not_there_for_outsiders(cast: Cast) -> None:
    restrict(cast)
    assert names_in(client_of(cast.outsider).get("/products/")) == []
    assert names_in(client_of(cast.approver).get("/products/")) == ["Router"]
    for path in ("", "releases/", "seats/", "edit/"):
        assert client_of(cast.outsider).get(f"/products/router/{path}").status_code == 404


def test_line_and_text_filter_from_the_address(cast: Cast) -> None:
    phones = save_product_line(name="Phones", actor=cast.administrator)
    another(cast, "Handset", line=phones, description="Rings.")
    client = client_of(cast.outsider)
    assert names_in(client.get("/products/")) == ["Handset", "Router"]
    assert names_in(client.get("/products/?line=phones")) == ["Handset"]
    assert names_in(client.get("/products/?q=rings")) == ["Handset"]
    nothing = client.get("/products/?q=teapot")
    assert names_in(nothing) == []
    assert "Clear filters" in text_of(nothing)


def test_fifty_products_stand_on_a_page(cast: Cast) -> None:
    Product.objects.bulk_create(
        Product(name=f"Box {n:03}", slug=f"box-{n:03}", line=cast.line, created_at=cast.product.created_at)
        for n in range(60)
    )
    client = client_of(cast.outsider)
    assert len(names_in(client.get("/products/"))) == 50
    assert len(names_in(client.get("/products/?page=2"))) == 11
    assert len(names_in(client.get("/products/?page=nonsense"))) == 50


def test_the_list_asks_as_often_for_thirty_products_as_for_three(cast: Cast) -> None:
    client = client_of(cast.outsider)
    client.get("/products/")
    counts = []
    for numbers in (range(2), range(2, 29)):
        Product.objects.bulk_create(
            Product(name=f"P{n}", slug=f"p{n}", line=cast.line, owner=cast.pm, created_at=cast.product.created_at)
            for n in numbers
        )
        with CaptureQueriesContext(
            connection,
        ) as queries:
            client.get("/products/")
        counts.append(len(queries))
    assert counts[0] == counts[1]


# --- New and changed ----------------------------------------------------------------------------------------------


def test_an_administrator_adds_a_product_and_comes_to_its_people(cast: Cast) -> None:
    page = client_of(cast.administrator).post(
        "/products/new/",
        {"name": "Switch", "slug": "", "line": cast.line.pk, "owner": "Quinn Manager (quinn)", "description": "Ports."},
    )
    assert page.status_code == 302
    assert page["Location"] == "/products/switch/seats/"
    product = Product.objects.get(slug="switch")
    assert product.owner == cast.second_pm
    assert "manage_product" in product_permissions(cast.second_pm, product)


def test_what_is_wrong_stands_beside_its_field_and_nothing_typed_is_lost(cast: Cast) -> None:
    client = client_of(cast.administrator)
    with nothing_changes():
        page = client.post(
            "/products/new/",
            {
                "name": "Router",
                "slug": "Not a slug",
                "line": cast.line.pk,
                "owner": "Nobody Here",
                "description": "Kept.",
            },
        )
    assert page.status_code == 422
    form = page.context["form"]
    assert set(form.errors) == {"slug", "owner"}
    assert "Nobody is called Nobody Here" in form.errors["owner"][0]
    assert 'role="alert"' in page.content.decode()
    assert "Kept." in page.content.decode()
    with nothing_changes():
        page = client.post("/products/new/", {"name": "Router", "line": cast.line.pk, "owner": "quinn"})
    # The action's own refusal comes to the same place.
    assert page.context["form"].errors["name"] == ["Router exists already."]
    assert set(page.context["form"].errors) == {"name", "slug"}


def test_only_those_who_may_add_products(cast: Cast) -> None:
    client = client_of(cast.pm)
    assert client.get("/products/new/").status_code == 403
    with nothing_changes():
        assert client.post("/products/new/", {"name": "Switch"}).status_code == 403
    assert "New product" not in text_of(client.get("/products/"))


def test_several_people_of_one_name_are_told_apart_by_user_name(cast: Cast) -> None:
    make_person("petra2", "Petra Manager")
    client = client_of(cast.administrator)
    data = {"name": "Switch", "line": cast.line.pk}
    page = client.post("/products/new/", data | {"owner": "Petra Manager"})
    assert "Several people are called Petra Manager" in page.context["form"].errors["owner"][0]
    assert client.post("/products/new/", data | {"owner": "Petra Manager (petra2)"}).status_code == 302


def test_a_manager_changes_the_words_and_an_administrator_the_owner(cast: Cast) -> None:
    data = {"name": "Router X", "description": "Faster.", "owner": "quinn", "is_restricted": "on"}
    assert client_of(cast.pm).post("/products/router/edit/", data).status_code == 302
    product = Product.objects.get(pk=cast.product.pk)
    # The fields that administrators change are disabled for a manager: what was sent for them is not read.
    assert (product.name, product.owner, product.is_restricted) == ("Router X", cast.pm, False)
    assert client_of(cast.administrator).post("/products/router/edit/", data).status_code == 302
    product.refresh_from_db()
    assert (product.owner, product.is_restricted) == (cast.second_pm, True)
    with nothing_changes():
        assert client_of(cast.outsider).post("/products/router/edit/", data).status_code in (403, 404)


# --- One product --------------------------------------------------------------------------------------------------


def test_a_product_without_releases_says_what_comes_next(cast: Cast) -> None:
    page = text_of(client_of(cast.pm).get("/products/router/"))
    assert "No releases yet" in page
    assert "New release" in page
    assert "New release" not in text_of(client_of(cast.outsider).get("/products/router/"))


def test_the_figures_are_computed_from_what_happened(cast: Cast) -> None:
    release = release_of_today(cast, "1.0", began=100, target=90)
    gate = gate_of(release, MARKET)
    submit(cast, gate, on=days_ago(98))
    decline(cast, gate, "engineering", on=days_ago(96))
    submit(cast, gate, on=days_ago(94))
    approve(cast, gate, "engineering", on=days_ago(92))
    approve(cast, gate, "sales", on=days_ago(92))
    pass_gates_before_release(cast, release, on=days_ago(90))
    ship_release(release_id=release.pk, actor=cast.pm, released_on=day(days_ago(6)), clock=at(days_ago(6)))
    page = text_of(client_of(cast.outsider).get("/products/router/"))
    # Due ten days ago and out six days ago: four days after the baseline.
    assert "0 of 1" in page
    assert "median slip 4 days" in page
    assert "67%" in page
    assert "2 of 3 gates" in page
    # Four rounds: two of two days, two of none.
    assert "last 4 rounds" in page


def test_a_product_asks_as_often_for_thirty_releases_as_for_three(cast: Cast) -> None:
    client, counts = client_of(cast.outsider), []
    for number in range(3):
        release = release_of_today(cast, f"1.{number}")
    for has_few in (True, False):
        for path in ("", "releases/"):
            client.get(f"/products/router/{path}")
            with CaptureQueriesContext(connection) as queries:
                page = client.get(f"/products/router/{path}")
            assert page.status_code == 200
            counts.append(len(queries))
        if not has_few:
            break
        # The tables read the summary columns alone: rows are enough to make many.
        copies = [Release.objects.get(pk=release.pk) for _number in range(27)]
        for number, copy in enumerate(copies):
            copy.pk, copy.version = None, f"2.{number}"
        Release.objects.bulk_create(copies)
    assert counts[:2] == counts[2:]
    assert max(counts) <= 19


def test_the_releases_can_be_narrowed_by_how_far_they_are(cast: Cast) -> None:
    release_of_today(cast, "1.0")
    draft_release(cast, "2.0", target=days_ago(-300), on=days_ago(1))
    client = client_of(cast.outsider)
    assert "1.0" in text_of(client.get("/products/router/releases/?show=open"))
    assert "No release is in this list" in text_of(client.get("/products/router/releases/?show=released"))
    assert client.get("/products/router/releases/?show=nonsense").status_code == 200


# --- People -------------------------------------------------------------------------------------------------------


def seat(cast: Cast, key: str = "engineering") -> ApproverRole:
    return cast.seat(MARKET, key)


def people_in(role: ApproverRole) -> set[User]:
    return {holder.user for holder in seat_holders([role.pk])[role.pk]}


def test_everybody_reads_who_decides_and_only_administrators_get_forms(cast: Cast) -> None:
    for reader in (cast.outsider, cast.pm):
        page = client_of(reader).get(SEATS)
        text = text_of(page)
        assert "Market Opportunity" in text
        assert "Erik Engineer" in text
        assert "Sales approvers group, 1 person" in text
        assert "/seats/grant/" not in page.content.decode()
    assert "/seats/grant/" in client_of(cast.administrator).get(SEATS).content.decode()


def test_an_administrator_gives_a_seat_to_a_person_and_to_a_group(cast: Cast) -> None:
    leads = save_group(name="Leads", actor=cast.administrator)
    add_to_group(group=leads, person=cast.second_pm, actor=cast.administrator)
    client, role = client_of(cast.administrator), seat(cast)
    for holder in ("Otto Outsider (otto)", "Leads (group)"):
        page = client.post(f"{SEATS}grant/", {"role": role.pk, "holder": holder})
        assert page.status_code == 302
        assert page["Location"] == f"{SEATS}#seat-{role.pk}"
    assert people_in(role) == {cast.approver, cast.outsider, cast.second_pm}


def test_a_name_that_nobody_has_comes_back_in_the_open_form(cast: Cast) -> None:
    role = seat(cast)
    with nothing_changes():
        page = client_of(cast.administrator).post(f"{SEATS}grant/", {"role": role.pk, "holder": "Nobody <b>Here"})
    assert page.status_code == 422
    html = page.content.decode()
    assert "Nobody and no group is called Nobody &lt;b&gt;Here" in html
    assert '<details class="give" open>' in html
    assert html.count("Nobody &lt;b&gt;Here") >= 2
    assert f'href="#s{role.pk}-holder"' in html
    assert 'role="alert"' in html


def test_a_seat_is_taken_back_also_from_somebody_deactivated(cast: Cast) -> None:
    role = cast.seat("release-readiness", "sales")
    grant_seat(role_id=role.pk, holder=cast.outsider, actor=cast.administrator)
    deactivate_person(person=cast.outsider, actor=cast.administrator)
    client = client_of(cast.administrator)
    assert "Deactivated" in text_of(client.get(SEATS))
    data = {"role": role.pk, "holder": "Otto Outsider (otto)"}
    assert client.post(f"{SEATS}revoke/", data).status_code == 302
    assert "Deactivated" not in text_of(client.get(SEATS))
    # Once more: it is not there any more, and says so.
    with nothing_changes():
        assert client.post(f"{SEATS}revoke/", data).status_code == 422


def test_nobody_gives_a_seat_to_themselves_and_nobody_else_gives_seats(cast: Cast) -> None:
    role = seat(cast)
    with nothing_changes():
        own = client_of(cast.administrator).post(f"{SEATS}grant/", {"role": role.pk, "holder": "ada"})
        theirs = client_of(cast.pm).post(f"{SEATS}grant/", {"role": role.pk, "holder": "otto"})
        taken = client_of(cast.pm).post(f"{SEATS}revoke/", {"role": role.pk, "holder": "erik"})
    assert [page.status_code for page in (own, theirs, taken)] == [403, 403, 403]
    assert "Another administrator" in text_of(own)


def test_a_seat_of_another_product_is_not_there(cast: Cast) -> None:
    other = another(cast, "Switch")
    role = ApproverRole.objects.create(product=other, gate_key=MARKET, key="engineering", name="Engineering")
    with nothing_changes():
        page = client_of(cast.administrator).post(f"{SEATS}grant/", {"role": role.pk, "holder": "otto"})
    assert page.status_code == 422


def test_a_seat_that_nobody_holds_is_named(cast: Cast) -> None:
    assert "too few people" not in text_of(client_of(cast.outsider).get(SEATS))
    deactivate_person(person=cast.approver, actor=cast.administrator)
    page = text_of(client_of(cast.outsider).get(SEATS))
    assert "3 seats have too few people" in page
    assert "Nobody can decide in this role" in page


def test_the_seats_of_a_new_product_are_made_from_a_playbook(cast: Cast) -> None:
    another(cast, "Switch")
    client = client_of(cast.administrator)
    assert "No seats yet" in text_of(client.get("/products/switch/seats/"))
    page = client.post("/products/switch/seats/prepare/", {"playbook": cast.playbook.pk}, follow=True)
    assert "6 seats are there" in text_of(page)
    assert ApproverRole.objects.filter(product__slug="switch").count() == 6
    with nothing_changes():
        assert (
            client_of(cast.pm).post("/products/switch/seats/prepare/", {"playbook": cast.playbook.pk}).status_code
            == 403
        )


def test_a_manager_lets_people_contribute_and_see_but_gives_no_authority(cast: Cast) -> None:
    client, grant = client_of(cast.pm), "/products/router/permissions/grant/"
    assert client.post(grant, {"permission": "contribute", "holder": "otto"}).status_code == 302
    assert product_permissions(cast.outsider, cast.product) == {"contribute"}
    with nothing_changes():
        for name in ("manage_product", "waive_gate", "rebaseline"):
            assert client.post(grant, {"permission": name, "holder": "otto"}).status_code == 403
        assert client.post(grant, {"permission": "decide", "holder": "otto"}).status_code == 422
    back = "/products/router/permissions/revoke/"
    assert client.post(back, {"permission": "contribute", "holder": "otto"}).status_code == 302
    assert product_permissions(cast.outsider, cast.product) == frozenset()


def test_the_owner_keeps_managing(cast: Cast) -> None:
    with nothing_changes():
        page = client_of(cast.administrator).post(
            "/products/router/permissions/revoke/", {"permission": "manage_product", "holder": "petra"}
        )
    assert page.status_code == 409
    assert "choose another owner first" in text_of(page)


def hold_seats(cast: Cast, role: ApproverRole, numbers: range) -> None:
    """People and groups in a seat and with a permission, each group with a person."""
    people = User.objects.bulk_create(
        User(username=f"p{n}", email=f"p{n}@example.org", full_name=f"Person {n}") for n in numbers
    )
    groups = Group.objects.bulk_create(Group(name=f"Group {n}") for n in numbers)
    User.groups.through.objects.bulk_create(
        User.groups.through(user=person, group=group) for person, group in zip(people, groups, strict=True)
    )
    for person, group in zip(people, groups, strict=True):
        for holder in (person, group):
            assign_perm("approvals.decide", holder, role)
            assign_perm("releases.contribute", holder, cast.product)


def test_the_people_page_asks_as_often_for_thirty_holders_as_for_three(cast: Cast) -> None:
    client, counts = client_of(cast.administrator), []
    for numbers in (range(3), range(3, 30)):
        hold_seats(cast, seat(cast), numbers)
        client.get(SEATS)
        with CaptureQueriesContext(connection) as queries:
            assert "Person 1" in text_of(client.get(SEATS))
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_suggestions_name_active_people_and_groups(cast: Cast) -> None:
    client = client_of(cast.outsider)
    people = client.get("/holders/?for=person&owner=engin").content.decode()
    assert '<option value="Erik Engineer (erik)">VP Engineering</option>' in people
    both = client.get("/holders/?for=holder&holder=sales").content.decode()
    assert '<option value="Sales approvers (group)">Group</option>' in both
    assert "group" not in client.get("/holders/?for=person&holder=sales").content.decode().lower()
    deactivate_person(person=cast.approver, actor=cast.administrator)
    assert "Erik" not in client.get("/holders/?for=person&owner=erik").content.decode()


def test_every_permission_has_its_words() -> None:
    assert set(PERMISSION_WORDS) == set(PRODUCT_PERMISSIONS)
