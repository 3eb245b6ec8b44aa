"""A deliverable assigned to the person who supplies it."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from approvals.actions.deliverables import assign_deliverable
from approvals.forms.deliverables import AssignForm
from approvals.pages.gate import gate_url
from approvals.views.at_gate import Verb, the_deliverable, the_gate
from gatekeeper.accounts.requests import SignedInRequest
from gatekeeper.common.errors import DomainError, NotAllowed
from gatekeeper.common.pages import apply_problems, refusal, render_page
from releases.permissions import product_permissions


@login_required
@require_http_methods(["GET", "POST"])
def deliverable_assign(
    request: SignedInRequest, product: str, version: str, gate: str, deliverable: str
) -> HttpResponse:
    """Choose who supplies a deliverable."""
    place = the_gate(request.user, product, version, gate)
    thing = the_deliverable(place, deliverable)
    back = f"{gate_url(place.gate, place.release)}#d-{deliverable}"
    if "manage_product" not in product_permissions(request.user, place.release.product):
        denied = NotAllowed("no_manage_product", f"Only a product manager of {place.release.product} may do this.")
        return refusal(request, denied, back_url=back, back_words="To the gate")
    data = request.POST if request.method == "POST" else None
    form = AssignForm(data, product=place.release.product, initial={"assignee": thing.assignee_id})
    status = 200
    if form.is_bound:
        status = 422
        if form.is_valid():
            assignee = form.cleaned_data["assignee"]
            try:
                assign_deliverable(deliverable_id=thing.pk, actor=request.user, assignee=assignee)
            except DomainError as error:
                apply_problems(form, error)
                status = error.status
            else:
                who = f"assigned to {assignee}" if assignee is not None else "assigned to nobody"
                messages.success(request, f"{thing.name} is {who}.")
                return redirect(back)
    verb = Verb(
        key="assign",
        heading=f"Who supplies {thing.name}?",
        text="They are told, and find it in My work. Everybody who may supply evidence of the product still can.",
        form=form,
        url=gate_url(place.gate, place.release, "deliverable-assign", deliverable=deliverable),
        button="Assign it",
        tone="btn-primary",
    )
    context = {"verb": verb, "release": place.release, "gate": place.gate, "back_url": back}
    return render_page(request, "approvals/verb.html", context, status=status)
