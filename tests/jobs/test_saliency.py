"""`sgddiff_batch.saliency` beside the main job: one call, and the bytes that a run stores."""

from __future__ import annotations

import numpy as np
import pytest

import sgddiff_batch
from jobs import infer_archive
from tests.kit import jobs
from tests.kit.entry_points import installed
from tests.kit.scenes import noise, write_scene


def _spread(*shape: int, seed: int) -> np.ndarray:
    """Samples of which no stretch leaves all as they are."""
    return noise(*shape, dtype="uint16", seed=seed) ** 2 // 3 + 400


HOLES = np.random.default_rng(1).random((150, 130)) < 0.7
SCENES = {
    "odd": (noise(3, 201, 147, seed=1), None),
    "stretched": (_spread(3, 151, 113, seed=2), None),
    "masked": (_spread(4, 150, 130, seed=3), HOLES),
    "masked-8-bit": (noise(3, 150, 130, seed=4), HOLES),
    "below-a-tile": (noise(3, 50, 40, seed=5), None),
    "one-band": (noise(1, 99, 140, "float32", seed=6), None),
    "several-tasks": (_spread(3, 500, 450, seed=7), None),
    "no-data": (noise(3, 60, 60, seed=8), np.zeros((60, 60), bool)),
}


@pytest.fixture(scope="module")
def stored(tmp_path_factory, checkpoint):
    """The codes that a run stores of each scene."""
    folder = tmp_path_factory.mktemp("saliency")
    for name, (samples, mask) in SCENES.items():
        write_scene(folder / "archive" / f"{name}.tif", samples, mask=mask, alpha="NO")
    config = jobs.write_config(folder / "run.yaml", folder / "archive", folder / "out", checkpoint)
    assert infer_archive.main(["--config", str(config)]) == 0
    found = jobs.decoded(folder / "out")
    return {name: next(codes for key, codes in found.items() if f"/{name}.tif/" in key and key.endswith("/0"))
            for name in SCENES}  # fmt: skip


@pytest.fixture(scope="module")
def network(checkpoint, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        installed(tmp_path_factory.mktemp("installed"), patch)
        yield sgddiff_batch.load_network(str(checkpoint), "cpu")


@pytest.mark.parametrize("name", SCENES)
def test_the_bytes_are_those_that_a_run_stores(stored, network, name):
    samples, mask = SCENES[name]
    codes = sgddiff_batch.saliency(samples, mask=mask, network=network, tile_px=96, overlap_px=32)
    np.testing.assert_array_equal(codes, stored[name])


def test_the_scenes_have_something_to_tell_apart(stored):
    assert all(len(np.unique(codes)) > 20 for name, codes in stored.items() if name != "no-data")
    assert (stored["no-data"] == 255).all()


def test_one_call_loads_its_network_by_name(stored, checkpoint, tmp_path, monkeypatch):
    installed(tmp_path, monkeypatch)
    samples, _ = SCENES["odd"]
    codes = sgddiff_batch.saliency(samples, network=str(checkpoint), device="cpu", tile_px=96, overlap_px=32)
    np.testing.assert_array_equal(codes, stored["odd"])
