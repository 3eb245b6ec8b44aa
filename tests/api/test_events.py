"""The feed of events: in order of position, filtered by what the caller may see, and nothing skipped."""

import itertools
import random
import threading
import time
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from approvals.actions.comments import add_comment
from gatekeeper.accounts.models import User
from notifications.actions import add_stakeholder, watch
from notifications.relay import relay_events
from releases import feed
from releases.actions.products import create_product
from releases.feed import events_after
from releases.kinds import EventKind
from releases.models import Event, EventPosition, Release
from tests.api.conftest import Caller, assert_problem, caller, shown
from tests.cast import MARKET, Cast, active_release, approve, at, gate_of, recorded_cast, submit
from tests.races.together import together


def follow(who: Caller, limit: int = 7, after: int = 0) -> list[dict[str, Any]]:
    """The whole feed, page by page, as a tool reads it."""
    found, last = [], after
    for _ in range(1000):
        page = shown(who.get(f"/events/?after={last}&limit={limit}"))
        found += page["results"]
        assert page["last"] >= last
        last = page["last"]
        if not page["has_more"]:
            return found
    raise AssertionError("the feed has no end")


@pytest.mark.django_db
def test_events_come_in_order_with_names_and_are_not_sent_twice(cast: Cast) -> None:
    release = active_release(cast)
    gate = gate_of(release, MARKET)
    submit(cast, gate)
    approve(cast, gate, "engineering")
    add_stakeholder(of=release, person=cast.outsider, actor=cast.pm)
    add_comment(gate_id=gate.pk, actor=cast.pm, text=f"Look, @{cast.approver.username}.")
    pm = caller(cast.pm)
    assert follow(pm) == []
    relay_events()

    told = follow(pm)
    visible = Event.objects.filter(product=cast.product)
    assert [one["position"] for one in told] == list(
        EventPosition.objects.filter(event__in=visible).order_by("position").values_list("position", flat=True)
    )
    assert len(told) == visible.count() > 20
    first = next(one for one in told if one["kind"] == EventKind.SUBMITTED)
    event = Event.objects.get(kind=EventKind.SUBMITTED)
    assert {name: first[name] for name in ("stream", "number", "actor", "on_behalf_of", "subject", "hash")} == {
        "stream": release.stream,
        "number": event.number,
        "actor": "petra",
        "on_behalf_of": None,
        "subject": {"product": "router", "version": "1.0", "gate": MARKET},
        "hash": event.hash,
    }
    assert (first["recorded_at"], first["effective_on"]) == ("2026-01-07T09:00:00Z", "2026-01-07")
    by_kind = {one["kind"]: one["data"] for one in told}
    assert by_kind[EventKind.RELEASE_CREATED]["owner"] == "petra"
    assert by_kind[EventKind.STAKEHOLDER_ADDED]["person"] == cast.outsider.username
    assert by_kind[EventKind.COMMENT_ADDED]["mentions"] == [cast.approver.username]

    last = told[-1]["position"]
    nothing = pm.get(f"/events/?after={last}")
    assert shown(nothing) == {"results": [], "last": last, "has_more": False}
    tag = nothing.headers["ETag"]
    assert pm.get(f"/events/?after={last}", If_None_Match=tag).status_code == 304
    watch(of=release, actor=cast.pm)
    relay_events()
    news = pm.get(f"/events/?after={last}", If_None_Match=tag)
    assert [one["kind"] for one in shown(news)["results"]] == [EventKind.WATCH_STARTED]
    end = pm.get(f"/events/?after={2**63 - 1}")
    assert shown(end) == {"results": [], "last": 2**63 - 1, "has_more": False}
    for query in (
        "after=-1",
        f"after={2**63}",
        "after=x",
        "limit=0",
        "limit=501",
        "after=1&after=2",
        "since=0",
        "after=9" + "9" * 30,
    ):
        assert_problem(pm.get(f"/events/?{query}"), 400, "malformed")
    assert_problem(caller(cast.pm, "write").get("/events/"), 403, "insufficient_scope")


@pytest.mark.django_db
def test_nobody_follows_what_they_may_not_see(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    active_release(cast)
    secret = create_product(
        name="Switch", line=cast.line, owner=cast.second_pm, is_restricted=True, actor=cast.administrator, clock=at(0)
    )
    relay_events()
    outsider = caller(cast.outsider)
    own = follow(outsider)
    assert {one["subject"].get("product") for one in own} == {"router"}
    assert "switch" in {one["subject"].get("product") for one in follow(caller(cast.second_pm))}
    bound = caller(cast.second_pm, products=[secret.pk])
    assert {one["subject"]["product"] for one in follow(bound)} == {"switch"}
    everything = follow(caller(cast.administrator))
    assert len(everything) == EventPosition.objects.count() > len(own)

    # what they may not see neither moves their place nor makes an answer of its own
    last = own[-1]["position"]
    before = outsider.get(f"/events/?after={last}")
    watch(of=secret, actor=cast.second_pm)
    relay_events()
    after = outsider.get(f"/events/?after={last}", If_None_Match=before.headers["ETag"])
    assert after.status_code == 304

    # a page looks through so many positions and no more, and the way through all of them is the same
    monkeypatch.setattr(feed, "SCAN", 3)
    first = everything[0]["position"] - 1  # a used database has given thousands of positions before
    assert follow(outsider, after=first) == own
    administrator = caller(cast.administrator)
    assert follow(administrator, limit=2, after=first) == follow(administrator, limit=500, after=first)


@pytest.mark.django_db
def test_a_page_costs_the_same_for_few_events_and_for_many(cast: Cast) -> None:
    release = active_release(cast)
    submit(cast, gate_of(release, MARKET))
    relay_events()
    pm = caller(cast.pm)
    pm.get("/me/")  # the first call of a minute notes that the token was used, and takes a block of calls
    counts = []
    for limit in (6, 18):
        with CaptureQueriesContext(connection) as asked:
            assert len(shown(pm.get(f"/events/?after=0&limit={limit}"))["results"]) == limit
        counts.append(len(asked))
    assert counts[0] == counts[1] <= 8


class _Reader:
    """Follows from where it is, again and again, until there is nothing more and nobody writes."""

    def __init__(self) -> None:
        self.seen: list[int] = []
        self.last = 0

    def by_position(self, person: User) -> bool:
        page = events_after(person, self.last, 20)
        self.seen += [event.pk for event in page.events]
        self.last = page.last
        return bool(page.events)

    def by_id(self) -> bool:
        found = list(Event.objects.filter(pk__gt=self.last).order_by("pk").values_list("pk", flat=True)[:20])
        self.seen += found
        self.last = found[-1] if found else self.last
        return bool(found)


WRITERS, COMMENTS = 8, 12


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_reader_among_eight_writers_skips_nothing() -> None:
    """Ids are given before their transactions commit, so that reading by id skips the slower ones; positions do not."""
    with transaction.atomic():
        cast = recorded_cast()
    releases = [active_release(cast, f"{n}.0") for n in range(WRITERS)]
    relay_events()
    start = Event.objects.order_by("-pk").values_list("pk", flat=True)[0]
    position = EventPosition.objects.order_by("-pk").values_list("pk", flat=True)[0]
    by_position, by_id = _Reader(), _Reader()
    by_position.last, by_id.last = position, start
    writing = itertools.count()
    is_over = threading.Event()

    def write(release: Release) -> None:
        gate = gate_of(release, MARKET)
        pause = random.Random(release.pk)
        try:
            for number in range(COMMENTS):
                with transaction.atomic():
                    add_comment(gate_id=gate.pk, actor=cast.pm, text=f"Note {number}.", clock=at(1))
                    time.sleep(pause.uniform(0, 0.02))
        finally:
            if next(writing) == WRITERS - 1:
                is_over.set()

    def read() -> None:
        while not is_over.is_set():
            relay_events()
            by_position.by_position(cast.pm)
            by_id.by_id()
        relay_events()
        while by_position.by_position(cast.pm):
            pass
        while by_id.by_id():
            pass

    def relay() -> None:
        while not is_over.is_set():
            relay_events()

    outcomes = together(*[lambda release=release: write(release) for release in releases], read, relay)
    assert [outcome.error for outcome in outcomes if outcome.error] == []
    connections.close_all()
    written = set(Event.objects.filter(pk__gt=start).values_list("pk", flat=True))
    assert len(written) == WRITERS * COMMENTS
    assert set(by_id.seen) < written, "reading by id was expected to skip some"
    assert sorted(by_position.seen) == sorted(written)
    places = dict(EventPosition.objects.values_list("event", "position"))
    assert [places[event] for event in by_position.seen] == sorted(places[event] for event in written)
