"""What hostile callers send is refused with 400 and changes nothing; what one caller gets never reaches another."""

import json
import logging
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from gatekeeper.common.api.views import ApiView
from gatekeeper.common.models import CallWindow, KeptAnswer
from releases.actions.products import change_product
from releases.models import Event, Release
from tests.api.conftest import Caller, assert_problem, caller, shown, signed_in, token_of
from tests.cast import MARKET, Cast, everything

R = "/releases/router/1.0/"
G = f"{R}gates/{MARKET}/"
# (method, path, a body that the right caller could send)
WRITES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("POST", "/releases/", {"product": "router", "version": "9", "target_on": "2035-01-01", "playbook": "small"}),
    ("PATCH", R, {"name": "Other"}),
    ("POST", f"{R}replan/", {"dates": {MARKET: "2035-01-01"}, "reason": "Why."}),
    ("POST", f"{R}hold/", {"reason": "Why.", "resume_by": "2035-01-01"}),
    ("PUT", f"{G}evidence/brief/", {"text": "What we found."}),
    ("POST", f"{G}submit/", {"summary": "Please read."}),
    ("POST", f"{G}comments/", {"text": "A word."}),
    ("POST", f"{G}waive/", {"reason": "For a reason that is long.", "expires_on": "2035-01-01"}),
    ("POST", f"{G}exceptions/", {"subject": "brief", "reason": "A reason.", "expires_on": "2035-01-01"}),
    ("POST", f"{G}decisions/", {"round": 1, "role": "sales", "verdict": "approve"}),
    ("POST", "/products/", {"name": "Switch", "line": "networks", "owner": "petra"}),
    ("PATCH", "/products/router/", {"description": "It routes."}),
    ("POST", "/product-lines/", {"name": "Services"}),
    ("POST", "/delegations/", {"starts_on": "2035-01-01", "ends_on": "2035-01-02"}),
    ("POST", f"{R}stakeholders/", {"username": "otto"}),
    ("POST", "/notifications/read/", {"ids": [1]}),
)
OTHERS: dict[type, tuple[Any, ...]] = {
    str: (5, True, None, ["x"], {"a": 1}, "x\x00y"),
    dict: (5, "text", [1], True),
    list: (5, "text", {"a": 1}),
    int: ("5", True, -1, 10**30, 1.5),
}


def apart_from_counting() -> dict[str, Any]:
    """Everything that is stored, but for what every call leaves behind."""
    left = {model._meta.db_table for model in (CallWindow, KeptAnswer)} | {"accounts_apitoken", "django_session"}
    return {table: rows for table, rows in everything().items() if table not in left}


@pytest.mark.django_db
def test_every_field_takes_its_own_type_and_no_field_is_made_up(cast: Cast, release: Release) -> None:
    who = {
        "pm": caller(cast.pm, "read", "write", "decide"),
        "administrator": caller(cast.administrator, "read", "write", "decide"),
    }
    before = apart_from_counting()
    wrong = []
    for method, path, body in WRITES:
        one = who["administrator" if path in ("/products/", "/product-lines/") else "pm"]
        tries: list[Any] = [body | {"made_up": 1}, body | {"state": "approved"}, [body], "text", 5, None, True]
        for name, value in body.items():
            tries += [body | {name: other} for other in OTHERS[type(value)]]
            if name.endswith("_on") or name == "resume_by":
                tries += [body | {name: day} for day in ("2035-13-01", "20350101", "2035-1-1", "tomorrow", "")]
        for sent in tries:
            if sent is None and method == "POST" and path.endswith("/submit/"):
                continue
            answer = one.call(method, path, raw=json.dumps(sent).encode())
            if answer.status_code != 400:
                wrong.append((method, path, sent, answer.status_code))
            else:
                assert_problem(answer, 400)
    assert wrong == []
    assert apart_from_counting() == before


@pytest.mark.django_db
def test_a_body_that_is_no_json_is_refused(cast: Cast, release: Release) -> None:
    pm = caller(cast.pm, "read", "write")
    path = f"{G}comments/"
    for raw in (
        b"{", b'{"text": "a", "text": "b"}', b'{"text": NaN}', b'{"text": ' + b"9" * 5000 + b"}", b"\xff\xfe{}",
        b'{"text": "\\ud800"}', b'{"text": "\\u0000"}', b"[" * 100_000, b'{"a":' * 30 + b"1" + b"}" * 30,
        b"{no: 1}",
        b'{"text": 1e999}',
    ):  # fmt: skip
        assert_problem(pm.call("POST", path, raw=raw), 400, "malformed")
    assert_problem(pm.call("POST", path, raw=b"text=a", **{"Content-Type": "text/plain"}), 415)
    assert_problem(pm.call("POST", path, raw=b'{"text": "' + b"a" * 3_000_000 + b'"}'), 413, "too_large")
    assert_problem(pm.call("POST", path, raw=b'{"text": "a"}', Idempotency_Key="k" * 256), 400)
    assert_problem(pm.call("POST", path, raw=b'{"text": "' + b"a" * 3_000_000 + b'"}', Idempotency_Key="k"), 413)
    form = encode_multipart(BOUNDARY, {"file": SimpleUploadedFile("a.txt", b"a"), "state": "approved"})
    sent = pm.call("PUT", f"{G}evidence/brief/", raw=form, **{"Content-Type": MULTIPART_CONTENT})
    assert_problem(sent, 400, "malformed")
    for nonsense in ("%00", "99999999999999999999", "-1", "a,b,,c", "%FF"):
        for name in ("page", "page_size", "product", "health", "target_before", "q", "ordering", "fields"):
            answer = pm.get(f"/releases/?{name}={nonsense}")
            assert answer.status_code in (200, 400), (name, nonsense)
    assert not Event.objects.filter(kind="approvals.comment.added").exists()


@pytest.mark.django_db
def test_a_session_needs_the_pages_csrf_token(cast: Cast, release: Release) -> None:
    browser = signed_in(cast.pm)
    browser.client.handler.enforce_csrf_checks = True
    refused = assert_problem(browser.post(f"{G}comments/", {"text": "A word."}), 403, "not_allowed")
    assert "CSRF" in refused["detail"]
    # a token needs none, and a session beside it does not count
    browser.token = token_of(cast.second_pm, "read", "write")
    assert browser.post(f"{G}comments/", {"text": "A word."}).status_code == 201
    assert shown(browser.get("/me/"))["username"] == "quinn"


@pytest.mark.django_db
def test_two_callers_at_the_same_address_never_get_each_others_answer(cast: Cast, release: Release) -> None:
    change_product(
        product=cast.product, actor=cast.administrator, name="Router", description="", owner=cast.pm, is_restricted=True
    )
    pm, outsider = caller(cast.pm), caller(cast.outsider)
    tags = {}
    for _ in range(20):
        for path in ("/releases/", "/products/", "/me/", "/slips/", "/events/", "/inbox/"):
            mine, theirs = pm.get(path), outsider.get(path, If_None_Match=tags.get(path, ""))
            tags[path] = mine.headers["ETag"]
            assert theirs.status_code == 200
            assert b"router" not in theirs.content
            for answer in (mine, theirs):
                assert answer.headers["Cache-Control"] == "private, no-store"
                assert {"Authorization", "Cookie"} <= {w.strip() for w in answer.headers["Vary"].split(",")}
    # hidden is as good as not there, to the byte
    hidden, nothing = outsider.get(R), outsider.get("/releases/no-such/1.0/")
    assert (hidden.status_code, hidden.content) == (nothing.status_code, nothing.content)


@pytest.mark.django_db
def test_a_secret_is_in_no_log_no_row_and_no_answer(
    cast: Cast, release: Release, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = token_of(cast.pm, "read", "write")
    secret = token.split("_")[2]

    def fails(*_args: Any, **_more: Any) -> None:
        raise RuntimeError("a bug")

    with caplog.at_level(logging.DEBUG):
        who = Caller(token)
        answers = [who.get("/me/"), who.get("/nothing/"), who.post("/releases/", {"a": 1}), who.post(f"{G}submit/")]
        Caller(token[:-1]).get("/me/")
        monkeypatch.setattr(ApiView, "page_data", fails)
        who.client.raise_request_exception = False
        broken = who.client.get("/api/v1/releases/", headers={"Authorization": f"Bearer {token}"})
    problem = assert_problem(broken, 500, "server_error")
    assert "bug" not in problem["detail"]
    assert secret not in caplog.text
    assert all(secret.encode() not in answer.content for answer in (*answers, broken))
    assert secret not in str(everything())
