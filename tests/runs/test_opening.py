"""An exact plan: all scenes are opened on the workers of either engine, and nothing else is done."""

from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import rasterio

from sgddiff_batch.config import load_config
from sgddiff_batch.core.planning import SceneMosaic
from sgddiff_batch.errors import FatalError
from sgddiff_batch.protocols import Left
from sgddiff_batch.runs import Ending, Scope, leased_bench, open_bench, plan_run, run_all
from sgddiff_batch.runs.opening import OpenerRecipe
from tests.kit import jobs
from tests.kit.networks import BrightNetwork, KeptView

TOO_LITTLE = 0.0013
"""GiB in which a block of bytes fits, and none of doubles."""


@dataclass(frozen=True)
class UnloadedNetwork(BrightNetwork):
    """Is known, and may not be loaded."""

    def load(self, device, predictors=1):
        raise AssertionError("nothing is to be computed")


@pytest.fixture
def archive(tmp_path):
    """Scenes of one task and of several, with and without pixels, and five that nothing can be made of."""
    scenes = jobs.write_archive(tmp_path / "scenes")
    jobs.write_scene(scenes / "nothing.tif", 90, 90, 5, collar_px=90)
    (scenes / "empty.tif").touch()
    (scenes / "text.tif").write_text("no raster at all")
    (scenes / "header.tif").write_bytes((scenes / "a.tif").read_bytes()[:60])
    (scenes / "vrt.tif").write_text(
        f"<VRTDataset><SourceFilename>{scenes}/a.tif</SourceFilename></VRTDataset>"
    )
    write_doubles(scenes / "doubles.tif")
    return scenes


def write_doubles(path):
    grid = {"height": 300, "width": 300, "count": 3, "dtype": "float64", "crs": "EPSG:32633"}
    place = rasterio.transform.from_origin(500_000, 5_000_000, 2, 2)
    with rasterio.open(path, "w", driver="GTiff", transform=place, **grid) as scene:
        scene.write(np.random.default_rng(1).normal(size=(3, 300, 300)))


def config_of(tmp_path, **engine):
    scenes, out = tmp_path / "scenes", tmp_path / "out"
    return jobs.write_config(tmp_path / "run.yaml", scenes, out, Path("/nowhere"), **engine)


def exact_plan(config, *assignments, scope=None):
    bench = open_bench(load_config(str(config), assignments), UnloadedNetwork())
    return plan_run(bench, scope or Scope(), exact=True)


def run_to_its_end(config, *assignments):
    view = KeptView()
    with leased_bench(load_config(str(config), assignments), BrightNetwork()) as bench:
        ending = run_all(bench, view)
    return ending, view.ends[0]


def told(rows):
    return {(row.scene_id, row.state, row.reason) for row in rows}


@pytest.mark.parametrize("kind", ["local", pytest.param("ray", marks=pytest.mark.slow)])
def test_it_has_the_tiles_of_the_run_that_follows_and_the_rows_of_what_that_refuses(
    kind, request, tmp_path, archive
):
    if kind == "ray":
        request.getfixturevalue("ray_cluster")
    config, memory = config_of(tmp_path, kind=kind), f"tiling.task_memory_gib={TOO_LITTLE}"
    run = exact_plan(config, memory)
    assert not (tmp_path / "out").exists(), "nothing is written"
    ending, end = run_to_its_end(config, memory)
    assert ending is Ending.FAILED, "one of them is too large"
    assert (run.forecast.scenes, run.forecast.opened, run.forecast.refused) == (9, 4, 5)
    assert run.forecast.is_exact
    assert run.forecast.tiles == end.totals["tiles"] > 0
    assert run.forecast.tasks > run.forecast.opened
    assert told(run.refused) == told(row for row in end.rows if row.state != "done")
    assert [row.scene_id for row in run.refused if row.state == "failed"] == ["doubles.tif"]


def test_what_is_stored_already_is_not_counted(tmp_path):
    jobs.write_archive(tmp_path / "scenes")
    config, other = config_of(tmp_path), "input.stretch=none"
    assert run_to_its_end(config)[0] is Ending.DONE
    assert run_to_its_end(config, other)[0] is Ending.DONE
    back = exact_plan(config)
    assert (back.forecast.scenes, back.forecast.opened, back.forecast.tiles) == (3, 3, 0)
    _, end = run_to_its_end(config)
    assert end.totals["tiles"] == 0
    assert exact_plan(config, "tiling.overlap_px=16", "tiling.block_px=160").forecast.tiles > 0


def test_without_anything_to_do_no_worker_is_started(tmp_path):
    (tmp_path / "scenes").mkdir()
    run = exact_plan(config_of(tmp_path), "engine.kind=ray")
    assert (run.forecast.scenes, run.forecast.tiles, run.refused) == (0, 0, ())


def test_only_what_the_scope_asks_for_is_opened(tmp_path, archive):
    run = exact_plan(config_of(tmp_path), scope=Scope(only=frozenset({"a.tif", "empty.tif"})))
    assert (run.forecast.opened, run.forecast.refused) == (1, 1)


def test_a_scene_that_a_process_died_of_is_opened_with_care_and_known_to_the_next_run(tmp_path):
    jobs.write_archive(tmp_path / "scenes")
    died = f"""
import os, signal
from sgddiff_batch.io.ledger.activity import FileActivity
with FileActivity({str(tmp_path / "out")!r}, "worker").reading("a.tif"):
    os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", died], check=False)
    config = config_of(tmp_path)
    for _ in range(2):
        run = exact_plan(config)
        assert run.plan.suspects == {"a.tif"}
        assert (run.forecast.opened, run.forecast.is_exact) == (3, True)
    with leased_bench(load_config(str(config)), BrightNetwork()) as bench:
        assert plan_run(bench).plan.suspects == {"a.tif"}


def test_an_opener_travels_and_cannot_change_the_output(tmp_path):
    jobs.write_archive(tmp_path / "scenes")
    bench = open_bench(load_config(str(config_of(tmp_path))), UnloadedNetwork())
    scene, *_ = plan_run(bench).plan.todo
    recipe = pickle.loads(pickle.dumps(OpenerRecipe(bench.recipe())))
    opener = recipe("worker")
    mosaic = SceneMosaic.at("x.zarr", scene, opener.reader.profile(scene), bench.tiling.tiling)
    assert opener.lifecycle.stored_before(mosaic) == frozenset()
    with pytest.raises(FatalError, match="would have changed the output"):
        opener.lifecycle.begin(mosaic)
    assert not (tmp_path / "out").exists()
    assert recipe.take_left("nobody") == Left()
