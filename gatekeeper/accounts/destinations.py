"""Where a person goes on to after signing in: checked to be an address of ours, and told from its words alone.

Nothing is looked up: to somebody who is not signed in, a product that does not exist must look like one that does.
"""

import re
from urllib.parse import unquote, urlsplit

PLACES = {
    "/inbox/": "Waiting for you",
    "/portfolio/": "Portfolio",
    "/products/": "Products",
    "/notifications/": "Notifications",
    "/settings/profile/": "Your profile",
    "/settings/away/": "When you are away",
    "/settings/api/new/": "The new token",
    "/setup/": "First steps",
}
# a browser reads these as the start of another host, or drops them
_UNSAFE = re.compile(r"[\x00-\x20\\\x7f-\x9f]")
_RELEASE = re.compile(
    r"/releases/(?P<product>[a-z0-9-]+)/(?P<version>[A-Za-z0-9._+-]+)/(?:gates/(?P<gate>[a-z0-9-]+)/)?"
)
_LENGTH = 1000
_NO_DESTINATIONS = ("/sign-in/", "/sign-in/again/", "/sign-out/")


def safe_destination(address: str) -> str:
    """The address when it is a path of this site, else the first page. Sign-in and sign-out are no destinations."""
    is_path = address.startswith("/") and not address.startswith("//") and len(address) <= _LENGTH
    if not is_path or _UNSAFE.search(address) or urlsplit(address).path in _NO_DESTINATIONS:
        return "/"
    return address


def destination_words(address: str) -> str:
    """What to call a checked address: "Assist Console 27.1, Engineering Timeline"; empty where it has no name."""
    path = unquote(urlsplit(address).path)
    if found := _RELEASE.match(path):
        release = f"{_title(found['product'])} {found['version']}"
        return f"{release}, {_title(found['gate'])}" if found["gate"] else release
    return "Your decision" if path.startswith("/decide/") else PLACES.get(path, "")


def _title(slug: str) -> str:
    return " ".join(word.capitalize() for word in slug.split("-"))
