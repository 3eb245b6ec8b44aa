"""Everybody does everything at once: nothing but rules says no, no deadlock, and every invariant holds afterwards."""

import random
from collections.abc import Callable, Iterator

import pytest

from approvals.models import Submission
from tests.cast import Cast, active_release, differences, make_cast
from tests.lots import Calendar, one_step
from tests.races.together import faults, together, without_announcements

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]

THREADS = 8
STEPS = 40


@pytest.fixture
def cast(transactional_db: None) -> Iterator[Cast]:
    with without_announcements():
        yield make_cast()


def test_a_storm_of_all_verbs(cast: Cast) -> None:
    for version in ("1.0", "2.0", "3.0"):
        active_release(cast, version)
    calendar = Calendar()

    def work(seed: int) -> Callable[[], int]:
        dice = random.Random(seed)
        return lambda: sum(one_step(cast, dice, calendar) for _ in range(STEPS))

    outcomes = together(*[work(seed) for seed in range(THREADS)])
    assert faults(outcomes) == []
    assert sum(int(str(outcome.value)) for outcome in outcomes) > THREADS * STEPS / 10, "nearly everything was refused"
    assert Submission.objects.exists()
    assert differences() == []
