"""What the frame of every page asks of this room."""

from gatekeeper.accounts.models import User


def is_administrator(user: User) -> bool:
    """Whether the navigation shows the administration."""
    return user.has_perm("releases.administer")
