"""An archive behind a private STAC API: the token goes to the API, and into nothing that a run leaves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jobs import infer_archive
from jobs.exits import Exit
from tests.kit import jobs
from tests.kit.stac import make_item
from tests.kit.stac_server import run_stac_server

SECRET = "s3cr3t-of-the-api"


@pytest.fixture
def server(tmp_path):
    path = jobs.write_scene(tmp_path / "scenes" / "a.tif", 40, 50, 1)
    with run_stac_server([make_item("a", f"file://{path}")]) as running:
        running.wanted = {"authorization": f"Bearer {SECRET}"}
        yield running


@pytest.fixture
def command(tmp_path, server, checkpoint):
    config = jobs.write_config(tmp_path / "run.yaml", f"{server.url}/", tmp_path / "out", checkpoint)
    more = f"archive.allow_folders=['{tmp_path}/scenes']"
    return [
        *("--config", str(config), "--set", more),
        *("--set", "archive.headers_from_env.Authorization=STAC_AUTHORIZATION"),
    ]


def left(tmp_path: Path) -> bytes:
    return b"\0".join(path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file())


def test_the_token_is_in_nothing_that_a_run_says_or_leaves(command, tmp_path, monkeypatch, caplog, capfd):
    caplog.set_level("DEBUG")
    monkeypatch.setenv("STAC_AUTHORIZATION", f"Bearer {SECRET}")
    assert infer_archive.main([*command, "--dry-run"]) == 0
    assert infer_archive.main(command) == 0
    (report,) = (json.loads(path.read_text()) for path in (tmp_path / "out").glob("report-*.json"))
    assert report["totals"]["states"] == {"done": 1}
    assert report["config"]["archive"]["headers_from_env"] == {"Authorization": "STAC_AUTHORIZATION"}
    said = capfd.readouterr()
    assert SECRET.encode() not in left(tmp_path)
    assert SECRET not in f"{caplog.text} {said.out} {said.err}"


@pytest.mark.parametrize("value", [None, "Bearer another-s3cr3t"])
def test_without_the_right_token_it_ends_with_2_before_any_work(
    command, tmp_path, monkeypatch, capsys, value, server
):
    if value is not None:
        monkeypatch.setenv("STAC_AUTHORIZATION", value)
    assert infer_archive.main(command) == Exit.WRONG
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("sgddiff run: ")
    assert "is not set" in line if value is None else "denies it (401)" in line
    assert "s3cr3t" not in line
    assert b"zarr" not in left(tmp_path)
    assert len(server.requests) == (0 if value is None else 1)
