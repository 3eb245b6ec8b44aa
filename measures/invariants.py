"""What must hold of forecasts: each is what its facts give for the day it was made."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date

from django.db.models import Q

from gatekeeper.common.invariants import Difference
from measures.forecasts import outlooks, standing
from measures.models import Forecast
from measures.outlook import Outlook
from releases.events import canonical
from releases.kinds import ReleaseState
from releases.models import Release


def check_forecasts() -> Iterator[Difference]:
    """Stored forecasts against a recomputation for their day, and the days on the release against the forecast.

    One whose release has changed since, or whose past was loaded since, is about to be made anew and says nothing.
    """
    for batch in standing():
        by_day: dict[date, list[tuple[Release, Forecast]]] = defaultdict(list)
        for release, stored in batch:
            by_day[stored.made_on].append((release, stored))
        for day, rows in by_day.items():
            made = outlooks([release for release, _stored in rows], day)
            for release, stored in rows:
                yield from _check(release, stored, made.get(release.pk))
    loose = Q(p50_on__isnull=False) | Q(p85_on__isnull=False)
    for release in Release.objects.filter(loose).filter(~Q(state=ReleaseState.ACTIVE) | Q(forecast__isnull=True)):
        yield Difference("forecast", str(release), "has days of a forecast that it does not have")


def _check(release: Release, stored: Forecast, made: tuple[Outlook, str] | None) -> Iterator[Difference]:
    if made is None:
        yield Difference("forecast", str(release), f"is forecast while it is {release.state}")
        return
    one, digest = made
    if digest != stored.basis:
        return
    if canonical(one.as_data()) != stored.data:
        yield Difference("forecast", str(release), f"of {stored.made_on} is {stored.data}, its facts give another one")
    whole = one.of_release
    days = (whole.p50_on, whole.p85_on) if whole else (None, None)
    if (release.p50_on, release.p85_on) != days:
        yield Difference("forecast", str(release), f"stands at {release.p50_on}, its forecast says {days[0]}")
