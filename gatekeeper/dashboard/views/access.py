"""Who comes in."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.urls import reverse

from gatekeeper.accounts.requests import SignedInRequest
from gatekeeper.common.errors import NotAllowed
from gatekeeper.common.pages import refusal
from releases.permissions import is_administrator


def administrators_only(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Settings of the whole organisation. The actions behind the page ask again."""

    @login_required
    @wraps(view)
    def guarded(request: SignedInRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not is_administrator(request.user):
            error = NotAllowed("not_administrator", "Only administrators see and change these settings.")
            return refusal(request, error, back_url=reverse("profile"), back_words="To your profile")
        return view(request, *args, **kwargs)

    return guarded
