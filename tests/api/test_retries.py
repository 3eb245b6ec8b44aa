"""A POST with an Idempotency-Key takes effect once, however often and by how many at once it is sent."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.utils import timezone

from gatekeeper.common.api import retries
from gatekeeper.common.api.problems import ApiProblem
from gatekeeper.common.models import KeptAnswer
from gatekeeper.common.tasks import clear_kept_answers
from releases.models import Event, Release
from tests.api.conftest import Caller, assert_problem, caller, shown
from tests.cast import MARKET, Cast, draft_release, make_cast
from tests.races.together import together, without_announcements

COMMENTS = f"/releases/router/1.0/gates/{MARKET}/comments/"


def written() -> int:
    return Event.objects.filter(kind="approvals.comment.added").count()


@pytest.mark.django_db
def test_the_same_request_gets_the_first_answer_again(cast: Cast, release: Release) -> None:
    pm = caller(cast.pm, "read", "write")
    first = pm.post(COMMENTS, {"text": "Once."}, Idempotency_Key="a1")
    again = pm.post(COMMENTS, {"text": "Once."}, Idempotency_Key="a1")
    assert (first.status_code, again.status_code, written()) == (201, 201, 1)
    assert again.content == first.content
    assert again.headers["Content-Type"] == "application/json"
    assert (again.headers["Idempotent-Replayed"], "Idempotent-Replayed" in first.headers) == ("true", False)
    assert_problem(pm.post(COMMENTS, {"text": "Twice."}, Idempotency_Key="a1"), 422, "key_reused")
    pm.post(COMMENTS, {"text": "Once."}, Idempotency_Key="a2")
    # keys are the caller's own: nobody gets somebody else's answer
    caller(cast.second_pm, "read", "write").post(COMMENTS, {"text": "Once."}, Idempotency_Key="a1")
    assert written() == 3
    # and the address's: elsewhere the same key is a new one
    refused = pm.post(f"/releases/router/1.0/gates/{MARKET}/submit/", {"summary": "Now."}, Idempotency_Key="a1")
    assert_problem(refused, 422, "blocked")
    assert_problem(pm.post(COMMENTS, {"text": "Once."}, Idempotency_Key="a b"), 400, "malformed")


@pytest.mark.django_db
def test_a_browser_may_give_a_key_too(cast: Cast, release: Release) -> None:
    """The check of a session looks into the body first, and what is read once is gone."""
    browser = Caller(client=Client(enforce_csrf_checks=True))
    browser.client.force_login(cast.pm, "gatekeeper.accounts.backends.EmailOrUsernameBackend")
    browser.client.cookies["gk-csrf"] = "a" * 32
    for _ in range(2):
        found = browser.post(COMMENTS, {"text": "Once."}, Idempotency_Key="b", X_CSRFToken="a" * 32)
        assert (found.status_code, written()) == (201, 1)
    assert_problem(browser.post(COMMENTS, {"text": "Once."}, Idempotency_Key="b", X_CSRFToken="c" * 32), 403)


@pytest.mark.django_db
def test_a_refusal_is_an_answer_too_and_changes_nothing(cast: Cast) -> None:
    draft_release(cast)
    pm = caller(cast.pm, "read", "write")
    body = {"reason": "No market.", "resume_by": "2030-01-01"}
    first = assert_problem(pm.post("/releases/router/1.0/hold/", body, Idempotency_Key="h"), 409)
    again = pm.post("/releases/router/1.0/hold/", body, Idempotency_Key="h")
    assert assert_problem(again, 409) == first
    assert again.headers["Idempotent-Replayed"] == "true"
    for wrong in ({"colour": "red"}, {"reason": 5, "resume_by": "2030-01-01"}):
        assert_problem(pm.post("/releases/router/1.0/hold/", wrong, Idempotency_Key=f"w{len(wrong)}"), 400)
    assert shown(pm.get("/releases/router/1.0/"))["state"] == "draft"


@pytest.mark.django_db
def test_answers_are_kept_for_a_day(cast: Cast, release: Release) -> None:
    pm = caller(cast.pm, "read", "write")
    pm.post(COMMENTS, {"text": "Once."}, Idempotency_Key="a1")
    KeptAnswer.objects.update(begun_at=timezone.now() - timedelta(hours=25))
    pm.post(COMMENTS, {"text": "Another day."}, Idempotency_Key="a1")
    assert written() == 2
    clear_kept_answers()
    assert KeptAnswer.objects.count() == 1
    KeptAnswer.objects.update(begun_at=timezone.now() - timedelta(hours=25))
    clear_kept_answers()
    assert not KeptAnswer.objects.exists()


@pytest.mark.django_db
def test_what_is_still_running_is_not_begun_again_until_its_process_must_be_dead() -> None:
    request = RequestFactory().post("/api/v1/x/", b"{}", content_type="application/json")
    effects: list[int] = []

    def act() -> HttpResponse:
        effects.append(1)
        with pytest.raises(ApiProblem) as running:
            retries.once(request, "somebody", "k", lambda: HttpResponse(b"never"))
        assert (running.value.status, running.value.code) == (409, "still_running")
        return HttpResponse(b"done")

    assert retries.once(request, "somebody", "k", act).content == b"done"
    # a process that died leaves its note behind
    KeptAnswer.objects.update(status=None, begun_at=timezone.now() - retries.RUNNING - timedelta(seconds=1))
    assert retries.once(request, "somebody", "k", lambda: HttpResponse(b"after it")).content == b"after it"

    # and one that only seemed dead may not have its effect any more
    def late() -> HttpResponse:
        KeptAnswer.objects.update(lease="another")
        return HttpResponse(b"late")

    with pytest.raises(ApiProblem) as lost:
        retries.once(request, "somebody", "k2", late)
    assert lost.value.status == 409

    def fails() -> HttpResponse:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError):
        retries.once(request, "somebody", "k3", fails)
    assert retries.once(request, "somebody", "k3", lambda: HttpResponse(b"now")).content == b"now"


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_fifty_at_once_have_one_effect_between_them() -> None:
    with without_announcements():
        cast = make_cast()
        pm = caller(cast.pm, "read", "write")
        body = {"product": "router", "version": "9.9", "target_on": "2030-01-01", "playbook": "small"}

        def send(number: int) -> Any:
            answer = type(pm)(pm.token).post("/releases/", body, Idempotency_Key="all-of-us")
            connection.close()
            return answer.status_code

        answers = together(*[lambda n=n: send(n) for n in range(50)])
        assert Release.objects.count() == 1
        statuses = [one.value for one in answers]
        assert set(statuses) <= {201, 409}
        assert statuses.count(201) >= 1
        assert pm.post("/releases/", body, Idempotency_Key="all-of-us").headers["Idempotent-Replayed"] == "true"
