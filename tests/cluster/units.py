"""Reading systemd units and the cron file of cluster/."""

from __future__ import annotations

import configparser
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from tests.cluster.manifests import ROOT

SYSTEMD = ROOT / "cluster" / "systemd"
CRON = ROOT / "cluster" / "cron" / "sgddiff-nightly"
UNITS = sorted(path.name for path in SYSTEMD.glob("sgddiff-*"))


class _Repeated(dict[str, str]):
    """Joins by line breaks what a unit gives several times, where configparser keeps the last or refuses."""

    def __setitem__(self, key: str, value: str) -> None:
        if isinstance(value, list) and key in self and isinstance(self[key], list):
            self[key].extend(value)
        else:
            super().__setitem__(key, value)


def read_unit(name: str) -> dict[str, dict[str, list[str]]]:
    """The sections of a unit: every setting's values in order."""
    parser = configparser.RawConfigParser(
        dict_type=_Repeated,
        strict=False,
        delimiters=("=",),
        comment_prefixes=("#",),
        empty_lines_in_values=False,
    )
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string((SYSTEMD / name).read_text())
    return {
        section: {key: value.split("\n") for key, value in parser.items(section)}
        for section in parser.sections()
    }


def environment(unit: dict[str, dict[str, list[str]]]) -> dict[str, str]:
    """What a service sets itself."""
    lines = unit["Service"]["Environment"]
    return dict(word.split("=", 1) for line in lines for word in shlex.split(line))


def command(unit: dict[str, dict[str, list[str]]], values: dict[str, str]) -> list[str]:
    """The one command of a service, with ``${NAME}`` replaced."""
    (line,) = unit["Service"]["ExecStart"]
    return shlex.split(re.sub(r"\$\{(\w+)\}", lambda found: values[found[1]], line))


def env_file(path: Path) -> dict[str, str]:
    """The values of an environment file."""
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def cron_lines() -> tuple[dict[str, str], list[str]]:
    """The variables of the cron file, and its entries."""
    lines = [line for line in CRON.read_text().splitlines() if line and not line.startswith("#")]
    variables = dict(line.split("=", 1) for line in lines if re.match(r"\w+=", line))
    return variables, [line for line in lines if not re.match(r"\w+=", line)]


def options_of(words: list[str]) -> Iterator[str]:
    """The names of long options of a command line, up to a lone --."""
    for word in words:
        if word == "--":
            return
        if word.startswith("--"):
            yield word.partition("=")[0]
