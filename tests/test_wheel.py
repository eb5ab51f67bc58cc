"""What is shipped: opens the built wheel and source archive, and runs the wheel's files on their own."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from configparser import ConfigParser
from pathlib import Path

import pytest

from mockserver import __version__

ROOT = Path(__file__).resolve().parent.parent
VENDORS = ("pareta", "paygentic")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source archive; the wheel is made from the archive, as an index would."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> zipfile.ZipFile:
    (path,) = built.glob("*.whl")
    return zipfile.ZipFile(path)


@pytest.fixture(scope="module")
def source(built: Path) -> set[str]:
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        return {name.partition("/")[2] for name in archive.getnames()}


def shipped(folder: str) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in (ROOT / folder).rglob("*") if path.is_file()]


def test_the_wheel_has_every_module_and_every_piece_of_data(wheel: zipfile.ZipFile) -> None:
    names = set(wheel.namelist())
    code = {str(path.relative_to(ROOT)) for path in (ROOT / "mockserver").rglob("*.py")}

    assert code <= names
    assert {f"mockserver/_data/{name}" for name in [*shipped("fixtures"), *shipped("scenarios")]} <= names
    assert {f"mockserver/vendors/{vendor}/FIDELITY.md" for vendor in VENDORS} <= names
    assert "mockserver/py.typed" in names


def test_the_wheel_has_nothing_else(wheel: zipfile.ZipFile) -> None:
    assert {name.split("/")[0] for name in wheel.namelist()} == {
        "mockserver", f"mockserver-{__version__}.dist-info",
    }  # fmt: skip
    assert not [name for name in wheel.namelist() if name.endswith((".pyc", ".db"))]


def test_the_wheel_says_how_it_is_entered_and_under_which_licence(wheel: zipfile.ZipFile) -> None:
    entries = ConfigParser()
    entries.read_string(wheel.read(f"mockserver-{__version__}.dist-info/entry_points.txt").decode())

    assert entries["console_scripts"]["mockserver"] == "mockserver.cli:main"
    assert set(entries["mockserver.vendors"]) == set(VENDORS)
    assert dict(entries["pytest11"]) == {"mockserver": "mockserver.pytest_plugin"}
    licence = wheel.read(f"mockserver-{__version__}.dist-info/licenses/LICENSE").decode()
    assert "Apache License" in licence


def test_the_source_archive_can_be_worked_with(source: set[str]) -> None:
    assert {"pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE", "tests/conftest.py"} <= source
    assert set(shipped("fixtures")) | set(shipped("scenarios")) <= source


def test_the_wheel_runs_without_its_checkout(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    wheel.extractall(tmp_path / "site")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    code = (
        "import pathlib, mockserver;"
        "from mockserver import resources;"
        "from mockserver.app import Simulator;"
        "Simulator().close();"
        "print(pathlib.Path(mockserver.__file__).parents[1]); print(resources.folder('fixtures'))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        str(tmp_path / "site"), str(tmp_path / "site/mockserver/_data/fixtures"),
    ]  # fmt: skip
