"""The built page: these sources to the byte, small, nothing that its policy refuses, licences listed.

So is the page by which tests look at mosaics with ol-stac, built by the same project; no other rule is its.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.viewer.page.examples import PAGE

SOURCE = PAGE.parent / "source"
ROOT = Path(__file__).parents[3]
STAC_PAGE = ROOT / "tests" / "io" / "catalogue" / "page"
FILES = ("LICENSES.txt", "index.html", "viewer.css", "viewer.js")
STAC_FILES = ("LICENSES.txt", "index.html", "stac.js")
BUILT = (("build.js", PAGE, FILES), ("build_stac.js", STAC_PAGE, STAC_FILES))
MOST_BYTES = 1_000_000
OPEN = {
    *("MIT", "BSD-2-Clause", "BSD-3-Clause", "ISC", "Apache-2.0", "CC0-1.0", "Unlicense"),
    *("(MIT AND Zlib)", "MIT AND BSD-3-Clause"),
}


@pytest.mark.parametrize(("page", "files"), [(PAGE, FILES), (STAC_PAGE, STAC_FILES)])
def test_a_page_is_these_files_and_nothing_else(page, files):
    assert sorted(path.name for path in page.iterdir()) == sorted(files)


def test_building_them_anew_gives_the_same_bytes(tmp_path):
    if not (shutil.which("npm") and shutil.which("node")):
        pytest.skip("npm or Node is not on the path")
    project = shutil.copytree(SOURCE, tmp_path / "source", ignore=shutil.ignore_patterns("node_modules"))
    got = subprocess.run(
        ["npm", "ci", "--no-audit", "--no-fund", "--prefer-offline"],
        cwd=project,
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    if got.returncode:
        pytest.skip(f"npm cannot have the packages of the lock file: {got.stderr.strip()[-300:]}")
    for program, page, files in BUILT:
        anew = tmp_path / program
        subprocess.run(["node", program, str(anew)], cwd=project, check=True, timeout=120)
        for name in files:
            assert (anew / name).read_bytes() == (page / name).read_bytes(), f"{name}: run `make viewer`"


def test_the_lock_file_names_no_registry_and_a_digest_of_each_package():
    lock = json.loads((SOURCE / "package-lock.json").read_text())
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert len(packages) > 20
    assert [name for name, entry in packages.items() if "resolved" in entry] == []
    assert [
        name for name, entry in packages.items() if not entry.get("integrity", "").startswith("sha512-")
    ] == []


def test_every_package_of_the_project_has_one_version():
    wanted = json.loads((SOURCE / "package.json").read_text())
    versions = {**wanted["dependencies"], **wanted["devDependencies"]}
    assert {
        name: version for name, version in versions.items() if not re.fullmatch(r"\d[\w.-]*", version)
    } == {}


def test_the_script_is_small_and_has_neither_webassembly_nor_evaluated_code():
    script = (PAGE / "viewer.js").read_text()
    assert len(script.encode()) < MOST_BYTES
    assert re.findall(r"WebAssembly\.|\beval\(|new Function\(|new Worker\(", script) == []


def test_the_page_loads_its_own_files_alone_and_has_nothing_inline():
    page = (PAGE / "index.html").read_text()
    addresses = re.findall(r'(?:src|href)="(?!data:|#)([^"]*)"', page)
    assert sorted(addresses) == ["viewer.css", "viewer.js"]
    assert re.findall(r"<style|<script(?! defer src)|\son\w+=|\sstyle=", page) == []


def test_every_package_in_a_bundle_has_its_licence():
    viewer, stac = licences(PAGE), licences(STAC_PAGE)
    assert {"fzstd", "geotiff", "hyparquet", "ol", "proj4", "world-atlas", "zarrita"} <= viewer.keys()
    assert {"ol", "ol-stac", "stac-js", "proj4", "zarrita"} <= stac.keys()
    assert {*viewer.values(), *stac.values()} <= OPEN


def licences(page: Path) -> dict[str, str]:
    """Return the licence of each package of a page, by the package's name."""
    text = (page / "LICENSES.txt").read_text()
    return dict(re.findall(r"^={78}\n(\S+) \S+: (.+)$", text, re.MULTILINE))


def test_ol_stac_is_in_the_page_of_the_tests_alone():
    assert "ol-stac" not in licences(PAGE)
    packaged = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]
    assert [name for name in packaged["include"] if name.startswith("tests")] == []
    assert "sgddiff_batch.viewer.source*" in packaged["exclude"]
