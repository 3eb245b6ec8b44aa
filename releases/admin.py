"""Set-up data: the organisation, product lines with their default groups, and playbooks to look at.

Products, releases, gates, slips and events are not here at all: only their actions change them.
"""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils.text import slugify

from gatekeeper.accounts.admin_site import ActionAdmin, ReadOnlyAdmin
from releases.actions.products import save_organisation, save_product_line
from releases.models import DefaultSeat, Organisation, Playbook, ProductLine


@admin.register(Organisation)
class OrganisationAdmin(ActionAdmin):
    """Its name."""

    fields = ("name", "set_up_at")
    readonly_fields = ("set_up_at",)

    def save_model(self, request: HttpRequest, obj: Organisation, form: Any, change: bool) -> None:
        save_organisation(name=obj.name, actor=request.user)  # type: ignore[arg-type]  # the custom user


class DefaultSeatInline(admin.StackedInline):
    """Which group decides for a function by default."""

    model = DefaultSeat
    extra = 1

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.admin_site.has_permission(request)

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.admin_site.has_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.admin_site.has_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.admin_site.has_permission(request)


class ProductLineForm(forms.ModelForm):
    """A new line must not take the short name of another: the action would change that one."""

    class Meta:
        model = ProductLine
        fields = ("name", "description")

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"].strip()
        if self.instance.pk is None and ProductLine.objects.filter(slug=slugify(name)[:64]).exists():
            raise forms.ValidationError(f"There is a product line called {name} already, or nearly so.", "exists")
        return name


@admin.register(ProductLine)
class ProductLineAdmin(ActionAdmin):
    """Product lines and their default groups."""

    form = ProductLineForm
    fields = ("name", "slug", "description")
    readonly_fields = ("slug",)
    list_display = ("name", "slug", "description")
    inlines = (DefaultSeatInline,)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.admin_site.has_permission(request)

    def save_model(self, request: HttpRequest, obj: ProductLine, form: Any, change: bool) -> None:
        """Saved with its seats, below: one action, one event."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        for formset in formsets:
            formset.save(commit=False)  # saves nothing; lists what is new, for the admin's own log
        line = form.instance
        seats = {
            row["function"]: None if row.get("DELETE") else row["group"]
            for formset in formsets
            for one in formset.forms
            if one.has_changed() and (row := one.cleaned_data)
        }
        saved = save_product_line(
            name=line.name,
            slug=line.slug if change else "",
            description=line.description,
            default_seats=seats,
            actor=request.user,  # type: ignore[arg-type]  # the custom user
        )
        line.pk, line.slug = saved.pk, saved.slug


@admin.register(Playbook)
class PlaybookAdmin(ReadOnlyAdmin):
    """Versions of playbooks: a change is a new version, loaded by `manage.py load_playbooks`."""

    list_display = ("name", "slug", "version", "kind", "created_at")
    list_filter = ("kind",)
    fields = ("name", "slug", "version", "kind", "digest", "created_at", "definition")
