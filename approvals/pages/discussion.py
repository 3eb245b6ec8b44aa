"""The discussion of a gate: the latest comments, or those before one, with their earlier wordings."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from operator import or_

from django.db.models import Q
from django.utils.safestring import SafeString

from approvals.actions.comments import EDIT_WINDOW
from approvals.markdown import render_markdown
from approvals.mentions import mark_mentions
from approvals.models import Comment
from gatekeeper.accounts.models import User
from releases.kinds import EventKind
from releases.models import Event, Gate

COMMENTS_SHOWN = 20
# Of one page; somebody who changes a comment again and again is not read to the end.
MOST_WORDINGS = 100


@dataclass(frozen=True)
class Wording:
    """How a comment read before it was changed, and when that was."""

    text: str
    until: datetime


@dataclass(frozen=True)
class CommentLine:
    """A comment as it is shown to one person."""

    comment: Comment
    html: SafeString
    earlier: tuple[Wording, ...]
    is_mine: bool
    may_edit: bool

    @property
    def anchor(self) -> str:
        return f"comment-{self.comment.pk}"

    @property
    def editable_until(self) -> datetime:
        return self.comment.written_at + EDIT_WINDOW


@dataclass(frozen=True)
class Discussion:
    """A page of a discussion, oldest first as it was written.

    `earlier` is the id to go back from, 0 at the beginning; `is_latest` says that nothing was written after it.
    """

    lines: tuple[CommentLine, ...]
    total: int
    earlier: int
    is_latest: bool

    @property
    def words(self) -> str:
        return {0: "no comments yet", 1: "1 comment"}.get(self.total, f"{self.total} comments")


def may_edit(comment: Comment, user: User, now: datetime) -> bool:
    """Whether the engine would let the person change a comment now."""
    return comment.author_id == user.pk and now - comment.written_at <= EDIT_WINDOW


def discussion_of(gate: Gate, user: User, now: datetime, *, before: int | None = None) -> Discussion:
    """The latest comments of a gate, or the latest before one. Four queries, however many comments."""
    comments = Comment.objects.filter(gate=gate).order_by("-pk")
    total = comments.count()
    if not total:
        return Discussion((), 0, 0, True)
    if before is not None:
        comments = comments.filter(pk__lt=before)
    found = list(comments.select_related("author").prefetch_related("mentions")[: COMMENTS_SHOWN + 1])
    has_earlier = len(found) > COMMENTS_SHOWN
    shown = found[:COMMENTS_SHOWN][::-1]
    wordings = _wordings(gate, [comment.pk for comment in shown if comment.edited_at is not None])
    lines = tuple(line_of(comment, user, now, wordings.get(comment.pk, ())) for comment in shown)
    return Discussion(lines, total, shown[0].pk if has_earlier and shown else 0, before is None)


def line_of(comment: Comment, user: User, now: datetime, earlier: Sequence[Wording] = ()) -> CommentLine:
    """One comment; its mentions are prefetched or few."""
    names = {person.username: person.full_name for person in comment.mentions.all()}
    return CommentLine(
        comment=comment,
        html=mark_mentions(render_markdown(comment.text), names),
        earlier=tuple(earlier),
        is_mine=comment.author_id == user.pk,
        may_edit=may_edit(comment, user, now),
    )


def _wordings(gate: Gate, comments: Iterable[int]) -> dict[int, list[Wording]]:
    """By comment: its earlier wordings, newest first, from the events that replaced them."""
    wanted = list(comments)
    if not wanted:
        return {}
    # canonical text: inside a value the quotation marks are escaped, so nobody writes this key into a comment
    named = reduce(or_, (Q(data__contains=f'"comment_id":{pk},') for pk in wanted))
    events = Event.objects.filter(named, release=gate.release_id, kind=EventKind.COMMENT_EDITED).order_by("-number")
    found: dict[int, list[Wording]] = {}
    for event in events[:MOST_WORDINGS]:
        data = event.payload
        found.setdefault(data["comment_id"], []).append(Wording(data["before"], event.recorded_at))
    return found


def window_words() -> str:
    return f"{EDIT_WINDOW // timedelta(minutes=1)} minutes"


def asking(usernames: Iterable[str]) -> str:
    """The beginning of a comment that asks some people."""
    return "".join(f"@{username} " for username in usernames)
