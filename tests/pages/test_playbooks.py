"""The playbook editor, its versions, import and export."""

import copy
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client

from gatekeeper.accounts.models import User
from releases.actions.playbooks import publish_playbook, save_draft, start_draft
from releases.models import Playbook, PlaybookDraft
from tests.cast import MARKET, READINESS, Cast, at, nothing_changes

SMALL = "/settings/playbooks/small/"


def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person, "gatekeeper.accounts.backends.EmailOrUsernameBackend")
    return client


@pytest.fixture
def ada(cast: Cast) -> Client:
    """The administrator's browser."""
    return signed_in(cast.administrator)


@pytest.fixture
def draft(cast: Cast) -> PlaybookDraft:
    return start_draft(slug="small", actor=cast.administrator, clock=at(1))


def fields(answer: HttpResponse) -> dict[str, Any]:
    """What the gate's form would send as it stands."""
    page = answer.context["page"]  # type: ignore[attr-defined]
    gate = page.chosen
    months = gate["offset_months"] is not None
    sent: dict[str, Any] = {
        "revision": page.draft.revision,
        "gate": gate["key"],
        "name": gate["name"],
        "short_name": gate["short_name"],
        "due": gate["offset_months"] if months else abs(gate["offset_days"]),
        "unit": "months" if months else "days",
        "questions": "\n".join(gate["questions"]),
        "informed": "\n".join(gate["informed"]),
        "role-count": len(page.roles),
        "thing-count": len(page.things),
        "check-count": len(page.checks),
    }
    for i, row in enumerate(page.roles):
        sent |= {f"role-{i}-{name}": row.data.get(name, 1) for name in ("key", "name", "quorum", "order")}
    for i, row in enumerate(page.things):
        sent |= {f"thing-{i}-{name}": row.data[name] for name in ("key", "name", "hint")}
        sent[f"thing-{i}-disciplines"] = ", ".join(row.data["disciplines"])
        if row.data["required"]:
            sent[f"thing-{i}-required"] = "1"
    for i, row in enumerate(page.checks):
        sent |= {f"check-{i}-name": row.data["name"], f"check-{i}-blocking": "yes" if row.data["blocking"] else "no"}
    return sent


def stored() -> dict[str, Any]:
    definition: dict[str, Any] = PlaybookDraft.objects.get(slug="small").definition
    return definition


def test_the_form_sends_back_what_it_shows(cast: Cast, ada: Client, draft: PlaybookDraft) -> None:
    """Saving without a change changes nothing: the draft still says what the version says."""
    for gate in draft.definition["gates"]:
        sent = fields(ada.get(f"{SMALL}?gate={gate['key']}"))
        assert ada.post(SMALL, sent | {"do": "save"}).status_code == 302
    page = ada.get(SMALL).context["page"]
    assert page.changes == []
    assert PlaybookDraft.objects.get().revision == 5


def test_one_save_saves_the_whole_gate(cast: Cast, ada: Client, draft: PlaybookDraft) -> None:
    sent = fields(ada.get(f"{SMALL}?gate={MARKET}"))
    sent |= {
        "name": "Market", "due": "-55", "signature": "1", "role-0-quorum": "all", "role-1-order": "2",
        "thing-1-required": "1", "thing-0-days": "7", "thing-0-disciplines": "pm, leg", "questions": "Why?\n\nWho?",
        "informed": "", "new-role": "support", "new-thing": "Memo", "new-check": "ci/build", "do": "save",
    }  # fmt: skip
    answer = ada.post(SMALL, sent)
    assert answer.headers["Location"] == f"{SMALL}?gate={MARKET}#gate"
    gate = stored()["gates"][0]
    assert (gate["key"], gate["name"], gate["offset_days"], gate["signature"]) == (MARKET, "Market", -55, True)
    assert gate["roles"] == [
        {"key": "engineering", "name": "Engineering", "quorum": "all"},
        {"key": "sales", "name": "Sales", "quorum": 1, "order": 2},
        {"key": "support", "name": "support", "quorum": 1},
    ]
    assert [(one["key"], one["required"], one.get("days_before")) for one in gate["deliverables"]] == [
        ("brief", True, 7), ("teardown", True, None), ("memo", True, None),
    ]  # fmt: skip
    assert gate["deliverables"][0]["disciplines"] == ["PM", "LEG"]
    assert (gate["checks"], gate["questions"], gate["informed"]) == (
        [{"name": "ci/build", "blocking": False}], ["Why?", "Who?"], [],
    )  # fmt: skip
    page = ada.get(SMALL).content.decode()
    assert "Quorum of Engineering is all of them, was 1" in page
    assert "Decisions are signed" in page


def test_buttons_beside_rows_keep_what_was_typed(cast: Cast, ada: Client, draft: PlaybookDraft) -> None:
    sent = fields(ada.get(f"{SMALL}?gate={MARKET}")) | {"name": "Typed"}
    assert ada.post(SMALL, sent | {"do": "role-down:0"}).headers["Location"].endswith("#roles")
    assert [role["key"] for role in stored()["gates"][0]["roles"]] == ["sales", "engineering"]
    assert stored()["gates"][0]["name"] == "Typed"
    sent = fields(ada.get(f"{SMALL}?gate={MARKET}"))
    ada.post(SMALL, sent | {"do": "thing-remove:0"})
    assert [thing["key"] for thing in stored()["gates"][0]["deliverables"]] == ["teardown"]
    sent = fields(ada.get(f"{SMALL}?gate={MARKET}")) | {"new-gate": "Beta", "do": "gate-add"}
    assert ada.post(SMALL, sent).headers["Location"] == f"{SMALL}?gate=beta#gate"
    assert [gate["key"] for gate in stored()["gates"]][:2] == [MARKET, "beta"]
    sent = fields(ada.get(f"{SMALL}?gate=beta"))
    ada.post(SMALL, sent | {"do": "gate-up:1"})
    assert [gate["key"] for gate in stored()["gates"]][:2] == ["beta", MARKET]
    sent = fields(ada.get(f"{SMALL}?gate=beta"))
    assert ada.post(SMALL, sent | {"do": "gate-remove:0"}).headers["Location"] == f"{SMALL}?gate={MARKET}#gates"
    assert "beta" not in [gate["key"] for gate in stored()["gates"]]


def test_what_is_wrong_is_kept_and_named(cast: Cast, ada: Client, draft: PlaybookDraft) -> None:
    sent = fields(ada.get(f"{SMALL}?gate={READINESS}"))
    sent |= {"due": "ten", "role-count": "0", "thing-0-disciplines": "XX", "do": "save"}
    saved = ada.post(SMALL, sent)
    assert saved.headers["Location"] == f"{SMALL}?gate={READINESS}&saved=1"
    page = ada.get(saved.headers["Location"]).content.decode()
    assert 'aria-invalid="true" aria-describedby="due-error" value="ten"' in page
    assert 'id="due-error"' in page
    assert "The draft is saved. This gate cannot be published yet." in page
    assert "<li>Deliverable 1, supplied by: XX is not one of" in page
    assert page.count("Release Readiness, due: give whole days before the release") == 1
    assert "offset" not in page
    assert "Release Readiness, roles: a gate without approver roles could never be approved" in page
    assert "XX is not one of" in page
    publish = ada.get(f"{SMALL}publish/").content.decode()
    assert 'aria-disabled="true"' in publish
    with nothing_changes():
        answer = ada.post(f"{SMALL}publish/", {"revision": 2, "note": "Now."})
    assert answer.status_code == 422


def test_a_stale_save_keeps_what_was_typed(cast: Cast, ada: Client, draft: PlaybookDraft) -> None:
    sent = fields(ada.get(f"{SMALL}?gate={MARKET}")) | {"name": "Typed by me", "do": "save"}
    other = copy.deepcopy(draft.definition)
    other["gates"][2]["name"] = "Somebody else's"
    save_draft(slug="small", revision=1, definition=other, actor=cast.administrator, clock=at(1))
    with nothing_changes():
        answer = ada.post(SMALL, sent)
    assert answer.status_code == 409
    page = answer.content.decode()
    assert "has saved this draft since you opened it" in page
    assert 'value="Typed by me"' in page
    assert "Somebody else&#x27;s" in page
    again = fields(answer) | {"do": "save"}
    assert again["revision"] == 2
    assert ada.post(SMALL, again).status_code == 302
    assert [gate["name"] for gate in stored()["gates"]][::2] == ["Typed by me", "Somebody else's"]


def test_publishing_asks_first_and_then_the_editor_reads(cast: Cast, ada: Client, draft: PlaybookDraft) -> None:
    assert "Edit</button>" not in ada.get(SMALL).content.decode()
    ada.post(SMALL, fields(ada.get(SMALL)) | {"name": "Market", "do": "save"})
    page = ada.get(f"{SMALL}publish/").content.decode()
    assert "Publish version 2 of Small playbook?" in page
    assert "Called Market, was Market Opportunity" in page
    assert ada.post(f"{SMALL}publish/", {"revision": 2, "note": ""}).status_code == 422
    assert ada.post(f"{SMALL}publish/", {"revision": 1, "note": "Shorter."}).status_code == 409
    assert ada.post(f"{SMALL}publish/", {"revision": 2, "note": "Shorter."}).headers["Location"] == SMALL
    read = ada.get(SMALL).content.decode()
    assert "Edit</button>" in read
    assert 'name="role-0-name"' not in read
    assert "Published: version 2" in read
    assert "by Ada Admin" in read
    assert "Shorter." in ada.get(f"{SMALL}versions/").content.decode()
    assert "Called Market, was Market Opportunity" in ada.get(f"{SMALL}versions/2/").content.decode()
    assert "1 change" in ada.get(f"{SMALL}compare/?from=1&to=2").content.decode()
    assert ada.post(SMALL, {"do": "save", "revision": 2}).status_code == 409


def test_discarding_leads_back(cast: Cast, ada: Client, draft: PlaybookDraft) -> None:
    assert ada.get(f"{SMALL}discard/").status_code == 200
    assert ada.post(f"{SMALL}discard/", {"revision": 1}).headers["Location"] == SMALL
    assert not PlaybookDraft.objects.exists()
    assert ada.post(f"{SMALL}edit/").status_code == 302
    assert PlaybookDraft.objects.exists()


# --- YAML -----------------------------------------------------------------------------------------------------------


def test_an_export_is_shown_as_changes_before_it_is_the_draft(cast: Cast, ada: Client) -> None:
    export = ada.get(f"{SMALL}versions/1/export.yaml")
    assert export.headers["Content-Disposition"] == 'attachment; filename="small-v1.yaml"'
    text = export.content.decode().replace("offset_days: -60", "offset_days: -70")
    upload = SimpleUploadedFile("mine.yaml", b"\xef\xbb\xbf" + text.encode(), "application/yaml")
    with nothing_changes():
        page = ada.post(f"{SMALL}import/", {"file": upload})
    assert page.status_code == 200
    assert "Due 70 days before the release, was 60 days before the release" in page.content.decode()
    answer = ada.post(f"{SMALL}import/", {"text": page.context["preview"]["text"], "confirm": "1", "revision": 0})
    assert answer.headers["Location"] == SMALL
    assert stored()["gates"][0]["offset_days"] == -70
    assert "offset_days: -70" in ada.get(f"{SMALL}draft.yaml").content.decode()
    assert ada.post(f"{SMALL}import/", {"text": text, "confirm": "1", "revision": 0}).status_code == 409


def test_mistakes_of_a_file_are_named_by_line_and_its_text_comes_back(cast: Cast, ada: Client) -> None:
    text = ada.get(f"{SMALL}versions/1/export.yaml").content.decode().replace("quorum: 1", "quorum: lots")
    upload = SimpleUploadedFile("mine.yaml", text.encode(), "application/yaml")
    with nothing_changes():
        answer = ada.post(f"{SMALL}import/", {"file": upload})
    assert answer.status_code == 422
    page = answer.content.decode()
    number = text.split("quorum: lots")[0].count("\n") + 1
    assert f"line {number}: gates[0].roles[0].quorum: expected any, all, or a whole number from 1 to 50" in page
    assert "quorum: lots" in page
    bad = SimpleUploadedFile("mine.yaml", b"slug: \xff", "application/yaml")
    assert "byte 7 is 0xff" in ada.post(f"{SMALL}import/", {"file": bad}).content.decode()
    assert "Choose a file or paste the text." in ada.post(f"{SMALL}import/", {"text": " "}).content.decode()


# --- List and new ---------------------------------------------------------------------------------------------------


def test_the_list_and_a_new_playbook(cast: Cast, ada: Client, draft: PlaybookDraft) -> None:
    page = ada.get("/settings/playbooks/").content.decode()
    assert "Being edited" in page
    assert 'href="/settings/playbooks/"' in ada.get("/settings/people/").content.decode()
    answer = ada.post("/settings/new-playbook/", {"name": "Hotfix", "source": cast.playbook.pk})
    assert answer.headers["Location"] == "/settings/playbooks/hotfix/"
    assert "This playbook is not published yet." in ada.get("/settings/playbooks/hotfix/").content.decode()
    assert ada.post("/settings/new-playbook/", {"name": "Small playbook"}).status_code == 422
    text = ada.get("/settings/playbooks/small/draft.yaml").content.decode().replace("slug: small", "slug: tall")
    assert ada.post("/settings/new-playbook/", {"yaml": "1", "text": text}).status_code == 302
    empty = ada.post("/settings/new-playbook/", {"name": "Empty"})
    page = ada.get(empty.headers["Location"]).content.decode()
    assert "No gates yet" in page
    sent = {"revision": 1, "gate": "", "new-gate": "First", "do": "gate-add"}
    assert ada.post("/settings/playbooks/empty/", sent).headers["Location"].endswith("?gate=first#gate")


def test_who_sits_where_is_said_before_publishing(cast: Cast, ada: Client, draft: PlaybookDraft) -> None:
    page = ada.get(SMALL).context["page"]
    assert [line.words for line in page.ready if line.state == "cond"] == [
        "Networks: nobody for Engineering, nobody for Sales"
    ]


def test_a_version_that_came_meanwhile_is_put_under_the_draft(cast: Cast, ada: Client, draft: PlaybookDraft) -> None:
    changed = copy.deepcopy(draft.definition)
    changed["gates"][0]["name"] = "Market"
    save_draft(slug="small", revision=1, definition=changed, actor=cast.administrator, clock=at(1))
    definition = copy.deepcopy(cast.playbook.definition) | {"description": "From a file."}
    Playbook.objects.create(
        slug="small", version=2, name="Small playbook", definition=definition, digest="x", created_at=draft.saved_at
    )
    assert "Put it on top of version 2" in ada.get(SMALL).content.decode()
    assert ada.post(f"{SMALL}rebase/", {"revision": 2}).status_code == 302
    page = ada.get(SMALL).content.decode()
    assert "Put it on top" not in page
    assert "The description has changed" in page
    done = publish_playbook(slug="small", revision=3, note="Both.", actor=cast.administrator, clock=at(2))
    assert done.version == 3
