"""A release moved through its states: each verb on a page of its own, with what it would do before it is done."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from approvals.feasibility import planned_shortages
from approvals.forms.releases import (
    ActivateForm,
    CancelForm,
    CorrectDateForm,
    HoldForm,
    RebaselineForm,
    ReleaseChangeForm,
    ResumeForm,
    ShipForm,
)
from approvals.pages import previews
from approvals.pages import releases as pages
from approvals.views.access import may_manage, may_rebaseline, the_release, today
from gatekeeper.accounts.models import User
from gatekeeper.accounts.requests import SignedInRequest
from gatekeeper.common.errors import Conflict, DomainError, NotAllowed
from gatekeeper.common.pages import apply_problems, refusal, render_page
from gatekeeper.common.templatetags.gk import day
from releases import rules
from releases.actions import releases as actions
from releases.actions.baselines import baseline_problem, plan_baseline, rebaseline_release
from releases.actions.releases import offsets_of
from releases.kinds import EventKind, ReleaseState
from releases.models import Gate, Release
from releases.playbooks import parse_playbook


@dataclass(frozen=True)
class Deed:
    """One verb on a page of its own: its words, and what it would do."""

    key: str
    heading: str
    lead: str
    button: str
    busy: str
    done: str
    consequences: tuple[str, ...] = ()
    moves: Sequence[rules.Move] = ()
    moves_words: str = ""
    is_danger: bool = False
    is_told: bool = True
    # The event whose notice is previewed.
    kind: str = EventKind.RELEASE_REPLANNED


FormOf = Callable[..., forms.Form]
Describe = Callable[[Release, list[Gate], forms.Form], Deed]
Act = Callable[[Release, User, dict[str, Any]], Release]


def _deed_page(
    request: SignedInRequest,
    product: str,
    version: str,
    key: str,
    form_of: Callable[..., forms.Form],
    describe: Describe,
    act: Act,
) -> HttpResponse:
    """Show what a verb would do; do it; put a refusal back into the form with everything that was typed."""
    release = the_release(request.user, product, version)
    gates = pages.gates_of(release)
    if answer := _refused(request, release, key, gates):
        return answer
    form = form_of(request.POST if request.method == "POST" else None, release)
    is_preview = "preview" in request.POST or "preview" in request.GET
    if form.is_bound and form.is_valid() and not is_preview:
        try:
            act(release, request.user, form.cleaned_data)
        except Conflict as error:
            return refusal(request, error, back_url=_url(release), back_words=f"To {release}")
        except DomainError as error:
            apply_problems(form, error)
        else:
            messages.success(request, describe(release, gates, form).done)
            return redirect(_url(release))
    deed = describe(release, gates, form)
    status = 422 if form.is_bound and not is_preview else 200
    context = {
        "release": release,
        "form": form,
        "deed": deed,
        "moves": previews.rows(deed.moves),
        "is_preview": is_preview,
    }
    fragment = "releases/_deed_effect.html" if is_preview else ""
    return render_page(request, "releases/deed.html", context, fragment=fragment, status=status)


def _refused(request: SignedInRequest, release: Release, key: str, gates: Sequence[Gate]) -> HttpResponse | None:
    """The answer to whoever may not do this, or not now; None when they may."""
    error: DomainError
    if key == "rebaseline":
        if not may_rebaseline(request.user, release.product):
            error = NotAllowed("no_rebaseline", f"You may not set a new baseline on {release.product}.")
        elif (problem := baseline_problem(release, gates)) is not None:
            error = problem
        else:
            return None
    elif not may_manage(request.user, release.product):
        error = NotAllowed("not_manager", f"Only a product manager of {release.product} may do this.")
    elif key not in pages.allowed(release, gates):
        words = ReleaseState(release.state).label.lower()
        error = Conflict("wrong_state", f"{release} is {words}; this is not possible now.")
    else:
        return None
    return refusal(request, error, back_url=_url(release), back_words=f"To {release}")


def _value(form: forms.Form, name: str) -> Any:
    """What stands in a field, cleaned if it can be: for previews of a form that is not whole yet."""
    try:
        return form.fields[name].clean(form[name].value())
    except forms.ValidationError:
        return None


@login_required
@require_http_methods(["GET", "POST"])
def release_edit(request: SignedInRequest, product: str, version: str) -> HttpResponse:
    """Theme, product manager, and a draft's target."""

    def describe(release: Release, _gates: list[Gate], _form: forms.Form) -> Deed:
        return Deed("edit", f"Edit {release}", "", "Save release", "Saving", "Saved.", is_told=False)

    def act(release: Release, user: User, values: dict[str, Any]) -> Release:
        return actions.change_release(release_id=release.pk, actor=user, **values)

    return _deed_page(
        request, product, version, "edit", lambda data, release: ReleaseChangeForm(data, release=release), describe, act
    )


@login_required
@require_http_methods(["GET", "POST"])
def release_hold(request: SignedInRequest, product: str, version: str) -> HttpResponse:
    """Put a release on hold."""

    def describe(release: Release, gates: list[Gate], form: forms.Form) -> Deed:
        resume_by, on = _value(form, "resume_by"), today()
        moves: Sequence[rules.Move] = ()
        if resume_by and resume_by > on:
            held = Release(held_on=on, target_on=release.target_on)
            moves = previews.resume_moves(held, gates, previews.missed_gates(release), resume_by)
        return Deed(
            "hold",
            f"Put {release} on hold?",
            "Nobody is missed or reminded meanwhile, and an open round freezes. Held days never count as slip.",
            "Put on hold",
            "Putting on hold",
            f"{release} is on hold.",
            consequences=(
                "No date moves now. On the day it is resumed, every date that is not missed moves by the days held.",
            ),
            moves=moves,
            moves_words=f"If it is resumed on {day(resume_by)}" if moves else "",
            kind=EventKind.RELEASE_HELD,
        )

    def act(release: Release, user: User, values: dict[str, Any]) -> Release:
        return actions.hold_release(release_id=release.pk, actor=user, **values)

    return _deed_page(request, product, version, "hold", lambda data, _release: HoldForm(data), describe, act)


@login_required
@require_http_methods(["GET", "POST"])
def release_resume(request: SignedInRequest, product: str, version: str) -> HttpResponse:
    """Resume a release that is on hold."""

    def describe(release: Release, gates: list[Gate], _form: forms.Form) -> Deed:
        on = today()
        held = (on - release.held_on).days if release.held_on else 0
        moves = previews.resume_moves(release, gates, previews.missed_gates(release), on)
        since = f"On hold since {day(release.held_on)}: {release.state_reason}"
        days = "1 day" if held == 1 else f"{held} days"
        effect = (
            f"It was held for {days}: the dates below move by as much."
            if moves
            else "No date moves: it was held today."
        )
        return Deed(
            "resume", f"Resume {release}?", since, "Resume release", "Resuming", f"{release} goes on.",
            consequences=(effect, "The current gate goes on where it stopped."), moves=moves,
            moves_words="Dates that move", kind=EventKind.RELEASE_RESUMED,
        )  # fmt: skip

    def act(release: Release, user: User, values: dict[str, Any]) -> Release:
        return actions.resume_release(release_id=release.pk, actor=user, **values)

    return _deed_page(request, product, version, "resume", lambda data, _release: ResumeForm(data), describe, act)


@login_required
@require_http_methods(["GET", "POST"])
def release_cancel(request: SignedInRequest, product: str, version: str) -> HttpResponse:
    """Cancel a release."""

    def describe(release: Release, gates: list[Gate], _form: forms.Form) -> Deed:
        current = next((gate for gate in gates if gate.key == release.current_gate), None)
        effects = [
            "No gate of it is due any more, and no date moves.",
            "It leaves the averages. This cannot be undone.",
        ]
        if current is not None and release.current_state == "in_review":
            effects.insert(0, f"Round {current.round_number} of {current.name} ends: nobody decides on it any more.")
        return Deed(
            "cancel", f"Cancel {release}?", "Ending a release on evidence is a good outcome: say what was learned.",
            "Cancel the release", "Cancelling", f"{release} is cancelled.", consequences=tuple(effects), is_danger=True,
            kind=EventKind.RELEASE_CANCELLED,
        )  # fmt: skip

    def act(release: Release, user: User, values: dict[str, Any]) -> Release:
        return actions.cancel_release(release_id=release.pk, actor=user, **values)

    return _deed_page(request, product, version, "cancel", lambda data, _release: CancelForm(data), describe, act)


@login_required
@require_http_methods(["GET", "POST"])
def release_ship(request: SignedInRequest, product: str, version: str) -> HttpResponse:
    """Record that a release is out."""

    def describe(release: Release, gates: list[Gate], form: forms.Form) -> Deed:
        released_on = _value(form, "released_on")
        after = next((gate for gate in gates if gate.is_after_release), None)
        effects = [f"{after.name} opens." if after else "The release is closed: it has no gate after the release."]
        moves = previews.ship_moves(gates, released_on) if released_on else []
        return Deed(
            "ship", f"Record the release of {release}", "Every gate before the release is passed.",
            "Record the release", "Recording", f"{release} is released.", consequences=tuple(effects), moves=moves,
            moves_words="Dates that move" if moves else "", kind=EventKind.RELEASE_SHIPPED,
        )  # fmt: skip

    def act(release: Release, user: User, values: dict[str, Any]) -> Release:
        return actions.ship_release(release_id=release.pk, actor=user, **values)

    def form_of(data: Any, release: Release) -> forms.Form:
        return ShipForm(data, initial={"released_on": today()}, target_on=release.target_on)

    return _deed_page(request, product, version, "ship", form_of, describe, act)


@login_required
@require_http_methods(["GET", "POST"])
def release_correct_date(request: SignedInRequest, product: str, version: str) -> HttpResponse:
    """Correct the day a release came out."""

    def describe(release: Release, gates: list[Gate], form: forms.Form) -> Deed:
        released_on = _value(form, "released_on")
        moves = previews.correct_moves(gates, previews.missed_gates(release), released_on) if released_on else []
        return Deed(
            "correct-date", f"Correct the release date of {release}",
            f"Recorded as {day(release.released_on)}. Both days stay in the history.",
            "Correct the date", "Correcting", "The release date is corrected.", moves=moves,
            moves_words="Dates that move" if moves else "", kind=EventKind.RELEASE_DATE_CORRECTED,
        )  # fmt: skip

    def act(release: Release, user: User, values: dict[str, Any]) -> Release:
        return actions.correct_release_date(release_id=release.pk, actor=user, **values)

    def form_of(data: Any, release: Release) -> forms.Form:
        return CorrectDateForm(data, initial={"released_on": release.released_on})

    return _deed_page(request, product, version, "correct-date", form_of, describe, act)


@login_required
@require_http_methods(["GET", "POST"])
def release_rebaseline(request: SignedInRequest, product: str, version: str) -> HttpResponse:
    """Make the plan in force the baseline."""

    def describe(release: Release, gates: list[Gate], _form: forms.Form) -> Deed:
        plan = plan_baseline(release, gates)
        lost = plan.slip_days
        slip = f"{abs(lost)} {'day' if abs(lost) == 1 else 'days'}"
        words = f"{slip} after the baseline" if lost > 0 else f"{slip} before the baseline" if lost < 0 else "none"
        held = f" The {release.held_days} days on hold are in the new dates." if release.held_days else ""
        return Deed(
            "rebaseline", f"Set a new baseline for {release}?",
            "The dates now committed to become what the release is measured against. No due date moves.",
            "Set the new baseline", "Setting", f"{release} has a new baseline.",
            consequences=(
                f"The slip is {words} now, and 0 days afterwards.{held}",
                "The old baseline, its slip and your reason stay in the release’s history.",
                "Missed gates stay on record; gates that are passed keep their baseline.",
            ),
            moves=plan.moves, moves_words="Baseline dates that change", kind=EventKind.RELEASE_REBASELINED,
        )  # fmt: skip

    def act(release: Release, user: User, values: dict[str, Any]) -> Release:
        return rebaseline_release(release_id=release.pk, actor=user, **values)

    return _deed_page(
        request, product, version, "rebaseline", lambda data, _release: RebaselineForm(data), describe, act
    )


@login_required
@require_http_methods(["GET", "POST"])
def release_activate(request: SignedInRequest, product: str, version: str) -> HttpResponse:
    """Activate a draft: its dates as the playbook gives them, or explicit ones."""
    release = the_release(request.user, product, version)
    if answer := _refused(request, release, "activate", []):
        return answer
    spec, on = parse_playbook(release.playbook.definition), today()
    planned = rules.planned_dates(offsets_of(spec), cast(date, release.target_on))
    form = ActivateForm(request.POST or None, spec=spec, planned=planned)
    if form.is_valid():
        try:
            # All days are sent, so that a refusal names the gate it is about.
            actions.activate_release(release_id=release.pk, actor=request.user, dates=form.all_dates)
        except Conflict as error:
            return refusal(request, error, back_url=_url(release), back_words=f"To {release}")
        except DomainError as error:
            apply_problems(form, error)
        else:
            messages.success(request, f"{release} is active. {spec.gates[0].name} is open.")
            return redirect(_url(release))
    late = [gate.key for gate in spec.gates if planned[gate.key] < on]
    context = {
        "release": release,
        "form": form,
        "rows": [(gate, form[f"dates.{gate.key}"], gate.key in late) for gate in spec.gates],
        "first_after": next((gate.key for gate in spec.gates if gate.is_after_release), ""),
        "late": len(late),
        "earliest": rules.earliest_target(offsets_of(spec), on) if late else None,
        "first_gate": spec.gates[0],
        "short": planned_shortages(release, spec, release.owner),
    }
    return render_page(request, "releases/activate.html", context, status=422 if form.is_bound else 200)


def _url(release: Release) -> str:
    return reverse("release", args=[release.product.slug, release.version])
