"""Whether everybody can read it: axe-core finds nothing serious on any page, light and dark."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

# What axe would load once more are the page's own style sheets.
LOOK = {"resultTypes": ["violations"], "preload": False}
COLOURS = ["color-contrast", "link-in-text-block"]

ONE_OF_A_KIND = """() => {
    const colours = new Map(), kinds = new Set();
    const kind = e => {
        if (!colours.has(e)) {
            const under = e === document.body ? "" : kind(e.parentElement);
            const ground = getComputedStyle(e).backgroundColor;
            colours.set(e, `${e.tagName} ${e.className} ${ground} < ${under}`);
        }
        return colours.get(e);
    };
    document.querySelectorAll("[data-kind]").forEach(e => delete e.dataset.kind);
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const e = texts.currentNode.parentElement;
        if (!texts.currentNode.data.trim()) continue;
        const seen = `${getComputedStyle(e).color} ${kind(e)}`;
        if (!kinds.has(seen)) e.dataset.kind = "";
        kinds.add(seen);
    }
    return kinds.size;
}"""
"""Marks one text of each place in the tree, class and colours: a page has thousands alike."""


def serious(page: Page, options: dict, *context: dict) -> list:
    """Return what axe finds serious, with some of the places."""
    found = Axe().run(page, *context, options={**LOOK, **options})
    return [
        (violation["id"], [node["html"][:120] for node in violation["nodes"][:3]])
        for violation in found.response["violations"]
        if violation["impact"] in {"serious", "critical"}
    ]


def colours(page: Page, scheme: str) -> list:
    """Return what axe finds serious in the colours of one text of a kind."""
    page.emulate_media(color_scheme=scheme)
    page.wait_for_function(f"document.documentElement.dataset.theme === '{scheme}'")
    assert page.evaluate(ONE_OF_A_KIND) > 5
    return serious(page, {"runOnly": COLOURS}, {"include": [["[data-kind]"]]})


def test_axe_finds_nothing_serious(desk) -> None:
    # A colour on its way to another is not one that stays.
    desk.page.add_style_tag(content="*, ::before, ::after { transition: none !important }")
    assert serious(desk.page, {"rules": {name: {"enabled": False} for name in COLOURS}}) == []
    assert colours(desk.page, "dark") == []
    assert colours(desk.page, "light") == []


def test_a_colour_that_cannot_be_read_is_noticed(visit) -> None:
    with visit("book/cite.html") as seen:
        last = seen.page.locator("article p").last
        last.evaluate("e => (e.style.color = '#bbb')")
        (found,) = colours(seen.page, "light")
        assert found[0] == "color-contrast"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_keyboard_is_seen_on_every_button(visit, scheme: str) -> None:
    where = """() => {
        const e = document.activeElement, s = getComputedStyle(e), box = e.getBoundingClientRect();
        const name = `${e.tagName} ${e.ariaLabel || e.title || e.className}`;
        return [name, s.outlineStyle === "solid" && box.width > 9 && box.height > 9];
    }"""
    with visit("notebooks/01-bbp-at-initialisation.html", scheme=scheme) as seen:
        found = []
        for _ in range(50):
            seen.page.keyboard.press("Tab")
            found.append(seen.page.evaluate(where))
    buttons = [(name, shown) for name, shown in found if name.startswith(("BUTTON", "SUMMARY"))]
    assert len(buttons) > 6
    assert [name for name, shown in buttons if not shown] == []
