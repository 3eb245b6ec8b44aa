"""Administrators see which mails failed, and change nothing."""

from django.contrib.admin.sites import site

from notifications.kinds import Channel
from notifications.models import Delivery
from releases.models import Gate
from tests.cast import Cast, nothing_changes, submit
from tests.notifications.conftest import relay_all
from tests.notifications.test_pages import client_of

LIST = "/admin/notifications/delivery/"


def test_a_failed_mail_is_shown_with_its_reason(cast: Cast, gate: Gate) -> None:
    submit(cast, gate)
    relay_all(on=2)
    mail = Delivery.objects.get(recipient=cast.approver, channel=Channel.EMAIL)
    Delivery.objects.filter(pk=mail.pk).update(state="failed", last_error="550 no such person")
    client = client_of(cast.administrator)
    page = client.get(f"{LIST}?state__exact=failed").content.decode()
    assert "550 no such person" in page
    assert "Erik Engineer" in page
    assert "Sara Seller" not in page
    with nothing_changes():
        assert client.get(f"{LIST}{mail.pk}/change/").status_code == 200
        assert client.post(f"{LIST}{mail.pk}/change/", {"state": "waiting"}).status_code == 403
        assert client.post(f"{LIST}{mail.pk}/delete/", {"post": "yes"}).status_code == 403
    assert Delivery in site._registry
    in_app = Delivery.objects.get(recipient=cast.approver, channel=Channel.APP)
    assert client.get(f"{LIST}{in_app.pk}/change/").status_code == 302, "what people read is not shown"


def test_nobody_else_sees_mails(cast: Cast, gate: Gate) -> None:
    assert client_of(cast.pm).get(LIST).status_code in (302, 403)
