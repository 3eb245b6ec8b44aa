"""Forms of a gate: evidence, submit, decide, withdraw, step aside, waive, revoke, close a condition.

Lengths and rules are the actions': these forms only read what was typed, so that each rule stands in one place.
"""

from collections.abc import Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import date
from typing import Any, cast

from django import forms

from approvals.actions.decisions import COMMENT, NewCondition
from approvals.forms.people import PersonField
from approvals.forms.releases import DayField
from approvals.kinds import EvidenceKind, Verdict
from approvals.pages.words import joined
from gatekeeper.accounts.models import User
from gatekeeper.common.requests import whole_number

# What may be offered; `removed` is written by the engine alone.
KINDS = ("text", "file", "link", "tick")
APPROVE, CONDITIONS, DECLINE = "approve", "conditions", "decline"
# as the action says it
COMMENT_NEEDED = f"{COMMENT} is needed."
CHOICES = ((APPROVE, "Approve"), (CONDITIONS, "Approve with conditions"), (DECLINE, "Decline"))


def long_text(
    label: str, *, rows: int = 3, required: bool = False, hint: str = "", needed: str = ""
) -> forms.CharField:
    return forms.CharField(
        label=label, required=required, help_text=hint, widget=forms.Textarea(attrs={"rows": rows}),
        error_messages={"required": needed} if needed else None,
    )  # fmt: skip


class SeveralFilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Several files at once: cleans to a list."""

    widget = SeveralFilesInput

    def clean(self, data: Any, initial: Any = None) -> Any:
        one = super().clean
        return [one(each, initial) for each in data] if data else []


class IdsField(forms.Field):
    """Ids as repeated values; what is no number is no id."""

    widget = forms.MultipleHiddenInput

    def clean(self, value: Any) -> Any:
        return sorted({number for each in value or () if (number := whole_number(str(each))) is not None})


class EvidenceForm(forms.Form):
    """The evidence of one deliverable. Every kind's field is there; the chosen kind says which one counts."""

    kind = forms.ChoiceField(choices=[(k, EvidenceKind(k).label) for k in KINDS], initial="text")
    text = forms.CharField(label="Text", required=False, widget=forms.Textarea(attrs={"rows": 10, "class": "md"}))
    file = FilesField(label="Files", required=False, allow_empty_file=True)
    keep = IdsField(required=False)
    received = IdsField(required=False)
    url = forms.CharField(
        label="Link", required=False, widget=forms.URLInput(attrs={"placeholder": "https://", "autocomplete": "off"})
    )
    note = long_text("Note", rows=2)
    version = forms.IntegerField(required=False, widget=forms.HiddenInput)

    gives_up_vote = forms.BooleanField(error_messages={"required": "Confirm it, or let somebody else supply this."})

    def __init__(self, *args: Any, key: str, at_stake: Sequence[str] = (), **kwargs: Any) -> None:
        """`at_stake` names the roles in which the person cannot decide any more after their first save."""
        super().__init__(*args, **{"auto_id": f"ev-{key}-%s"} | kwargs)
        if at_stake:
            self.fields[
                "gives_up_vote"
            ].label = f"I give up my vote as {joined(at_stake)} in the next round, since I supply evidence for it"
        else:
            del self.fields["gives_up_vote"]

    @property
    def chosen(self) -> str:
        """The kind that is shown first."""
        kind = str(self["kind"].value() or "text")
        return kind if kind in KINDS else "text"

    def take_focus(self) -> "EvidenceForm":
        """The field of the chosen kind is where one goes on."""
        name = {"text": "text", "file": "file", "link": "url", "tick": "note"}[self.chosen]
        self.fields[name].widget.attrs["data-focus"] = ""
        return self

    def leave_focus(self) -> None:
        for bound in self.fields.values():
            bound.widget.attrs.pop("data-focus", None)

    def draft(self) -> dict[str, Any]:
        """What `save_draft` takes, of a form that need not be whole."""
        data = self.cleaned_data
        return {
            "kind": data.get("kind", "text"), "text": data.get("text", ""), "url": data.get("url", ""),
            "note": data.get("note", ""), "kept": data.get("keep", ()), "base_version": data.get("version") or 0,
        }  # fmt: skip

    def words(self) -> dict[str, Any]:
        """What `save_evidence` takes, but for files that came with the form."""
        data = self.cleaned_data
        return {
            "kind": data["kind"], "text": data["text"], "url": data["url"], "note": data["note"],
            "keep": data["keep"], "received": data["received"],
            "expected_version": data["version"],
        }  # fmt: skip


class SubmitForm(forms.Form):
    """A note to the approvers."""

    summary = forms.CharField(
        label="Note to the approvers", required=False,
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "What should they look at first?"}),
    )  # fmt: skip


# The fields of a condition, and how those of the further ones end.
CONDITION_FIELDS = ("condition", "condition_owner", "condition_due_on")
CONDITION_ENDS = ("", "_2", "_3", "_4", "_5")


@dataclass(frozen=True)
class ConditionRow:
    """The three fields of one condition."""

    text: forms.BoundField
    owner: forms.BoundField
    due_on: forms.BoundField
    is_open: bool


class DecisionForm(forms.Form):
    """Approve, approve with conditions, or decline the round that was read.

    The first condition has to be whole; the further ones count when they have a text.
    """

    choice = forms.ChoiceField(
        label="Decision", choices=CHOICES, error_messages={"required": "Choose a decision."}, widget=forms.RadioSelect
    )
    role = forms.CharField(required=False, widget=forms.HiddenInput)
    round = forms.IntegerField(widget=forms.HiddenInput)
    comment = long_text("Comment", rows=2)
    condition = forms.CharField(label="What must still be done", required=False)
    condition_owner = PersonField(label="Who does it", required=False)
    condition_due_on = DayField(label="Until", required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for end in CONDITION_ENDS[1:]:
            for name in CONDITION_FIELDS:
                self.fields[f"{name}{end}"] = deepcopy(self.fields[name])
                if name in self.initial:
                    self.initial.setdefault(f"{name}{end}", self.initial[name])
        self.problem_fields = {"verdict": "choice"}

    @property
    def condition_rows(self) -> list[ConditionRow]:
        """The fields of each condition; further ones are folded away until they are used."""
        rows = []
        for end in CONDITION_ENDS:
            text, owner, due_on = (self[f"{name}{end}"] for name in CONDITION_FIELDS)
            is_open = bool(text.errors or owner.errors or due_on.errors or (self.is_bound and text.value()))
            rows.append(ConditionRow(text, owner, due_on, is_open))
        return rows

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("choice") != CONDITIONS:
            return data
        if not str(data.get("comment") or "").strip():
            self.add_error("comment", forms.ValidationError(COMMENT_NEEDED, "required"))
        messages = ("Say what must still be done.", "Name the person who does it.", "Give a day.")
        for end in CONDITION_ENDS:
            names = [f"{name}{end}" for name in CONDITION_FIELDS]
            is_used = not end or bool(str(self[names[0]].value() or "").strip())
            for name, message in zip(names, messages, strict=True):
                if not is_used:
                    self.errors.pop(name, None)
                elif not data.get(name) and name not in self.errors:
                    self.add_error(name, forms.ValidationError(message, "required"))
        return data

    def words(self) -> dict[str, Any]:
        """What `record_decision` takes."""
        data = self.cleaned_data
        verdict = Verdict.DECLINE if data["choice"] == DECLINE else Verdict.APPROVE
        conditions: list[NewCondition] = []
        if data["choice"] == CONDITIONS:
            for end in CONDITION_ENDS:
                text, owner, due_on = (data.get(f"{name}{end}") for name in CONDITION_FIELDS)
                if not text:
                    continue
                assert isinstance(due_on, date)
                assert isinstance(owner, User)
                for name, place in zip(CONDITION_FIELDS, ("text", "owner", "due_on"), strict=True):
                    self.problem_fields[f"conditions.{len(conditions)}.{place}"] = f"{name}{end}"
                conditions.append(NewCondition(text, owner, due_on))
        return {
            "round_number": data["round"], "role_key": data["role"], "verdict": verdict, "comment": data["comment"],
            "conditions": conditions,
        }  # fmt: skip


class BatchForm(forms.Form):
    """One comment for several approvals; which ones, the ticks say."""

    comment = long_text("Comment", rows=2, hint="Stands beside each of these approvals.")


class CommentForm(forms.Form):
    """A word in the discussion."""

    text = long_text("Comment", rows=2)


class WithdrawForm(forms.Form):
    reason = long_text("Reason", hint="Kept in the history; the approvers are told.")


class RecuseForm(forms.Form):
    comment = long_text("Why", required=True, hint="Everybody who sees the round can read it.")
    round = forms.IntegerField(widget=forms.HiddenInput)


class RevokeForm(forms.Form):
    reason = long_text("Reason", required=True, hint="The decision stays in the history, marked as revoked.")


class WaiveForm(forms.Form):
    reason = long_text(
        "Reason", required=True, rows=4, hint="At least 20 characters. It stands beside the gate from now on.",
        needed="Say why, in 20 characters or more.",
    )  # fmt: skip
    expires_on = DayField(
        label="Expires on", help_text="From then on the gate is shown as an open debt.",
        error_messages={"required": "Give the day up to which it holds."},
    )  # fmt: skip


class ExceptionForm(forms.Form):
    """What is excused, why, until when. `what` is kind and subject: `deliverable:runbooks`, `check:ci/nightly`."""

    problem_fields = {"kind": "what", "subject": "what"}

    what = forms.ChoiceField(label="What is excused")
    reason = long_text("Reason", required=True, rows=4, hint="At least 20 characters. It stands beside the gap.")
    expires_on = DayField(
        label="Expires on", help_text="From then on it blocks again; after the gate is passed it is an open debt."
    )

    def __init__(self, *args: Any, excusable: Iterable[tuple[str, str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        words = {"deliverable": "Deliverable", "check": "Check"}
        choices = [(f"{kind}:{subject}", f"{words[kind]}: {name}") for kind, subject, name in excusable]
        cast(forms.ChoiceField, self.fields["what"]).choices = choices


class CloseConditionForm(forms.Form):
    note = long_text("How it was met", required=True)
