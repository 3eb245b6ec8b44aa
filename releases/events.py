"""The append-only log: one event per change, chained per stream, written in the transaction of the change."""

import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from gatekeeper.accounts.models import User
from gatekeeper.common.calendars import day_of
from releases.kinds import EVENT_KINDS
from releases.models import Checkpoint, Event, EventPosition, Gate, Organisation, Product, Release

# Called once after each transaction that has written events and has committed; `notifications` wakes its relay here.
after_commit: list[Callable[[], None]] = []


def _announce() -> None:
    for call in after_commit:
        call()


def _announce_after_commit() -> None:
    # A hook whose savepoint was rolled back is gone from the list, and so were the events written before it.
    if not any(hook[1] is _announce for hook in connection.run_on_commit):
        transaction.on_commit(_announce, robust=True)


def canonical(value: Any) -> str:
    """Canonical JSON text: sorted keys, no spaces, dates in ISO form; equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_plain)


def _plain(value: Any) -> str:
    if isinstance(value, date | datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} cannot stand in an event")


def link_hash(previous: str, event: Event) -> str:
    """SHA-256 of the previous hash, the stream, the number and everything the event says."""
    body = canonical(
        {
            # the databases give times back in UTC, whatever the zone of the clock that was read
            "recorded_at": event.recorded_at.astimezone(UTC).isoformat(),
            "effective_on": event.effective_on.isoformat(),
            "actor": event.actor_id,
            "on_behalf_of": event.on_behalf_of_id,
            "token": event.token,
            "kind": event.kind,
            "subject": event.subject,
            "data": event.data,
        }
    )
    return hashlib.sha256("\n".join((previous, event.stream, str(event.number), body)).encode()).hexdigest()


def record(
    head: Release | Organisation,
    kind: str,
    *,
    actor: User | None,
    at: datetime,
    effective_on: date | None = None,
    gate: Gate | None = None,
    product: Product | None = None,
    data: Mapping[str, Any] | None = None,
    on_behalf_of: User | None = None,
) -> Event:
    """Append one event to the stream whose head row the caller has locked; the caller saves the head.

    Raises:
        RuntimeError: outside a transaction, or for a kind that is not in the list.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("Events are written in the transaction of the change.")
    if kind not in EVENT_KINDS:
        raise RuntimeError(f"{kind} is not a kind of event.")
    release = head if isinstance(head, Release) else None
    about = release.product if release is not None else product
    subject: dict[str, Any] = {}
    if about is not None:
        subject["product"] = about.slug
    if release is not None:
        subject["version"] = release.version
    if gate is not None:
        subject["gate"] = gate.key
    event = Event(
        stream=head.stream,
        number=head.event_number + 1,
        release=release,
        product=about,
        recorded_at=at,
        effective_on=effective_on or day_of(at),
        actor=actor,
        on_behalf_of=on_behalf_of,
        token=actor.token.prefix if actor is not None and actor.token is not None else "",
        kind=kind,
        subject=canonical(subject),
        data=canonical(data or {}),
        previous_hash=head.event_hash,
    )
    event.hash = link_hash(head.event_hash, event)
    event.save(force_insert=True)
    head.event_number = event.number
    head.event_hash = event.hash
    _announce_after_commit()
    return event


def lock_organisation() -> Organisation:
    """The organisation's row, locked: the head of the stream for everything that is not inside a release."""
    organisation, _made = Organisation.objects.select_for_update(no_key=True).get_or_create(pk=1)
    return organisation


def record_for_organisation(
    kind: str,
    *,
    actor: User | None,
    at: datetime,
    product: Product | None = None,
    data: Mapping[str, Any] | None = None,
) -> Event:
    """Lock the organisation's stream, append one event to it, save its head."""
    organisation = lock_organisation()
    event = record(organisation, kind, actor=actor, at=at, product=product, data=data)
    organisation.save(update_fields=["event_number", "event_hash"])
    return event


def publish(events: Iterable[Event]) -> None:
    """Give events their global positions. Only the relay calls this, one relay at a time."""
    EventPosition.objects.bulk_create([EventPosition(event=event) for event in events], ignore_conflicts=True)


# --- Verification -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class BrokenLink:
    """The first place where a stream or the checkpoints do not hold."""

    stream: str
    number: int
    reason: str


def _broken(event: Event, number: int, previous: str) -> str:
    """Why an event does not follow the one of a number and hash; empty when it does."""
    if event.number != number + 1:
        return f"number {number + 1} is missing"
    if event.previous_hash != previous:
        return "it does not follow from the event before it"
    return "" if link_hash(previous, event) == event.hash else "its content does not match its hash"


def broken_link_of(release: Release) -> BrokenLink | None:
    """The first broken link of one release's stream up to the head that the given row names."""
    number, previous = 0, ""
    for event in Event.objects.filter(release=release, number__lte=release.event_number).order_by("number").iterator():
        if reason := _broken(event, number, previous):
            return BrokenLink(release.stream, number + 1, reason)
        number, previous = event.number, event.hash
    if (number, previous) != (release.event_number, release.event_hash):
        return BrokenLink(release.stream, number + 1, "the head says otherwise")
    return None


def verify_streams(batch: int = 2000) -> Iterator[BrokenLink]:
    """Recompute every chain; yields the first broken link of each stream. Memory is flat in events."""
    heads = {"organisation": (0, "")}
    heads.update((o.stream, (o.event_number, o.event_hash)) for o in Organisation.objects.all())
    for release in Release.objects.only("id", "event_number", "event_hash").iterator(batch):
        heads[release.stream] = (release.event_number, release.event_hash)
    seen: set[str] = set()
    stream, number, previous, is_broken = "", 0, "", False

    def at_end() -> BrokenLink | None:
        if not stream or is_broken:
            return None
        head = heads.get(stream)
        if head is None:
            return BrokenLink(stream, number, "the stream has no release")
        if head != (number, previous):
            return BrokenLink(stream, number + 1, f"the head says {head[0]} events, {number} are here")
        return None

    for event in Event.objects.order_by("stream", "number").iterator(batch):
        if event.stream != stream:
            if broken := at_end():
                yield broken
            stream, number, previous, is_broken = event.stream, 0, "", False
            seen.add(stream)
        if is_broken:
            continue
        if reason := _broken(event, number, previous):
            is_broken = True
            yield BrokenLink(stream, number + 1, reason)
            continue
        number, previous = event.number, event.hash
    if broken := at_end():
        yield broken
    for name, (count, _hash) in heads.items():
        if name not in seen and count:
            yield BrokenLink(name, 1, f"the head says {count} events, none is here")


def merkle_root(leaves: list[str]) -> str:
    """Merkle root (SHA-256, hex) of texts; an odd node is carried up. Of nothing: the hash of the empty text."""
    level = [hashlib.sha256(leaf.encode()).digest() for leaf in leaves] or [hashlib.sha256(b"").digest()]
    while len(level) > 1:
        pairs = [hashlib.sha256(a + b).digest() for a, b in zip(level[::2], level[1::2], strict=False)]
        level = pairs + ([level[-1]] if len(level) % 2 else [])
    return level[0].hex()


def _signature(secret: str, checkpoint: Checkpoint) -> str:
    text = "\n".join((checkpoint.previous, checkpoint.made_at.isoformat(), checkpoint.root))
    return hmac.new(f"gatekeeper.checkpoint:{secret}".encode(), text.encode(), hashlib.sha256).hexdigest()


def seal_history(at: datetime) -> Checkpoint | None:
    """Sign the heads of all streams; nothing when no head has moved since the last checkpoint."""
    with transaction.atomic():
        lock_organisation()
        last = Checkpoint.objects.order_by("-id").first()
        heads = [[o.stream, o.event_number, o.event_hash] for o in Organisation.objects.all()]
        heads += [
            [f"release:{pk}", number, digest]
            for pk, number, digest in Release.objects.order_by("pk").values_list("pk", "event_number", "event_hash")
            if number
        ]
        root = merkle_root([canonical(head) for head in heads])
        if last is not None and last.root == root:
            return None
        checkpoint = Checkpoint(made_at=at, heads=canonical(heads), root=root, previous=last.signature if last else "")
        checkpoint.signature = _signature(settings.SECRET_KEY, checkpoint)
        checkpoint.save()
        return checkpoint


def verify_checkpoints() -> Iterator[BrokenLink]:
    """Every checkpoint is signed, chained, and each head in it is still in its stream. Yields the first that is not."""
    previous = ""
    secrets = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    for checkpoint in Checkpoint.objects.order_by("id").iterator(100):
        heads = json.loads(checkpoint.heads)
        reason = ""
        if checkpoint.previous != previous:
            reason = "it does not follow from the checkpoint before it"
        elif merkle_root([canonical(head) for head in heads]) != checkpoint.root:
            reason = "its heads do not match its root"
        elif not any(hmac.compare_digest(_signature(s, checkpoint), checkpoint.signature) for s in secrets):
            reason = "its signature is not this installation’s"
        if reason:
            yield BrokenLink("checkpoints", checkpoint.pk, reason)
            return
        previous = checkpoint.signature
    if not previous:
        return
    last = Checkpoint.objects.order_by("-id").first()
    assert last is not None
    for stream, number, digest in json.loads(last.heads):
        if not number:
            continue
        if not Event.objects.filter(stream=stream, number=number, hash=digest).exists():
            yield BrokenLink(stream, number, f"checkpoint {last.pk} signed another event here")
            return


def is_postgresql() -> bool:
    """Whether the database can lock rows and skip locked ones."""
    return connection.vendor == "postgresql"
