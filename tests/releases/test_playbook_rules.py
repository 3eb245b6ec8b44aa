"""Playbooks: read from plain data with every mistake named by its place, stored as versions that never change."""

from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from gatekeeper.common.errors import Refused
from releases.actions.products import load_playbook
from releases.kinds import EventKind
from releases.models import Event, Playbook
from releases.playbooks import DISCIPLINES, KEY, parse_playbook
from tests.cast import SMALL_PLAYBOOK, Cast, at, make_playbook, not_allowed, nothing_changes

FOLDER = Path(settings.BASE_DIR) / "releases" / "playbook_files"


def changed(path: str, value: Any) -> dict[str, Any]:
    """The small playbook with one value replaced: `gates.0.roles.1.quorum`."""
    data: Any = deepcopy(SMALL_PLAYBOOK)
    *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    here = data
    for step in way:
        here = here[step]
    if value is None:
        del here[last]
    else:
        here[last] = value
    whole: dict[str, Any] = data
    return whole


@pytest.mark.parametrize(
    ("path", "value", "place"),
    [
        ("slug", "Not A Slug", "playbook.slug"),
        ("slug", "x" * 65, "playbook.slug"),
        ("slug", None, "playbook.slug"),
        ("name", "", "playbook.name"),
        ("name", 7, "playbook.name"),
        ("kind", "waterfall", "playbook.kind"),
        ("gates", [], "playbook.gates"),
        ("gates", "all", "playbook.gates"),
        ("gates.0", "a gate", "playbook.gates[0]"),
        ("color", "red", "playbook.color"),
        ("gates.0.key", "Market Opportunity", "playbook.gates[0].key"),
        ("gates.0.key", "functional-completeness", "playbook.gates"),
        ("gates.0.key", "target", "playbook.gates[0].key"),
        ("gates", SMALL_PLAYBOOK["gates"][3:], "playbook.gates[0]"),
        ("gates.0.colour", "red", "playbook.gates[0].colour"),
        ("gates.0.offset_days", 5, "playbook.gates[0].offset_days"),
        ("gates.0.offset_days", -3651, "playbook.gates[0].offset_days"),
        ("gates.0.offset_days", "-60", "playbook.gates[0].offset_days"),
        ("gates.0.offset_days", True, "playbook.gates[0].offset_days"),
        ("gates.0.offset_days", None, "playbook.gates[0]"),
        ("gates.0.offset_months", 6, "playbook.gates[0]"),
        ("gates.3.offset_months", 0, "playbook.gates[3].offset_months"),
        ("gates.3.offset_months", 61, "playbook.gates[3].offset_months"),
        ("gates.1.offset_days", -90, "playbook.gates[1]"),
        ("gates.0.roles", [], "playbook.gates[0].roles"),
        ("gates.0.roles.1.key", "engineering", "playbook.gates[0].roles"),
        ("gates.0.roles.1.quorum", 0, "playbook.gates[0].roles[1].quorum"),
        ("gates.0.roles.1.quorum", 51, "playbook.gates[0].roles[1].quorum"),
        ("gates.0.roles.1.quorum", 1.5, "playbook.gates[0].roles[1].quorum"),
        ("gates.0.roles.1.name", "x" * 81, "playbook.gates[0].roles[1].name"),
        ("gates.0.deliverables.0.key", None, "playbook.gates[0].deliverables[0].key"),
        ("gates.0.deliverables.1.key", "brief", "playbook.gates[0].deliverables"),
        ("gates.0.deliverables.0.required", "yes", "playbook.gates[0].deliverables[0].required"),
        ("gates.0.deliverables.0.disciplines", ["XYZ"], "playbook.gates[0].deliverables[0].disciplines"),
        ("gates.0.questions", ["", "Why?"], "playbook.gates[0].questions[0]"),
        ("gates.0.informed", {"a": 1}, "playbook.gates[0].informed"),
        ("gates.0.checks", [{"name": "ci", "blocking": 1}], "playbook.gates[0].checks[0].blocking"),
    ],
)
def test_every_mistake_is_named_by_its_place(path: str, value: Any, place: str) -> None:
    with pytest.raises(Refused) as found:
        parse_playbook(changed(path, value))
    assert found.value.code == "invalid_playbook"
    assert place in [problem.field for problem in found.value.fields]


def test_all_mistakes_are_named_at_once() -> None:
    wrong = changed("gates.0.offset_days", 5) | {"slug": "No Slug", "name": ""}
    with pytest.raises(Refused) as found:
        parse_playbook(wrong)
    fields = {problem.field for problem in found.value.fields}
    assert {"playbook.slug", "playbook.name", "playbook.gates[0].offset_days"} <= fields
    assert "more)" in found.value.message


@pytest.mark.parametrize("nonsense", [None, [], "text", 7, {}, {"gates": None}, {"gates": [None]}, {"gates": [[1]]}])
def test_nonsense_is_refused_and_never_crashes(nonsense: Any) -> None:
    with pytest.raises(Refused):
        parse_playbook(nonsense)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-10, 10) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["slug", "name", "gates", "key", "roles", "quorum", "deliverables", "checks", "offset_days"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(PLAIN)
def test_any_plain_data_is_read_or_refused(data: Any) -> None:
    with suppress(Refused):
        assert parse_playbook(data).gates


def test_a_mistake_of_one_reader_is_not_one_of_a_history() -> None:
    """Milestones that happened elsewhere have no roles, no order and no offsets."""
    spec = parse_playbook(
        {
            "slug": "history",
            "name": "History",
            "kind": "history",
            "gates": [{"key": "rc-1", "name": "rc 1"}, {"key": "beta-1", "name": "beta 1"}],
        }
    )
    assert [gate.key for gate in spec.gates] == ["rc-1", "beta-1"]


def test_plain_data_of_a_playbook_reads_back_as_the_same_playbook() -> None:
    spec = parse_playbook(SMALL_PLAYBOOK)
    assert parse_playbook(spec.as_data()) == spec


def test_what_is_not_said_has_plain_defaults() -> None:
    spec = parse_playbook(SMALL_PLAYBOOK)
    first = spec.gates[0]
    assert [role.quorum for role in first.roles] == [1, 1]
    assert [thing.required for thing in first.deliverables] == [True, False]
    without = changed("gates.0.short_name", None)
    assert parse_playbook(without).gates[0].short_name == "Market Opportunity"


# --- The playbooks that ship ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["seven-gates", "seven-gates-launch"])
def test_the_shipped_playbooks_have_the_seven_gates(name: str) -> None:
    spec = parse_playbook(yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8")))
    assert [(g.key, g.name, g.offset_days, g.offset_months) for g in spec.gates] == [
        ("market-opportunity", "Market Opportunity", -180, None),
        ("use-case-definition", "Use Case Definition", -150, None),
        ("functional-usability-reqs", "Functional and Usability Reqs", -120, None),
        ("engineering-timeline", "Engineering Development Timeline", -100, None),
        ("functional-completeness", "Functional Completeness", -45, None),
        ("release-readiness", "Release Readiness", -14, None),
        ("six-month-assessment", "6 Month Assessment", None, 6),
    ]
    for gate in spec.gates:
        assert gate.roles
        assert any(thing.required for thing in gate.deliverables)
        assert gate.questions
        assert all(KEY.match(thing.key) and set(thing.disciplines) <= set(DISCIPLINES) for thing in gate.deliverables)
        assert not any(check.blocking for check in gate.checks), "the shipped checks are advisory"
        assert all(role.quorum == 1 for role in gate.roles)


def test_the_small_playbook_can_be_run_by_three_people_and_a_product_manager() -> None:
    small, large = (
        parse_playbook(yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8")))
        for name in ("seven-gates", "seven-gates-launch")
    )
    for gate, whole in zip(small.gates, large.gates, strict=True):
        assert len(gate.roles) == 2
        assert gate.roles == whole.roles[:2]
        assert {t.key for t in gate.deliverables} <= {t.key for t in whole.deliverables}
        assert gate.questions == whole.questions


# --- Versions ---------------------------------------------------------------------------------------------------


def test_a_changed_playbook_is_a_new_version_and_the_same_one_is_not(cast: Cast) -> None:
    with nothing_changes():
        assert make_playbook() == cast.playbook
    later = make_playbook(changed("gates.0.roles.1.quorum", 2))
    assert (later.slug, later.version) == (cast.playbook.slug, cast.playbook.version + 1)
    again = make_playbook()
    assert again.version == 3
    assert again.digest == cast.playbook.digest
    loaded = Event.objects.filter(kind=EventKind.PLAYBOOK_LOADED).latest("number")
    assert loaded.payload == {"playbook": "small", "version": 3, "digest": again.digest}


def test_only_administrators_load_playbooks(cast: Cast) -> None:
    spec = parse_playbook(changed("name", "Mine"))
    for actor in (cast.pm, cast.executive, cast.outsider):
        with not_allowed("not_administrator"):
            load_playbook(spec=spec, actor=actor, clock=at(1))
    assert load_playbook(spec=spec, actor=cast.administrator, clock=at(1))[1]
    assert Playbook.objects.count() == 2
