"""Words that are stored."""

from django.db.models import TextChoices


class Channel(TextChoices):
    APP = "app", "In app"
    EMAIL = "email", "E-mail"


class DeliveryState(TextChoices):
    WAITING = "waiting", "Waiting"
    SENT = "sent", "Sent"
    SKIPPED = "skipped", "Skipped"
    FAILED = "failed", "Failed"
