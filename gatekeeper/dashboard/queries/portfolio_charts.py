"""The charts under the matrix, from the figures; every mark leads to the list of the rows that it counts."""

from dataclasses import dataclass, replace

from django.http import QueryDict

from gatekeeper.common.charts import (
    Bar,
    Chart,
    Point,
    Range,
    Series,
    View,
    bar_chart,
    line_chart,
    month_words,
    range_chart,
)
from gatekeeper.common.templatetags.gk import changed_query
from gatekeeper.dashboard.queries.figures import MOST_LINES, PortfolioFigures
from gatekeeper.dashboard.queries.words import counted
from releases.kinds import Cause

# of the portfolio's address, what the lists do not read
LEFT_OUT = ("page", "sort", "group", "view")
KEYS = ("slips-by-month", "cycle-time", "declines", "on-time", "rounds", "causes")


@dataclass(frozen=True)
class Card:
    """A chart with its head, what it counts, and where all the rows behind it are."""

    key: str
    title: str
    note: str
    says: str
    rows_url: str
    chart: Chart | None
    empty: str = ""


class Cards:
    """The charts of one portfolio; `query` is the address of the page, whose filters the lists keep."""

    def __init__(self, figures: PortfolioFigures, query: QueryDict) -> None:
        self.figures = figures
        self.query = query

    def all(self) -> list[Card]:
        return [self.card(key) for key in KEYS]

    def card(self, key: str) -> Card:
        """One of KEYS."""
        build = {
            "slips-by-month": self._slips_by_month,
            "cycle-time": self._cycle_time,
            "declines": self._declines,
            "on-time": self._on_time,
            "rounds": self._rounds,
            "causes": self._causes,
        }[key]
        return build()

    def _url(self, slug: str, **words: str) -> str:
        return f"/portfolio/{slug}/{changed_query(self.query, dict.fromkeys(LEFT_OUT) | words)}"

    def _slips_by_month(self) -> Card:
        months, found = self.figures.months, self.figures.slip_months
        days: dict[str, dict[object, int]] = {}
        slips: dict[str, dict[object, int]] = {}
        names: dict[str, str] = {}
        for one in found:
            names[one.line] = one.line_name
            by_month = days.setdefault(one.line, dict.fromkeys(months, 0))
            by_month[one.month] = by_month.get(one.month, 0) + one.days
            counts = slips.setdefault(one.line, {})
            counts[one.month] = counts.get(one.month, 0) + one.slips
        worst = sorted(days, key=lambda line: (-sum(days[line].values()), names[line]))[:MOST_LINES]
        series = [
            Series(
                names[line],
                [
                    Point(
                        month,
                        days[line][month],
                        f"{names[line]}, {month_words(month, with_year=True)}: {counted(days[line][month], 'day')} "
                        f"in {counted(slips[line].get(month, 0), 'slip')}",
                        self._url("slips", of=line, month=month.isoformat()[:7]) if slips[line].get(month) else "",
                    )
                    for month in months
                ],
                number,
            )
            for number, line in enumerate(worst, start=1)
        ]
        says = "Days of settled slips, by the month in which the date was missed."
        if len(days) > MOST_LINES:
            says += f" The {MOST_LINES} product lines with the most days."
        chart = line_chart("slips-by-month", "Slip trend", says, series, unit=" d", x_head="Month") if series else None
        return Card(
            "slips-by-month", "Slip trend", "days by month and product line", says, self._url("slips"),
            _compact(chart), "No slip was settled within twelve months.",
        )  # fmt: skip

    def _cycle_time(self) -> Card:
        ranges = [
            Range(
                one.name, one.median, one.p85, f"{one.median} / {one.p85}", self._url("gates", key=one.key),
                one.goal,
            )
            for one in self.figures.gates
        ]  # fmt: skip
        passed = sum(one.passed for one in self.figures.gates)
        says = (
            f"Calendar days from opening to passing of {counted(passed, 'gate')}: median and P85; the upright tick is "
            "the time that the playbook gives, where the playbooks agree."
        )
        chart = range_chart(
            "cycle-time", "Gate cycle time", says, ranges, heads=("Gate", "Median", "P85", "Playbook"),
            marks={"low": "Median", "high": "P85", "goal": "Playbook target"},
        ) if ranges else None  # fmt: skip
        return Card(
            "cycle-time", "Gate cycle time", "last 12 months", says, self._url("gates"), _compact(chart),
            "No gate was passed within twelve months.",
        )  # fmt: skip

    def _declines(self) -> Card:
        rounds = self.figures.rounds
        worst = max((one.decline_share for one in rounds), default=0)
        bars = [
            Bar(
                one.name, round(100 * one.decline_share, 1), _percent(one.declined, one.decided),
                self._url("rounds", key=one.key, result="declined") if one.declined else "",
                "dec" if one.decline_share == worst > 0 else "", note=str(one.decided),
            )
            for one in rounds
        ]  # fmt: skip
        says = "Share of decided rounds that were declined. Right column: rounds decided. Highest rate in red."
        chart = bar_chart(
            "declines", "Decline rate by gate", says, bars, heads=("Gate", "Declined", "Rounds"), unit="%"
        ) if bars else None  # fmt: skip
        return Card(
            "declines", "Decline rate by gate", "last 12 months", says, self._url("rounds"),
            _compact(chart), "No round was decided within twelve months.",
        )  # fmt: skip

    def _on_time(self) -> Card:
        gates = self.figures.gates
        worst = min((one.on_time_share for one in gates), default=1)
        bars = [
            Bar(
                one.name, round(100 * one.on_time_share, 1), _percent(one.on_time, one.passed),
                self._url("gates", key=one.key, kept="yes") if one.on_time else "",
                "late" if one.on_time_share == worst < 1 else "", note=str(one.passed),
            )
            for one in gates
        ]  # fmt: skip
        says = "Share of passed gates that were never missed. Right column: gates passed. Lowest share in orange."
        chart = bar_chart(
            "on-time", "On time by gate", says, bars, heads=("Gate", "On time", "Passed"), unit="%"
        ) if bars else None  # fmt: skip
        return Card(
            "on-time", "On time by gate", "last 12 months", says, self._url("gates"), _compact(chart),
            "No gate was passed within twelve months.",
        )  # fmt: skip

    def _rounds(self) -> Card:
        bars = [
            Bar(
                one.name, round(one.mean_rounds, 2), f"{one.mean_rounds:.1f}",
                self._url("gates", key=one.key, result="approved"), note=str(one.approved),
            )
            for one in self.figures.gates
            if one.approved
        ]  # fmt: skip
        says = "Rounds that an approved gate took, on average. Right column: gates approved."
        chart = bar_chart(
            "rounds", "Rounds per gate", says, bars, heads=("Gate", "Rounds", "Approved")
        ) if bars else None  # fmt: skip
        return Card(
            "rounds", "Rounds per gate", "mean, last 12 months", says, self._url("gates"), _compact(chart),
            "No gate was passed within twelve months.",
        )  # fmt: skip

    def _causes(self) -> Card:
        days: dict[str, int] = {}
        slips: dict[str, int] = {}
        for one in self.figures.slip_months:
            days[one.cause] = days.get(one.cause, 0) + one.days
            slips[one.cause] = slips.get(one.cause, 0) + one.slips
        total = sum(days.values())
        bars = [
            Bar(
                Cause(cause).label, days[cause], _percent(days[cause], total), self._url("slips", cause=cause),
                note=str(slips[cause]),
            )
            for cause in sorted(days, key=lambda cause: (-days[cause], cause))
        ]  # fmt: skip
        says = "Days of settled slips by whose turn it was, and their share. Right column: slips."
        chart = bar_chart(
            "causes", "Slip days by cause", says, bars, heads=("Cause", "Share of days", "Slips"), unit=" d"
        ) if bars else None  # fmt: skip
        return Card(
            "causes", "Slip days by cause", "last 12 months", says, self._url("slips"), _compact(chart),
            "No slip was settled within twelve months.",
        )  # fmt: skip


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f}%" if whole else "0%"


def _compact(chart: Chart | None) -> Chart | None:
    """Only the narrow drawing: three charts stand beside each other, and its words keep their size there."""
    if chart is None or not chart.views:
        return chart
    return replace(chart, views=(View("", "narrow", chart.views[-1].plot),))
