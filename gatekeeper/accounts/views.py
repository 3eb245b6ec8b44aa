"""Sign-in, sign-out, and the link to set a new password."""

import logging

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import authenticate, login, logout
from django.contrib.auth.decorators import login_required
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from kombu.exceptions import OperationalError

from gatekeeper.accounts import throttle
from gatekeeper.accounts.backends import find_person
from gatekeeper.accounts.destinations import destination_words, safe_destination
from gatekeeper.accounts.forms import PasswordAgainForm, PasswordLinkForm, SignInForm
from gatekeeper.accounts.fresh import remember_password_given
from gatekeeper.accounts.models import User
from gatekeeper.accounts.requests import SignedInRequest
from gatekeeper.accounts.sessions import remember_sign_in
from gatekeeper.accounts.tasks import send_link
from gatekeeper.common.held import HeldForm, from_signed
from gatekeeper.common.requests import client_ip

logger = logging.getLogger(__name__)

WRONG = "This e-mail or user name and this password do not belong together. Check both and try again."
WRONG_AGAIN = "This is not your password. Try again."
CLOSED = "Signing in is not possible right now. Try again in a minute."
NOT_SENT = "No mail can be sent right now. Try again in a minute."


def too_many(tries: throttle.TooManyTries) -> str:
    return f"Too many tries. Wait {tries.minutes} {'minute' if tries.minutes == 1 else 'minutes'}, then try again."


@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """With e-mail or user name and password; an empty installation is set up first."""
    wanted = safe_destination(request.POST.get("next") or request.GET.get("next") or "/")
    if request.user.is_authenticated:
        return redirect(wanted)
    if request.method == "GET" and not User.objects.exists():
        return redirect("setup")
    form = SignInForm(request.POST or None)
    held = from_signed(request.POST.get("held", ""))
    context = {"form": form, "next": wanted, "goes_to": destination_words(wanted), "problem": "", "held": held}
    status = 200
    if form.is_valid():
        status, context["problem"] = _try_password(request, form)
        if status == 200 and held is not None:
            return render(request, "errors/held.html", {"held": held, "signed_in_again": True})
        if status == 200:
            return redirect(wanted)
    elif form.is_bound:
        status = 422
    return render(request, "accounts/sign_in.html", context, status=status)


def sign_in_to_send(request: HttpRequest, form: HeldForm) -> HttpResponse:
    """The sign-in page as the answer to a form whose sender was signed out meanwhile; it holds the form."""
    context = {"form": SignInForm(), "next": "/", "goes_to": "", "problem": "", "held": form}
    return render(request, "accounts/sign_in.html", context, status=403)


def _try_password(request: HttpRequest, form: SignInForm) -> tuple[int, str]:
    """Sign the person in; else the status and the sentence, the same whether the person exists or not."""
    person, status, problem = _check_password(request, form.cleaned_data["username"], form.cleaned_data["password"])
    if person is None:
        return status, problem
    login(request, person)
    request.session["signed_in_at"] = int(timezone.now().timestamp())
    # None: the cookie outlives the browser; 0: it ends with it
    request.session.set_expiry(None if form.cleaned_data["keep"] else 0)
    remember_sign_in(request, person)
    logger.info("Person %s signed in from %s", person.pk, client_ip(request))
    return 200, ""


def _check_password(request: HttpRequest, name: str, password: str) -> tuple[User | None, int, str]:
    """Whose name and password belong together, each try counted; else nobody, the status and the sentence."""
    address = client_ip(request)
    try:
        known = find_person(name)
        # one account has one count, by whichever of its names it is tried
        account = f"person {known.pk}" if known else f"name {name.casefold()}"
        from_address = throttle.count_try(throttle.PASSWORD_FROM_ADDRESS, address)
        throttle.count_try(throttle.PASSWORD_OF_ACCOUNT, account)
    except throttle.TooManyTries as tries:
        logger.warning("Sign-in refused for %s from %s: too many tries", _who(known), address)
        return None, 429, too_many(tries)
    except DatabaseError:
        logger.exception("Sign-in refused: tries cannot be counted")
        return None, 503, CLOSED
    person = authenticate(request, username=name, password=password)
    if not isinstance(person, User):
        logger.warning("Sign-in failed for %s from %s", _who(known), address)
        return None, 422, WRONG
    throttle.forget_try(throttle.PASSWORD_OF_ACCOUNT, account)
    throttle.forget_try(throttle.PASSWORD_FROM_ADDRESS, address, at=from_address)
    return person, 200, ""


def _who(person: User | None) -> str:
    # never what was typed: people type passwords into the wrong field
    return f"person {person.pk}" if person else "nobody"


@sensitive_post_parameters("password")
@login_required
@require_http_methods(["GET", "POST"])
def sign_in_again(request: SignedInRequest) -> HttpResponse:
    """The password once more, by the person who is signed in, before something that they sign."""
    wanted = safe_destination(request.POST.get("next") or request.GET.get("next") or "/")
    form = PasswordAgainForm(request.POST or None)
    status, problem = 200, ""
    if form.is_valid():
        person, status, problem = _check_password(request, request.user.username, form.cleaned_data["password"])
        if person is not None and person.pk == request.user.pk:
            remember_password_given(request)
            return redirect(wanted)
        problem = WRONG_AGAIN if status in (200, 422) else problem
        status = 422 if status == 200 else status
    elif form.is_bound:
        status = 422
    context = {
        "form": form,
        "next": wanted,
        "goes_to": destination_words(wanted),
        "problem": problem,
        "is_token": wanted.startswith("/settings/api/"),
    }
    return render(request, "accounts/sign_in_again.html", context, status=status)


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session, here and on the server."""
    logout(request)
    messages.success(request, "You are signed out.")
    return redirect("sign-in")


@require_http_methods(["GET", "POST"])
def password_reset(request: HttpRequest) -> HttpResponse:
    """Send a link to set a new password. The answer says nothing about whether somebody has the address."""
    form = PasswordLinkForm(request.POST or None)
    status, problem = 200, ""
    if form.is_valid():
        status, problem = _send_link(request, form.cleaned_data["email"])
        if status == 200:
            return redirect("password-reset-sent")
    elif form.is_bound:
        status = 422
    return render(request, "accounts/password_reset.html", {"form": form, "problem": problem}, status=status)


def _send_link(request: HttpRequest, email: str) -> tuple[int, str]:
    try:
        person = find_person(email)
        account = f"person {person.pk}" if person else f"name {email.casefold()}"
        throttle.count_try(throttle.LINK_FROM_ADDRESS, client_ip(request))
        throttle.count_try(throttle.LINK_TO_ACCOUNT, account)
    except throttle.TooManyTries as tries:
        return 429, too_many(tries)
    # nobody's number is sent as well: the queue takes as long for it
    return (200, "") if mail_link(person.pk if person else 0) else (503, NOT_SENT)


def mail_link(person_id: int) -> bool:
    """Hand a link to set a password to the queue; False when it does not answer. 0 is nobody."""
    try:
        send_link.apply_async(args=[person_id], expires=settings.PASSWORD_RESET_TIMEOUT)
    except (OperationalError, OSError):
        logger.exception("A link to set a password could not be sent")
        return False
    return True


@require_GET
def password_reset_sent(request: HttpRequest) -> HttpResponse:
    """What happens next."""
    return render(request, "accounts/password_reset_sent.html", {"minutes": settings.PASSWORD_RESET_TIMEOUT // 60})
