"""A newer version of its playbook for a release: what it would change, then the deed."""

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from approvals.actions.playbooks import PlaybookPlan, apply_playbook, apply_refusal, newer_version, plan_playbook
from approvals.forms.releases import reason_field
from approvals.pages import previews
from approvals.pages.releases import gates_of
from approvals.views.access import may_manage, the_release, today
from gatekeeper.accounts.requests import SignedInRequest
from gatekeeper.common.errors import Conflict, DomainError, NotAllowed
from gatekeeper.common.pages import apply_problems, refusal, render_page
from releases.models import Playbook, Release


class ApplyForm(forms.Form):
    """Why, whether dates follow, and the plan that the person has seen."""

    moves_dates = forms.BooleanField(
        label="Move the dates too", required=False,
        help_text="Upcoming gates that are not pinned get the days of the new version. Every move is on the ledger.",
    )  # fmt: skip
    reason = reason_field("Kept in the history and told to the people who watch.")
    version = forms.IntegerField(widget=forms.HiddenInput, min_value=1, max_value=1_000_000, required=False)
    mark = forms.CharField(widget=forms.HiddenInput, max_length=64, required=False)


@login_required
@require_http_methods(["GET", "POST"])
def release_playbook(request: SignedInRequest, product: str, version: str) -> HttpResponse:
    """Move a release to the newest version. `preview` in the form only shows what would change."""
    release = the_release(request.user, product, version)
    url = reverse("release", args=[release.product.slug, release.version])
    gates = gates_of(release)
    if not may_manage(request.user, release.product):
        error = NotAllowed("not_manager", f"Only a product manager of {release.product} may change its playbook.")
        return refusal(request, error, back_url=url, back_words=f"To {release}")
    if stopped := apply_refusal(release, gates):
        return refusal(request, stopped, back_url=url, back_words=f"To {release}")
    newest = newer_version(release)
    form = ApplyForm(request.POST or None)
    is_preview = "preview" in request.POST
    if newest is None or not form.is_bound:
        plan = plan_playbook(release, gates, newest, moves_dates=False, today=today()) if newest else None
        return _page(request, release, form, plan)
    if is_preview:
        form.fields["reason"].required = False
    is_valid = form.is_valid()
    moves_dates = bool(form.cleaned_data.get("moves_dates"))
    seen = Playbook.objects.filter(slug=newest.slug, version=form.cleaned_data.get("version") or 0).first() or newest
    if is_valid and not is_preview:
        try:
            apply_playbook(
                release_id=release.pk,
                playbook=seen,
                actor=request.user,
                reason=form.cleaned_data["reason"],
                moves_dates=moves_dates,
                mark=form.cleaned_data["mark"],
            )
        except Conflict as conflict:
            if conflict.code != "plan_changed":
                return refusal(request, conflict, back_url=url, back_words=f"To {release}")
            plan = plan_playbook(release, gates, newest, moves_dates=moves_dates, today=today())
            return _page(request, release, form, plan, stale=conflict, status=409)
        except DomainError as error:
            apply_problems(form, error)
        else:
            messages.success(request, f"{release} is on version {seen.version} of its playbook.")
            return redirect(url)
    plan = plan_playbook(release, gates, newest, moves_dates=moves_dates, today=today())
    return _page(request, release, form, plan, is_preview=is_preview, status=200 if is_preview else 422)


def _page(
    request: SignedInRequest,
    release: Release,
    form: ApplyForm,
    plan: PlaybookPlan | None,
    *,
    is_preview: bool = False,
    stale: Conflict | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {
        "release": release,
        "form": form,
        "plan": plan,
        "moves": previews.rows(plan.moves) if plan else [],
        "is_preview": is_preview,
        "stale": stale,
    }
    fragment = "releases/_playbook_effect.html" if is_preview else ""
    return render_page(request, "releases/playbook.html", context, fragment=fragment, status=status)
