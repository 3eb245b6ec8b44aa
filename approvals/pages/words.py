"""Small words that the pages of a gate share."""

from collections.abc import Sequence


def joined(words: Sequence[str], word: str = "and") -> str:
    """A, B and C."""
    return f"{', '.join(words[:-1])} {word} {words[-1]}" if len(words) > 1 else "".join(words)
