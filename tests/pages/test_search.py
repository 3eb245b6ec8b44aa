"""Search finds what the person may see, and nothing tells of the rest."""

import re
from typing import Any

import pytest
from django.test import Client

from gatekeeper.accounts.models import User
from releases.actions.products import change_product
from tests.cast import Cast, active_release, at, draft_release, make_person

pytestmark = pytest.mark.django_db


def search(person: User, text: str, **more: str) -> Any:
    client = Client()
    client.force_login(person, "gatekeeper.accounts.backends.EmailOrUsernameBackend")
    return client.get("/search/", {"q": text, **more})


def links(response: Any) -> list[str]:
    """Where the results lead."""
    return re.findall(r'href="([^"]*)" data-row-link', response.content.decode())


def counts(response: Any) -> dict[str, int]:
    return dict(response.context["found"].counts)


def test_releases_are_found_by_product_version_and_theme(cast: Cast) -> None:
    active_release(cast, "1.0")
    draft_release(cast, "2.0")
    assert links(search(cast.outsider, "router 1.0")) == ["/releases/router/1.0/"]
    assert links(search(cast.outsider, "2.0 ROUTER")) == ["/releases/router/2.0/"]
    assert counts(search(cast.outsider, "router 3")) == {"releases": 0, "gates": 0, "products": 0}


def test_a_gate_is_found_by_its_own_name_narrowed_by_its_release(cast: Cast) -> None:
    active_release(cast, "1.0")
    active_release(cast, "2.0")
    found = search(cast.outsider, "readiness 2.0")
    assert links(found) == ["/releases/router/2.0/gates/release-readiness/"]
    # the product's name alone leads to no gate
    assert counts(search(cast.outsider, "router")) == {"releases": 2, "gates": 0, "products": 1}


def test_a_restricted_product_is_found_by_nobody_who_may_not_see_it(cast: Cast) -> None:
    active_release(cast)
    change_product(
        product=cast.product,
        name="Router",
        description="",
        owner=cast.pm,
        is_restricted=True,
        actor=cast.administrator,
        clock=at(0),
    )
    for text in ("router", "readiness", "1.0"):
        hidden = search(cast.outsider, text)
        assert counts(hidden) == {"releases": 0, "gates": 0, "products": 0}
        assert b"Router" not in hidden.content
        for kind in ("releases", "gates", "products", "people"):
            assert links(search(cast.outsider, text, **{"in": kind})) == []
    for person in (cast.pm, cast.approver, cast.contributor, cast.executive, cast.administrator):
        assert sum(counts(search(person, "readiness")).values()) == 1
    portfolio = make_person("vera", "Vera Viewer", permissions=("releases.view_portfolio",))
    assert counts(search(portfolio, "router"))["releases"] == 1


def test_people_are_found_by_administrators_only(cast: Cast) -> None:
    found = search(cast.administrator, "petra")
    assert counts(found)["people"] == 1
    assert b"petra@example.org" in found.content
    for asked in ({}, {"in": "people"}):
        hidden = search(cast.pm, "otto", **asked)
        assert "people" not in counts(hidden)
        assert b"Otto" not in hidden.content


def test_many_results_are_paged(cast: Cast) -> None:
    for number in range(55):
        draft_release(cast, f"7.{number}")
    assert len(links(search(cast.pm, "7."))) == 8
    first, second = (links(search(cast.pm, "7.", **{"in": "releases", "page": page})) for page in "12")
    assert (len(first), len(second), len({*first, *second})) == (50, 5, 55)


@pytest.mark.parametrize("text", ["", "   ", "%", "_", "' OR 1=1 --", "a " * 500, "x" * 5000, "ünïcödé", "\\"])
def test_any_text_is_answered(cast: Cast, text: str) -> None:
    active_release(cast)
    for kind in ("", "releases", "gates", "nonsense"):
        answer = search(cast.administrator, text, **{"in": kind, "page": "-3"})
        assert answer.status_code == 200
        # signs of SQL's LIKE are letters like others
        if text in ("%", "_", "\\"):
            assert sum(counts(answer).values()) == 0
