"""Long stories drawn by lot: after every stretch, every stored state is what the facts give."""

import os
import random

import pytest
from django.db.models import Sum

from releases.models import DateMove, Release, Slip
from tests.cast import Cast, active_release, differences
from tests.lots import Calendar, one_step

# GATEKEEPER_STORIES=200 tells more of them
SEEDS = range(int(os.environ.get("GATEKEEPER_STORIES", "6")))
STRETCHES, STEPS = 5, 25


@pytest.mark.parametrize("seed", SEEDS)
def test_a_long_story_keeps_every_invariant(cast: Cast, seed: int) -> None:
    for version in ("1.0", "2.0"):
        active_release(cast, version)
    dice, calendar = random.Random(seed), Calendar(readings_a_day=3)
    done = 0
    for stretch in range(STRETCHES):
        done += sum(one_step(cast, dice, calendar) for _ in range(STEPS))
        assert differences() == [], f"in stretch {stretch} of story {seed}"
        check_the_slip_of_each_release()
    assert done > 10


def check_the_slip_of_each_release() -> None:
    """Target less baseline is what the ledger moved; days of slips and holds and re-plans, and nothing else."""
    for release in Release.objects.exclude(baseline_on=None):
        moved = sum(move.days or 0 for move in DateMove.objects.filter(release=release, gate=None))
        assert release.target_on is not None
        assert release.baseline_on is not None
        assert (release.target_on - release.baseline_on).days == moved
        assert release.slip_days == moved - release.held_days
        by_slips = DateMove.objects.filter(release=release, gate=None, kind="slip")
        late = Slip.objects.filter(release=release, gate__offset_months=None).exclude(settled_how="replan")
        assert sum(move.days or 0 for move in by_slips) == (late.aggregate(days=Sum("days"))["days"] or 0)
        held = DateMove.objects.filter(release=release, gate=None, kind="hold")
        assert sum(move.days or 0 for move in held) == release.held_days
