"""Fetch the front-end files once, check them against the lock, and draw the icon sprite.

    python scripts/vendor.py           fetch (needs npm), refuse whatever differs from the lock
    python scripts/vendor.py --relock  fetch and write a new lock, after a version below was changed
    python scripts/vendor.py --check   compare the committed files with the lock; no network, no npm

The files are committed, so neither Node nor a network is needed to run or to test the product.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

STATIC = Path(__file__).resolve().parent.parent / "static"
VENDOR = STATIC / "vendor"
LOCK = VENDOR / "vendor.lock.json"
SPRITE = STATIC / "icons.svg"

# name, version, {file in the package: file under static/vendor}
PACKAGES: list[tuple[str, str, dict[str, str]]] = [
    (
        "bootstrap",
        "5.3.9",
        {"dist/css/bootstrap.min.css": "bootstrap/bootstrap.min.css", "LICENSE": "bootstrap/LICENSE"},
    ),
    ("htmx.org", "2.0.11", {"dist/htmx.min.js": "htmx/htmx.min.js", "LICENSE": "htmx/LICENSE"}),
    (
        "@fontsource-variable/inter",
        "5.3.0",
        {
            "files/inter-latin-wght-normal.woff2": "inter/inter-latin-wght-normal.woff2",
            "files/inter-latin-ext-wght-normal.woff2": "inter/inter-latin-ext-wght-normal.woff2",
            "LICENSE": "inter/LICENSE",
        },
    ),
    ("lucide-static", "1.62.0", {"LICENSE": "lucide/LICENSE"}),
]

ICON_NAMES = """
activity arrow-down arrow-left arrow-right arrow-up ban bell bell-off book-open bookmark building-2 calendar
calendar-check calendar-clock calendar-plus calendar-x chart-line check chevron-down chevron-left chevron-right
chevron-up chevrons-up-down circle-check circle-dashed circle-question-mark circle-x clock code-xml columns-3 copy
download ellipsis external-link eye eye-off file-spreadsheet file-text fingerprint-pattern flag funnel git-branch
git-compare git-compare-arrows goal grip-vertical hash history house inbox info key-round keyboard layers
layout-dashboard link list-checks lock log-out mail megaphone menu message-square minus monitor package paperclip
pause pencil phone play plus printer refresh-cw rocket rotate-cw scroll-text search send settings shield-check
smartphone sun-moon target terminal ticket trash-2 trending-up triangle-alert undo-2 upload user users webhook
wifi-off x
"""

# Our own: the eight gate states and the logo mark. `currentColor` is the state's colour, --cut what is cut out of it.
CUT = 'fill="none" stroke="var(--cut,var(--surface))" stroke-linecap="round" stroke-linejoin="round"'
LINE = 'fill="none" stroke="currentColor" stroke-linecap="round" stroke-linejoin="round"'
FILL = 'fill="currentColor"'
STATES = {
    "ok": f'<circle cx="8" cy="8" r="7.5" {FILL}/><path d="M4.6 8.3l2.3 2.3 4.5-4.9" {CUT} stroke-width="1.9"/>',
    "cond": f'<circle cx="7.5" cy="8" r="6.4" {LINE} stroke-width="1.9"/>'
    f'<path d="M4.8 8.3l2 2 3.6-4" {LINE} stroke-width="1.8"/>'
    '<rect x="9.6" y="-.4" width="6.8" height="6.8" rx="1.6" fill="var(--cond)" stroke="var(--cut,var(--surface))"'
    ' stroke-width="1.2"/>',
    "rev": f'<rect x="2.6" y="2.6" width="10.8" height="10.8" rx="1.6" transform="rotate(45 8 8)" {FILL}/>'
    f'<path d="M8 4.9v3.3l2 1.4" {CUT} stroke-width="1.6"/>',
    "prep": f'<circle cx="8" cy="8" r="6.6" {LINE} stroke-width="1.8"/><path d="M8 3.6a4.4 4.4 0 0 1 0 8.8z" {FILL}/>',
    "dec": f'<path d="M5 .6h6L15.4 5v6L11 15.4H5L.6 11V5z" {FILL}/>'
    f'<path d="M5.4 5.4l5.2 5.2m0-5.2l-5.2 5.2" {CUT} stroke-width="1.8"/>',
    "late": '<path d="M8 .9c.5 0 1 .3 1.2.7l6.3 11.5c.5.9-.2 2-1.2 2H1.7c-1 0-1.7-1.1-1.2-2L6.8 1.6C7 1.2 7.5.9 8 .9z"'
    f' {FILL}/><path d="M8 5.6v4" {CUT} stroke-width="1.8"/>'
    '<circle cx="8" cy="12.2" r="1.05" fill="var(--cut,var(--surface))"/>',
    "none": f'<circle cx="8" cy="8" r="6" {LINE} stroke-width="1.5"/>',
    "na": f'<path d="M4 8h8" {LINE} stroke-width="1.8"/>',
}
LOGO = (
    '<symbol id="logo" viewBox="0 0 24 24"><rect width="24" height="24" rx="5.5" fill="var(--accent)"/>'
    '<path d="M6.4 18.6v-7.2a5.6 5.6 0 0 1 11.2 0v7.2M9.2 13l2.1 2.1 3.6-4" fill="none" stroke="var(--on-accent)"'
    ' stroke-width="2" stroke-linecap="round" stroke-linejoin="round"/></symbol>'
)


def sha512(data: bytes) -> str:
    """The form npm and browsers use: sha512-<base64>."""
    return "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()


def pack(name: str, version: str, folder: Path) -> bytes:
    """Download one package with npm, without running any of its scripts."""
    done = subprocess.run(
        ["npm", "pack", f"{name}@{version}", "--json", "--ignore-scripts"],
        cwd=folder, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return (folder / json.loads(done.stdout)[0]["filename"]).read_bytes()


def members(archive: Path) -> dict[str, bytes]:
    """Every file of an npm tarball, by its path below `package/`."""
    with tarfile.open(archive) as tar:
        return {
            m.name.partition("/")[2]: f.read() for m in tar.getmembers() if m.isfile() and (f := tar.extractfile(m))
        }


def without_source_map(data: bytes) -> bytes:
    """The map is not shipped, and a manifest storage refuses to hash a file that names a missing one."""
    return re.sub(rb"\n?(/\*# sourceMappingURL=[^*]*\*/|//# sourceMappingURL=\S*)\s*$", b"\n", data)


def symbol(name: str, svg: str) -> str:
    """One lucide drawing as a sprite symbol; the root's stroke attributes are set once, in CSS (.i)."""
    body = re.sub(r"<!--.*?-->|<svg.*?>|</svg>", "", svg, flags=re.DOTALL)
    body = re.sub(r"\s*/>", "/>", re.sub(r">\s+<", "><", re.sub(r"\s+", " ", body))).strip()
    return f'<symbol id="{name}" viewBox="0 0 24 24">{body}</symbol>'


def sprite(files: dict[str, bytes]) -> bytes:
    states = [
        f'<symbol id="state-{key}" viewBox="0 0 16 16" overflow="visible" stroke="none">{body}</symbol>'
        for key, body in STATES.items()
    ]
    icons = [symbol(name, files[f"icons/{name}.svg"].decode()) for name in sorted(ICON_NAMES.split())]
    head = "<!-- Icons: lucide (ISC, see vendor/lucide/LICENSE); gate states and logo: our own. -->"
    return "\n".join(['<svg xmlns="http://www.w3.org/2000/svg">', head, LOGO, *states, *icons, "</svg>", ""]).encode()


def fetch(*, relock: bool) -> int:
    known = {} if relock else {e["name"]: e["integrity"] for e in json.loads(LOCK.read_text())["packages"]}
    entries: list[dict[str, Any]] = []
    for name, version, wanted in PACKAGES:
        with tempfile.TemporaryDirectory() as tmp:
            tarball = pack(name, version, Path(tmp))
            integrity = sha512(tarball)
            if not relock and known.get(name) != integrity:
                print(f"{name} {version}: the download differs from the lock, nothing more was written")
                return 1
            archive = Path(tmp) / "package.tgz"
            archive.write_bytes(tarball)
            files = members(archive)
        entry: dict[str, Any] = {"name": name, "version": version, "integrity": integrity, "files": []}
        for source, target in wanted.items():
            data = without_source_map(files[source]) if target.endswith((".css", ".js")) else files[source]
            path = VENDOR / target
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            entry["files"].append({"file": f"vendor/{target}", "from": source, "integrity": sha512(data)})
        if name == "lucide-static":
            drawn = sprite(files)
            SPRITE.write_bytes(drawn)
            entry["files"].append({"file": "icons.svg", "from": "icons/*.svg", "integrity": sha512(drawn)})
        entries.append(entry)
        print(f"{name} {version}")
    LOCK.write_text(json.dumps({"packages": entries}, indent=2) + "\n")
    return 0


def check() -> int:
    bad = [
        f["file"]
        for entry in json.loads(LOCK.read_text())["packages"]
        for f in entry["files"]
        if not (STATIC / f["file"]).is_file() or sha512((STATIC / f["file"]).read_bytes()) != f["integrity"]
    ]
    for file in bad:
        print(f"{file}: missing, or not as locked")
    return 1 if bad else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--relock", action="store_true", help="accept what npm delivers and write a new lock")
    parser.add_argument("--check", action="store_true", help="only compare the committed files with the lock")
    args = parser.parse_args()
    return check() if args.check else fetch(relock=args.relock)


if __name__ == "__main__":
    sys.exit(main())
