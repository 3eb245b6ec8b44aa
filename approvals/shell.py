"""What the shell of every page asks of this app."""

from approvals.inbox import waiting_for
from gatekeeper.accounts.models import User


def waiting_count(user: User) -> int:
    """How many rounds wait for the person."""
    return waiting_for(user).count()
