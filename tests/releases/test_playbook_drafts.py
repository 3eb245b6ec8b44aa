"""Playbooks edited in the browser: drafts, and what is published of them."""

import copy
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from gatekeeper.common.errors import Conflict, Refused
from gatekeeper.management.commands.load_playbooks import FOLDER
from releases.actions.playbooks import (
    create_playbook,
    discard_draft,
    import_draft,
    publish_playbook,
    rebase_draft,
    save_draft,
    start_draft,
)
from releases.kinds import EventKind
from releases.models import Event, Playbook, PlaybookDraft
from releases.playbook_yaml import write_playbook_text
from releases.playbooks import parse_playbook
from tests.cast import SMALL_PLAYBOOK, Cast, at, conflict, fields_of, make_playbook, moment, not_allowed, refused

SLUG = "small"


def changed(draft: PlaybookDraft, days: int = -45) -> dict[str, Any]:
    """The draft with another day for its first gate."""
    definition: dict[str, Any] = copy.deepcopy(draft.definition)
    definition["gates"][0]["offset_days"] = days
    return definition


def edited(cast: Cast, days: int = -45) -> PlaybookDraft:
    draft = start_draft(slug=SLUG, actor=cast.administrator, clock=at(1))
    return save_draft(
        slug=SLUG, revision=draft.revision, definition=changed(draft, days), actor=cast.administrator, clock=at(1, 10)
    )


def publish(cast: Cast, draft: PlaybookDraft, note: str = "Fifteen days later.") -> Playbook:
    return publish_playbook(slug=draft.slug, revision=draft.revision, note=note, actor=cast.administrator, clock=at(2))


def test_a_draft_becomes_the_next_version(cast: Cast) -> None:
    draft = edited(cast)
    assert (draft.based_on_id, draft.revision, draft.saved_at) == (cast.playbook.pk, 2, moment(1, 10))
    playbook = publish(cast, draft)
    assert (playbook.version, playbook.published_by, playbook.note) == (2, cast.administrator, "Fifteen days later.")
    assert parse_playbook(playbook.definition).gates[0].offset_days == -45
    assert Playbook.objects.get(slug=SLUG, version=1).definition["gates"][0]["offset_days"] == -60
    assert not PlaybookDraft.objects.exists()
    event = Event.objects.get(kind=EventKind.PLAYBOOK_PUBLISHED)
    assert event.actor == cast.administrator
    assert event.payload | {"digest": ""} == {
        "playbook": SLUG, "version": 2, "digest": "", "note": "Fifteen days later.",
        "changes": [
            ["Gate 1, Market Opportunity", "Due 45 days before the release, was 60 days before the release"],
        ],
    }  # fmt: skip


def test_a_stale_save_loses_nothing(cast: Cast) -> None:
    draft = edited(cast)
    with conflict("draft_changed"):
        save_draft(slug=SLUG, revision=1, definition=changed(draft, -20), actor=cast.administrator, clock=at(1))
    with conflict("draft_changed"):
        publish_playbook(slug=SLUG, revision=1, note="Mine.", actor=cast.administrator, clock=at(1))
    with conflict("draft_changed"):
        discard_draft(slug=SLUG, revision=1, actor=cast.administrator)
    discard_draft(slug=SLUG, revision=2, actor=cast.administrator)
    with conflict("no_draft"):
        save_draft(slug=SLUG, revision=2, definition=changed(draft), actor=cast.administrator, clock=at(1))


def test_starting_twice_takes_the_draft_up_again(cast: Cast) -> None:
    draft = edited(cast)
    assert start_draft(slug=SLUG, actor=cast.administrator, clock=at(2)).revision == draft.revision
    assert PlaybookDraft.objects.count() == 1


def test_a_draft_may_be_wrong_and_a_version_may_not(cast: Cast) -> None:
    draft = start_draft(slug=SLUG, actor=cast.administrator, clock=at(1))
    definition = changed(draft, -5)
    definition["gates"][1]["roles"] = []
    definition["gates"][2]["deliverables"][0]["name"] = ""
    draft = save_draft(slug=SLUG, revision=1, definition=definition, actor=cast.administrator, clock=at(1))
    with refused("invalid_playbook") as found:
        publish(cast, draft)
    assert [problem.message for problem in found.value.fields] == [
        "Functional Completeness, roles: a gate without approver roles could never be approved",
        "Release Readiness, deliverable 1, name: expected a text",
        "Functional Completeness: Functional Completeness is due before the gate above it",
    ]


@pytest.mark.parametrize(
    "definition",
    [
        {"name": "x"},
        {"name": "x", "gates": ["y"]},
        {"name": "x", "gates": [{"key": "a", "name": 1}]},
        {"name": "x", "gates": [{"key": "a", "name": "A", "roles": [{"key": "b"}]}]},
        {"name": "x", "gates": [{"key": "a", "name": "A", "questions": [1]}]},
    ],
)
def test_what_pages_cannot_draw_is_not_saved(cast: Cast, definition: dict[str, Any]) -> None:
    start_draft(slug=SLUG, actor=cast.administrator, clock=at(1))
    with refused("invalid_shape"):
        save_draft(slug=SLUG, revision=1, definition=definition, actor=cast.administrator, clock=at(1))


def test_nothing_changed_is_not_published_and_a_note_is_needed(cast: Cast) -> None:
    draft = start_draft(slug=SLUG, actor=cast.administrator, clock=at(1))
    with refused("nothing_changed"):
        publish(cast, draft)
    draft = edited(cast)
    with refused("required") as found:
        publish(cast, draft, note=" ")
    assert fields_of(found) == [("note", "required")]


def test_only_administrators_edit_playbooks(cast: Cast) -> None:
    draft = edited(cast)
    with not_allowed("not_administrator"):
        start_draft(slug=SLUG, actor=cast.pm)
    with not_allowed("not_administrator"):
        save_draft(slug=SLUG, revision=draft.revision, definition=changed(draft), actor=cast.pm)
    with not_allowed("not_administrator"):
        publish_playbook(slug=SLUG, revision=draft.revision, note="Mine.", actor=cast.executive)
    with not_allowed("not_administrator"):
        discard_draft(slug=SLUG, revision=draft.revision, actor=cast.pm)
    with not_allowed("not_administrator"):
        import_draft(text="", slug=SLUG, actor=cast.pm)
    with not_allowed("not_administrator"):
        create_playbook(name="Mine", actor=cast.pm)
    with not_allowed("not_administrator"):
        rebase_draft(slug=SLUG, revision=draft.revision, actor=cast.pm)


def test_a_new_playbook_is_a_copy_or_empty(cast: Cast) -> None:
    copied = create_playbook(name="Hotfix", source=cast.playbook, actor=cast.administrator, clock=at(1))
    assert (copied.slug, copied.definition["name"], len(copied.definition["gates"])) == ("hotfix", "Hotfix", 4)
    assert publish(cast, copied).version == 1
    empty = create_playbook(name="Empty", actor=cast.administrator, clock=at(1))
    with refused("invalid_playbook"):
        publish(cast, empty)
    for name, slug, field in (("Hotfix", "other", "name"), ("Other", "small", "slug"), ("Other", "No", "slug")):
        with pytest.raises(Refused) as found:
            create_playbook(name=name, slug=slug, actor=cast.administrator)
        assert found.value.fields[0].field == field


# --- Import ---------------------------------------------------------------------------------------------------------


def test_an_export_that_was_changed_comes_back_as_a_draft(cast: Cast) -> None:
    text = write_playbook_text(cast.playbook.definition)
    with refused("nothing_changed"):
        import_draft(text=text, slug=SLUG, actor=cast.administrator, clock=at(1))
    other = text.replace("offset_days: -60", "offset_days: -70")
    draft = import_draft(text=other, slug=SLUG, actor=cast.administrator, clock=at(1))
    assert (draft.based_on, draft.definition["gates"][0]["offset_days"]) == (cast.playbook, -70)
    with conflict("draft_changed"):
        import_draft(text=other, slug=SLUG, actor=cast.administrator, clock=at(1))
    again = text.replace("offset_days: -60", "offset_days: -65")
    assert import_draft(text=again, slug=SLUG, revision=1, actor=cast.administrator, clock=at(1)).revision == 2
    with refused("other_playbook"):
        import_draft(text=other.replace("slug: small", "slug: tall"), slug=SLUG, actor=cast.administrator)
    with refused("exists"):
        import_draft(text=other, actor=cast.administrator)
    with refused("recorded_history"):
        import_draft(text="slug: h\nname: H\nkind: history\ngates: [{key: a, name: A}]", actor=cast.administrator)
    assert import_draft(text=other.replace("slug: small", "slug: tall"), actor=cast.administrator).based_on is None


# --- Files and the browser ------------------------------------------------------------------------------------------


def test_a_file_never_goes_over_what_was_published_in_the_browser(
    cast: Cast, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file of an upgrade has changed meanwhile: it is told, not loaded; importing it shows what it would change."""
    published = publish(cast, edited(cast))
    path = tmp_path / "small.yaml"
    path.write_text(write_playbook_text(cast.playbook.definition).replace("offset_days: -60", "offset_days: -70"))
    call_command("load_playbooks", str(path))
    assert "Small playbook v2 (small): was published in the browser" in capsys.readouterr().out
    assert Playbook.objects.filter(slug=SLUG).order_by("-version")[0] == published
    draft = import_draft(text=path.read_text(), slug=SLUG, actor=cast.administrator, clock=at(3))
    third = publish(cast, draft, "What the upgrade brought.")
    call_command("load_playbooks", str(path))
    assert "Small playbook v3 (small): is loaded already" in capsys.readouterr().out
    assert Playbook.objects.filter(slug=SLUG).count() == third.version == 3


def test_a_version_loaded_under_a_draft_is_looked_at_before_publishing(cast: Cast) -> None:
    draft = edited(cast)
    loaded = make_playbook(SMALL_PLAYBOOK | {"description": "From an upgrade."})
    assert loaded.version == 2
    with conflict("newer_version"):
        publish(cast, draft)
    draft = rebase_draft(slug=SLUG, revision=draft.revision, actor=cast.administrator, clock=at(2))
    third = publish(cast, draft)
    assert (third.version, third.definition["description"]) == (3, "")
    told = Event.objects.get(kind=EventKind.PLAYBOOK_PUBLISHED).payload["changes"]
    assert ["Playbook", "The description has changed"] in told


def test_the_shipped_files_can_be_edited(cast: Cast) -> None:
    call_command("load_playbooks", verbosity=0)
    for path in sorted(FOLDER.glob("*.yaml")):
        with pytest.raises(Refused, match="says the same"):
            import_draft(text=path.read_text(), slug=path.stem, actor=cast.administrator)
    with pytest.raises(Conflict):
        start_draft(slug="nothing", actor=cast.administrator)
