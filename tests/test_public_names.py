"""What the package offers by name, so that a change of it is a decision and not an accident."""

from __future__ import annotations

import re
from importlib.metadata import entry_points
from pathlib import Path

import mockserver
from mockserver.vendors.registry import fidelity_pages, vendors
from mockserver.vendors.vendor import Vendor


def test_the_package_offers_its_version_and_nothing_else() -> None:
    public = {name for name in vars(mockserver) if not name.startswith(("_", "@"))}  # pytest adds names with an @
    modules = {path.stem for path in Path(mockserver.__file__).parent.iterdir()}

    assert mockserver.__all__ == ["__version__"]
    assert public <= modules
    assert re.fullmatch(r"\d+\.\d+\.\d+", mockserver.__version__)


def test_the_package_is_typed() -> None:
    assert Path(mockserver.__file__).with_name("py.typed").is_file()


def test_the_vendors_enter_by_the_door_that_is_open_to_others() -> None:
    assert [vendor.name for vendor in vendors()] == ["pareta", "paygentic"]
    assert all(isinstance(vendor, Vendor) for vendor in vendors())
    assert list(fidelity_pages()) == ["pareta", "paygentic"]


def test_the_command_is_installed() -> None:
    (command,) = entry_points(group="console_scripts", name="mockserver")

    assert command.value == "mockserver.cli:main"
