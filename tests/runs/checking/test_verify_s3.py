"""verify, explain and redo over S3: the same as on a local disk."""

import json

import pytest

import sgddiff_batch
from jobs import cli, infer_archive
from jobs.exits import Exit
from tests.kit import jobs
from tests.kit.s3 import new_bucket


@pytest.fixture
def bucket(s3_server, monkeypatch):
    """A new bucket, and an environment in which this process reaches it."""
    with new_bucket(s3_server, "verify-bucket", monkeypatch) as filesystem:
        yield filesystem


@pytest.mark.slow
def test_a_mosaic_on_s3_is_verified_recomputed_explained_and_made_anew(bucket, tmp_path, checkpoint, capsys):
    scenes = tmp_path / "scenes"
    jobs.write_scene(scenes / "a.tif", 150, 140, 1, collar_px=20)
    bucket.put(f"{scenes}/", "verify-bucket/scenes/", recursive=True)
    config = jobs.write_config(
        tmp_path / "run.yaml", "s3://verify-bucket/scenes", "s3://verify-bucket/out", checkpoint
    )
    found = tmp_path / "found.json"
    command = ["--config", str(config), "--sample", "2", "--json", str(found)]
    assert infer_archive.main(["--config", str(config)]) == 0
    assert cli.main(["verify", *command]) == Exit.DONE
    assert [block["state"] for block in json.loads(found.read_text())["sample"]["blocks"]] == ["equal"] * 2

    (entry,) = sgddiff_batch.list_mosaics("s3://verify-bucket/out")
    capsys.readouterr()
    assert cli.main(["explain", entry.uri, "3", "3", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["is_current"], facts["value"]["code"]) == (True, 255)
    assert "no valid sample" in facts["no_data"]

    shard = f"{entry.uri.removeprefix('s3://')}/1/saliency/c/0/0"
    bucket.rm(shard)
    bucket.pipe_file(f"{entry.uri.removeprefix('s3://')}/stray", b"foreign")
    assert cli.main(["verify", *command, "--mark-for-redo"]) == Exit.DAMAGED
    (row,) = json.loads(found.read_text())["told"]
    assert [problem["key"] for problem in row["problems"]] == ["1/saliency/c/0/0", "stray"]
    assert infer_archive.main(["--config", str(config)]) == 0
    assert cli.main(["verify", *command]) == Exit.DONE
