"""The discussion of a gate: write a comment, mend it for a while. Never a decision, never taken away."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Lower

from approvals.actions.rounds import lock_gate
from approvals.mentions import match, named_in, spellings
from approvals.models import Comment
from gatekeeper.accounts.models import User
from gatekeeper.common.clock import Clock, database_clock
from gatekeeper.common.errors import Conflict, NotAllowed, Refused
from releases.actions.releases import require_text
from releases.kinds import EventKind
from releases.locking import LockedRelease
from releases.models import Product
from releases.permissions import who_may_see

COMMENT_LENGTH = 5000
MOST_MENTIONS = 20
EDIT_WINDOW = timedelta(minutes=15)


@dataclass(frozen=True)
class Written:
    """A comment, and the names in it that mean nobody who sees the product."""

    comment: Comment
    unknown: tuple[str, ...]


def find_mentioned(product: Product, text: str) -> tuple[list[User], tuple[str, ...]]:
    """The active people a text mentions who see the product, and the names that mean none of these. Two queries.

    Of somebody who does not see the product, no more is said than of somebody who does not exist.
    """
    names = named_in(text)
    wanted = {one.lower() for name in names for one in spellings(name)}
    people = User.objects.annotate(lower=Lower("username")).filter(lower__in=wanted) if wanted else User.objects.none()
    found = {user.username: user for user in people}
    seen = who_may_see(product, [user.pk for user in found.values()]) if found else set()
    known = {user.username.lower(): user for user in found.values() if user.pk in seen}
    known |= {user.username: user for user in known.values()}
    mentioned: dict[int, User] = {}
    unknown = []
    for name in names:
        username = match(name, known)
        if username is None:
            unknown.append(name.rstrip(".") or name)
        else:
            mentioned.setdefault(known[username].pk, known[username])
    return list(mentioned.values()), tuple(unknown)


def _require_reader(locked: LockedRelease, actor: User) -> None:
    """Whoever sees the product takes part; recorded history is not discussed."""
    if locked.release.is_history:
        raise Conflict("recorded_history", "Recorded history is not discussed here.")
    if actor.pk not in who_may_see(locked.release.product, [actor.pk]):
        raise NotAllowed("cannot_see", f"You cannot see {locked.release.product}.")


def _check(locked: LockedRelease, text: str) -> tuple[str, list[User], tuple[str, ...]]:
    text = require_text("text", text, "A comment", most=COMMENT_LENGTH)
    people, unknown = find_mentioned(locked.release.product, text)
    if len(people) > MOST_MENTIONS:
        raise Refused.for_field("text", "too_many_mentions", f"A comment mentions {MOST_MENTIONS} people at most.")
    return text, people, unknown


def _ids(people: Iterable[User]) -> list[int]:
    return sorted(person.pk for person in people)


@transaction.atomic
def add_comment(*, gate_id: int, actor: User, text: str, clock: Clock = database_clock) -> Written:
    """Write into the discussion of a gate, whatever its state. Who is mentioned is told.

    Raises:
        NotAllowed: the person does not see the product. Conflict: recorded history.
        Refused: nothing or too much was written, or too many people are mentioned.
    """
    locked, gate = lock_gate(gate_id, actor, clock)
    _require_reader(locked, actor)
    text, people, unknown = _check(locked, text)
    comment = Comment.objects.create(gate=gate, author=actor, text=text, written_at=locked.at)
    comment.mentions.set(people)
    locked.record(
        EventKind.COMMENT_ADDED, gate=gate, data={"comment_id": comment.pk, "text": text, "mentions": _ids(people)}
    )
    locked.finish()
    return Written(comment, unknown)


@transaction.atomic
def edit_comment(*, comment_id: int, actor: User, text: str, clock: Clock = database_clock) -> Written:
    """Change one's own comment within the window. The earlier wording stays in the event; new mentions are told.

    Raises:
        NotAllowed: somebody else's comment. Conflict: the window is over. Refused: as for a new one.
    """
    gate_id = Comment.objects.values_list("gate_id", flat=True).get(pk=comment_id)
    locked, gate = lock_gate(gate_id, actor, clock)
    comment = Comment.objects.get(pk=comment_id)
    if comment.author_id != actor.pk:
        raise NotAllowed("not_own_comment", "Only its author may change a comment.")
    _require_reader(locked, actor)
    if locked.at - comment.written_at > EDIT_WINDOW:
        raise Conflict(
            "edit_window_over",
            f"A comment can be changed for {EDIT_WINDOW.seconds // 60} minutes; after that, write another one.",
        )
    text, people, unknown = _check(locked, text)
    before = comment.text
    if text == before:
        locked.finish()  # a miss may have been recorded
        return Written(comment, unknown)
    known = set(comment.mentions.values_list("pk", flat=True))
    comment.text, comment.edited_at = text, locked.at
    comment.save(update_fields=["text", "edited_at"])
    comment.mentions.set(people)
    locked.record(
        EventKind.COMMENT_EDITED,
        gate=gate,
        data={
            "comment_id": comment.pk,
            "before": before,
            "text": text,
            "mentions": _ids(person for person in people if person.pk not in known),
        },
    )
    locked.finish()
    return Written(comment, unknown)
