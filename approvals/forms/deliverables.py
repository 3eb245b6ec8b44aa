"""Who supplies a deliverable."""

from typing import Any

from django import forms

from gatekeeper.accounts.models import User
from releases.models import Product
from releases.permissions import people_with


class AssignForm(forms.Form):
    """One of the people who may supply evidence of the product, or nobody."""

    assignee = forms.ModelChoiceField(
        label="Assigned to", queryset=User.objects.none(), required=False, empty_label="Nobody"
    )

    def __init__(self, *args: Any, product: Product, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        may = people_with(product, "manage_product") | people_with(product, "contribute")
        field = self.fields["assignee"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = may.distinct().order_by("full_name", "username")
