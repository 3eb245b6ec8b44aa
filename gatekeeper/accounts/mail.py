"""The mail with which people set a password: an invitation for those who have none yet."""

from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from gatekeeper.accounts.models import User

SUBJECT = "Set a new password for gatekeeper"
TEXT = """{person}, somebody asked for a link to set a new password for your account in gatekeeper.

Set the password here, within {minutes} minutes:
{link}

Was it not you? Then do nothing: your password stays as it is.
"""
INVITATION_SUBJECT = "Your account on gatekeeper"
INVITATION_TEXT = """{person}, an administrator made an account for you on gatekeeper, at {base_url}

Your user name: {person.username}

Set your password here, within {minutes} minutes:
{link}

Too late for the link? "Forgot it?" on the sign-in page sends another.
"""


def password_link(person: User) -> str:
    """An address at which the person sets a password once, within PASSWORD_RESET_TIMEOUT."""
    path = reverse(
        "password-set",
        kwargs={
            "identity": urlsafe_base64_encode(force_bytes(person.pk)),
            "token": default_token_generator.make_token(person),
        },
    )
    # from the settings, never from the request: its host can be made up
    return f"{settings.BASE_URL}{path}"


def send_password_link(person_id: int) -> bool:
    """Send an active person their link; whoever is not there or deactivated gets nothing."""
    person = User.objects.filter(pk=person_id, is_active=True).first()
    if person is None:
        return False
    is_new = not person.has_usable_password()
    subject, text = (INVITATION_SUBJECT, INVITATION_TEXT) if is_new else (SUBJECT, TEXT)
    said = {
        "person": person,
        "link": password_link(person),
        "minutes": settings.PASSWORD_RESET_TIMEOUT // 60,
        "base_url": settings.BASE_URL,
    }
    message = EmailMultiAlternatives(
        subject=subject,
        body=text.format(**said),
        to=[person.email],
        headers={"Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All"},
    )
    page = render_to_string("accounts/password_mail.html", {**said, "subject": subject, "is_new": is_new})
    message.attach_alternative(page, "text/html")
    message.send()
    return True
