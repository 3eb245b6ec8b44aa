"""Where a person is signed in, and ending it there."""

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from gatekeeper.accounts.models import SignedIn, User
from gatekeeper.accounts.sessions import browser_words
from tests.cast import PASSWORD, make_person
from tests.pages.stories import client_of, text_of

pytestmark = pytest.mark.django_db

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.0 "
    "Mobile/15E148 Safari/604.1"
)
EDGE = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 "
    "Edg/140.0.0.0"
)


@pytest.fixture
def maya(db: None) -> User:
    return make_person("maya", "Maya Lindqvist")


def signed_in(agent: str = FIREFOX, password: str = PASSWORD) -> Client:
    client = Client(headers={"User-Agent": agent})
    answer = client.post("/sign-in/", {"username": "maya", "password": password})
    assert answer.status_code == 302
    return client


def is_in(client: Client) -> bool:
    return client.get("/settings/profile/").status_code == 200


def test_own_sessions_are_listed_and_one_of_them_is_ended(maya: User) -> None:
    here, phone = signed_in(), signed_in(PHONE)
    stranger = client_of(make_person("otto", "Otto Outsider"))
    text = text_of(here.get("/settings/sessions/"))
    assert "2 sessions" in text
    assert text.index("Firefox on Windows This session") < text.index("Safari on iPhone From 127.0.0.1")
    row = SignedIn.objects.get(browser="Safari on iPhone")
    assert stranger.post(f"/settings/sessions/{row.pk}/end/").status_code == 404
    assert "1 session" in text_of(stranger.get("/settings/sessions/"))
    assert is_in(phone)
    answer = here.post(f"/settings/sessions/{row.pk}/end/", follow=True)
    assert "The session is ended." in text_of(answer)
    assert "iPhone" not in text_of(answer)
    assert (is_in(here), is_in(phone)) == (True, False)
    assert here.post(f"/settings/sessions/{row.pk}/end/").status_code == 404


def test_all_others_end_at_once_and_this_one_goes_on(maya: User) -> None:
    here, others = signed_in(), [signed_in(PHONE), signed_in(EDGE)]
    answer = here.post("/settings/sessions/end/", follow=True)
    assert "2 sessions are ended; this one goes on." in text_of(answer)
    assert [is_in(client) for client in (here, *others)] == [True, False, False]
    assert "End all" not in text_of(answer)


def test_a_new_password_keeps_this_session_under_its_new_key_and_ends_the_others(maya: User) -> None:
    here, other = signed_in(), signed_in(PHONE)
    words = {"current_password": PASSWORD, "password": "another seven gates"}
    assert here.post("/settings/password/", words).status_code == 302
    assert not is_in(other)
    assert "Firefox on Windows This session" in text_of(here.get("/settings/sessions/"))
    row = SignedIn.objects.get()
    assert Session.objects.filter(session_key=row.session_key).exists()


def test_what_is_over_is_not_listed_and_goes_at_the_next_sign_in(maya: User) -> None:
    gone = signed_in(PHONE)
    gone.post("/sign-out/")
    assert SignedIn.objects.count() == 1
    here = signed_in()
    assert [row.browser for row in SignedIn.objects.all()] == ["Firefox on Windows"]
    assert "1 session" in text_of(here.get("/settings/sessions/"))


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (FIREFOX, "Firefox on Windows"),
        (PHONE, "Safari on iPhone"),
        (EDGE, "Edge on Linux"),
        ("Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36", "Chrome on Android"),
        ("curl/8.5.0", "Unknown browser"),
        ("", "Unknown browser"),
        ("<script>" * 500 + "Firefox", "Firefox"),
    ],
)
def test_a_browser_is_told_in_words_that_people_know(agent: str, words: str) -> None:
    assert browser_words(agent) == words
