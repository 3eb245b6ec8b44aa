"""A spreadsheet in: each row of a CSV file becomes a release, or changes the one that is there.

    GATEKEEPER_URL=… GATEKEEPER_TOKEN=… python3 spreadsheet_in.py plan.csv

Columns `product,version,target_on,playbook`, if wanted `name,owner,reason`, and one column per gate that has a day of
its own, named by the gate's key. A row with such a day activates its release. The same file may be sent again. Each row
is done whole or not at all; a bad one is named by its line, and the exit code is then 1. The token needs the scope
`write`. gatekeeper_cli.py must lie beside it, or be installed.
"""

import csv
import sys
from typing import Any

import gatekeeper_cli

NEEDED = ("product", "version", "target_on", "playbook")
OPTIONAL = ("name", "owner", "reason")


def body_of(row: dict[str, str]) -> dict[str, Any]:
    """The request for one row: creates the release or changes it (`upsert`)."""
    said = {name.strip(): value.strip() for name, value in row.items() if name and value and value.strip()}
    body: dict[str, Any] = {name: said.pop(name, "") for name in NEEDED}
    body |= {name: said.pop(name) for name in OPTIONAL if name in said}
    if said:
        body |= {"gates": {key: {"due_on": day} for key, day in said.items()}, "activate": True}
    return body | {"upsert": True}


def main() -> int:
    site = gatekeeper_cli.Site(gatekeeper_cli.find_account())
    bad = 0
    with open(sys.argv[1], encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        for row in rows:
            try:
                found = site.send("POST", "/releases/", body_of(row))
                print(f"Line {rows.line_num}: {found['product']} {found['version']} is {found['state']}.")
            except gatekeeper_cli.CouldNotTell as error:
                bad += 1
                print(f"Line {rows.line_num}: {error}", file=sys.stderr)
            except gatekeeper_cli.Problem as problem:
                bad += 1
                print(f"Line {rows.line_num}: {' '.join(gatekeeper_cli.explain(problem))}", file=sys.stderr)
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main())
