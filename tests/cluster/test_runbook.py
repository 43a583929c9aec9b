"""The runbook quotes what the code says, names files that exist, and knows every exit code."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from jobs.exits import Exit
from tests.cluster.manifests import ROOT, containers, documents

RUNBOOK = (ROOT / "cluster" / "RUNBOOK.md").read_text()
OURS, _, OTHERS = RUNBOOK.partition("## What failures look like")[2].partition("\nRay's and Kubernetes' own")
QUOTES = [
    " ".join(quote.split())
    for row in re.findall(r"^\* (`.+?`): ", OURS, re.MULTILINE | re.DOTALL)
    for quote in re.findall("`(.+?)`", row, re.DOTALL)
]


@cache
def texts() -> str:
    """Every text in the code, adjacent literals joined; where something is filled in, it is cut."""
    found = []
    for package in ("jobs", "sgddiff_batch", "models"):
        for path in sorted((ROOT / package).rglob("*.py")):
            constants = (
                node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)
            )
            found += [node.value for node in constants if isinstance(node.value, str)]
    return "\0".join(re.sub(r"%(\.\d)?[sdfg]|\{\}", "\1", text) for text in found)


def fragments(quote: str) -> list[str]:
    """The parts of a quote between what differs from case to case."""
    return [part for part in re.split(r" ?… ?|[()]", quote) if len(part.strip()) > 2]


def test_there_are_quotes() -> None:
    assert len(QUOTES) > 25
    assert all(fragments(quote) for quote in QUOTES)


@pytest.mark.parametrize("quote", QUOTES)
def test_a_message_is_quoted_as_the_code_has_it(quote: str) -> None:
    assert [part for part in fragments(quote) if part.strip() not in texts()] == []


def test_every_exit_code_of_the_job_is_explained() -> None:
    codes = {Exit.DONE, Exit.FAILED, Exit.WRONG, Exit.QUARANTINED, Exit.HELD, Exit.INTERRUPTED}
    assert codes <= {int(code) for code in re.findall(r"^\* \*\*(\d+)\*\*: ", RUNBOOK, re.MULTILINE)}


def test_every_file_that_it_names_exists() -> None:
    below = {f"cluster/{name}" for name in re.findall(r"`((?:kuberay|systemd|cron)/[\w./-]*)`", RUNBOOK)}
    named = below | set(re.findall(r"(?<![\w/])((?:cluster|jobs)/[\w/-]+(?:\.\w+)?)", RUNBOOK))
    assert len(named) > 5
    assert sorted(name for name in named if not (ROOT / name).exists()) == []


def test_the_objects_that_it_names_exist() -> None:
    names = {document["metadata"]["name"] for document in documents()}
    assert set(re.findall(r"kubectl patch raycronjob (\S+)", RUNBOOK)) <= names
    (service,) = re.findall(r"port-forward service/(\S+)-head-svc", RUNBOOK)
    assert service in names


def test_the_port_that_it_forwards_is_the_dashboards() -> None:
    ports = {port["containerPort"] for _, each in containers() for port in each.get("ports", [])}
    assert int(re.findall(r"head-svc \d+:(\d+)", RUNBOOK)[0]) in ports


def test_every_unit_is_named() -> None:
    units = [path.name for path in (ROOT / "cluster" / "systemd").glob("sgddiff-*")]
    assert len(units) == 4
    assert [unit for unit in units if unit.rpartition(".")[0] not in RUNBOOK] == []


def test_what_ray_says_without_a_token_is_quoted_as_ray_says_it() -> None:
    from ray._private.authentication import http_token_authentication

    (quote,) = re.findall(r"`Unauthorized: (.+?)`", OTHERS)
    assert quote in Path(http_token_authentication.__file__).read_text()
