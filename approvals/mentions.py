"""Who is named in a comment: `@username`, and what stays plain text. Pure."""

import re
from collections.abc import Mapping

from django.utils.html import format_html
from django.utils.safestring import SafeString

# As user names are written; not inside a word, so that an e-mail address names nobody.
_MENTION = re.compile(r"(?<![\w@.+/-])@([\w.@+-]{1,150})")
_CODE = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)", re.DOTALL)
_TAG = re.compile(r"(<[^>]*>)")
# What ends a sentence rather than a name.
_TRAILING = ".+-@"


def named_in(text: str) -> list[str]:
    """What stands behind each @ of a text, in order and once; nothing of code.

    A name at the end of a sentence comes with and without its full stop, since user names may hold one.
    """
    found: dict[str, None] = {}
    for name in _MENTION.findall(_CODE.sub(" ", text)):
        found.setdefault(name)
    return list(found)


def spellings(name: str) -> list[str]:
    """The user names that a mention may mean: as written, and without what ends the sentence."""
    bare = name.rstrip(_TRAILING)
    return list(dict.fromkeys(one for one in (name, bare, name.lower(), bare.lower()) if one))


def match(name: str, known: Mapping[str, object]) -> str | None:
    """The user name that a mention means, among those that are known."""
    return next((one for one in spellings(name) if one in known), None)


def mark_mentions(html: str, names: Mapping[str, str]) -> SafeString:
    """Rendered text with the names of the people who were mentioned (full names by user name) in place of theirs.

    Only between tags, and neither in code nor in links.
    """
    if not names:
        return SafeString(html)
    kept = 0
    parts = _TAG.split(html)
    for index, part in enumerate(parts):
        if index % 2:
            tag = part.strip("<>/ ").split(" ")[0]
            if tag in ("code", "pre", "a"):
                kept += -1 if part.startswith("</") else 1
        elif not kept:
            parts[index] = _MENTION.sub(lambda found: _marked(found, names), part)
    return SafeString("".join(parts))


def _marked(found: re.Match[str], names: Mapping[str, str]) -> str:
    username = match(found[1], names)
    if username is None:
        return found[0]
    rest = found[1][len(username) :]
    return format_html('<b class="mention" title="@{}">{}</b>', username, names[username]) + rest
