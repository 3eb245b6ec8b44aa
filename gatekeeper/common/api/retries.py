"""Safe retries: a POST with an `Idempotency-Key` takes effect once, however often it is sent.

The key is noted first, in a transaction of its own, so that a second request finds it. Effect and answer are then kept
in one transaction: either both are there or neither. Whoever dies in between leaves a note that runs out.
"""

import hashlib
import re
import secrets
from collections.abc import Callable
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from gatekeeper.common.api.problems import ApiProblem
from gatekeeper.common.models import ANSWERS_KEPT, KeptAnswer

# longer than any request may take; after it a note without an answer is one whose process has died
RUNNING = timedelta(seconds=90)
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
KEPT_HEADERS = ("Location", "ETag")


class _Lost(Exception):
    """Another process has taken the note over meanwhile: this one's effect is taken back."""


def key_of(request: HttpRequest) -> str:
    """The caller's key, or nothing."""
    given = request.headers.get("Idempotency-Key")
    if given is None:
        return ""
    if not _KEY.fullmatch(given):
        raise ApiProblem(400, "malformed", "An Idempotency-Key has from 1 to 255 visible ASCII characters.")
    return given


def once(request: HttpRequest, caller: str, key: str, act: Callable[[], HttpResponse]) -> HttpResponse:
    """Do something once for a caller and a key; later the first answer again.

    `act` answers with a status of 400 or more when it was refused and changed nothing.

    Raises:
        ApiProblem: 422 for another body under the same key; 409 while the first request is still running.
    """
    subject = "\n".join((caller, request.method or "", request.path, key))
    digest = hashlib.sha256(subject.encode()).hexdigest()
    said = hashlib.sha256(request.META.get("QUERY_STRING", "").encode() + b"\n" + request.body).hexdigest()
    lease = secrets.token_hex(8)
    found = _begin(digest, said, lease)
    if found is not None:
        return _again(found, said)
    try:
        with transaction.atomic():
            response = act()
            if response.status_code >= 400:
                transaction.set_rollback(True)
            elif not _keep(digest, lease, response):
                raise _Lost
    except _Lost:
        raise ApiProblem(
            409,
            "still_running",
            "This request took too long and was sent again meanwhile.",
            headers={"Retry-After": "1"},
        ) from None
    except BaseException:
        KeptAnswer.objects.filter(digest=digest, lease=lease).delete()
        raise
    if response.status_code >= 500:
        KeptAnswer.objects.filter(digest=digest, lease=lease).delete()
    elif response.status_code >= 400:
        _keep(digest, lease, response)
    return response


def _begin(digest: str, said: str, lease: str) -> KeptAnswer | None:
    """Note that a request runs now; else what was noted before."""
    now = timezone.now()
    try:
        with transaction.atomic():
            KeptAnswer.objects.create(digest=digest, said=said, lease=lease, begun_at=now)
            return None
    except IntegrityError:
        pass
    over = KeptAnswer.objects.filter(digest=digest, begun_at__lt=now - ANSWERS_KEPT)
    dead = KeptAnswer.objects.filter(digest=digest, status=None, said=said, begun_at__lt=now - RUNNING)
    for free in (over, dead):
        if free.update(said=said, lease=lease, begun_at=now, status=None, content="", headers={}):
            return None
    found = KeptAnswer.objects.filter(digest=digest).first()
    if found is None:
        raise ApiProblem(409, "still_running", "Try again in a moment.", headers={"Retry-After": "1"})
    return found


def _again(found: KeptAnswer, said: str) -> HttpResponse:
    if found.said != said:
        raise ApiProblem(422, "key_reused", "This Idempotency-Key was used for another request. Use a new one.")
    if found.status is None:
        raise ApiProblem(
            409, "still_running", "The first request with this key is still running.", headers={"Retry-After": "1"}
        )
    headers = dict(found.headers) | {"Idempotent-Replayed": "true"}
    return HttpResponse(found.content.encode(), status=found.status, headers=headers)


def _keep(digest: str, lease: str, response: HttpResponse) -> bool:
    headers = {name: response.headers[name] for name in (*KEPT_HEADERS, "Content-Type") if name in response.headers}
    return bool(
        KeptAnswer.objects.filter(digest=digest, lease=lease).update(
            status=response.status_code, content=response.content.decode(), headers=headers
        )
    )
