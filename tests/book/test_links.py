"""Every link inside the book leads somewhere."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from lxml import html as parser

REFERENCES = ("href", "src", "poster", "data")


@cache
def read(path: Path) -> parser.HtmlElement:
    return parser.fromstring(path.read_bytes())


@cache
def anchors(path: Path) -> frozenset[str]:
    return frozenset(read(path).xpath("//@id")) | frozenset(read(path).xpath("//a/@name"))


def test_every_internal_link_and_anchor_resolves(html: Path, path: str) -> None:
    page = html / path
    broken = []
    for element in read(page).iter():
        for value in filter(None, (element.get(name) for name in REFERENCES)):
            link = urlsplit(value)
            if link.scheme or link.netloc:
                continue
            target = (page.parent / unquote(link.path)).resolve() if link.path else page
            if target.is_dir():
                target /= "index.html"
            if not target.is_file():
                broken.append(f"{value}: no such file")
            elif (
                link.fragment
                and "=" not in link.fragment  # a state of the stage, which has a test of its own
                and target.suffix == ".html"
                and unquote(link.fragment) not in anchors(target)
            ):
                broken.append(f"{value}: no such anchor")
    assert not broken


def test_no_element_loads_from_another_host(html: Path, path: str) -> None:
    page = read(html / path)
    loaded = page.xpath(
        "//script/@src | //img/@src | //iframe/@src | //source/@src | //object/@data"
        " | //link[@rel='stylesheet' or @rel='preload' or contains(@rel, 'icon')]/@href"
    )
    assert [url for url in loaded if urlsplit(url).netloc] == []


def test_pictures_have_a_text_for_those_who_do_not_see_them(html: Path, path: str) -> None:
    assert [img.get("src", "")[:80] for img in read(html / path).xpath("//img[not(@alt)]")] == []


def test_the_book_has_its_pages(html: Path) -> None:
    for name in "intro problem rerun cite glossary api architecture references".split():
        assert (html / "book" / f"{name}.html").is_file()


@pytest.mark.parametrize("term", ["BBP transition", "threshold state", "label measure", "overlap"])
def test_the_glossary_explains(html: Path, term: str) -> None:
    terms = read(html / "book" / "glossary.html").xpath("//dl[contains(@class, 'glossary')]/dt")
    assert term in [one.text.strip() for one in terms]


def test_the_reference_describes_every_module(root: Path, html: Path) -> None:
    described = "".join(file.read_text("utf8") for file in html.glob("book/api*.html"))
    for file in (root / "prlib").rglob("*.py"):
        parts = file.relative_to(root).with_suffix("").parts
        module = ".".join(part for part in parts if part != "__init__")
        assert f'id="module-{module}"' in described, module
