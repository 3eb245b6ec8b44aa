"""Every figure of the portfolio, once: the page, its exports and the API all read them here.

Each figure says which rows it counts; those rows are the query sets of `ledgers`, so a figure and the list that it
leads to cannot differ. No figure takes more queries or more memory for more releases: spans of days are counted by
the database, a row for each span and gate.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

from django.db.models import Avg, Count, DurationField, F, Func, IntegerField, Q, QuerySet, Sum
from django.db.models.functions import TruncMonth
from django.utils.functional import cached_property

from approvals.kinds import RoundState
from approvals.pages.debts import late_conditions
from gatekeeper.accounts.models import User
from gatekeeper.common.calendars import organisation_zone
from gatekeeper.common.charts import month_starts_back
from gatekeeper.dashboard.queries import ledgers
from gatekeeper.dashboard.queries.filters import Filters, filtered
from gatekeeper.dashboard.queries.words import counted, span_words
from measures.health import health_then
from releases.kinds import GateState, Health
from releases.models import Gate, Playbook, Release
from releases.playbooks import parse_playbook
from releases.querysets import ReleaseQuerySet
from releases.rules import HEALTH_ORDER, TREND_DAYS

MONTHS_SHOWN = 12
# of more releases the health then is not worked out
MOST_COMPARED = 500
# as many lines as a chart has
MOST_LINES = 7
PERCENTILE = 0.85


@dataclass(frozen=True)
class Figures:
    """Sums over the filtered set; `by_health` leaves the health filter out."""

    total: int
    by_health: Mapping[str, int]
    slip_days: int

    def count(self, health: str) -> int:
        return self.by_health.get(health, 0)


@dataclass(frozen=True)
class DecisionTime:
    """Median time from submission to the end of a round, over so many rounds."""

    median: timedelta
    rounds: int

    @property
    def words(self) -> tuple[str, str]:
        return span_words(self.median)

    @property
    def note(self) -> str:
        return f"Median of {counted(self.rounds, 'round')} in {ledgers.DECIDED_WITHIN.days} days"


@dataclass(frozen=True)
class GateFigures:
    """Of the gates of one key that were passed within a year: how long they took, and how many were never missed.

    `median` and `p85` are calendar days from opening to passing; `goal` are the days that the playbook gives, None when
    the playbooks in use differ or the gate is their first. `mean_rounds` is over those approved: a waiver has none.
    """

    key: str
    name: str
    passed: int
    approved: int
    on_time: int
    median: int
    p85: int
    mean_rounds: float
    goal: int | None

    @property
    def on_time_share(self) -> float:
        return self.on_time / self.passed if self.passed else 0.0


@dataclass(frozen=True)
class RoundFigures:
    """Of the rounds at gates of one key that were decided within a year."""

    key: str
    name: str
    decided: int
    declined: int

    @property
    def decline_share(self) -> float:
        return self.declined / self.decided if self.decided else 0.0


@dataclass(frozen=True)
class SlipMonth:
    """Days of the settled slips of one product line and one cause whose date was missed in one month."""

    line: str
    line_name: str
    cause: str
    month: date
    days: int
    slips: int


def percentile(counts: Mapping[int, int], share: float) -> int:
    """The smallest value that so large a share of the counted values does not exceed (nearest rank)."""
    total, seen = sum(counts.values()), 0
    for value in sorted(counts):
        seen += counts[value]
        if seen >= share * total - 1e-9:
            return value
    return 0


class Minutes(Func):
    """A length of time in whole minutes."""

    output_field = IntegerField()

    def as_postgresql(self, compiler: Any, connection: Any, **more: Any) -> Any:
        return super().as_sql(compiler, connection, template="FLOOR(EXTRACT(EPOCH FROM (%(expressions)s)) / 60)::int")

    def as_sqlite(self, compiler: Any, connection: Any, **more: Any) -> Any:
        return super().as_sql(compiler, connection, template="CAST((%(expressions)s) / 60000000 AS integer)")


def _median(minutes: Counter[int]) -> DecisionTime | None:
    """The middle one of counted lengths, or the mean of the two in the middle."""
    count = sum(minutes.values())
    if not count:
        return None
    # rank n of the counted values is the smallest whose share is n of count
    low, high = (percentile(minutes, rank / count) for rank in ((count + 1) // 2, count // 2 + 1))
    return DecisionTime(timedelta(minutes=(low + high) / 2), count)


class PortfolioFigures:
    """The figures of one person's portfolio under some filters. Each property asks at most two queries, once."""

    def __init__(self, user: User, filters: Filters, now: datetime, today: date) -> None:
        self.user = user
        self.filters = filters
        self.now = now
        self.today = today

    @cached_property
    def found(self) -> ReleaseQuerySet:
        """The rows of the table."""
        return filtered(self.user, self.filters, self.today)

    @cached_property
    def whole(self) -> QuerySet[Release, Any]:
        """Ids of the filtered set without the health filter: what the tiles count."""
        everything = filtered(self.user, self.filters, self.today, with_health_filter=False)
        return everything.order_by().values("pk")

    @cached_property
    def told(self) -> QuerySet[Release, Any]:
        """Ids of what the charts count: closed releases too, unless somebody asks for a state; never cancelled ones."""
        return ledgers.counted_releases(self.user, self.filters, self.today)

    # --- Tiles --------------------------------------------------------------------------------------------------

    @cached_property
    def figures(self) -> Figures:
        """Counts by health, and with them the number of rows."""
        everything = filtered(self.user, self.filters, self.today, with_health_filter=False)
        found = list(
            everything.annotate(health=F("health_value"))
            .values_list("health")
            .annotate(count=Count("pk"), days=Sum("slip_days", filter=Q(slip_days__gt=0)))
            .order_by()
        )
        counts = {value: count for value, count, _days in found}
        asked = self.filters.health
        return Figures(
            total=counts.get(asked, 0) if asked else sum(counts.values()),
            by_health=counts,
            slip_days=sum(days or 0 for value, _count, days in found if value == Health.SLIPPED),
        )

    @cached_property
    def _decided(self) -> tuple[Counter[int], Counter[int]]:
        """Minutes from submission to decision, counted: of the last 90 days, and of the 90 that ended then."""
        lately: Counter[int] = Counter()
        before: Counter[int] = Counter()
        rows = (
            ledgers.recent_rounds(self.whole, self.now - TREND_DAYS, until=self.now)
            .order_by()
            .annotate(minutes=Minutes(F("ended_at") - F("submitted_at")))
            .values_list("minutes")
            .annotate(
                now=Count("pk", filter=Q(ended_at__gte=self.now - ledgers.DECIDED_WITHIN)),
                then=Count("pk", filter=Q(ended_at__lte=self.now - TREND_DAYS)),
            )
        )
        for minutes, now, then in rows:
            lately[minutes] += now
            before[minutes] += then
        return lately, before

    @cached_property
    def decision_time(self) -> DecisionTime | None:
        """The median of the rounds decided lately, to the minute."""
        return _median(self._decided[0])

    @property
    def decision_change(self) -> timedelta | None:
        """How much longer a decision takes than in the 90 days that ended then."""
        before = _median(self._decided[1])
        return self.decision_time.median - before.median if self.decision_time and before else None

    @cached_property
    def waivers(self) -> dict[str, int]:
        """Waived gates of running releases, how many of these waivers have expired, and how many there were then."""
        found: dict[str, int] = ledgers.waived_gates(self.whole).aggregate(
            open=Count("pk"),
            expired=Count("pk", filter=Q(gate__is_waiver_expired=True)),
            before=Count("pk", filter=Q(waived_at__lt=self._end_of_then)),
        )
        return found

    @cached_property
    def _conditions(self) -> dict[str, int]:
        late, then = late_conditions(self.today), ledgers.late_then(self.then, self._end_of_then)
        found: dict[str, int] = ledgers.conditions_of(self.whole).aggregate(
            conditions=Count("pk", filter=late),
            releases=Count("gate__release", distinct=True, filter=late),
            before=Count("pk", filter=then),
        )
        return found

    @property
    def late_conditions(self) -> tuple[int, int]:
        """How many conditions of the releases shown are late, and of how many releases."""
        return self._conditions["conditions"], self._conditions["releases"]

    @property
    def late_change(self) -> int:
        return self._conditions["conditions"] - self._conditions["before"]

    @property
    def waiver_change(self) -> int:
        return self.waivers["open"] - self.waivers["before"]

    # --- Fourteen days ago --------------------------------------------------------------------------------------

    @property
    def then(self) -> date:
        """The day that changes compare with."""
        return self.today - TREND_DAYS

    @cached_property
    def health_before(self) -> dict[int, str] | None:
        """By release, its health then: of the whole filtered set, or nothing where that is too large to work out."""
        if sum(self.figures.by_health.values()) > MOST_COMPARED:
            return None
        columns = ("kind", "state", "target_on", "baseline_on", "held_days", "board")
        releases = filtered(self.user, self.filters, self.today, with_health_filter=False).only(*columns)
        return health_then(list(releases), self.then)

    @cached_property
    def changes(self) -> dict[str, int]:
        """By health, how many more (or fewer) of the filtered releases have it than then; empty when not known."""
        if self.health_before is None:
            return {}
        before = Counter(self.health_before.values())
        return {value: self.figures.count(value) - before[value] for value in HEALTH_ORDER}

    @property
    def _end_of_then(self) -> datetime:
        return datetime.combine(self.then + timedelta(days=1), datetime.min.time(), organisation_zone())

    # --- Charts -------------------------------------------------------------------------------------------------

    @cached_property
    def playbooks(self) -> list[Playbook]:
        """The newest version of each playbook that is run."""
        newest: dict[str, Playbook] = {}
        for playbook in Playbook.objects.filter(kind="gates").order_by("slug", "-version"):
            newest.setdefault(playbook.slug, playbook)
        return list(newest.values())

    @cached_property
    def goals(self) -> dict[str, int | None]:
        """By gate, the days between it and the gate before in the playbooks (or in the one that is filtered by)."""
        found: dict[str, set[int]] = {}
        for playbook in self.playbooks:
            if self.filters.playbook and playbook.slug != self.filters.playbook:
                continue
            gates = parse_playbook(playbook.definition).gates
            for before, gate in pairwise(gates):
                if gate.offset_days is not None and before.offset_days is not None:
                    found.setdefault(gate.key, set()).add(gate.offset_days - before.offset_days)
        return {key: days.pop() if len(days) == 1 else None for key, days in found.items()}

    @cached_property
    def gates(self) -> list[GateFigures]:
        """Cycle time, rounds and on-time share of each gate, in their order."""
        spans: dict[str, Counter[int]] = {}
        on_time: Counter[str] = Counter()
        approvals: Counter[str] = Counter()
        rounds: Counter[str] = Counter()
        names: dict[str, tuple[int, str]] = {}
        rows = (
            ledgers.passed_gates(self.told, self.today)
            .order_by()
            .values_list("key", "short_name", "position", "span")
            .annotate(
                count=Count("pk"),
                kept=Count("pk", filter=Q(was_missed=False)),
                approved=Count("pk", filter=Q(state=GateState.APPROVED)),
                rounds=Sum("round_number", filter=Q(state=GateState.APPROVED), default=0),
            )
        )
        for key, name, position, span, count, kept, approved, submitted in rows:
            names[key] = min(names.get(key, (position, name)), (position, name))
            spans.setdefault(key, Counter())[max(0, span.days)] += count
            on_time[key] += kept
            approvals[key] += approved
            rounds[key] += submitted
        return [
            GateFigures(
                key=key,
                name=names[key][1],
                passed=sum(spans[key].values()),
                approved=approvals[key],
                on_time=on_time[key],
                median=percentile(spans[key], 0.5),
                p85=percentile(spans[key], PERCENTILE),
                mean_rounds=rounds[key] / approvals[key] if approvals[key] else 0.0,
                goal=self.goals.get(key),
            )
            for key in sorted(spans, key=lambda key: (names[key], key))
        ]

    @cached_property
    def rounds(self) -> list[RoundFigures]:
        """How many rounds of each gate were decided, and how many of them declined, in the order of the gates."""
        rows = (
            ledgers.decided_rounds(self.told, self.today)
            .order_by()
            .values_list("gate__key", "gate__short_name")
            .annotate(
                place=Avg("gate__position"),
                decided=Count("pk"),
                declined=Count("pk", filter=Q(state=RoundState.DECLINED)),
            )
        )
        found: dict[str, RoundFigures] = {}
        for key, name, _place, decided, declined in sorted(rows, key=lambda row: (row[2], row[0])):
            one = found.get(key) or RoundFigures(key, name, 0, 0)
            found[key] = RoundFigures(key, one.name, one.decided + decided, one.declined + declined)
        return list(found.values())

    @cached_property
    def months(self) -> list[date]:
        """First days of the months that charts show, this one last."""
        return month_starts_back(self.today, MONTHS_SHOWN)

    @cached_property
    def slip_months(self) -> list[SlipMonth]:
        """Days slipped by product line, cause and month of the missed date; those without a slip are left out."""
        rows = (
            ledgers.settled_slips(self.told, self.today)
            .order_by()
            .annotate(month=TruncMonth("due_on"))
            .values_list("release__product__line__slug", "release__product__line__name", "cause", "month")
            .annotate(days=Sum("days"), slips=Count("pk"))
        )
        return [SlipMonth(*row) for row in sorted(rows, key=lambda row: (row[1], row[3], row[2]))]

    # --- Recorded history ---------------------------------------------------------------------------------------

    @cached_property
    def history_figures(self) -> dict[str, int]:
        """How late the recorded milestones that are shown were, against baseline and against the date in force."""
        gates = Gate.objects.filter(release__in=self.found.order_by().values("pk"))
        late, missed = Q(decided_on__gt=F("baseline_due_on")), Q(decided_on__gt=F("due_on"))
        found: dict[str, Any] = gates.aggregate(
            slipped=Count("pk", filter=late),
            slip_days=Sum(F("decided_on") - F("baseline_due_on"), filter=late, output_field=DurationField()),
            missed=Count("pk", filter=missed),
            missed_days=Sum(F("decided_on") - F("due_on"), filter=missed, output_field=DurationField()),
        )
        return {name: value.days if isinstance(value, timedelta) else value or 0 for name, value in found.items()}

    # --- All of them --------------------------------------------------------------------------------------------

    def as_data(self) -> dict[str, Any]:
        """Every figure as plain values, as the exports and the API give them."""
        if self.filters.is_history:
            return {"releases": self.figures.total} | self.history_figures
        decided = self.decision_time
        return {
            "releases": self.figures.total,
            "on_track": self.figures.count(Health.ON_TRACK),
            "at_risk": self.figures.count(Health.AT_RISK),
            "slipped": self.figures.count(Health.SLIPPED),
            "slip_days": self.figures.slip_days,
            "decision_hours_median": round(decided.median.total_seconds() / 3600, 2) if decided else None,
            "decisions": decided.rounds if decided else 0,
            "late_conditions": self.late_conditions[0],
            "waivers_in_force": self.waivers["open"],
            "waivers_expired": self.waivers["expired"],
            "gates": [
                {
                    "gate": one.key, "passed": one.passed, "approved": one.approved, "on_time": one.on_time,
                    "days_median": one.median, "days_p85": one.p85, "days_planned": one.goal,
                    "rounds_mean": round(one.mean_rounds, 2),
                }
                for one in self.gates
            ],
            "rounds": [{"gate": one.key, "decided": one.decided, "declined": one.declined} for one in self.rounds],
            "slips": [
                {
                    "line": one.line, "cause": one.cause, "month": one.month.isoformat()[:7], "days": one.days,
                    "slips": one.slips,
                }
                for one in self.slip_months
            ],
        }  # fmt: skip
