"""The Python of the vendor's own documentation, every block that can stand alone, against a served world."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from collections import Counter
from pathlib import Path

import httpx
import pytest

from tests.vendors.pareta.clients import pages
from tests.vendors.pareta.clients.pages import Outcome

pytestmark = pytest.mark.sdk

FLOOR = {"0.3.1": 330, "1.1.1": 290, "3.0.4": 293}
"""How many blocks of each version run at least, so that nothing passes by being passed over."""

DIFFERENCES: dict[tuple[str, str], str] = {
    # The page attaches a third document to a set of two rows.
    **{(version, "docs/guide/evaluation.md"): "idx must be between 0 and 1" for version in FLOOR},
    # The page takes a leaderboard's models for open ones and deploys the best; ours lists the baseline among them.
    ("0.3.1", "docs/guide/core-concepts.md"): "unknown model 'gpt-5.5'",
    # The page formats the kind of every row; others of that release say that `auto` has none.
    ("3.0.4", "docs/examples/find-and-deploy-best-model.md"): "NoneType.__format__",
}
"""By version and page: what we do otherwise than the page shows, and mean to."""


def source_of(version: str, folder: Path) -> Path:
    """Return the unpacked source distribution of a version; the first time it comes from the package registry."""
    kept = Path(sys.prefix) / "sdks" / "sources" / f"pareta-{version}.tar.gz"
    if not kept.is_file():
        fetch = [sys.executable, "-m", "pip", "--retries", "1", "--timeout", "15", "download", "--quiet", "--no-deps"]
        done = subprocess.run(
            [*fetch, "--no-binary", ":all:", "--no-build-isolation", "--dest", kept.parent, f"pareta=={version}"],
            capture_output=True, text=True, timeout=180, check=False,
        )  # fmt: skip
        if not kept.is_file():
            said = done.stderr.strip().splitlines()[-1:]
            pytest.skip(f"the pages of pareta {version} cannot be fetched from the package registry: {said}")
    with tarfile.open(kept) as archive:
        archive.extractall(folder, filter="data")
    return folder / f"pareta-{version}"


def report(outcomes: list[Outcome]) -> str:
    """Say what became of each page, and why blocks were passed over."""
    lines = []
    for page in dict.fromkeys(outcome.page for outcome in outcomes):
        mine = [outcome for outcome in outcomes if outcome.page == page]
        counts = Counter(outcome.result for outcome in mine)
        lines.append(f"{page}: {counts['ran']} of {len(mine)} ran")
        lines += [f"    line {o.line} {o.result}: {o.reason}" for o in mine if o.result != "ran"]
    return "\n".join(lines)


@pytest.mark.parametrize("version", FLOOR)
def test_the_pages_of_a_version_run_as_printed(version: str, url: str, tmp_path: Path) -> None:
    source = source_of(version, tmp_path)
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(source / "src"), "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, pages.__file__, source, url, f"pages-{version}"],
        env=env, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    outcomes = [Outcome(**outcome) for outcome in json.loads(done.stdout)]

    found = report(outcomes)
    print(f"pareta {version}\n{found}")
    failed = {(o.page, o.line): o.reason for o in outcomes if o.result == "failed"}
    meant = {page: says for (of, page), says in DIFFERENCES.items() if of == version}
    unmeant = {place: said for place, said in failed.items() if meant.get(place[0], "\0") not in said}
    assert unmeant == {}, found
    assert set(meant) <= {page for page, _ in failed}, "a difference is gone; so should be its entry"
    worlds = [world["name"] for world in httpx.get(f"{url}/_mock/worlds").json()["data"]]
    assert len(worlds) > 20
    for name in worlds:
        books = httpx.get(f"{url}/_mock/worlds/{name}/invariants").json()
        assert books["holds"], (name, books)
    assert sum(o.result == "ran" for o in outcomes) >= FLOOR[version], found
