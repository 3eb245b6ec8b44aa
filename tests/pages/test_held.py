"""A form of somebody who was signed out meanwhile goes back into the page; a form of another site never does."""

import re
from html import unescape
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from gatekeeper.common.held import HeldForm, from_signed
from tests.cast import PASSWORD, Cast, nothing_changes, submit
from tests.pages.stories import address, client_of, market_of, release_of_today, text_of

OURS = {"Origin": "http://testserver", "Sec-Fetch-Mode": "navigate"}
WORDS = {"choice": "decline", "comment": "Two customers are no market, says <everybody>.", "password": "my secret"}


@pytest.fixture
def url(cast: Cast) -> str:
    gate = market_of(release_of_today(cast))
    submit(cast, gate)
    return address(gate, "decide/")


def held_in(answer: Any) -> str:
    found = re.search(r'name="held" value="([^"]*)"', answer.content.decode())
    return unescape(found[1]) if found else ""


def test_signing_in_on_the_answer_leads_to_the_form_and_never_sends_it(cast: Cast, url: str) -> None:
    client = Client()
    with nothing_changes():
        answer = client.post(url, WORDS, headers=OURS)
    assert answer.status_code == 403
    assert "You were signed out meanwhile, and nothing was saved." in text_of(answer)
    form = from_signed(held_in(answer))
    assert form == HeldForm(url, (("choice", "decline"), ("comment", WORDS["comment"])))
    words = {"username": "erik", "password": PASSWORD, "held": held_in(answer), "next": "/"}
    page = client.post("/sign-in/", words)
    assert page.status_code == 200
    assert f'action="{url}"' in page.content.decode()
    assert "my secret" not in page.content.decode()
    assert "Two customers are no market, says &lt;everybody&gt;." in page.content.decode()
    # whoever loads the page again is signed in, and goes on
    assert client.post("/sign-in/", words)["Location"] == "/"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://testserver.evil.example"},
        OURS | {"Sec-Fetch-Mode": "cors"},
        OURS | {"HX-Request": "true"},
    ],
)
def test_what_no_page_of_ours_sent_is_not_held(url: str, headers: dict[str, str]) -> None:
    answer = Client().post(url, WORDS, headers=headers)
    assert answer.status_code == 302
    assert answer["Location"].startswith("/sign-in/?next=")


def test_a_void_token_gives_back_what_was_typed_and_tells_scripts_so(cast: Cast, url: str) -> None:
    client = client_of(cast.approver)
    client.handler.enforce_csrf_checks = True
    with nothing_changes():
        answer = client.post(url, WORDS, headers=OURS)
        foreign = client.post(url, WORDS, headers={"Origin": "https://evil.example"})
    assert (answer.status_code, answer["X-Token"]) == (403, "stale")
    assert "Nothing is saved yet" in text_of(answer)
    assert "my secret" not in answer.content.decode()
    assert "This page was open for too long" in text_of(foreign)
    assert "Two customers" not in text_of(foreign)


def test_files_and_what_is_too_much_are_not_held(url: str) -> None:
    file = SimpleUploadedFile("a.txt", b"abc")
    answer = Client().post(url, WORDS | {"file": file}, headers=OURS)
    form = from_signed(held_in(answer))
    assert form is not None
    assert (form.had_files, "abc" in str(form.fields)) == (True, False)
    assert Client().post(url, WORDS | {"comment": "x" * 150_001}, headers=OURS).status_code == 302


@pytest.mark.django_db
def test_nobody_else_writes_a_held_form() -> None:
    assert from_signed("") is None
    assert from_signed(HeldForm("/", (("a", "b"),)).signed()[:-1] + "x") is None
    assert from_signed("W10:1abc:def") is None
