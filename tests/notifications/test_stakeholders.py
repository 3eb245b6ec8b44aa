"""Stakeholders: added by those who manage the product."""

import pytest

from approvals.actions.people import deactivate_person
from notifications.actions import add_stakeholder, remove_stakeholder, unwatch, watch
from notifications.models import Watch
from releases.kinds import EventKind
from releases.models import Product, Release
from tests.cast import Cast, at, event_kinds, fields_of, last_event, not_allowed, refused


@pytest.mark.parametrize("who", ["pm", "second_pm", "administrator"])
def test_managers_and_administrators_add_a_stakeholder(cast: Cast, release: Release, who: str) -> None:
    actor = getattr(cast, who)
    add_stakeholder(of=release, person=cast.outsider, actor=actor, clock=at(4))
    found = Watch.objects.get()
    assert (found.person, found.release, found.is_stakeholder, found.added_by) == (cast.outsider, release, True, actor)
    event = last_event(release, EventKind.STAKEHOLDER_ADDED)
    assert (event.payload, event.actor) == ({"person": cast.outsider.pk}, actor)


@pytest.mark.parametrize("who", ["outsider", "approver", "contributor", "executive"])
def test_nobody_else_adds_or_removes_one(cast: Cast, release: Release, who: str) -> None:
    actor = getattr(cast, who)
    with not_allowed("not_manager"):
        add_stakeholder(of=release, person=cast.outsider, actor=actor, clock=at(4))
    add_stakeholder(of=release, person=cast.outsider, actor=cast.pm, clock=at(4))
    with not_allowed("not_manager"):
        remove_stakeholder(of=release, person=cast.outsider, actor=actor, clock=at(4))


def test_a_deactivated_person_is_refused(cast: Cast, release: Release) -> None:
    deactivate_person(person=cast.outsider, actor=cast.administrator, clock=at(3))
    cast.outsider.refresh_from_db()
    with refused("inactive") as found:
        add_stakeholder(of=release, person=cast.outsider, actor=cast.pm, clock=at(4))
    assert fields_of(found) == [("person", "inactive")]


def test_somebody_who_may_not_see_the_product_is_refused(cast: Cast, release: Release) -> None:
    Product.objects.update(is_restricted=True)
    with refused("not_visible") as found:
        add_stakeholder(of=release, person=cast.outsider, actor=cast.pm, clock=at(4))
    assert fields_of(found) == [("person", "not_visible")]
    add_stakeholder(of=release, person=cast.contributor, actor=cast.pm, clock=at(4))


def test_one_is_not_added_twice_nor_removed_when_not_there(cast: Cast, release: Release) -> None:
    with refused("not_stakeholder"):
        remove_stakeholder(of=release, person=cast.outsider, actor=cast.pm, clock=at(4))
    add_stakeholder(of=release, person=cast.outsider, actor=cast.pm, clock=at(4))
    with refused("exists"):
        add_stakeholder(of=release, person=cast.outsider, actor=cast.pm, clock=at(4))
    remove_stakeholder(of=release, person=cast.outsider, actor=cast.pm, clock=at(5))
    assert not Watch.objects.exists()
    assert event_kinds(release)[-2:] == [EventKind.STAKEHOLDER_ADDED, EventKind.STAKEHOLDER_REMOVED]


def test_who_watched_before_goes_on_watching_when_taken_off(cast: Cast, release: Release) -> None:
    watch(of=release, actor=cast.outsider, clock=at(2))
    add_stakeholder(of=release, person=cast.outsider, actor=cast.pm, clock=at(4))
    remove_stakeholder(of=release, person=cast.outsider, actor=cast.pm, clock=at(5))
    found = Watch.objects.get()
    assert not found.is_stakeholder
    unwatch(of=release, actor=cast.outsider, clock=at(6))
    assert not Watch.objects.exists()


def test_a_whole_product_has_stakeholders_too(cast: Cast) -> None:
    add_stakeholder(of=cast.product, person=cast.outsider, actor=cast.pm, clock=at(4))
    found = Watch.objects.get()
    assert (found.release, found.is_stakeholder) == (None, True)
    remove_stakeholder(of=cast.product, person=cast.outsider, actor=cast.pm, clock=at(5))
    assert not Watch.objects.exists()
