"""How the API finds things: what the caller may not see does not exist, and every thing is found inside its parent."""

from dataclasses import dataclass
from datetime import date

from django.contrib.auth.models import Group
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils import timezone

from approvals.models import Deliverable
from gatekeeper.accounts.models import User
from gatekeeper.common.api.problems import malformed
from gatekeeper.common.calendars import day_of
from gatekeeper.common.errors import FieldProblem, Refused
from releases.models import Gate, Product, Release


def today() -> date:
    """The organisation's day."""
    return day_of(timezone.now())


def the_product(user: User, slug: str) -> Product:
    """A product that the caller may see, or 404."""
    return get_object_or_404(Product.objects.visible_to(user).select_related("line", "owner"), slug=slug)


def the_release(user: User, product: str, version: str) -> Release:
    """A release that the caller may see, or 404."""
    query = Release.objects.visible_to(user).select_related("product", "product__owner", "owner", "playbook")
    return get_object_or_404(query, product__slug=product, version=version)


@dataclass(frozen=True)
class Place:
    """A gate and what stands around it."""

    release: Release
    gate: Gate
    gates: list[Gate]


def gates_of(release: Release) -> list[Gate]:
    """In order."""
    return list(Gate.objects.filter(release=release).order_by("position"))


def the_gate(user: User, product: str, version: str, key: str) -> Place:
    """A gate of a release that the caller may see, or 404."""
    release = the_release(user, product, version)
    gates = gates_of(release)
    for gate in gates:
        if gate.key == key:
            return Place(release, gate, gates)
    raise Http404("No such gate.")


def the_deliverable(place: Place, key: str) -> Deliverable:
    """A deliverable of a gate, or 404."""
    return get_object_or_404(Deliverable, gate=place.gate, key=key)


def named_person(username: str, field: str) -> User:
    """Somebody whom a body names.

    Raises:
        Refused: nobody has this user name.
    """
    found = User.objects.filter(username=username).first()
    if found is None:
        raise Refused.for_field(field, "unknown_person", f"There is nobody with the user name {username}.")
    return found


def the_person(username: str) -> User:
    """Somebody whom an address names, or 404."""
    return get_object_or_404(User, username=username)


def the_group(name: str) -> Group:
    """A group that an address names, or 404."""
    return get_object_or_404(Group, name=name)


def one_of_them(field: str, code: str, words: str) -> Exception:
    """400 for a body of which exactly one part is wanted."""
    return malformed(words, [FieldProblem(field, code, words)])
