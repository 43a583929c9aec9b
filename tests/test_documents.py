"""What people read: lines that fit into a diff, names of files that are there, commands that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from jobs.cli import VERBS
from jobs.exits import Exit
from tests.jobs.test_cli import FLAGS

ROOT = Path(__file__).resolve().parents[1]
LONGEST_LINE = 120
PAGES = (
    "README.md",
    "CHANGELOG.md",
    "cluster/README.md",
    "cluster/RUNBOOK.md",
    "docs/recipes.md",
    "docs/viewing.md",
    "models/DESIGN.md",
    "sgddiff_batch/DESIGN.md",
    "tests/README.md",
    "tests/reports/README.md",
    "models/weights/student/README.md",
    "models/weights/student-fine/README.md",
    "models/weights/teacher/README.md",
)
FOR_USERS = (
    *("README.md", "CHANGELOG.md", "cluster/README.md", "cluster/RUNBOOK.md"),
    *("docs/recipes.md", "docs/viewing.md"),
)
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


@pytest.mark.parametrize("verb", ["export", "report"])
def test_the_readme_says_of_a_verb_what_its_help_says(verb):
    assert f"\n| `{verb}` | {VERBS[verb]} |\n" in read("README.md")


def test_the_readme_names_every_verb() -> None:
    rows = re.findall(r"^\| `([a-z]+)` \|", read("README.md"), re.MULTILINE)
    assert rows == [*VERBS]


def test_the_readme_has_the_keys_of_all_json_that_there_is() -> None:
    rows = re.findall(r"^\| `([a-z ]+?)(?: --check)? --json` \|", read("README.md"), re.MULTILINE)
    assert sorted(rows) == sorted(words for words, flags in FLAGS.items() if "--json" in flags.split())


def test_the_readme_says_what_each_exit_code_of_a_run_means() -> None:
    rows = re.findall(r"^\| (\d+) \| ", read("README.md"), re.MULTILINE)
    assert sorted(map(int, rows)) == sorted(set(Exit) - {Exit.DAMAGED})


def test_the_files_of_the_path_of_a_tile_are_there_and_fewer_than_before_there_were_rooms() -> None:
    path = read("sgddiff_batch/DESIGN.md").partition("## The path of a tile")[2].partition("\n## ")[0]
    files = re.findall(r"^(\d+)\. `([\w/.]+)`: ", path, re.MULTILINE)
    assert [int(number) for number, _ in files] == [*range(1, len(files) + 1)]
    assert 15 < len(files) < 34
    assert [file for _, file in files if not (ROOT / file).is_file()] == []


def test_the_table_of_rooms_has_every_room() -> None:
    table = read("sgddiff_batch/DESIGN.md").partition("## Rooms and doors")[2].partition("\n\n**")[0]
    named = {room.rstrip("/") for room in re.findall(r"`([\w/]+/)`", table)}
    doors = {
        str(door.parent.relative_to(ROOT))
        for door in [*ROOT.glob("sgddiff_batch/**/__init__.py"), *ROOT.glob("jobs/*/__init__.py")]
        if "__all__" in door.read_text()
    }
    assert sorted(doors - named - {"sgddiff_batch"}) == []
