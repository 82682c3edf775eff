"""What a published book needs beside its pages."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from lxml import etree
from lxml import html as parser
from playwright.sync_api import expect
from pypdf import PdfReader
from yaml import safe_load

PAGES = "{http://www.sitemaps.org/schemas/sitemap/0.9}loc"


def test_the_sitemap_lists_the_pages_at_the_books_address(html: Path, root: Path) -> None:
    base = safe_load((root / "_config.yml").read_text())["sphinx"]["config"]["html_baseurl"]
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    assert base == project["urls"]["Documentation"] + "/"
    listed = {e.text for e in etree.parse(html / "sitemap.xml").iter(PAGES)}
    assert f"{base}book/intro.html" in listed
    for address in listed:
        assert (html / address.removeprefix(base)).is_file(), address


def test_a_lost_reader_is_led_back(html: Path, root: Path, visit) -> None:
    base = safe_load((root / "_config.yml").read_text())["sphinx"]["config"]["html_baseurl"]
    # At any depth of the published book; on a disk there is no server to show it.
    assert f'<base href="{urlsplit(base).path}">' in (html / "404.html").read_text()
    with visit("404.html") as seen:
        assert seen.page.locator("nav a[href='book/holds.html']").count()
        seen.page.locator("article a", has_text="The story in one page").click()
        assert seen.page.url.endswith("book/intro.html")
    with visit("404.html") as seen:
        seen.page.locator("article input[type=search]").fill("outlier")
        seen.page.keyboard.press("Enter")
        seen.page.wait_for_url("**/search.html?q=outlier")


def test_a_shared_page_has_a_card(html: Path, root: Path) -> None:
    page = parser.fromstring((html / "book" / "intro.html").read_bytes())
    card = {one.get("property"): one.get("content") for one in page.xpath("//meta[@property]")}
    assert card["og:title"] == "The story in one page"
    assert card["og:site_name"] == safe_load((root / "_config.yml").read_text())["title"]
    assert len(card["og:description"]) > 100
    assert (html / card["og:image"].split("/hessian-companion/")[1]).is_file()


def test_a_link_shows_what_it_leads_to(visit) -> None:
    shown = {
        "book/problem.html": (":has(.std-term)", "[href^='#eq']", "[href*='references.html#']"),
        "book/why.html": ("[href*='#fig-']",),
    }
    for page, links in shown.items():
        with visit(page) as seen:
            card = seen.page.locator("#prlib-preview")
            for link in links:
                seen.page.locator(f"article a.reference{link}").first.hover()
                expect(card).to_be_visible()
                assert len(card.text_content().strip()) > 10
                seen.page.keyboard.press("Escape")
                expect(card).to_be_hidden()
            assert [one for one in seen.complaints if "MathJax" in one] == []


def test_the_archive_says_what_the_citation_says(root: Path) -> None:
    archive = json.loads((root / ".zenodo.json").read_text())
    cff = safe_load((root / "CITATION.cff").read_text())
    assert archive["title"] == cff["title"]
    assert archive["license"] == cff["license"]
    assert archive["keywords"] == cff["keywords"]
    assert [one["name"] for one in archive["creators"]] == [one["name"] for one in cff["authors"]]


@pytest.mark.slow
@pytest.mark.usefixtures("html")
def test_the_pdf_has_contents_numbers_and_links_inside(root: Path) -> None:
    subprocess.run([sys.executable, root / "tools" / "pdf.py"], check=True, cwd=root)
    book = PdfReader(root / "_build" / "hessian-companion.pdf")
    contents = book.pages[1].extract_text()
    for item in book.outline:
        place = book.get_destination_page_number(item)
        assert f"{item.title} {place + 1}" in contents.replace("\ufb01", "fi")
        assert book.pages[place].extract_text().rstrip().endswith(str(place + 1))
    assert any(item.title.startswith("12. ") for item in book.outline)
    assert not any("API" in item.title for item in book.outline)
    links = [one.get_object() for page in book.pages for one in page.get("/Annots", ())]
    assert sum("/Dest" in link for link in links) > len(book.outline)
    assert not any("file:" in str(link.get("/A", "")) for link in links)
