"""Evidence: saved, removed and brought back card by card."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from approvals.actions.drafts import save_draft
from approvals.actions.evidence import remove_evidence, save_evidence
from approvals.actions.files import receive_whole
from approvals.facts import load_facts
from approvals.forms.gates import EvidenceForm
from approvals.kinds import EvidenceKind
from approvals.markdown import render_markdown
from approvals.models import Deliverable, Evidence
from approvals.pages.cards import Card, vote_at_stake
from approvals.pages.gate import GatePage, gate_url, sees_drafts
from approvals.views.access import today
from approvals.views.at_gate import (
    Editing,
    Place,
    Shown,
    card_of,
    editing_again,
    open_card,
    page_at,
    show_gate,
    stored_version,
    the_deliverable,
    the_gate,
)
from approvals.views.files import damaged_file, is_whole
from gatekeeper.accounts.models import User
from gatekeeper.accounts.requests import SignedInRequest
from gatekeeper.common.errors import Conflict, DomainError, NotAllowed
from gatekeeper.common.pages import apply_problems, is_fragment, refusal
from gatekeeper.common.requests import whole_number
from releases.models import Product
from releases.permissions import product_permissions


def _card_address(place: Place, key: str, *, is_open: bool = False) -> str:
    url = gate_url(place.gate, place.release)
    return f"{url}?edit={key}#d-{key}" if is_open else f"{url}#d-{key}"


def fresh_card(request: SignedInRequest, place: Place, key: str) -> tuple[GatePage, Card]:
    """The page and the card as they are after an action."""
    again = the_gate(request.user, place.release.product.slug, place.release.version, place.gate.key)
    page = page_at(again, request.user)
    card = card_of(page, key)
    if card is None:
        raise Http404("No such deliverable.")
    return page, card


def _card(
    request: SignedInRequest,
    page: GatePage,
    card: Card,
    editing: Editing | None,
    *,
    status: int = 200,
    is_change: bool = True,
) -> HttpResponse:
    """The card alone for htmx; after a change with the list of blockers and the count."""
    context = {
        "page": page,
        "card": card,
        "editing": editing,
        "release": page.release,
        "gate": page.gate,
        "is_change": is_change,
    }
    return render(request, "approvals/_card_answer.html", context, status=status)


def answer_closed(request: SignedInRequest, place: Place, key: str) -> HttpResponse:
    """A card after an action that closed its form, for htmx."""
    page, card = fresh_card(request, place, key)
    return _card(request, page, card, None)


def require_supplier(user: User, product: Product) -> None:
    """Refuse who may not supply evidence of a product."""
    if not sees_drafts(product_permissions(user, product), is_admin=False):
        raise NotAllowed("no_contribute", f"You may not supply evidence for {product}.")


@login_required
@require_http_methods(["GET", "POST"])
def evidence_save(request: SignedInRequest, product: str, version: str, gate: str, deliverable: str) -> HttpResponse:
    """Open a deliverable's form, preview its text, or save it as the next version."""
    place = the_gate(request.user, product, version, gate)
    thing = the_deliverable(place, deliverable)
    if request.method == "GET" and not is_fragment(request):
        return redirect(_card_address(place, deliverable, is_open=True))
    if request.method == "GET" or "preview" in request.POST:
        return _show_form(request, place, deliverable)
    if "draft" in request.POST:
        return _keep_draft(request, place, thing)
    form = EvidenceForm(request.POST, request.FILES, key=deliverable, at_stake=_at_stake(place, request.user))
    is_whole_form, error = form.is_valid(), None
    try:
        # files first: they need not be sent again when something else is refused
        received = _receive(request, thing, form)
        if is_whole_form:
            saved = save_evidence(deliverable_id=thing.pk, actor=request.user, **form.words() | {"received": received})
    except NotAllowed as denied:
        return _denied(request, place, form, denied)
    except DomainError as problem:
        error = problem
    if error is not None or not is_whole_form:
        status = error.status if error is not None else 422
        return _refused(request, place, form, deliverable, status=status, error=error)
    messages.success(request, f"{thing.name} is ready, version {saved.version}.")
    if is_fragment(request):
        return answer_closed(request, place, deliverable)
    return redirect(_card_address(place, deliverable))


def _at_stake(place: Place, user: User) -> list[str]:
    return vote_at_stake(load_facts(place.release, place.gate, place.gates, today()), user)


def _receive(request: SignedInRequest, thing: Deliverable, form: EvidenceForm) -> list[int]:
    """Keep the files that came with a form; the ids of all that the form chooses, remembered in the form too."""
    received: list[int] = list(form.cleaned_data.get("received", ()))
    for upload in form.cleaned_data.get("file", ()):
        received.append(receive_whole(deliverable_id=thing.pk, actor=request.user, upload=upload).pk)
        form.cleaned_data["received"] = received
    return received


def _keep_draft(request: SignedInRequest, place: Place, thing: Deliverable) -> HttpResponse:
    """The button beside "Mark as ready": what autosave does, for those who have no JavaScript or like to press it."""
    form = EvidenceForm(request.POST, request.FILES, key=thing.key)
    form.is_valid()
    try:
        _receive(request, thing, form)
        save_draft(deliverable_id=thing.pk, actor=request.user, **form.draft())
    except NotAllowed as denied:
        return _denied(request, place, form, denied)
    except DomainError as error:
        return _refused(request, place, form, thing.key, status=error.status, error=error)
    if is_fragment(request):
        page, card = fresh_card(request, place, thing.key)
        editing = open_card(card, request.user, at_stake=vote_at_stake(page.facts, request.user))
        return _card(request, page, card, editing)
    messages.success(request, f"The draft of {thing.name} is saved. It is not marked as ready.")
    return redirect(_card_address(place, thing.key, is_open=True))


def _denied(request: SignedInRequest, place: Place, form: EvidenceForm, error: NotAllowed) -> HttpResponse:
    """Who lost the right to write while typing has the words back; htmx leaves them where they are."""
    if is_fragment(request):
        return refusal(request, error, back_url=gate_url(place.gate, place.release), back_words="To the gate")
    typed = "\n\n".join(str(form[name].value() or "") for name in ("text", "url", "note")).strip()
    return show_gate(request, place, Shown(error.status, refused=error, kept=typed))


def _show_form(request: SignedInRequest, place: Place, key: str) -> HttpResponse:
    """The open (or closed) form, or what was typed with a preview; nothing is saved."""
    page = page_at(place, request.user)
    card = card_of(page, key)
    if card is None or not page.may_edit:
        error = NotAllowed("not_possible", f"Evidence of {place.gate.name} cannot be changed by you now.")
        return refusal(request, error, back_url=page.url, back_words="To the gate")
    at_stake = vote_at_stake(page.facts, request.user)
    if request.method == "GET":
        kind = request.GET.get("kind", "")
        editing = None if "close" in request.GET else open_card(card, request.user, kind, at_stake)
        return _card(request, page, card, editing, is_change=False)
    form = EvidenceForm(request.POST, key=key, at_stake=at_stake)
    form.is_valid()
    form.errors.clear()  # a preview asks for nothing
    text = str(form.cleaned_data.get("text", ""))
    editing = editing_again(card, request.user, form, preview=render_markdown(text))
    if is_fragment(request):
        return _card(request, page, card, editing, is_change=False)
    return show_gate(request, place, Shown(editing=editing))


def _refused(
    request: SignedInRequest,
    place: Place,
    form: EvidenceForm,
    key: str,
    *,
    status: int,
    error: DomainError | None = None,
) -> HttpResponse:
    """What was typed stays. After somebody else's save, theirs is shown beside it, and the next save replaces it."""
    page, card = fresh_card(request, place, key)
    if not page.may_edit:
        # no form to go back to: the gate has moved on, or it never was this person's
        if not sees_drafts(product_permissions(request.user, place.release.product), is_admin=False):
            denied = NotAllowed("no_contribute", f"You may not supply evidence for {place.release.product}.")
            return refusal(request, denied, back_url=page.url, back_words="To the gate")
        error = error or Conflict("evidence_frozen", f"Evidence of {place.gate.name} cannot be changed now.")
        return show_gate(request, place, Shown(error.status, refused=error, kept=form.cleaned_data.get("text", "")))
    conflict = None
    if error is not None:
        apply_problems(form, error)
        if error.code == "evidence_changed":
            conflict = card.item
            typed = request.POST.copy()
            typed["version"] = str(stored_version(card))
            form.data = typed
    editing = editing_again(card, request.user, form, conflict=conflict)
    if is_fragment(request):
        return _card(request, page, card, editing, status=status, is_change=False)
    return show_gate(request, place, Shown(status, editing=editing))


@login_required
@require_POST
def evidence_remove(request: SignedInRequest, product: str, version: str, gate: str, deliverable: str) -> HttpResponse:
    """Take the evidence away; the toast brings it back."""
    place = the_gate(request.user, product, version, gate)
    thing = the_deliverable(place, deliverable)
    expected = whole_number(request.POST.get("version", ""))
    try:
        remove_evidence(
            deliverable_id=thing.pk,
            actor=request.user,
            expected_version=expected,
        )
    except DomainError as error:
        return refusal(request, error, back_url=_card_address(place, deliverable), back_words="To the gate")
    if expected is not None:
        undo = gate_url(place.gate, place.release, "evidence-restore", deliverable=deliverable, number=expected)
        messages.success(request, f"{thing.name} is removed.", extra_tags=f"Undo|post|{undo}")
    else:
        messages.success(request, f"{thing.name} is removed.")
    if is_fragment(request):
        return answer_closed(request, place, deliverable)
    return redirect(_card_address(place, deliverable))


@login_required
@require_POST
def evidence_restore(
    request: SignedInRequest, product: str, version: str, gate: str, deliverable: str, number: int
) -> HttpResponse:
    """Save an earlier version again, as the next one."""
    place = the_gate(request.user, product, version, gate)
    thing = the_deliverable(place, deliverable)
    if not sees_drafts(product_permissions(request.user, place.release.product), is_admin=False):
        error: DomainError = NotAllowed("no_contribute", f"You may not supply evidence for {place.release.product}.")
        return refusal(request, error, back_url=gate_url(place.gate, place.release), back_words="To the gate")
    earlier = get_object_or_404(Evidence.objects.exclude(kind=EvidenceKind.REMOVED), deliverable=thing, version=number)
    files = list(earlier.files.all())
    damaged = next((file for file in files if not is_whole(file)), None)
    if damaged is not None:
        problem = damaged_file(damaged)
        return refusal(request, problem, back_url=_card_address(place, deliverable), back_words="To the gate")
    try:
        saved = save_evidence(
            deliverable_id=thing.pk, actor=request.user, kind=earlier.kind, text=earlier.text, url=earlier.url,
            note=earlier.note, keep=[file.pk for file in files],
        )  # fmt: skip
    except DomainError as error:
        return refusal(request, error, back_url=_card_address(place, deliverable), back_words="To the gate")
    messages.success(request, f"{thing.name} is back, as version {saved.version}.")
    return redirect(_card_address(place, deliverable))
