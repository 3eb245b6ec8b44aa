"""The read mark of a round, set by the page after a few seconds of reading."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from approvals.actions.seen import mark_round_read
from approvals.pages.gate import gate_url
from approvals.views.at_gate import the_gate
from gatekeeper.accounts.requests import SignedInRequest
from gatekeeper.common.errors import DomainError
from gatekeeper.common.requests import whole_number


@login_required
@require_POST
def gate_seen(request: SignedInRequest, product: str, version: str, gate: str) -> HttpResponse:
    """The person has read a round. The page's script does not follow the redirect."""
    place = the_gate(request.user, product, version, gate)
    try:
        mark_round_read(
            gate_id=place.gate.pk, round_number=whole_number(request.POST.get("round", "")) or 0, actor=request.user
        )
    except DomainError as error:
        return HttpResponse(error.message, status=error.status, content_type="text/plain; charset=utf-8")
    return redirect(gate_url(place.gate, place.release))
