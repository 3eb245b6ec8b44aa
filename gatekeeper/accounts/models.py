"""People who sign in."""

from typing import ClassVar

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models.functions import Lower


class Theme(models.TextChoices):
    SYSTEM = "", "As the system"
    LIGHT = "light", "Light"
    DARK = "dark", "Dark"


class User(AbstractUser):
    """A person. Deactivated (`is_active=False`), never deleted: decisions and events point here."""

    first_name = None  # type: ignore[assignment]  # one name as the person writes it
    last_name = None  # type: ignore[assignment]
    full_name = models.CharField("name", max_length=120)
    title = models.CharField("role title", max_length=120, blank=True, help_text="Printed beside decisions.")
    email = models.EmailField("e-mail")
    theme = models.CharField(max_length=5, choices=Theme.choices, blank=True, default=Theme.SYSTEM)
    time_zone = models.CharField(max_length=64, blank=True, help_text="Empty: the organisation's time zone.")
    has_shortcuts = models.BooleanField("single-key shortcuts", default=True)
    wants_email = models.BooleanField("e-mail notices", default=True)

    assistant = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="assists",
        help_text="May say when this person is away and who stands in.",
    )  # fmt: skip

    REQUIRED_FIELDS: ClassVar[list[str]] = ["email", "full_name"]

    class Meta:
        ordering = ("full_name", "username")
        constraints = (
            models.UniqueConstraint(
                Lower("email"), name="one_person_per_email", violation_error_message="This e-mail is in use."
            ),
        )

    def __str__(self) -> str:
        return self.full_name or self.username

    def get_full_name(self) -> str:
        return self.full_name

    def get_short_name(self) -> str:
        return self.full_name.split(" ")[0] if self.full_name else self.username
