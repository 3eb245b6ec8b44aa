"""Twenty sweeps at once: each miss is recorded once, whoever comes first, and nobody fails."""

from collections.abc import Iterator
from threading import Event as Flag

import pytest
from django.db import transaction

from approvals.sweep import sweep
from releases.actions import slips
from releases.kinds import EventKind
from releases.locking import lock_release
from releases.models import Event, Release, Slip
from tests.cast import (
    MARKET,
    Cast,
    active_release,
    at,
    day,
    differences,
    gate_of,
    make_cast,
    moment,
    waive,
)
from tests.races.together import Meeting, faults, together, without_announcements, without_locks

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]

SWEEPS = 20
RELEASES = 6


@pytest.fixture
def cast(transactional_db: None) -> Iterator[Cast]:
    with without_announcements():
        yield make_cast()


def releases_of(cast: Cast, prefix: str, count: int = RELEASES) -> list[Release]:
    return [active_release(cast, f"{prefix}.{number}") for number in range(count)]


def test_twenty_sweeps_at_once(cast: Cast) -> None:
    broken = releases_of(cast, "1", 1)
    with without_locks():
        meeting = Meeting(SWEEPS, day=31, patience=3)
        outcomes = together(*[lambda: slips.record_all_misses(day(31), clock=meeting.clock)] * SWEEPS)
        # the index holds "one slip per due date" by itself; without the lock all but one sweep fail on it
        assert len(faults(outcomes)) > 1
    found = releases_of(cast, "2")
    outcomes = together(*[lambda: slips.record_all_misses(day(31), clock=at(31))] * SWEEPS)
    assert faults(outcomes) == []
    assert sum(int(str(outcome.value)) for outcome in outcomes) == RELEASES
    for release in found:
        assert [s.due_on for s in Slip.objects.filter(release=release)] == [day(30)]
        kinds = Event.objects.filter(release=release, kind__in=[EventKind.GATE_MISSED, EventKind.RELEASE_SLIPPED])
        assert kinds.count() == 2
    assert differences(besides=broken) == []


def test_twenty_sweeps_expire_each_waiver_once(cast: Cast) -> None:
    found = releases_of(cast, "1", 3)
    for release in found:
        waive(cast, gate_of(release, MARKET), on=3, until=20)
    outcomes = together(*[lambda: sweep(clock=at(21))] * SWEEPS)
    assert faults(outcomes) == []
    assert Event.objects.filter(kind=EventKind.WAIVER_EXPIRED).count() == 3
    assert differences() == []


def test_a_sweep_does_not_wait_for_a_release_that_somebody_holds_before_it_has_done_the_others(cast: Cast) -> None:
    """It takes what is free, and comes back for what it skipped."""
    first, *others = releases_of(cast, "1", 3)
    is_held, may_go = Flag(), Flag()

    def hold_the_first() -> None:
        with transaction.atomic():
            lock_release(first.pk, actor=None, clock=at(31))
            is_held.set()
            assert may_go.wait(20)

    def sweep_meanwhile() -> int:
        assert is_held.wait(20)
        return slips.record_all_misses(day(31), clock=at(31))

    def watch() -> set[int]:
        assert is_held.wait(20)
        try:
            for _ in range(400):
                done = set(Slip.objects.values_list("release", flat=True))
                if len(done) == len(others):
                    return done
                Flag().wait(0.02)
            return set()
        finally:
            may_go.set()

    _held, swept, seen = together(hold_the_first, sweep_meanwhile, watch)
    assert seen.value == {release.pk for release in others}
    assert swept.value == 3
    assert Slip.objects.get(release=first).detected_at == moment(31)
