"""The organisation: its name, its working weekdays, its holidays and freeze windows. For administrators."""

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from gatekeeper.accounts.requests import SignedInRequest
from gatekeeper.common.calendars import day_of
from gatekeeper.common.errors import DomainError, FieldProblem
from gatekeeper.common.pages import apply_problems, refusal, render_page
from gatekeeper.dashboard import forms
from gatekeeper.dashboard.queries.words import counted
from gatekeeper.dashboard.views.access import administrators_only
from releases.actions.calendars import add_calendar_entries, remove_calendar_entry, set_working_weekdays
from releases.actions.products import save_organisation
from releases.kinds import CalendarKind
from releases.models import CalendarEntry, Organisation

PER_PAGE = 50
PAGE = "settings-organisation"


@administrators_only
@require_http_methods(["GET", "POST"])
def organisation(request: SignedInRequest) -> HttpResponse:
    """The organisation's name and calendar; its time zone comes from the configuration."""
    if request.method != "POST":
        return _page(request)
    form = forms.OrganisationForm(request.POST)
    if form.is_valid():
        try:
            save_organisation(name=form.cleaned_data["name"], actor=request.user)
        except DomainError as error:
            apply_problems(form, error)
        else:
            messages.success(request, "Saved.")
            return redirect(PAGE)
    return _page(request, form=form, status=422)


@administrators_only
@require_POST
def weekdays(request: SignedInRequest) -> HttpResponse:
    """On which weekdays the organisation works."""
    form = forms.WeekdaysForm(request.POST)
    if form.is_valid():
        try:
            set_working_weekdays(weekdays=form.cleaned_data["weekdays"], actor=request.user)
        except DomainError as error:
            apply_problems(form, error)
        else:
            messages.success(request, "The working weekdays are saved.")
            return redirect(PAGE)
    return _page(request, week=form, status=422)


@administrators_only
@require_POST
def days(request: SignedInRequest) -> HttpResponse:
    """Holidays or freeze windows, pasted or from an .ics file; all or nothing."""
    form = forms.CalendarForm(request.POST, request.FILES)
    if form.is_valid():
        kind = form.cleaned_data["kind"]
        try:
            made, known = add_calendar_entries(kind=kind, text=form.cleaned_data["given"], actor=request.user)
        except DomainError as error:
            # What is wrong with a line stands beside where the lines came from.
            place = "file" if request.FILES.get("file") else "text"
            fields = [
                FieldProblem(one.field if one.field in form.fields else place, one.code, one.message)
                for one in error.fields
            ]
            apply_problems(form, type(error)(error.code, error.message, fields=fields))
        else:
            word = "holiday" if kind == CalendarKind.HOLIDAY else "freeze window"
            there = f" {counted(known, 'was', 'were')} there already." if known else ""
            messages.success(request, f"{counted(len(made), word)} added.{there}")
            return redirect(PAGE)
    return _page(request, entries=form, status=422)


@administrators_only
@require_POST
def day_remove(request: SignedInRequest, entry: int) -> HttpResponse:
    """Take an entry out of the calendar."""
    found = get_object_or_404(CalendarEntry, pk=entry)
    try:
        remove_calendar_entry(entry_id=found.pk, actor=request.user)
    except DomainError as error:
        return refusal(request, error, back_url=reverse(PAGE), back_words="To the organisation")
    messages.success(request, "It is out of the calendar.")
    return redirect(PAGE)


def _page(
    request: SignedInRequest,
    *,
    form: forms.OrganisationForm | None = None,
    week: forms.WeekdaysForm | None = None,
    entries: forms.CalendarForm | None = None,
    status: int = 200,
) -> HttpResponse:
    """The whole page, with the form that was refused among the others."""
    stored = Organisation.objects.first()
    today = day_of(timezone.now())
    is_past = request.GET.get("show") == "past"
    past, coming = CalendarEntry.objects.filter(ends_on__lt=today), CalendarEntry.objects.filter(ends_on__gte=today)
    rows = past.order_by("-starts_on", "-pk") if is_past else coming.order_by("starts_on", "pk")
    working = [int(number) for number in stored.working_weekdays] if stored else [1, 2, 3, 4, 5]
    context = {
        "form": form or forms.OrganisationForm(initial={"name": stored.name if stored else ""}),
        "week": week or forms.WeekdaysForm(initial={"weekdays": working}),
        "entries": entries or forms.CalendarForm(),
        "page": Paginator(rows, PER_PAGE).get_page(request.GET.get("page", "1")),
        "is_past": is_past,
        "has_past": past.exists(),
        "stored": stored,
        "zone": settings.TIME_ZONE,
        "tab": "organisation",
    }
    return render_page(request, "dashboard/settings/organisation.html", context, status=status)
