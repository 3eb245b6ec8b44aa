"""Saved views of the portfolio: kept per person, shared by their link, and never more than thirty."""

import pytest
from django.utils import timezone

from gatekeeper.accounts.actions import MOST_VIEWS, remove_view, rename_view, save_view
from gatekeeper.accounts.models import SavedView
from gatekeeper.common.errors import Refused
from gatekeeper.dashboard.queries.saved_views import described
from releases.models import Event
from tests.cast import Cast
from tests.pages.stories import client_of, release_of_today, text_of

pytestmark = pytest.mark.django_db

NEW = "/portfolio/views/new/"


def test_a_view_is_saved_found_in_the_menu_renamed_and_removed(cast: Cast) -> None:
    release_of_today(cast)
    client, events = client_of(cast.pm), Event.objects.count()
    page = client.get("/portfolio/?sort=target&health=slipped&page=1")
    assert f'href="{NEW}?health=slipped&amp;sort=target"' in page.content.decode()
    form = client.get(f"{NEW}?health=slipped&sort=target")
    assert "Health: Slipped · Sorted by: target" in text_of(form)
    answer = client.post(f"{NEW}?health=slipped&sort=target&page=3&x=1", {"name": " Slipped ones "})
    assert answer["Location"] == "/portfolio/?health=slipped&sort=target"
    view = SavedView.objects.get()
    assert (view.person, view.name, view.query) == (cast.pm, "Slipped ones", "health=slipped&sort=target")
    page = client.get(answer["Location"])
    assert page.context["menu"].current == view
    assert "Save this view" not in text_of(page)
    client.post(f"/portfolio/views/{view.key}/rename/", {"name": "Late ones"})
    assert "Late ones" in text_of(client.get("/portfolio/views/"))
    removed = client.post(f"/portfolio/views/{view.key}/remove/", follow=True)
    assert "No view is saved" in text_of(removed)
    # the toast brings it back
    assert client.post(f"{NEW}?name=Late+ones&health=slipped").status_code == 302
    assert SavedView.objects.get().name == "Late ones"
    assert Event.objects.count() == events


def test_what_is_wrong_with_a_name_is_said_beside_it_and_nothing_is_lost(cast: Cast) -> None:
    client = client_of(cast.pm)
    first = save_view(actor=cast.pm, name="Mine", query="pm=me")
    save_view(actor=cast.second_pm, name="Mine", query="")  # somebody else's names are their own
    for name, words in (("", "fill this in"), ("mine", "you have a view called mine already"), ("x" * 81, "at most 80"),
                        ("a\u202eb", "cannot be seen")):  # fmt: skip
        answer = client.post(f"{NEW}?health=slipped", {"name": name})
        assert answer.status_code == 422
        assert words in text_of(answer).lower().replace("you have", "you have"), name
        assert f"{NEW}?health=slipped" in answer.content.decode()
    other = save_view(actor=cast.pm, name="Other", query="")
    answer = client.post(f"/portfolio/views/{other.key}/rename/", {"name": "MINE"})
    assert answer.status_code == 422
    assert 'value="MINE"' in answer.content.decode()
    assert client.post(f"/portfolio/views/{first.key}/rename/", {"name": "MINE"}).status_code == 302
    assert sorted(SavedView.objects.filter(person=cast.pm).values_list("name", flat=True)) == ["MINE", "Other"]


def test_the_link_shows_the_view_to_others_with_what_they_may_see(cast: Cast) -> None:
    release_of_today(cast)
    view = save_view(actor=cast.pm, name="Slipped ones", query="health=slipped")
    client = client_of(cast.outsider)
    opened = client.get(f"/portfolio/views/{view.key}/", follow=True)
    assert opened.redirect_chain == [(f"/portfolio/?health=slipped&view={view.key}", 302)]
    assert f"The view Slipped ones of {cast.pm}, with what you may see." in text_of(opened)
    # once its filters are changed the page is not that view any more
    assert client.get(f"/portfolio/?health=at_risk&view={view.key}").context["menu"].current is None
    for address in (f"/portfolio/views/{view.key}/rename/", f"/portfolio/views/{view.key}/remove/"):
        assert client.post(address, {"name": "Stolen"}).status_code == 404
    for actor in (cast.outsider, cast.administrator):
        with pytest.raises(SavedView.DoesNotExist):
            rename_view(view=view, actor=actor, name="Stolen")
        with pytest.raises(SavedView.DoesNotExist):
            remove_view(view=view, actor=actor)
    assert client.get("/portfolio/views/nothing-such/").status_code == 404
    view.refresh_from_db()
    assert view.name == "Slipped ones"


def test_nobody_has_more_than_thirty(cast: Cast) -> None:
    now = timezone.now()
    SavedView.objects.bulk_create(
        SavedView(person=cast.pm, name=f"View {number}", key=f"key-{number}", saved_at=now)
        for number in range(MOST_VIEWS)
    )
    with pytest.raises(Refused, match="remove one first"):
        save_view(actor=cast.pm, name="One more", query="")
    answer = client_of(cast.pm).post(NEW, {"name": "One more"})
    assert answer.status_code == 422
    assert SavedView.objects.filter(person=cast.pm).count() == MOST_VIEWS
    with pytest.raises(Refused, match="too long"):
        save_view(actor=cast.outsider, name="Long", query="q=" + "x" * 2000)
    assert not SavedView.objects.filter(person=cast.outsider).exists()


def test_filters_are_told_in_words() -> None:
    assert described("") == "No filter"
    assert described("quarter=2026-q4&state=recorded&pm=me") == (
        "Product manager: Me · Target quarter: Q4 2026 · State: Recorded history"
    )
