"""Forms of sign-in."""

from django import forms


class SignInForm(forms.Form):
    """E-mail or user name, and password."""

    username = forms.CharField(
        label="E-mail or user name",
        max_length=254,
        widget=forms.TextInput(
            attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false", "autofocus": True}
        ),
        error_messages={"required": "Type your e-mail or user name."},
    )
    password = forms.CharField(
        max_length=1000,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        error_messages={"required": "Type your password."},
    )
    keep = forms.BooleanField(
        label="Keep me signed in on this device", required=False,
        help_text="For at most 7 days, or until 12 hours pass without use",
    )  # fmt: skip


class PasswordAgainForm(forms.Form):
    """The password of the person who is signed in."""

    password = forms.CharField(
        label="Your password",
        max_length=1000,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
        error_messages={"required": "Type your password."},
    )


class PasswordLinkForm(forms.Form):
    """Where to send a link to set a new password."""

    email = forms.EmailField(
        label="E-mail",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email", "autofocus": True}),
        error_messages={"required": "Type your e-mail.", "invalid": "Give a whole address such as name@example.org."},
    )
