"""What a command works on, and a stand-in for the network behind it."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio

import sgddiff_batch
from sgddiff_batch.config import ArchiveJobConfig, load_config
from sgddiff_batch.core import budget
from sgddiff_batch.errors import ConfigError, LeaseHeldError
from sgddiff_batch.io.ledger.lease import Lease
from sgddiff_batch.io.storage.store import open_store
from sgddiff_batch.runs import Ending, leased_bench, open_bench, open_ledger, run_all
from tests.kit import jobs
from tests.kit.networks import Brightness, BrightNetwork, KeptView

WITHOUT_A_NETWORK = """
import sys
from sgddiff_batch.config import load_config
from sgddiff_batch.runs import leased_bench, run_all
from tests.kit.networks import BrightNetwork, KeptView

if __name__ == "__main__":
    config, view = load_config(sys.argv[1]), KeptView()
    with leased_bench(config, BrightNetwork()) as bench:
        print(run_all(bench, view).name, view.scenes_done, view.tiles_done == view.runs[0].forecast.tiles)
    heavy = ("torch", "models", "jobs", "ray", "rich", "argparse")
    print([name for name in heavy if name in sys.modules])
"""


@pytest.fixture
def config(tmp_path):
    """Two scenes; the model that the config names is nowhere."""
    jobs.write_scene(tmp_path / "scenes" / "a.tif", 150, 200, 1)
    jobs.write_scene(tmp_path / "scenes" / "b.tif", 100, 90, 2, collar_px=20)
    return jobs.write_config(tmp_path / "run.yaml", tmp_path / "scenes", tmp_path / "out", Path("/nowhere"))


def loaded(config: Path) -> ArchiveJobConfig:

    return load_config(str(config))


def test_a_stand_in_network_runs_the_whole_job_and_no_torch_is_loaded(config, tmp_path):
    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT_A_NETWORK, str(config)],
        check=False,
        capture_output=True,
        text=True,
        cwd=jobs.ROOT,
    )
    assert ended.stdout.splitlines() == ["DONE 2 True", "[]"], ended.stderr
    first, second = sgddiff_batch.list_mosaics(str(tmp_path / "out"))
    assert (first.model_digest, second.scene_id) == ("b" * 64, "b.tif")
    saliency = sgddiff_batch.open_mosaic(second.uri).values
    with rasterio.open(tmp_path / "scenes" / "b.tif") as scene:
        pixels = scene.read().astype(float)
    inner = np.s_[20:, 20:]
    np.testing.assert_allclose(saliency[inner], pixels.mean(0)[inner] / 254, atol=2 / 254)
    assert np.isnan(saliency[:20]).all()


def test_a_second_run_leaves_everything_as_it_is(config):
    for states in ({"done"}, set()):
        view = KeptView()
        with leased_bench(loaded(config), BrightNetwork()) as bench:
            assert run_all(bench, view) is Ending.DONE
        assert {row.state for row in view.ends[0].rows} == states


def test_of_the_network_nothing_is_asked_before_it_is_needed(config):
    network = BrightNetwork()
    bench = open_bench(loaded(config), network)
    assert bench.ledger.records() == {}
    assert network.asked == []
    assert bench.run_key == bench.run_key
    assert network.asked == ["device", "describe"]


def test_what_makes_workers_can_be_sent_to_another_process(config):
    recipe = open_bench(loaded(config), BrightNetwork()).recipe()
    again = pickle.loads(pickle.dumps(recipe))
    assert (again.output_uri, again.predictors, again.access) == (recipe.output_uri, 2, recipe.access)
    assert isinstance(again.network.load(again.device), Brightness)
    assert again()


@pytest.mark.parametrize(("kind", "expected"), [("local", (3, 1)), ("ray", (1, 3))])
def test_predictors_are_of_one_process_or_of_one_each(config, kind, expected):
    read = loaded(config)
    engine = read.engine.model_copy(update={"kind": kind, "workers": 3})
    bench = open_bench(read.model_copy(update={"engine": engine}), BrightNetwork())
    assert (bench.predictors, bench.crew.workers) == expected
    assert bench.workers == 3


def test_a_worker_has_memory_for_the_tiles_in_its_network_by_what_that_takes_of_a_pixel(config):
    bench = open_bench(loaded(config), BrightNetwork())
    tiles_px = bench.predictors * bench.tiling.tile_px**2
    assert bench.facts.bytes_per_px == 10
    assert bench.crew.worker_bytes == budget.worker_bytes(bench.tiling.task_memory_bytes, 10 * tiles_px)


def test_a_lease_that_is_held_is_told_before_anything_is_opened(config, tmp_path):
    network = BrightNetwork()
    held = Lease(open_store(str(tmp_path / "out")), "another", 5.0, alone=True)
    with held, pytest.raises(LeaseHeldError), leased_bench(loaded(config), network):
        pytest.fail("two runs at once")
    assert network.asked == []


def test_an_output_that_cannot_be_written_is_refused(config, tmp_path):
    (tmp_path / "out").write_text("in the way")
    with (
        pytest.raises(ConfigError, match=r"output\.uri: cannot be written to"),
        leased_bench(loaded(config), BrightNetwork()),
    ):
        pytest.fail("it was opened")


def test_a_ledger_that_no_run_has_written_is_refused_where_a_typing_mistake_may_be(tmp_path):
    assert open_ledger(str(tmp_path)).records() == {}
    with pytest.raises(FileNotFoundError, match="neither _ledger nor _catalogue"):
        open_ledger(str(tmp_path / "typo"), is_used=True)
