"""People who sign in."""

from datetime import datetime
from typing import ClassVar

from django.conf import settings
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

    is_service = models.BooleanField(
        "service account",
        default=False,
        help_text="An engineering tool: has tokens, no password and no vote.",
    )

    # Of this request alone: the token by which it came, which may see and do less than its owner.
    token: "ApiToken | None" = None

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


class Scope(models.TextChoices):
    """What a token may do, at most as far as its owner may."""

    READ = "read", "Read"
    WRITE = "write", "Write"
    CHECKS = "checks", "Report checks"
    DECIDE = "decide", "Decide"


class ApiToken(models.Model):
    """A token of the API: kept as a keyed hash, known by its prefix. Ended ones stay, since events name them."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="tokens")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=16, unique=True)
    digest = models.CharField(max_length=64, help_text="HMAC-SHA-256 of the whole token.")
    scopes = models.JSONField(default=list)
    products = models.JSONField(default=list, help_text="Ids; empty: every product that the owner sees.")
    checks = models.JSONField(default=list, help_text="Names that it may report; for the scope `checks`.")
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", help_text="Null: made by a command."
    )
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, help_text="To the minute.")
    last_used_from = models.GenericIPAddressField(null=True)
    revoked_at = models.DateTimeField(null=True)
    revoked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    replaces = models.OneToOneField(
        "self", models.PROTECT, null=True, related_name="replaced_by", help_text="Set when a rotation made it."
    )

    class Meta:
        ordering = ("-created_at", "-id")

    def __str__(self) -> str:
        return f"{self.name} (gk_{self.prefix}_…)"

    def is_live(self, at: datetime) -> bool:
        """Neither revoked nor out of date; its owner is asked for separately."""
        return self.revoked_at is None and at < self.expires_at


class SavedView(models.Model):
    """Filters of the portfolio under a name, a person's own. Its link opens it for whoever may see the portfolio."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="saved_views")
    name = models.CharField(max_length=80)
    query = models.CharField(max_length=2000, blank=True, help_text="The query string, without its question mark.")
    key = models.CharField(max_length=32, unique=True, help_text="Stands in its link, and cannot be guessed.")
    saved_at = models.DateTimeField()

    class Meta:
        ordering = ("name", "id")
        constraints = (models.UniqueConstraint("person", Lower("name"), name="one_saved_view_per_name"),)

    def __str__(self) -> str:
        return self.name


class SignedIn(models.Model):
    """That somebody signed in, from where and with what: by this a person knows their own sessions apart.

    The session itself is Django's; one that is over leaves its row here behind, until the person signs in again.
    """

    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    session_key = models.CharField(max_length=40, unique=True)
    browser = models.CharField(max_length=80)
    address = models.GenericIPAddressField(null=True)
    signed_in_at = models.DateTimeField()

    class Meta:
        ordering = ("-signed_in_at", "-id")

    def __str__(self) -> str:
        return f"{self.person} with {self.browser}"


class CalendarLink(models.Model):
    """The secret address under which a person's due dates are read without signing in; see `calendar_links`."""

    person = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, related_name="calendar_link")
    number = models.CharField(max_length=32, help_text="Random; with the installation's key it gives the secret.")
    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the secret.")
    is_everything = models.BooleanField(default=False, help_text="Everything the person may see.")
    made_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"Calendar of {self.person}"
