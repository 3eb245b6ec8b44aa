"""Who calls the API: a token, or the session of a browser."""

import hmac
import logging
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone
from rest_framework import authentication, exceptions
from rest_framework.request import Request

from gatekeeper.accounts.models import ApiToken, User
from gatekeeper.accounts.tokens import TokenText, digest_of, read_token
from gatekeeper.common.requests import client_ip

logger = logging.getLogger(__name__)

INVALID = "This token is unknown, revoked or out of date."
USED_EVERY = timedelta(minutes=1)


class TokenAuthentication(authentication.BaseAuthentication):
    """`Authorization: Bearer gk_<prefix>_<secret>`. The same answer whatever is wrong with a token."""

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="gatekeeper"'

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        scheme, _, given = str(request.META.get("HTTP_AUTHORIZATION", "")).partition(" ")
        if not scheme:
            return None
        text = read_token(given.strip()) if scheme.lower() == "bearer" else None
        token = find_live(text) if text is not None else None
        if token is None:
            logger.warning("API: a token was refused, from %s", client_ip(request._request))
            raise exceptions.AuthenticationFailed(INVALID)
        _remember_use(token, request._request)
        token.owner.token = token
        return token.owner, token


def find_live(text: TokenText) -> ApiToken | None:
    """The stored token of a text, when it counts now and its owner is active; moved to the present key if it has to."""
    token = ApiToken.objects.select_related("owner").filter(prefix=text.prefix).first()
    if token is None or not is_of(token, text):
        return None
    return token if token.is_live(timezone.now()) and token.owner.is_active else None


def is_of(token: ApiToken, text: TokenText) -> bool:
    """Whether a stored token is the one of a text, under the present secret key or one that is being replaced."""
    if hmac.compare_digest(token.digest, digest_of(text, settings.SECRET_KEY)):
        return True
    if any(hmac.compare_digest(token.digest, digest_of(text, key)) for key in settings.SECRET_KEY_FALLBACKS):
        ApiToken.objects.filter(pk=token.pk).update(digest=digest_of(text, settings.SECRET_KEY))
        return True
    return False


def _remember_use(token: ApiToken, request: HttpRequest) -> None:
    """When and from where, at most once a minute: whoever writes first writes for all."""
    now = timezone.now()
    if token.last_used_at is None or now - token.last_used_at >= USED_EVERY:
        stale = Q(last_used_at=None) | Q(last_used_at__lte=now - USED_EVERY)
        ApiToken.objects.filter(stale, pk=token.pk).update(last_used_at=now, last_used_from=client_ip(request) or None)


class SessionAuthentication(authentication.SessionAuthentication):
    """The session of a browser; what changes something needs the page's CSRF token."""

    def enforce_csrf(self, request: Any) -> None:
        try:
            super().enforce_csrf(request)
        except exceptions.PermissionDenied:
            detail = "The CSRF token is missing: send the one of the page as X-CSRFToken, or use an API token."
            raise exceptions.PermissionDenied(detail, code="csrf") from None
