"""Evidence: saved, previewed, removed and brought back card by card; its files; its texts as HTML."""

import hashlib
import time
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import FileResponse

from approvals.actions.evidence import save_evidence
from approvals.markdown import render_markdown
from approvals.models import Evidence, Upload
from releases.actions.products import change_product, grant_product_permission
from tests.cast import Cast, at, decline, nothing_changes, submit
from tests.pages.stories import address, client_of, days_ago, market_of, release_of_today, text_of, thing

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
PDF = b"%PDF-1.7 the whole teardown"


def save(url: str) -> str:
    return f"{url}evidence/brief/"


# --- Saving -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ({"kind": "text", "text": "# Brief\n\nGo."}, "Text, 3 words"),
        ({"kind": "link", "url": "https://wiki.example/brief"}, "https://wiki.example/brief"),
        ({"kind": "tick", "note": "Presented on Monday."}, "Presented on Monday."),
        ({"kind": "file", "file": "upload", "note": "Final."}, "teardown.pdf"),
    ],
)
def test_each_kind_is_saved_as_the_next_version(cast: Cast, words: dict[str, str], shown: str) -> None:
    gate = market_of(release_of_today(cast))
    data: dict[str, object] = {"version": "0", **words}
    if "file" in words:
        data["file"] = SimpleUploadedFile("teardown.pdf", PDF, "application/pdf")
    answer = client_of(cast.pm).post(save(address(gate)), data, follow=True)
    assert answer.redirect_chain == [(f"{address(gate)}#d-brief", 302)]
    assert shown in text_of(answer)
    assert "Market opportunity brief is ready, version 1." in text_of(answer)
    assert "1 of 2 ready" in text_of(answer)
    evidence = Evidence.objects.get()
    assert (evidence.kind, evidence.version, evidence.author) == (words["kind"], 1, cast.pm)


def test_htmx_gets_the_card_with_the_list_of_what_is_left(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    client = client_of(cast.pm)
    opened = client.get(save(address(gate)), {"kind": "file"}, headers=HTMX)
    assert '<input class="vh" type="radio" name="kind" value="file" checked>' in opened.content.decode()
    assert "<html" not in opened.content.decode()
    answer = client.post(save(address(gate)), {"kind": "text", "text": "Go.", "version": "0"}, headers=HTMX)
    html = answer.content.decode()
    assert answer.status_code == 200
    assert "<html" not in html
    assert html.count('id="d-brief"') == 1
    for oob in ("ready-note", "ready-bar", "blockers-left", "blockers", "submit-button"):
        assert f'id="{oob}" hx-swap-oob="true"' in html
    assert "Nothing left" in text_of(answer)
    # the note that is being typed must not be swapped away
    assert "submit-summary" not in html


def test_what_takes_the_place_of_a_text_says_so_before_and_a_program_is_named(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    save_evidence(deliverable_id=thing(gate).pk, actor=cast.pm, kind="text", text="Go.", clock=at(days_ago(1)))
    client = client_of(cast.pm)
    before = text_of(client.get(f"{save(address(gate))}?kind=file", headers=HTMX))
    assert "takes the place of the text of version 1, which stays in the history" in before
    setup = SimpleUploadedFile("Setup.EXE", b"MZ\x90\x00\x03", "application/pdf")
    answer = client.post(save(address(gate)), {"version": "1", "kind": "file", "file": setup}, headers=HTMX)
    assert "a program : it cannot be shown here, only downloaded" in text_of(answer)


@pytest.mark.parametrize("headers", [{}, HTMX])
@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ({"kind": "text", "text": "  ", "note": "My note"}, "A text is needed."),
        ({"kind": "link", "url": "javascript:alert(1)", "note": "My note"}, "Give a whole link"),
        ({"kind": "file", "note": "My note"}, "Choose a file."),
        ({"kind": "removed", "note": "My note"}, "select a valid choice"),
        ({"kind": "text", "text": "x" * 100_001, "note": "My note"}, "longer than 100000 characters"),
    ],
)
def test_a_refused_form_keeps_what_was_typed(
    cast: Cast, words: dict[str, str], problem: str, headers: dict[str, str]
) -> None:
    gate = market_of(release_of_today(cast))
    with nothing_changes():
        answer = client_of(cast.pm).post(save(address(gate)), {"version": "0"} | words, headers=headers)
    assert answer.status_code == 422
    assert problem in text_of(answer)
    assert ">\nMy note</textarea>" in answer.content.decode()
    assert 'role="alert"' in answer.content.decode()


def test_after_somebody_elses_save_theirs_is_shown_and_mine_is_kept(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    save_evidence(
        deliverable_id=thing(gate).pk,
        actor=cast.second_pm,
        kind="text",
        text="What Quinn wrote.",
        clock=at(days_ago(1)),
    )
    mine = {"kind": "text", "text": "What Petra typed.", "version": "0"}
    with nothing_changes():
        answer = client_of(cast.pm).post(save(address(gate)), mine)
    assert answer.status_code == 409
    assert "This was changed by Quinn Manager while you were editing." in text_of(answer)
    assert "What Quinn wrote." in text_of(answer)
    assert ">\nWhat Petra typed.</textarea>" in answer.content.decode()
    assert 'name="version" value="1"' in answer.content.decode()
    again = client_of(cast.pm).post(save(address(gate)), mine | {"version": "1"})
    assert again.status_code == 302
    assert Evidence.objects.get(is_latest=True).text == "What Petra typed."


def test_two_people_who_begin_at_once_do_not_overwrite_each_other(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    form = client_of(cast.pm).get(address(gate, "?edit=brief")).content.decode()
    assert 'name="version" value="0"' in form


def test_who_may_not_supply_evidence_is_refused(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    words = {"kind": "text", "text": "Mine", "version": "0"}
    with nothing_changes():
        for person in (cast.approver, cast.outsider, cast.executive, cast.administrator):
            assert client_of(person).post(save(address(gate)), words).status_code == 403
            assert client_of(person).post(save(address(gate)), words | {"preview": "1"}).status_code == 403
            assert client_of(person).post(address(gate, "evidence/brief/remove/"), {}).status_code == 403
            assert client_of(person).post(address(gate, "evidence/brief/1/restore/"), {}).status_code == 403


def test_while_a_round_is_open_the_evidence_is_frozen_and_the_words_are_given_back(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    submit(cast, gate, on=days_ago(2))
    with nothing_changes():
        answer = client_of(cast.pm).post(save(address(gate)), {"kind": "text", "text": "Too late.", "version": "1"})
        assert client_of(cast.pm).get(save(address(gate)), headers=HTMX).status_code == 403
    assert answer.status_code == 409
    assert "its evidence is frozen. Withdraw the round first." in text_of(answer)
    assert ">Too late.</textarea>" in answer.content.decode()


def test_a_preview_saves_nothing(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    words = {"kind": "text", "text": "# Plan\n\n<script>alert(1)</script>", "version": "0", "preview": "1"}
    for headers in ({}, HTMX):
        with nothing_changes():
            answer = client_of(cast.pm).post(save(address(gate)), words, headers=headers)
        html = answer.content.decode()
        assert answer.status_code == 200
        assert "<h4>Plan</h4>" in html
        assert "<script>alert" not in html
        assert "Preview, not saved yet" in html


def test_removed_evidence_comes_back_as_the_next_version(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    client = client_of(cast.pm)
    upload = SimpleUploadedFile("Teardown é.pdf", PDF, "application/pdf")
    client.post(save(address(gate)), {"kind": "file", "file": upload, "note": "Final.", "version": "0"})
    removed = client.post(address(gate, "evidence/brief/remove/"), {"version": "1"}, follow=True)
    undo = address(gate, "evidence/brief/1/restore/")
    assert "Market opportunity brief is removed." in text_of(removed)
    assert f'action="{undo}"' in removed.content.decode()
    assert "0 of 2 ready" in text_of(removed)
    back = client.post(undo, follow=True)
    assert "Market opportunity brief is back, as version 3." in text_of(back)
    evidence = Evidence.objects.get(is_latest=True)
    file = evidence.files.get()
    assert (file.name, evidence.note, file.sha256) == ("Teardown é.pdf", "Final.", hashlib.sha256(PDF).hexdigest())
    assert file.file.read() == PDF
    # brought back, not copied
    assert list(file.versions.values_list("version", flat=True).order_by("version")) == [1, 3]


def test_removing_what_somebody_has_changed_is_a_conflict(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    for text in ("One", "Two"):
        save_evidence(deliverable_id=thing(gate).pk, actor=cast.pm, kind="text", text=text, clock=at(days_ago(1)))
    with nothing_changes():
        answer = client_of(cast.pm).post(address(gate, "evidence/brief/remove/"), {"version": "1"}, headers=HTMX)
    assert answer.status_code == 409
    assert client_of(cast.pm).post(address(gate, "evidence/teardown/remove/"), {}).status_code == 422


def test_who_holds_a_seat_confirms_once_that_the_vote_is_given_up(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    grant_product_permission(
        product=cast.product, codename="contribute", holder=cast.approver, actor=cast.pm, clock=at(days_ago(9))
    )
    client = client_of(cast.approver)
    words = {"kind": "text", "text": "Mine", "version": "0"}
    asked = "I give up my vote as Engineering in the next round"
    assert asked in text_of(client.get(address(gate, "?edit=brief")))
    with nothing_changes():
        assert client.post(save(address(gate)), words).status_code == 422
    assert client.post(save(address(gate)), words | {"gives_up_vote": "on"}).status_code == 302
    assert asked not in text_of(client.get(address(gate, "?edit=teardown")))


def test_a_draft_shows_who_writes_and_an_assigned_deliverable_is_in_my_work(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    words = {"kind": "text", "text": "So far.", "version": "0"}
    answer = client_of(cast.second_pm).post(address(gate, "evidence/brief/draft/"), words)
    assert answer.status_code == 201
    text = text_of(client_of(cast.pm).get(address(gate)))
    assert "Draft: Quinn Manager" in text
    assert "Finish Market opportunity brief" in text
    assert "So far." not in text
    assign = client_of(cast.pm).post(address(gate, "evidence/brief/assign/"), {"assignee": cast.contributor.pk})
    assert assign.status_code == 302
    assert "Supply Market opportunity brief" in text_of(client_of(cast.contributor).get("/"))
    discard = address(gate, "evidence/brief/draft/discard/")
    assert client_of(cast.second_pm).post(discard).status_code == 302
    assert "Draft:" not in text_of(client_of(cast.pm).get(address(gate)))


def test_files_of_a_refused_form_need_not_be_sent_again(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    client = client_of(cast.pm)
    files = [SimpleUploadedFile("a.pdf", PDF), SimpleUploadedFile("b.txt", b"b")]
    answer = client.post(save(address(gate)), {"kind": "text", "text": " ", "version": "0", "file": files})
    assert answer.status_code == 422
    ids = list(Upload.objects.values_list("pk", flat=True))
    assert all(f'name="received" value="{pk}" checked' in answer.content.decode() for pk in ids)
    again = {"kind": "text", "text": "Now.", "version": "0", "received": ids}
    assert client.post(save(address(gate)), again).status_code == 302
    assert [f.name for f in Evidence.objects.get().files.all()] == ["a.pdf", "b.txt"]


# --- Files --------------------------------------------------------------------------------------------------------


def uploaded(cast: Cast, name: str = "teardown.pdf", content: bytes = PDF) -> Evidence:
    gate = market_of(release_of_today(cast))
    return save_evidence(
        deliverable_id=thing(gate).pk, actor=cast.pm, kind="file",
        uploads=[SimpleUploadedFile(name, content, "text/html")], clock=at(days_ago(9)),
    )  # fmt: skip


def test_a_file_is_always_a_download_that_no_browser_acts_upon(cast: Cast) -> None:
    evidence = uploaded(cast, "page.html", b"<script>alert(1)</script>")
    response = client_of(cast.pm).get(address(evidence.deliverable.gate, "evidence/brief/1/"))
    assert isinstance(response, FileResponse)
    assert b"".join(response.streaming_content) == b"<script>alert(1)</script>"  # type: ignore[arg-type]
    assert response.headers["Content-Type"] == "application/octet-stream"
    assert response.headers["Content-Disposition"] == 'attachment; filename="page.html"'
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert response.headers["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("Größe.pdf", "attachment; filename*=utf-8''Gr%C3%B6%C3%9Fe.pdf"),
        ('a"b\r\nX: y.pdf', 'attachment; filename="abX y.pdf"'),
        ("../../etc/passwd", 'attachment; filename="passwd"'),
    ],
)
def test_file_names_are_written_as_the_standard_says(cast: Cast, name: str, header: str) -> None:
    evidence = uploaded(cast, "x.pdf")
    Evidence.objects.all()
    save_evidence(
        deliverable_id=evidence.deliverable_id, actor=cast.pm, kind="file",
        uploads=[_named(name)], clock=at(days_ago(8)),
    )  # fmt: skip
    response = client_of(cast.pm).get(address(evidence.deliverable.gate, "evidence/brief/2/"))
    assert response.headers["Content-Disposition"] == header


def _named(name: str) -> SimpleUploadedFile:
    """An upload whose name has not been cleaned by Django yet."""
    upload = SimpleUploadedFile("x", PDF)
    upload._name = name  # type: ignore[attr-defined]
    return upload


def test_a_draft_file_is_for_those_who_gather_evidence(cast: Cast) -> None:
    gate = uploaded(cast).deliverable.gate
    url = address(gate, "evidence/brief/1/")
    for person in (cast.pm, cast.second_pm, cast.contributor, cast.administrator):
        assert client_of(person).get(url).status_code == 200
    for person in (cast.approver, cast.second_approver, cast.executive, cast.outsider):
        assert client_of(person).get(url).status_code == 403
        # whether a version exists is not told either
        assert client_of(person).get(address(gate, "evidence/brief/2/")).status_code == 403


def test_a_submitted_file_is_for_all_who_see_the_product_for_ever(cast: Cast) -> None:
    gate = uploaded(cast).deliverable.gate
    submit(cast, gate, on=days_ago(8))
    decline(cast, gate, "sales", on=days_ago(7))
    save_evidence(
        deliverable_id=thing(gate).pk, actor=cast.pm, kind="file", uploads=[SimpleUploadedFile("new.pdf", b"new")],
        clock=at(days_ago(6)),
    )  # fmt: skip
    for person in (cast.approver, cast.outsider, cast.executive):
        assert client_of(person).get(address(gate, "evidence/brief/1/")).status_code == 200
        assert client_of(person).get(address(gate, "evidence/brief/2/")).status_code == 403
    change_product(
        product=cast.product, name="Router", description="", owner=cast.pm, is_restricted=True,
        actor=cast.administrator, clock=at(days_ago(1)),
    )  # fmt: skip
    assert client_of(cast.outsider).get(address(gate, "evidence/brief/1/")).status_code == 404
    assert client_of(cast.approver).get(address(gate, "evidence/brief/1/")).status_code == 200


@pytest.mark.parametrize("damage", ["other bytes", "shorter", "gone"])
def test_bytes_that_are_not_the_recorded_ones_are_not_handed_out(cast: Cast, damage: str) -> None:
    evidence = uploaded(cast)
    path = Path(settings.MEDIA_ROOT) / evidence.files.get().file.name
    path.chmod(0o600)
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(PDF[::-1] if damage == "other bytes" else PDF[:-1])
    response = client_of(cast.pm).get(address(evidence.deliverable.gate, "evidence/brief/1/"))
    assert response.status_code == 409
    assert "do not have the recorded SHA-256" in text_of(response)


def test_an_unknown_or_other_kind_of_version_is_not_found(cast: Cast) -> None:
    evidence = uploaded(cast)
    gate = evidence.deliverable.gate
    save_evidence(deliverable_id=thing(gate).pk, actor=cast.pm, kind="text", text="Text", clock=at(days_ago(8)))
    client = client_of(cast.pm)
    for rest in ("evidence/brief/2/", "evidence/brief/3/", "evidence/teardown/1/", "evidence/nothing/1/"):
        assert client.get(address(gate, rest)).status_code == 404


# --- Texts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "forbidden"),
    [
        ("<script>alert(1)</script>", "<script"),
        ("<img src=x onerror=alert(1)>", "<img"),
        ("![x](https://evil.example/p.png)", "evil.example"),
        ("![<img src=x>](https://evil.example/p.png)", "<img"),
        ("[x](javascript:alert(1))", "href"),
        ("[x](JaVaScRiPt:alert(1))", "href"),
        ("[x](data:text/html;base64,PHNjcmlwdD4=)", "href"),
        ("[x](vbscript:x)", "href"),
        ("<javascript:alert(1)>", "href"),
        ('[x](https://a.example/"onmouseover="alert(1))', 'onmouseover="'),
        ("<a href='https://a.example' onclick='x'>y</a>", "<a"),
        ('<svg><style><img src="</style><img src=x onerror=alert(1)>">', "<svg"),
        ("<iframe src=//evil.example>", "<iframe"),
        ("<form action=//evil.example><input>", "<form"),
        ("```html\n</code></pre><script>alert(1)</script>\n```", "<script"),
        ("    <script>alert(1)</script>", "<script"),
        ("| <script>x</script> | b |\n|---|---|\n| 1 | 2 |", "<script"),
        ("<!-- --><b style='x'>", "<b"),
        ("&lt;script&gt;alert(1)&lt;/script&gt;", "<script"),
    ],
)
def test_no_text_becomes_markup_that_acts(text: str, forbidden: str) -> None:
    assert forbidden not in render_markdown(text)


def test_headings_fit_under_a_cards_title_and_never_skip_a_level() -> None:
    html = render_markdown("### A\n\n# B\n\n#### C\n\n###### D\n\n## E")
    assert [line for line in html.splitlines() if line] == [
        "<h4>A</h4>", "<h4>B</h4>", "<h5>C</h5>", "<h6>D</h6>", "<h5>E</h5>"
    ]  # fmt: skip


def test_links_tables_and_code_can_be_read_and_reached() -> None:
    html = render_markdown("[a](https://a.example)\n\n| a |\n|---|\n| 1 |\n\n```\nx < 1\n```")
    assert '<a href="https://a.example" rel="noopener noreferrer nofollow">a</a>' in html
    assert '<div class="boxed" tabindex="0" role="group" aria-label="Table"><table>' in html
    assert '<th scope="col">a</th>' in html
    assert '<pre tabindex="0"><code>x &lt; 1\n</code></pre>' in html


def test_a_text_made_to_be_slow_is_shown_as_it_was_written() -> None:
    slow = "[[](" * 20_000
    began = time.thread_time()
    assert render_markdown(slow) == f'<pre tabindex="0">{slow}</pre>'
    assert time.thread_time() - began < 1
    assert render_markdown("> " * 5000 + "x").startswith("<blockquote>")
    assert "&lt;script&gt;" in render_markdown("<script>" * 20_000)
