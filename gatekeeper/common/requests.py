"""What a request says about its sender."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest


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
