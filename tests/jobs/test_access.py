"""Commands that look into the archive ask its buckets as the runs do: the config says how."""

from __future__ import annotations

import json
import time

import pytest
import yaml

import sgddiff_batch
from jobs import cli, infer_archive
from jobs.exits import Exit
from sgddiff_batch.io.storage.store import open_store
from sgddiff_batch.io.upkeep.garbage import find_garbage
from tests.kit import jobs
from tests.kit.guarded_buckets import CREDENTIALS, guarded_buckets
from tests.kit.s3 import lead_to

pytestmark = pytest.mark.timeout(120)
ACCESS = {"public": "anonymous", "paid": "requester-pays"}


@pytest.fixture(params=list(ACCESS))
def archive(request, tmp_path, monkeypatch):
    """A bucket that refuses whoever asks with the environment's credentials, with one scene in it."""
    jobs.write_scene(tmp_path / request.param / "scenes" / "a.tif", 60, 70, 1, collar_px=20)
    with guarded_buckets(tmp_path) as endpoint:
        lead_to({**CREDENTIALS, "AWS_ENDPOINT_URL": endpoint}, monkeypatch)
        yield request.param


@pytest.fixture
def config(archive, tmp_path, checkpoint):
    """The config of a run over that bucket that has ended."""
    path = jobs.write_config(tmp_path / "run.yaml", f"s3://{archive}/scenes", tmp_path / "out", checkpoint)
    tree = yaml.safe_load(path.read_text())
    tree["archive"]["access"] = ACCESS[archive]
    path.write_text(yaml.safe_dump(tree))
    assert infer_archive.main(["--config", str(path)]) == 0
    return str(path)


def test_explain_reads_the_scene_as_the_run_did(config, tmp_path, capsys):
    (entry,) = sgddiff_batch.list_mosaics(str(tmp_path / "out"))
    capsys.readouterr()
    assert cli.main(["explain", entry.uri, "0", "0", "--json"]) == 0
    alone = json.loads(capsys.readouterr().out)["no_data"]
    assert "cannot be read" in alone
    assert "give --config" in alone
    assert cli.main(["explain", entry.uri, "0", "0", "--json", "--config", config]) == 0
    assert "no valid sample" in json.loads(capsys.readouterr().out)["no_data"]


def test_gc_asks_for_the_scene_of_an_unfinished_mosaic_as_the_runs_do(config, archive, tmp_path, capsys):
    """A mosaic that was begun for the scene of before; it changed since, so that nobody finishes it."""
    output = open_store(str(tmp_path / "out"))
    (entry,) = sgddiff_batch.list_mosaics(str(tmp_path / "out"))
    root = json.loads((tmp_path / "out" / entry.uri.removeprefix(f"{output.uri}/") / "zarr.json").read_text())
    root["attributes"]["complete"] = False
    unfinished = "b.tif/0123456789abcdef-aaaaaaaaaaaa.zarr"
    output.write(f"{unfinished}/zarr.json", json.dumps(root).encode())
    output.write(f"_ledger/blocks/{unfinished}/r0c0h1w1~.json", b"[]")
    soon = time.time() + 60
    jobs.write_scene(tmp_path / archive / "scenes" / "a.tif", 61, 70, 2)
    assert find_garbage(output, 0.0, soon).garbage == (), "denied: nobody knows"
    capsys.readouterr()
    assert cli.main(["gc", output.uri, "--older-than", "0"]) == 0
    assert capsys.readouterr().out.startswith("nothing to remove below ")
    assert cli.main(["gc", "--config", config, "--older-than", "0", "--delete"]) == 0
    assert "removed 1 item, " in capsys.readouterr().out
    assert not (tmp_path / "out" / "b.tif").exists()


def test_gc_without_an_output_or_a_config_and_set_without_a_config_are_refused(tmp_path, capsys):
    assert cli.main(["gc"]) == Exit.WRONG
    assert "give OUTPUT, or --config" in capsys.readouterr().err
    assert cli.main(["gc", str(tmp_path), "--set", "archive.access=anonymous"]) == Exit.WRONG
    assert "give --config" in capsys.readouterr().err
    assert cli.main(["gc", "--config", str(tmp_path / "none.yaml")]) == Exit.WRONG
