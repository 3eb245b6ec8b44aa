"""What is true of every address: who may call, what is refused, tags, limits, and the schema."""

import pytest
from django.test import override_settings
from drf_spectacular.validation import validate_schema
from rest_framework.exceptions import ParseError

from approvals.actions.people import create_person, deactivate_person
from approvals.actions.tokens import revoke_token
from gatekeeper.accounts.models import ApiToken, User
from gatekeeper.accounts.tokens import find_tokens, new_token, read_token
from gatekeeper.api import schema
from gatekeeper.common.api.parsing import check_texts
from gatekeeper.common.models import CallWindow
from tests.api.conftest import Caller, assert_problem, caller, shown, signed_in, token_of
from tests.cast import Cast


def test_a_token_is_known_by_its_shape_and_checksum() -> None:
    token = new_token()
    assert read_token(token.text) == token
    assert len(token.text) == 3 + 8 + 1 + 49
    broken = token.text[:-1] + ("a" if token.text[-1] != "a" else "b")
    assert read_token(broken) is None
    log = f"curl -H 'Authorization: Bearer {token.text}' and {broken}"
    assert list(find_tokens(log)) == [token]


def test_a_body_that_no_database_can_hold_is_refused() -> None:
    check_texts({"a": ["fine", 1, None, {"b": True}]})
    deep: list[object] = []
    for _ in range(20):
        deep = [deep]
    for bad in ({"a": "x\x00"}, {"\x00": 1}, ["\ud800"], deep):
        with pytest.raises(ParseError):
            check_texts(bad)


@pytest.mark.django_db
def test_who_calls_is_told_by_a_token_or_a_session(cast: Cast) -> None:
    token = token_of(cast.pm, "read", "write")
    me = shown(Caller(token).get("/me/"))
    assert (me["username"], me["kind"], me["scopes"]) == ("petra", "person", ["read", "write"])
    assert me["products"][0]["product"] == "router"
    assert "manage_product" in me["products"][0]["permissions"]
    assert me["token"]["prefix"] in token
    stored = ApiToken.objects.get()
    assert token not in str(stored.__dict__)
    assert (stored.last_used_from, stored.last_used_at is None) == ("127.0.0.1", False)
    assert shown(signed_in(cast.pm).get("/me/"))["token"] is None
    nobody = assert_problem(Caller().get("/me/"), 401, "not_signed_in")
    assert "Bearer" in Caller().get("/me/").headers["WWW-Authenticate"]
    assert nobody["title"] == "Unauthorized"
    wrong = new_token().text
    for text in (wrong, "gk_short", token[:-1] + "_", token.replace("gk_", "gk_0")):
        assert_problem(Caller(text).get("/me/"), 401, "invalid_token")
    revoke_token(token_id=stored.pk, actor=cast.pm)
    assert_problem(Caller(token).get("/me/"), 401, "invalid_token")


@pytest.mark.django_db
def test_a_token_dies_with_its_owner_and_does_not_come_back(cast: Cast) -> None:
    token = token_of(cast.outsider)
    assert Caller(token).get("/me/").status_code == 200
    deactivate_person(person=cast.outsider, actor=cast.administrator)
    assert_problem(Caller(token).get("/me/"), 401, "invalid_token")
    User.objects.filter(pk=cast.outsider.pk).update(is_active=True)
    assert_problem(Caller(token).get("/me/"), 401, "invalid_token")


@pytest.mark.django_db
def test_a_token_survives_a_new_secret_key_and_moves_to_it(cast: Cast) -> None:
    token = token_of(cast.pm)
    old = ApiToken.objects.get().digest
    from django.conf import settings

    with override_settings(SECRET_KEY="n" * 25 + "o" * 25, SECRET_KEY_FALLBACKS=[settings.SECRET_KEY]):
        assert Caller(token).get("/me/").status_code == 200
    assert ApiToken.objects.get().digest != old
    with override_settings(SECRET_KEY="n" * 25 + "o" * 25):
        assert Caller(token).get("/me/").status_code == 200
    assert_problem(Caller(token).get("/me/"), 401, "invalid_token")


@pytest.mark.django_db
def test_a_token_bound_to_a_product_sees_that_product_alone(cast: Cast) -> None:
    from releases.actions.products import create_product

    create_product(name="Switch", line=cast.line, owner=cast.pm, actor=cast.administrator)
    all_of_it = shown(caller(cast.pm).get("/me/"))
    bound = shown(caller(cast.pm, products=[cast.product.pk]).get("/me/"))
    assert [one["product"] for one in all_of_it["products"]] == ["router", "switch"]
    assert [one["product"] for one in bound["products"]] == ["router"]
    assert bound["token"]["products"] == ["router"]


@pytest.mark.django_db
def test_what_is_not_known_is_refused(cast: Cast) -> None:
    pm = caller(cast.pm)
    unknown = assert_problem(pm.get("/me/?fields=username,secret"), 400, "malformed")
    assert unknown["errors"] == [{"field": "fields", "code": "unknown", "message": "The answer has no field secret."}]
    assert shown(pm.get("/me/?fields=username,kind")) == {"username": "petra", "kind": "person"}
    assert_problem(pm.get("/me/?colour=red"), 400, "malformed")
    assert_problem(pm.get("/me/?fields=kind&fields=name"), 400, "malformed")
    assert_problem(pm.get("/me/?fields=%00"), 400, "malformed")
    assert_problem(pm.get("/nothing/here/"), 404, "not_found")
    refused = pm.post("/me/", {})
    assert_problem(refused, 405, "method_not_allowed")
    assert refused.headers["Allow"] == "GET, HEAD"
    assert_problem(pm.get("/me/", Accept="text/html"), 406, "not_acceptable")


@pytest.mark.django_db
def test_an_answer_is_not_sent_twice(cast: Cast) -> None:
    pm = caller(cast.pm)
    first = pm.get("/me/")
    tag = first.headers["ETag"]
    again = pm.get("/me/", If_None_Match=tag)
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    assert first.headers["Cache-Control"] == "private, no-store"
    assert {"Accept", "Authorization", "Cookie"} <= set(first.headers["Vary"].replace(" ", "").split(","))
    assert caller(cast.second_pm).get("/me/", If_None_Match=tag).status_code == 200


@pytest.mark.django_db
def test_a_caller_has_so_many_calls_a_minute_and_is_told(cast: Cast) -> None:
    pm, other = caller(cast.pm), caller(cast.second_pm)
    with override_settings(API_CALLS_PER_TOKEN=2):
        first = pm.get("/me/")
        assert first.headers["RateLimit-Policy"] == '"caller";q=2;w=60'
        assert first.headers["RateLimit"].startswith('"caller";r=1;t=')
        pm.get("/me/")
        refused = pm.get("/me/")
        assert_problem(refused, 429, "too_many_requests")
        assert 0 < int(refused.headers["Retry-After"]) <= 60
        assert other.get("/me/").status_code == 200
    with override_settings(API_CALLS_PER_ADDRESS=1, PROXY_COUNT=1):
        from gatekeeper.common.api import limits

        assert Caller().get("/me/", X_Forwarded_For="198.51.100.7").status_code == 401
        for spoofed in ("203.0.113.1, 198.51.100.7", "198.51.100.7"):
            assert Caller().get("/me/", X_Forwarded_For=spoofed).status_code == 429
        assert Caller().get("/me/", X_Forwarded_For="198.51.100.8").status_code == 401
        # another process shares the rows, not the memory
        limits._leases.clear()
        assert Caller().get("/me/", X_Forwarded_For="198.51.100.7").status_code == 429
    assert CallWindow.objects.exists()


@pytest.mark.django_db
def test_a_service_account_has_tokens_only(cast: Cast) -> None:
    robot = create_person(
        username="robot", email="robot@example.org", full_name="Robot", is_service=True, actor=cast.administrator
    )
    me = shown(caller(robot, "read", "checks", products=[cast.product.pk], checks=["ci"]).get("/me/"))
    assert (me["kind"], me["token"]["checks"]) == ("service", ["ci"])
    robot.set_password("a password of its own")
    robot.save()
    answer = Caller().client.post("/sign-in/", {"username": "robot", "password": "a password of its own"})
    assert answer.status_code == 422


@pytest.mark.django_db
def test_the_schema_is_valid_and_the_reference_uses_our_own_files(cast: Cast) -> None:
    found = schema()
    assert found["openapi"] == "3.1.0"
    validate_schema(found)
    page = signed_in(cast.pm).get("/docs/")
    assert page.status_code == 200
    text = page.content.decode()
    assert "https://" not in text
    assert "<style" not in text
    assert "style=" not in text
