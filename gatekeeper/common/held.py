"""What somebody typed into a form that could not be taken, kept in the answer so that it can be sent once more.

A form is held when its sender was signed out meanwhile, or signed in again in another window, which makes the token of
an older page void. Nothing of it is stored: it goes back into the page, and a person looks at it before it is sent.
Only forms of our own pages are held, so that no other site can put words into somebody's mouth.
"""

from dataclasses import dataclass
from urllib.parse import urlsplit

from django.core import signing
from django.http import HttpRequest

SALT = "gatekeeper.held"
# The sign-in page, which has forms of its own (and scripts know it by this address too).
ENTRANCE = "/sign-in/"
MOST_CHARACTERS = 150_000
MOST_FIELDS = 300
# Longer values, and those of several lines, were typed: they are shown.
SHOWN = 40
_SECRET = ("csrfmiddlewaretoken", "password", "current_password")


@dataclass(frozen=True)
class HeldForm:
    """Where a form wanted to go, and its fields (never a password, never a file)."""

    address: str
    fields: tuple[tuple[str, str], ...]
    had_files: bool = False

    @property
    def typed(self) -> list[str]:
        """What a person would not like to type again."""
        return [value for _name, value in self.fields if len(value) > SHOWN or "\n" in value]

    def signed(self) -> str:
        """For a hidden field of the sign-in form."""
        return signing.dumps([self.address, self.fields, self.had_files], salt=SALT, compress=True)


def from_signed(text: str) -> HeldForm | None:
    """What `signed` made; None for anything else."""
    try:
        address, fields, had_files = signing.loads(text, salt=SALT, max_age=24 * 3600)
    except (signing.BadSignature, ValueError):
        return None
    return HeldForm(address, tuple((name, value) for name, value in fields), bool(had_files))


def hold(request: HttpRequest) -> HeldForm | None:
    """The form of a request, when a page of ours sent it as a whole page does; else None."""
    if request.method != "POST" or request.path.startswith(ENTRANCE) or not _is_own_page(request):
        return None
    try:
        pairs = [(name, value) for name, values in request.POST.lists() for value in values if name not in _SECRET]
    except Exception:  # a body that cannot be read, or is too large
        return None
    if len(pairs) > MOST_FIELDS or sum(len(value) for _name, value in pairs) > MOST_CHARACTERS:
        return None
    had_files = any(file.size for _name, files in request.FILES.lists() for file in files)
    return HeldForm(request.get_full_path(), tuple(pairs), had_files)


def _is_own_page(request: HttpRequest) -> bool:
    """Sent by a form of this site, not by a script; old browsers that do not say so are not believed."""
    origin = urlsplit(request.headers.get("Origin", ""))
    is_navigation = request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate"
    return (origin.scheme, origin.netloc) == (request.scheme, request.get_host()) and (
        is_navigation and "HX-Request" not in request.headers
    )
