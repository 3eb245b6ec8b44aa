"""Through what a decision came: a person's hands on a page, or a token of the API that spoke for them."""

from approvals.pages.verify import gate_events
from releases.kinds import EventKind
from releases.models import Gate, Release


def tokens_of(gate: Gate, release: Release) -> dict[int, str]:
    """By decision, the token of the API by which it was given; decisions on pages are not among them. One query."""
    events = gate_events(gate, release).filter(kind=EventKind.DECISION_RECORDED).exclude(token="")
    return {int(event.payload["decision"]): token_words(event.token) for event in events.only("data", "token")}


def token_words(prefix: str) -> str:
    """The prefix of a token as it is shown everywhere: `gk_ab12cd34…`."""
    return f"gk_{prefix}…"
