"""The forecast of one release in plain words: what is said of each gate, and what it is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from approvals.pages.headline import chance_words
from gatekeeper.common.charts import Chart, Point, Series, line_chart
from gatekeeper.common.templatetags.gk import day
from measures.forecasting import GATE, LEAST_SAMPLES, LINE, PRIOR_SAMPLES, PRODUCT, RULED_PRIOR
from measures.forecasts import stored_forecast
from measures.models import Forecast, Statement
from measures.outlook import Outlook, Said
from releases import rules
from releases.kinds import PASSED, ReleaseState
from releases.models import DateMove, Gate, Release
from releases.sentences import days_words

MOST_STATEMENTS = 60
NONE_WORDS: Mapping[str, str] = {
    ReleaseState.DRAFT: "A draft has no forecast: nothing is due before it is activated.",
    ReleaseState.ON_HOLD: "No forecast is made while the release is on hold. It is made again when it is resumed.",
    ReleaseState.CANCELLED: "A cancelled release is not heading anywhere.",
    ReleaseState.CLOSED: "Every gate is passed: there is nothing left to forecast.",
    ReleaseState.RECORDED: "Recorded history has happened: there is nothing left to forecast.",
}


@dataclass(frozen=True)
class Row:
    """One gate to come, or the release itself."""

    name: str
    url: str
    due_on: date | None
    said: Said
    source: str
    p50_words: str
    p85_words: str
    is_release: bool


@dataclass(frozen=True)
class ForecastPage:
    """Everything that the page shows; `outlook` is None where nothing is forecast, and `words` say why."""

    outlook: Outlook | None
    made_on: date | None
    words: str
    lead: str
    chance: str
    rows: Sequence[Row]
    chart: Chart | None
    least: int = LEAST_SAMPLES
    prior_samples: int = PRIOR_SAMPLES
    prior_holds: int = round(RULED_PRIOR[1, 1] * 100)

    @property
    def prior_rest(self) -> int:
        return 100 - self.prior_holds


def source_words(said: Said, release: Release, gate: str) -> str:
    """Where the samples of a gate come from, and how many there are."""
    count = f"{said.samples} past {'interval' if said.samples == 1 else 'intervals'}"
    if said.source == GATE:
        return f"{count} of {gate} in {release.product}"
    if said.source == PRODUCT:
        return f"{count} of any gate in {release.product}, fewer than {LEAST_SAMPLES} of {gate}"
    if said.source == LINE:
        return f"{count} of any gate in {release.product.line}, fewer than {LEAST_SAMPLES} in {release.product}"
    return f"The prior alone: {release.product.line} has fewer than {LEAST_SAMPLES} past intervals"


def _against(on: date, due_on: date | None) -> str:
    if due_on is None or on == due_on:
        return "on its date" if due_on else ""
    days = (on - due_on).days
    return f"{days_words(abs(days))} {'after' if days > 0 else 'before'} its date"


def forecast_page(release: Release, today: date) -> ForecastPage:
    """The page of one release. Five queries at most."""
    stored = stored_forecast(release)
    if stored is None:
        words = NONE_WORDS.get(release.state, "The forecast is being made; it will be here in a moment.")
        return ForecastPage(None, None, words, "", "", [], None)
    one = Outlook.from_json(stored.data)
    gates = {gate.key: gate for gate in Gate.objects.filter(release=release)}
    rows = [row for said in one.said if (row := _row(release, said, gates)) is not None]
    return ForecastPage(
        outlook=one,
        made_on=stored.made_on,
        words="",
        lead=_lead(release, one, gates),
        chance=chance_words(one.chance) if one.chance is not None else "",
        rows=rows,
        chart=_chart(release, stored, today),
    )


def _row(release: Release, said: Said, gates: Mapping[str, Gate]) -> Row | None:
    is_release = said.gate == rules.TARGET
    gate = gates.get(said.gate)
    if gate is None and not is_release:
        return None
    name = gate.name if gate else "Release"
    due_on = gate.due_on if gate else release.target_on
    return Row(
        name=name,
        url="" if gate is None else f"/releases/{release.product.slug}/{release.version}/gates/{gate.key}/",
        due_on=due_on,
        said=said,
        source=source_words(said, release, "this gate" if gate else "this step"),
        p50_words=_against(said.p50_on, due_on),
        p85_words=_against(said.p85_on, due_on),
        is_release=is_release,
    )


def _lead(release: Release, one: Outlook, gates: Mapping[str, Gate]) -> str:
    """What is running now, and since when."""
    passed = [gate for gate in gates.values() if gate.state in PASSED and gate.decided_on]
    if release.state == ReleaseState.RELEASED:
        return f"{release} was released on {day(release.released_on)}."
    if passed:
        last = max(passed, key=lambda gate: (gate.decided_on, gate.position))
        return f"{last.name} was passed on {day(last.decided_on)}; the days since then count."
    return f"{release} was activated on {day(release.activated_at)}; the days since then count."


def _chart(release: Release, stored: Forecast, today: date) -> Chart | None:
    """How the forecast of the release has moved, beside its target."""
    rows = list(
        Statement.objects.filter(release=release, gate=rules.TARGET)
        .order_by("-stated_on")
        .values_list("stated_on", "p50_on", "p85_on")[:MOST_STATEMENTS]
    )[::-1]
    if release.p50_on is None or release.p85_on is None or release.target_on is None or not rows:
        return None
    if rows[-1][0] < stored.made_on:
        rows.append((stored.made_on, release.p50_on, release.p85_on))
    if len(rows) < 2:
        return None
    first = rows[0][0]
    moves = list(
        DateMove.objects.filter(release=release, gate__isnull=True, effective_on__gt=first)
        .order_by("effective_on", "pk")
        .values_list("effective_on", "from_on", "to_on")
    )
    targets = [(first, moves[0][1] if moves else release.target_on)]
    targets += [(on, to_on) for on, _from_on, to_on in moves] + [(rows[-1][0], release.target_on)]
    stated = {
        "Target": [(on, to) for on, to in dict(targets).items() if to],
        "P50": [(on, p50) for on, p50, _p85 in rows],
        "P85": [(on, p85) for on, _p50, p85 in rows],
    }
    series = [
        Series(name, [Point(on, to, f"{name} on {day(on)}: {day(to)}") for on, to in points], number)
        for number, (name, points) in zip((5, 1, 3), stated.items(), strict=True)
    ]
    return line_chart(
        "forecast-history", "How the forecast has moved",
        "P50, P85 and target of the release, at each day on which one of them changed",
        series, height=240, x_title="Stated on", x_head="Stated on",
    )  # fmt: skip
