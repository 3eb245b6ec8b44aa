"""What the views of a gate share: finding it, and showing its page again after a form was refused."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.safestring import SafeString

from approvals.forms.gates import DecisionForm, EvidenceForm, RecuseForm, SubmitForm, WithdrawForm
from approvals.models import Deliverable, Evidence
from approvals.pages.cards import Card, UploadRow, is_overtaken, my_latest_draft, upload_rows, vote_at_stake
from approvals.pages.gate import GatePage, gate_page, joined
from approvals.pages.items import Item
from approvals.pages.signature import signature_card
from approvals.status import stuck_words
from approvals.views.access import the_release, today
from approvals.views.signing import is_fresh
from approvals.views.talk import talk
from gatekeeper.accounts.models import User
from gatekeeper.accounts.requests import SignedInRequest
from gatekeeper.common.errors import DomainError
from gatekeeper.common.pages import render_page
from releases.models import Gate, Release


@dataclass(frozen=True)
class Place:
    """A gate and what stands around it."""

    release: Release
    gate: Gate
    gates: list[Gate]


def the_gate(user: User, product: str, version: str, key: str, *, with_history: bool = False) -> Place:
    """A gate of a release that the person may see, or 404. Recorded history has no rounds, decisions or evidence."""
    release = the_release(user, product, version)
    if release.is_history and not with_history:
        raise Http404("Recorded history has no gates to decide.")
    gates = list(release.gates.order_by("position"))
    for gate in gates:
        if gate.key == key:
            return Place(release, gate, gates)
    raise Http404("No such gate.")


def the_deliverable(place: Place, key: str) -> Deliverable:
    return get_object_or_404(Deliverable, gate=place.gate, key=key)


def page_at(place: Place, user: User) -> GatePage:
    return gate_page(place.release, place.gate, place.gates, today(), user)


@dataclass(frozen=True)
class Verb:
    """A question with a form: a dialog on the gate page, and a page of its own without one (or with problems)."""

    key: str
    heading: str
    text: str
    form: forms.Form
    url: str
    button: str
    keep: str = "Cancel"
    tone: str = "btn-decline"


@dataclass(frozen=True)
class Editing:
    """A deliverable whose form is open, with what stands beside the form."""

    card: Card
    form: EvidenceForm
    preview: SafeString | None = None
    conflict: Item | None = None
    uploads: Sequence[UploadRow] = ()

    @property
    def kept(self) -> list[int]:
        """Ids of the files that go on: as typed, as the draft has it, or all of them in a new form."""
        if self.form.is_bound:
            return list(self.form.cleaned_data.get("keep", ()))
        draft = self.card.my_draft
        if draft is not None:
            return list(draft.kept)
        return [file.id for file in self.card.item.files if file.id is not None] if self.card.item else []

    @property
    def is_removed_under(self) -> bool:
        """The draft was begun on evidence that somebody has removed since."""
        draft = self.card.my_draft
        return not self.form.is_bound and draft is not None and draft.base_version > 0 and self.card.item is None


@dataclass
class Shown:
    """What a refused form adds to the page."""

    status: int = 200
    editing: Editing | None = None
    submit: SubmitForm | None = None
    decision: DecisionForm | None = None
    refused: DomainError | None = None
    kept: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)


def card_of(page: GatePage, key: str) -> Card | None:
    return next((card for card in page.cards if card.deliverable.key == key), None)


def stored_version(card: Card) -> int:
    """The version that a save expects: of what is shown, of a removal, or 0 when there never was any evidence."""
    if card.item is not None:
        return card.item.version
    latest = Evidence.objects.filter(deliverable=card.deliverable, is_latest=True).values_list("version", flat=True)
    return latest.first() or 0


def open_card(card: Card, user: User, kind: str = "", at_stake: Sequence[str] = ()) -> Editing:
    """The form of a deliverable with the person's draft, or else with what it has now.

    Somebody else's version that came after the draft began stands beside it, and the next save replaces it.
    """
    item, draft, version = card.item, card.my_draft, stored_version(card)
    source = draft if draft is not None else item
    initial: dict[str, Any] = {"version": version, "kind": kind or (source.kind if source else "text")}
    if source is not None:
        initial |= {"text": source.text, "url": source.url, "note": source.note}
    form = EvidenceForm(initial=initial, key=card.deliverable.key, at_stake=at_stake).take_focus()
    conflict = item if draft is not None and is_overtaken(draft, version) else None
    return Editing(card, form, conflict=conflict, uploads=upload_rows(card.deliverable, user))


def editing_again(card: Card, user: User, form: EvidenceForm, **more: Any) -> Editing:
    """The form as it was typed."""
    chosen = form.cleaned_data.get("received", ())
    return Editing(card, form, uploads=upload_rows(card.deliverable, user, chosen), **more)


def withdraw_verb(page: GatePage, form: WithdrawForm | None = None) -> Verb:
    number = page.gate.round_number
    decided = [line.name for line in page.role_lines if line.approvals]
    asked = f"Everybody is asked again in round {number + 1}."
    told = (
        f"{joined(decided)} {'has' if len(decided) == 1 else 'have'} approved."
        if decided
        else "Nobody has decided yet."
    )
    kept = " The decisions stay in the history." if decided else ""
    return Verb(
        key="withdraw",
        heading=f"Withdraw round {number}?",
        text=f"{told}{kept} {asked}",
        form=form or WithdrawForm(auto_id="withdraw-%s"),
        url=page.url_of("gate-withdraw"),
        button=f"Withdraw round {number}",
        keep=f"Keep round {number}",
    )


def recuse_verb(page: GatePage, form: RecuseForm | None = None) -> Verb:
    number = page.gate.round_number
    stuck = stuck_words(page.facts, page.user.pk)
    then = f"{stuck} then: the product manager and the product owner are told at once."
    return Verb(
        key="recuse",
        heading=f"Step aside from round {number}?",
        text=f"You will not decide in this round, in any role: {joined(page.my_seats)}. "
        f"{then if stuck else 'The quorums can be reached without you.'}",
        form=form or RecuseForm(initial={"round": number}, auto_id="recuse-%s"),
        url=page.url_of("gate-recuse"),
        button="Step aside",
    )


def decision_form(page: GatePage, *, prefix: str, choice: str = "", comment: str = "") -> DecisionForm:
    """An empty decision on the open round. `prefix` keeps the ids of the card and the phone's sheets apart."""
    following = page.next_gate
    initial: dict[str, Any] = {"round": page.gate.round_number, "choice": choice, "comment": comment}
    if page.round is not None:
        initial["condition_owner"] = page.round.submitted_by
    if following is not None and following.due_on is not None and following.due_on >= page.today:
        initial["condition_due_on"] = following.due_on
    return DecisionForm(initial=initial, auto_id=f"{prefix}-%s")


def show_gate(request: SignedInRequest, place: Place, shown: Shown | None = None) -> HttpResponse:
    """The gate's page; a form that was refused stands in it as it was typed."""
    shown = shown or Shown()
    page = page_at(place, request.user)
    editing = shown.editing
    if editing is None and page.mode == "prepare" and page.may_edit:
        asked = request.GET.get("edit", "")
        card = card_of(page, asked) if asked else my_latest_draft(page.cards)
        if card is not None:
            at_stake = vote_at_stake(page.facts, request.user)
            editing = open_card(card, request.user, request.GET.get("kind", ""), at_stake)
            if not asked:  # nobody asked for this field
                editing.form.leave_focus()
    verbs = []
    if page.status.may("withdraw"):
        verbs.append(withdraw_verb(page))
    if page.status.may("recuse"):
        verbs.append(recuse_verb(page))
    context: dict[str, Any] = {
        "page": page,
        "release": place.release,
        "gate": place.gate,
        "editing": editing,
        "submit_form": shown.submit or SubmitForm(auto_id="submit-%s"),
        "verbs": verbs,
        "refused": shown.refused,
        "kept": shown.kept,
        "all_open": request.GET.get("open") == "all",
        "is_decision_refused": shown.decision is not None,
        **talk(request, place.gate, place.release),
        **shown.more,
    }
    if page.hats:
        choice = request.GET.get("choice", "")
        context["nav"] = "inbox"
        context["signature"] = signature_card(page.status, request.user, is_fresh=is_fresh(request))
        context["decision_form"] = shown.decision or decision_form(page, prefix="decide", choice=choice)
        number = page.gate.round_number
        context["sheets"] = [
            (name, tone, question, decision_form(page, prefix=f"s-{name}"))
            for name, tone, question in (
                ("decline", "btn-decline", f"Decline round {number}?"),
                ("conditions", "btn-approve", f"Approve round {number} with conditions?"),
                ("approve", "btn-approve", f"Approve round {number}?"),
            )
        ]
    return render_page(request, "approvals/gate.html", context, status=shown.status)
