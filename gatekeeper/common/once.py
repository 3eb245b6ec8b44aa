"""What one request asks for once: remembered while the request is answered, streamed answers included.

Outside a request (worker, commands) nothing is remembered, so nothing there is ever stale.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from django.core.signals import request_finished
from django.http import HttpRequest, HttpResponseBase

Found = TypeVar("Found")

_remembered: ContextVar[dict[str, Any] | None] = ContextVar("remembered", default=None)


def once(key: str, load: Callable[[], Found]) -> Found:
    """What `load` gives, asked once a request."""
    store = _remembered.get()
    if store is None:
        return load()
    if key not in store:
        store[key] = load()
    found: Found = store[key]
    return found


def forget(key: str) -> None:
    """It has changed: the next one who asks gets it anew."""
    if (store := _remembered.get()) is not None:
        store.pop(key, None)


@contextmanager
def remembering() -> Iterator[None]:
    """The same memory for work that is no request, such as a long command; a request inside begins anew."""
    token = _remembered.set({})
    try:
        yield
    finally:
        _remembered.reset(token)


class OncePerRequestMiddleware:
    """Opens a fresh memory for each request."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        request_finished.connect(_end, dispatch_uid="gatekeeper.common.once")

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        _remembered.set({})
        return self.get_response(request)


def _end(**_kwargs: object) -> None:
    _remembered.set(None)
