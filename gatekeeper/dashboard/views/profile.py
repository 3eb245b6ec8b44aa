"""One's own profile, password and sessions, and setting a password after following the link of a mail."""

import logging

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.contrib.auth.tokens import default_token_generator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import urlsafe_base64_decode
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from approvals.actions.people import change_password, change_profile
from gatekeeper.accounts import throttle
from gatekeeper.accounts.models import SignedIn, User
from gatekeeper.accounts.requests import SignedInRequest
from gatekeeper.accounts.sessions import carry_on, end_other_sessions, end_session, own_sessions
from gatekeeper.accounts.views import too_many
from gatekeeper.common.errors import DomainError
from gatekeeper.common.pages import apply_problems, render_page
from gatekeeper.dashboard.forms import NewPasswordForm, PasswordForm, ProfileForm

log = logging.getLogger(__name__)

# the token leaves the address before the page is shown, so that no link or log carries it on
TOKEN = "password_token"  # noqa: S105
TOKEN_IN_SESSION = "in-session"  # noqa: S105
PROFILE_FIELDS = ("full_name", "title", "email", "theme", "time_zone", "wants_email", "has_shortcuts")


@sensitive_post_parameters("current_password")
@login_required
@require_http_methods(["GET", "POST"])
def profile(request: SignedInRequest) -> HttpResponse:
    """Name, e-mail, role title, and how pages look. A new e-mail needs the password: links are sent there."""
    person = request.user
    form = ProfileForm(request.POST or None, initial={name: getattr(person, name) for name in PROFILE_FIELDS})
    if form.is_valid() and _may_change_email(form, person):
        wanted = {name: form.cleaned_data[name] for name in PROFILE_FIELDS}
        try:
            change_profile(person=person, actor=person, **wanted)
        except DomainError as error:
            apply_problems(form, error)
        else:
            messages.success(request, "Your profile is saved.")
            return redirect("profile")
    context = {"form": form, "zone": settings.TIME_ZONE}
    return render_page(request, "dashboard/profile.html", context, status=422 if form.is_bound else 200)


def _may_change_email(form: ProfileForm, person: User) -> bool:
    if form.cleaned_data["email"].lower() == person.email.lower():
        return True
    return _is_own_password(form, person)


def _is_own_password(form: ProfileForm | PasswordForm, person: User) -> bool:
    """Whether the current password was given; tries count as those of signing in do."""
    given = form.cleaned_data["current_password"]
    if not given:
        form.add_error("current_password", "Type your password to change the e-mail.")
        return False
    subject = f"person {person.pk}"
    try:
        throttle.count_try(throttle.PASSWORD_OF_ACCOUNT, subject)
    except throttle.TooManyTries as tries:
        form.add_error("current_password", too_many(tries))
        return False
    if not person.check_password(given):
        form.add_error("current_password", "This is not your password.")
        return False
    throttle.forget_try(throttle.PASSWORD_OF_ACCOUNT, subject)
    return True


@sensitive_post_parameters("current_password", "password")
@login_required
@require_http_methods(["GET", "POST"])
def password(request: SignedInRequest) -> HttpResponse:
    """A new password; every other session of the person ends."""
    person = request.user
    form = PasswordForm(request.POST or None)
    if form.is_valid() and _is_own_password(form, person):
        try:
            change_password(person=person, actor=person, password=form.cleaned_data["password"])
        except DomainError as error:
            apply_problems(form, error)
        else:
            key = request.session.session_key
            update_session_auth_hash(request, person)
            carry_on(request, key)
            end_other_sessions(request, person)
            messages.success(request, "Your password is changed. Other sessions have ended.")
            return redirect("password")
    return render_page(request, "dashboard/password.html", {"form": form}, status=422 if form.is_bound else 200)


@login_required
@require_GET
def sessions(request: SignedInRequest) -> HttpResponse:
    """Where the person is signed in."""
    found = own_sessions(request, request.user)
    context = {
        "sessions": found,
        "others": len(found) - 1,
        "hours": settings.SESSION_COOKIE_AGE // 3600,
        "days": settings.SESSION_ABSOLUTE_AGE.days,
    }
    return render_page(request, "dashboard/sessions.html", context)


@login_required
@require_POST
def session_end(request: SignedInRequest, session: int) -> HttpResponse:
    """End one of the person's own sessions."""
    if session > 2**63 - 1:
        raise Http404("No such session.")
    try:
        end_session(request.user, session)
    except SignedIn.DoesNotExist as error:
        raise Http404("No such session.") from error
    log.info("Person %s ended one of their sessions", request.user.pk)
    messages.success(request, "The session is ended.")
    return redirect("sessions")


@login_required
@require_POST
def sessions_end(request: SignedInRequest) -> HttpResponse:
    """End all of the person's sessions but this one."""
    count = end_other_sessions(request, request.user)
    log.info("Person %s ended %s other sessions", request.user.pk, count)
    messages.success(request, f"{count} {'session is' if count == 1 else 'sessions are'} ended; this one goes on.")
    return redirect("sessions")


@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "POST"])
def password_set(request: HttpRequest, identity: str, token: str) -> HttpResponse:
    """Set a password with the link of a mail: it works once and for an hour."""
    person = _person_of(identity)
    if token != TOKEN_IN_SESSION:
        if person is None or not default_token_generator.check_token(person, token):
            return render(request, "dashboard/password_set.html", {"form": None}, status=410)
        request.session[TOKEN] = token
        return redirect("password-set", identity=identity, token=TOKEN_IN_SESSION)
    if person is None or not default_token_generator.check_token(person, request.session.get(TOKEN, "")):
        return render(request, "dashboard/password_set.html", {"form": None}, status=410)
    form = NewPasswordForm(request.POST or None)
    if form.is_valid():
        try:
            change_password(person=person, actor=person, password=form.cleaned_data["password"])
        except DomainError as error:
            apply_problems(form, error)
        else:
            del request.session[TOKEN]
            end_other_sessions(request, person)
            # who could set the password need not wait for the tries of somebody else to be forgotten
            throttle.forget_try(throttle.PASSWORD_OF_ACCOUNT, f"person {person.pk}")
            messages.success(request, "Your password is set. Sign in with it.")
            return redirect("sign-in")
    context = {"form": form, "person": person}
    return render(request, "dashboard/password_set.html", context, status=422 if form.is_bound else 200)


def _person_of(identity: str) -> User | None:
    try:
        number = int(urlsafe_base64_decode(identity).decode())
    except (ValueError, UnicodeDecodeError):
        return None
    if not 0 < number < 2**63:
        return None
    return User.objects.filter(pk=number, is_active=True).first()
