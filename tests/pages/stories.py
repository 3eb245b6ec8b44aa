"""Gates of today: pages ask the real clock, so their releases begin a few days ago instead of on `DAY_0`."""

import re
from html import unescape
from typing import Any

from django.test import Client
from django.utils import timezone

from approvals.models import Deliverable
from gatekeeper.accounts.models import User
from gatekeeper.common.calendars import day_of
from releases.models import Gate, Release
from tests.cast import DAY_0, MARKET, Cast, active_release, gate_of

BACKEND = "gatekeeper.accounts.backends.EmailOrUsernameBackend"


def days_ago(count: int) -> int:
    """The number of a day of the story that lies so many days before today."""
    return (day_of(timezone.now()) - DAY_0).days - count


def client_of(person: User) -> Client:
    client = Client()
    client.force_login(person, BACKEND)
    # signing in is not what a test is about: with `nothing_changes` the people stay as they were, too
    User.objects.filter(pk=person.pk).update(last_login=None)
    return client


def release_of_today(cast: Cast, version: str = "1.0", *, began: int = 20, target: int = 90) -> Release:
    """Active for some days; its first gate is due 60 days before the target, so in 10 days unless said otherwise."""
    start = days_ago(began)
    return active_release(cast, version, target=start + target, on=start)


def market_of(release: Release) -> Gate:
    return gate_of(release, MARKET)


def address(gate: Gate, rest: str = "") -> str:
    release = gate.release
    return f"/releases/{release.product.slug}/{release.version}/gates/{gate.key}/{rest}"


def thing(gate: Gate, key: str = "brief") -> Deliverable:
    return Deliverable.objects.get(gate=gate, key=key)


def text_of(response: Any) -> str:
    """The page as it reads: no marks, single spaces."""
    content = re.sub(r"<(script|style|title)\b.*?</\1>", " ", response.content.decode(), flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", content)).split())
