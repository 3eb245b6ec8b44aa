"""Mails of accounts leave from the worker, so that a request takes as long for an unknown address as for a known."""

from celery import shared_task

from gatekeeper.accounts.mail import send_password_link


@shared_task
def send_link(person_id: int) -> None:
    """A link to set a new password; 0 is nobody."""
    send_password_link(person_id)
