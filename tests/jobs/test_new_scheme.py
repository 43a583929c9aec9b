"""A scheme that nobody knew: one file and one row, and the whole job runs from it and to it."""

from pathlib import Path

import pytest

import sgddiff_batch
from jobs import infer_archive
from sgddiff_batch.config import load_config
from sgddiff_batch.core.schemes import SCHEMES
from sgddiff_batch.errors import ConfigError
from sgddiff_batch.io.storage.store import open_store
from tests.kit import jobs
from tests.kit.counting import counted_work
from tests.kit.memory import ROW


@pytest.fixture
def config(tmp_path, archive, checkpoint):
    """The config of a job from memory to memory, each test's in a bucket of its own."""
    bucket = f"mem://{tmp_path.name}"
    return jobs.write_config(tmp_path / "run.yaml", f"{bucket}/scenes", f"{bucket}/out", checkpoint)


def test_a_scheme_without_its_row_is_not_spoken(config):
    with pytest.raises(ConfigError, match=r"archive\.uri: must be a local path, s3://bucket/\.\.\. or"):
        load_config(str(config))
    with pytest.raises(ConfigError, match="allowed are local paths and s3://"):
        open_store("mem://bucket/out")


def test_a_job_runs_from_memory_to_memory_and_its_repetition_computes_nothing(
    config, tmp_path, archive, unbroken, monkeypatch
):
    monkeypatch.setitem(SCHEMES, *ROW)
    scenes, output = (open_store(f"mem://{tmp_path.name}/{name}") for name in ("scenes", "out"))
    for path in Path(archive).rglob("*.tif"):
        scenes.write(str(path.relative_to(archive)), path.read_bytes())
    assert infer_archive.main(["--config", str(config)]) == 0
    before = output.keys()
    assert {key.partition("/")[0] for key in before} > {"_ledger", "_catalogue", "a.tif"}
    local = {entry.scene_id: entry.uri for entry in sgddiff_batch.list_mosaics(str(unbroken))}
    made = {entry.scene_id: entry.uri for entry in sgddiff_batch.list_mosaics(output.uri)}
    assert made.keys() == local.keys()
    for scene_id, uri in made.items():
        assert sgddiff_batch.open_mosaic(uri).equals(sgddiff_batch.open_mosaic(local[scene_id]))
    with counted_work() as work:
        assert infer_archive.main(["--config", str(config)]) == 0
    assert (work.tiles, sum(work.blocks.values())) == (0, 0)
    assert _stored(output.keys()) == _stored(before)


def _stored(keys):
    return [key for key in keys if not key.startswith(("report-", "_catalogue/"))]
