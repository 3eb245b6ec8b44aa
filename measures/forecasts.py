"""Forecasts kept up to date: which are due, made from facts as they stand, stored with what was stated.

A forecast is a function of its release, of the day, and of what was known of the past when the day began; making it
again changes nothing. It moves no date and no state.
"""

import hashlib
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice

from django.db import transaction
from django.db.models import Count, F, Q, Sum

from approvals.ports import Heading
from gatekeeper.common.calendars import day_of
from gatekeeper.common.clock import Clock, database_clock
from gatekeeper.common.queue import nudge
from measures.backtest import last_load
from measures.forecasting import RULED_PRIOR, Samples
from measures.health import health_then
from measures.histories import histories, known_before
from measures.models import Forecast, Statement
from measures.outlook import GateFacts, Outlook, ReleaseFacts, outlook
from releases.events import canonical
from releases.kinds import PlaybookKind, ReleaseState
from releases.models import Gate, Hold, Release, Slip
from releases.rules import TREND_DAYS

HEADED = (ReleaseState.ACTIVE, ReleaseState.RELEASED)
CHUNK = 100
# A task that has worked for so long leaves the rest to another one.
MOST_SECONDS = 35.0
# Lines whose samples this process keeps for the day.
MOST_LINES = 32

# Fewer slips of a product do not tell what a late day costs.
LEAST_SLIPS = 5

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Basis:
    """What is learned from a product line on a day."""

    samples: Samples
    digest: str


_kept: dict[tuple[int, date, int], Basis] = {}


def forget() -> None:
    """Drop what this process keeps of the past: for whoever tells it out of order."""
    _kept.clear()


def basis_of(line: int, day: date) -> Basis:
    """What was known of a line's past when a day began: our own releases and recorded history. Five queries, or one.

    It changes within a day only when history is loaded; so it is kept by the last such event.
    """
    loaded = last_load()
    found = _kept.get((line, day, loaded))
    if found is None:
        for key in [key for key in _kept if key[1] != day or len(_kept) >= MOST_LINES]:
            del _kept[key]
        past = [one for kind in (PlaybookKind.GATES, PlaybookKind.HISTORY) for one in histories(line, kind)]
        known = known_before(past, day)
        rows = [[one.product, one.gate, one.planned, one.actual, one.known_on] for one in known]
        digest = hashlib.sha256(canonical(rows).encode()).hexdigest()[:16]
        found = _kept[line, day, loaded] = Basis(Samples(known, RULED_PRIOR), digest)
    return found


def facts_of(releases: Sequence[Release]) -> dict[int, ReleaseFacts]:
    """What a forecast needs of releases that have begun. Two queries for any number of them."""
    gates: dict[int, list[GateFacts]] = defaultdict(list)
    for gate in Gate.objects.filter(release__in=releases).order_by("release", "position"):
        if gate.due_on is not None:
            gates[gate.release_id].append(
                GateFacts(
                    gate.key, gate.state, gate.due_on, gate.decided_on, gate.is_pinned, gate.is_after_release
                )
            )  # fmt: skip
    holds: dict[int, list[tuple[date, date]]] = defaultdict(list)
    for hold in Hold.objects.filter(release__in=releases, resumed_on__isnull=False).order_by("held_on", "pk"):
        assert hold.resumed_on is not None
        holds[hold.release_id].append((hold.held_on, hold.resumed_on))
    return {
        release.pk: ReleaseFacts(
            product=release.product_id,
            state=release.state,
            began_on=day_of(release.activated_at),
            target_on=release.target_on,
            released_on=release.released_on,
            gates=gates[release.pk],
            holds=holds[release.pk],
        )
        for release in releases
        if release.activated_at is not None and release.target_on is not None
    }


def outlooks(releases: Sequence[Release], day: date) -> dict[int, tuple[Outlook, str]]:
    """The outlook of each release that has one, with the digest of what it learned from."""
    facts = facts_of(releases)
    bases = {line: basis_of(line, day) for line in sorted({release.product.line_id for release in releases})}
    found = {}
    for release in releases:
        basis = bases[release.product.line_id]
        one = outlook(facts[release.pk], basis.samples, day) if release.pk in facts else None
        if one is not None:
            found[release.pk] = (one, basis.digest)
    return found


@dataclass(frozen=True)
class Effect:
    """What a late day has cost so far: days of slip of a product's releases, per day by which a gate was late."""

    days: float
    slips: int


def effects_of(products: Iterable[int]) -> dict[int, Effect]:
    """By product, what each late day has moved its releases by; only where enough slips tell. Two queries."""
    wanted = list(products)
    slips = Slip.objects.filter(release__product__in=wanted, release__kind=PlaybookKind.GATES, days__gt=0)
    slips = slips.exclude(release__state=ReleaseState.CANCELLED)
    late = {
        product: (days, count)
        for product, days, count in slips.order_by()
        .values_list("release__product")
        .annotate(days=Sum("days"), count=Count("pk"))
    }
    moved = dict(
        Release.objects.filter(pk__in=slips.order_by().values("release"), slip_days__gt=0)
        .order_by()
        .values_list("product")
        .annotate(days=Sum("slip_days"))
    )
    return {
        product: Effect(round(moved.get(product, 0) / days, 1), count)
        for product, (days, count) in late.items()
        if count >= LEAST_SLIPS
    }


# --- Keeping them up to date ----------------------------------------------------------------------------------------


def due(day: date) -> Q:
    """Releases whose forecast is missing, of an earlier day, or older than their last event; and forecasts too many."""
    running = Q(kind=PlaybookKind.GATES, state__in=HEADED)
    fresh = Q(forecast__made_on=day, forecast__event_number=F("event_number"))
    return (running & ~fresh) | (~running & Q(forecast__isnull=False)) | (running & Q(forecast__isnull=True))


def refresh(
    *,
    clock: Clock = database_clock,
    is_everything: bool = False,
    only: Iterable[int] | None = None,
    progress: Progress | None = None,
    seconds: float | None = None,
) -> int:
    """Make the forecasts that are due; returns how many were made or dropped.

    Args:
        is_everything: make all of them anew, not only those that are due.
        only: these releases alone.
        seconds: after so many, the rest is left to another task.
    """
    day, began, count, last = day_of(clock()), time.monotonic(), 0, 0
    wanted = Release.objects.filter(due(day) if not is_everything else Q(kind=PlaybookKind.GATES, state__in=HEADED))
    if only is not None:
        wanted = wanted.filter(pk__in=list(only))
    total = wanted.count() if progress is not None else 0
    while True:
        chunk = list(wanted.filter(pk__gt=last).select_related("product").order_by("pk")[:CHUNK])
        if not chunk:
            return count
        last = chunk[-1].pk
        count += store(chunk, outlooks(chunk, day), day)
        if progress is not None:
            progress(min(count, total), total)
        if seconds is not None and time.monotonic() - began > seconds:
            nudge("measures.tasks.forecast")
            return count


@transaction.atomic
def store(releases: Sequence[Release], made: dict[int, tuple[Outlook, str]], day: date) -> int:
    """Store outlooks, and what they state anew. A release that has changed meanwhile is left to the next run.

    Beside them stands what pages say of a trend: the health of fourteen days before, and what a late day costs.
    """
    before_then = health_then([release for release in releases if release.pk in made], day - TREND_DAYS)
    effects = effects_of({release.product_id for release in releases})
    by_id = {release.pk: release for release in releases}
    locked = (
        Release.objects.filter(pk__in=by_id).order_by("pk").select_for_update(no_key=True).only("pk", "event_number")
    )
    kept = [one for one in locked if one.event_number == by_id[one.pk].event_number]
    old = {one.release_id: one for one in Forecast.objects.filter(release__in=kept)}
    rows, statements, dropped = [], [], []
    for release in kept:
        if release.pk not in made:
            release.p50_on = release.p85_on = None
            dropped.append(release.pk)
            continue
        one, digest = made[release.pk]
        whole = one.of_release
        release.p50_on, release.p85_on = (whole.p50_on, whole.p85_on) if whole else (None, None)
        stated = json.loads(old[release.pk].stated) if release.pk in old else {}
        for said in one.said:
            dates = [said.p50_on.isoformat(), said.p85_on.isoformat()]
            *before, on = stated.get(said.gate, ["", "", ""])
            if before != dates and on != day.isoformat():
                stated[said.gate] = [*dates, day.isoformat()]
                statements.append(
                    Statement(
                        release=release, gate=said.gate, stated_on=day, p50_on=said.p50_on, p85_on=said.p85_on
                    )
                )  # fmt: skip
        effect = effects.get(by_id[release.pk].product_id)
        rows.append(
            Forecast(
                release=release, made_on=day, event_number=release.event_number, basis=digest,
                data=canonical(one.as_data()), stated=canonical(stated), health_before=before_then[release.pk],
                day_effect=effect.days if effect else None, slips_counted=effect.slips if effect else 0,
            )
        )  # fmt: skip
    Forecast.objects.filter(release__in=dropped).delete()
    Forecast.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["release"],
        update_fields=[
            "made_on", "event_number", "basis", "data", "stated", "health_before", "day_effect", "slips_counted",
        ],
    )  # fmt: skip
    Statement.objects.bulk_create(statements, ignore_conflicts=True)
    Release.objects.bulk_update(kept, ["p50_on", "p85_on"])
    return len(kept)


def stored_forecast(release: Release) -> Forecast | None:
    """The forecast as it stands; nothing for a release that is not heading anywhere. One query, or none."""
    if release.state not in HEADED or release.is_history:
        return None
    return Forecast.objects.filter(release=release).first()


def heading_of(release: Release) -> Heading | None:
    """What the release page shows of it."""
    found = stored_forecast(release)
    if found is None:
        return None
    one = Outlook.from_json(found.data)
    whole = one.of_release
    made_of = ""
    if whole is not None:
        made_of = f"from {whole.samples} past intervals" if whole.samples else "from the prior alone"
    return Heading(
        made_of=made_of,
        made_on=found.made_on,
        days={said.gate: (said.p50_on, said.p85_on) for said in one.said},
        chance=one.chance,
        health_before=found.health_before,
        day_effect=found.day_effect,
        slips_counted=found.slips_counted,
    )


def standing(batch: int = 500) -> Iterator[list[tuple[Release, Forecast]]]:
    """Every stored forecast whose release has not changed since, in batches, for `check_invariants`."""
    rows = Forecast.objects.filter(event_number=F("release__event_number")).select_related("release__product")
    found = iter(rows.order_by("pk").iterator(batch))
    while chunk := list(islice(found, batch)):
        yield [(one.release, one) for one in chunk]
