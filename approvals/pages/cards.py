"""A gate's deliverables as a checklist: what each has, who is writing, and what its open form shows."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.utils import timezone

from approvals.actions.files import RESUMABLE
from approvals.facts import GateFacts
from approvals.models import Deliverable, EvidenceDraft, Upload
from approvals.pages.items import Item, draft_item, is_program
from approvals.pages.words import joined
from gatekeeper.accounts.models import User
from gatekeeper.common.calendars import organisation_zone
from releases.playbooks import DISCIPLINES


@dataclass(frozen=True)
class Card:
    """A deliverable while evidence is gathered."""

    deliverable: Deliverable
    item: Item | None
    drafts: tuple[EvidenceDraft, ...] = ()
    user_id: int = 0
    due_on: date | None = None

    @property
    def owners(self) -> str:
        """The disciplines that supply it."""
        return joined([DISCIPLINES.get(code, code) for code in self.deliverable.disciplines])

    @property
    def anchor(self) -> str:
        return f"d-{self.deliverable.key}"

    @property
    def is_ready(self) -> bool:
        return self.item is not None

    @property
    def wanted_on(self) -> date | None:
        """By which day it is wanted, when the playbook asks for it before the gate is due."""
        days = self.deliverable.days_before
        return self.due_on - timedelta(days=days) if days and self.due_on is not None else None

    @property
    def my_draft(self) -> EvidenceDraft | None:
        return next((draft for draft in self.drafts if draft.author_id == self.user_id), None)

    @property
    def draft_saved(self) -> str:
        """When the person's draft was saved: "09:28", with the day when it was not today."""
        if self.my_draft is None:
            return ""
        zone = organisation_zone()
        saved, now = timezone.localtime(self.my_draft.saved_at, zone), timezone.localtime(timezone=zone)
        return f"{saved:%H:%M}" if saved.date() == now.date() else f"{saved:%-d %b}, {saved:%H:%M}"

    @property
    def other_drafts(self) -> list[EvidenceDraft]:
        return [draft for draft in self.drafts if draft.author_id != self.user_id]

    @property
    def writers(self) -> str:
        """Who has a draft: "You and Quinn Manager"."""
        mine = ["You"] if self.my_draft is not None else []
        return joined([*mine, *(str(draft.author) for draft in self.other_drafts)])


def cards_of(facts: GateFacts, user: User, *, with_drafts: bool) -> list[Card]:
    """The checklist; drafts are read only for those who gather evidence."""
    drafts: dict[int, list[EvidenceDraft]] = defaultdict(list)
    if with_drafts:
        rows = EvidenceDraft.objects.filter(deliverable__gate=facts.gate).select_related("author")
        for draft in rows.order_by("-saved_at"):
            drafts[draft.deliverable_id].append(draft)
    return [
        Card(
            deliverable=thing,
            item=draft_item(facts.evidence[thing.pk], thing) if thing.pk in facts.evidence else None,
            drafts=tuple(drafts[thing.pk]),
            user_id=user.pk,
            due_on=facts.gate.due_on,
        )
        for thing in facts.deliverables
    ]


def my_latest_draft(cards: Sequence[Card]) -> Card | None:
    """The card that a person was writing last, to go on with it."""
    mine = [(card.my_draft.saved_at, card) for card in cards if card.my_draft is not None]
    return max(mine, key=lambda row: row[0])[1] if mine else None


def vote_at_stake(facts: GateFacts, user: User) -> list[str]:
    """Names of the roles in which a person could not decide any more once they have saved evidence."""
    seats = [row.role.name for row in facts.roles if any(h.user.pk == user.pk for h in facts.holders[row.role_id])]
    return seats if seats and user.pk not in facts.contributors_now() else []


# --- The open form --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class UploadRow:
    """A file that its author has sent and not marked as ready yet."""

    upload: Upload
    is_chosen: bool

    @property
    def is_whole(self) -> bool:
        return self.upload.finished_at is not None

    @property
    def is_program(self) -> bool:
        return is_program(self.upload.name)

    @property
    def percent(self) -> int:
        return int(100 * self.upload.received / self.upload.size)

    @property
    def hours(self) -> int:
        """How long a stopped upload can go on."""
        return int(RESUMABLE.total_seconds() // 3600)


def upload_rows(deliverable: Deliverable, user: User, chosen: Collection[int] | None = None) -> list[UploadRow]:
    """One person's uploads for a deliverable; all of them are chosen unless a form says which."""
    found = Upload.objects.filter(deliverable=deliverable, author=user).order_by("pk")
    return [UploadRow(row, chosen is None or row.pk in chosen) for row in found]


def is_overtaken(draft: EvidenceDraft, version: int) -> bool:
    """Whether somebody marked another version as ready while this was being written."""
    return draft.base_version != version
