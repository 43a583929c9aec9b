"""Recomputing blocks: which are drawn, and what is said of one that its scene gives, does not, or cannot."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from sgddiff_batch.config import load_config
from sgddiff_batch.core.window import Window
from sgddiff_batch.errors import ChangedSceneError, RetryableError, UnreadableSceneError
from sgddiff_batch.io.ledger import ObjectLedger
from sgddiff_batch.io.storage import open_store
from sgddiff_batch.runs import Bench, Ending, leased_bench, open_bench, run_all
from sgddiff_batch.runs.checking.recompute import Recomputed, Recomputer, Sample, Sampled
from tests.kit import jobs
from tests.kit.networks import Brightness, BrightNetwork, KeptView

SECOND = Window(0, 128, 128, 200)
"""The second block of a.tif."""


class Flipped(Brightness):
    """Another code in the fourth row and fifth column of each target."""

    def predict(self, pixels, valid, tiles, /):
        codes = super().predict(pixels, valid, tiles)
        codes[3, 4] ^= 1
        return codes


@dataclass(frozen=True)
class FlippedNetwork(BrightNetwork):
    """Gives it under the same digest."""

    def load(self, device, predictors=1):
        return Flipped()


@dataclass(frozen=True)
class FailingReader:
    """Opens nothing."""

    error: Exception

    def profile(self, scene):
        raise self.error


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder of an archive of two scenes and of the output of a run over it."""
    folder = tmp_path_factory.mktemp("made")
    jobs.write_scene(folder / "scenes" / "a.tif", 150, 200, 1)
    jobs.write_scene(folder / "scenes" / "b.tif", 60, 70, 2, collar_px=20)
    config = jobs.write_config(folder / "run.yaml", "scenes", "out", Path("/nowhere"))
    with leased_bench(load_config(str(config)), BrightNetwork()) as bench:
        assert run_all(bench, KeptView()) is Ending.DONE
    return folder


@pytest.fixture
def folder(made, tmp_path):
    """A copy of it; the scenes are as old as they were."""
    return Path(shutil.copytree(made, tmp_path / "made"))


def bench_of(folder, *assignments, network=None):
    config = load_config(str(folder / "run.yaml"), assignments)
    return open_bench(config, network or BrightNetwork())


def store_of(folder, scene_id="a.tif"):
    return ObjectLedger(open_store(str(folder / "out"))).record(scene_id).store


def recomputed(folder, *assignments, network=None, scene_id="a.tif", window=SECOND):
    bench = bench_of(folder, *assignments, network=network)
    moved = moved_here(folder, scene_id)
    (found,) = Recomputer(bench).recompute([Sampled(moved, window)])
    return found


def moved_here(folder, scene_id):
    """Return the store of a scene, whose provenance is made to say that the scene lies in this folder."""
    store = store_of(folder, scene_id)
    change(folder, store, source_uri=str(folder / "scenes" / scene_id))
    return store


def change(folder, store, **values):
    """Change what a mosaic says about where it comes from."""
    root = folder / "out" / store / "zarr.json"
    tree = json.loads(root.read_text())
    tree["attributes"]["provenance"] |= values
    root.write_text(json.dumps(tree))


def test_blocks_that_their_scenes_give_are_equal(folder):
    stores = [moved_here(folder, scene_id) for scene_id in ("a.tif", "b.tif")]
    whole = Window(0, 60, 0, 70)
    blocks = [Sampled(stores[1], whole), Sampled(stores[0], SECOND)]
    found = list(Recomputer(bench_of(folder)).recompute(blocks))
    assert found == [Recomputed(blocks[1], "equal"), Recomputed(blocks[0], "equal")]


def test_a_block_that_its_scene_does_not_give_is_different_and_the_pixel_is_named(folder):
    found = recomputed(folder, network=FlippedNetwork())
    assert (found.state, found.other_software) == ("different", False)
    assert found.words == "1 pixels differ, the first in row 3, column 132"


def test_a_block_that_other_software_made_is_told_with_both_versions(folder):
    store = store_of(folder)
    software = json.loads((folder / "out" / store / "zarr.json").read_text())
    software = software["attributes"]["provenance"]["software"]
    change(folder, store, software={**software, "numpy": "1.0", "abacus": "3"})
    found = recomputed(folder, network=FlippedNetwork())
    assert (found.state, found.other_software) == ("different", True)
    assert "it was made with other software: abacus 3 then, none now, numpy 1.0 then, " in found.words
    assert recomputed(folder).state == "equal", "what is equal needs no excuse"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"stretch": [0, 100]}, "the scene gives the stretch None, not Stretch"),
        ({"mask_rule": "alpha"}, "the scene gives a mask by none, not by alpha"),
    ],
)
def test_a_scene_that_is_read_otherwise_than_it_was_is_different(folder, said, words):
    change(folder, store_of(folder), **said)
    found = recomputed(folder)
    assert found.state == "different"
    assert found.words.startswith(words)


@pytest.mark.parametrize(
    ("assignment", "said", "words"),
    [
        ("input.stretch=none", {}, "made with other settings or another model: run key "),
        ("model.device=cpu", {"pixel_settings": {"pixels_version": 1}}, "it is not damaged for that"),
    ],
)
def test_pixels_that_the_config_would_not_make_are_not_compared(folder, assignment, said, words):
    store = store_of(folder)
    if said:
        tree = json.loads((folder / "out" / store / "zarr.json").read_text())
        settings = tree["attributes"]["provenance"]["pixel_settings"]
        change(folder, store, pixel_settings=settings | said["pixel_settings"])
    found = recomputed(folder, assignment, network=FlippedNetwork())
    assert found.state == "not possible"
    assert words in found.words


def test_a_scene_that_changed_or_went_is_no_damage(folder):
    scene = folder / "scenes" / "a.tif"
    os.utime(scene, (1, 1))
    found = recomputed(folder)
    assert (found.state, found.words.partition(":")[0]) == ("not possible", "its scene changed since")
    scene.unlink()
    found = recomputed(folder)
    assert (found.state, found.words.partition(":")[0]) == ("not possible", "its scene is gone")


@pytest.mark.parametrize(
    "error",
    [
        UnreadableSceneError("the last\nstrip is cut off"),
        RetryableError("the last strip is cut off"),
        ChangedSceneError("the last strip is cut off"),
    ],
)
def test_a_scene_that_cannot_be_read_now_is_told_and_stops_no_other(folder, error):
    class Failing(Bench):
        def reader(self, ledger=None):
            return FailingReader(error)

    bench = bench_of(folder)
    failing = Failing(**{name: getattr(bench, name) for name in Bench.__dataclass_fields__})
    blocks = [Sampled(moved_here(folder, scene_id), SECOND) for scene_id in ("a.tif", "b.tif")]
    found = [(one.state, one.words) for one in Recomputer(failing).recompute(blocks)]
    assert found == [("not possible", "the last strip is cut off")] * 2


def test_a_mosaic_whose_objects_are_damaged_or_gone_is_left_to_verify(folder):
    store = store_of(folder)
    shard = folder / "out" / store / "0" / "saliency" / "c" / "0" / "1"
    shard.write_bytes(shard.read_bytes()[:-9])
    assert recomputed(folder).state == "not possible"
    moved = moved_here(folder, "a.tif")
    (folder / "out" / store / "zarr.json").unlink()
    (found,) = Recomputer(bench_of(folder)).recompute([Sampled(moved, SECOND)])
    assert found.state == "not possible"


def test_the_network_is_not_loaded_before_a_block_needs_it(folder):
    network = BrightNetwork()
    assert list(Recomputer(bench_of(folder, network=network)).recompute([])) == []
    (folder / "scenes" / "a.tif").unlink()
    recomputed(folder, network=network)
    assert "load" not in network.asked


class TestSample:
    BLOCKS = tuple(Sampled("s", Window(n, n + 1, 0, 1)) for n in range(10))

    def draw(self, seed, count=3, cut=4):
        sample = Sample(count, seed)
        sample.offer(self.BLOCKS[:cut])
        sample.offer(self.BLOCKS[cut:])
        return sample.drawn

    def test_every_block_is_drawn_equally_often_and_a_seed_draws_the_same(self):
        assert self.draw(5) == self.draw(5) == self.draw(5, cut=7)
        drawn = [block.window.row_start for seed in range(600) for block in self.draw(seed)]
        counts = np.bincount(drawn, minlength=10)
        assert counts.sum() == 1800
        assert counts.min() > 120
        assert len({block.window for block in self.draw(1)}) == 3

    @pytest.mark.parametrize(("count", "drawn"), [(0, 0), (1, 1), (10, 10), (99, 10)])
    def test_no_more_are_drawn_than_there_are_or_were_asked_for(self, count, drawn):
        found = self.draw(1, count)
        assert len(found) == len(set(found)) == drawn
