"""The shape of a broken invariant, shared by every app's checker."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    """One stored value that is not what the rules give: which rule, what it is about, and the two values in words."""

    rule: str
    subject: str
    message: str


Checker = Callable[[], Iterator[Difference]]
