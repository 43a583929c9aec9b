"""What people read: lines that fit into a diff, names of files that are there, commands that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from jobs.cli import VERBS

ROOT = Path(__file__).resolve().parents[1]
LONGEST_LINE = 120
PAGES = (
    "README.md",
    "CHANGELOG.md",
    "cluster/README.md",
    "cluster/RUNBOOK.md",
    "models/DESIGN.md",
    "sgddiff_batch/DESIGN.md",
    "tests/reports/README.md",
)
FOR_USERS = ("README.md", "CHANGELOG.md", "cluster/README.md", "cluster/RUNBOOK.md")
DOORS = {"infer_archive", "train_distill"}
"""The two files that clusters may start as they always have."""


def read(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES)
def test_no_line_is_too_long_for_a_diff(page: str) -> None:
    lines = enumerate(read(page).splitlines(), 1)
    assert [(number, len(line)) for number, line in lines if len(line) > LONGEST_LINE] == []


@pytest.mark.parametrize("page", PAGES)
def test_pages_that_a_page_links_to_are_there(page: str) -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", read(page))
    folder = (ROOT / page).parent
    assert [link for link in links if not (folder / link).exists()] == []


@pytest.mark.parametrize("page", FOR_USERS)
def test_commands_are_verbs_that_there_are(page: str) -> None:
    named = re.findall(r"(?:python -m jobs|bin/sgddiff|[`\n]sgddiff) ([a-z]+)", read(page))
    assert set(named) <= {*VERBS}
    assert set(re.findall(r"jobs/(\w+)\.py", read(page))) <= DOORS


def test_the_readme_names_every_verb() -> None:
    rows = re.findall(r"^\| `([a-z]+)` \|", read("README.md"), re.MULTILINE)
    assert rows == [*VERBS]
