"""`manage.py seed`: large data with the shapes that the actions leave."""

import io
from random import Random

import pytest
from django.core.management import CommandError, call_command

from approvals import invariants as of_approvals
from approvals.models import Decision, Submission
from gatekeeper.seed import BASICS, stories_for
from notifications.models import Delivery
from notifications.relay import relay_events
from releases import invariants as of_releases
from releases.actions.releases import cancel_release
from releases.events import verify_streams
from releases.models import Event, EventPosition, Product, Release

COUNT, TOLD = 34, 12


@pytest.fixture
def _few_originals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gatekeeper.seed.MOST_ORIGINALS", TOLD)


@pytest.mark.django_db
@pytest.mark.usefixtures("_few_originals")
def test_copies_hold_what_the_actions_leave_and_go_on_living() -> None:
    out = io.StringIO()
    call_command("seed", releases=COUNT, stdout=out)
    assert f"[{COUNT}/{COUNT}]" in out.getvalue()
    assert Release.objects.count() == COUNT
    assert not list(of_releases.check_releases())
    assert not list(of_approvals.check_gates())
    assert not list(of_approvals.check_reachability())
    assert not list(verify_streams())
    # every copy has its own digests, over its own name
    for submission in Submission.objects.select_related("gate__release__product"):
        assert submission.frozen["version"] == submission.gate.release.version
        assert submission.frozen["product"] == submission.gate.release.product.slug
    assert Submission.objects.values("digest").distinct().count() == Submission.objects.count()
    assert Decision.objects.exclude(role__product=None).count() == Decision.objects.count()
    # the past is published, and nobody is told of it again
    assert EventPosition.objects.count() == Event.objects.count()
    told = Delivery.objects.count()
    assert relay_events() == 0
    assert Delivery.objects.count() == told
    # the database counts on after the ids that were given
    copied = Release.objects.filter(state="active").select_related("owner").latest("pk")
    assert copied.owner is not None
    cancel_release(release_id=copied.pk, actor=copied.owner, reason="Not wanted any more")
    assert not list(verify_streams())
    with pytest.raises(CommandError, match="seeded before"):
        call_command("seed", releases=1, stdout=io.StringIO())


@pytest.mark.django_db
def test_an_installation_with_people_is_refused_unless_told(cast: object) -> None:
    with pytest.raises(CommandError, match="people here already"):
        call_command("seed", releases=1, stdout=io.StringIO())
    assert not Product.objects.filter(slug__startswith="seed-").exists()
    with pytest.raises(CommandError, match="one release or more"):
        call_command("seed", releases=0, stdout=io.StringIO())


def test_the_same_seed_tells_the_same_stories() -> None:
    products = [Product(slug=f"seed-{number}") for number in range(3)]
    first, again, other = (stories_for(40, products, Random(number)) for number in (1, 1, 2))
    assert first == again != other
    assert {story.end for story in first[: len(BASICS)]} == {"", "closed", "released", "draft", "on_hold", "cancelled"}
