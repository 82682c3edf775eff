"""What the project says of itself in several places is the same in all of them, and true."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from lxml import html as parser

import prlib.parameters

TARGETS = re.compile(r"^([a-z]+):", re.MULTILINE)

# Where packages come from is the reader's business: no registry or mirror is named in the project.
REGISTRIES = re.compile(
    r"(?:pypi|pythonhosted|npmjs|yarnpkg|unpkg|jsdelivr|cloudflare|conda|anaconda)\.(?:org|com|net)"
    r"|--(?:extra-)?index-url|--find-links|/root/|/home/"
)


def load(path: Path) -> dict:
    return yaml.safe_load(path.read_text(encoding="utf8"))


def tracked(root: Path) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=root, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [root / name for name in listed.stdout.split("\0") if name and (root / name).is_file()]


@pytest.fixture(scope="module")
def repository(root: Path) -> str:
    return load(root / "_config.yml")["repository"]["url"]


def test_the_repository_has_one_address(root: Path, repository: str) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    assert project["urls"]["Repository"] == repository
    assert load(root / "CITATION.cff")["repository-code"] == repository
    owner = repository.rsplit("/", 2)[1]
    for path in tracked(root):
        if path.suffix in {".md", ".toml", ".cff", ".yml", ".py"}:
            for found in re.findall(
                rf"https://github\.com/{owner}/[\w.-]+", path.read_text("utf8")
            ):
                assert found == repository, path


def test_the_version_is_the_same_everywhere(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    assert load(root / "CITATION.cff")["version"] == project["version"]


def test_citation_names_the_companion_and_the_paper(root: Path) -> None:
    cff = load(root / "CITATION.cff")
    # What the Citation File Format 1.2.0 requires of a file, of a person or entity, of a reference.
    assert {"cff-version", "message", "title", "authors"} <= set(cff)
    assert cff["cff-version"] == "1.2.0"
    assert cff["type"] == "software"
    for work in (cff, *cff["references"]):
        assert work["title"]
        assert all("name" in one or "family-names" in one for one in work["authors"])
    assert all({"type", "title", "authors"} <= set(work) for work in cff["references"])
    paper = cff["references"][0]
    assert [one["family-names"] for one in paper["authors"]] == ["Bonnaire", "Biroli", "Cammarota"]
    assert {"type": "other", "value": "arXiv:2403.02418"} in paper["identifiers"]
    assert "MIT License" in (root / "LICENSE").read_text()
    assert cff["license"] == "MIT"


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "book/rerun.md"])
def test_commands_that_are_named_exist(root: Path, page: str) -> None:
    targets = set(TARGETS.findall((root / "Makefile").read_text()))
    named = set(re.findall(r"\bmake ([a-z]+)\b(?=[`\s#]*(?:#|`|\n|$))", (root / page).read_text()))
    assert named <= targets


def test_the_makefile_explains_every_command(root: Path) -> None:
    makefile = (root / "Makefile").read_text()
    phony = set(re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[1].split())
    assert set(re.findall(r"^([a-z]+):.*## ", makefile, re.MULTILINE)) == phony


def test_no_tracked_file_names_a_package_registry_or_a_private_path(root: Path) -> None:
    ours = Path(__file__).resolve()
    vendored = root / "book" / "_static" / "vendor"
    found = []
    for path in tracked(root):
        if path.resolve() == ours or path.is_relative_to(vendored) or path.suffix == ".parquet":
            continue
        text = path.read_text("utf8", errors="ignore")
        found += [f"{path.relative_to(root)}: {match[0]}" for match in REGISTRIES.finditer(text)]
    assert found == []


def test_every_locked_package_has_its_hashes(root: Path) -> None:
    lock = (root / "requirements.lock").read_text()
    packages = re.findall(r"^[\w.-]+==\S+", lock, re.MULTILINE)
    assert len(packages) > 50
    for entry in re.split(r"\n(?=\w)", lock.strip()):
        assert "--hash=sha256:" in entry, entry.split()[0]


def test_pages_of_notebooks_launch_the_notebook_they_show(root: Path, html: Path) -> None:
    repository = load(root / "_config.yml")["repository"]
    name = repository["url"].removeprefix("https://github.com/")
    notebooks = sorted((root / "notebooks").glob("*.ipynb"))
    listed = {
        chapter["file"] for part in load(root / "_toc.yml")["parts"] for chapter in part["chapters"]
    }
    assert {f"notebooks/{notebook.stem}" for notebook in notebooks} <= listed
    for notebook in notebooks:
        page = parser.fromstring((html / "notebooks" / f"{notebook.stem}.html").read_bytes())
        links = page.xpath("//a/@href")
        path = f"notebooks/{notebook.name}"
        branch = repository["branch"]
        assert any("mybinder.org" in link and name in link and path in link for link in links)
        assert f"https://colab.research.google.com/github/{name}/blob/{branch}/{path}" in links, (
            notebook
        )


def test_the_installed_package_is_this_checkout(root: Path) -> None:
    assert Path(prlib.parameters.__file__).is_relative_to(root)
