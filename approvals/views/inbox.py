"""Waiting for you: what a person has to decide, in two clicks, and what they have decided."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from approvals.actions.decisions import record_decision
from approvals.actions.signing import SIGNATURE_REQUIRED
from approvals.forms.gates import APPROVE, CONDITIONS, DECLINE, DecisionForm
from approvals.models import Submission
from approvals.pages import inbox as pages
from approvals.pages.debts import own_conditions
from approvals.pages.delegated import decided_for, with_stand_ins
from approvals.pages.gate import gate_url
from approvals.pages.inbox import InboxRow
from approvals.pages.waiting import Filters, chips, waiting_list
from approvals.views.access import page_number, today
from approvals.views.gates import say_decided
from approvals.views.signing import ask_to_sign
from gatekeeper.accounts.requests import SignedInRequest
from gatekeeper.common.errors import DomainError
from gatekeeper.common.pages import apply_problems, is_fragment, render_page
from gatekeeper.common.requests import whole_number
from releases.querysets import visible_products

PER_PAGE = 50


def _form(row: InboxRow, choice: str, data: Any = None) -> DecisionForm:
    initial = {"round": row.submission.number, "choice": choice, "role": row.mine[0].key if row.mine else ""}
    initial |= {"condition_owner": row.submission.submitted_by}
    return DecisionForm(data, initial=initial, auto_id=f"in-{row.submission.pk}-%s")


def _list(
    request: SignedInRequest, *, opened: int = 0, choice: str = "", form: DecisionForm | None = None
) -> dict[str, Any]:
    """The waiting list as it is filtered, with one row open."""
    on, filters = today(), Filters.read(request.GET)
    entries = waiting_list(request.user, on)
    left = [entry for entry in entries if filters.takes(entry, on)]
    listed = Paginator(left, PER_PAGE).get_page(page_number(request))
    rows = pages.inbox_rows(list(listed), request.user, on)
    open_row = next((row for row in rows if row.submission.pk == opened), None)
    if open_row is not None and form is None:
        form = _form(open_row, choice)
    own = own_conditions(request.user, on)
    return {
        "show": "waiting",
        "filters": filters,
        "chips": chips(entries, filters, on),
        "page_obj": listed,
        "total": len(entries),
        "groups": pages.grouped(rows, filters.role),
        "clear_q": filters.but("q"),
        "names": sorted({role.title for entry in entries for role in entry.mine}),
        "open_row": open_row,
        "choice": choice,
        "decision_form": form,
        "next_likely": pages.next_likely(request.user, on) if not entries else None,
        "own_conditions": own,
        "late_conditions": sum(condition.due_on < on for condition in own),
        "on": on,
    }


def _tabs(request: SignedInRequest) -> dict[str, Any]:
    """What stands beside the names of the tabs."""
    return {
        "decided_count": pages.decided_by(request.user).order_by().count(),
        "condition_counts": pages.condition_counts(request.user, today()),
    }


def _decided(request: SignedInRequest) -> dict[str, Any]:
    listed = Paginator(pages.decided_by(request.user), PER_PAGE).get_page(page_number(request))
    return {"page_obj": listed, "decisions": [(d, _gate_url(d.submission)) for d in listed]}


def _conditions(request: SignedInRequest) -> dict[str, Any]:
    listed = Paginator(pages.own_conditions(request.user), PER_PAGE).get_page(page_number(request))
    return {"page_obj": listed, "today": today()}


def _delegated(request: SignedInRequest) -> dict[str, Any]:
    """What others decide for the person."""
    listed = Paginator(decided_for(request.user), PER_PAGE).get_page(page_number(request))
    return {"absences": with_stand_ins(request.user, today()), "page_obj": listed, "decisions": list(listed)}


TABS = {"decided": _decided, "conditions": _conditions, "delegated": _delegated}


@login_required
@require_GET
def inbox(request: SignedInRequest) -> HttpResponse:
    """What waits for the person; `?show=` another tab; `?open=` with `do=` opens a row's form."""
    show = request.GET.get("show", "")
    if show in TABS:
        context = {"show": show, **TABS[show](request), **_tabs(request)}
        return render_page(request, "approvals/inbox.html", context)
    opened, choice = request.GET.get("open", ""), request.GET.get("do", "")
    choice = choice if choice in (APPROVE, CONDITIONS, DECLINE) else APPROVE
    if is_fragment(request) and (opened or "close" in request.GET):
        return _row(request, opened or request.GET.get("close", ""), choice, is_open=bool(opened))
    context = _list(request, opened=whole_number(opened) or 0, choice=choice)
    if not is_fragment(request):
        context |= _tabs(request)
    return render_page(request, "approvals/inbox.html", context, fragment="approvals/_inbox_list.html")


def _gate_url(submission: Submission) -> str:
    return gate_url(submission.gate, submission.gate.release)


def _row(request: SignedInRequest, number: str, choice: str, *, is_open: bool) -> HttpResponse:
    """One row, opened or closed again. What no longer waits is answered with the whole list as it is now."""
    wanted = whole_number(number)
    entries = waiting_list(request.user, today(), only=wanted) if wanted is not None else []
    rows = pages.inbox_rows(entries, request.user, today())
    if not rows:
        response = render(request, "approvals/_inbox_list.html", _list(request))
        response.headers["HX-Retarget"], response.headers["HX-Reswap"] = "#inbox", "outerHTML"
        return response
    filters = Filters.read(request.GET)
    context = {
        "row": rows[0],
        "hat": rows[0].hat(filters.role),
        "filters": filters,
        "open_row": rows[0] if is_open else None,
        "choice": choice,
        "decision_form": _form(rows[0], choice) if is_open else None,
        "is_closed_again": not is_open,
    }
    response = render(request, "approvals/_inbox_row.html", context)
    response.headers["Vary"] = "HX-Request"
    return response


@login_required
@require_POST
def inbox_decide(request: SignedInRequest, submission: int) -> HttpResponse:
    """The second click."""
    found = get_object_or_404(
        Submission.objects.filter(visible_products(request.user, "gate__release__product__")).select_related(
            "gate", "gate__release", "gate__release__product", "submitted_by"
        ),
        pk=submission,
    )
    form = DecisionForm(request.POST, auto_id=f"in-{found.pk}-%s")
    status = 422
    if form.is_valid():
        try:
            decision = record_decision(gate_id=found.gate_id, actor=request.user, **form.words())
        except DomainError as error:
            if error.code == SIGNATURE_REQUIRED:  # the gate's page says what is signed
                return ask_to_sign(request, _gate_url(found), anchor="h-decide")
            apply_problems(form, error)
            status = error.status
        else:
            say_decided(request, decision)
            if is_fragment(request):
                return render(request, "approvals/_inbox_list.html", _list(request) | {"is_decided": True})
            tail = Filters.read(request.GET).tail
            return redirect(f"{reverse('inbox')}{tail}")
    context = _list(request, opened=found.pk, choice=str(form["choice"].value() or APPROVE), form=form)
    if context["open_row"] is None:
        # It no longer waits for this person: say why, and give back what they wrote.
        context |= {
            "refused": form,
            "refused_round": found,
            "refused_url": _gate_url(found),
            "kept": form["comment"].value(),
        }
    if not is_fragment(request):
        context |= _tabs(request)
    return render_page(request, "approvals/inbox.html", context, fragment="approvals/_inbox_list.html", status=status)
