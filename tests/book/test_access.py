"""Whether everybody can read it: axe-core finds nothing serious on any page, light and dark."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe

# What does not depend on colours is the same in the dark. What axe would load once more are the
# page's own style sheets.
LOOK = {"resultTypes": ["violations"], "preload": False}
SCHEMES = {"light": LOOK, "dark": {**LOOK, "runOnly": ["color-contrast", "link-in-text-block"]}}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_axe_finds_nothing_serious(desk, scheme: str) -> None:
    # A colour on its way to another is not one that stays.
    desk.page.add_style_tag(content="*, ::before, ::after { transition: none !important }")
    desk.page.emulate_media(color_scheme=scheme)
    desk.page.wait_for_function(f"document.documentElement.dataset.theme === '{scheme}'")
    found = Axe().run(desk.page, options=SCHEMES[scheme])
    serious = [
        (violation["id"], [node["html"][:120] for node in violation["nodes"][:3]])
        for violation in found.response["violations"]
        if violation["impact"] in {"serious", "critical"}
    ]
    assert serious == []


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
