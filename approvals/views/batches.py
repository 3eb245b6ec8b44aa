"""Approve several rounds at once: a page that lists each, and then one answer for all."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from approvals.actions.batches import MOST_AT_ONCE, Outcome, Pick, approve_rounds
from approvals.forms.gates import BatchForm
from approvals.models import Submission
from approvals.pages import inbox as pages
from approvals.pages.gate import gate_url, joined
from approvals.pages.inbox import InboxRow
from approvals.pages.waiting import RoleProgress, waiting_list
from approvals.views.access import today
from gatekeeper.accounts.requests import SignedInRequest
from gatekeeper.common.errors import DomainError
from gatekeeper.common.pages import apply_problems, render_page
from releases.kinds import GateState
from releases.models import Gate
from releases.querysets import visible_products

# A list that nobody ticked by hand is cut here, so that the page says how many are too many without reading them all.
MOST_READ = 2 * MOST_AT_ONCE


@dataclass(frozen=True)
class Choice:
    """One ticked row: the round that was read and the role, and whether it can be approved now."""

    submission: Submission
    number: int
    role_key: str
    row: InboxRow | None = None
    hat: RoleProgress | None = None

    @property
    def value(self) -> str:
        return f"{self.submission.pk}-{self.number}-{self.role_key}"

    @property
    def pick(self) -> Pick:
        return Pick(self.submission.gate_id, self.number, self.role_key)

    @property
    def gate(self) -> Gate:
        return self.submission.gate

    @property
    def name(self) -> str:
        return f"{self.gate.release}, {self.gate.name}"

    @property
    def url(self) -> str:
        return gate_url(self.gate, self.gate.release)

    @property
    def effect(self) -> str:
        return self.row.effect(self.hat) if self.row is not None and self.hat is not None else ""

    @property
    def is_possible(self) -> bool:
        return self.hat is not None


def _read(values: Sequence[str]) -> list[tuple[int, int, str]]:
    """`12-2-engineering`: round 2, which is row 12, as Engineering. What reads otherwise is nobody's tick."""
    found = []
    for value in values[:MOST_READ]:
        pk, number, role = (*value.split("-", 2), "", "")[:3]
        if not (pk.isascii() and pk.isdigit() and len(pk) < 16 and number.isascii() and number.isdigit()):
            raise Http404("No such round.")
        found.append((int(pk), int(number[:9]), role))
    return list(dict.fromkeys(found))


def _choices(request: SignedInRequest, values: Sequence[str]) -> list[Choice]:
    """The ticked rows as they are now, the most urgent first; 404 for one that the person may not see."""
    wanted = _read(values)
    rounds = (
        Submission.objects.filter(visible_products(request.user, "gate__release__product__"))
        .select_related("gate", "gate__release", "gate__release__product")
        .defer("snapshot")
        .in_bulk({pk for pk, _number, _role in wanted})
    )
    if any(pk not in rounds for pk, _number, _role in wanted):
        raise Http404("No such round.")
    on = today()
    rows = {
        row.submission.pk: row
        for row in pages.inbox_rows(waiting_list(request.user, on, only=list(rounds)), request.user, on)
    }
    found = []
    for pk, number, role in wanted:
        row = rows.get(pk)
        hat = row.hat(role) if row is not None and row.submission.number == number else None
        if hat is not None and hat.key != role:
            hat = None
        found.append(Choice(rounds[pk], number, role, row, hat))
    order = list(rows)
    return sorted(found, key=lambda choice: order.index(choice.submission.pk) if choice.row else len(order))


@login_required
@require_http_methods(["GET", "POST"])
def inbox_approve(request: SignedInRequest) -> HttpResponse:
    """GET lists what was ticked and what each approval would do; POST approves each."""
    is_post = request.method == "POST"
    choices = _choices(request, (request.POST if is_post else request.GET).getlist("pick"))
    form = BatchForm(request.POST if is_post else None, auto_id="batch-%s")
    if not is_post or not form.is_valid():
        return _page(request, choices, form, 422 if is_post else 200)
    try:
        outcomes = approve_rounds(
            picks=[choice.pick for choice in choices], actor=request.user, comment=form.cleaned_data["comment"]
        )
    except DomainError as error:
        apply_problems(form, error)
        return _page(request, choices, form, error.status)
    names = {choice.pick: choice.name for choice in choices}
    if not any(outcome.decision for outcome in outcomes):
        for outcome in outcomes:
            assert outcome.error is not None
            form.add_error(None, forms.ValidationError(f"{names[outcome.pick]}: {outcome.error.message}"))
        return _page(request, choices, form, min(o.error.status for o in outcomes if o.error is not None))
    _say(request, outcomes, names)
    return redirect("inbox")


def _say(request: SignedInRequest, outcomes: Sequence[Outcome], names: dict[Pick, str]) -> None:
    """One summary of everything."""
    done = [outcome.pick for outcome in outcomes if outcome.decision is not None]
    passed = set(
        Gate.objects.filter(pk__in=[pick.gate_id for pick in done], state=GateState.APPROVED).values_list(
            "pk", flat=True
        )
    )
    words = f"{len(done)} approved"
    if passed:
        words += f" ({joined([names[pick] for pick in done if pick.gate_id in passed][:3])}"
        words += (
            f"{f' and {len(passed) - 3} more' if len(passed) > 3 else ''} {'is' if len(passed) == 1 else 'are'} passed)"
        )
    missed = [(names[outcome.pick], outcome.error) for outcome in outcomes if outcome.error is not None]
    if not missed:
        messages.success(request, f"{words}.")
        return
    why = "; ".join(f"{name} ({error.message.rstrip('.')})" for name, error in missed)
    messages.warning(request, f"{words}, {len(missed)} {'was' if len(missed) == 1 else 'were'} not: {why}.")


def _page(request: SignedInRequest, choices: Sequence[Choice], form: BatchForm, status: int) -> HttpResponse:
    possible = [choice for choice in choices if choice.is_possible]
    context: dict[str, Any] = {
        "possible": possible,
        "gone": [choice for choice in choices if not choice.is_possible],
        "form": form,
        "is_too_many": len(possible) > MOST_AT_ONCE,
        "most": MOST_AT_ONCE,
        "nav": "inbox",
    }
    return render_page(request, "approvals/inbox_approve.html", context, status=status)
