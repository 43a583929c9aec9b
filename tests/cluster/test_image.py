"""The image file, as far as it can be judged without building it."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import PurePosixPath

import pytest

from tests.cluster.commands import CHECKOUT, job_of
from tests.cluster.manifests import CONFIGS, ROOT

FILE = ROOT / "cluster" / "Dockerfile"
IGNORE = FILE.with_name("Dockerfile.dockerignore")
KNOWN = {"ARG", "CMD", "COPY", "ENV", "FROM", "RUN", "USER", "WORKDIR"}
"""What this image may use; ADD, which fetches and unpacks, is left out on purpose."""


@dataclass(frozen=True, slots=True)
class Step:
    """An instruction with its continuation lines joined."""

    name: str
    text: str


def parse(text: str) -> list[Step]:
    """The instructions of an image file.

    Raises:
        ValueError: for an instruction that is unknown or empty, or a file that does not begin a stage.
    """
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    steps, pending = [], ""
    for line in lines:
        pending += line
        if pending.endswith("\\"):
            pending = pending[:-1]
        elif pending.strip():
            name, _, rest = pending.strip().partition(" ")
            if name not in KNOWN or not rest.strip():
                raise ValueError(f"not an instruction of this image: {pending.strip()[:60]!r}")
            steps.append(Step(name, rest.strip()))
            pending = ""
    if pending.strip():
        raise ValueError(f"the last line goes on: {pending[-60:]!r}")
    if next(step.name for step in steps if step.name != "ARG") != "FROM":
        raise ValueError("an image begins with FROM")
    return steps


def sources(steps: list[Step]) -> list[str]:
    """What is copied from the checkout; copies between stages are left out."""
    copies = [step.text.split() for step in steps if step.name == "COPY"]
    return [name for words in copies if not words[0].startswith("--from") for name in words[:-1]]


STEPS = parse(FILE.read_text())
SHELL = [step.text for step in STEPS if step.name == "RUN"]


def test_the_base_image_is_pinned_to_a_patch_version() -> None:
    arguments = dict(step.text.split("=") for step in STEPS if step.name == "ARG")
    images = [step.text.split()[0] for step in STEPS if step.name == "FROM"]
    assert images == ["${BASE}"] * 2
    assert re.fullmatch(r"python:3\.11\.\d+-slim-[a-z]+", arguments["BASE"])


def test_every_source_is_in_the_checkout_and_is_sent_to_the_builder() -> None:
    copied = sources(STEPS)
    assert {"jobs", "models", "sgddiff_batch", "pyproject.toml", "constraints-py311.txt"} <= set(copied)
    assert [name for name in copied if not (ROOT / name).exists()] == []
    assert [name for name in copied if not is_sent(name)] == []


@pytest.mark.parametrize(
    "name",
    [".git", ".venv", ".runs", "tests", "s3.env", "archive.yaml", ".aws", "jobs/__pycache__", "out.tif"],
)
def test_nothing_else_is_sent_to_the_builder(name: str) -> None:
    assert not is_sent(name)


def is_sent(name: str) -> bool:
    """Whether a path passes the ignore file: the last rule that fits it, or a folder above it, decides."""
    sent = True
    for line in IGNORE.read_text().splitlines():
        if line and not line.startswith("#"):
            rule = line.removeprefix("!").rstrip("/")
            above = [str(path) for path in (PurePosixPath(name), *PurePosixPath(name).parents) if path.name]
            if any(fnmatch(path, rule) or fnmatch(f"/{path}", rule.replace("**", "*")) for path in above):
                sent = line.startswith("!")
    return sent


@pytest.mark.parametrize("command", SHELL)
def test_every_shell_command_is_sound(command: str) -> None:
    checked = subprocess.run(["sh", "-n"], input=command, text=True, capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr


def test_a_build_knows_the_variants_that_the_manifests_use() -> None:
    (choice,) = [command for command in SHELL if command.startswith("case")]
    assert re.findall(r" (\w+)\) ", choice) == ["cpu", "gpu"]
    assert "exit 1" in choice


def test_what_is_installed_is_bound_by_the_constraints() -> None:
    installs = [line for command in SHELL for line in re.findall(r"pip install[^;&]*", command)]
    assert len(installs) == 4
    assert [
        line for line in installs if "-c constraints-py311.txt" not in line and "--no-deps" not in line
    ] == []
    assert "torch==" in (ROOT / "constraints-py311.txt").read_text()
    extras = re.search(r"'\.\[(.+)\]'", " ".join(installs))
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert extras is not None
    assert set(extras[1].split(",")) <= set(known)


def test_it_does_not_run_as_root() -> None:
    users = [step.text for step in STEPS if step.name == "USER"]
    assert len(users) == 1
    assert not users[0].startswith(("0", "root"))
    last = max(index for index, step in enumerate(STEPS) if step.name == "FROM")
    assert any(step.name == "USER" for step in STEPS[last:])


def test_the_code_lies_where_the_manifests_start_it() -> None:
    assert [step.text for step in STEPS if step.name == "WORKDIR"] == [CHECKOUT, CHECKOUT]
    (command,) = [json.loads(step.text) for step in STEPS if step.name == "CMD"]
    with pytest.raises(SystemExit) as ended:
        job_of(" ".join(command))
    assert ended.value.code == 0
    assert not CONFIGS.startswith(CHECKOUT)


def test_no_secret_and_no_switch_to_the_network_is_in_its_environment() -> None:
    environment = " ".join(step.text for step in STEPS if step.name in ("ENV", "ARG"))
    assert not re.search(r"TOKEN|SECRET|PASSWORD|ACCESS_KEY|http", environment, re.IGNORECASE)


@pytest.mark.parametrize(
    "broken", ["FRMO python:3.11", "FROM python:3.11\nRUN", "RUN true", "FROM a\nRUN b \\"]
)
def test_a_broken_image_file_is_found(broken: str) -> None:
    with pytest.raises(ValueError, match=r"instruction|begins|goes on"):
        parse(broken)


def test_copies_between_stages_are_no_sources() -> None:
    steps = parse("FROM a\nCOPY one two there/\nCOPY --from=b /x /y")
    assert sources(steps) == ["one", "two"]
