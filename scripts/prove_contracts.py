"""Shows that the import contracts bite: plants forbidden imports in a copy of the tree and wants them found."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("gatekeeper", "releases", "approvals", "measures", "notifications")
LINTER = Path(sys.executable).parent / "lint-imports"

# file, forbidden line, what the linter must name
PLANTED = (
    ("releases/models.py", "import approvals.models", "releases.models -> approvals.models"),
    ("approvals/models.py", "import notifications.models", "approvals.models -> notifications.models"),
    ("gatekeeper/common/errors.py", "import gatekeeper.accounts.models", "common.errors -> gatekeeper.accounts"),
    ("notifications/models.py", "import gatekeeper.dashboard.apps", "models -> gatekeeper.dashboard.apps"),
    ("releases/rules.py", "import releases.models", "releases.rules -> releases.models"),
    ("releases/kinds.py", "import releases.querysets", "releases.kinds -> releases.querysets"),
    ("releases/actions/planted.py", "import releases.views", "releases.actions.planted -> releases.views"),
    ("approvals/models.py", "import approvals.actions", "approvals.models -> approvals.actions"),
)


def lint(tree: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([LINTER, "--no-cache"], cwd=tree, capture_output=True, text=True, check=False)


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        tree = Path(name)
        for package in PACKAGES:
            shutil.copytree(ROOT / package, tree / package, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", tree)
        (tree / "releases" / "views.py").touch()
        clean = lint(tree)
        if clean.returncode != 0:
            print(clean.stdout, clean.stderr, "The tree itself breaks a contract.", sep="\n")
            return 1
        missed = 0
        for path, line, expected in PLANTED:
            target = tree / path
            before = target.read_text() if target.exists() else None
            target.write_text(f"{before or ''}\n{line}\n")
            result = lint(tree)
            is_found = result.returncode != 0 and expected in result.stdout
            missed += not is_found
            print(f"{'found' if is_found else 'MISSED'}: {line!r} in {path}")
            if before is None:
                target.unlink()
            else:
                target.write_text(before)
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
