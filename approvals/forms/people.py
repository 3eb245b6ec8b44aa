"""Fields in which a person or a group is named: a text with suggestions, since a list of everybody would not end."""

import re
from typing import Any

from django import forms
from django.contrib.auth.models import Group
from django.db.models import Q
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from gatekeeper.accounts.models import User

SUGGESTIONS = 12
_GROUP = re.compile(r"(.+) \(group\)")
_USERNAME = re.compile(r".*\(([^()]+)\)")


def words_for(holder: User | Group) -> str:
    """How a suggestion writes a person or a group; `find_holder` reads it back."""
    return f"{holder.name} (group)" if isinstance(holder, Group) else f"{holder.full_name} ({holder.username})"


def suggestions(text: str, *, with_groups: bool) -> list[tuple[str, str]]:
    """The first few people and groups whose name or user name holds the text: (value, note).

    An e-mail address has to be typed whole: nobody learns one letter by letter.
    """
    text = text.strip()
    people = User.objects.filter(is_active=True)
    groups = Group.objects.order_by("name")
    if text:
        people = people.filter(Q(full_name__icontains=text) | Q(username__icontains=text) | Q(email__iexact=text))
        groups = groups.filter(name__icontains=text)
    found = [(words_for(group), "Group") for group in groups[:SUGGESTIONS]] if with_groups else []
    return [*found, *((words_for(person), person.title) for person in people[:SUGGESTIONS])]


def find_holder(text: str, *, with_groups: bool, with_inactive: bool = False) -> User | Group:
    """The person or group that a text names.

    Raises:
        ValidationError: nobody, several, or a deactivated person (unless `with_inactive`).
    """
    text = text.strip()
    if with_groups and (named := _GROUP.fullmatch(text)):
        group = Group.objects.filter(name=named[1]).first()
        if group is not None:
            return group
    if named := _USERNAME.fullmatch(text):
        person = User.objects.filter(username=named[1]).first()
        if person is not None:
            return person if with_inactive else _active(person)
    people = list(User.objects.filter(Q(username=text) | Q(email__iexact=text))[:1]) or list(
        User.objects.filter(full_name__iexact=text, is_active=True)[:2]
    )
    if len(people) > 1:
        raise forms.ValidationError(f"Several people are called {text}: give the user name or e-mail.", "ambiguous")
    if people:
        return people[0] if with_inactive else _active(people[0])
    if with_groups:
        group = Group.objects.filter(name__iexact=text).first()
        if group is not None:
            return group
    raise forms.ValidationError(
        f"{'Nobody and no group' if with_groups else 'Nobody'} is called {text}. Type a name and choose a suggestion.",
        "unknown",
    )


def _active(person: User) -> User:
    if not person.is_active:
        raise forms.ValidationError(f"{person} is deactivated.", "inactive")
    return person


class HolderInput(forms.TextInput):
    """A text field whose suggestions come as one types; without JavaScript the name is typed whole."""

    with_groups = False

    def render(self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None) -> SafeString:
        own = dict(attrs or {})
        options = f"{own.get('id', name)}-options"
        own |= {
            "list": options,
            "autocomplete": "off",
            "hx-get": f"{reverse('holder-options')}?for={'holder' if self.with_groups else 'person'}",
            "hx-trigger": "focus once, input changed delay:250ms",
            "hx-target": f"#{options}",
            "hx-swap": "innerHTML",
            "hx-sync": "this:replace",
        }
        return format_html('{}<datalist id="{}"></datalist>', super().render(name, value, own, renderer), options)


class HolderField(forms.CharField):
    """A person or a group, by name."""

    with_groups = True
    with_inactive = False

    def __init__(self, **kwargs: Any) -> None:
        widget = HolderInput()
        widget.with_groups = self.with_groups
        kwargs.setdefault("widget", widget)
        kwargs.setdefault("max_length", 300)
        super().__init__(**kwargs)

    def prepare_value(self, value: Any) -> Any:
        return words_for(value) if isinstance(value, User | Group) else value

    def clean(self, value: Any) -> Any:
        """A `User` or `Group`; None when the field is optional and empty."""
        if isinstance(value, User | Group):
            return value  # a disabled field hands back its initial value
        text = super().clean(value)
        return find_holder(text, with_groups=self.with_groups, with_inactive=self.with_inactive) if text else None


class PresentHolderField(HolderField):
    """Somebody who has a thing already, to take it back: deactivated people too."""

    with_inactive = True


class PersonField(HolderField):
    """A person, by name."""

    with_groups = False
