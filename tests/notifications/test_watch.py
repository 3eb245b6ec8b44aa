"""Watching releases and products."""

import pytest
from django.db import IntegrityError, transaction

from notifications.actions import add_stakeholder, unwatch, watch
from notifications.models import Watch
from releases.actions.products import grant_product_permission
from releases.kinds import EventKind
from releases.models import Event, Product, Release
from tests.cast import Cast, at, conflict, event_kinds, fresh, moment, not_allowed, nothing_changes


def test_watching_a_release_is_an_event_of_its_stream_and_leaves_its_revision(cast: Cast, release: Release) -> None:
    watch(of=release, actor=cast.outsider, clock=at(4))
    found = Watch.objects.get()
    assert (found.person, found.release, found.product) == (cast.outsider, release, cast.product)
    assert (found.is_stakeholder, found.added_by, found.since) == (False, None, moment(4))
    assert event_kinds(release, release.event_number) == [EventKind.WATCH_STARTED]
    assert fresh(release).revision == release.revision, "an open edit of the release must not become stale"
    unwatch(of=release, actor=cast.outsider, clock=at(5))
    assert not Watch.objects.exists()
    assert event_kinds(release, release.event_number) == [EventKind.WATCH_STARTED, EventKind.WATCH_ENDED]


def test_watching_a_product_is_an_event_of_the_organisation(cast: Cast) -> None:
    watch(of=cast.product, actor=cast.outsider, clock=at(4))
    event = Event.objects.order_by("-pk")[0]
    assert (event.kind, event.stream, event.product) == (EventKind.WATCH_STARTED, "organisation", cast.product)
    assert Watch.objects.get().release is None
    unwatch(of=cast.product, actor=cast.outsider, clock=at(4))
    assert not Watch.objects.exists()


def test_watching_twice_changes_nothing(cast: Cast, release: Release) -> None:
    for followed in (release, cast.product):
        watch(of=followed, actor=cast.outsider, clock=at(4))
        with nothing_changes():
            watch(of=followed, actor=cast.outsider, clock=at(5))
    unwatch(of=release, actor=cast.outsider, clock=at(5))
    with nothing_changes():
        unwatch(of=release, actor=cast.outsider, clock=at(6))


def test_a_restricted_product_is_watched_only_by_those_who_see_it(cast: Cast, release: Release) -> None:
    Product.objects.update(is_restricted=True)
    for followed in (release, cast.product):
        with not_allowed("not_visible"):
            watch(of=followed, actor=cast.outsider, clock=at(4))
    grant_product_permission(
        product=cast.product, codename="view_product", holder=cast.outsider, actor=cast.pm, clock=at(4)
    )
    watch(of=release, actor=cast.outsider, clock=at(4))
    assert Watch.objects.filter(person=cast.outsider).exists()


def test_a_stakeholder_is_taken_off_by_a_manager_and_not_by_unwatching(cast: Cast, release: Release) -> None:
    add_stakeholder(of=release, person=cast.outsider, actor=cast.pm, clock=at(4))
    with nothing_changes():
        watch(of=release, actor=cast.outsider, clock=at(5))
    with conflict("is_stakeholder"):
        unwatch(of=release, actor=cast.outsider, clock=at(5))


def test_the_database_keeps_one_watch_per_person(cast: Cast, release: Release) -> None:
    for found in (release, None):
        row = {"person": cast.outsider, "product": cast.product, "release": found, "since": moment(1)}
        Watch.objects.create(**row)
        with pytest.raises(IntegrityError), transaction.atomic():
            Watch.objects.create(**row)
