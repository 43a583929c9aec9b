"""The whole job over names and sizes that public reports tell of: every scene is done, and whole."""

from __future__ import annotations

import numpy as np
import pytest

import sgddiff_batch
from jobs import infer_archive
from jobs.exits import Exit
from tests.kit import jobs
from tests.kit.scenes import write_scene

NAMES = {
    "rasterio#2776": "alert!.tif",
    "geopandas#3279": "#02 Datastore/sample.tif",
    "datacube-core#608": "2018-12-03T10:15:00.tif",
    "rasterio#1232": "N00E006.tif?h.tif",
    "rasterio#2602": "a.tif?bar=a&b.tif",
    "eo-datasets#289": "the%20scene 100%.tif",
    "geoda#307": "GeoDa\\ Center/Zählsprengel_Graz.TIF",
    "Fiona#742": "!test/-x [1] (copy).tiff",
}
SIZES = {
    "torchgeo#431": (110, 177),
    "detectree2#211": (97, 96),
    "torchgeo#1630": (30, 20),
    "torchgeo#2714": (56, 67),
    "samgeo#248": (123, 224),
    "one row": (1, 130),
    "one column": (130, 1),
    "one pixel": (1, 1),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    """Codes (h, w) of the mosaic of each scene, by its place in the archive."""
    folder = tmp_path_factory.mktemp("reported")
    checkpoint = jobs.save_tiny_checkpoint(folder / "tiny")
    rng = np.random.default_rng(3)
    for name in NAMES.values():
        write_scene(folder / "scenes" / name, rng.integers(1, 250, (3, 40, 50)).astype(np.uint8))
    for number, size in enumerate(SIZES.values()):
        samples = rng.integers(1, 250, (3, *size)).astype(np.uint8)
        write_scene(folder / "scenes" / f"{number}.tif", samples)
    config = jobs.write_config(folder / "run.yaml", folder / "scenes", folder / "out", checkpoint)
    assert infer_archive.main(["--config", str(config)]) == Exit.DONE
    entries = sgddiff_batch.list_mosaics(str(folder / "out"))
    return {
        str(entry.scene_uri).removeprefix(f"{folder}/scenes/"): sgddiff_batch.open_mosaic(entry.uri).values
        for entry in entries
    }


@pytest.mark.parametrize("report", NAMES)
def test_a_scene_is_done_whatever_its_name(made: dict[str, np.ndarray], report: str) -> None:
    values = made[NAMES[report]]
    assert values.shape == (40, 50)
    assert np.isfinite(values).all()


@pytest.mark.parametrize("report", SIZES)
def test_a_scene_is_done_to_its_last_row_and_column(made: dict[str, np.ndarray], report: str) -> None:
    values = made[f"{list(SIZES).index(report)}.tif"]
    assert values.shape == SIZES[report]
    assert np.isfinite(values).all(), "no pixel is left out"
