"""Print the built book into one PDF: each page through Chromium, in the order of the contents."""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright
from pypdf import PdfReader, PdfWriter
from yaml import safe_load

ROOT = Path(__file__).resolve().parent.parent
HTML = ROOT / "_build" / "html"
TARGET = ROOT / "_build" / "hessian-companion.pdf"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ["--no-sandbox", "--disable-gpu"]
READY = "() => window.MathJax && MathJax.startup && MathJax.startup.promise.then(() => null)"
FOOT = (
    '<div style="width:100%;font-size:8px;text-align:center;color:#666">'
    '<span class="pageNumber"></span></div>'
)


def pages() -> list[str]:
    """Return the pages in the order of the table of contents."""
    contents = safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    found = [contents["root"]]
    for part in contents["parts"]:
        for chapter in part["chapters"]:
            found += [chapter["file"], *(one["file"] for one in chapter.get("sections", []))]
    return found


def main() -> None:
    """Print, join, and write the file whole."""
    browser_path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser_path is None or not (HTML / "index.html").exists():
        sys.exit("pdf: needs the built book (make book) and Chromium (Debian: chromium)")
    book = PdfWriter()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=FLAGS)
        page = browser.new_page(color_scheme="light")
        for name in pages():
            page.goto((HTML / f"{name}.html").as_uri())
            page.wait_for_load_state("load")
            page.evaluate(READY)
            title = page.locator("h1").first.inner_text().strip("#\n ")
            content = page.pdf(
                format="A4",
                margin={"top": "18mm", "bottom": "18mm", "left": "16mm", "right": "16mm"},
                display_header_footer=True,
                header_template="<span></span>",
                footer_template=FOOT,
            )
            book.append(PdfReader(io.BytesIO(content)), outline_item=title, import_outline=False)
        browser.close()
    book.add_metadata({"/Title": "The Hessian of phase retrieval"})
    book.compress_identical_objects()
    partial = TARGET.with_suffix(".partial")
    book.write(partial)
    partial.replace(TARGET)
    print(f"{TARGET.relative_to(ROOT)}: {len(book.pages)} pages")


if __name__ == "__main__":
    main()
