"""The discussion on the gate page: read, written and changed with and without JavaScript."""

from datetime import timedelta

import pytest
from django.utils import timezone

from approvals.actions.comments import add_comment, edit_comment
from approvals.models import Comment
from gatekeeper.common.clock import fixed_clock
from releases.actions.products import change_product
from tests.cast import Cast, at, nothing_changes
from tests.pages.stories import address, client_of, days_ago, market_of, release_of_today, text_of

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


def test_a_comment_is_written_and_stands_on_the_gate_page(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    client = client_of(cast.outsider)
    assert "no comments yet" in text_of(client.get(address(gate)))
    answer = client.post(address(gate, "discussion/"), {"text": "Does it *hold*, @erik and @nobody?"})
    comment = Comment.objects.get()
    assert answer.headers["Location"] == f"{address(gate)}#comment-{comment.pk}"
    page = client.get(address(gate))
    html, text = page.content.decode(), text_of(page)
    assert '<em>hold</em>, <b class="mention" title="@erik">Erik Engineer</b> and @nobody?' in html
    assert "1 comment" in text
    assert "@nobody is nobody who can see this product" in text
    assert f'id="comment-{comment.pk}"' in html
    assert "Change" in text  # within the window


def test_with_htmx_the_part_comes_back_and_a_refusal_keeps_the_words(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    client = client_of(cast.approver)
    answer = client.post(address(gate, "discussion/"), {"text": "<script>alert(1)</script>"}, headers=HTMX)
    html = answer.content.decode()
    assert "<html" not in html
    assert "<script>" not in html
    assert "data-focus" in html
    for headers in (HTMX, {}):
        with nothing_changes():
            answer = client.post(address(gate, "discussion/"), {"text": " "}, headers=headers)
        assert answer.status_code == 422
        assert "A comment is needed." in text_of(answer)


def test_an_edit_shows_when_and_what_stood_there_before(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    written = add_comment(gate_id=gate.pk, actor=cast.approver, text="Not enouhg.")
    client = client_of(cast.approver)
    url = address(gate, f"discussion/{written.comment.pk}/")
    with nothing_changes():
        assert "Not enouhg." in text_of(client.get(url))
        assert "<html" not in client.get(url, headers=HTMX).content.decode()
    assert client.post(url, {"text": "Not enough."}).status_code == 302
    for who in (client, client_of(cast.outsider)):
        text = text_of(who.get(address(gate)))
        assert ", edited " in text
        assert "Not enough." in text
        assert "Earlier wording Not enouhg. until" in text


def test_somebody_elses_and_an_old_comment_cannot_be_changed(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    old = fixed_clock(timezone.now() - timedelta(minutes=20))
    comment = add_comment(gate_id=gate.pk, actor=cast.approver, text="Mine.", clock=old).comment
    url = address(gate, f"discussion/{comment.pk}/")
    with nothing_changes():
        for person, status in ((cast.pm, 403), (cast.approver, 409)):
            client = client_of(person)
            assert client.get(url).status_code == status
            assert client.post(url, {"text": "Other."}).status_code == status
            assert url not in client.get(address(gate)).content.decode()
        assert client_of(cast.approver).get(address(gate, "discussion/999999/")).status_code == 404


def test_the_latest_twenty_are_shown_and_the_earlier_ones_are_a_click_away(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    Comment.objects.bulk_create(
        [Comment(gate=gate, author=cast.pm, text=f"Word {n}.", written_at=timezone.now()) for n in range(25)]
    )
    client = client_of(cast.outsider)
    page = client.get(address(gate))
    assert "Word 5." in text_of(page)
    assert "Word 4." not in text_of(page)
    first = Comment.objects.get(text="Word 5.").pk
    earlier = f"{address(gate, 'discussion/')}?before={first}"
    assert earlier in page.content.decode()
    text = text_of(client.get(earlier))
    assert "Word 4." in text
    assert "Word 5." not in text
    assert "Latest comments" in text
    assert "Word 4." in text_of(client.get(earlier, headers=HTMX))
    assert "25 comments" in text_of(client.get(f"{address(gate, 'discussion/')}?before=nonsense"))


def test_the_approvers_are_asked_by_name(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    client = client_of(cast.pm)
    assert 'href="?ask=approvers#discussion"' in client.get(address(gate)).content.decode()
    assert ">@erik @sara </textarea>" in client.get(f"{address(gate)}?ask=approvers").content.decode()


def test_an_at_suggests_people_who_see_the_product(cast: Cast) -> None:
    gate = market_of(release_of_today(cast))
    url = address(gate, "discussion/people/")
    client = client_of(cast.pm)
    near = text_of(client.get(url))
    assert "Erik Engineer @erik" in near
    assert "Sara Seller" in near
    assert "Otto" not in near
    assert "Otto Outsider" in text_of(client.get(url, {"q": "ott"}))
    change_product(
        product=cast.product, name="Router", description="", owner=cast.pm, is_restricted=True,
        actor=cast.administrator, clock=at(days_ago(1)),
    )  # fmt: skip
    assert "Otto" not in text_of(client.get(url, {"q": "ott"}))
    assert client_of(cast.outsider).get(url).status_code == 404
    with nothing_changes():
        assert client_of(cast.outsider).get(address(gate, "discussion/")).status_code == 404
        assert client_of(cast.outsider).post(address(gate, "discussion/"), {"text": "Hello?"}).status_code == 404


def test_the_feed_says_who_commented(cast: Cast) -> None:
    release = release_of_today(cast)
    gate = market_of(release)
    comment = add_comment(gate_id=gate.pk, actor=cast.outsider, text="Why so late?").comment
    edit_comment(comment_id=comment.pk, actor=cast.outsider, text="Why this late?")
    text = text_of(client_of(cast.pm).get(f"/releases/router/{release.version}/activity/"))
    assert "Otto Outsider commented on Market Opportunity : Why so late?" in text
    assert "Otto Outsider changed a comment on Market Opportunity" in text
