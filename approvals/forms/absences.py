"""Forms of being away."""

from typing import Any

from django import forms

from approvals.absences import REASON_LENGTH
from approvals.forms.people import PersonField
from approvals.forms.releases import DayField
from approvals.models import ApproverRole
from approvals.pages.absences import SeatChoice

ALL, SOME = "all", "some"


class AbsenceForm(forms.Form):
    """Who is away when, and who decides meanwhile."""

    starts_on = DayField(label="First day")
    ends_on = DayField(label="Last day", help_text="It ends by itself after this day.")
    delegate = PersonField(
        label="Who decides meanwhile", required=False, help_text="Empty: nobody. Rounds wait for your return."
    )
    seats = forms.ChoiceField(
        label="For which seats", widget=forms.RadioSelect, initial=ALL,
        choices=[(ALL, "All of them\nThose given later too"), (SOME, "Some of them\nChoose below")],
    )  # fmt: skip
    roles = forms.MultipleChoiceField(label="Seats", required=False, widget=forms.CheckboxSelectMultiple)
    reason = forms.CharField(
        label="Reason", required=False, max_length=REASON_LENGTH, help_text="Seen by whoever may end it, and by the "
        "stand-in.",
    )  # fmt: skip

    def __init__(self, *args: Any, choices: list[SeatChoice], is_own: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.by_value = {choice.value: choice for choice in choices}
        roles = self.fields["roles"]
        assert isinstance(roles, forms.MultipleChoiceField)
        roles.choices = [(choice.value, choice.label) for choice in choices]
        if not is_own:
            self.fields["delegate"].help_text = "Empty: nobody. Rounds wait for the return."

    def words(self) -> dict[str, Any]:
        """What `make_delegation` takes."""
        data = self.cleaned_data
        roles: list[ApproverRole] | None = None
        if data["seats"] == SOME:
            roles = [role for value in data["roles"] for role in self.by_value[value].roles]
        return {
            "delegate": data["delegate"], "starts_on": data["starts_on"], "ends_on": data["ends_on"], "roles": roles,
            "reason": data["reason"],
        }  # fmt: skip


class AssistantForm(forms.Form):
    """Who may say that a person is away."""

    assistant = PersonField(
        label="Assistant", required=False, help_text="May set and end absences here, and decides nothing."
    )
