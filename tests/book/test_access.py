"""Whether everybody can read it: axe-core finds nothing serious on any page, light and dark."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(visit, path: str, scheme: str) -> None:
    with visit(path, scheme=scheme) as seen:
        # A colour on its way to another is not one that stays.
        seen.page.add_style_tag(content="*, ::before, ::after { transition: none !important }")
        found = Axe().run(seen.page, options={"resultTypes": ["violations"]})
    serious = [
        (violation["id"], [node["html"][:120] for node in violation["nodes"][:3]])
        for violation in found.response["violations"]
        if violation["impact"] in {"serious", "critical"}
    ]
    assert serious == []
