"""Settings of the organisation: people, groups and product lines. For administrators."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.models import Group
from django.core.paginator import Paginator
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from approvals.absences import absences_around
from approvals.actions.people import (
    add_to_group,
    change_profile,
    create_person,
    deactivate_person,
    reactivate_person,
    remove_from_group,
    save_group,
    set_global_permissions,
)
from approvals.reach import stuck_without
from gatekeeper.accounts.models import User
from gatekeeper.accounts.requests import SignedInRequest
from gatekeeper.accounts.views import mail_link
from gatekeeper.common.calendars import day_of
from gatekeeper.common.errors import Conflict, DomainError
from gatekeeper.common.pages import apply_problems, refusal, render_page
from gatekeeper.dashboard import forms
from gatekeeper.dashboard.queries import settings as queries
from gatekeeper.dashboard.queries.words import counted
from gatekeeper.dashboard.views.access import administrators_only
from releases.actions.products import save_product_line
from releases.models import ProductLine

PER_PAGE = 50
SHOWN = ("active", "inactive", "all")


def page_of(request: SignedInRequest, found: Any) -> Any:
    return Paginator(found, PER_PAGE).get_page(request.GET.get("page", "1"))


def text_of(request: SignedInRequest) -> str:
    return request.GET.get("q", "").replace("\x00", "").strip()[:200]


# --- People -------------------------------------------------------------------------------------------------------


@administrators_only
@require_GET
def people(request: SignedInRequest) -> HttpResponse:
    """Everybody, active ones first of all."""
    show = request.GET.get("show", "")
    show = show if show in SHOWN else "active"
    page = page_of(request, queries.people(text_of(request), show))
    context = {
        "page": page,
        "administrators": queries.administrators(page.object_list),
        "show": show,
        "text": text_of(request),
        "tab": "people",
    }
    return render_page(request, "dashboard/settings/people.html", context)


@administrators_only
@require_http_methods(["GET", "POST"])
def person_new(request: SignedInRequest) -> HttpResponse:
    """A new person, with groups at once."""
    form = forms.PersonForm(request.POST or None)
    if form.is_valid():
        said = form.cleaned_data
        try:
            with transaction.atomic():
                person = create_person(
                    username=said["username"],
                    email=said["email"],
                    full_name=said["full_name"],
                    title=said["title"],
                    permissions=tuple(said["permissions"]),
                    actor=request.user,
                )
                for group in said["groups"]:
                    add_to_group(group=group, person=person, actor=request.user)
        except DomainError as error:
            apply_problems(form, error)
        else:
            messages.success(request, f"{person} has an account now.")
            if said["invite"] and not mail_link(person.pk):
                messages.warning(request, "No mail can be sent right now. Send the link again from this page.")
            return redirect("settings-person", person=person.pk)
    context = {"form": form, "tab": "people"}
    return render_page(request, "dashboard/settings/person_new.html", context, status=422 if form.is_bound else 200)


@administrators_only
@require_http_methods(["GET", "POST"])
def person(request: SignedInRequest, person: int) -> HttpResponse:
    """One person: words, groups, seats, and whether they can sign in."""
    found = get_object_or_404(User, pk=person)
    form = forms.PersonChangeForm(
        request.POST or None, initial={"full_name": found.full_name, "title": found.title, "email": found.email}
    )
    if form.is_valid():
        try:
            change_profile(
                person=found,
                actor=request.user,
                **form.cleaned_data,
                theme=found.theme,
                time_zone=found.time_zone,
                has_shortcuts=found.has_shortcuts,
                wants_email=found.wants_email,
            )
        except DomainError as error:
            apply_problems(form, error)
        else:
            messages.success(request, "Saved.")
            return redirect("settings-person", person=found.pk)
    return _person_page(request, found, form, status=422 if form.is_bound else 200)


def _person_page(
    request: SignedInRequest,
    found: User,
    form: forms.PersonChangeForm,
    join: forms.JoinForm | None = None,
    may: forms.PermissionsForm | None = None,
    status: int = 200,
) -> HttpResponse:
    seats, has_more_seats = queries.seats_of(found)
    context = {
        "person": found,
        "form": form,
        "join": join or forms.JoinForm(person=found),
        "groups": found.groups.order_by("name"),
        "seats": seats,
        "has_more_seats": has_more_seats,
        "permissions": [forms.PERMISSION_WORDS[name].split("\n")[0] for name in queries.global_permissions(found)],
        "may": may or forms.PermissionsForm(initial={"permissions": queries.global_permissions(found)}),
        "is_me": found.pk == request.user.pk,
        "tab": "people",
    }
    return render_page(request, "dashboard/settings/person.html", context, status=status)


@administrators_only
@require_POST
def person_join(request: SignedInRequest, person: int) -> HttpResponse:
    """Put a person into a group."""
    found = get_object_or_404(User, pk=person)
    join = forms.JoinForm(request.POST, person=found)
    if join.is_valid():
        try:
            add_to_group(group=join.cleaned_data["group"], person=found, actor=request.user)
        except DomainError as error:
            apply_problems(join, error)
        else:
            messages.success(request, f"{found} is in {join.cleaned_data['group']} now.")
            return redirect("settings-person", person=found.pk)
    form = forms.PersonChangeForm(initial={"full_name": found.full_name, "title": found.title, "email": found.email})
    return _person_page(request, found, form, join, status=422)


@administrators_only
@require_POST
def person_permissions(request: SignedInRequest, person: int) -> HttpResponse:
    """Change what a person may do in the whole organisation."""
    found = get_object_or_404(User, pk=person)
    may = forms.PermissionsForm(request.POST)
    if may.is_valid():
        try:
            set_global_permissions(person=found, actor=request.user, permissions=tuple(may.cleaned_data["permissions"]))
        except DomainError as error:
            apply_problems(may, error)
        else:
            messages.success(request, f"The permissions of {found} are saved.")
            return redirect("settings-person", person=found.pk)
    form = forms.PersonChangeForm(initial={"full_name": found.full_name, "title": found.title, "email": found.email})
    return _person_page(request, found, form, may=may, status=422)


@administrators_only
@require_POST
def person_link(request: SignedInRequest, person: int) -> HttpResponse:
    """Send a person the link to set their password."""
    found = get_object_or_404(User, pk=person, is_active=True)
    if mail_link(found.pk):
        messages.success(request, f"A link to set the password is on its way to {found.email}.")
    else:
        messages.error(request, "No mail can be sent right now. Try again in a minute.")
    return redirect("settings-person", person=found.pk)


@administrators_only
@require_http_methods(["GET", "POST"])
def person_deactivate(request: SignedInRequest, person: int) -> HttpResponse:
    """What a deactivation would leave without a reachable quorum, then the deactivation itself."""
    found = get_object_or_404(User, pk=person)
    back = reverse("settings-person", kwargs={"person": found.pk})
    if request.method == "POST":
        try:
            deactivate_person(person=found, actor=request.user)
        except DomainError as error:
            return refusal(request, error, back_url=back, back_words=f"To {found}")
        messages.success(request, f"{found} is deactivated and cannot sign in or decide any more.")
        return redirect("settings-person", person=found.pk)
    if not found.is_active or found.pk == request.user.pk:
        return redirect(back)
    owned = found.owned_releases.filter(state__in=["active", "on_hold", "released"]).select_related("product")
    context = {
        "person": found,
        "stuck": stuck_without(found),
        "owned": owned[:50],
        "ending": absences_around(found, day_of(timezone.now()))[:50],
        "tab": "people",
    }
    return render_page(request, "dashboard/settings/person_deactivate.html", context)


@administrators_only
@require_POST
def person_reactivate(request: SignedInRequest, person: int) -> HttpResponse:
    """Let a person in again."""
    found = get_object_or_404(User, pk=person)
    try:
        reactivate_person(person=found, actor=request.user)
    except DomainError as error:
        return refusal(request, error, back_url=reverse("settings-person", kwargs={"person": found.pk}))
    messages.success(request, f"{found} is active again.")
    return redirect("settings-person", person=found.pk)


# --- Groups -------------------------------------------------------------------------------------------------------


@administrators_only
@require_http_methods(["GET", "POST"])
def groups(request: SignedInRequest) -> HttpResponse:
    """Groups, and a new one."""
    form = forms.GroupForm(request.POST or None)
    if form.is_valid():
        try:
            group = save_group(name=form.cleaned_data["name"], actor=request.user)
        except DomainError as error:
            apply_problems(form, error)
        else:
            return redirect("settings-group", group=group.pk)
    page = page_of(request, queries.groups(text_of(request)))
    seats = queries.seats_held(page.object_list)
    context = {
        "form": form,
        "page": page,
        "rows": [(group, seats.get(group.pk, 0)) for group in page.object_list],
        "text": text_of(request),
        "tab": "groups",
    }
    return render_page(request, "dashboard/settings/groups.html", context, status=422 if form.is_bound else 200)


@administrators_only
@require_http_methods(["GET", "POST"])
def group(request: SignedInRequest, group: int) -> HttpResponse:
    """Who is in a group, and somebody more."""
    found = get_object_or_404(Group, pk=group)
    form = forms.MemberForm(request.POST or None)
    if form.is_valid():
        try:
            add_to_group(group=found, person=form.cleaned_data["person"], actor=request.user)
        except DomainError as error:
            apply_problems(form, error)
        else:
            messages.success(request, f"{form.cleaned_data['person']} is in {found} now.")
            return redirect("settings-group", group=found.pk)
    context = {
        "group": found,
        "form": form,
        "page": page_of(request, User.objects.filter(groups=found).order_by("full_name", "username")),
        "seats": queries.seats_held([found]).get(found.pk, 0),
        "lines": found.default_seats.select_related("line").order_by("line__name", "function"),
        "tab": "groups",
    }
    return render_page(request, "dashboard/settings/group.html", context, status=422 if form.is_bound else 200)


@administrators_only
@require_POST
def group_leave(request: SignedInRequest, group: int, person: int) -> HttpResponse:
    """Take a person out of a group, then go back to where that was asked."""
    found = get_object_or_404(Group, pk=group)
    member = get_object_or_404(User, pk=person)
    is_person_page = request.POST.get("from") == "person"
    back = (
        reverse("settings-person", kwargs={"person": member.pk})
        if is_person_page
        else reverse("settings-group", kwargs={"group": found.pk})
    )
    try:
        remove_from_group(
            group=found, person=member, actor=request.user, is_confirmed=request.POST.get("sure") == "yes"
        )
    except Conflict as error:
        context = {
            "error": error,
            "heading": f"Remove {member} from {found}?",
            "action": reverse("settings-group-leave", kwargs={"group": found.pk, "person": member.pk}),
            "fields": [("from", "person" if is_person_page else "group")],
            "button": f"Remove {member}",
            "keep": "Keep in the group",
            "back_url": back,
        }
        return render_page(request, "errors/strand.html", context, status=error.status)
    except DomainError as error:
        return refusal(request, error, back_url=back)
    messages.success(request, f"{member} is not in {found} any more.")
    return redirect(back)


# --- Product lines ------------------------------------------------------------------------------------------------


@administrators_only
@require_GET
def lines(request: SignedInRequest) -> HttpResponse:
    """Product lines."""
    context = {"page": page_of(request, queries.lines()), "tab": "lines"}
    return render_page(request, "dashboard/settings/lines.html", context)


@administrators_only
@require_http_methods(["GET", "POST"])
def line(request: SignedInRequest, line: str = "") -> HttpResponse:
    """A product line, new or there already, and its default groups."""
    found = get_object_or_404(ProductLine, slug=line) if line else None
    held = {seat.function: seat.group_id for seat in found.default_seats.all()} if found else {}
    names = queries.functions()
    # a default for a function that no playbook names any more is still shown
    names |= {function: function.replace("-", " ").capitalize() for function in held if function not in names}
    all_groups = list(Group.objects.order_by("name").values_list("pk", "name"))
    form = forms.LineForm(
        request.POST or None,
        functions=names,
        groups=all_groups,
        held=held,
        is_new=found is None,
        initial={"name": found.name, "description": found.description} if found else {},
    )
    if form.is_valid():
        chosen = {function: pk for function, pk in form.chosen().items() if held.get(function) != pk}
        by_pk = Group.objects.in_bulk([pk for pk in chosen.values() if pk is not None])
        try:
            saved = save_product_line(
                name=form.cleaned_data["name"],
                slug=found.slug if found else "",
                description=form.cleaned_data["description"],
                default_seats={function: by_pk[pk] if pk is not None else None for function, pk in chosen.items()},
                actor=request.user,
            )
        except DomainError as error:
            apply_problems(form, error)
        else:
            seats = f", {counted(len(chosen), 'default group')} changed" if chosen else ""
            messages.success(request, f"{saved} is saved{seats}.")
            return redirect("settings-lines")
    context = {"form": form, "line": found, "has_groups": bool(all_groups), "tab": "lines"}
    return render_page(request, "dashboard/settings/line.html", context, status=422 if form.is_bound else 200)
