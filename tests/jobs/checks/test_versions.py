from __future__ import annotations

from pathlib import Path

import pytest

from jobs.checks.versions import (
    check_packages,
    check_pixels,
    check_python,
    installed_versions,
    read_pins,
    read_ranges,
)
from sgddiff_batch.runs import PIXELS_VERSION

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("version", "state"),
    [((3, 11, 7), "ok"), ((3, 13, 0), "note"), ((3, 10, 12), "failed"), ((4, 0, 0), "note")],
)
def test_a_python_is_judged_by_its_version(version, state):
    assert check_python(version).state == state


def test_packages_that_are_as_they_should_be_are_one_line():
    [check] = check_packages(["zarr>=3.1.6,<4"], {"zarr": "3.2.0"}, {"zarr": "3.2.0", "ruff": "1"})
    assert (check.state, check.found) == ("ok", "1 in their ranges, all as pinned")


@pytest.mark.parametrize("found", [{}, {"zarr": "3.1.5"}, {"zarr": "4.0"}])
def test_a_package_that_is_missing_or_out_of_its_range_fails_with_what_is_needed(found):
    [check] = check_packages(["zarr>=3.1.6,<4"], found, {})
    assert check.state == "failed"
    assert check.found.endswith("needed: zarr<4,>=3.1.6")


def test_other_versions_than_the_pinned_are_a_note_that_names_them():
    pins = {"zarr": "3.2.0", "torch": "2.13.0"}
    [check] = check_packages(["zarr>=3"], {"zarr": "3.2.1", "torch": "2.13.0+cpu"}, pins)
    assert check.state == "note"
    assert "zarr 3.2.1 (pinned: 3.2.0)" in check.found
    assert "torch" not in check.found


def test_names_are_the_same_however_they_are_spelled():
    [check] = check_packages(["PyYAML>=6", "rio_tiler>=1"], {"pyyaml": "6.0", "rio-tiler": "9"}, {})
    assert check.state == "ok"


def test_the_ranges_of_the_checkout_are_those_that_were_installed(tmp_path):
    of_checkout, installed = read_ranges(ROOT), read_ranges(tmp_path)
    assert {line.split(">")[0].split("<")[0].lower() for line in of_checkout[""]} >= {"zarr", "torch"}
    assert len(installed["cluster"]) == len(of_checkout["cluster"]) == 1


def test_the_pins_are_read_without_their_comments():
    pins = read_pins(ROOT / "constraints-py311.txt")
    assert pins["zarr"].startswith("3.")
    assert read_pins(ROOT / "no-such-file.txt") == {}
    assert installed_versions()["pydantic"]


def test_the_pixels_of_this_software_are_named_by_their_version():
    check = check_pixels()
    assert check.state == "ok"
    assert check.found.startswith(f"pixels_version {PIXELS_VERSION};")
