"""A prepared query gives what the plain one gives, for whatever it is asked."""

import threading
from collections import Counter
from typing import Any

import pytest
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Permission
from django.db import connection
from django.db.models import Model, QuerySet
from django.test.utils import CaptureQueriesContext

from approvals.actions.decisions import NewCondition, recuse, revoke_decision
from approvals.facts import load_facts
from approvals.models import Delegation
from gatekeeper.accounts.backends import EmailOrUsernameBackend
from gatekeeper.accounts.models import User
from gatekeeper.common.prepared import Prepared
from releases.models import Gate
from tests.cast import (
    MARKET,
    Cast,
    active_release,
    approve,
    at,
    day,
    decline,
    gate_of,
    make_person,
    moment,
    submit,
    waive,
)

pytestmark = pytest.mark.django_db


def told(row: Any, begun: tuple[Any, ...] = ()) -> Any:
    """Everything that a row says: values, annotations, and the same of what was loaded with it."""
    if not isinstance(row, Model) or row in begun:
        return row
    many = getattr(row, "_prefetched_objects_cache", {})
    fetched = {name: [told(other, (*begun, row)) for other in others] for name, others in many.items()}
    loaded = {name: told(other, (*begun, row)) for name, other in row._state.fields_cache.items()}
    said = {name: value for name, value in vars(row).items() if not name.startswith("_")}
    return type(row), row._state.db, row._state.adding, said, loaded, fetched


def test_every_prepared_query_of_a_story_gives_what_the_plain_one_gives(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twice each: the second time the query is there already."""
    asked: Counter[Prepared[Any]] = Counter()
    found: Counter[Prepared[Any]] = Counter()
    run = Prepared.rows

    def rows(self: Prepared[Any], *given: Any, **shape: Any) -> list[Any]:
        answer = run(self, *given, **shape)
        plain = self.build(*given, **shape)
        one, other = [told(row) for row in answer], [told(row) for row in plain]
        if not plain.ordered:
            one, other = sorted(one, key=repr), sorted(other, key=repr)
        assert one == other
        asked[self] += 1
        found[self] += len(answer)
        return answer

    monkeypatch.setattr(Prepared, "rows", rows)
    for version in ("1.0", "2.0"):
        gate = gate_of(active_release(cast, version), MARKET)
        Delegation.objects.create(
            person=cast.approver, delegate=cast.outsider, starts_on=day(1), ends_on=day(90), made_by=cast.approver,
            made_at=moment(1), covers_all=version == "1.0",
        )  # fmt: skip
        submit(cast, gate)
        condition = NewCondition("Prices", cast.contributor, day(20))
        decision = approve(cast, gate, "sales", comment="If so.", conditions=(condition,))
        revoke_decision(decision_id=decision.pk, actor=cast.second_approver, reason="So.", clock=at(3))
        approve(cast, gate, "sales", comment="Now.")
        decline(cast, gate, "engineering")
        submit(cast, gate, on=4, actor=cast.second_pm)
        recuse(gate_id=gate.pk, round_number=2, actor=cast.approver, comment="So.", clock=at(4))
        waive(cast, gate)
        gate.refresh_from_db()
        facts = load_facts(gate.release, gate, [gate], day(5))
        assert (facts.waiver is not None, len(facts.delegations), len(facts.recused)) == (True, 1, 1)
    assert min(asked.values()) > 1
    assert len(+found) > 14, "what finds nothing proves little"


def people(ids: Any, since: Any = None, *, is_backwards: bool = False) -> QuerySet[User]:
    found = User.objects.filter(pk__in=ids)
    if since is not None:
        found = found.filter(date_joined__date__gte=since)
    return found.order_by("-pk" if is_backwards else "pk")


@pytest.mark.parametrize("count", [0, 1, 3, 5, 8, 70])
def test_a_list_may_be_of_any_length(cast: Cast, count: int) -> None:
    everybody = list(User.objects.order_by("pk").values_list("pk", flat=True))
    wanted = {*everybody[: min(count, 8)], *range(10**6, 10**6 + count - 8)}
    with CaptureQueriesContext(connection) as queries:
        found = Prepared(people).rows(wanted)
    assert [user.pk for user in found] == everybody[:count]
    assert len(queries) == (count > 0)


def test_what_shapes_the_query_is_kept_apart(cast: Cast) -> None:
    ids = [cast.pm.pk, cast.approver.pk]
    query = Prepared(people)
    for _again in range(2):
        assert query.rows(ids) == [cast.pm, cast.approver]
        assert query.rows(ids, is_backwards=True) == [cast.approver, cast.pm]
        assert query.first([cast.pm.pk]) == cast.pm
        assert query.first([0]) is None


def test_a_value_that_is_no_parameter_is_refused(cast: Cast) -> None:
    """A number that decides how many rows there are would decide it for everybody after."""
    with pytest.raises(TypeError, match="every value"):
        Prepared(lambda person, most: User.objects.filter(pk=person).exclude(pk=0 if most else 1)).rows(1, 5)


def test_nobody_changes_what_the_next_one_gets(cast: Cast) -> None:
    release = active_release(cast)
    query = Prepared(lambda release: Gate.objects.filter(release=release).order_by("position"))
    first = query.rows(release.pk)
    first[0].name, first[0].questions = "Changed", ["Changed"]
    assert query.rows(release.pk)[0].name == "Market Opportunity"
    assert query.rows(release.pk)[0].questions == ["Is it worth doing?"]


@pytest.mark.django_db(transaction=True)
def test_each_thread_asks_through_its_own_connection() -> None:
    query, person = Prepared(people), make_person("petra", "Petra Manager")
    assert query.first([person.pk]) == person
    answers: list[User | None] = []

    def ask() -> None:
        answers.append(query.first([person.pk]))
        connection.close()

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert answers == [person]


def test_the_sign_in_backend_finds_the_people_and_permissions_that_djangos_own_finds(cast: Cast) -> None:
    cast.sales_group.permissions.add(Permission.objects.get(codename="add_product"))
    own, plain, found = EmailOrUsernameBackend(), ModelBackend(), []
    for pk in User.objects.values_list("pk", flat=True):
        person, same = own.get_user(pk), plain.get_user(pk)
        assert told(person) == told(same)
        assert own.get_user_permissions(person) == plain.get_user_permissions(same)
        assert own.get_all_permissions(person) == plain.get_all_permissions(same)
        found.append(len(own.get_all_permissions(person)))
    assert sum(found) >= 3, "what finds nothing proves little"
    User.objects.filter(pk=cast.pm.pk).update(is_active=False)
    assert own.get_user(cast.pm.pk) is None
    assert own.get_user(0) is None
    root = User.objects.create(username="root", email="root@example.org", full_name="Root", is_superuser=True)
    assert len(own.get_all_permissions(root)) == Permission.objects.count()
    cast.administrator.is_active = False
    assert own.get_all_permissions(cast.administrator) == set()
