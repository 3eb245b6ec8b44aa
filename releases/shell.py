"""What the frame of every page asks of this room."""

from releases.models import Organisation


def organisation_name() -> str:
    """The name under which people sign in; empty before the set-up."""
    return Organisation.objects.values_list("name", flat=True).first() or ""
