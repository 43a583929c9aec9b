"""What an installation registers: the entry points of pyproject.toml, whatever is installed here."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def installed(folder: Path, patch: pytest.MonkeyPatch, **others: str) -> None:
    """Install the package's own record into a folder that is looked at first; others: networks beside its."""
    record = folder / f"{PROJECT['name'].replace('-', '_')}-{PROJECT['version']}.dist-info"
    record.mkdir(parents=True)
    (record / "METADATA").write_text(f"Name: {PROJECT['name']}\nVersion: {PROJECT['version']}\n")
    groups = {**PROJECT["entry-points"]}
    groups["sgddiff.networks"] = {**groups["sgddiff.networks"], **others}
    lines = [
        line
        for group, rows in groups.items()
        for line in (f"[{group}]", *(f"{name} = {value}" for name, value in rows.items()))
    ]
    (record / "entry_points.txt").write_text("\n".join(lines) + "\n")
    patch.syspath_prepend(str(folder))
