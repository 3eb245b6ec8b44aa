"""People and groups: created, changed, deactivated, never deleted; every change an event."""

import pytest
from django.db.models import ProtectedError

from approvals.actions.people import (
    add_to_group,
    change_password,
    change_profile,
    create_first_administrator,
    create_person,
    deactivate_person,
    reactivate_person,
    remove_from_group,
    save_group,
    set_global_permissions,
)
from approvals.models import Decision
from approvals.reach import stuck_without
from gatekeeper.accounts.models import User
from releases.events import verify_streams
from releases.kinds import EventKind
from releases.models import Event, Gate, Organisation, Release
from releases.permissions import GLOBAL_PERMISSIONS, is_administrator
from tests.cast import (
    COMPLETENESS,
    MARKET,
    PASSWORD,
    READINESS,
    Cast,
    approve,
    at,
    conflict,
    event_kinds,
    fields_of,
    fresh,
    make_person,
    moment,
    not_allowed,
    nothing_changes,
    refused,
    submit,
)

pytestmark = pytest.mark.usefixtures("invariants")


def last_event(kind: str) -> Event:
    return Event.objects.filter(stream="organisation", kind=kind).latest("number")


# --- First steps ------------------------------------------------------------------------------------------------


def first(**words: str) -> User:
    arguments = {
        "username": "ada", "email": "ada@example.org", "full_name": "Ada Admin", "password": PASSWORD,
        "organisation": "Northwind",
    } | words  # fmt: skip
    return create_first_administrator(clock=at(0), **arguments)


def test_the_first_person_administers_and_names_the_organisation(db: None) -> None:
    ada = first(organisation=" Northwind ")
    assert is_administrator(ada)
    assert not ada.is_superuser
    assert ada.check_password(PASSWORD)
    organisation = Organisation.objects.get()
    assert (organisation.name, organisation.set_up_at) == ("Northwind", moment(0))
    assert list(Event.objects.order_by("number").values_list("kind", flat=True)) == [
        EventKind.ORGANISATION_SAVED, EventKind.USER_CREATED,
    ]  # fmt: skip
    assert list(verify_streams()) == []


def test_first_steps_are_taken_once(cast: Cast) -> None:
    with conflict("already_set_up"):
        first(username="eve", email="eve@example.org")


def test_every_problem_of_the_first_steps_is_named_at_once(db: None) -> None:
    with refused("invalid_person") as found:
        first(username="a b", email="nowhere", full_name=" ", password="password", organisation="")
    assert [field for field, _code in fields_of(found)][:3] == ["username", "email", "full_name"]
    assert {"password", "organisation"} <= {field for field, _code in fields_of(found)}
    assert not User.objects.exists()


# --- Creating ---------------------------------------------------------------------------------------------------


def test_an_administrator_creates_people_with_or_without_a_password(cast: Cast) -> None:
    person = create_person(
        username="nina", email="nina@example.org", full_name=" Nina New ", title="CFO", actor=cast.administrator,
        permissions=("releases.view_portfolio",), clock=at(1),
    )  # fmt: skip
    assert (person.full_name, person.title, person.has_usable_password()) == ("Nina New", "CFO", False)
    assert User.objects.get(pk=person.pk).has_perm("releases.view_portfolio")
    event = last_event(EventKind.USER_CREATED)
    assert (event.actor, event.payload) == (
        cast.administrator, {"user": person.pk, "permissions": ["releases.view_portfolio"]},
    )  # fmt: skip
    assert PASSWORD not in "".join(Event.objects.values_list("data", flat=True))


@pytest.mark.parametrize("who", ["pm", "approver", "outsider", "executive"])
def test_nobody_else_does(cast: Cast, who: str) -> None:
    with not_allowed("not_administrator"):
        create_person(username="eve", email="eve@example.org", full_name="Eve", actor=getattr(cast, who), clock=at(1))


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ({"username": ""}, ("username", "required")),
        ({"username": "two words"}, ("username", "invalid")),
        ({"username": "x" * 151}, ("username", "required")),
        ({"username": "PETRA"}, ("username", "exists")),
        ({"email": "nowhere"}, ("email", "invalid")),
        ({"email": "a@b\r\nBcc: c@example.org"}, ("email", "invalid")),
        ({"email": "Petra@Example.org"}, ("email", "exists")),
        ({"full_name": " "}, ("full_name", "required")),
        ({"full_name": "x" * 121}, ("full_name", "required")),
        ({"full_name": "Eve\r\nBcc: x"}, ("full_name", "required")),
        ({"password": "short"}, ("password", "weak_password")),
        ({"password": "123456789012345"}, ("password", "weak_password")),
        ({"password": "eve.example.org"}, ("password", "weak_password")),
        ({"permissions": ("auth.add_user",)}, ("permissions", "unknown")),
    ],
)
def test_what_does_not_fit_is_refused(cast: Cast, words: dict[str, str], problem: tuple[str, str]) -> None:
    arguments = {"username": "eve", "email": "eve@example.org", "full_name": "Eve"} | words
    with refused("invalid_person") as found:
        create_person(actor=cast.administrator, clock=at(1), **arguments)  # type: ignore[arg-type]
    assert problem in fields_of(found)


def test_the_permissions_that_can_be_given_are_those_of_the_glossary() -> None:
    assert set(GLOBAL_PERMISSIONS) == {"releases.view_portfolio", "releases.administer", "releases.add_product"}


# --- Changing ---------------------------------------------------------------------------------------------------


def profile(person: User, actor: User, **words: object) -> User:
    arguments = {"full_name": person.full_name, "email": person.email, "title": person.title} | words
    return change_profile(person=person, actor=actor, clock=at(2), **arguments)  # type: ignore[arg-type]


def test_a_person_changes_their_own_profile_and_an_administrator_everybodys(cast: Cast) -> None:
    profile(cast.pm, cast.pm, full_name="Petra Married", theme="dark", time_zone="Europe/Berlin", wants_email=False)
    stored = User.objects.get(pk=cast.pm.pk)
    assert (stored.full_name, stored.theme, stored.time_zone, stored.wants_email) == (
        "Petra Married", "dark", "Europe/Berlin", False,
    )  # fmt: skip
    assert last_event(EventKind.USER_CHANGED).payload == {
        "user": cast.pm.pk, "fields": ["full_name", "theme", "time_zone", "wants_email"],
    }  # fmt: skip
    profile(cast.approver, cast.administrator, title="CTO")
    assert User.objects.get(pk=cast.approver.pk).title == "CTO"


def test_nobody_changes_somebody_elses(cast: Cast) -> None:
    for actor in (cast.pm, cast.executive, cast.outsider):
        with not_allowed("not_self"):
            profile(cast.approver, actor, title="Mine")
        with not_allowed("not_self"):
            change_password(person=cast.approver, actor=actor, password="another long password", clock=at(2))


def test_saving_a_profile_as_it_is_changes_nothing(cast: Cast) -> None:
    with nothing_changes():
        profile(cast.pm, cast.pm)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ({"email": "erik@example.org"}, ("email", "exists")),
        ({"title": "x" * 121}, ("title", "too_long")),
        ({"theme": "pink"}, ("theme", "unknown")),
        ({"time_zone": "Mars/Phobos"}, ("time_zone", "unknown")),
    ],
)
def test_a_profile_that_does_not_fit_is_refused(cast: Cast, words: dict[str, str], problem: tuple[str, str]) -> None:
    with refused("invalid_person") as found:
        profile(cast.pm, cast.pm, **words)
    assert fields_of(found) == [problem]


def test_a_password_is_changed_and_never_written_down(cast: Cast) -> None:
    change_password(person=cast.pm, actor=cast.pm, password="another long password", clock=at(2))
    assert User.objects.get(pk=cast.pm.pk).check_password("another long password")
    assert last_event(EventKind.USER_PASSWORD_CHANGED).payload == {"user": cast.pm.pk}
    with refused("weak_password"):
        change_password(person=cast.pm, actor=cast.pm, password="short", clock=at(2))


# --- Deactivating -----------------------------------------------------------------------------------------------


def test_a_deactivated_person_can_be_let_in_again(cast: Cast) -> None:
    deactivate_person(person=cast.outsider, actor=cast.administrator, clock=at(2))
    assert not User.objects.get(pk=cast.outsider.pk).is_active
    assert last_event(EventKind.USER_DEACTIVATED).payload == {"user": cast.outsider.pk}
    with conflict("inactive"):
        deactivate_person(person=cast.outsider, actor=cast.administrator, clock=at(3))
    reactivate_person(person=cast.outsider, actor=cast.administrator, clock=at(4))
    assert User.objects.get(pk=cast.outsider.pk).is_active
    with conflict("active"):
        reactivate_person(person=cast.outsider, actor=cast.administrator, clock=at(5))


def test_only_administrators_deactivate_and_not_themselves(cast: Cast) -> None:
    with not_allowed("not_administrator"):
        deactivate_person(person=cast.outsider, actor=cast.pm, clock=at(2))
    with not_allowed("own_account"):
        deactivate_person(person=cast.administrator, actor=cast.administrator, clock=at(2))
    with not_allowed("not_administrator"):
        reactivate_person(person=cast.outsider, actor=cast.outsider, clock=at(2))


def test_coming_back_brings_the_quorum_back(cast: Cast, release: Release, gate: Gate) -> None:
    submit(cast, gate)
    deactivate_person(person=cast.approver, actor=cast.administrator, clock=at(3))
    assert fresh(release).is_quorum_unreachable
    reactivate_person(person=cast.approver, actor=cast.administrator, clock=at(4))
    assert not fresh(release).is_quorum_unreachable


def test_what_a_person_did_stays_when_they_are_gone_and_they_cannot_be_deleted(
    cast: Cast, release: Release, gate: Gate
) -> None:
    submit(cast, gate)
    approve(cast, gate, "engineering")
    approve(cast, gate, "sales")
    deactivate_person(person=cast.approver, actor=cast.administrator, clock=at(4))
    assert Decision.objects.filter(decided_by=cast.approver).get().printed_name == "Erik Engineer"
    for person in (cast.approver, cast.pm, cast.administrator):
        with pytest.raises(ProtectedError):
            person.delete()


def test_what_a_deactivation_would_leave_stuck_is_known_before_it_happens(
    cast: Cast, release: Release, gate: Gate
) -> None:
    submit(cast, gate)
    with nothing_changes():
        assert [
            (stuck.gate.release, stuck.gate.key, stuck.roles, stuck.is_current)
            for stuck in stuck_without(cast.approver)
        ] == [
            (release, MARKET, ("Engineering",), True),
            (release, COMPLETENESS, ("Engineering",), False),
            (release, READINESS, ("Engineering",), False),
        ]
        assert stuck_without(cast.outsider) == []
    approve(cast, gate, "engineering")
    assert [stuck.gate.key for stuck in stuck_without(cast.approver)] == [COMPLETENESS, READINESS]


# --- Groups -----------------------------------------------------------------------------------------------------


def test_a_group_of_one_name_exists_once(cast: Cast) -> None:
    group = save_group(name=" Quality ", actor=cast.administrator, clock=at(1))
    assert (group.name, last_event(EventKind.GROUP_SAVED).payload) == ("Quality", {"group": "Quality"})
    with nothing_changes():
        assert save_group(name="Quality", actor=cast.administrator, clock=at(2)) == group
    for name, code in (("", "required"), ("x" * 151, "too_long")):
        with refused(code):
            save_group(name=name, actor=cast.administrator, clock=at(2))


def test_joining_and_leaving_are_events(cast: Cast) -> None:
    add_to_group(group=cast.sales_group, person=cast.outsider, actor=cast.administrator, clock=at(1))
    assert last_event(EventKind.GROUP_JOINED).payload == {"group": "Sales approvers", "user": cast.outsider.pk}
    with nothing_changes():
        add_to_group(group=cast.sales_group, person=cast.outsider, actor=cast.administrator, clock=at(2))
    remove_from_group(group=cast.sales_group, person=cast.outsider, actor=cast.administrator, clock=at(3))
    assert last_event(EventKind.GROUP_LEFT).payload == {"group": "Sales approvers", "user": cast.outsider.pk}
    with refused("not_member"):
        remove_from_group(group=cast.sales_group, person=cast.outsider, actor=cast.administrator, clock=at(4))


def test_only_administrators_change_groups_and_not_to_seat_themselves(cast: Cast) -> None:
    for actor in (cast.pm, cast.second_approver):
        with not_allowed("not_administrator"):
            save_group(name="Mine", actor=actor, clock=at(1))
        with not_allowed("not_administrator"):
            add_to_group(group=cast.sales_group, person=cast.outsider, actor=actor, clock=at(1))
        with not_allowed("not_administrator"):
            remove_from_group(group=cast.sales_group, person=cast.second_approver, actor=actor, clock=at(1))
    with not_allowed("own_seat"):
        add_to_group(group=cast.sales_group, person=cast.administrator, actor=cast.administrator, clock=at(1))
    plain = save_group(name="Lunch", actor=cast.administrator, clock=at(1))
    add_to_group(group=plain, person=cast.administrator, actor=cast.administrator, clock=at(1))


def test_the_deactivated_join_nothing(cast: Cast) -> None:
    deactivate_person(person=cast.outsider, actor=cast.administrator, clock=at(1))
    gone = User.objects.get(pk=cast.outsider.pk)
    with refused("inactive"):
        add_to_group(group=cast.sales_group, person=gone, actor=cast.administrator, clock=at(2))


def test_leaving_a_group_flags_the_round_that_is_stuck_then(cast: Cast, release: Release, gate: Gate) -> None:
    submit(cast, gate)
    number = fresh(release).event_number
    remove_from_group(
        group=cast.sales_group, person=cast.second_approver, actor=cast.administrator, is_confirmed=True, clock=at(3)
    )
    assert event_kinds(release, since=number) == [EventKind.QUORUM_UNREACHABLE]
    add_to_group(group=cast.sales_group, person=make_person("sam", "Sam Seller"), actor=cast.administrator, clock=at(4))
    assert not fresh(release).is_quorum_unreachable
    assert cast.seat(MARKET, "sales").name == "Sales"


# --- Permissions for the whole organisation -----------------------------------------------------------------------


def test_global_permissions_are_given_and_taken_as_events(cast: Cast) -> None:
    both = ("releases.administer", "releases.view_portfolio")
    set_global_permissions(person=cast.outsider, actor=cast.administrator, permissions=both, clock=at(1))
    person = User.objects.get(pk=cast.outsider.pk)
    assert all(person.has_perm(name) for name in both)
    assert last_event(EventKind.GRANT_GIVEN).payload == {"permission": both[1], "user": person.pk}
    set_global_permissions(person=person, actor=cast.administrator, permissions=both[1:], clock=at(2))
    assert not User.objects.get(pk=person.pk).has_perm("releases.administer")
    assert last_event(EventKind.GRANT_REVOKED).payload == {"permission": both[0], "user": person.pk}
    with nothing_changes():
        set_global_permissions(person=person, actor=cast.administrator, permissions=both[1:], clock=at(3))


def test_nobody_changes_their_own_global_permissions_and_only_administrators_others(cast: Cast) -> None:
    with not_allowed("own_permissions"):
        set_global_permissions(person=cast.administrator, actor=cast.administrator, permissions=(), clock=at(1))
    with not_allowed("not_administrator"):
        set_global_permissions(person=cast.outsider, actor=cast.pm, permissions=(), clock=at(1))
    with refused("unknown"):
        set_global_permissions(
            person=cast.outsider, actor=cast.administrator, permissions=("releases.everything",), clock=at(1)
        )


def test_the_last_member_that_an_open_round_needs_is_not_taken_out_unasked(cast: Cast, gate: Gate) -> None:
    submit(cast, gate)
    with conflict("empties_needed_role") as found:
        remove_from_group(group=cast.sales_group, person=cast.second_approver, actor=cast.administrator, clock=at(3))
    assert found.value.message == (
        "The seats of Sales approvers could not reach its quorum any more in the open round of Router 1.0."
    )
