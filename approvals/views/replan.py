"""Re-plan: one form, a preview of every date that moves, then the deed."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from approvals.forms.releases import ReplanForm
from approvals.pages import previews
from approvals.pages.releases import allowed, gates_of
from approvals.views.access import may_manage, the_release, today
from gatekeeper.accounts.requests import SignedInRequest
from gatekeeper.common.errors import Conflict, DomainError, NotAllowed, Refused
from gatekeeper.common.pages import apply_problems, refusal, render_page
from releases import rules
from releases.actions.replan import Plan, plan_dates, replan_release
from releases.kinds import ReleaseState
from releases.models import Gate, Release


@login_required
@require_http_methods(["GET", "POST"])
def release_replan(request: SignedInRequest, product: str, version: str) -> HttpResponse:
    """Move dates with a reason. `preview` in the form only shows what would move."""
    release = the_release(request.user, product, version)
    url = reverse("release", args=[release.product.slug, release.version])
    gates = gates_of(release)
    if not may_manage(request.user, release.product):
        error = NotAllowed("not_manager", f"Only a product manager of {release.product} may re-plan its releases.")
        return refusal(request, error, back_url=url, back_words=f"To {release}")
    if "replan" not in allowed(release, gates):
        words = ReleaseState(release.state).label.lower()
        conflict = Conflict("release_not_active", f"{release} is {words}; its dates cannot be re-planned now.")
        return refusal(request, conflict, back_url=url, back_words=f"To {release}")
    form = ReplanForm(request.POST or None, release=release, gates=gates)
    if not form.is_bound:
        return _page(request, release, gates, form, None)
    is_preview = "preview" in request.POST
    if is_preview:
        # A preview asks for dates only; the reason may still be missing.
        form.fields["reason"].required = False
    is_valid = form.is_valid()
    if form.is_stale:
        form = form.on_todays_plan()
        form.fields["reason"].required = False
        form.is_valid()
        return _page(request, release, gates, form, _plan(release, gates, form), is_stale=True, status=409)
    plan = _plan(release, gates, form)
    if is_preview:
        _show_problems(form, plan)
        return _page(request, release, gates, form, plan, is_preview=True)
    if is_valid:
        try:
            replan_release(
                release_id=release.pk,
                actor=request.user,
                dates=form.changed_dates,
                reason=form.cleaned_data["reason"],
                pins=form.changed_pins,
            )
        except Conflict as error:
            return refusal(request, error, back_url=url, back_words=f"To {release}")
        except DomainError as error:
            apply_problems(form, error)
        else:
            messages.success(request, f"{release} is re-planned.")
            return redirect(url)
    return _page(request, release, gates, form, plan, status=422)


def _plan(release: Release, gates: list[Gate], form: ReplanForm) -> Plan:
    """What the dates and pins in the form would move."""
    return plan_dates(release, gates, form.changed_dates, form.changed_pins, today())


def _show_problems(form: ReplanForm, plan: Plan) -> None:
    if plan.problems:
        apply_problems(form, Refused("plan", "These dates do not fit.", fields=plan.problems))


def _page(
    request: SignedInRequest,
    release: Release,
    gates: list[Gate],
    form: ReplanForm,
    plan: Plan | None,
    *,
    is_preview: bool = False,
    is_stale: bool = False,
    status: int = 200,
) -> HttpResponse:
    rows: list[dict[str, object]] = [
        {"gate": gate, "day": form[f"dates.{gate.key}"], "pin": form[f"pins.{gate.key}"], "now": gate.due_on}
        for gate in form.gates
    ]
    if form.has_target:
        target: dict[str, object] = {
            "gate": None,
            "day": form[f"dates.{rules.TARGET}"],
            "pin": None,
            "now": release.target_on,
        }
        place = next((i for i, gate in enumerate(form.gates) if gate.is_after_release), len(rows))
        rows.insert(place, target)
    context = {
        "release": release,
        "form": form,
        "rows": rows,
        "plan": plan,
        "moves": previews.rows(plan.moves) if plan and not plan.problems else [],
        "pins": form.changed_pins if form.is_bound else {},
        "is_preview": is_preview,
        "is_stale": is_stale,
        "today": today(),
    }
    fragment = "releases/_replan_effect.html" if is_preview else ""
    return render_page(request, "releases/replan.html", context, fragment=fragment, status=status)
