"""Tokens of the API: who makes them, what they may be, how they are rotated and revoked."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from approvals.actions.decisions import record_decision
from approvals.actions.delegations import make_delegation
from approvals.actions.people import add_to_group, create_person
from approvals.actions.seats import grant_seat
from approvals.actions.tokens import MOST_LIVE, Made, create_token, revoke_token, rotate_token
from approvals.permissions import seat_holders
from gatekeeper.accounts.models import ApiToken, User
from gatekeeper.accounts.tokens import new_token
from releases.kinds import EventKind
from releases.models import Event
from tests.cast import (
    MARKET,
    PASSWORD,
    Cast,
    active_release,
    at,
    conflict,
    day,
    fill,
    gate_of,
    moment,
    not_allowed,
    refused,
    submit,
)  # fmt: skip


def make(owner: User, actor: User | None = None, *scopes: str, day: int = 1, **more: Any) -> Made:
    return create_token(
        owner=owner,
        actor=actor or owner,
        **{"name": "CI", "scopes": scopes or ("read",), "days": 30, "reauthenticated_at": moment(day)} | more,
        clock=at(day),
    )


@pytest.fixture
def robot(cast: Cast) -> User:
    return create_person(
        username="robot", email="robot@example.org", full_name="Robot", is_service=True, actor=cast.administrator
    )


@pytest.mark.django_db
def test_a_person_makes_a_token_and_the_history_names_it(cast: Cast) -> None:
    made = make(cast.pm, None, "write", "read", products=[cast.product.pk])
    assert made.token.scopes == ["read", "write"]
    assert made.token.expires_at == moment(31)
    event = Event.objects.filter(kind=EventKind.TOKEN_CREATED).get()
    assert event.payload["token"] == made.token.prefix
    assert event.payload["products"] == ["router"]
    assert made.text not in event.data


@pytest.mark.django_db
def test_what_a_token_may_not_be_is_said_at_once(cast: Cast, robot: User) -> None:
    fields = {
        "days": 181,
        "name": " ",
        "scopes": ("checks", "write", "fly"),
        "products": [cast.product.pk + 1],
    }
    with refused("invalid_token") as found:
        make(cast.pm, **fields)
    assert {p.field for p in found.value.fields} == {"days", "name", "scopes", "products", "checks"}
    with refused("invalid_token"):
        make(robot, cast.administrator, "decide")
    with refused("invalid_token"):
        create_token(owner=cast.pm, actor=None, name="CI", scopes=("decide",), days=30, clock=at(1))
    with refused("password_required"):
        make(cast.pm, reauthenticated_at=None)
    with refused("password_required"):
        make(cast.pm, reauthenticated_at=moment(1) - timedelta(minutes=11))
    with not_allowed("not_token_owner"):
        make(cast.pm, cast.administrator)
    with not_allowed("not_token_owner"):
        make(robot, cast.pm)
    assert not ApiToken.objects.exists()


@pytest.mark.django_db
def test_nobody_hoards_tokens(cast: Cast) -> None:
    made = make(cast.pm)
    rows = [
        ApiToken(
            owner=cast.pm, name="CI", prefix=f"x{n}", digest="", created_at=moment(1), expires_at=made.token.expires_at
        )
        for n in range(MOST_LIVE - 1)
    ]  # fmt: skip
    ApiToken.objects.bulk_create(rows)
    with refused("too_many_tokens"):
        make(cast.pm)


@pytest.mark.django_db
def test_a_rotation_lets_both_count_for_a_while(cast: Cast) -> None:
    old = make(cast.pm, None, "read", "write").token
    made = rotate_token(token_id=old.pk, actor=cast.pm, overlap_days=7, reauthenticated_at=moment(5), clock=at(5))
    old.refresh_from_db()
    assert (old.expires_at, made.token.expires_at) == (moment(12), moment(35))
    assert (made.token.name, made.token.scopes, made.token.replaces) == ("CI", ["read", "write"], old)
    with conflict("token_over"):
        rotate_token(token_id=old.pk, actor=cast.pm, overlap_days=7, reauthenticated_at=moment(6), clock=at(6))
    with not_allowed("not_token_owner"):
        revoke_token(token_id=made.token.pk, actor=cast.second_pm)
    revoke_token(token_id=made.token.pk, actor=cast.pm)
    with conflict("already_revoked"):
        revoke_token(token_id=made.token.pk, actor=cast.pm)
    kinds = list(Event.objects.filter(kind__startswith="accounts.token").order_by("id").values_list("kind", flat=True))
    assert kinds == [EventKind.TOKEN_CREATED, EventKind.TOKEN_ROTATED, EventKind.TOKEN_REVOKED]


@pytest.mark.django_db
def test_a_service_account_never_sits_in_a_seat(cast: Cast, robot: User) -> None:
    seat = cast.seat(MARKET, "engineering")
    with refused("is_service"):
        grant_seat(role_id=seat.pk, holder=robot, actor=cast.administrator)
    with refused("invalid_absence"):
        make_delegation(
            person=cast.approver, actor=cast.approver, delegate=robot, starts_on=day(5), ends_on=day(6), clock=at(1)
        )
    # not through a group either
    add_to_group(group=cast.sales_group, person=robot, actor=cast.administrator)
    role = cast.seat(MARKET, "sales")
    assert robot not in [holder.user for holder in seat_holders([role.pk])[role.pk]]
    gate = gate_of(active_release(cast), MARKET)
    fill(cast, gate)
    submit(cast, gate)
    with not_allowed("not_holder"):
        record_decision(gate_id=gate.pk, round_number=1, role_key="sales", actor=robot, verdict="approve", clock=at(3))


@pytest.mark.django_db
def test_commands_make_a_token_and_find_a_leaked_one(cast: Cast, tmp_path: Any) -> None:
    out = StringIO()
    call_command("create_token", "petra", "--scopes", "read,write", "--days", "30", stdout=out, stderr=StringIO())
    text = out.getvalue().strip()
    token = ApiToken.objects.get()
    assert (token.owner, token.scopes, token.created_by) == (cast.pm, ["read", "write"], None)
    with pytest.raises(CommandError, match="only a person may decide"):
        call_command("create_token", "petra", "--scopes", "decide")
    with pytest.raises(CommandError, match="nobody"):
        call_command("create_token", "nobody", "--scopes", "read")
    log = tmp_path / "build.log"
    log.write_text(f"fine\ncurl -H 'Authorization: Bearer {text}'\n{new_token().text}\n")
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("check_tokens", str(log), "--revoke", stdout=out)
    assert f"{log}:2: {token} of Petra Manager was live and is revoked now." in out.getvalue()
    assert "none of this installation" in out.getvalue()
    assert text not in out.getvalue()
    again = StringIO()
    call_command("check_tokens", str(log), stdout=again)
    assert "No live token found." in again.getvalue()


@pytest.mark.django_db
def test_the_page_asks_for_the_password_and_shows_the_token_once(cast: Cast, robot: User, client: Client) -> None:
    client.force_login(cast.administrator, "gatekeeper.accounts.backends.EmailOrUsernameBackend")
    first = client.get("/settings/api/new/?name=Nightly")
    assert first.url.startswith("/sign-in/again/?next=%2Fsettings%2Fapi%2Fnew%2F%3Fname%3DNightly")
    asked = client.post("/sign-in/again/", {"password": PASSWORD, "next": "/settings/api/new/?name=Nightly"})
    form = client.get(asked.url)
    assert 'value="Nightly"' in form.content.decode()
    wrong = client.post("/settings/api/new/", {"name": "Nightly", "scopes": ["checks"], "days": "30"})
    assert wrong.status_code == 422
    assert "name those that it may report" in wrong.content.decode()
    made = client.post(
        "/settings/api/new/",
        {
            "name": "Nightly", "owner": robot.pk, "scopes": ["read", "checks"], "days": "30",
            "products": [cast.product.pk], "checks": "ci/nightly\nlint",
        },
    )  # fmt: skip
    token = ApiToken.objects.get()
    assert (token.owner, token.checks) == (robot, ["ci/nightly", "lint"])
    assert f'value="gk_{token.prefix}_' in made.content.decode()
    page = client.get("/settings/api/").content.decode()
    assert f"gk_{token.prefix}_…" in page
    assert f"gk_{token.prefix}_" not in page.replace(f"gk_{token.prefix}_…", "")
    rotated = client.post(f"/settings/api/{token.pk}/rotate/", {"overlap_days": "7"})
    new = ApiToken.objects.get(replaces=token)
    assert f'value="gk_{new.prefix}_' in rotated.content.decode()
    assert client.post(f"/settings/api/{new.pk}/revoke/").status_code == 302
    assert client.post(f"/settings/api/{new.pk}/revoke/").status_code == 404
    assert "Revoked" in client.get("/settings/api/?show=ended").content.decode()
    # who is no administrator sees neither the account nor its tokens
    client.force_login(cast.pm, "gatekeeper.accounts.backends.EmailOrUsernameBackend")
    assert token.prefix not in client.get("/settings/api/").content.decode()
    assert client.post(f"/settings/api/{token.pk}/revoke/").status_code == 404
    assert client.get("/settings/api/service-accounts/new/").status_code == 403
