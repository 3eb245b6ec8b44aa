"""A round under its own address: exactly what was submitted, who decided what, and what had changed."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from approvals.actions.decisions import recuse, revoke_decision
from approvals.actions.evidence import remove_evidence, save_evidence
from approvals.actions.rounds import submit_evidence, withdraw_submission
from approvals.models import Submission
from approvals.pages.changes import Hunk, compare, compare_texts, lines_of
from approvals.pages.items import Item, ItemFile
from approvals.pages.sides import Row, sides_of
from gatekeeper.common.append_only import lift_guards
from tests.cast import Cast, approve, at, decline, fill, make_person, nothing_changes, submit, waive
from tests.pages.stories import address, client_of, days_ago, market_of, release_of_today, text_of, thing

pytestmark = pytest.mark.django_db


def item(key: str, text: str = "", **more: object) -> Item:
    values: dict[str, object] = {
        "key": key, "name": key.title(), "is_required": True, "version": 1, "kind": "text", "text": text, "url": "",
        "note": "", "author": "",
    }  # fmt: skip
    return Item(**(values | more))  # type: ignore[arg-type]


def shown(hunk: Hunk) -> str:
    return "".join({"same": "{}", "ins": "[+{}+]", "del": "[-{}-]"}[part.op].format(part.text) for part in hunk)


# --- Comparing ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (["On 22 Jan, not 18 Jan"], ["On 8 Jan, not 11 Jan"], ["On [-22-] [+8+] Jan, not [-18-] [+11+] Jan"]),
        (["One", "Two"], ["One", "Two", "Three"], ["[+Three+]"]),
        (["One", "Two"], ["Two"], ["[-One-]"]),
        (["Hello"], ["Something quite different now"], ["[-Hello-] [+Something quite different now+]"]),
        (["Same"], ["Same"], []),
        ([], [], []),
    ],
)  # fmt: skip
def test_texts_are_compared_by_line_and_then_by_word(old: list[str], new: list[str], expected: list[str]) -> None:
    assert [shown(hunk) for hunk in compare_texts(old, new)] == expected


def test_marks_are_left_out_and_a_change_of_marks_alone_says_so() -> None:
    old, new = item("a", "## Plan\n- **Risk:** none"), item("a", "# Plan\n* Risk: none")
    (change,) = compare([old], [new]).changes
    assert [shown(hunk) for hunk in change.hunks] == ["Reads the same; only its markup changed"]
    assert lines_of(old) == ["Plan", "• Risk: none"]


def both(row: Row) -> tuple[str, str]:
    return shown(row.left), shown(row.right)


def test_two_rounds_stand_side_by_side_with_what_did_not_change_left_out() -> None:
    lines = [f"Line {n} of the plan" for n in range(20)]
    changed = [*lines[:9], "Line nine of the plan", *lines[10:], "One more"]
    plan = ItemFile("plan.pdf", 3000, "a" * 64)
    old = item("a", "\n".join(lines), files=(plan, ItemFile("old.pdf", 1000, "b" * 64)))
    new = item("a", "\n".join(changed), files=(plan,))
    rows, more = sides_of(old, new)
    assert more == 0
    assert both(rows[0])[0] == both(rows[0])[1] == "plan.pdf · 3 KB · SHA-256 aaaaaaaaaaaa"
    assert both(rows[1]) == ("[-old.pdf · 1 KB · SHA-256 bbbbbbbbbbbb-]", "")
    assert [row.gap for row in rows if row.gap] == [7, 6]
    assert ("Line [-9-] of the plan", "Line [+nine+] of the plan") in [both(row) for row in rows]
    assert both(rows[-1]) == ("", "[+One more+]")
    assert [both(row) for row in sides_of(None, item("b", "New"))[0]] == [("", "[+New+]")]
    assert [both(row) for row in sides_of(item("b", "Old"), None)[0]] == [("[-Old-]", "")]
    assert sides_of(item("c"), item("c", "\n".join(f"{n} is new" for n in range(1000))))[1] == 600


def test_the_page_of_two_rounds(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    for number, text in ((1, "Due on 22 Jan."), (2, "Due on 8 Jan.")):
        save_evidence(deliverable_id=thing(gate).pk, actor=cast.pm, kind="text", text=text, clock=at(days_ago(9)))
        submit(cast, gate, on=days_ago(8))
        if number == 1:
            decline(cast, gate, "sales", on=days_ago(7))
    reader = client_of(cast.outsider)
    assert f'href="{address(gate, "rounds/2/compare/1/")}"' in reader.get(address(gate, "rounds/2/")).content.decode()
    page = reader.get(address(gate, "rounds/2/compare/1/"))
    assert "1 deliverable differs" in text_of(page)
    assert "Due on <del>22</del>" in page.content.decode()
    assert "Due on <ins>8</ins> Jan." in page.content.decode()
    assert "Same in both: Competitive teardown" in text_of(page)
    assert "Nothing differs" in text_of(reader.get(address(gate, "rounds/1/compare/1/")))
    for wrong in ("rounds/3/compare/1/", "rounds/2/compare/0/"):
        assert reader.get(address(gate, wrong)).status_code == 404


def test_the_middle_of_a_long_line_is_left_out() -> None:
    words = " ".join(f"w{n}" for n in range(80))
    (hunk,) = compare_texts([f"old {words} old"], [f"new {words} new"])
    assert shown(hunk) == "[-old-] [+new+] w0 w1 w2 w3 w4 w5 … w74 w75 w76 w77 w78 w79 [-old-] [+new+]"


def test_a_comparison_that_nobody_would_read_is_not_made() -> None:
    (hunk,) = compare_texts(["x"] * 1500, ["y"] * 1500)
    assert shown(hunk) == "[-1500 lines-] [+1500 lines+]"
    (long_line,) = compare_texts([" ".join(["a"] * 5000)], [" ".join(["b"] * 5000)])
    assert all(len(part.text) <= 401 for part in long_line)


def test_deliverables_are_added_changed_removed_or_the_same() -> None:
    old = [
        item("a", "One"),
        item("b", "Two"),
        item("c", "Three"),
        item("f", kind="file", files=(ItemFile("x.pdf", 1000, "1" * 64), ItemFile("y.pdf", 5, "3" * 64))),
    ]
    new = [
        item("a", "One"),
        item("b", "Four"),
        item("d", "Five"),
        item("f", kind="file", files=(ItemFile("x.pdf", 2000, "2" * 64), ItemFile("z.pdf", 5, "3" * 64))),
    ]
    found = compare(old, new)
    assert [(c.item.key, c.kind) for c in found.changes] == [
        ("b", "changed"), ("d", "added"), ("f", "changed"), ("c", "removed")
    ]  # fmt: skip
    assert [i.key for i in found.same] == ["a"]
    assert [shown(hunk) for hunk in found.by_key["f"].hunks] == [
        "x.pdf: [-1 KB, SHA-256 111111111111-] [+2 KB, SHA-256 222222222222+]",
        "[+z.pdf (5 B, SHA-256 333333333333)+]",
        "[-y.pdf (5 B, SHA-256 333333333333)-]",
    ]


def test_markdown_is_compared_as_it_reads() -> None:
    found = compare(
        [item("a", "# Plan\n| a | b |\n|---|---|\n| 1 | 2 |")], [item("a", "## Plan\n| a | b |\n|:--|--:|\n| 1 | 3 |")]
    )
    assert [shown(h) for h in found.changes[0].hunks] == ["1 · [-2-] [+3+]"]


# --- The page -----------------------------------------------------------------------------------------------------


def test_a_round_stays_as_it_was_submitted(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    fill(cast, gate, on=days_ago(9), text="What round 1 said.")
    first = submit(cast, gate, on=days_ago(8), summary="Read the brief first.")
    decline(cast, gate, "engineering", on=days_ago(7), comment="No numbers.")
    save_evidence(
        deliverable_id=thing(gate).pk, actor=cast.pm, kind="text", text="What round 2 said.", expected_version=1,
        clock=at(days_ago(6)),
    )  # fmt: skip
    remove_evidence(deliverable_id=thing(gate, "teardown").pk, actor=cast.pm, clock=at(days_ago(6)))
    second = submit_evidence(gate_id=gate.pk, actor=cast.pm, clock=at(days_ago(5)))

    page = client_of(cast.outsider).get(address(gate, "rounds/1/"))
    text = text_of(page)
    assert "What round 1 said." in text
    assert "What round 2 said." not in text
    assert "Read the brief first." in text
    assert "Erik Engineer declined this round as Engineering: “No numbers.”" in text
    assert "VP Engineering" in text
    assert first.digest in text
    assert "Verified" in text
    assert address(gate, "rounds/2/") in page.content.decode()

    text = text_of(client_of(cast.outsider).get(address(gate, "rounds/2/")))
    assert second.digest in text
    assert "What changed since round 1" in text
    assert "Removed" in text
    assert "Competitive teardown" in text


def test_decisions_revocations_and_recusals_stand_on_the_round(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    submit(cast, gate, on=days_ago(6))
    decision = approve(cast, gate, "sales", on=days_ago(5), comment="Sells well.")
    revoke_decision(decision_id=decision.pk, actor=cast.second_approver, reason="Misread.", clock=at(days_ago(4)))
    recuse(gate_id=gate.pk, round_number=1, actor=cast.approver, comment="My own plan.", clock=at(days_ago(3)))
    withdraw_submission(gate_id=gate.pk, actor=cast.pm, clock=at(days_ago(2)))
    text = text_of(client_of(cast.pm).get(address(gate, "rounds/1/")))
    assert "Withdrawn" in text
    assert "Sells well." in text
    assert "Misread." in text
    assert "Stepped aside" in text
    assert "My own plan." in text


def test_a_waived_round_names_who_waived_it_and_why(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    submit(cast, gate, on=days_ago(6))
    waive(cast, gate, on=days_ago(5), until=days_ago(-60))
    text = text_of(client_of(cast.pm).get(address(gate, "rounds/1/")))
    assert "Ended by a waiver" in text
    assert "Eva Executive" in text


def test_a_snapshot_that_was_tampered_with_is_called_out(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    submission = submit(cast, gate, on=days_ago(6))
    changed = submission.snapshot.replace("What we found.", "What we did not find.")
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        lift_guards(connection)
    Submission.objects.filter(pk=submission.pk).update(snapshot=changed)
    text = text_of(client_of(cast.pm).get(address(gate, "rounds/1/")))
    assert "This record was changed after it was submitted." in text
    assert "Verified" not in text


def test_texts_of_people_are_shown_as_text(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    evil = "<script>alert(1)</script> <img src=x onerror=alert(1)> [x](javascript:alert(1)) ![p](https://evil.example/p.png)"
    fill(cast, gate, on=days_ago(7), text=evil)
    submit(cast, gate, on=days_ago(6), summary=evil)
    decline(cast, gate, "engineering", on=days_ago(5), comment=evil)
    save_evidence(
        deliverable_id=thing(gate).pk, actor=cast.pm, kind="text", text=f"{evil} more", expected_version=1,
        clock=at(days_ago(4)),
    )  # fmt: skip
    submit(cast, gate, on=days_ago(3))
    for person, rest in (
        (cast.pm, ""),
        (cast.approver, ""),
        (cast.outsider, "rounds/1/"),
        (cast.outsider, "rounds/2/"),
    ):
        html = client_of(person).get(address(gate, rest)).content.decode()
        assert "<script>alert" not in html
        assert "<img" not in html
        assert 'href="javascript:' not in html
        assert "evil.example/p.png" not in html.replace(evil.replace("<", "&lt;").replace(">", "&gt;"), "").replace(
            "![p](https://evil.example/p.png)", ""
        )


def test_all_rounds_are_listed_and_paged(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    assert "No round yet" in text_of(client_of(cast.pm).get(address(gate, "rounds/")))
    for _number in range(10):
        submit(cast, gate, on=days_ago(6))
        withdraw_submission(gate_id=gate.pk, actor=cast.pm, clock=at(days_ago(6)))
    submit(cast, gate, on=days_ago(5))
    decline(cast, gate, "sales", on=days_ago(4))
    page = text_of(client_of(cast.outsider).get(address(gate, "rounds/")))
    assert "1 to 11 of 11" in page
    assert "by Sales" in page
    assert page.index("Round 11") < page.index("Round 10")
    assert "All 11 rounds" in text_of(client_of(cast.pm).get(address(gate)))


def test_a_rounds_queries_do_not_grow_with_its_decisions(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    submit(cast, gate, on=days_ago(9))
    withdraw_submission(gate_id=gate.pk, actor=cast.pm, clock=at(days_ago(9)))
    submit(cast, gate, on=days_ago(8))
    client = client_of(cast.outsider)

    def cost() -> int:
        client.get(address(gate, "rounds/2/"))
        with CaptureQueriesContext(connection) as found:
            assert client.get(address(gate, "rounds/2/")).status_code == 200
        return len(found)

    few = cost()
    for _number in range(6):
        decision = approve(cast, gate, "sales", on=days_ago(7), comment="Yes.")
        revoke_decision(decision_id=decision.pk, actor=cast.second_approver, reason="No.", clock=at(days_ago(7)))
    assert cost() == few


def test_a_round_is_read_only(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    submit(cast, gate, on=days_ago(6))
    people = (cast.pm, cast.approver, make_person("nora", "Nora New"))
    with nothing_changes():
        for person in people:
            assert client_of(person).post(address(gate, "rounds/1/")).status_code == 405
            assert client_of(person).post(address(gate, "rounds/")).status_code == 405
