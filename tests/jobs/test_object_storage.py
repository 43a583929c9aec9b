"""The main job from S3 to S3, against a real server: the same bytes as on a local disk."""

import pytest

import sgddiff_batch
from jobs import infer_archive
from tests.kit import jobs


@pytest.fixture
def bucket(s3_server, monkeypatch):
    """A new bucket, and an environment in which this process reaches it."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    s3_server.filesystem.mkdir("archive-bucket")
    yield s3_server.filesystem
    s3_server.filesystem.rm("archive-bucket", recursive=True)


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
