"""Entity tags: made of what is shown, who is shown it and the local date, so that none outlives midnight or a grant."""

import hashlib

from django.http import HttpRequest
from django.utils import timezone
from django.utils.http import parse_etags

from gatekeeper.common.api.problems import ApiProblem
from gatekeeper.common.calendars import day_of


def viewer_of(request: HttpRequest) -> str:
    """Who asks: the person, and the token that may see less than they do."""
    token = getattr(request, "auth", None)
    return f"{request.user.pk}:{token.prefix if token is not None else ''}"


def tag_of(shown: bytes, request: HttpRequest) -> str:
    """The tag of an answer for whoever asks, today."""
    parts = (day_of(timezone.now()).isoformat().encode(), viewer_of(request).encode(), shown)
    return f'"{hashlib.sha256(b"|".join(parts)).hexdigest()[:32]}"'


def is_known(tag: str, request: HttpRequest) -> bool:
    """Whether the caller has this answer already (`If-None-Match`)."""
    given = parse_etags(request.headers.get("If-None-Match", ""))
    return "*" in given or tag in [one.removeprefix("W/") for one in given]


def require_match(tag: str, request: HttpRequest) -> None:
    """Refuse a change of what the caller has not seen as it is now.

    Raises:
        ApiProblem: 412, when `If-Match` is given and names another state.
    """
    header = request.headers.get("If-Match")
    if header is None:
        return
    given = parse_etags(header)
    if "*" not in given and tag not in given:
        raise ApiProblem(
            412, "stale", "This has changed since you read it. Read it again, then change it.", headers={"ETag": tag}
        )
