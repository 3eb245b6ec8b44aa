"""Two people create the same thing at once: one of them does, the other is told so in words."""

from collections.abc import Callable, Iterator

import pytest

from approvals.actions.people import change_profile, create_person, deactivate_person, reactivate_person, save_group
from gatekeeper.accounts.models import User
from releases import events
from releases.actions.products import create_product, save_product_line
from releases.actions.releases import create_release
from releases.kinds import EventKind
from releases.models import Event, Organisation
from tests.cast import Cast, at, day, differences, make_cast, moment
from tests.races.together import together, without_announcements

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]

PARTIES = 6


@pytest.fixture
def cast(transactional_db: None) -> Iterator[Cast]:
    with without_announcements():
        yield make_cast()


def test_one_of_many_equal_names_is_made_and_the_others_are_refused(cast: Cast) -> None:
    makers: dict[str, tuple[Callable[[], object], str]] = {
        "release": (
            lambda: create_release(
                product=cast.product, version="7", target_on=day(90), playbook=cast.playbook, actor=cast.pm, clock=at(0)
            ),
            "invalid_release",
        ),
        "product": (
            lambda: create_product(
                name="Switch", line=cast.line, owner=cast.pm, actor=cast.administrator, clock=at(0)
            ),
            "invalid_product",
        ),
        "person": (
            lambda: create_person(
                username="nina", email="nina@example.org", full_name="Nina", actor=cast.administrator, clock=at(0)
            ),
            "invalid_person",
        ),
        "mailbox": (
            lambda: create_person(
                username=f"u{User.objects.count()}-{id(object())}", email="one@example.org", full_name="One",
                actor=cast.administrator, clock=at(0),
            ),
            "invalid_person",
        ),
    }  # fmt: skip
    for what, (make, code) in makers.items():
        codes = sorted(outcome.code for outcome in together(*[make] * PARTIES))
        assert codes == [""] + [code] * (PARTIES - 1), what
    assert differences() == []


def test_changing_and_deactivating_people_at_once_never_deadlocks(cast: Cast) -> None:
    """All of them take the organisation's stream first, then the person."""

    def turn_off_and_on() -> None:
        for _ in range(5):
            deactivate_person(person=cast.approver, actor=cast.administrator, clock=at(1))
            reactivate_person(person=cast.approver, actor=cast.administrator, clock=at(1))

    def change() -> None:
        for number in range(10):
            change_profile(
                person=cast.approver, actor=cast.administrator, full_name=f"Erik {number}", email="erik@example.org",
                title="", clock=at(1),
            )  # fmt: skip

    assert [outcome.code for outcome in together(turn_off_and_on, change, change)] == [""] * 3


def test_groups_and_lines_of_one_name_are_one(cast: Cast) -> None:
    groups = together(*[lambda: save_group(name="Quality", actor=cast.administrator, clock=at(0))] * PARTIES)
    lines = together(*[lambda: save_product_line(name="Storage", actor=cast.administrator, clock=at(0))] * PARTIES)
    assert [outcome.code for outcome in groups + lines] == [""] * 2 * PARTIES
    assert len({outcome.value for outcome in groups}) == len({outcome.value for outcome in lines}) == 1
    assert Event.objects.filter(kind=EventKind.GROUP_SAVED, data__contains="Quality").count() == 1


def test_many_writers_of_one_stream_keep_its_chain(transactional_db: None) -> None:
    """From the very first event on, when not even the organisation's row exists."""

    def write() -> None:
        for _ in range(5):
            events.transaction.atomic(events.record_for_organisation)(
                EventKind.GROUP_SAVED, actor=None, at=moment(0), data={"group": "x"}
            )

    with without_announcements():
        outcomes = together(*[write] * 8)
    assert [outcome.code for outcome in outcomes] == [""] * 8
    assert Organisation.objects.get().event_number == Event.objects.count() == 40
    assert list(events.verify_streams()) == []
