from django.apps import AppConfig
from django.forms import fields, models


class CommonConfig(AppConfig):
    """The foundation: what every room stands on."""

    name = "gatekeeper.common"
    label = "common"

    def ready(self) -> None:
        from gatekeeper.common import checks  # noqa: F401  # registers them

        # What an empty field of any form says, unless it says something better itself.
        fields.Field.default_error_messages["required"] = "Fill this in."
        fields.DateField.default_error_messages["required"] = "Give a day."
        for choice in (fields.ChoiceField, models.ModelChoiceField):
            choice.default_error_messages["required"] = "Choose one."
