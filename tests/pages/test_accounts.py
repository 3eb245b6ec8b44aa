"""Signing in and out, the throttle, links to set a password, profile and password."""

import re
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from http.cookies import Morsel
from typing import Any

import pytest
from django.contrib.auth.tokens import default_token_generator
from django.contrib.sessions.models import Session
from django.core import mail
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone

from approvals.actions.people import change_profile, create_person, deactivate_person
from gatekeeper.accounts import throttle
from gatekeeper.accounts import views as account_views
from gatekeeper.accounts.destinations import destination_words, safe_destination
from gatekeeper.accounts.models import User
from gatekeeper.accounts.tasks import send_link
from gatekeeper.common.clock import fixed_clock
from releases.models import Event
from tests.cast import PASSWORD, everything, make_person

pytestmark = pytest.mark.django_db

NEW_PASSWORD = "a quieter password now"


@pytest.fixture
def maya() -> User:
    return make_person("maya", "Maya Lindqvist", title="Product manager")


def sign_in(client: Client, name: str, password: str = PASSWORD, **more: str) -> Any:
    return client.post("/sign-in/", {"username": name, "password": password, **more})


def is_signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def said(response: Any) -> str:
    """The page's words without its form tokens."""
    return re.sub(r'value="[^"]*"', "", response.content.decode())


# --- Signing in ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["maya", "maya@example.org", "MAYA@Example.ORG", "  maya  "])
def test_a_person_signs_in_with_user_name_or_email(client: Client, maya: User, name: str) -> None:
    response = sign_in(client, name)
    assert (response.status_code, response["Location"]) == (302, "/")
    assert is_signed_in(client)


def test_an_email_that_is_somebody_elses_user_name_belongs_to_the_email(client: Client, maya: User) -> None:
    create_person(
        username="maya@example.org", email="other@example.org", full_name="Other", password=PASSWORD, actor=None
    )
    sign_in(client, "maya@example.org")
    assert client.session["_auth_user_id"] == str(maya.pk)


def test_wrong_password_unknown_person_and_deactivated_person_are_told_the_same(client: Client, maya: User) -> None:
    gone = make_person("gone", "Gone")
    administrator = make_person("ada", "Ada", permissions=("releases.administer",))
    deactivate_person(person=gone, actor=administrator)
    answers = [
        sign_in(client, "maya", "not this one"),
        sign_in(client, "nobody", PASSWORD),
        sign_in(client, "nobody@example.org", PASSWORD),
        sign_in(client, "gone", PASSWORD),
    ]
    assert [answer.status_code for answer in answers] == [422] * 4
    assert len({said(answer) for answer in answers}) == 1
    assert account_views.WRONG in said(answers[0])
    assert not is_signed_in(client)


def test_what_was_typed_stays_but_the_password(client: Client, maya: User) -> None:
    response = sign_in(client, "maya", "not this one", next="/portfolio/")
    page = response.content.decode()
    assert 'value="maya"' in page
    assert 'name="next" value="/portfolio/"' in page
    assert "not this one" not in page


def test_the_session_key_changes_at_sign_in_and_the_old_one_is_worth_nothing(client: Client, maya: User) -> None:
    client.get("/sign-in/")
    client.session.save()
    client.cookies["gk"] = client.session.session_key or ""
    session = client.session
    session["planted"] = True
    session.save()
    before = session.session_key
    client.cookies["gk"] = before
    sign_in(client, "maya")
    assert client.cookies["gk"].value != before
    assert not Session.objects.filter(session_key=before).exists()


@pytest.mark.parametrize(("keep", "is_kept"), [("on", True), ("", False)])
def test_the_cookie_outlives_the_browser_only_when_asked(client: Client, maya: User, keep: str, is_kept: bool) -> None:
    sign_in(client, "maya", **({"keep": keep} if keep else {}))
    cookie: Morsel[str] = client.cookies["gk"]
    assert bool(cookie["max-age"]) is is_kept
    left = Session.objects.get(session_key=client.session.session_key).expire_date - timezone.now()
    # idle for 12 hours at most, kept or not
    assert timedelta(hours=11, minutes=59) < left <= timedelta(hours=12)


def test_who_is_signed_in_goes_straight_on(client: Client, maya: User) -> None:
    sign_in(client, "maya")
    assert client.get("/sign-in/", {"next": "/portfolio/"})["Location"] == "/portfolio/"


def test_reading_the_sign_in_page_writes_nothing(client: Client, maya: User) -> None:
    before = everything(), Session.objects.count()
    assert client.get("/sign-in/", {"next": "/portfolio/"}).status_code == 200
    assert (everything(), Session.objects.count()) == before


def test_the_form_needs_its_token(maya: User) -> None:
    client = Client(enforce_csrf_checks=True)
    assert sign_in(client, "maya").status_code == 403
    assert not is_signed_in(client)


# --- Where to go on -----------------------------------------------------------------------------------------------

ELSEWHERE = [
    "https://evil.example/", "http://evil.example", "//evil.example/", "///evil.example", "////evil.example",
    "/\\evil.example", "\\\\evil.example", "/\t/evil.example", "/\n/evil.example", "\t//evil.example",
    "javascript:alert(1)", "data:text/html,x", "https:evil.example", "http:///evil.example", "evil.example/",
    "/%0d%0aSet-Cookie:x", "/ /evil.example", "https://testserver@evil.example/", "//testserver@evil.example",
    "/sign-out/", "/sign-in/", "x" * 2000, "/\x00", "http://[", "",
]  # fmt: skip


@pytest.mark.parametrize("address", ELSEWHERE)
def test_next_leads_to_no_other_host(client: Client, maya: User, address: str) -> None:
    response = sign_in(client, "maya", next=address)
    assert response.status_code == 302
    assert response["Location"] in ("/", "/%0d%0aSet-Cookie:x")
    assert "Set-Cookie" not in response.headers


def test_next_leads_on_within_the_site(client: Client, maya: User) -> None:
    wanted = "/releases/assist-console/27.1/gates/engineering-timeline/?show=all"
    assert sign_in(client, "maya", next=wanted)["Location"] == wanted


def test_the_page_says_where_it_goes_from_the_address_alone(client: Client, maya: User) -> None:
    """The same words for a release that is there and for one that is not: nothing is looked up."""
    page = client.get("/sign-in/", {"next": "/releases/assist-console/27.1/gates/release-readiness/"}).content.decode()
    assert "After sign-in you go on to <b>Assist Console 27.1, Release Readiness</b>" in page
    assert destination_words("/releases/no-such/1/") == "No Such 1"
    assert destination_words("/inbox/?show=decided") == "Waiting for you"
    assert destination_words("/") == ""
    assert destination_words(safe_destination("/releases/a/<b>/")) == ""


def test_people_who_are_not_signed_in_are_asked_and_then_brought_back(client: Client, maya: User) -> None:
    response = client.get("/settings/profile/")
    assert response["Location"] == "/sign-in/?next=/settings/profile/"
    assert sign_in(client, "maya", next="/settings/profile/")["Location"] == "/settings/profile/"


# --- The throttle -------------------------------------------------------------------------------------------------


def test_after_ten_tries_even_the_right_password_waits(client: Client, maya: User) -> None:
    for _ in range(10):
        assert sign_in(client, "maya", "not this one").status_code == 422
    response = sign_in(client, "maya")
    assert response.status_code == 429
    assert "Too many tries. Wait 15 minutes, then try again." in said(response)
    assert not is_signed_in(client)


def test_an_unknown_name_is_throttled_in_the_same_words(client: Client, maya: User) -> None:
    answers = {}
    for name in ("maya", "nobody"):
        answers[name] = [sign_in(client, name, "not this one") for _ in range(11)][-1]
    assert answers["maya"].status_code == answers["nobody"].status_code == 429
    assert said(answers["maya"]) == said(answers["nobody"])


def test_both_names_of_an_account_have_one_count(client: Client, maya: User) -> None:
    for name in ("maya", "maya@example.org", "MAYA@example.org", " maya") * 3:
        last = sign_in(client, name, "not this one")
    assert last.status_code == 429


def test_signing_in_forgets_the_tries_before_it(client: Client, maya: User) -> None:
    for _ in range(9):
        sign_in(client, "maya", "not this one")
    assert sign_in(client, "maya").status_code == 302
    for _ in range(9):
        assert sign_in(Client(), "maya", "not this one").status_code == 422


def test_after_fifty_tries_an_address_waits_whatever_it_claims_to_be(client: Client, maya: User) -> None:
    for number in range(50):
        response = client.post(
            "/sign-in/",
            {"username": f"somebody{number}", "password": "x"},
            headers={"X-Forwarded-For": f"203.0.113.{number}"},
        )
        assert response.status_code == 422
    assert sign_in(client, "maya").status_code == 429
    assert sign_in(Client(REMOTE_ADDR="198.51.100.7"), "maya").status_code == 302


def test_successful_sign_ins_of_an_office_do_not_fill_its_count(maya: User) -> None:
    for _ in range(60):
        assert sign_in(Client(), "maya").status_code == 302


def test_no_stretch_of_a_quarter_of_an_hour_has_more_than_ten_tries() -> None:
    limit, start = throttle.PASSWORD_OF_ACCOUNT, timezone.now()
    allowed, waits = [], []
    for second in range(0, 3600, 20):
        now = start + timedelta(seconds=second)
        try:
            throttle.count_try(limit, "somebody", fixed_clock(now))
        except throttle.TooManyTries as tries:
            waits.append(tries.wait)
        else:
            allowed.append(now)
    assert len(allowed) > 30
    assert all(timedelta() < wait <= limit.window for wait in waits)
    for first in allowed:
        assert sum(first <= at < first + limit.window for at in allowed) <= 10


def test_waiting_as_long_as_it_says_is_enough() -> None:
    limit, start = throttle.PASSWORD_OF_ACCOUNT, timezone.now()
    for second in range(10):
        throttle.count_try(limit, "somebody", fixed_clock(start + timedelta(seconds=second)))
    with pytest.raises(throttle.TooManyTries) as refused:
        throttle.count_try(limit, "somebody", fixed_clock(start + timedelta(minutes=5)))
    throttle.count_try(limit, "somebody", fixed_clock(start + timedelta(minutes=5) + refused.value.wait))


def tries_at_once(number: int) -> list[bool]:
    """Which of some tries at the same moment were allowed."""
    start, results = threading.Barrier(number), []

    def attempt() -> None:
        try:
            start.wait()
            throttle.count_try(throttle.PASSWORD_OF_ACCOUNT, "somebody")
            results.append(True)
        except throttle.TooManyTries:
            results.append(False)
        finally:
            connection.close()

    threads = [threading.Thread(target=attempt) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.django_db(transaction=True)
def test_tries_at_the_same_moment_are_counted_one_by_one() -> None:
    results = tries_at_once(20)
    assert (results.count(True), results.count(False)) == (10, 10)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_without_the_lock_more_tries_would_get_through(monkeypatch: pytest.MonkeyPatch) -> None:
    locked = throttle._locked
    throttle.count_try(throttle.PASSWORD_OF_ACCOUNT, "somebody")

    def unlocked(limit: throttle.Limit, subject: str, clock: Any) -> Session:
        row = Session.objects.get(session_key=throttle._key(limit, subject))
        time.sleep(0.1)
        return row

    monkeypatch.setattr(throttle, "_locked", unlocked)
    assert tries_at_once(20).count(True) > 9
    monkeypatch.setattr(throttle, "_locked", locked)


def test_nobody_gets_in_while_tries_cannot_be_counted(
    client: Client, maya: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise OperationalError("the store is down")

    monkeypatch.setattr(account_views.throttle, "count_try", broken)
    response = sign_in(client, "maya")
    assert response.status_code == 503
    assert account_views.CLOSED in said(response)
    assert not is_signed_in(client)


def test_a_count_is_no_session_that_somebody_could_take(client: Client, maya: User) -> None:
    sign_in(client, "maya", "not this one")
    rows = list(Session.objects.all())
    assert len(rows) == 2
    for row in rows:
        assert "maya" not in row.session_key
        client.cookies["gk"] = row.session_key
        assert client.get("/settings/profile/").status_code == 302
        assert Session.objects.filter(session_key=row.session_key).exists()


# --- Signing out --------------------------------------------------------------------------------------------------


def test_signing_out_ends_the_session_on_the_server(client: Client, maya: User) -> None:
    sign_in(client, "maya")
    key = client.session.session_key
    assert client.get("/sign-out/").status_code == 405
    assert is_signed_in(client)
    assert client.post("/sign-out/")["Location"] == "/sign-in/"
    assert not Session.objects.filter(session_key=key).exists()
    replay = Client()
    replay.cookies["gk"] = key or ""
    assert replay.get("/settings/profile/").status_code == 302


# --- A link to set a password -------------------------------------------------------------------------------------


@pytest.fixture
def sent_now(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The worker's part is done at once; the numbers it was given."""
    numbers: list[int] = []

    def now(args: list[int], **_: Any) -> None:
        numbers.extend(args)
        send_link(*args)

    monkeypatch.setattr(send_link, "apply_async", now)
    return numbers


def link_in(message: Any) -> str:
    found = re.search(r"http://\S+(/password-reset/\S+)", message.body)
    assert found
    return found[1]


def follow(client: Client, link: str) -> Any:
    """The address with the token leads to one without it."""
    response = client.get(link)
    assert response.status_code == 302
    assert link.split("/")[-2] not in response["Location"]
    return client.get(response["Location"]), response["Location"]


def test_a_link_sets_a_password_once(client: Client, maya: User, sent_now: list[int]) -> None:
    assert client.post("/password-reset/", {"email": "Maya@example.org"})["Location"] == "/password-reset/sent/"
    message = mail.outbox[0]
    assert message.to == ["maya@example.org"]
    link = link_in(message)
    page, form = follow(client, link)
    assert "for maya@example.org" in page.content.decode()
    assert client.post(form, {"password": NEW_PASSWORD})["Location"] == "/sign-in/"
    assert sign_in(Client(), "maya", NEW_PASSWORD).status_code == 302
    assert sign_in(Client(), "maya", PASSWORD).status_code == 422
    assert Event.objects.filter(kind="accounts.user.password_changed", actor=maya).count() == 1
    assert Client().get(link).status_code == 410


def test_an_unknown_address_gets_the_same_answer_and_no_mail(client: Client, maya: User, sent_now: list[int]) -> None:
    known = client.post("/password-reset/", {"email": "maya@example.org"}, follow=True)
    unknown = client.post("/password-reset/", {"email": "nobody@example.org"}, follow=True)
    assert known.redirect_chain == unknown.redirect_chain
    assert known.content == unknown.content
    # the queue is told about nobody as well, so that the answer takes as long
    assert sent_now == [maya.pk, 0]
    assert [message.to for message in mail.outbox] == [["maya@example.org"]]


def test_a_deactivated_person_gets_no_link_and_an_old_one_is_dead(
    client: Client, maya: User, sent_now: list[int]
) -> None:
    client.post("/password-reset/", {"email": "maya@example.org"})
    deactivate_person(person=maya, actor=make_person("ada", "Ada", permissions=("releases.administer",)))
    client.post("/password-reset/", {"email": "maya@example.org"})
    assert len(mail.outbox) == 1
    assert client.get(link_in(mail.outbox[0])).status_code == 410


def test_a_new_person_without_a_password_sets_one(client: Client, sent_now: list[int]) -> None:
    create_person(username="nina", email="nina@example.org", full_name="Nina", actor=None)
    client.post("/password-reset/", {"email": "nina@example.org"})
    _page, form = follow(client, link_in(mail.outbox[0]))
    client.post(form, {"password": NEW_PASSWORD})
    assert sign_in(client, "nina", NEW_PASSWORD).status_code == 302


def test_who_never_had_a_password_is_invited_and_others_reset_theirs(
    client: Client, maya: User, sent_now: list[int], settings: Any
) -> None:
    create_person(username="nina", email="nina@example.org", full_name="Nina", actor=None)
    for email in ("nina@example.org", "maya@example.org"):
        client.post("/password-reset/", {"email": email})
    invitation, reset = mail.outbox
    assert invitation.subject == "Your account on gatekeeper"
    for body in (invitation.body, invitation.alternatives[0][0]):  # type: ignore[attr-defined]
        for words in (
            "an administrator made an account for you",
            settings.BASE_URL,
            "nina",
            "60 minutes",
            "Forgot it?",
        ):
            assert words in body
        assert "somebody asked" not in body
    assert reset.subject == "Set a new password for gatekeeper"
    assert "your password stays as it is" in reset.body
    page, form = follow(client, link_in(invitation))
    assert "<h1>Set your password</h1>" in page.content.decode()
    client.post(form, {"password": NEW_PASSWORD})
    page, _form = follow(Client(), link_in(reset))
    assert "<h1>Set a new password</h1>" in page.content.decode()
    client.post("/password-reset/", {"email": "nina@example.org"})
    assert mail.outbox[2].subject == "Set a new password for gatekeeper"


def test_a_link_ends_after_an_hour(
    client: Client, maya: User, sent_now: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    client.post("/password-reset/", {"email": "maya@example.org"})
    link, moment = link_in(mail.outbox[0]), default_token_generator._now()  # type: ignore[attr-defined]
    later: Callable[[], Any] = lambda: moment + timedelta(minutes=59)  # noqa: E731
    monkeypatch.setattr(default_token_generator, "_now", later)
    assert Client().get(link).status_code == 302
    monkeypatch.setattr(default_token_generator, "_now", lambda: moment + timedelta(minutes=61))
    assert client.get(link).status_code == 410


@pytest.mark.parametrize(
    "link",
    [
        "/password-reset/x/y/",
        "/password-reset/MQ/in-session/",
        "/password-reset/OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5/a-b/",
    ],
)
def test_a_made_up_link_is_refused(client: Client, link: str) -> None:
    assert client.get(link).status_code == 410


def test_a_weak_password_is_refused_beside_its_field(client: Client, maya: User, sent_now: list[int]) -> None:
    client.post("/password-reset/", {"email": "maya@example.org"})
    _page, form = follow(client, link_in(mail.outbox[0]))
    response = client.post(form, {"password": "short"})
    assert response.status_code == 422
    assert "at least 12 characters" in response.content.decode()
    assert sign_in(Client(), "maya", PASSWORD).status_code == 302


def test_the_links_host_is_never_the_requests(client: Client, maya: User, sent_now: list[int], settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    client.post("/password-reset/", {"email": "maya@example.org"}, headers={"Host": "evil.example"})
    assert settings.BASE_URL in mail.outbox[0].body
    assert "evil.example" not in mail.outbox[0].body


def test_links_are_throttled_for_known_and_unknown_alike(client: Client, maya: User, sent_now: list[int]) -> None:
    for email in ("maya@example.org", "nobody@example.org"):
        statuses = [client.post("/password-reset/", {"email": email}).status_code for _ in range(4)]
        assert statuses == [302, 302, 302, 429]
    assert len(mail.outbox) == 3


def test_a_queue_that_does_not_answer_is_said(client: Client, maya: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: Any) -> None:
        raise OSError("no queue")

    monkeypatch.setattr(send_link, "apply_async", refuse)
    response = client.post("/password-reset/", {"email": "maya@example.org"})
    assert response.status_code == 503
    assert account_views.NOT_SENT in said(response)


# --- Profile and password -----------------------------------------------------------------------------------------


@pytest.fixture
def signed_in(client: Client, maya: User) -> Client:
    sign_in(client, "maya")
    return client


def profile_of(person: User, **changes: str) -> dict[str, str]:
    fields = {
        "full_name": person.full_name, "title": person.title, "email": person.email, "theme": "", "time_zone": "",
        "wants_email": "on", "has_shortcuts": "on",
    }  # fmt: skip
    return fields | changes


def test_the_profile_changes_how_pages_look(signed_in: Client, maya: User) -> None:
    wanted = profile_of(maya, full_name="Maya L", theme="dark", time_zone="Asia/Tokyo")
    del wanted["has_shortcuts"]
    assert signed_in.post("/settings/profile/", wanted).status_code == 302
    page = signed_in.get("/settings/profile/").content.decode()
    assert '<html lang="en" data-bs-theme="dark">' in page
    assert 'data-shortcuts="off"' in page
    maya.refresh_from_db()
    assert (maya.full_name, maya.theme, maya.time_zone, maya.has_shortcuts) == ("Maya L", "dark", "Asia/Tokyo", False)
    assert Event.objects.filter(kind="accounts.user.changed", actor=maya).exists()


def test_moments_are_shown_in_the_persons_zone(client: Client, maya: User) -> None:
    seen = {}
    for zone in ("Asia/Tokyo", "America/Lima", ""):
        change_profile(person=maya, actor=maya, full_name="Maya", email=maya.email, title="", time_zone=zone)
        client.force_login(maya, "gatekeeper.accounts.backends.EmailOrUsernameBackend")
        page = client.get("/portfolio/").content.decode()
        found = re.search(r"as of [^,]+, \d\d:\d\d (\S+?)[ <]", page)
        assert found
        seen[zone] = found[1]
    assert seen == {"Asia/Tokyo": "JST", "America/Lima": "-05", "": "UTC"}


def test_a_new_email_needs_the_password(signed_in: Client, maya: User) -> None:
    wanted = profile_of(maya, email="new@example.org")
    for given, words in (("", "Type your password to change the e-mail."), ("wrong", "This is not your password.")):
        response = signed_in.post("/settings/profile/", wanted | {"current_password": given})
        assert response.status_code == 422
        assert words in response.content.decode()
    maya.refresh_from_db()
    assert maya.email == "maya@example.org"
    assert signed_in.post("/settings/profile/", wanted | {"current_password": PASSWORD}).status_code == 302
    maya.refresh_from_db()
    assert maya.email == "new@example.org"


def test_a_refused_profile_keeps_what_was_typed(signed_in: Client, maya: User) -> None:
    make_person("tomas", "Tomás")
    wanted = profile_of(maya, email="tomas@example.org", title="Typed title", current_password=PASSWORD)
    response = signed_in.post("/settings/profile/", wanted)
    page = response.content.decode()
    assert response.status_code == 422
    assert "tomas@example.org is in use." in page
    assert "Typed title" in page
    assert 'aria-invalid="true"' in page


def test_nobody_makes_themselves_an_administrator_by_a_field(signed_in: Client, maya: User) -> None:
    more = {"is_superuser": "on", "is_staff": "on", "username": "root", "user_permissions": "1", "groups": "1"}
    signed_in.post("/settings/profile/", profile_of(maya, full_name="Changed", **more))
    maya.refresh_from_db()
    assert (maya.full_name, maya.username, maya.is_superuser, maya.is_staff) == ("Changed", "maya", False, False)
    assert not maya.user_permissions.exists()


def test_a_new_password_ends_every_other_session(signed_in: Client, maya: User) -> None:
    other = Client()
    sign_in(other, "maya")
    response = signed_in.post("/settings/password/", {"current_password": PASSWORD, "password": NEW_PASSWORD})
    assert response.status_code == 302
    assert signed_in.get("/settings/profile/").status_code == 200
    assert other.get("/settings/profile/").status_code == 302
    assert sign_in(Client(), "maya", NEW_PASSWORD).status_code == 302


@pytest.mark.parametrize(
    ("current", "new", "words"),
    [("wrong", NEW_PASSWORD, "This is not your password."), (PASSWORD, "maya lindqvist", "too similar")],
)
def test_a_password_that_is_refused_stays_as_it_was(
    signed_in: Client, maya: User, current: str, new: str, words: str
) -> None:
    response = signed_in.post("/settings/password/", {"current_password": current, "password": new})
    assert response.status_code == 422
    assert words in response.content.decode()
    assert sign_in(Client(), "maya", PASSWORD).status_code == 302


def test_the_current_password_cannot_be_guessed_on_the_password_page(signed_in: Client, maya: User) -> None:
    for _ in range(10):
        signed_in.post("/settings/password/", {"current_password": "wrong", "password": NEW_PASSWORD})
    response = signed_in.post("/settings/password/", {"current_password": PASSWORD, "password": NEW_PASSWORD})
    assert response.status_code == 422
    assert "Too many tries" in response.content.decode()
