"""What must hold of deliveries."""

from collections.abc import Iterator

from django.db.models import Q

from gatekeeper.common.invariants import Difference
from notifications.kinds import Channel, DeliveryState
from notifications.models import Delivery


def check_deliveries() -> Iterator[Difference]:
    """A sent delivery has its time, another has none; deliveries come from events that were read; in-app is sent."""
    wrong = Delivery.objects.filter(
        Q(state=DeliveryState.SENT, sent_at__isnull=True)
        | (~Q(state=DeliveryState.SENT) & Q(sent_at__isnull=False))
        | Q(event__receipt__isnull=True)
        | Q(event__published__isnull=True)
        | (Q(channel=Channel.APP) & ~Q(state=DeliveryState.SENT))
        | (Q(channel=Channel.EMAIL) & Q(read_at__isnull=False))
    )
    for delivery in wrong.select_related("recipient").order_by("pk").iterator(500):
        yield Difference("delivery", str(delivery), f"state {delivery.state}, sent {delivery.sent_at}")
