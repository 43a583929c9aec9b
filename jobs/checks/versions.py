"""Versions: of Python and of the packages, against the ranges and the pins of this project."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from jobs.checks.check import Check, failed, note, ok, some
from sgddiff_batch.runs import PIXELS_VERSION

PROJECT = "sgddiff-batch"
CHECKOUT = Path(__file__).resolve().parents[2]
PINS = "constraints-py311.txt"
_OLDEST = (3, 11)
_SETUP = "make setup, or pip install -e . with the constraints in a new environment"


def check_versions(needs_ray: bool) -> Iterator[Check]:
    """Yield the checks of Python and of all packages; those of Ray only where a run needs them."""
    yield check_python(sys.version_info[:3])
    ranges = read_ranges(CHECKOUT)
    wanted = [*ranges.get("", ()), *(ranges.get("cluster", ()) if needs_ray else ())]
    pins = read_pins(CHECKOUT / PINS) if sys.version_info[:2] == _OLDEST else {}
    yield from check_packages(wanted, installed_versions(), pins)


def check_pixels() -> Check:
    """Return which pixels this software makes of a scene, its model and settings."""
    found = f"pixels_version {PIXELS_VERSION}; a run makes mosaics of another one anew"
    return ok("pixels", f"{found} (`sgddiff verify` counts them)")


def check_python(version: tuple[int, ...]) -> Check:
    """Return whether this Python is one that the project runs on."""
    found = ".".join(map(str, version))
    if version < _OLDEST:
        return failed("python", f"{found}; 3.11 or newer is needed", "make PYTHON=python3.11 setup")
    if version[:2] != _OLDEST:
        return note("python", f"{found}; the tests run on 3.11", "nothing, or make PYTHON=python3.11 setup")
    return ok("python", found)


def check_packages(
    wanted: Sequence[str], versions: Mapping[str, str], pins: Mapping[str, str]
) -> Iterator[Check]:
    """Yield a check for each package that is missing or out of its range, and one for all others."""
    requirements = [Requirement(text) for text in wanted]
    wrong = [found for requirement in requirements if (found := _why_wrong(requirement, versions))]
    for found in wrong:
        yield failed("package", found, _SETUP)
    others = {name: pin for name, pin in pins.items() if not _is_pinned(versions.get(name, pin), pin)}
    if others:
        told = some(f"{name} {versions[name]} (pinned: {pin})" for name, pin in others.items())
        yield note("packages", f"{len(others)} are not of the pinned version: {told}", _SETUP)
    elif not wrong:
        yield ok("packages", f"{len(requirements)} in their ranges{', all as pinned' if pins else ''}")


def _is_pinned(version: str, pin: str) -> bool:
    # A build for other machines is of the same version: 2.13.0+cpu.
    return version == pin or version.partition("+")[0] == pin


def _why_wrong(requirement: Requirement, versions: Mapping[str, str]) -> str:
    found = versions.get(canonicalize_name(requirement.name))
    if found is None:
        return f"{requirement.name} is not installed; needed: {requirement}"
    if not requirement.specifier.contains(found, prereleases=True):
        return f"{requirement.name} {found} is installed; needed: {requirement}"
    return ""


def installed_versions() -> dict[str, str]:
    """Return the version of each installed package by its canonical name."""
    found = [(one.metadata["Name"], one.version) for one in metadata.distributions()]
    return {canonicalize_name(name): version for name, version in reversed(found) if name}


def read_ranges(checkout: Path) -> dict[str, list[str]]:
    """Return what the project requires, by extra ("" for always): of the checkout, else as installed."""
    if (checkout / "pyproject.toml").is_file():
        project = tomllib.loads((checkout / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        return {"": project["dependencies"], **project["optional-dependencies"]}
    ranges: dict[str, list[str]] = {}
    for text in metadata.requires(PROJECT) or ():
        requirement = Requirement(text)
        extra = _extra_of(requirement)
        requirement.marker = None
        ranges.setdefault(extra, []).append(str(requirement))
    return ranges


def _extra_of(requirement: Requirement) -> str:
    if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
        return ""
    extras = metadata.metadata(PROJECT).get_all("Provides-Extra") or ()
    return next((extra for extra in extras if requirement.marker.evaluate({"extra": extra})), "no extra")


def read_pins(path: Path) -> dict[str, str]:
    """Return the pinned versions by canonical name; none where there is no such file."""
    if not path.is_file():
        return {}
    lines = [line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines()]
    pairs = [line.split("==") for line in lines if "==" in line]
    return {canonicalize_name(name): version for name, version in pairs}
