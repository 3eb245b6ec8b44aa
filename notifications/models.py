"""Who is told, and what was sent to whom: read from events, never from the actions."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from notifications.kinds import Channel, DeliveryState
from releases.models import Event, Product, Release


class Watch(models.Model):
    """A person told of progress without a vote: of one release, or (release null) of everything of a product.

    A watcher asked for it; a stakeholder was added by a product manager (`added_by`).
    """

    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="watches")
    product = models.ForeignKey(Product, models.CASCADE, related_name="watches")
    release = models.ForeignKey(Release, models.CASCADE, null=True, related_name="watches")
    is_stakeholder = models.BooleanField(default=False)
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    since = models.DateTimeField()

    class Meta:
        ordering = ("since", "id")
        constraints = (
            models.UniqueConstraint(
                fields=["person", "release"], condition=Q(release__isnull=False), name="one_watch_per_release"
            ),
            models.UniqueConstraint(
                fields=["person", "product"], condition=Q(release__isnull=True), name="one_watch_per_product"
            ),
        )

    def __str__(self) -> str:
        return f"{self.person} watches {self.release or self.product}"


class EventReceipt(models.Model):
    """An event whose deliveries have been written (or that concerns nobody)."""

    event = models.OneToOneField(Event, models.PROTECT, primary_key=True, related_name="receipt")
    read_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"Receipt of {self.event_id}"


class Delivery(models.Model):
    """One notice to one person through one channel."""

    event = models.ForeignKey(Event, models.PROTECT, related_name="deliveries")
    recipient = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="deliveries")
    channel = models.CharField(max_length=5, choices=Channel.choices)
    notice = models.CharField(max_length=40, help_text="Which notice this is: a key of notifications.notices.")
    state = models.CharField(max_length=8, choices=DeliveryState.choices, default=DeliveryState.WAITING)
    created_at = models.DateTimeField()
    read_at = models.DateTimeField(null=True, help_text="In-app: when the person read it.")
    attempts = models.PositiveIntegerField(default=0)
    not_before = models.DateTimeField(help_text="When the next attempt may be made.")
    leased_until = models.DateTimeField(null=True, help_text="A worker holds this row until then.")
    sent_at = models.DateTimeField(null=True)
    last_error = models.TextField(blank=True)

    class Meta:
        ordering = ("-created_at", "-id")
        constraints = (
            models.UniqueConstraint(fields=["event", "recipient", "channel"], name="one_delivery_per_channel"),
        )
        indexes = (
            models.Index(fields=["not_before", "id"], condition=Q(state="waiting"), name="delivery_waiting"),
            models.Index(fields=["recipient", "-id"], condition=Q(channel="app"), name="delivery_in_app"),
            models.Index(
                fields=["recipient"], condition=Q(channel="app", read_at__isnull=True), name="delivery_unread"
            ),
        )

    def __str__(self) -> str:
        return f"{self.notice} to {self.recipient} by {self.channel}"
