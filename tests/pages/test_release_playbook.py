"""The page that moves a release to a newer version of its playbook."""

from django.test import Client
from django.utils import timezone

from gatekeeper.common.calendars import day_of
from releases.actions.releases import activate_release, create_release
from releases.models import DateMove, Release
from tests.approvals.test_apply_playbook import BETA, version_2
from tests.cast import READINESS, Cast, active_release, gate_of, nothing_changes, submit
from tests.pages.test_playbooks import signed_in

URL = "/releases/router/1.0/playbook/"
OTHER_DAYS = {"offset_days": -12}


def running(cast: Cast) -> Release:
    """Active today, so that the page's own clock fits."""
    target = day_of(timezone.now()).replace(day=1).replace(year=timezone.now().year + 1)
    draft = create_release(product=cast.product, version="1.0", target_on=target, playbook=cast.playbook, actor=cast.pm)
    return activate_release(release_id=draft.pk, actor=cast.pm)


def pm(cast: Cast) -> Client:
    return signed_in(cast.pm)


def test_what_would_change_is_seen_first_and_is_what_is_done(cast: Cast) -> None:
    release = running(cast)
    client = pm(cast)
    assert "is published" not in client.get("/releases/router/1.0/").content.decode()
    assert "This is the newest version" in client.get(URL).content.decode()
    version_2(release_readiness=OTHER_DAYS, at_2=BETA)
    assert "version 2 is published" in client.get("/releases/router/1.0/").content.decode()
    page = client.get(URL)
    assert "Beta is new, due 20 days before the release" in page.content.decode()
    assert "Other days in version 2: Release Readiness." in page.content.decode()
    first = page.context["plan"].mark
    with nothing_changes():
        preview = client.post(URL, {"preview": "1", "moves_dates": "on", "mark": first, "version": 2})
    assert preview.status_code == 200
    assert "Dates that move" in preview.content.decode()
    sent = {"moves_dates": "on", "reason": "The board asked.", "version": 2}
    with nothing_changes():
        stale = client.post(URL, sent | {"mark": first})
    assert stale.status_code == 409
    assert "The board asked." in stale.content.decode()
    assert client.post(URL, sent | {"mark": preview.context["plan"].mark, "reason": ""}).status_code == 422
    assert client.post(URL, sent | {"mark": preview.context["plan"].mark}).status_code == 302
    assert DateMove.objects.get(release=release).gate == gate_of(release, READINESS)
    activity = client.get("/releases/router/1.0/activity/").content.decode()
    assert "moved the release to <b>version 2</b> of its playbook" in activity


def test_others_and_other_states_are_refused(cast: Cast) -> None:
    release = active_release(cast)
    version_2(at_2=BETA)
    assert signed_in(cast.approver).get(URL).status_code == 403
    submit(cast, gate_of(release, "market-opportunity"), on=2)
    answer = pm(cast).post(URL, {"reason": "x", "version": 2})
    assert answer.status_code == 409
    assert "waits for a decision" in answer.content.decode()
