"""Forms of the playbook pages beside the editor's own."""

from typing import Any, ClassVar

from django import forms

from releases.kinds import PlaybookKind
from releases.models import Playbook
from releases.playbook_yaml import MOST_CHARACTERS

# A letter takes up to four bytes.
MOST_BYTES = 4 * MOST_CHARACTERS


class YamlForm(forms.Form):
    """A playbook as YAML: a file, or text that was pasted."""

    file = forms.FileField(
        label="YAML file", required=False, allow_empty_file=True,
        widget=forms.FileInput(attrs={"accept": ".yaml,.yml,application/yaml,text/yaml"}),
    )  # fmt: skip
    text = forms.CharField(
        label="Or paste it here", required=False, strip=False, max_length=MOST_CHARACTERS,
        widget=forms.Textarea(attrs={"rows": 14, "spellcheck": "false", "class": "md"}),
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        upload = cleaned.get("file")
        if upload is not None:
            if upload.size > MOST_BYTES:
                self.add_error("file", f"The file is larger than {MOST_BYTES // 1000} KB: this is no playbook.")
                return cleaned
            raw = upload.read()
            try:
                cleaned["text"] = raw.decode("utf-8-sig")
            except UnicodeDecodeError as error:
                byte = f"byte {error.start + 1} is {error.object[error.start]:#04x}"
                self.add_error("file", f"The file is not UTF-8: {byte}.")
        elif not self.errors and not (cleaned.get("text") or "").strip():
            self.add_error("text", "Choose a file or paste the text.")
        return cleaned


class NewPlaybookForm(forms.Form):
    """A new playbook: a name, and what it begins with."""

    name = forms.CharField(max_length=200, help_text="Such as “Hotfix”. It can be changed later.")
    slug = forms.CharField(
        label="Short name", max_length=64, required=False,
        help_text="In addresses and files; cannot be changed later. Made from the name when it is empty.",
    )  # fmt: skip
    source = forms.ModelChoiceField(
        Playbook.objects.none(), label="Begin with", required=False, empty_label="No gates: an empty playbook"
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        source = self.fields["source"]
        assert isinstance(source, forms.ModelChoiceField)
        source.queryset = Playbook.objects.filter(kind=PlaybookKind.GATES).order_by("name", "-version")


class AboutForm(forms.Form):
    """What a playbook is called, and what it is for."""

    name = forms.CharField(max_length=200)
    description = forms.CharField(
        required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 3}),
        help_text="For whom and for which releases it is.",
    )  # fmt: skip


class PublishForm(forms.Form):
    """What changes, in the words of the person who publishes it."""

    problem_fields: ClassVar[dict[str, str]] = {}

    note = forms.CharField(
        label="What changes, and why", max_length=2000, widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Kept with the version: product managers read it when they move a release.",
        error_messages={"required": "Say what changes: the note is kept with the version."},
    )  # fmt: skip
