"""Granting an exception: one deliverable or one blocking check excused until a day."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.views.decorators.http import require_http_methods

from approvals.actions.exceptions import grant_exception
from approvals.forms.gates import ExceptionForm
from approvals.views.at_gate import Verb, page_at, the_gate
from approvals.views.gates import ask
from gatekeeper.accounts.requests import SignedInRequest


@login_required
@require_http_methods(["GET", "POST"])
def gate_except(request: SignedInRequest, product: str, version: str, gate: str) -> HttpResponse:
    """Excuse something that keeps the gate from being submitted; `?what=deliverable:runbooks` chooses it."""
    place = the_gate(request.user, product, version, gate)
    page = page_at(place, request.user)
    form = ExceptionForm(
        request.POST if request.method == "POST" else None,
        excusable=page.facts.excusable,
        initial={"what": request.GET.get("what", "")},
        auto_id="except-%s",
    )
    verb = Verb(
        key="except",
        heading=f"Grant an exception at {place.gate.name}?",
        text="The round can be submitted without it. Your name, the reason and the date stand beside the gap, and are "
        "frozen with the round: the approvers see what they decide without.",
        form=form,
        url=page.url_of("gate-except"),
        button="Grant the exception",
        keep="Leave it in the way",
        tone="btn-primary",
    )

    def act(data: dict[str, Any]) -> str:
        kind, _colon, subject = data["what"].partition(":")
        waiver = grant_exception(
            gate_id=place.gate.pk,
            kind=kind,
            subject=subject,
            actor=request.user,
            reason=data["reason"],
            expires_on=data["expires_on"],
        )
        return f"Excused until {waiver.expires_on:%-d %b %Y}."

    return ask(request, place, verb, act, is_allowed=page.status.may("except"))
