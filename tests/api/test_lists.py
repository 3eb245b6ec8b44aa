"""A list of the API asks the database as often for many rows as for few, and a known one hardly at all."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from approvals.actions.comments import add_comment
from approvals.actions.delegations import make_delegation
from approvals.actions.evidence import save_evidence
from approvals.actions.rounds import submit_evidence
from approvals.models import Deliverable
from gatekeeper.accounts.models import User
from gatekeeper.common.calendars import day_of
from notifications.actions import add_stakeholder
from notifications.relay import relay_events
from releases.actions.products import create_product, save_product_line
from releases.actions.releases import activate_release, create_release
from releases.models import Release
from tests.api.conftest import Caller, caller, shown, signed_in
from tests.cast import MARKET, SMALL_PLAYBOOK, Cast, make_person, make_playbook

FIRST = "/releases/router/R0/"
LISTS = (
    "/releases/?page_size=100", "/products/", "/product-lines/", "/playbooks/", "/slips/", "/inbox/",
    "/delegations/?show=all", "/notifications/", "/events/", "/portfolio/", f"{FIRST}gates/", f"{FIRST}slips/",
    f"{FIRST}gates/{MARKET}/comments/", f"{FIRST}gates/{MARKET}/submissions/", f"{FIRST}gates/{MARKET}/evidence/",
    f"{FIRST}stakeholders/", "/products/router/roles/", "/products/router/stakeholders/", "/me/",
)  # fmt: skip


def add(cast: Cast, number: int) -> None:
    """One more of everything that a list shows; each release with a playbook of its own."""
    admin, pm, today = cast.administrator, cast.pm, day_of(timezone.now())
    line = save_product_line(name=f"Line {number}", default_seats={"sales": cast.sales_group}, actor=admin)
    create_product(name=f"Switch {number}", line=line, owner=pm, actor=admin)
    playbook = make_playbook(SMALL_PLAYBOOK | {"slug": f"book-{number}", "name": f"Book {number}"})
    release = create_release(
        product=cast.product, version=f"R{number}", playbook=playbook, target_on=today + timedelta(days=90), actor=pm
    )
    activate_release(release_id=release.pk, actor=pm)
    gate = release.gates.get(key=MARKET)
    for thing in Deliverable.objects.filter(gate=gate):
        save_evidence(deliverable_id=thing.pk, actor=pm, kind="text", text="What we found.")
    submit_evidence(gate_id=gate.pk, actor=pm)
    first = Release.objects.get(version="R0").gates.get(key=MARKET)
    add_comment(gate_id=first.pk, actor=pm, text=f"Word {number} for @erik.")
    person = make_person(f"p{number}", f"Person {number}")
    add_stakeholder(of=cast.product, person=person, actor=pm)
    add_stakeholder(of=first.release, person=person, actor=pm)
    away = today + timedelta(days=100 + number)
    make_delegation(
        person=cast.approver, actor=cast.approver, delegate=cast.second_approver, starts_on=away, ends_on=away
    )


def costs(who: Caller, person: User) -> dict[str, int]:
    relay_events()
    found = {}
    for address in LISTS:
        with CaptureQueriesContext(connection) as queries:
            answer = who.get(address)
        assert answer.status_code == 200, (address, answer.content)
        found[address] = len(queries)
    return found


@pytest.mark.django_db
def test_a_list_costs_the_same_for_eight_rows_as_for_two(cast: Cast) -> None:
    approver = signed_in(cast.approver)
    for number in range(2):
        add(cast, number)
    costs(approver, cast.approver)
    few = costs(approver, cast.approver)
    for number in range(2, 8):
        add(cast, number)
    costs(approver, cast.approver)  # playbooks are read once and remembered
    many = costs(approver, cast.approver)
    assert many == few
    assert shown(approver.get("/inbox/"))["count"] == shown(approver.get("/releases/"))["count"] == 8
    assert many["/releases/?page_size=100"] <= 16, many


@pytest.mark.django_db
def test_an_answer_that_the_caller_has_costs_five_queries_at_most(cast: Cast) -> None:
    for number in range(2):
        add(cast, number)
    reader = caller(cast.pm, "read")
    tag = reader.get("/releases/").headers["ETag"]
    with CaptureQueriesContext(connection) as queries:
        again = reader.get("/releases/", If_None_Match=tag)
    assert again.status_code == 304
    assert len(queries) <= 5, [query["sql"][:90] for query in queries.captured_queries]
    # the forecast is made after the events that it knows of
    days = [day_of(timezone.now()) + timedelta(days=n) for n in range(3)]
    one, two = Release.objects.order_by("pk")
    Release.objects.filter(pk=one.pk).update(p50_on=days[0], p85_on=days[2])
    Release.objects.filter(pk=two.pk).update(p50_on=days[1], p85_on=days[2])
    forecast = reader.get("/releases/", If_None_Match=tag)
    Release.objects.filter(pk=one.pk).update(p50_on=days[1])
    Release.objects.filter(pk=two.pk).update(p50_on=days[0])
    swapped = reader.get("/releases/", If_None_Match=forecast.headers["ETag"])
    assert (forecast.status_code, swapped.status_code) == (200, 200)
    tag = swapped.headers["ETag"]
    # a name that the list shows is not in the releases' own rows
    admin = caller(cast.administrator, "write")
    assert admin.patch("/products/router/", {"description": "It routes."}).status_code == 200
    assert reader.get("/releases/", If_None_Match=tag).status_code == 200
