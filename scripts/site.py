"""`make docs`, `make docs-serve`: the pages of docs/ and of the repository's top as a site, offline in every part.

The index (docs/README.md) is the navigation too: whatever it links is a page of the site, in its order, under the
section of its folder. So a new page needs nothing here.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
BUILD = ROOT / "build"
PAGES, SITE = BUILD / "pages", BUILD / "site"
SECTIONS = {
    "concepts": "Concepts",
    "guides": "Guides",
    "reference": "Reference",
    "adr": "Decisions",
    "coming-from": "Coming from",
}
TOP = {
    "docs/README.md": ("index.md", "Documentation"),
    "README.md": ("quick-start.md", "Quick start"),
    "CONTRIBUTING.md": ("contributing.md", "Contributing"),
    "deploy/README.md": ("deployment.md", "Deployment files"),
    "SECURITY.md": ("security.md", "Security"),
    "CHANGELOG.md": ("changelog.md", "Changelog"),
}
LINK = re.compile(r"(\[[^\]]*\])\(([^)\s]+)\)")
FENCE = re.compile(r"(^ *```.*?^ *```$)", re.DOTALL | re.MULTILINE)
# What a page loads by itself; a plain link is not that.
LOADED = re.compile(r"<(?:script|img|iframe|link)\s[^>]*(?:src|href)=\W?(https?://[^\s>\"']+)")
HEADING = re.compile(r"^# (.+)$", re.MULTILINE)


def place(file: Path) -> Path:
    """Where a file of the repository is, seen from the top of the site's pages."""
    name = file.relative_to(ROOT).as_posix()
    if name in TOP:
        return Path(TOP[name][0])
    return file.relative_to(DOCS) if file.is_relative_to(DOCS) else Path("files") / file.name


def collect() -> None:
    """Copy every page, with its links as they are from its new place, and the files that they lead to."""
    shutil.rmtree(PAGES, ignore_errors=True)
    shutil.copytree(DOCS / "assets", PAGES / "assets")
    for page in sorted([*DOCS.rglob("*.md"), *(ROOT / name for name in TOP if not name.startswith("docs/"))]):
        parts = FENCE.split(page.read_text())
        parts[::2] = [LINK.sub(lambda found, page=page: _link(found, page), part) for part in parts[::2]]
        _write(place(page), "".join(parts))


def _link(found: re.Match[str], page: Path) -> str:
    words, link = found.groups()
    path, mark, anchor = link.partition("#")
    if "://" in link or not path:
        return found[0]
    target = (page.parent / path).resolve()
    if target.is_dir():
        return words.strip("[]")
    if target.suffix != ".md":
        (PAGES / place(target)).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(target, PAGES / place(target))
    return f"{words}({os.path.relpath(place(target), place(page).parent)}{mark}{anchor})"


def _write(path: Path, text: str) -> None:
    (PAGES / path).parent.mkdir(parents=True, exist_ok=True)
    (PAGES / path).write_text(text)


def listed() -> Iterator[Path]:
    """The pages that the index links, in its order."""
    seen = set()
    for _, link in LINK.findall((DOCS / "README.md").read_text()):
        target = (DOCS / link.partition("#")[0]).resolve()
        if target.suffix == ".md" and target.is_relative_to(DOCS) and target not in seen:
            seen.add(target)
            yield target


def navigation() -> list[dict[str, Any]]:
    """Quick start, a section for each folder, and the pages of the repository's top."""
    pages: dict[str, list[Path]] = {folder: [] for folder in SECTIONS}
    for page in listed():
        folder = page.relative_to(DOCS).parts[0]
        pages[folder if folder in SECTIONS else "reference"].append(page)
    first, last = list(TOP.values())[:2], list(TOP.values())[2:]
    return [
        *({title: path} for path, title in first),
        *({SECTIONS[one]: [{_title(each): place(each).as_posix()} for each in pages[one]]} for one in SECTIONS),
        {"Project": [{title: path} for path, title in last]},
    ]


def _title(page: Path) -> str:
    found = HEADING.search(page.read_text())
    return found[1].replace("`", "") if found else page.stem


def configuration() -> str:
    """`docs/site.toml` with the navigation."""
    return (DOCS / "site.toml").read_text().replace("nav = []", f"nav = {_toml(navigation())}", 1)


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_toml(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(one) for one in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def main() -> None:
    """Build it, or serve it while it is written."""
    collect()
    config = BUILD / "zensical.toml"
    config.write_text(configuration())
    chosen = ["build", "--clean", "--strict"] if sys.argv[1] == "build" else ["serve", "--dev-addr", "127.0.0.1:8001"]
    command = [sys.executable, "-m", "zensical", *chosen, "-f", str(config)]
    done = subprocess.run(command, cwd=BUILD, check=False)  # noqa: S603 - ourselves
    if done.returncode == 0 and (found := sorted(elsewhere())):
        sys.exit("These would be loaded from elsewhere: " + ", ".join(found))
    sys.exit(done.returncode)


def elsewhere() -> Iterator[str]:
    """What the built pages would load from other hosts: nothing, or the site does not work offline."""
    for page in SITE.rglob("*.html"):
        yield from LOADED.findall(page.read_text())


if __name__ == "__main__":
    main()
