"""Evidence: four kinds, every save a new version, frozen in review, and nobody's work is overwritten."""

import hashlib
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, transaction
from pytest_django import Settings

from approvals.actions.evidence import check_link, remove_evidence, save_evidence
from approvals.actions.files import clean_file_name
from approvals.actions.rounds import submit_evidence, withdraw_submission
from approvals.kinds import EvidenceKind
from approvals.models import Deliverable, Evidence
from gatekeeper.common.errors import Refused
from releases.kinds import EventKind
from releases.models import Gate
from tests.cast import (
    COMPLETENESS,
    MARKET,
    Cast,
    approve,
    at,
    conflict,
    day,
    decline,
    fields_of,
    fill,
    gate_of,
    last_event,
    moment,
    not_allowed,
    pass_gate,
    refused,
    submit,
    waive,
)

pytestmark = pytest.mark.usefixtures("invariants")


@pytest.fixture
def brief(gate: Gate) -> Deliverable:
    """The first gate's required deliverable."""
    return Deliverable.objects.get(gate=gate, key="brief")


def save(cast: Cast, thing: Deliverable, text: str = "What we found.", **words: object) -> Evidence:
    arguments = {"actor": cast.pm, "kind": "text", "text": text, "clock": at(1)} | words
    return save_evidence(deliverable_id=thing.pk, **arguments)  # type: ignore[arg-type]


def stored_files(settings: Settings) -> list[Path]:
    return [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()]


# --- Kinds ------------------------------------------------------------------------------------------------------


def test_a_text_is_kept_as_markdown(cast: Cast, brief: Deliverable) -> None:
    item = save(cast, brief, "  # Market\n\nBig.  ")
    assert (item.kind, item.text, item.version, item.is_latest) == (EvidenceKind.TEXT, "# Market\n\nBig.", 1, True)
    assert (item.author, item.saved_at) == (cast.pm, moment(1))
    event = last_event(brief.gate.release, EventKind.EVIDENCE_SAVED)
    assert event.payload == {
        "deliverable": "brief", "name": "Market opportunity brief", "version": 1, "kind": "text",
        "sha256": hashlib.sha256(item.text.encode()).hexdigest(),
    }  # fmt: skip


def test_a_link_is_kept_with_its_note(cast: Cast, brief: Deliverable) -> None:
    item = save(cast, brief, kind="link", url=" https://wiki.example.org/brief?v=2#top ", note="Section 2")
    assert (item.kind, item.url, item.note) == (
        EvidenceKind.LINK,
        "https://wiki.example.org/brief?v=2#top",
        "Section 2",
    )


def test_a_tick_needs_a_note(cast: Cast, brief: Deliverable) -> None:
    with refused("required") as found:
        save(cast, brief, kind="tick", note=" ")
    assert fields_of(found) == [("note", "required")]
    assert save(cast, brief, kind="tick", note="Run on three machines").kind == EvidenceKind.TICK


def test_a_file_is_stored_under_a_random_name_with_its_hash(cast: Cast, brief: Deliverable, settings: Settings) -> None:
    data = b"%PDF-1.7 the market" * 1000
    item = save(cast, brief, kind="file", uploads=[SimpleUploadedFile("Market brief.pdf", data, "text/html")])
    (file,) = item.files.all()
    assert (file.name, file.content_type, file.size) == ("Market brief.pdf", "application/pdf", len(data))
    assert (file.sha256, file.scan) == (hashlib.sha256(data).hexdigest(), "not_scanned")
    assert "Market" not in file.file.name
    assert file.file.read() == data
    assert len(stored_files(settings)) == 1


@pytest.mark.parametrize("kind", ["", "video", "removed", "TEXT"])
def test_other_kinds_do_not_exist(cast: Cast, brief: Deliverable, kind: str) -> None:
    with refused("unknown_kind"):
        save(cast, brief, kind=kind)


@pytest.mark.parametrize("text", ["", "   \n", "x" * 100_001, "a\x00b"])
def test_an_empty_text_one_too_long_or_one_that_cannot_be_stored_is_refused(
    cast: Cast, brief: Deliverable, text: str
) -> None:
    with pytest.raises(Refused) as found:
        save(cast, brief, text)
    assert [problem.field for problem in found.value.fields] == ["text"]
    assert not Evidence.objects.exists()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "wiki",
        "/relative",
        "//example.org",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,x",
        "ftp://example.org",
        "file:///etc/passwd",
        "https://",
        "https:///path",
        "https://user:password@example.org",
        "https://example.org/a b",
        "https://example.org/\nx",
        "https://" + "x" * 2000 + ".org",
    ],
)
def test_only_whole_links_over_http_are_kept(cast: Cast, brief: Deliverable, url: str) -> None:
    with pytest.raises(Refused) as found:
        save(cast, brief, kind="link", url=url)
    assert [problem.field for problem in found.value.fields] == ["url"]
    assert not Evidence.objects.exists()


@pytest.mark.parametrize(
    "url", ["http://a", "HTTPS://Example.org/x", "https://[2001:db8::1]:8443/", "https://bücher.example/"]
)
def test_these_are_whole_links(url: str) -> None:
    assert check_link(url) == url


@pytest.mark.parametrize(
    "url", ["https://[2001:db8::1/", "https://example.org:port/", "https://a]b/", "https://a:99999/"]
)
def test_a_link_with_a_broken_host_or_port_is_refused_and_never_crashes(url: str) -> None:
    with pytest.raises(Refused):
        check_link(url)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("brief.pdf", "brief.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\brief.pdf", "brief.pdf"),
        ("brief\u202efdp.exe", "brieffdp.exe"),
        ("a\r\nb\x00.txt", "ab.txt"),
        ('"<x>|:*?".txt', "x.txt"),
        ("...", "file"),
        ("", "file"),
        (" .hidden ", "hidden"),
        ("Überblick 2026.md", "Überblick 2026.md"),
        ("x" * 300 + ".pdf", "x" * 187 + ".pdf"),
        ("x" * 300, "x" * 200),
    ],
)
def test_names_of_files_lose_folders_and_control_characters(name: str, kept: str) -> None:
    assert clean_file_name(name) == kept


def test_an_empty_or_too_large_file_is_refused_and_nothing_is_left_on_the_disk(
    cast: Cast, brief: Deliverable, settings: Settings
) -> None:
    settings.EVIDENCE_FILE_LIMIT = 1000
    with refused("required"):
        save(cast, brief, kind="file")
    with refused("empty_file"):
        save(cast, brief, kind="file", uploads=[SimpleUploadedFile("a.txt", b"")])
    with refused("too_large"):
        save(cast, brief, kind="file", uploads=[SimpleUploadedFile("a.txt", b"x" * 1001)])
    assert save(cast, brief, kind="file", uploads=[SimpleUploadedFile("a.txt", b"x" * 1000)]).files.get().size == 1000
    assert len(stored_files(settings)) == 1


def test_a_refused_upload_leaves_no_file_behind(cast: Cast, brief: Deliverable, settings: Settings) -> None:
    with not_allowed("no_contribute"):
        save(cast, brief, kind="file", actor=cast.outsider, uploads=[SimpleUploadedFile("a.txt", b"x")])
    save(cast, brief)
    with conflict("evidence_changed"):
        save(cast, brief, kind="file", expected_version=0, uploads=[SimpleUploadedFile("a.txt", b"x")])
    assert stored_files(settings) == []


# --- Versions ---------------------------------------------------------------------------------------------------


def test_every_save_is_a_new_version_and_the_old_ones_stay(cast: Cast, brief: Deliverable) -> None:
    save(cast, brief, "One")
    save(cast, brief, "Two", actor=cast.contributor)
    save(cast, brief, kind="link", url="https://example.org/")
    rows = Evidence.objects.order_by("version").values_list("version", "kind", "text", "author", "is_latest")
    assert list(rows) == [
        (1, "text", "One", cast.pm.pk, False),
        (2, "text", "Two", cast.contributor.pk, False),
        (3, "link", "", cast.pm.pk, True),
    ]


def test_two_versions_of_one_number_cannot_be_stored(cast: Cast, brief: Deliverable) -> None:
    first = save(cast, brief)
    with pytest.raises(IntegrityError), transaction.atomic():
        Evidence.objects.create(
            deliverable=brief,
            version=1,
            is_latest=False,
            kind="text",
            text="x",
            author=cast.pm,
            saved_at=first.saved_at,
        )
    with pytest.raises(IntegrityError), transaction.atomic():
        Evidence.objects.create(
            deliverable=brief, version=2, is_latest=True, kind="text", text="x", author=cast.pm, saved_at=first.saved_at
        )


def test_saving_over_what_somebody_else_saved_is_a_conflict(cast: Cast, brief: Deliverable) -> None:
    save(cast, brief, "Mine", expected_version=0)
    with conflict("evidence_changed") as found:
        save(cast, brief, "Also mine", expected_version=0, actor=cast.contributor)
    assert "Petra Manager" in found.value.message
    assert save(cast, brief, "On top", expected_version=1, actor=cast.contributor).version == 2
    with conflict("evidence_changed"):
        remove_evidence(deliverable_id=brief.pk, actor=cast.pm, expected_version=1, clock=at(2))


def test_removed_evidence_stays_on_record_and_the_deliverable_is_empty_again(cast: Cast, brief: Deliverable) -> None:
    fill(cast, brief.gate)
    remove_evidence(deliverable_id=brief.pk, actor=cast.pm, expected_version=1, clock=at(2))
    latest = Evidence.objects.get(deliverable=brief, is_latest=True)
    assert (latest.kind, latest.version) == (EvidenceKind.REMOVED, 2)
    assert last_event(brief.gate.release, EventKind.EVIDENCE_REMOVED).payload["version"] == 2
    with refused("blocked"):
        submit_evidence(gate_id=brief.gate_id, actor=cast.pm, clock=at(2))
    with refused("deliverable_missing"):
        remove_evidence(deliverable_id=brief.pk, actor=cast.pm, clock=at(2))
    assert save(cast, brief, "Again", expected_version=2).version == 3


def test_there_is_nothing_to_remove_from_an_empty_deliverable(cast: Cast, brief: Deliverable) -> None:
    with refused("deliverable_missing"):
        remove_evidence(deliverable_id=brief.pk, actor=cast.pm, clock=at(2))


# --- Who and when -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["pm", "second_pm", "contributor"])
def test_managers_and_contributors_supply_evidence(cast: Cast, brief: Deliverable, who: str) -> None:
    actor = getattr(cast, who)
    assert save(cast, brief, actor=actor).author == actor
    remove_evidence(deliverable_id=brief.pk, actor=actor, clock=at(2))


@pytest.mark.parametrize("who", ["approver", "outsider", "executive", "administrator"])
def test_nobody_else_does_administrators_neither(cast: Cast, brief: Deliverable, who: str) -> None:
    actor = getattr(cast, who)
    with not_allowed("no_contribute"):
        save(cast, brief, actor=actor)
    save(cast, brief)
    with not_allowed("no_contribute"):
        remove_evidence(deliverable_id=brief.pk, actor=actor, clock=at(2))


def test_evidence_may_be_prepared_before_the_gate_opens(cast: Cast, brief: Deliverable) -> None:
    later = Deliverable.objects.get(gate__key=COMPLETENESS)
    assert save(cast, later).version == 1


def test_evidence_stands_still_while_a_round_is_open(cast: Cast, brief: Deliverable) -> None:
    submit(cast, brief.gate)
    with conflict("evidence_frozen") as found:
        save(cast, brief, "Better", clock=at(3))
    assert "Withdraw" in found.value.message
    with conflict("evidence_frozen"):
        remove_evidence(deliverable_id=brief.pk, actor=cast.pm, clock=at(3))
    withdraw_submission(gate_id=brief.gate_id, actor=cast.pm, clock=at(3))
    assert save(cast, brief, "Better", clock=at(3)).version == 2


def test_evidence_can_be_mended_after_a_decline(cast: Cast, brief: Deliverable) -> None:
    submit(cast, brief.gate)
    decline(cast, brief.gate, "sales")
    assert save(cast, brief, "Better", clock=at(4)).version == 2


def test_evidence_of_a_passed_gate_never_changes(cast: Cast, brief: Deliverable) -> None:
    pass_gate(cast, brief.gate)
    with conflict("evidence_frozen"):
        save(cast, brief, clock=at(4))
    waive(cast, gate_of(brief.gate.release, COMPLETENESS), on=4)
    with conflict("evidence_frozen"):
        save(cast, Deliverable.objects.get(gate__key=COMPLETENESS), clock=at(5))


def test_evidence_is_saved_on_the_day_after_the_due_day_too(cast: Cast, brief: Deliverable) -> None:
    assert gate_of(brief.gate.release, MARKET).due_on == day(30)
    submit(cast, brief.gate, on=40)
    approve(cast, brief.gate, "engineering", on=40)
    assert gate_of(brief.gate.release, MARKET).state == "in_review"
