from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

import sgddiff_batch
from sgddiff_batch.core.grid import Grid
from sgddiff_batch.io.catalogue.mosaics import MosaicEntry, list_mosaics
from sgddiff_batch.protocols import SceneRecord
from tests.io.mosaic_examples import NORTH_UP, UTM, build, codes_of, mosaic_of

GRID = Grid(101, 75, NORTH_UP, UTM)


def record(scene_id: str, store: str | None, **changes: object) -> SceneRecord:
    rest = {"valid_px": 5, "salient_px": 2, "height_px": 3, "width_px": 4, "finished_at": "2026-11-23"}
    return SceneRecord(scene_id, "v", "key", store, **(rest | changes))  # type: ignore[arg-type]


def write_ledger(output: Path, *records: SceneRecord) -> None:
    for row in records:
        path = output / "_ledger" / "scenes" / f"{row.scene_id}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(row)))


def test_the_list_has_the_current_mosaics_sorted_by_scene(tmp_path):
    write_ledger(
        tmp_path,
        record("b.tif", "b.tif/v-key.zarr"),
        record("a/c.tif", "a/c.tif/v-key.zarr"),
        record("never.tif", None, reason="it is truncated"),
        record("was.tif", "was.tif/old-key.zarr", reason="the new version is truncated"),
    )
    entries = list_mosaics(str(tmp_path))
    assert [entry.scene_id for entry in entries] == ["a/c.tif", "b.tif", "was.tif"]
    assert entries[0] == MosaicEntry(
        "a/c.tif", f"{tmp_path}/a/c.tif/v-key.zarr", 3, 4, 5, 2, "v", "key", "2026-11-23"
    )


def test_a_listed_mosaic_opens(tmp_path):
    mosaic = mosaic_of(GRID)
    build(tmp_path, mosaic, codes_of(GRID))
    write_ledger(tmp_path, record(mosaic.id, mosaic.path))
    entry = sgddiff_batch.list_mosaics(str(tmp_path))[0]
    assert sgddiff_batch.open_mosaic(entry.uri).shape == (101, 75)


def test_the_list_of_a_run_without_mosaics_is_empty(tmp_path):
    write_ledger(tmp_path, record("a.tif", None, reason="it is truncated"))
    assert list_mosaics(str(tmp_path)) == []


def test_a_folder_that_no_run_has_written_to_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"give the output\.uri of a run"):
        list_mosaics(str(tmp_path / "typo"))
