"""`{% load holders %}`: how forms write people and groups."""

from django import template
from django.contrib.auth.models import Group

from approvals.forms.people import words_for
from gatekeeper.accounts.models import User

register = template.Library()


@register.filter
def holder_words(holder: User | Group) -> str:
    """The value that `HolderField` reads back."""
    return words_for(holder)
