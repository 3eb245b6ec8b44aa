"""Forms of products, and of who may do what on them."""

from typing import Any, cast

from django import forms

from approvals.forms.people import HolderField, PersonField, PresentHolderField
from approvals.models import ApproverRole
from releases.models import SLUG, Product, ProductLine

PERMISSION_WORDS = {
    "manage_product": ("Manage", "Releases, dates, evidence, submitting and withdrawing"),
    "contribute": ("Contribute", "Supplies evidence; loses the vote on that round"),
    "report_checks": ("Report checks", "For the account of an engineering tool; not for people who prepare evidence"),
    "view_product": ("See", "Needed only while the product is restricted"),
    "waive_gate": ("Waive gates", "Lets a gate through without approval, with a reason and an expiry date"),
    "rebaseline": ("Set a new baseline", "Changes the dates that slips are counted from"),
}
# What a product manager may give; everything else is an administrator's.
GIVEN_BY_MANAGERS = ("contribute", "view_product")


class ProductForm(forms.Form):
    """A new product."""

    name = forms.CharField(max_length=120)
    slug = forms.CharField(
        label="Short name",
        max_length=64,
        required=False,
        validators=[SLUG],
        help_text="In addresses: lowercase words with hyphens. Empty: made from the name.",
    )
    line = forms.ModelChoiceField(ProductLine.objects.all(), label="Product line", empty_label="Choose a product line")
    owner = PersonField(label="Product manager", help_text="Prepares the evidence and manages the releases.")
    description = forms.CharField(
        required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 3}), help_text="One or two sentences."
    )
    is_restricted = forms.BooleanField(
        label="Restricted", required=False, help_text="Only people with a permission or a seat on it see the product."
    )


class ProductChangeForm(forms.Form):
    """A product's words; owner and restriction too for administrators."""

    name = forms.CharField(max_length=120)
    description = forms.CharField(required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 3}))
    owner = PersonField(label="Product manager", help_text="Manages the releases from now on.")
    is_restricted = forms.BooleanField(
        label="Restricted", required=False, help_text="Only people with a permission or a seat on it see the product."
    )

    def __init__(self, *args: Any, product: Product, is_administrator: bool, **kwargs: Any) -> None:
        kwargs.setdefault(
            "initial",
            {
                "name": product.name,
                "description": product.description,
                "owner": product.owner,
                "is_restricted": product.is_restricted,
            },
        )
        super().__init__(*args, **kwargs)
        self.product = product
        if not is_administrator:
            for name in ("owner", "is_restricted"):
                self.fields[name].disabled = True
                self.fields[name].help_text = "Changed by administrators."


class SeatForm(forms.Form):
    """Somebody for a seat of a product."""

    holder = HolderField(label="Person or group")
    role = forms.ModelChoiceField(ApproverRole.objects.none(), widget=forms.HiddenInput)

    def __init__(self, *args: Any, product: Product, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast(forms.ModelChoiceField, self.fields["role"]).queryset = ApproverRole.objects.filter(product=product)


class PermissionForm(forms.Form):
    """Somebody for a permission on a product."""

    holder = HolderField(label="Person or group")
    permission = forms.ChoiceField(
        choices=[(name, words[0]) for name, words in PERMISSION_WORDS.items()], widget=forms.HiddenInput
    )


class SeatBackForm(SeatForm):
    """A seat to take back."""

    holder = PresentHolderField()


class PermissionBackForm(PermissionForm):
    """A permission to take back."""

    holder = PresentHolderField()
