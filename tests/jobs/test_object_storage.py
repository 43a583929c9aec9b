"""The main job from S3 to S3, against a real server: the same bytes as on a local disk."""

import pytest

import sgddiff_batch
from jobs import infer_archive
from jobs.exits import Exit
from sgddiff_batch.io.storage.store import open_store
from tests.kit import jobs
from tests.kit.s3 import new_bucket


@pytest.fixture
def bucket(s3_server, monkeypatch):
    """A new bucket, and an environment in which this process reaches it."""
    with new_bucket(s3_server, "archive-bucket", monkeypatch) as filesystem:
        yield filesystem


@pytest.mark.slow
def test_a_run_from_s3_to_s3_equals_a_local_one_and_its_repetition_computes_nothing(
    bucket, tmp_path, archive, checkpoint, unbroken, caplog
):
    bucket.put(f"{archive}/", "archive-bucket/scenes/", recursive=True)
    config = jobs.write_config(
        tmp_path / "run.yaml", "s3://archive-bucket/scenes", "s3://archive-bucket/out", checkpoint
    )
    assert infer_archive.main(["--config", str(config)]) == 0, caplog.text
    entries = sgddiff_batch.list_mosaics("s3://archive-bucket/out")
    assert [entry.scene_id for entry in entries] == ["a.tif", "c.tif", "north/b.tif"]
    local = {entry.scene_id: entry.uri for entry in sgddiff_batch.list_mosaics(str(unbroken))}
    for entry in entries:
        mosaic, wanted = (
            sgddiff_batch.open_mosaic(entry.uri),
            sgddiff_batch.open_mosaic(local[entry.scene_id]),
        )
        assert mosaic.equals(wanted)
        assert mosaic.rio.crs == wanted.rio.crs
    before = bucket.find("archive-bucket/out")
    assert infer_archive.main(["--config", str(config)]) == 0
    assert [name for name in bucket.find("archive-bucket/out") if "report-" not in name] == [
        name for name in before if "report-" not in name
    ]


def test_a_prefix_that_was_emptied_holds_nothing(bucket):
    store = open_store("s3://archive-bucket/out")
    store.write("a/b/c", b"1")
    store.delete_tree("a/b")
    assert store.keys("a") == store.keys() == []
    assert store.read_all("a") == {}


def test_a_wrong_secret_ends_with_2_before_any_work(bucket, tmp_path, archive, checkpoint, monkeypatch):
    config = jobs.write_config(tmp_path / "run.yaml", archive, "s3://archive-bucket/out", checkpoint)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-the-secret")
    assert jobs.run_job(config) == Exit.WRONG
    text = config.with_suffix(".log").read_text()
    assert "output.uri: cannot be written to" in text
    assert "Traceback" not in text
    assert "not-the-secret" not in text
