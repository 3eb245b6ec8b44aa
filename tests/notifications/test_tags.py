"""The parts that other pages show: `{% watch_button %}`, `{% stakeholders %}`, `{% people_told %}`."""

import re

from django.db import connection
from django.template import engines
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext

from gatekeeper.accounts.models import User
from notifications.actions import add_stakeholder, watch
from releases.models import Release
from tests.cast import Cast, at, make_person


def render(source: str, person: User, **context: object) -> str:
    """A template's output as a person sees it."""
    request = RequestFactory().get("/releases/router/1.0/")
    request.user = person
    request.htmx = False
    return engines["django"].from_string("{% load watching %}" + source).render(context, request)


def words(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_the_watch_button_says_whether_one_watches_and_how_many_do(cast: Cast, release: Release) -> None:
    page = render("{% watch_button release %}", cast.outsider, release=release)
    assert 'action="/releases/router/1.0/watch/"' in page
    assert 'name="csrfmiddlewaretoken"' in page
    assert 'aria-pressed="false"' in page
    assert "follower" not in page
    watch(of=release, actor=cast.outsider, clock=at(0))
    add_stakeholder(of=release, person=cast.contributor, actor=cast.pm, clock=at(0))
    page = render("{% watch_button release %}", cast.outsider, release=release)
    assert 'aria-pressed="true"' in page
    assert "2 followers" in page
    assert "You are a stakeholder" in render("{% watch_button release %}", cast.contributor, release=release)
    product = render("{% watch_button product %}", cast.outsider, product=cast.product)
    assert 'action="/products/router/watch/"' in product
    assert 'aria-pressed="false"' in product, "a release of it is watched, not the product"


def test_the_first_stakeholders_are_shown_and_the_rest_is_a_link(cast: Cast, release: Release) -> None:
    for number in range(10):
        person = make_person(f"stake{number}", f"Stake {number}")
        add_stakeholder(of=release, person=person, actor=cast.pm, clock=at(0))
    with CaptureQueriesContext(connection) as queries:
        page = render("{% stakeholders release %}", cast.pm, release=release)
    assert page.count("<li>") == 8
    assert "All 10 stakeholders" in page
    assert "Add the stakeholder" in page
    assert len(queries) <= 5
    assert "Add the stakeholder" not in render("{% stakeholders release %}", cast.approver, release=release)


def test_the_people_told_of_a_replan_are_named(cast: Cast, release: Release) -> None:
    assert words(render("{% people_told release %}", cast.pm, release=release)) == (
        "Nobody else is told: nobody follows this release."
    )
    watch(of=release, actor=cast.outsider, clock=at(0))
    assert words(render("{% people_told release %}", cast.pm, release=release)) == "Otto Outsider is told at once."
    assert words(render("{% people_told release %}", cast.second_pm, release=release)) == (
        "Otto Outsider and Petra Manager are told at once."
    )
    for number in range(6):
        watch(of=release, actor=make_person(f"watcher{number}", f"Watcher {number}"), clock=at(0))
    assert words(render("{% people_told release %}", cast.pm, release=release)) == (
        "Otto Outsider, Watcher 0, Watcher 1, Watcher 2 and 3 more are told at once."
    )
