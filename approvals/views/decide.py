"""Deciding from a mail: a small page made for a phone. Looking at it never decides anything; only its form does."""

from collections.abc import Callable
from functools import wraps

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from approvals.actions.decisions import record_decision
from approvals.forms.gates import DecisionForm
from approvals.links import DecideLink, read_link
from approvals.models import Submission
from approvals.pages.decide import decide_page
from approvals.views.at_gate import decision_form, page_at, the_gate
from approvals.views.gates import say_decided
from gatekeeper.accounts.requests import SignedInRequest
from gatekeeper.common.errors import DomainError
from gatekeeper.common.pages import apply_problems, render_page

View = Callable[..., HttpResponse]


def without_address_in_referer(view: View) -> View:
    """The address names a person: no request that starts from here carries more of it than the site.

    Not `no-referrer`: with it browsers send the form without an origin, and it would be refused as forged.
    """

    @wraps(view)
    def answer(*args: object, **kwargs: object) -> HttpResponse:
        response = view(*args, **kwargs)
        response.headers["Referrer-Policy"] = "strict-origin"
        return response

    return answer


@without_address_in_referer
@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def decide(request: SignedInRequest, link: str) -> HttpResponse:
    """The round that a mail was about, for the one whom it was sent to."""
    found = read_link(link)
    if found is None or found.person != request.user.pk:
        raise Http404("Not a link for this person.")
    submission = (
        Submission.objects.filter(pk=found.submission)
        .select_related("gate__release__product")
        .defer("snapshot", "summary")
        .first()
    )
    if submission is None:
        raise Http404("No such round.")
    return _at_round(request, found, submission)


def _at_round(request: SignedInRequest, link: DecideLink, submission: Submission) -> HttpResponse:
    gate = submission.gate
    place = the_gate(request.user, gate.release.product.slug, gate.release.version, gate.key)
    form: DecisionForm | None = None
    kept, status = "", 200
    if request.method == "POST" and not link.is_expired:
        form = DecisionForm(request.POST, auto_id="decide-%s")
        status = 422
        if form.is_valid():
            try:
                words = form.words() | {"round_number": submission.number}
                decision = record_decision(gate_id=gate.pk, actor=request.user, **words)
            except DomainError as error:
                apply_problems(form, error)
                status = error.status
            else:
                say_decided(request, decision)
                return redirect(request.path)
        kept = str(form["comment"].value() or "")
        # as it is now: a refusal may mean that somebody else was quicker
        place = the_gate(request.user, gate.release.product.slug, gate.release.version, gate.key)
    page = decide_page(page_at(place, request.user), submission, is_expired=link.is_expired)
    context = {
        "one": page,
        "page": page.at_gate,
        "release": place.release,
        "gate": place.gate,
        "form": form or decision_form(page.at_gate, prefix="decide"),
        "kept": kept,
    }
    return render_page(request, "approvals/decide.html", context, status=410 if link.is_expired else status)
