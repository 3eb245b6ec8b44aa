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
    }
    return render(request, "components/sheet.html", context)


urlpatterns = [path("", sheet, name="components")]
