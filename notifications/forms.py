"""Forms of stakeholders."""

from django import forms

from approvals.forms.people import PersonField, PresentHolderField


class StakeholderForm(forms.Form):
    """Somebody to be told of the progress."""

    person = PersonField(label="Person", help_text="Is told of the progress, without a vote.")


class PresentPersonField(PresentHolderField):
    """A person who is on the list already, deactivated or not."""

    with_groups = False


class StakeholderBackForm(forms.Form):
    """Somebody to take off the list."""

    person = PresentPersonField()
