"""Drafts of evidence: saved while somebody types, and thrown away."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from approvals.actions.drafts import discard_draft, save_draft
from approvals.actions.files import drop_uploads
from approvals.forms.gates import EvidenceForm
from approvals.models import Evidence
from approvals.pages.gate import gate_url
from approvals.views.at_gate import the_deliverable, the_gate
from approvals.views.evidence import answer_closed, require_supplier
from gatekeeper.accounts.requests import SignedInRequest
from gatekeeper.common.calendars import organisation_zone
from gatekeeper.common.errors import DomainError, NotAllowed
from gatekeeper.common.pages import is_fragment, refusal


@login_required
@require_POST
def evidence_draft(request: SignedInRequest, product: str, version: str, gate: str, deliverable: str) -> HttpResponse:
    """Keep what is typed so far; answers in JSON to the script that asks every few seconds."""
    place = the_gate(request.user, product, version, gate)
    thing = the_deliverable(place, deliverable)
    form = EvidenceForm(request.POST, key=deliverable)
    form.is_valid()
    try:
        draft = save_draft(deliverable_id=thing.pk, actor=request.user, **form.draft())
    except DomainError as error:
        return JsonResponse({"code": error.code, "message": error.message}, status=error.status)
    if draft is None:
        return JsonResponse({"saved": ""})
    words = f"Draft saved {timezone.localtime(draft.saved_at, organisation_zone()):%H:%M}"
    latest = Evidence.objects.filter(deliverable=thing, is_latest=True).select_related("author").first()
    if latest is not None and latest.version != draft.base_version:
        words += f". {latest.author} saved version {latest.version} meanwhile: open this again to see both"
    return JsonResponse({"saved": words}, status=201)


@login_required
@require_POST
def evidence_draft_discard(
    request: SignedInRequest, product: str, version: str, gate: str, deliverable: str
) -> HttpResponse:
    """Throw an own draft away, with the files that were uploaded for it."""
    place = the_gate(request.user, product, version, gate)
    thing = the_deliverable(place, deliverable)
    try:
        require_supplier(request.user, place.release.product)
    except NotAllowed as error:
        return refusal(request, error, back_url=gate_url(place.gate, place.release), back_words="To the gate")
    drop_uploads(deliverable_id=thing.pk, actor=request.user)
    discard_draft(deliverable_id=thing.pk, actor=request.user)
    messages.success(request, f"The draft of {thing.name} is discarded.")
    if is_fragment(request):
        return answer_closed(request, place, deliverable)
    return redirect(f"{gate_url(place.gate, place.release)}#d-{deliverable}")
