"""The discussion as a part of a page."""

from typing import Any

from django.utils import timezone

from approvals.forms.gates import CommentForm
from approvals.models import GateRole
from approvals.pages.discussion import asking, discussion_of, window_words
from approvals.pages.gate import gate_url
from approvals.permissions import seat_holders
from gatekeeper.accounts.models import User
from gatekeeper.accounts.requests import SignedInRequest
from releases.models import Gate, Release

MOST_ASKED = 12


def talk(
    request: SignedInRequest,
    gate: Gate,
    release: Release,
    *,
    form: CommentForm | None = None,
    before: int | None = None,
) -> dict[str, Any]:
    """What the part of the page needs; `?ask=approvers` begins a comment to everybody who decides."""
    initial = {}
    if request.GET.get("ask") == "approvers":
        initial["text"] = asking(_approvers(gate, request.user))
    return {
        "discussion": discussion_of(gate, request.user, timezone.now(), before=before),
        "comment_form": form or CommentForm(initial=initial, auto_id="comment-%s"),
        "discussion_url": gate_url(gate, release, "discussion"),
        "mentions_url": gate_url(gate, release, "mention-options"),
        "edit_window": window_words(),
    }


def _approvers(gate: Gate, user: User) -> list[str]:
    """User names of the gate's seat holders, by role."""
    roles = GateRole.objects.filter(gate=gate).order_by("position").values_list("role_id", flat=True)
    names = [h.user.username for holders in seat_holders(list(roles)).values() for h in holders if h.user != user]
    return list(dict.fromkeys(names))[:MOST_ASKED]
