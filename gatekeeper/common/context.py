"""What every page's frame shows. Lazy: a fragment or an API answer that prints no frame asks the database nothing.

This app stands below all others, so the facts come from functions that the settings name:

    SHELL_PROVIDERS = {
        "waiting_count": "approvals.shell.waiting_count",               (user) -> int
        "unread_count": "notifications.shell.unread_count",             (user) -> int
        "watching": "notifications.shell.watching",                     (user) -> list of {"label", "url"}
        "is_administrator": "gatekeeper.accounts.shell.is_administrator",  (user) -> bool
        "organisation_name": "releases.shell.organisation_name",        () -> str
    }

One query each at most. A name without a function has a plain default.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.messages.storage.base import Message
from django.http import HttpRequest
from django.utils.module_loading import import_string

MOST_WATCHED = 7


@dataclass(frozen=True)
class NavItem:
    """One entry of a navigation; `prefixes` say which addresses it is the current one for, `go` is its shortcut."""

    key: str
    label: str
    url: str
    icon: str
    prefixes: tuple[str, ...] = ()
    short: str = ""
    go: str = ""

    def covers(self, path: str) -> int:
        """How much of the address this entry explains: 0 for none of it."""
        if path == self.url:
            return len(path)
        return max((len(p) for p in self.prefixes or (self.url,) if p != "/" and path.startswith(p)), default=0)


ITEMS = (
    NavItem("work", "My work", "/", "house", short="My work", go="w"),
    NavItem("inbox", "Waiting for you", "/inbox/", "inbox", short="Waiting", go="i"),
    NavItem(
        "portfolio", "Portfolio", "/portfolio/", "layout-dashboard", ("/portfolio/", "/slips/", "/calibration/"),
        short="Portfolio", go="p",
    ),
    NavItem("products", "Products", "/products/", "package", ("/products/", "/releases/")),
    NavItem("notifications", "Notifications", "/notifications/", "bell"),
)  # fmt: skip
ADMIN_ITEMS = (
    NavItem(
        "playbooks", "Playbooks", "/settings/playbooks/", "book-open",
        ("/settings/playbooks/", "/settings/new-playbook/"),
    ),
    NavItem("api", "API", "/settings/api/", "webhook"),
    NavItem(
        "settings", "Settings", "/settings/organisation/", "settings",
        (
            "/settings/organisation/", "/settings/people/", "/settings/groups/", "/settings/lines/",
            "/settings/new-line/",
        ),
    ),
)  # fmt: skip
PHONE_ITEMS = tuple(next(item for item in ITEMS if item.key == key) for key in ("inbox", "work", "portfolio"))


def provider(name: str) -> Callable[..., Any] | None:
    """The function that the settings name for one fact, or None when its app has none.

    Only a module that does not exist is forgiven: an error inside it must be seen.
    """
    path = getattr(settings, "SHELL_PROVIDERS", {}).get(name)
    if not path:
        return None
    module = path.rpartition(".")[0]
    try:
        if find_spec(module) is None:
            return None
    except ModuleNotFoundError:
        return None
    function: Callable[..., Any] = import_string(path)
    return function


class Shell:
    """The frame around one person's page."""

    items = ITEMS
    admin_items = ADMIN_ITEMS
    phone_items = PHONE_ITEMS

    def __init__(self, request: HttpRequest) -> None:
        self.request = request

    @cached_property
    def person(self) -> Any:
        """The signed-in person, or None."""
        user = getattr(self.request, "user", None)
        return user if user is not None and user.is_authenticated else None

    def _ask(self, name: str, default: Any) -> Any:
        function = provider(name) if self.person else None
        return function(self.person) if function else default

    @cached_property
    def waiting_count(self) -> int:
        return int(self._ask("waiting_count", 0))

    @cached_property
    def unread_count(self) -> int:
        return int(self._ask("unread_count", 0))

    @cached_property
    def watching(self) -> Sequence[dict[str, str]]:
        return list(self._ask("watching", ()))[:MOST_WATCHED]

    @cached_property
    def is_administrator(self) -> bool:
        return bool(self._ask("is_administrator", getattr(self.person, "is_superuser", False)))

    @cached_property
    def organisation_name(self) -> str:
        """Also asked for people who are not signed in: the sign-in page names the organisation."""
        function = provider("organisation_name")
        return str(function()) if function else ""

    @property
    def frame(self) -> str:
        """The base of pages that anybody may meet: with navigation only for people who are signed in."""
        return "base.html" if self.person else "base_plain.html"

    @property
    def theme(self) -> str:
        return str(getattr(self.person, "theme", "") or "")

    @property
    def has_shortcuts(self) -> bool:
        return bool(getattr(self.person, "has_shortcuts", True))

    @property
    def active(self) -> str:
        """The navigation entry that explains most of the address; a view's `nav` goes before it."""
        path = self.request.path
        best = max((*ITEMS, *ADMIN_ITEMS), key=lambda item: item.covers(path))
        return best.key if best.covers(path) else ""

    @cached_property
    def _messages(self) -> list[Message]:
        # reading them empties the store, so both places below share one reading
        return list(messages.get_messages(self.request))

    @property
    def banners(self) -> list[Message]:
        """Warnings and errors: they stay on the page."""
        return [m for m in self._messages if m.level >= messages.WARNING]

    @property
    def toasts(self) -> list[Message]:
        return [m for m in self._messages if m.level < messages.WARNING]


def shell(request: HttpRequest) -> dict[str, Any]:
    """The context processor."""
    return {"shell": Shell(request)}
