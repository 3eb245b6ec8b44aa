"""A gate: preparing, deciding and the record under one address, and its verbs."""

from collections.abc import Callable
from datetime import date
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from approvals.actions.decisions import close_condition, record_decision, recuse, revoke_decision
from approvals.actions.rounds import submit_evidence, waive_gate, withdraw_submission
from approvals.actions.signing import SIGNATURE_REQUIRED
from approvals.forms.gates import (
    CloseConditionForm,
    DecisionForm,
    RecuseForm,
    RevokeForm,
    SubmitForm,
    WaiveForm,
    WithdrawForm,
)
from approvals.kinds import Verdict
from approvals.models import Condition, Decision
from approvals.pages.gate import gate_url, joined, milestone_page
from approvals.views.at_gate import (
    Place,
    Shown,
    Verb,
    decision_form,
    page_at,
    recuse_verb,
    show_gate,
    the_gate,
    withdraw_verb,
)
from approvals.views.signing import ask_to_sign, forget_typed, signature_of, typed_before
from gatekeeper.accounts.requests import SignedInRequest
from gatekeeper.common.errors import Conflict, DomainError, NotAllowed
from gatekeeper.common.pages import apply_problems, refusal, render_page
from releases.actions.slips import days_on_hold
from releases.kinds import GateState, ReleaseState
from releases.models import Gate
from releases.sentences import days_words


@login_required
@require_GET
def gate(request: SignedInRequest, product: str, version: str, gate: str) -> HttpResponse:
    """The gate as it concerns this person now; of recorded history, the milestone."""
    place = the_gate(request.user, product, version, gate, with_history=True)
    if place.release.is_history:
        page = milestone_page(place.release, place.gate, place.gates)
        return render_page(
            request, "approvals/milestone.html", {"page": page, "release": place.release, "gate": place.gate}
        )
    if request.GET.get("part") == "roles":
        return _roles(request, place)
    if request.GET.get("part") == "checks":
        return _checks(request, place)
    typed = typed_before(request, gate_url(place.gate, place.release))
    return _to_sign(request, place, typed) if typed is not None else show_gate(request, place)


def _to_sign(request: SignedInRequest, place: Place, typed: QueryDict) -> HttpResponse:
    """The page with the decision as it was typed; it waits for the button that signs it."""
    if page_at(place, request.user).hats:
        form = DecisionForm(typed, auto_id="decide-%s")
        return show_gate(request, place, Shown(decision=form, more={"is_to_sign": form.is_valid()}))
    over = Conflict("stale_round", f"There is no round of {place.gate.name} that waits for you.")
    return show_gate(request, place, Shown(409, refused=over, kept=typed.get("comment", "")))


def _roles(request: SignedInRequest, place: Place) -> HttpResponse:
    """The roles panel for its poll; nothing while nothing has changed."""
    if request.GET.get("revision") == str(place.release.revision):
        return HttpResponse(status=204)
    context = {
        "page": page_at(place, request.user),
        "release": place.release,
        "gate": place.gate,
        "read_round": request.GET.get("round", ""),
    }
    return render(request, "approvals/_roles.html", context)


def _checks(request: SignedInRequest, place: Place) -> HttpResponse:
    """The checks for their poll, with the list of what stands in the way; nothing while nothing has changed."""
    if request.GET.get("revision") == str(place.release.revision):
        return HttpResponse(status=204)
    context = {"page": page_at(place, request.user), "release": place.release, "gate": place.gate}
    return render(request, "approvals/_checks_part.html", context)


def _to_gate(place: Place) -> HttpResponse:
    return redirect(gate_url(place.gate, place.release))


def _again(request: SignedInRequest, place: Place, shown: Shown) -> HttpResponse:
    """The page as it is now, since a refusal may mean that somebody else changed it."""
    fresh = the_gate(request.user, place.release.product.slug, place.release.version, place.gate.key)
    return show_gate(request, fresh, shown)


@login_required
@require_POST
def gate_submit(request: SignedInRequest, product: str, version: str, gate: str) -> HttpResponse:
    """Freeze the evidence as a round and ask the approvers."""
    place = the_gate(request.user, product, version, gate)
    form = SubmitForm(request.POST, auto_id="submit-%s")
    if not form.is_valid():
        return _again(request, place, Shown(422, submit=form))
    try:
        submission = submit_evidence(gate_id=place.gate.pk, actor=request.user, summary=form.cleaned_data["summary"])
    except NotAllowed as error:
        return refusal(request, error, back_url=gate_url(place.gate, place.release), back_words="To the gate")
    except DomainError as error:
        if error.fields:
            apply_problems(form, error)
        return _again(request, place, Shown(error.status, submit=form, refused=None if error.fields else error))
    asked = [role["name"] for role in submission.frozen["roles"]]
    messages.success(
        request, f"Round {submission.number} is submitted. {joined(asked)} {'is' if len(asked) == 1 else 'are'} asked."
    )
    return _to_gate(place)


@login_required
@require_POST
def gate_decide(request: SignedInRequest, product: str, version: str, gate: str) -> HttpResponse:
    """Approve or decline the round that was read."""
    place = the_gate(request.user, product, version, gate)
    form = DecisionForm(request.POST, auto_id="decide-%s")
    if not form.is_valid():
        return _again(request, place, Shown(status=422, decision=form))
    try:
        signature = signature_of(request, place.gate)
        decision = record_decision(gate_id=place.gate.pk, actor=request.user, signature=signature, **form.words())
    except DomainError as error:
        if error.code == SIGNATURE_REQUIRED:
            return ask_to_sign(request, gate_url(place.gate, place.release), anchor="h-decide")
        if error.status == 422:
            apply_problems(form, error)
            return _again(request, place, Shown(status=422, decision=form))
        return _stale(request, place, form, error)
    forget_typed(request)
    say_decided(request, decision)
    return _to_gate(place)


def _stale(request: SignedInRequest, place: Place, form: DecisionForm, error: DomainError) -> HttpResponse:
    """The round is another one now (or the seat is gone): the comment is kept, the choice is made anew."""
    fresh = the_gate(request.user, place.release.product.slug, place.release.version, place.gate.key)
    comment = form.cleaned_data["comment"]
    kept = decision_form(page_at(fresh, request.user), prefix="decide", comment=comment)
    return show_gate(request, fresh, Shown(status=error.status, decision=kept, refused=error, kept=comment))


def say_decided(request: SignedInRequest, decision: Decision) -> None:
    """The toast after a decision; an open round's decision can be taken back, and the toast says so."""
    gate = Gate.objects.select_related("release__product").get(pk=decision.submission.gate_id)
    what = "Declined" if decision.verdict == Verdict.DECLINE else "Approved"
    conditions = " with conditions:" if decision.conditions.exists() else ""
    instead = f" for {decision.on_behalf_of}" if decision.on_behalf_of is not None else ""
    words = f"{what}{conditions} {gate.release}, {gate.name}, as {decision.role.name}{instead}."
    if gate.state == GateState.APPROVED:
        messages.success(request, f"{words} The gate is passed.")
    elif gate.state == GateState.IN_REVIEW:
        url = gate_url(gate, gate.release, "gate-revoke", decision=decision.pk)
        messages.success(request, words, extra_tags=f"Revoke|get|{url}")
    else:
        messages.success(request, words)


# --- Verbs with a question ----------------------------------------------------------------------------------------


def ask(
    request: SignedInRequest, place: Place, verb: Verb, act: Callable[[dict[str, Any]], str], *, is_allowed: bool
) -> HttpResponse:
    """Show a verb's question, or do it. GET offers only what the engine would do."""
    back = gate_url(place.gate, place.release)
    form, status = verb.form, 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                said = act(form.cleaned_data)
            except NotAllowed as error:
                return refusal(request, error, back_url=back, back_words="To the gate")
            except DomainError as error:
                if error.code == SIGNATURE_REQUIRED:
                    return ask_to_sign(request, verb.url)
                apply_problems(form, error)
                status = error.status
            else:
                forget_typed(request)
                messages.success(request, said)
                return redirect(back)
    elif not is_allowed:
        no = NotAllowed("not_possible", f"{verb.button}: this is not possible for you now.")
        return refusal(request, no, back_url=back, back_words="To the gate")
    context = {"verb": verb, "release": place.release, "gate": place.gate, "back_url": back}
    return render_page(request, "approvals/verb.html", context, status=status)


def _bound(request: SignedInRequest) -> Any:
    return request.POST if request.method == "POST" else None


@login_required
@require_http_methods(["GET", "POST"])
def gate_withdraw(request: SignedInRequest, product: str, version: str, gate: str) -> HttpResponse:
    """Take the open round back."""
    place = the_gate(request.user, product, version, gate)
    page = page_at(place, request.user)
    verb = withdraw_verb(page, WithdrawForm(_bound(request), auto_id="withdraw-%s"))

    def act(data: dict[str, Any]) -> str:
        withdraw_submission(gate_id=place.gate.pk, actor=request.user, reason=data["reason"])
        return f"Round {place.gate.round_number} is withdrawn. The evidence can be changed again."

    return ask(request, place, verb, act, is_allowed=page.status.may("withdraw"))


@login_required
@require_http_methods(["GET", "POST"])
def gate_recuse(request: SignedInRequest, product: str, version: str, gate: str) -> HttpResponse:
    """Step aside for the open round."""
    place = the_gate(request.user, product, version, gate)
    page = page_at(place, request.user)
    form = RecuseForm(_bound(request), initial={"round": place.gate.round_number}, auto_id="recuse-%s")

    def act(data: dict[str, Any]) -> str:
        recuse(gate_id=place.gate.pk, round_number=data["round"], actor=request.user, comment=data["comment"])
        return f"You stepped aside from round {data['round']}."

    return ask(request, place, recuse_verb(page, form), act, is_allowed=page.status.may("recuse"))


def _slip_words(place: Place, today: date) -> str:
    """What passing a missed gate today does to later dates; nothing where it is not late."""
    gate, release = place.gate, place.release
    if gate.due_on is None or gate.due_on >= today:
        return ""
    days = max(0, (today - gate.due_on).days - days_on_hold(release, gate.due_on, today))
    if not days:
        return ""
    words = f" It settles the slip of {days_words(days)}"
    if release.state != ReleaseState.ACTIVE:
        return f"{words}."
    return f"{words}: later dates that are not pinned and the target move by {days_words(days)}."


@login_required
@require_http_methods(["GET", "POST"])
def gate_waive(request: SignedInRequest, product: str, version: str, gate: str) -> HttpResponse:
    """Let the gate through without approval, until a day."""
    place = the_gate(request.user, product, version, gate)
    page = page_at(place, request.user)
    address = page.url_of("gate-waive")
    typed = typed_before(request, address)
    signs = " You sign it with your password." if place.gate.needs_signature else ""
    verb = Verb(
        key="waive",
        heading=f"Waive {place.gate.name}?",
        text="The gate lets the release through without approval, and is shown as waived with your name and reason. "
        f"It never counts as approved.{_slip_words(place, page.facts.today)} The release’s managers, whoever decides "
        f"at this gate, and those who follow it or are kept informed of it are told.{signs}",
        form=WaiveForm(_bound(request), initial=typed.dict() if typed is not None else None, auto_id="waive-%s"),
        url=address,
        button=f"Waive {place.gate.name}",
        keep="Keep the gate",
    )

    def act(data: dict[str, Any]) -> str:
        waive_gate(
            gate_id=place.gate.pk, actor=request.user, reason=data["reason"], expires_on=data["expires_on"],
            signature=signature_of(request, place.gate),
        )  # fmt: skip
        return f"{place.gate.name} is waived until {data['expires_on']:%-d %b %Y}."

    return ask(request, place, verb, act, is_allowed=page.status.may("waive"))


@login_required
@require_http_methods(["GET", "POST"])
def gate_revoke(request: SignedInRequest, product: str, version: str, gate: str, decision: int) -> HttpResponse:
    """Take an own decision back while its round is open."""
    place = the_gate(request.user, product, version, gate)
    found = get_object_or_404(
        Decision.objects.select_related("role", "submission"), pk=decision, submission__gate=place.gate
    )
    conditions = " Its conditions are closed." if found.conditions.exists() else ""
    verb = Verb(
        key="revoke",
        heading=f"Revoke your decision as {found.role.name}?",
        text=f"You can decide on round {found.submission.number} again after this.{conditions}",
        form=RevokeForm(_bound(request), auto_id="revoke-%s"),
        url=gate_url(place.gate, place.release, "gate-revoke", decision=found.pk),
        button="Revoke the decision",
        keep="Keep it",
    )

    def act(data: dict[str, Any]) -> str:
        revoke_decision(decision_id=found.pk, actor=request.user, reason=data["reason"])
        return f"Your decision as {found.role.name} is revoked."

    allowed = f"revoke:{found.pk}" in page_at(place, request.user).status.allowed_actions
    return ask(request, place, verb, act, is_allowed=allowed)


@login_required
@require_http_methods(["GET", "POST"])
def condition_close(request: SignedInRequest, product: str, version: str, gate: str, condition: int) -> HttpResponse:
    """Close a condition of an approval with a note."""
    place = the_gate(request.user, product, version, gate)
    found = get_object_or_404(Condition.objects.select_related("owner"), pk=condition, gate=place.gate)
    verb = Verb(
        key="close",
        heading="Close this condition?",
        text=f"{found.text} ({found.owner}, due {found.due_on:%-d %b %Y})",
        form=CloseConditionForm(_bound(request), auto_id="close-%s"),
        url=gate_url(place.gate, place.release, "condition-close", condition=found.pk),
        button="Close the condition",
        keep="Leave it open",
        tone="btn-primary",
    )

    def act(data: dict[str, Any]) -> str:
        close_condition(condition_id=found.pk, actor=request.user, note=data["note"])
        return "The condition is closed."

    page = page_at(place, request.user)
    return ask(request, place, verb, act, is_allowed=page.may_close(found))
