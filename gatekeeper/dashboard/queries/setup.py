"""The five first steps, told from what is there."""

from dataclasses import dataclass

from django.contrib.auth.models import Group
from django.urls import reverse
from django.utils.functional import cached_property

from gatekeeper.accounts.models import User
from gatekeeper.common.calendars import organisation_zone
from gatekeeper.dashboard.queries.words import counted, listed
from releases.kinds import PlaybookKind
from releases.models import Organisation, Playbook, Product, Release


@dataclass(frozen=True)
class FirstStep:
    """One step: what it is, how it stands, where it is done. `is_post` says that the button does it at once."""

    number: int
    title: str
    note: str
    is_done: bool
    url: str
    action: str
    is_post: bool = False


class FirstSteps:
    """How far the set-up has come."""

    @cached_property
    def organisation(self) -> str:
        return Organisation.objects.values_list("name", flat=True).first() or ""

    @cached_property
    def steps(self) -> list[FirstStep]:
        people = User.objects.filter(is_active=True).count()
        groups = Group.objects.count()
        filled = Group.objects.filter(user__is_active=True).distinct().count()
        playbooks = sorted(set(Playbook.objects.filter(kind=PlaybookKind.GATES).values_list("name", flat=True)))
        owned = Product.objects.filter(owner__isnull=False)
        first_product = owned.order_by("pk").values_list("slug", flat=True).first()
        products = owned.count()
        releases = Release.objects.filter(kind=PlaybookKind.GATES).count()
        new_release = reverse("release-new") + (f"?product={first_product}" if first_product else "")
        return [
            FirstStep(
                number=1,
                title="Name the organisation",
                note=f"{self.organisation or 'It has no name yet'}, time zone {organisation_zone().key}",
                is_done=bool(self.organisation),
                url=reverse("settings-organisation"),
                action="Change" if self.organisation else "Name it",
            ),
            FirstStep(
                number=2,
                title="Load the playbooks",
                note=f"{listed(playbooks)}. A new release takes one of them"
                if playbooks
                else "Seven gates are ready to use, with their roles, deliverables and dates",
                is_done=bool(playbooks),
                url=reverse("setup-playbooks"),
                action="" if playbooks else "Load the playbooks",
                is_post=True,
            ),
            FirstStep(
                number=3,
                title="Add people and groups",
                note=f"{counted(people, 'person', 'people')}, {counted(groups, 'group')}, {filled} with people in them"
                if groups or people > 1
                else "Groups such as Engineering decide at gates; a product line names them once for all its products",
                is_done=people > 1 and bool(filled),
                url=reverse("settings-people"),
                action="Add people",
            ),
            FirstStep(
                number=4,
                title="Add a product",
                note=counted(products, "product")
                if products
                else "With its product line, its manager, and who decides at its gates",
                is_done=bool(products),
                url=reverse("products") if products else reverse("product-new"),
                action="Products" if products else "Add a product",
            ),
            FirstStep(
                number=5,
                title="Plan the first release",
                note=counted(releases, "release")
                if releases
                else "gatekeeper plans the due dates of the gates back from the release date",
                is_done=bool(releases),
                url=reverse("portfolio") if releases else new_release,
                action="Portfolio" if releases else "Plan a release",
            ),
        ]

    @property
    def done(self) -> int:
        return sum(step.is_done for step in self.steps)

    @property
    def is_done(self) -> bool:
        return self.done == len(self.steps)

    @property
    def is_over(self) -> bool:
        """A release is what all of it is for: whoever has one has found their way."""
        return self.steps[-1].is_done

    @property
    def next(self) -> FirstStep | None:
        return next((step for step in self.steps if not step.is_done), None)
