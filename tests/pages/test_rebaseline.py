"""The page of a new baseline: what changes and who is told before it is saved, and the history of baselines."""

import csv
import io
from datetime import timedelta

from releases.actions.products import grant_product_permission
from releases.actions.replan import replan_release
from releases.models import Baseline
from tests.cast import COMPLETENESS, READINESS, Cast, fresh, nothing_changes
from tests.pages.stories import client_of, release_of_today, text_of

URL = "/releases/router/1.0/"


def test_an_authority_sees_what_changes_and_sets_the_baseline(cast: Cast) -> None:
    release = release_of_today(cast)
    grant_product_permission(
        product=cast.product, codename="rebaseline", holder=cast.executive, actor=cast.administrator
    )
    executive, manager = client_of(cast.executive), client_of(cast.pm)
    old = release.target_on
    assert old is not None
    # The plan is the baseline: nothing is offered.
    assert f'href="{URL}rebaseline/"' not in executive.get(URL).content.decode()
    assert executive.get(f"{URL}rebaseline/").status_code == 409
    later = release.gates.get(key=COMPLETENESS).due_on + timedelta(days=9)
    replan_release(
        release_id=release.pk, actor=cast.pm, dates={COMPLETENESS: later}, pins={READINESS: False}, reason="Vendor."
    )
    assert f'href="{URL}rebaseline/"' in executive.get(URL).content.decode()
    assert f'href="{URL}rebaseline/"' not in manager.get(URL).content.decode()
    assert manager.get(f"{URL}rebaseline/").status_code == 403
    page = executive.get(f"{URL}rebaseline/")
    assert [(move.name, move.days) for move in page.context["moves"]][:3] == [
        ("Functional Completeness", 9), ("Release Readiness", 9), ("Release", 9),
    ]  # fmt: skip
    text = text_of(page)
    assert "The slip is 9 days after the baseline now, and 0 days afterwards." in text
    assert "Petra Manager is told at once." in text
    with nothing_changes():
        page = executive.post(f"{URL}rebaseline/", {"reason": "  "})
    assert (page.status_code, list(page.context["form"].errors)) == (422, ["reason"])

    assert executive.post(f"{URL}rebaseline/", {"reason": "New contract."}).status_code == 302

    assert fresh(release).slip_days == 0
    assert Baseline.objects.get().baseline_on == old
    facts = {fact.label: fact for fact in manager.get(URL).context["page"].facts}
    assert facts["Baseline"].note.startswith("the second, set ")
    assert facts["Slip to date"].value == "0 days"
    page = manager.get(f"{URL}replans/")
    assert [(row.number, row.slip_days) for row in page.context["baselines"]] == [(2, 0), (1, 9)]
    words = [(deed.words.partition(",")[0].partition(" to ")[0], deed.reason) for deed in page.context["deeds"]]
    assert words[0][1] == "New contract."
    assert words[1] == ("Re-planned the release", "Vendor.")
    assert "Eva Executive" in text_of(page)
    export = b"".join(manager.get("/portfolio/export.csv").streaming_content).decode()
    (row,) = csv.DictReader(io.StringIO(export))
    assert (row["first baseline"], row["baseline"], row["slip days"]) == (
        old.isoformat(), (old + timedelta(days=9)).isoformat(), "0",
    )  # fmt: skip
