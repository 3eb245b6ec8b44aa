"""Signing on pages: the fresh password behind a signature, and what was typed while it is asked for."""

from urllib.parse import urlencode

from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django_htmx.http import HttpResponseClientRedirect

from approvals import rules
from approvals.actions.signing import Signature
from gatekeeper.accounts.fresh import reauthenticated_at
from gatekeeper.accounts.requests import SignedInRequest
from gatekeeper.common.clock import database_clock
from gatekeeper.common.pages import is_fragment
from releases.models import Gate

# One form at a time is kept in the session, until it is signed or another one takes its place.
TYPED = "typed"
MOST_TYPED = 100_000


def signature_of(request: SignedInRequest, gate: Gate) -> Signature | None:
    """The signature of a person who reads its meaning on this page and gave their password in this session."""
    at = reauthenticated_at(request) if gate.needs_signature else None
    return Signature(at) if at is not None else None


def is_fresh(request: SignedInRequest) -> bool:
    at = reauthenticated_at(request)
    return at is not None and rules.is_fresh(at, database_clock())


def ask_to_sign(request: SignedInRequest, address: str, *, anchor: str = "") -> HttpResponse:
    """Keep what was typed and go to the page that asks for the password, and then to an address that shows it again.

    With a fresh password (an approval from a list, where the meaning was not to be read) straight to that address.
    `anchor` is where on that page the form stands: on a phone it is far below.
    """
    typed = request.POST.copy()
    typed.pop("csrfmiddlewaretoken", None)
    form = typed.urlencode()
    if len(form) <= MOST_TYPED:  # longer ones hold what no form of ours has
        request.session[TYPED] = {"address": address, "form": form}
    wanted = f"{address}?sign=1{f'#{anchor}' if anchor else ''}"
    if not is_fresh(request):
        wanted = f"{reverse('sign-in-again')}?{urlencode({'next': wanted})}"
    return HttpResponseClientRedirect(wanted) if is_fragment(request) else redirect(wanted)


def typed_before(request: SignedInRequest, address: str) -> QueryDict | None:
    """What was typed for an address before the password was asked for."""
    kept = request.session.get(TYPED) if "sign" in request.GET else None
    return QueryDict(kept["form"]) if kept and kept["address"] == address else None


def forget_typed(request: SignedInRequest) -> None:
    """It is signed."""
    request.session.pop(TYPED, None)
