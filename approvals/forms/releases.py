"""Forms of a release: new, changed, activated, held, cancelled, released, re-planned."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, cast

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import QueryDict

from gatekeeper.accounts.models import User
from gatekeeper.common.calendars import EARLIEST_DAY
from releases import rules
from releases.actions.releases import offsets_of
from releases.kinds import ReleaseState
from releases.models import VERSION, Gate, Playbook, Product, Release
from releases.permissions import people_with
from releases.playbooks import PlaybookSpec, parse_playbook

MOST_PRODUCTS = 200
LAST_DAY = date(2100, 1, 1)
_LAST_NUMBER = re.compile(r"(\d+)(?=\D*$)")


class DayInput(forms.DateInput):
    """The browser's own date field; its value is an ISO day."""

    input_type = "date"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs, format="%Y-%m-%d")


class DayField(forms.DateField):
    """A day; the words of people who type it are taken too ("12 Jan 2027").

    Far from the ends of the calendar, so that offsets, holds and re-plans can count from it in both directions.
    """

    widget = DayInput
    input_formats = ("%Y-%m-%d", "%d %b %Y", "%d %B %Y")
    default_error_messages = {
        "invalid": "This is not a day. Write it as 2027-01-12 or 12 Jan 2027.",
        "out_of_range": "Give a day from 1 Jan 2000 to 1 Jan 2100.",
    }

    def to_python(self, value: Any) -> date | None:
        day = super().to_python(value)
        if day is not None and not EARLIEST_DAY <= day <= LAST_DAY:
            raise ValidationError(self.error_messages["out_of_range"], "out_of_range")
        return day


def reason_field(what: str, *, label: str = "Reason", required: bool = True) -> forms.CharField:
    """A reason: kept in the history and told to the people who watch."""
    return forms.CharField(
        label=label, required=required, max_length=5000, help_text=what, widget=forms.Textarea(attrs={"rows": 3}),
        error_messages={"required": "Say why: the reason is kept in the history."},
    )  # fmt: skip


def next_version(product: Product, version: str = "") -> str:
    """The next free version: the last number of a version, raised until nobody has it. Empty when it has no number.

    Without a version: after the product's newest release.
    """
    if not version:
        newest = Release.objects.filter(product=product).order_by("-created_at", "-pk").first()
        if newest is None:
            return ""
        version = newest.version
    found = _LAST_NUMBER.search(version)
    if found is None:
        return ""
    first = int(found[1])
    candidates = [
        version[: found.start()] + str(number).zfill(len(found[1])) + version[found.end() :]
        for number in range(first + 1, first + 101)
    ]
    taken = set(Release.objects.filter(product=product, version__in=candidates).values_list("version", flat=True))
    return next((one for one in candidates if one not in taken and len(one) <= 64), "")


class ReleaseForm(forms.Form):
    """A new release. A target too early for the playbook is refused once, naming the earliest that fits; whoever
    ticks `keep_date` gives the late gates' dates at activation.
    """

    product = forms.ModelChoiceField(Product.objects.none(), empty_label="Choose a product")
    version = forms.CharField(
        max_length=64, validators=[VERSION], error_messages={"required": "Give the release a version, such as 27.1."}
    )
    name = forms.CharField(
        label="Theme", max_length=200, required=False, help_text="One line, shown in lists and in the portfolio"
    )
    target_on = DayField(
        label="Release date", help_text="The target: the day it becomes generally available",
        error_messages={"required": "Choose the day it is to be released."},
    )  # fmt: skip
    owner = forms.ModelChoiceField(
        User.objects.none(), label="Product manager", empty_label="Choose a person",
        error_messages={
            "required": "Choose who prepares the evidence.",
            "invalid_choice": "Choose a person who manages this product.",
        },
    )  # fmt: skip
    playbook = forms.ModelChoiceField(
        Playbook.objects.none(), empty_label=None, error_messages={"required": "Choose a playbook."}
    )
    keep_date = forms.BooleanField(
        label="Keep this date. I give the late gates their own due dates at activation.", required=False
    )

    def __init__(
        self,
        *args: Any,
        products: QuerySet[Product],
        product: Product | None,
        playbooks: Sequence[Playbook],
        today: date,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.today, self.playbooks = today, playbooks
        self.earliest: date | None = None
        self.next_version = next_version(product) if product and not self.is_bound else ""
        self._choices("product").queryset = products
        self._choices("playbook").queryset = Playbook.objects.filter(pk__in=[one.pk for one in playbooks])
        if product is not None:
            self._choices("owner").queryset = people_with(product, "manage_product")
        suggested = {
            "product": product,
            "owner": product.owner_id if product else None,
            "version": self.next_version,
            "playbook": playbooks[0].pk if playbooks else None,
        }
        for name, value in suggested.items():
            if not self.initial.get(name):
                self.initial[name] = value

    def _choices(self, name: str) -> forms.ModelChoiceField:
        return cast(forms.ModelChoiceField, self.fields[name])

    @property
    def earliest_iso(self) -> str:
        return self.earliest.isoformat() if self.earliest else ""

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        product, version = cleaned.get("product"), cleaned.get("version")
        if product and version and Release.objects.filter(product=product, version=version).exists():
            self.next_version = next_version(product, version)
            free = f" The next free version is {self.next_version}." if self.next_version else ""
            self.add_error("version", ValidationError(f"{version} exists already.{free}", "exists"))
        target_on, playbook = cleaned.get("target_on"), cleaned.get("playbook")
        if target_on and playbook and target_on >= self.today and not cleaned.get("keep_date"):
            spec = parse_playbook(playbook.definition)
            dates = rules.planned_dates(offsets_of(spec), target_on)
            late = next((gate for gate in spec.gates if dates[gate.key] < self.today), None)
            if late is not None:
                self.earliest = rules.earliest_target(offsets_of(spec), self.today)
                self.add_error(
                    "target_on",
                    ValidationError(
                        f"The earliest date with this playbook is {self.earliest:%a %-d %b %Y}: {late.name} would be "
                        f"due on {dates[late.key]:%-d %b %Y}.",
                        "date_in_past",
                    ),
                )
        return cleaned


class ReleaseChangeForm(forms.Form):
    """A release's theme and product manager; a draft's target too."""

    name = forms.CharField(
        label="Theme", max_length=200, required=False, help_text="One line, shown in lists and in the portfolio"
    )
    owner = forms.ModelChoiceField(User.objects.none(), label="Product manager", empty_label=None)
    target_on = DayField(label="Release date", help_text="A running release is re-planned instead")

    def __init__(self, *args: Any, release: Release, **kwargs: Any) -> None:
        kwargs.setdefault("initial", {"name": release.name, "owner": release.owner_id, "target_on": release.target_on})
        super().__init__(*args, **kwargs)
        cast(forms.ModelChoiceField, self.fields["owner"]).queryset = people_with(release.product, "manage_product")
        if release.state != ReleaseState.DRAFT:
            del self.fields["target_on"]


class ActivateForm(forms.Form):
    """Explicit due dates at activation: a day per gate, filled with what the playbook gives."""

    def __init__(self, *args: Any, spec: PlaybookSpec, planned: Mapping[str, date], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.spec = spec
        for gate in spec.gates:
            self.fields[f"dates.{gate.key}"] = DayField(
                label=gate.name, initial=planned[gate.key], error_messages={"required": "Give this gate a due date."}
            )

    @property
    def all_dates(self) -> dict[str, date]:
        """The day of every gate, as it stands in the form."""
        return {gate.key: self.cleaned_data[f"dates.{gate.key}"] for gate in self.spec.gates}


class HoldForm(forms.Form):
    """Why, and until when at the latest."""

    reason = reason_field("Kept in the history and told to the people who watch.")
    resume_by = DayField(
        label="Resume by", help_text="The last day by which somebody has to resume or cancel it",
        error_messages={"required": "Choose the day by which it is resumed."},
    )  # fmt: skip


class ResumeForm(forms.Form):
    """Why it goes on."""

    reason = reason_field("Why it goes on. Kept in the history and told to the people who watch.")


class RebaselineForm(forms.Form):
    """Why the release is measured against another plan."""

    reason = reason_field("Why the old baseline no longer counts. Kept beside it, and told to the people who watch.")


class CancelForm(forms.Form):
    """Why."""

    reason = reason_field("What was learned: ending a release on evidence is a good outcome.")


class ShipForm(forms.Form):
    """When it really happened."""

    released_on = DayField(label="Released on", help_text="The day it became generally available: today or earlier")
    reason = reason_field("Needed when the day is not the target. Kept in the history.", required=False)

    def __init__(self, *args: Any, target_on: date | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.target_on = target_on

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        released_on = cleaned.get("released_on")
        if self.target_on and released_on and released_on != self.target_on and not cleaned.get("reason", "").strip():
            late = released_on > self.target_on
            words = "after" if late else "before"
            self.add_error(
                "reason", ValidationError(f"Say why it came out {words} the target: the reason is kept.", "required")
            )
        return cleaned


class CorrectDateForm(forms.Form):
    """The right day, and why the first one was wrong."""

    released_on = DayField(label="Released on", help_text="The day it became generally available: today or earlier")
    reason = reason_field("Kept in the history beside both days.")


class ReplanForm(forms.Form):
    """A day per undecided gate and the target, pins, and a reason.

    What counts as changed is what differs from the page the person saw, which is sent along. `seen` is the mark of
    that plan: when the plan has moved since then, the form comes back with the days of today and what was typed.
    """

    reason = reason_field("Why the dates move. Told with the new dates, and kept in the history.")
    seen = forms.CharField(widget=forms.HiddenInput, required=False, max_length=64)

    def __init__(
        self, data: QueryDict | None = None, *, release: Release, gates: Sequence[Gate], **kwargs: Any
    ) -> None:
        super().__init__(data, **kwargs)
        self.release = release
        self.gates = [gate for gate in gates if not gate.is_passed]
        self.has_target = release.state != ReleaseState.RELEASED
        self.initial["seen"] = self.plan_mark = plan_mark(release, self.gates)
        for gate in self.gates:
            self._add_day(gate.key, gate.name, gate.due_on)
            self.fields[f"pins.{gate.key}"] = forms.BooleanField(
                label=f"Pin {gate.name}", required=False, initial=gate.is_pinned, show_hidden_initial=True
            )
        if self.has_target:
            self._add_day(rules.TARGET, "Release", release.target_on)

    def _add_day(self, key: str, name: str, day: date | None) -> None:
        self.fields[f"dates.{key}"] = DayField(
            label=name, initial=day, error_messages={"required": "Give a day, or the one it has now."},
            show_hidden_initial=True,
        )  # fmt: skip

    @property
    def days_now(self) -> dict[str, date | None]:
        """The plan in force, by gate key and `target`."""
        now: dict[str, date | None] = {gate.key: gate.due_on for gate in self.gates}
        return now | ({rules.TARGET: self.release.target_on} if self.has_target else {})

    @property
    def is_stale(self) -> bool:
        """The plan has moved since the person opened the page."""
        return bool(self.data.get("seen")) and self.data["seen"] != self.plan_mark

    @property
    def changed_dates(self) -> dict[str, date]:
        """By gate key or `target`, the days that the person changed and that differ from the plan in force."""
        return {
            key: self.cleaned_data[f"dates.{key}"]
            for key, day in self.days_now.items()
            if f"dates.{key}" in self.changed_data and self.cleaned_data.get(f"dates.{key}") not in (None, day)
        }

    @property
    def changed_pins(self) -> dict[str, bool]:
        return {
            gate.key: self.cleaned_data[f"pins.{gate.key}"]
            for gate in self.gates
            if f"pins.{gate.key}" in self.changed_data
            and self.cleaned_data.get(f"pins.{gate.key}") not in (None, gate.is_pinned)
        }

    def on_todays_plan(self) -> "ReplanForm":
        """The same changes on the plan in force: what the person did not touch shows what holds now."""
        data = cast(QueryDict, self.data).copy()
        for key, day in self.days_now.items():
            now = day.isoformat() if day else ""
            if f"dates.{key}" not in self.changed_data:
                data[f"dates.{key}"] = now
            data[f"initial-dates.{key}"] = now
        for gate in self.gates:
            name = f"pins.{gate.key}"
            if name not in self.changed_data:
                data.pop(name, None)
                if gate.is_pinned:
                    data[name] = "on"
            data[f"initial-{name}"] = str(gate.is_pinned)
        data["seen"] = self.plan_mark
        return ReplanForm(data, release=self.release, gates=self.gates)


def plan_mark(release: Release, gates: Sequence[Gate]) -> str:
    """A short mark of the plan in force: other dates or pins, another mark."""
    text = ";".join([*(f"{gate.key}:{gate.due_on}:{gate.is_pinned}" for gate in gates), str(release.target_on)])
    return hashlib.sha256(text.encode()).hexdigest()[:16]
