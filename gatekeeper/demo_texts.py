"""What the demo's evidence says."""

from releases.models import Release


def link_for(release: Release, key: str) -> str:
    """A link into the demo organisation's documents."""
    return f"https://docs.larkfield.example/{release.product.slug}/{release.version}/{key}"


def evidence_for(name: str, release: Release, draft: int) -> str:
    """Markdown for a deliverable, short but about something; a second draft says more than the first."""
    head = f"## {name}\n\n{release.product.name} {release.version}: {release.name.lower()}.\n\n"
    body = next((text for word, text in TEXTS if word in name.lower()), GENERAL)
    more = SECOND if draft > 1 else ""
    return head + body + more


SECOND = """
### Added after the first round

| increment | ends | people |
|---|---|---|
| 1 Policy model | week 4 | 6 |
| 2 Interface, frozen | week 8 | 7 |
| 3 Hand-over | week 11 | 7 |

The critical part has two named owners, and one of them is freed from support duty until it is done.
"""

GENERAL = """- Done as the playbook asks; the open points are listed at the end.
- Reviewed with the people who have to live with it.

**Open:** wording of the customer note, owner Product marketing.
"""

TEXTS = (
    ("market opportunity", """**Who pays:** support desks with 20 to 200 technicians, today on two tools.
**Why now:** three of our five largest renewals asked for it in writing.
**What stops:** the Linux preview, until the next release.

1. 11 of 14 interviewed desks would switch within a year.
2. The nearest competitor needs an extra server; we do not.
"""),
    ("interview", """Seven interviews, linked in the CRM:

- Northwind Hospitals: hand-over takes 6 minutes today.
- City of Aldermere: needs consent on record.
- Halvorsen Shipping, Brightline Insurance, Kestrel Airports, Porter Rail, Elm Bank.
"""),
    ("success metric", """| metric | today | target after six months |
|---|---|---|
| desks that use it weekly | 0 | 40 % |
| median hand-over | 6 min | 2 min |
| support cases about it | – | under 1 % of sessions |
"""),
    ("persona", """1. **Technician at night** (Northwind): takes over a session without calling anybody.
2. **Desk lead** (Aldermere): sees who did what, and can prove consent.
3. **Customer** (Brightline): knows who is on the screen.
"""),
    ("requirement", """| key | requirement | rank | acceptance test |
|---|---|---|---|
| R1 | hand over a running session | Must | both see the same screen within 3 s |
| R2 | consent is recorded | Must | export names person and time |
| R3 | works by keyboard alone | Must | the usability script passes |
| R4 | bulk hand-over | Could | – |
"""),
    ("usability", """Eight participants, five tasks. Seven finished all tasks; the eighth missed the consent box.
Median time on task fell from 74 s to 41 s between the two rounds.
"""),
    ("estimate", """Four increments of two to four weeks. The policy engine is the critical path.

- **Staffing:** 6 to 7 engineers, two of them from the platform team.
- **Depends on:** token exchange certified by the identity team.
- **Risk:** no severity 1 defect of the last release may take more than one engineer.
"""),
    ("scope baseline", """46 requirements: 22 Must, 15 Should, 9 Could. First to be cut: bulk hand-over, themes."""),
    ("must requirements", """All 22 Must requirements are accepted; who accepted each stands in the list."""),
    ("defect", """Severity 1: 0. Severity 2: 3, each with an owner and a date. Trend falling for four weeks."""),
    ("release candidate", """RC 3 ran a week on the staging tenant. Rollback took 11 minutes, twice."""),
    ("runbook", """Nine runbooks, each walked through by somebody who did not write it."""),
    ("sales training", """Two sessions held, 41 of 44 people certified. The recording is in the library."""),
    ("actuals", """Weekly use 37 % (claimed 40 %), median hand-over 2.1 min (claimed 2), cases 0.6 %."""),
    ("lessons", """The decision at Functional Completeness came a week late: the trend was known."""),
)  # fmt: skip
