"""Forms of stakeholders."""

from typing import Any

from django import forms

from approvals.forms.people import PersonField, PresentHolderField


class StakeholderForm(forms.Form):
    """Somebody to be told of the progress."""

    person = PersonField(label="Person", help_text="Is told of the progress, without a vote.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # The form stands on pages that have other forms too.
        super().__init__(*args, **{"auto_id": "stakeholder-%s"} | kwargs)


class PresentPersonField(PresentHolderField):
    """A person who is on the list already, deactivated or not."""

    with_groups = False


class StakeholderBackForm(forms.Form):
    """Somebody to take off the list."""

    person = PresentPersonField()
