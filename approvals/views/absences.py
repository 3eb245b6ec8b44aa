"""Being away: one's own page, and the same page of a person whom one assists or administers."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from approvals.absences import may_arrange, warnings_of
from approvals.actions.delegations import end_delegation, make_delegation, set_assistant
from approvals.forms.absences import AbsenceForm, AssistantForm
from approvals.models import Delegation
from approvals.pages import absences as pages
from approvals.views.access import page_number, today
from gatekeeper.accounts.models import User
from gatekeeper.accounts.requests import SignedInRequest
from gatekeeper.common.errors import DomainError
from gatekeeper.common.pages import apply_problems, refusal, render_page
from releases.permissions import is_administrator

PER_PAGE = 20


def _whom(request: SignedInRequest, person: int | None) -> User:
    """The person whose absences may be arranged, or 404."""
    if person is None or person == request.user.pk:
        return request.user
    found = get_object_or_404(User.objects.select_related("assistant"), pk=person)
    if not may_arrange(request.user, found):
        raise Http404("Not somebody whom this person assists.")
    return found


def _address(request: SignedInRequest, person: User) -> str:
    return reverse("away") if person.pk == request.user.pk else reverse("away-of", kwargs={"person": person.pk})


@login_required
@require_http_methods(["GET", "POST"])
def away(request: SignedInRequest, person: int | None = None) -> HttpResponse:
    """Who decides meanwhile, what was before, and saying so anew."""
    whom = _whom(request, person)
    form = AbsenceForm(
        request.POST or None,
        choices=pages.seat_choices(whom),
        is_own=whom.pk == request.user.pk,
        initial={"starts_on": today()},
    )
    if form.is_valid():
        try:
            made = make_delegation(person=whom, actor=request.user, **form.words())
        except DomainError as error:
            apply_problems(form, error)
            return _page(request, whom, form=form, status=error.status)
        messages.success(request, _said(request, made))
        for words in warnings_of(made):
            messages.warning(request, words)
        return redirect(_address(request, whom))
    return _page(request, whom, form=form, status=422 if form.is_bound else 200)


def _said(request: SignedInRequest, made: Delegation) -> str:
    days = f"from {made.starts_on:%-d %b} to {made.ends_on:%-d %b %Y}"
    who = "You are" if made.person_id == request.user.pk else f"{made.person} is"
    told = f"{made.delegate} decides meanwhile and is told." if made.delegate else "Nobody decides meanwhile."
    return f"{who} away {days}. {told}"


def _page(
    request: SignedInRequest,
    whom: User,
    *,
    form: AbsenceForm,
    assistant: AssistantForm | None = None,
    status: int = 200,
) -> HttpResponse:
    is_own = whom.pk == request.user.pk
    listed = Paginator(pages.absences_of(whom), PER_PAGE).get_page(page_number(request))
    context = {
        "person": whom,
        "is_own": is_own,
        "form": form,
        "page": listed,
        "lines": pages.lines(list(listed), today()),
        "decides_for": pages.decides_for(whom, today()),
        "assisted": pages.assisted_by(request.user) if is_own else [],
        "assistant_form": assistant or AssistantForm(initial={"assistant": whom.assistant}, auto_id="assistant-%s"),
        "may_name_assistant": is_own or is_administrator(request.user),
        "is_administrator": is_administrator(request.user),
        "address": _address(request, whom),
        "assistant_address": reverse("away-assistant")
        if is_own
        else reverse("away-assistant-of", kwargs={"person": whom.pk}),
    }
    return render_page(request, "approvals/away.html", context, status=status)


@login_required
@require_POST
def assistant(request: SignedInRequest, person: int | None = None) -> HttpResponse:
    """Name one's assistant, or that of a person."""
    whom = _whom(request, person)
    form = AssistantForm(request.POST, auto_id="assistant-%s")
    status = 422
    if form.is_valid():
        try:
            stored = set_assistant(person=whom, assistant=form.cleaned_data["assistant"], actor=request.user)
        except DomainError as error:
            apply_problems(form, error)
            status = error.status
        else:
            who = f"{stored.assistant} may say when" if stored.assistant else "Nobody else says when"
            messages.success(request, f"{who} {'you are' if whom.pk == request.user.pk else f'{whom} is'} away.")
            return redirect(_address(request, whom))
    empty = AbsenceForm(
        choices=pages.seat_choices(whom), is_own=whom.pk == request.user.pk, initial={"starts_on": today()}
    )
    return _page(request, whom, form=empty, assistant=form, status=status)


@login_required
@require_POST
def end(request: SignedInRequest, delegation: int) -> HttpResponse:
    """End an absence, or take back a planned one."""
    found = get_object_or_404(Delegation.objects.select_related("person"), pk=delegation)
    whom = _whom(request, found.person_id)
    try:
        ended = end_delegation(delegation_id=found.pk, actor=request.user)
    except DomainError as error:
        return refusal(request, error, back_url=_address(request, whom), back_words="To the absences")
    if ended.begun_at is None:
        messages.success(request, "The planned absence is taken back.")
    else:
        messages.success(request, f"{'You are' if whom.pk == request.user.pk else f'{whom} is'} back.")
    return redirect(_address(request, whom))
