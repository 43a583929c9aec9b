"""The main job with the bundled weights on real and odd scenes, and its score against a true mask."""

import json
import os
import warnings

import numpy as np
import pytest
import rasterio
import xarray
import yaml

import sgddiff_batch
from jobs.exits import Exit
from tests.kit import jobs
from tests.kit.reference_scores import Measures

pytestmark = [pytest.mark.data, pytest.mark.slow, pytest.mark.timeout(900)]

LARGE = "cog_cmap.tif"
"""A quarter of all tiles by itself; its palette is tested with the reader."""
QUARANTINED = ["odd/DERIVED_truncated_oam_2048.tif", "odd/corrupt.tif"]


def run(folder, scenes, engine, **tiling):
    """Run the job as a process of its own; returns its exit code and report."""
    config = folder / "run.yaml"
    tree = {
        "archive": {"uri": str(scenes)},
        "output": {"uri": str(folder / "out")},
        "model": {"device": "cpu"},
        "tiling": tiling,
        "engine": {"kind": engine},
    }
    config.write_text(yaml.safe_dump(tree))
    code = jobs.run_job(config)
    report = json.loads(next((folder / "out").glob("report-*.json")).read_text())
    return code, report


@pytest.fixture(scope="module")
def scenes(data_root, tmp_path_factory):
    """The real and the odd scenes but the largest, as links would not be followed: hard copies."""
    folder = tmp_path_factory.mktemp("scenes")
    for path in [*data_root.glob("scenes/real/*"), *data_root.glob("scenes/odd/*")]:
        if path.name != LARGE:
            copy = folder / path.parent.name / path.name
            copy.parent.mkdir(exist_ok=True)
            copy.write_bytes(path.read_bytes())
            os.utime(copy, ns=(10**18, 10**18))
    return folder


@pytest.fixture(scope="module")
def local(scenes, tmp_path_factory):
    folder = tmp_path_factory.mktemp("local")
    return folder / "out", *run(folder, scenes, "local")


def test_every_readable_scene_is_done_and_the_others_say_why(local):
    _, code, report = local
    rows = {row["scene_id"]: row for row in report["scenes"]}
    assert code == Exit.QUARANTINED
    assert sorted(name for name, row in rows.items() if row["state"] == "quarantined") == QUARANTINED
    assert {row["state"] for name, row in rows.items() if name not in QUARANTINED} == {"done"}
    for name in QUARANTINED:
        assert "reading rows" in rows[name]["reason"]
    assert rows["odd/all-nodata.tif"]["valid_px"] == 0
    assert any("no CRS" in note for note in rows["odd/neon_yell_1249x1035_rgb_no_crs.tif"]["notes"])


def opened(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        return rasterio.open(path)


def test_every_mosaic_agrees_with_its_scene_on_pixel_crs_and_transform(local, scenes):
    for entry in sgddiff_batch.list_mosaics(str(local[0])):
        mosaic = sgddiff_batch.open_mosaic(entry.uri)
        with opened(scenes / entry.scene_id) as scene:
            assert mosaic.shape == scene.shape
            assert mosaic.rio.crs == scene.crs
            assert mosaic.rio.transform().almost_equals(scene.transform)
            no_data = scene.dataset_mask() == 0
            assert np.isnan(mosaic.values[no_data]).all()
        plain = xarray.open_zarr(entry.uri, group="0", chunks=None)
        assert plain["saliency"].dims == ("y", "x")


def test_ships_light_up(local):
    entries = {entry.scene_id: entry for entry in sgddiff_batch.list_mosaics(str(local[0]))}
    ships = sgddiff_batch.open_mosaic(entries["real/rapideye_ships_sfbay_692x332_rgba_5m.tif"].uri)
    peaks = [float(ships[row - 8 : row + 8, col - 8 : col + 8].max()) for row, col in SHIPS]
    assert min(peaks) > 0.5
    assert float((ships > 0.5).mean()) < 0.03


SHIPS = [(45, 135), (67, 307), (84, 445), (305, 365)]
"""Centres of the four ships, (row, column)."""


MANY_TILES = ["odd/cog_1band_uint16_2658x2667_epsg32621.tif", "odd/cog_dateline.tif"]
"""Nearly half of all tiles; others are of several blocks, too."""
ALIKE = ["real/m_4709963_se_14_1_20090818.tif", "real/m_4709963_se_14_1_20140720.tif"]
"""A third of the same place is looked at."""


@pytest.fixture(scope="module")
def fewer(scenes, tmp_path_factory):
    """The same scenes but those that cost most or are like others; links, so of the same versions."""
    folder = tmp_path_factory.mktemp("fewer")
    for path in scenes.glob("*/*"):
        name = path.relative_to(scenes)
        if str(name) not in MANY_TILES + ALIKE:
            (folder / name).parent.mkdir(exist_ok=True)
            os.link(path, folder / name)
    return folder


def test_the_ray_engine_and_other_blocks_give_the_same_bytes_and_states(local, fewer, tmp_path):
    output, code, report = local
    other_code, other = run(tmp_path, fewer, "ray", block_px=1024, task_memory_gib=1)
    assert other_code == code
    left_out = MANY_TILES + ALIKE
    assert states(other) == [row for row in states(report) if row["scene_id"] not in left_out]
    wanted = jobs.decoded(output)
    wanted = {name: wanted[name] for name in wanted if not name.startswith(tuple(f"/{n}/" for n in left_out))}
    jobs.assert_equal_mosaics(jobs.decoded(tmp_path / "out"), wanted)


def states(report):
    keys = ("scene_id", "state", "reason", "valid_px", "salient_px", "tiles", "notes")
    return [{key: row[key] for key in keys if key != "reason" or row["state"] == "done"} for row in
            sorted(report["scenes"], key=lambda row: row["scene_id"])]  # fmt: skip


def test_the_bundled_weights_reach_their_bar_on_a_mosaic_with_a_true_mask(data_root, tmp_path):
    scene = data_root / "scenes" / "truth" / "vhr10_val_6144.tif"
    code, _ = run(tmp_path, scene, "local")
    assert code == 0
    entry = sgddiff_batch.list_mosaics(str(tmp_path / "out"))[0]
    codes = np.nan_to_num(sgddiff_batch.open_mosaic(entry.uri).values) * 255
    with rasterio.open(scene.with_name("vhr10_val_6144_truth.tif")) as truth:
        mask = truth.read(1)
    measures = Measures()
    placement = json.loads(scene.with_name("placement.json").read_text())
    assert len(placement) == 48
    for place in placement:
        part = np.s_[place["y"] : place["y"] + place["height"], place["x"] : place["x"] + place["width"]]
        measures.add(np.round(codes[part]).astype(np.uint8), mask[part] > 0)
    results = measures.results()
    print(results)
    assert results["max F"] >= 0.858
    assert results["MAE"] <= 0.0115
