"""Forms of first steps, profile and settings. Their fields bear the names that the actions use."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from zoneinfo import available_timezones

from django import forms
from django.contrib.auth.models import Group
from django.utils.text import slugify

from approvals.forms.people import PersonField
from gatekeeper.accounts.models import Theme, User
from gatekeeper.common.calendars import WEEKDAYS
from releases.calendar_files import MOST_BYTES
from releases.kinds import CalendarKind
from releases.models import ProductLine
from releases.permissions import GLOBAL_PERMISSIONS

REGIONS = ("Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")
PASSWORD_HINT = "At least 12 characters. Several words are easy to remember."  # noqa: S105
PERMISSION_WORDS = {
    "releases.administer": "Administrator\nPeople, groups, product lines, playbooks and seats; no vote, no evidence",
    "releases.view_portfolio": "Sees the whole portfolio\nRestricted products too",
    "releases.add_product": "May add products\nAnd manages the products added",
}
assert set(PERMISSION_WORDS) == set(GLOBAL_PERMISSIONS)


def new_password_field(label: str = "Password") -> forms.CharField:
    """A password that somebody chooses now."""
    return forms.CharField(
        label=label,
        max_length=1000,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=PASSWORD_HINT,
    )


def name_field() -> forms.CharField:
    return forms.CharField(
        label="Name", max_length=120, widget=forms.TextInput(attrs={"autocomplete": "name"}),
        error_messages={"required": "Give the whole name, such as Ada Byron."},
    )  # fmt: skip


def email_field() -> forms.EmailField:
    return forms.EmailField(
        label="E-mail",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
        error_messages=dict.fromkeys(("invalid", "required"), "Give a whole address such as name@example.org."),
    )


def zone_choices() -> list[tuple[str, str]]:
    """The organisation's zone, UTC, then the zones that are named after places."""
    places = sorted(zone for zone in available_timezones() if zone.split("/")[0] in REGIONS and "/" in zone)
    return [("", "As the organisation"), ("UTC", "UTC"), *((zone, zone.replace("_", " ")) for zone in places)]


class FirstUserForm(forms.Form):
    """First steps: the organisation, and the person who administers it."""

    organisation = forms.CharField(
        label="Organisation", max_length=120, widget=forms.TextInput(attrs={"autofocus": True})
    )
    full_name = name_field()
    email = email_field()
    username = forms.CharField(
        label="User name",
        max_length=150,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}),
        help_text="You sign in with it or with your e-mail.",
    )
    password = new_password_field()


class ProfileForm(forms.Form):
    """What a person says about themselves, and how pages look to them."""

    full_name = name_field()
    title = forms.CharField(
        label="Role title", max_length=120, required=False, help_text="Printed beside your decisions."
    )
    email = email_field()
    current_password = forms.CharField(
        label="Your password",
        required=False,
        strip=False,
        max_length=1000,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        help_text="Needed only to change the e-mail.",
    )
    theme = forms.ChoiceField(label="Appearance", choices=Theme.choices, required=False, widget=forms.RadioSelect)
    time_zone = forms.ChoiceField(
        label="Time zone", choices=zone_choices, required=False,
        help_text="For points in time. Due days stay in the organisation’s zone.",
    )  # fmt: skip
    wants_email = forms.BooleanField(label="Send me notices by e-mail too", required=False)
    has_shortcuts = forms.BooleanField(
        label="Single-key shortcuts", required=False, help_text="Such as j, k and / . The list opens with ?"
    )


class PasswordForm(forms.Form):
    """A new password of one's own."""

    current_password = forms.CharField(
        label="Current password",
        max_length=1000,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    password = new_password_field("New password")


class NewPasswordForm(forms.Form):
    """A new password after following the link of a mail."""

    password = new_password_field("New password")


class OrganisationForm(forms.Form):
    """The organisation's name."""

    name = forms.CharField(max_length=120, help_text="Shown where people sign in, and in mails.")


class WeekdaysForm(forms.Form):
    """On which weekdays the organisation works."""

    weekdays = forms.TypedMultipleChoiceField(
        label="Working weekdays", choices=list(enumerate(WEEKDAYS, start=1)), coerce=int,
        widget=forms.CheckboxSelectMultiple, error_messages={"required": "Choose at least one weekday."},
        help_text="Working days left are counted on these. A due date stays a calendar day, on whichever day it falls.",
    )  # fmt: skip


class CalendarForm(forms.Form):
    """Holidays or freeze windows: a pasted list, or an .ics file."""

    kind = forms.ChoiceField(
        label="What they are", initial=CalendarKind.HOLIDAY, widget=forms.RadioSelect,
        choices=[
            (CalendarKind.HOLIDAY, "Holidays\nNo working days"),
            (CalendarKind.FREEZE, "Freeze windows\nNo releases and deadlines are wanted; a date in one is warned of"),
        ],
    )  # fmt: skip
    text = forms.CharField(
        label="List", required=False, strip=False, max_length=MOST_BYTES,
        widget=forms.Textarea(attrs={"rows": 5, "spellcheck": "false", "class": "md"}),
        help_text="A line each: 2026-12-25 Christmas Day, or 2026-12-21 to 2027-01-03 Year-end freeze",
    )  # fmt: skip
    file = forms.FileField(
        label="Or an .ics file", required=False, allow_empty_file=True,
        widget=forms.FileInput(attrs={"accept": ".ics,text/calendar"}),
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        """`given` is the text of either."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        upload, text = cleaned.get("file"), cleaned.get("text") or ""
        if upload is None:
            cleaned["given"] = text
            if not self.errors and not text.strip():
                self.add_error("text", "Paste a list or choose a file.")
        elif text.strip():
            self.add_error("file", "Give a list or a file, not both.")
        elif upload.size > MOST_BYTES:
            self.add_error("file", "The file is larger than 1 MB: this is no calendar of holidays.")
        else:
            try:
                cleaned["given"] = upload.read().decode("utf-8-sig")
            except UnicodeDecodeError as error:
                byte = f"byte {error.start + 1} is {error.object[error.start]:#04x}"
                self.add_error("file", f"The file is not UTF-8: {byte}.")
        return cleaned


class CalendarLinkForm(forms.Form):
    """What the calendar holds, and what is done with its address."""

    holds = forms.ChoiceField(
        label="It holds", widget=forms.RadioSelect,
        choices=[
            ("mine", "What concerns me\nReleases that I own, follow, or decide on at a gate that is ahead"),
            ("everything", "Everything I may see\nEvery running release"),
        ],
    )  # fmt: skip
    do = forms.ChoiceField(choices=[("change", ""), ("renew", ""), ("revoke", "")], required=False)


class PersonForm(forms.Form):
    """A new person."""

    full_name = name_field()
    title = forms.CharField(label="Role title", max_length=120, required=False, help_text="Printed beside decisions.")
    email = email_field()
    username = forms.CharField(
        label="User name", max_length=150, help_text="Cannot be changed later. Letters, digits and @ . + - _",
        error_messages={"required": "Give a short name to sign in with, such as ada."},
    )  # fmt: skip
    groups = forms.ModelMultipleChoiceField(
        Group.objects.order_by("name"), required=False, widget=forms.CheckboxSelectMultiple
    )
    permissions = forms.MultipleChoiceField(
        label="May also", choices=list(PERMISSION_WORDS.items()), required=False, widget=forms.CheckboxSelectMultiple
    )
    invite = forms.BooleanField(
        label="Send a link to set the password", required=False, initial=True,
        help_text="Without it the person uses \"Forgot it?\" on the sign-in page.",
    )  # fmt: skip


class PermissionsForm(forms.Form):
    """What a person may do in the whole organisation."""

    permissions = forms.MultipleChoiceField(
        label="May also", choices=list(PERMISSION_WORDS.items()), required=False, widget=forms.CheckboxSelectMultiple
    )


class PersonChangeForm(forms.Form):
    """What an administrator may change of a person."""

    full_name = name_field()
    title = forms.CharField(label="Role title", max_length=120, required=False, help_text="Printed beside decisions.")
    email = email_field()


class GroupForm(forms.Form):
    """A new group."""

    name = forms.CharField(max_length=150, help_text="Such as “Engineering approvers”. It cannot be changed later.")


class JoinForm(forms.Form):
    """A group for a person."""

    group = forms.ModelChoiceField(Group.objects.none(), empty_label="Choose a group")

    def __init__(self, *args: Any, person: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        group = self.fields["group"]
        assert isinstance(group, forms.ModelChoiceField)
        group.queryset = Group.objects.exclude(user=person).order_by("name")


class MemberForm(forms.Form):
    """A person for a group."""

    person = PersonField(label="Person", help_text="Type a name and choose a suggestion.")


class LineForm(forms.Form):
    """A product line, and which group decides for each function unless a product says otherwise."""

    problem_fields: ClassVar[dict[str, str]] = {"slug": "name"}

    name = forms.CharField(max_length=120)
    description = forms.CharField(
        required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 2}), help_text="One sentence."
    )

    def __init__(
        self,
        *args: Any,
        functions: Mapping[str, str],
        groups: Sequence[tuple[int, str]],
        held: Mapping[str, int],
        is_new: bool,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.functions = functions
        self.is_new = is_new
        for function, name in functions.items():
            choices = [("", "Nobody by default"), *groups]
            self.fields[self.field_of(function)] = forms.ChoiceField(
                label=name, choices=choices, required=False, initial=held.get(function, "")
            )

    @staticmethod
    def field_of(function: str) -> str:
        return f"seat-{function}"

    @property
    def seat_fields(self) -> list[forms.BoundField]:
        return [self[self.field_of(function)] for function in self.functions]

    def clean_name(self) -> str:
        """A new line must not take the address of another: the action would change that one."""
        name: str = self.cleaned_data["name"].strip()
        if self.is_new and ProductLine.objects.filter(slug=slugify(name)[:64]).exists():
            raise forms.ValidationError(f"There is a product line called {name} already, or nearly so.", "exists")
        return name

    def chosen(self) -> dict[str, int | None]:
        """Group ids by function, None for nobody; a form without a function's field says nothing about it."""
        return {
            function: int(value) if (value := self.cleaned_data[self.field_of(function)]) else None
            for function in self.functions
            if self.field_of(function) in self.data
        }


class ViewForm(forms.Form):
    """The name of a saved view."""

    name = forms.CharField(label="Name", max_length=80, help_text="Such as: late at Release Readiness.")
