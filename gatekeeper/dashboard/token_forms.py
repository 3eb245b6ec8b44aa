"""Forms of API tokens and service accounts."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.db.models import QuerySet

from approvals.actions.tokens import MOST_DAYS, MOST_OVERLAP_DAYS
from gatekeeper.accounts.models import Scope, User
from gatekeeper.dashboard.forms import name_field
from releases.models import Product

SCOPE_WORDS: Mapping[str, str] = {
    Scope.READ: "Read\nReleases, gates, rounds, events: what the owner may see",
    Scope.WRITE: "Write\nWhat a product manager may do: releases, dates, evidence, submitting",
    Scope.CHECKS: "Report checks\nFor an engineering tool: the checks named below, and nothing else",
    Scope.DECIDE: "Decide\nApprove, decline, waive and be away in your name; only for a token of your own",
}
DAYS = (7, 30, 90, MOST_DAYS)
OVERLAPS = (0, 1, 7, MOST_OVERLAP_DAYS)


def _days(count: int) -> str:
    return f"{count} {'day' if count == 1 else 'days'}"


class TokenForm(forms.Form):
    """A new token: whose, for what, on which products, until when."""

    name = forms.CharField(
        label="Name", max_length=80, help_text="What uses it, such as “CI nightly”.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}), error_messages={"required": "Say what uses it."},
    )  # fmt: skip
    owner = forms.ModelChoiceField(queryset=User.objects.none(), required=False, label="Owner", empty_label="You")
    scopes = forms.MultipleChoiceField(
        label="It may", choices=list(SCOPE_WORDS.items()), widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one."},
    )  # fmt: skip
    products = forms.ModelMultipleChoiceField(
        queryset=Product.objects.none(), required=False, label="Only on these products",
        widget=forms.CheckboxSelectMultiple,
        help_text="None chosen: on every product that its owner sees. Reporting checks needs one at least.",
    )  # fmt: skip
    checks = forms.CharField(
        label="Checks that it reports", required=False, max_length=13_000,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false"}),
        help_text="One name a line, as the playbook has it.",
    )  # fmt: skip
    days = forms.TypedChoiceField(
        label="Expires in", choices=[(days, _days(days)) for days in DAYS], coerce=int, initial=90
    )

    def __init__(
        self, *args: Any, products: QuerySet[Product], owners: QuerySet[User] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.fields["products"].queryset = products  # type: ignore[attr-defined]
        if owners is None:
            del self.fields["owner"]
        else:
            self.fields["owner"].queryset = owners  # type: ignore[attr-defined]

    def clean_checks(self) -> list[str]:
        return [line.strip() for line in self.cleaned_data["checks"].splitlines() if line.strip()]

    def clean_products(self) -> list[int]:
        return [product.pk for product in self.cleaned_data["products"]]


class RotateForm(forms.Form):
    """How long the old token goes on."""

    overlap_days = forms.TypedChoiceField(
        label="The old one counts for", coerce=int, initial=7,
        choices=[(days, "No longer" if not days else _days(days)) for days in OVERLAPS],
        help_text="In this time both are taken, so that nothing stands still while you exchange them.",
    )  # fmt: skip


class ServiceAccountForm(forms.Form):
    """An account for an engineering tool."""

    full_name = name_field()
    username = forms.CharField(
        label="User name", max_length=150, widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"})
    )
    email = forms.EmailField(
        label="E-mail", max_length=254, help_text="Of the team that looks after it. No mail is sent there.",
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )  # fmt: skip
