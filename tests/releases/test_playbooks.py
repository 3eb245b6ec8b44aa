"""The playbooks that ship, against the table they were written from, and the command that loads them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from gatekeeper.management.commands.load_playbooks import FOLDER, read_playbook
from releases.kinds import EventKind
from releases.models import Event, Playbook
from releases.playbooks import GateSpec, PlaybookSpec, parse_playbook
from tests.cast import nothing_changes

SMALL = "seven-gates"
LARGE = "seven-gates-launch"

# The design's table: gate | due | approver roles | informed | deliverables | questions. A dot marks what the small
# playbook has too; R is required, D a draft that is wanted; in brackets who owns it and, behind a semicolon, a remark.
TABLE = """
1 Market Opportunity | −180 | Product leadership; Sales; Finance; Engineering | CEO, Support, all PMs | • R Market opportunity brief (PM); • R Customer interviews, at least five linked (PM); R Areas of investigation (PP); R Framing memo (PP); D Vision document (PP); D Competitive teardown, first cut (TPM); • R Success metrics with targets (PM) | Is it worth doing? Who pays? Why us, why now? What do we stop?
2 Use Case Definition | −150 | Product leadership; User experience; Sales engineering; Support | Engineering leads, Marketing | • R Personas and ranked use cases, each traced to named customers (PM); R Vision document (PP); R Vision press release (CPM); R Futures deck (CPM); R Disclosure plan (CPM, LEG); D SKU architecture (CPM) | Right users and jobs? Can sales tell it? What may be disclosed to whom, when?
3 Functional and Usability Reqs | −120 | Product leadership; Engineering; User experience; Quality; Security and legal | Docs, Support, Localization | • R Prioritised requirements with acceptance tests (PM); • R Usability findings (UX); R SKU architecture (CPM, FIN); R Competitive teardown (TPM); R Non-functional and compliance list (ENG) | Testable? Usable, measured with users? Sellable as packaged? What is out?
4 Engineering Development Timeline | −100 | Engineering; Product leadership; Program management; Finance | Sales, Product marketing, execs | • R Estimate with dates, staffing, dependencies, risks (ENG); • R Scope baseline, frozen on approval (PM); D Go-to-market plan outline (CPM); D Analyst briefing dates (CPM); D Event calendar (CPM) | Do we accept this date? Is capacity real? What is cut first?
5 Functional Completeness | −45 | Engineering; Quality; Product leadership; User experience | Product marketing, Support, Docs, Sales engineering | • R All Must requirements accepted (PM; also a built-in check `measures/completeness`); • R Defects by severity (QA; check `ci/quality` may report it); R Beta plan (PM); D Core technical content (TPM); D Demos (TPM); D Hands-on labs (TPM); D Value proposition (CPM); D Content plan (CPM) | All Musts done? Quality trend good? Ready for beta and freeze?
6 Release Readiness | −14 | Product leadership; Engineering; Support; Sales; Security and legal | CEO, everyone | • R Release candidate and rollback test (ENG; check `ci/release-candidate`); • R Support runbooks (SUP); • R Sales training (SAL); R Value proposition (CPM); R Content plan (CPM); R Analyst briefings held (CPM); R Event calendar (CPM); R Go-to-market plan (CPM, SAL); R Core technical content (TPM); R Demos (TPM); R Hands-on labs, run by one outsider (TPM); D Conversation calendar (CM) | Can we sell, support, run and undo it? Are conditions closed?
7 6 Month Assessment | six months after the actual release | Product leadership; Sales; Finance; Support | Engineering, every earlier approver | • R Actuals against the Market Opportunity claims (PM; built from success metrics); • R Lessons and next areas of investigation (PM); R Win and loss review (SAL); R Conversation results (CM) | Did the case hold? Invest, sustain, fix, retire? Which gate decision was wrong, and why?
"""  # noqa: E501
KEYS = (
    "market-opportunity", "use-case-definition", "functional-usability-reqs", "engineering-timeline",
    "functional-completeness", "release-readiness", "six-month-assessment",
)  # fmt: skip
INFORMED = {
    "CEO": "ceo", "all PMs": "product-managers", "execs": "executives", "every earlier approver": "earlier-approvers",
}  # fmt: skip
CHECKS = {
    "functional-completeness": ["measures/completeness", "ci/quality"],
    "release-readiness": ["ci/release-candidate"],
}


class Thing(NamedTuple):
    """A deliverable as the table has it."""

    is_small: bool
    name: str
    required: bool
    disciplines: tuple[str, ...]


class Line(NamedTuple):
    """A gate as the table has it."""

    name: str
    days: int | None
    months: int | None
    roles: list[str]
    informed: list[str]
    things: list[Thing]
    questions: list[str]


def table() -> Iterator[Line]:
    for row in TABLE.strip().splitlines():
        gate, due, roles, informed, things, questions = (cell.strip() for cell in row.split(" | "))
        found = []
        for text in re.split(r"; (?=(?:• )?[RD] )", things):
            match = re.fullmatch(r"(• )?([RD]) (.+) \(([A-Z, ]+)(?:; .+)?\)", text)
            assert match, text
            dot, kind, name, owners = match.groups()
            found.append(Thing(bool(dot), name, kind == "R", tuple(owners.split(", "))))
        yield Line(
            name=gate.split(" ", 1)[1],
            days=None if "months" in due else -int(due.removeprefix("−")),
            months={"six months after the actual release": 6}[due] if "months" in due else None,
            roles=roles.split("; "),
            informed=[INFORMED.get(who, who.lower().replace(" ", "-")) for who in informed.split(", ")],
            things=found,
            questions=re.findall(r"[^?]+\?", questions),
        )


def spec(slug: str) -> PlaybookSpec:
    return read_playbook(FOLDER / f"{slug}.yaml")


def test_two_playbooks_ship() -> None:
    assert [path.name for path in sorted(FOLDER.glob("*"))] == [f"{LARGE}.yaml", f"{SMALL}.yaml"]
    assert [(spec(slug).slug, spec(slug).name, spec(slug).kind) for slug in (SMALL, LARGE)] == [
        (SMALL, "Seven gates", "gates"),
        (LARGE, "Seven gates with launch deliverables", "gates"),
    ]


@pytest.mark.parametrize("slug", [SMALL, LARGE])
def test_gates_dates_roles_and_deliverables_are_those_of_the_table(slug: str) -> None:
    is_small = slug == SMALL
    gates = spec(slug).gates
    assert tuple(gate.key for gate in gates) == KEYS
    for gate, line in zip(gates, table(), strict=True):
        assert (gate.name, gate.offset_days, gate.offset_months) == (line.name, line.days, line.months)
        assert [role.name for role in gate.roles] == (line.roles[:2] if is_small else line.roles)
        assert all(role.key == role.name.lower().replace(" ", "-") and role.quorum == 1 for role in gate.roles)
        assert list(gate.informed) == line.informed
        wanted = [thing for thing in line.things if thing.is_small or not is_small]
        assert [(t.name, t.required, t.disciplines) for t in gate.deliverables] == [
            (thing.name, thing.required, thing.disciplines) for thing in wanted
        ]
        assert [question.strip() for question in line.questions] == list(gate.questions)
        assert [check.name for check in gate.checks] == CHECKS.get(gate.key, [])
        assert not any(check.blocking for check in gate.checks)


def test_the_short_names_are_those_of_the_portfolios_heads() -> None:
    assert [gate.short_name for gate in spec(SMALL).gates] == [gate.short_name for gate in spec(LARGE).gates] == [
        "Market Opportunity", "Use Case Definition", "Functional & Usability", "Eng. Dev. Timeline",
        "Functional Completeness", "Release Readiness", "6 Month Assessment",
    ]  # fmt: skip


def test_the_small_playbook_is_part_of_the_large_one() -> None:
    def of(gate: GateSpec) -> set[object]:
        return {*gate.roles, *gate.deliverables, *gate.checks}

    for small, large in zip(spec(SMALL).gates, spec(LARGE).gates, strict=True):
        assert of(small) <= of(large)
        assert (small.questions, small.informed) == (large.questions, large.informed)


@pytest.mark.django_db
def test_loading_twice_is_loading_once(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("load_playbooks")
    assert list(Playbook.objects.order_by("slug").values_list("slug", "version")) == [(SMALL, 1), (LARGE, 1)]
    assert Event.objects.filter(kind=EventKind.PLAYBOOK_LOADED).count() == 2
    assert parse_playbook(Playbook.objects.get(slug=SMALL).definition) == spec(SMALL)
    with nothing_changes():
        call_command("load_playbooks")
    assert "Seven gates v1 (seven-gates): is loaded already, 7 gates" in capsys.readouterr().out


@pytest.mark.django_db
def test_a_changed_file_is_the_next_version(tmp_path: Path) -> None:
    call_command("load_playbooks")
    path = tmp_path / "mine.yaml"
    path.write_text((FOLDER / f"{SMALL}.yaml").read_text().replace("offset_days: -45", "offset_days: -40"))
    call_command("load_playbooks", str(path))
    versions = Playbook.objects.filter(slug=SMALL).order_by("version")
    assert [p.definition["gates"][4]["offset_days"] for p in versions] == [-45, -40]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"slug: a\nslug: b\n", "mine.yaml, line 2, column 1: slug stands twice"),
        (b"slug: [a\n", "mine.yaml, line 2, column 1"),
        (b"slug: \xff\n", "mine.yaml is not UTF-8: byte 7 is 0xff"),
        (b"", "mine.yaml, line 1: playbook: expected a mapping"),
        (b"made: 2020-13-45\n", "mine.yaml, line 1, column 7: month must be in 1..12"),
        (b"{[a]: 1}\n", "mine.yaml, line 1, column 2: found unhashable key"),
        (
            b"slug: a\nname: A\ngates:\n  - {key: one, name: One, offset_days: 5, roles: [{key: B, name: b}]}\n",
            "mine.yaml, line 4: gates[0].offset_days: expected a whole number",
        ),
    ],
)
def test_mistakes_are_named_by_file_and_place(tmp_path: Path, content: bytes, words: str) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "mine.yaml"
    good.write_text((FOLDER / f"{SMALL}.yaml").read_text())
    bad.write_bytes(content)
    with nothing_changes(), pytest.raises(CommandError) as refused:
        call_command("load_playbooks", str(good), str(bad))
    assert words in str(refused.value)


@pytest.mark.django_db
def test_every_mistake_of_a_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "slug: a\nname: A\ngates:\n"
        "  - {key: one, name: One, offset_days: -5, roles: [{key: B, name: b}], colour: red}\n"
    )
    with pytest.raises(CommandError) as refused:
        call_command("load_playbooks", str(path))
    assert [line.split(": ")[1] for line in str(refused.value).splitlines()] == [
        "gates[0].colour", "gates[0].roles[0].key",
    ]  # fmt: skip
