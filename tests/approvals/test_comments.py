"""The discussion of a gate: everybody who sees the product writes, nobody's words are lost, and nothing decides."""

import io
from datetime import timedelta

import pytest

from approvals.actions.comments import COMMENT_LENGTH, edit_comment
from approvals.actions.comments import add_comment as _add_comment
from approvals.mentions import mark_mentions, named_in
from approvals.models import Comment
from gatekeeper.accounts.models import User
from gatekeeper.common.clock import fixed_clock
from releases.actions.history import import_releases
from releases.actions.products import change_product
from releases.events import verify_streams
from releases.importing import RELEASE_COLUMNS, read_releases
from releases.kinds import EventKind
from releases.models import Gate, Release
from tests.cast import (
    Cast,
    at,
    conflict,
    event_kinds,
    fresh,
    last_event,
    moment,
    not_allowed,
    pass_gate,
    refused,
)
from tests.releases.history_files import csv_bytes, milestone


def write(gate: Gate, actor: User, text: str, on: int = 3) -> Comment:
    return _add_comment(gate_id=gate.pk, actor=actor, text=text, clock=at(on)).comment


def restrict(cast: Cast) -> None:
    change_product(
        product=cast.product, name="Router", description="", owner=cast.pm, is_restricted=True,
        actor=cast.administrator, clock=at(1),
    )  # fmt: skip


def test_everybody_who_sees_the_product_writes_also_on_a_passed_gate(cast: Cast, release: Release, gate: Gate) -> None:
    before = fresh(release).event_number
    for person in (cast.outsider, cast.administrator, cast.approver, cast.pm):
        write(gate, person, "  A question. ")
    gate = pass_gate(cast, gate)
    write(gate, cast.outsider, "Well done.", on=4)
    assert [c.text for c in Comment.objects.filter(gate=gate)] == ["A question."] * 4 + ["Well done."]
    assert event_kinds(release, before).count(EventKind.COMMENT_ADDED) == 5
    assert gate.state == "approved"
    assert list(verify_streams()) == []


def test_a_comment_has_words_a_reader_and_a_length(cast: Cast, gate: Gate) -> None:
    for text, code in (("  ", "required"), ("x" * (COMMENT_LENGTH + 1), "too_long"), ("a\x00b", "invalid")):
        with refused(code):
            write(gate, cast.pm, text)
    restrict(cast)
    with not_allowed("cannot_see"):
        write(gate, cast.outsider, "Let me in.")
    User.objects.filter(pk=cast.approver.pk).update(is_active=False)
    with not_allowed("cannot_see"):
        write(gate, cast.approver, "I was here.")


def test_recorded_history_is_not_discussed(cast: Cast) -> None:
    rows = [milestone(1, "Alpha", "2020-01-01", "2020-02-01", "2020-03-01")]
    import_releases(table=read_releases(io.BytesIO(csv_bytes(RELEASE_COLUMNS, rows))))
    gate = Gate.objects.get(release__kind="history")
    with conflict("recorded_history"):
        write(gate, cast.pm, "Long ago.")


def test_a_mention_is_somebody_who_sees_the_product_and_the_rest_stays_text(cast: Cast, gate: Gate) -> None:
    restrict(cast)
    text = "@erik, @SARA. and @otto @nobody: see petra@example.org and `@quinn`, @erik."
    written = _add_comment(gate_id=gate.pk, actor=cast.pm, text=text, clock=at(3))
    assert set(written.comment.mentions.all()) == {cast.approver, cast.second_approver}
    assert written.unknown == ("otto", "nobody")
    event = last_event(gate.release, EventKind.COMMENT_ADDED)
    assert event.payload == {
        "comment_id": written.comment.pk,
        "text": text,
        "mentions": sorted([cast.approver.pk, cast.second_approver.pk]),
    }


def test_too_many_are_not_called_at_once(cast: Cast, gate: Gate) -> None:
    User.objects.bulk_create(
        [User(username=f"u{n}", email=f"u{n}@example.org", full_name=f"U {n}", password="!") for n in range(21)]
    )
    with refused("too_many_mentions"):
        write(gate, cast.pm, " ".join(f"@u{n}" for n in range(21)))


def test_its_author_changes_a_comment_for_a_quarter_of_an_hour_and_the_wording_before_is_kept(
    cast: Cast, gate: Gate
) -> None:
    comment = write(gate, cast.outsider, "Is it enouhg, @erik?")
    later = fixed_clock(moment(3) + timedelta(minutes=15))
    edit_comment(comment_id=comment.pk, actor=cast.outsider, text="Is it enough, @erik and @sara?", clock=later)
    comment.refresh_from_db()
    assert (comment.text, comment.edited_at) == ("Is it enough, @erik and @sara?", later())
    event = last_event(gate.release, EventKind.COMMENT_EDITED)
    assert event.payload["before"] == "Is it enouhg, @erik?"
    assert event.payload["mentions"] == [cast.second_approver.pk], "only who is new is told"
    number = fresh(gate.release).event_number
    edit_comment(comment_id=comment.pk, actor=cast.outsider, text="Is it enough, @erik and @sara?", clock=later)
    assert fresh(gate.release).event_number == number, "the same words are no change"


def test_nobody_else_changes_it_and_nobody_after_the_window(cast: Cast, gate: Gate) -> None:
    comment = write(gate, cast.outsider, "My words.")
    for person in (cast.pm, cast.administrator, cast.approver):
        with not_allowed("not_own_comment"):
            edit_comment(comment_id=comment.pk, actor=person, text="Theirs.", clock=at(3))
    late = fixed_clock(moment(3) + timedelta(minutes=15, seconds=1))
    with conflict("edit_window_over"):
        edit_comment(comment_id=comment.pk, actor=cast.outsider, text="Later.", clock=late)
    with refused("required"):
        edit_comment(comment_id=comment.pk, actor=cast.outsider, text=" ", clock=at(3))
    restrict(cast)
    with not_allowed("cannot_see"):
        edit_comment(comment_id=comment.pk, actor=cast.outsider, text="Shut out.", clock=at(3))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("@maya and @tomas.", ["maya", "tomas."]),
        ("mail maya@example.org, see //@x and a@b", []),
        ("``@code`` and\n```\n@block\n``` @out", ["out"]),
        ("(@maya) *@tomas*", ["maya", "tomas"]),
    ],
)
def test_what_counts_as_a_name(text: str, names: list[str]) -> None:
    assert named_in(text) == names


def test_only_text_is_marked_and_names_are_escaped() -> None:
    html = '<p>@a.b. and @x <code>@x</code> <a href="/@x">@x</a></p>'
    marked = mark_mentions(html, {"x": "X <i>", "a.b": "A B"})
    assert marked == (
        '<p><b class="mention" title="@a.b">A B</b>. and <b class="mention" title="@x">X &lt;i&gt;</b> '
        '<code>@x</code> <a href="/@x">@x</a></p>'
    )
