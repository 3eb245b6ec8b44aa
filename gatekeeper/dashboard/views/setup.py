"""First steps: the first user of an empty installation, then what is still missing."""

import yaml
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from approvals.actions.people import create_first_administrator
from gatekeeper.accounts.models import User
from gatekeeper.accounts.requests import SignedInRequest
from gatekeeper.common.errors import DomainError
from gatekeeper.common.pages import apply_problems
from gatekeeper.dashboard.forms import FirstUserForm
from gatekeeper.dashboard.queries.setup import FirstSteps
from gatekeeper.dashboard.views.access import administrators_only
from releases.actions.products import load_playbook
from releases.permissions import is_administrator
from releases.playbooks import parse_playbook

SHIPPED = settings.BASE_DIR / "releases" / "playbook_files"


@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def setup(request: HttpRequest) -> HttpResponse:
    """The first user where there is none, else the steps, for administrators."""
    if not User.objects.exists():
        return _first_user(request)
    if not request.user.is_authenticated:
        return redirect_to_login(request.path)
    if request.method == "POST" or not is_administrator(request.user):
        return redirect("home")
    return render(request, "dashboard/setup.html", {"first": FirstSteps(), "nav": "work"})


def _first_user(request: HttpRequest) -> HttpResponse:
    form = FirstUserForm(request.POST or None)
    if form.is_valid():
        try:
            person = create_first_administrator(**form.cleaned_data)
        except DomainError as error:
            apply_problems(form, error)
        else:
            load_shipped_playbooks(person)
            login(request, person, backend=settings.AUTHENTICATION_BACKENDS[0])
            request.session["signed_in_at"] = int(timezone.now().timestamp())
            return redirect("setup")
    return render(request, "dashboard/setup_first_user.html", {"form": form}, status=422 if form.is_bound else 200)


@administrators_only
@require_POST
def setup_playbooks(request: SignedInRequest) -> HttpResponse:
    """Load the playbooks that ship with the product."""
    count = load_shipped_playbooks(request.user)
    messages.success(request, f"{count} playbooks are loaded.")
    return redirect("setup")


def load_shipped_playbooks(actor: User) -> int:
    """Load them through the action; what is there already stays as it is. Returns how many files there are."""
    files = sorted(SHIPPED.glob("*.yaml"))
    for path in files:
        load_playbook(spec=parse_playbook(yaml.safe_load(path.read_text(encoding="utf-8"))), actor=actor)
    return len(files)
