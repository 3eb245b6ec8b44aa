"""The demo's people, for the first lines that the start prints."""

from collections.abc import Iterator
from dataclasses import dataclass

PASSWORD = "seven gates to ship"  # noqa: S105  # of the demo only; a real installation never has it


@dataclass(frozen=True)
class DemoPerson:
    """One of the demo's cast: user name, name, role title, the groups by function, and what they show."""

    username: str
    name: str
    title: str
    functions: tuple[str, ...] = ()
    shows: str = ""
    permissions: tuple[str, ...] = ()

    @property
    def email(self) -> str:
        return f"{self.username}@larkfield.example"


CAST = (
    DemoPerson("maya", "Maya Lindqvist", "Product manager", shows="submits evidence (Assist Console)"),
    DemoPerson("tomas", "Tomás Herrera", "Product manager"),
    DemoPerson("nadia", "Nadia Petrova", "Product manager"),
    DemoPerson("priya", "Priya Raman", "Product manager"),
    DemoPerson("daniel", "Daniel Okafor", "VP Engineering", ("engineering",), "approves or declines for Engineering"),
    DemoPerson("hannah", "Hannah Price", "Director of Engineering", ("engineering",)),
    DemoPerson("sofia", "Sofia Almeida", "Director of Product", ("product-leadership",)),
    DemoPerson("grace", "Grace Kim", "Sales director", ("sales",)),
    DemoPerson("luca", "Luca Moretti", "Finance partner", ("finance",)),
    DemoPerson("mei", "Mei Tanaka", "UX lead", ("user-experience",)),
    DemoPerson("kofi", "Kofi Mensah", "Sales engineering lead", ("sales-engineering",)),
    DemoPerson("owen", "Owen Brooks", "Support manager", ("support",)),
    DemoPerson("fatima", "Fatima El Idrissi", "Support lead", ("support",)),
    DemoPerson("jonas", "Jonas Weber", "Quality lead", ("quality",)),
    DemoPerson("ines", "Inês Duarte", "Security and legal counsel", ("security-and-legal",)),
    DemoPerson("pedro", "Pedro Santos", "Program manager", ("program-management",)),
    DemoPerson(
        "helen", "Helen Brandt", "Chief Product Officer", ("product-leadership",),
        "reads the portfolio, may waive gates", ("releases.view_portfolio",),
    ),
    DemoPerson("erik", "Erik Sand", "Chief Executive Officer", (), "reads the portfolio", ("releases.view_portfolio",)),
    DemoPerson(
        "chloe", "Chloe Martin", "Administrator", (), "sets up people, products, seats",
        ("releases.administer", "releases.add_product"),
    ),
    DemoPerson("sam", "Sam Novak", "Documentation writer", (), "may only look"),
)  # fmt: skip


def lines() -> Iterator[str]:
    """What to print after the start, when the demo is loaded."""
    from gatekeeper.accounts.models import User

    if not User.objects.filter(username="maya", email="maya@larkfield.example").exists():
        return
    yield f"Demo sign-ins, all with the password: {PASSWORD}"
    for person in CAST:
        if person.shows:
            yield f"  {person.username:<8} {person.name}, {person.title}: {person.shows}"
