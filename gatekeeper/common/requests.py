"""What a request says about its sender."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest

# the most digits that every database holds as a number
_DIGITS = 18


def whole_number(text: str) -> int | None:
    """The number that an address or a hidden field names; None for anything else, however long."""
    return int(text) if text.isdecimal() and len(text) <= _DIGITS else None


def client_ip(request: HttpRequest) -> str:
    """The sender's address. X-Forwarded-For counts as far as our own proxies wrote it; anybody can send the rest."""
    peer = str(request.META.get("REMOTE_ADDR", ""))
    forwarded = [part.strip() for part in str(request.META.get("HTTP_X_FORWARDED_FOR", "")).split(",") if part.strip()]
    proxies = settings.PROXY_COUNT
    if not proxies or len(forwarded) < proxies:
        return peer
    candidate = forwarded[-proxies]
    try:
        return str(ipaddress.ip_address(candidate))
    except ValueError:
        return peer
