"""Draws the pictures that mails carry (notifications/pictures/*.png) from the icon sprite; needs Chromium.

Mail readers show neither SVG nor pictures from elsewhere, so each mail brings its two PNGs along.
"""

import re
import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
# symbol -> (file, colour, pixels): twice the size they are shown in
SYMBOLS = {
    "logo": ("logo", "#2a4fc4", 52),
    "state-prep": ("prep", "#6b4fc0", 32),
    "state-rev": ("rev", "#2563c9", 32),
    "state-ok": ("ok", "#17794a", 32),
    "state-cond": ("cond", "#17794a", 32),
    "state-dec": ("dec", "#c5282f", 32),
    "state-late": ("late", "#bf4c08", 32),
    "state-na": ("na", "#76849a", 32),
}
TOKENS = ":root{--surface:#fff;--cond:#b07a00;--accent:#2a4fc4;--on-accent:#fff}body{margin:0}"


def main() -> None:
    sprite = (ROOT / "static/icons.svg").read_text()
    folder = ROOT / "notifications/pictures"
    folder.mkdir(exist_ok=True)
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"])
        for symbol, (name, colour, size) in SYMBOLS.items():
            found = re.search(rf'<symbol id="{symbol}"([^>]*)>(.*?)</symbol>', sprite, re.DOTALL)
            assert found, symbol
            page = browser.new_page(viewport={"width": size, "height": size})
            page.set_content(
                f'<style>{TOKENS}</style><svg xmlns="http://www.w3.org/2000/svg" {found[1]} width="{size}" '
                f'height="{size}" style="display:block;color:{colour}">{found[2]}</svg>'
            )
            page.screenshot(path=str(folder / f"{name}.png"), omit_background=True)
            page.close()
            print(name, (folder / f"{name}.png").stat().st_size)
        browser.close()


if __name__ == "__main__":
    main()
