"""The component sheet: every part of the pages at one address, mounted for developers and tests only."""

from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any, cast

from django import forms
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils import timezone

from gatekeeper.common import charts
from gatekeeper.common.templatetags.gk import GATE_WORDS, HEALTH

SHAPES = ("Empty circle", "Half circle", "Diamond with clock", "Full circle with tick", "Ring with tick and flag",
          "Octagon with cross", "Triangle with mark", "Dash")  # fmt: skip
CELLS = ("12 Feb 27", "24 Nov", "20 Nov", "30 Oct", "28 Sep", "27 Nov", "9 d late", "-")
TOKENS = ("accent", "ok", "rev", "prep", "dec", "late", "cond", "none")
GATES = (
    ("Market Opportunity", "ok"), ("Use Case Definition", "ok"), ("Functional and Usability Reqs", "cond"),
    ("Engineering Development Timeline", "rev"), ("Functional Completeness", "none"), ("Release Readiness", "none"),
    ("6 Month Assessment", "none"),
)  # fmt: skip


class SampleForm(forms.Form):
    """A form of picture 16, with every kind of field."""

    product = forms.ChoiceField(choices=[("ac", "Assist Console")])
    version = forms.CharField()
    theme = forms.CharField(help_text="One line, shown in lists and in the portfolio", required=False)
    ga_on = forms.DateField(
        label="Release date", help_text="A working day, Europe/Berlin", widget=forms.DateInput(attrs={"type": "date"})
    )
    manager = forms.ChoiceField(label="Product manager", choices=[("", "Choose a person"), ("ml", "Maya Lindqvist")])
    password = forms.CharField(widget=forms.PasswordInput, required=False)
    note = forms.CharField(widget=forms.Textarea(attrs={"rows": 2}), required=False)
    copy = forms.ChoiceField(
        label="Copy from an earlier release",
        choices=[
            ("people", "Approver people\nFrom Assist Console 27.2"),
            ("", "Nothing\nPeople come from the playbook"),
        ],
        widget=forms.RadioSelect,
        required=False,
        initial="people",
    )
    tell = forms.MultipleChoiceField(
        label="Tell",
        choices=[("s", "Sales"), ("e", "Engineering")],
        widget=forms.CheckboxSelectMultiple,
        required=False,
    )
    keep = forms.BooleanField(label="Keep me signed in on this device for 14 days", required=False)

    def clean_version(self) -> str:
        if self.cleaned_data["version"] == "27.1":
            raise forms.ValidationError("27.1 exists already. The next free version is 27.3.")
        return cast("str", self.cleaned_data["version"])


def sample_matrix() -> list[dict[str, Any]]:
    health = ("on_track", "at_risk", "slipped", "released")
    order = ("ok", "ok", "cond", "ok", "prep", "late", "rev", "dec", "none", "na")
    return [
        {
            "name": "Assist Console",
            "version": f"2{row}.{row}",
            "health": health[row % 4],
            "gates": [
                {"name": name, "state": order[(row * 3 + at) % 10], "text": CELLS[(row + at) % 7]}
                for at, (name, _) in enumerate(GATES)
            ],
        }
        for row in range(6)
    ]


def sample_charts() -> dict[str, charts.Chart]:
    """One chart of each kind, and one with too few points to be drawn."""
    months = charts.month_starts_back(date(2026, 11, 19), 7)
    lines = {
        "Remote Support": (4, 6, 9, 11, 12, 11, 9.6),
        "Service Automation": (2, 3, 3, 5, 7, 6, 5.1),
        "Data Platform": (7, 8, 6, 5, 4, 4, 4.5),
    }
    trend = charts.line_chart(
        "slip-trend", "Slip trend", "Days of slip per open release, by month, one line per product line",
        [
            charts.Series(
                name,
                [
                    charts.Point(on, value, f"{name}, {charts.MONTHS[on.month - 1]}: {value:g} days", "#main")
                    for on, value in zip(months, values, strict=True)
                ],
                number,
            )
            for number, (name, values) in enumerate(lines.items(), start=1)
        ],
        unit=" d",
    )  # fmt: skip
    planned = (date(2026, 7, 6), date(2026, 8, 10), date(2026, 9, 14), date(2026, 11, 6), date(2027, 1, 29),
               date(2027, 3, 2), date(2027, 9, 16))  # fmt: skip
    reported = [date(2026, month, 1) for month in (6, 7, 8, 9, 10, 11)] + [date(2026, 11, 19)]
    milestones = []
    for number, ((name, state), due) in enumerate(zip(GATES, planned, strict=True), start=1):
        points = []
        for at, on in enumerate(reported):
            plan = due + timedelta(days=(at // 2) * 4)
            is_last = on >= plan and state in ("ok", "cond")
            points.append(charts.Point(on, plan, f"{name}: planned for {charts.day_words(plan)}",
                                       state="ok" if is_last else ""))  # fmt: skip
            if is_last:
                break
        milestones.append(charts.Series(f"{number} {name}", points, number, f"{number} {name.split()[0]}"))
    milestone_trend = charts.line_chart(
        "milestone-trend", "Milestone trend", "Planned day of each gate at each report date; a rising line slips",
        milestones, height=330, x_title="Report date", x_head="Report date", is_trend=True,
    )  # fmt: skip
    rates = (12, 15, 28, 24, 9, 16, 4)
    bars = [
        charts.Bar(name, rate, f"{rate}%", "#main", "dec" if rate == max(rates) else "", note=str(33 - 3 * at))
        for at, ((name, _state), rate) in enumerate(zip(GATES, rates, strict=True))
    ]
    spans = ((9, 17), (12, 22), (18, 34), (14, 29), (11, 19), (6, 12), (8, 15))
    ranges = [
        charts.Range(name, low, high, f"{low} / {high}", "#main", goal=low + 3)
        for (name, _state), (low, high) in zip(GATES, spans, strict=True)
    ]
    return {
        "trend": trend,
        "milestones": milestone_trend,
        "bars": charts.bar_chart(
            "decline-rate", "Decline rate by gate", "Share of decided rounds that were declined, highest in red",
            bars, heads=("Gate", "Declined", "Rounds"), unit="%",
        ),
        "ranges": charts.range_chart(
            "cycle-time", "Gate cycle time", "Days from opening to decision: median, P85 and the playbook’s target",
            ranges, heads=("Gate", "Median", "P85", "Target"),
        ),
        "few": charts.bar_chart(
            "causes", "Slip days by cause", "Days of slip by whose turn it was",
            [charts.Bar("Not submitted", 21, "21 days"), charts.Bar("Declined", 9, "9 days")],
            heads=("Cause", "Days"), unit=" d",
        ),
    }  # fmt: skip


def sheet(request: HttpRequest) -> HttpResponse:
    """Every component, with sample words."""
    now = timezone.now()
    bound = SampleForm(
        {"product": "ac", "version": "27.1", "theme": "Regional data residency, second wave", "ga_on": ""}
    )
    bound.is_valid()
    context = {
        "nav": "products",
        "states": [
            {"key": key, "words": words, "shape": shape, "cell": cell}
            for (key, words), shape, cell in zip(GATE_WORDS.items(), SHAPES, CELLS, strict=True)
        ],
        "healths": list(HEALTH),
        "tokens": TOKENS,
        "gates": [{"name": name, "state": state} for name, state in GATES],
        "matrix": sample_matrix(),
        "form": SampleForm(),
        "bound": bound,
        "people": [
            "Maya Lindqvist",
            "Daniel Okafor",
            "Hannah Price",
            "Grace Kim",
            "Sofia Almeida",
            "Fatima El Idrissi",
        ],
        "person": SimpleNamespace(full_name="Maya Lindqvist"),
        "page_obj": Paginator(range(412), 50).get_page(request.GET.get("page")),
        "now": now,
        "yesterday": now - timedelta(days=1),
        "due_on": date(2026, 11, 20),
        "charts": sample_charts(),
        "spark": (3, 5, 4, 7, 6, 8, 9),
    }
    return render(request, "components/sheet.html", context)


urlpatterns = [path("", sheet, name="components")]
