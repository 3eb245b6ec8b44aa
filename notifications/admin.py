"""The mails and what became of them, to look at: a mail that failed for good is seen here."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from gatekeeper.accounts.admin_site import ReadOnlyAdmin
from notifications.kinds import Channel
from notifications.models import Delivery

# only here, where Django puts an "s" behind the name: the model itself needs no migration for it
Delivery._meta.verbose_name_plural = "deliveries"


@admin.register(Delivery)
class MailAdmin(ReadOnlyAdmin):
    """Mails, newest first. What people read in the application is their own business."""

    list_display = ("pk", "notice", "recipient", "state", "attempts", "created_at", "sent_at", "last_error")
    list_filter = ("state", "notice")
    list_per_page = 50
    ordering = ("-pk",)
    show_full_result_count = False
    fields = (
        "event", "notice", "recipient", "state", "attempts", "created_at", "not_before", "leased_until", "sent_at",
        "last_error",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Delivery]:
        return super().get_queryset(request).filter(channel=Channel.EMAIL).select_related("recipient", "event")
