"""What of the portfolio's address a saved view keeps, and how it is told in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.http import QueryDict

from gatekeeper.accounts.models import SavedView, User
from gatekeeper.dashboard.queries.filters import (
    DEBTS,
    GATES,
    GROUPS,
    HEALTHS,
    ME,
    QUARTER,
    RECORDED,
    STATES,
    TARGETS,
    quarter_words,
)

# of the address, in the order in which a view tells them
KEPT: Mapping[str, str] = {
    "line": "Product line", "product": "Product", "pm": "Product manager", "target": "Target",
    "quarter": "Target quarter", "health": "Health", "gate": "Gate state", "current": "Current gate",
    "playbook": "Playbook", "debt": "Debts", "state": "State", "q": "Text", "group": "Grouped", "sort": "Sorted by",
}  # fmt: skip
WORDS: Mapping[str, Mapping[str, str]] = {
    "target": TARGETS, "health": HEALTHS, "gate": GATES, "debt": DEBTS, "group": GROUPS,
    "state": {**STATES, RECORDED: "Recorded history"}, "pm": {ME: "Me"},
}  # fmt: skip


def kept_query(query: QueryDict) -> str:
    """The filters, grouping and sorting of an address, in one order: two views of the same filters are equal."""
    kept = QueryDict(mutable=True)
    for name in KEPT:
        if value := query.get(name, "").strip():
            kept[name] = value
    return kept.urlencode()


def described(query: str) -> str:
    """Health: Slipped · Product line: data-platform."""
    asked = QueryDict(query)
    said = []
    for name, label in KEPT.items():
        if value := asked.get(name, ""):
            words = quarter_words(value) if name == "quarter" and QUARTER.match(value) else value
            said.append(f"{label}: {WORDS.get(name, {}).get(value, words)}")
    return " · ".join(said) or "No filter"


@dataclass(frozen=True)
class ViewMenu:
    """One's own views, and the one that the page shows: perhaps somebody else's, by its link."""

    views: Sequence[SavedView]
    current: SavedView | None
    query: str
    is_own: bool

    @property
    def is_saved(self) -> bool:
        """Whether the filters of the page are a view already."""
        return any(view.query == self.query for view in self.views)


def view_menu(user: User, query: QueryDict) -> ViewMenu:
    """The menu of a page. One query, and one more where the address bears the link of somebody else's view."""
    views = list(SavedView.objects.filter(person=user))
    kept, key = kept_query(query), query.get("view", "").replace("\x00", "")[:32]
    current = next((view for view in views if view.key == key or (not key and view.query == kept)), None)
    if key and current is None:
        current = SavedView.objects.filter(key=key).select_related("person").first()
    if current is not None and current.query != kept:
        current = None  # the filters were changed since
    return ViewMenu(views, current, kept, current is not None and current.person_id == user.pk)
