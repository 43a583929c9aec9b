"""Counts that do not fit the saliency, or each other, are named by their shard."""

from __future__ import annotations

import numpy as np
import pytest

from sgddiff_batch.core.window import Window
from sgddiff_batch.io.mosaics import AreaBlockWriter, ZarrBlockWriter, counts_level, open_stored
from sgddiff_batch.io.storage.store import open_store
from sgddiff_batch.io.upkeep.verify_counts import check_counts
from tests.io.mosaic_examples import GRIDS, codes_of, mosaic_of, tiling, write_blocks
from tests.kit.mosaics import begun, committed

MOSAIC = mosaic_of(GRIDS["north-up"], tiling(2))
CODES = codes_of(MOSAIC.grid, 3)
CODES[:48, :48] = 9
COUNTS = np.where(CODES == 255, 0, 1 + np.arange(CODES.size).reshape(CODES.shape) % 300).astype(np.uint16)
PROVENANCE = {
    "scene_id": MOSAIC.id,
    "source_uri": "",
    "source_version": "v",
    "source_size_bytes": 1,
    **{"bands": [1, 2, 3], "stretch": None, "notes": []},
    "pixel_settings": {"tile_px": 32, "overlap_px": 8},
}


def write(folder, writer_type=AreaBlockWriter, counts=COUNTS):
    writer = writer_type(open_store(str(folder)))
    claim = begun(writer, MOSAIC, PROVENANCE)
    if writer_type is AreaBlockWriter:
        for block in MOSAIC.blocks():
            writer.write_counts(MOSAIC, block, counts[block.slices])
    write_blocks(writer, MOSAIC, CODES)
    committed(writer, MOSAIC, claim)
    return open_stored(open_store(f"{folder}/{MOSAIC.path}"))


@pytest.fixture
def stored(tmp_path):
    return write(tmp_path)


def problems(stored) -> dict[str, str]:
    found: dict[str, str] = {}
    check_counts(stored, found.__setitem__)
    return found


def test_counts_as_they_were_written_have_no_problem_and_their_keys_are_all_there_are(stored):
    keys = check_counts(stored, lambda key, words: pytest.fail(f"{key} {words}"))
    there = {key for key in stored.store.listed() if "/n_obs/c/" in key}
    assert there <= keys
    assert "0/n_obs/c/0/0" in there
    assert all("/n_obs/c/" in key for key in keys)


def test_a_mosaic_of_a_scene_has_no_counts_and_no_problem(tmp_path):
    stored = write(tmp_path, ZarrBlockWriter)
    assert check_counts(stored, lambda key, words: pytest.fail(f"{key} {words}")) == set()


@pytest.mark.parametrize("data", [b"", b"damaged"])
def test_a_shard_that_cannot_be_decoded_is_named(stored, data):
    stored.store.write("0/n_obs/c/0/0", data)
    assert problems(stored) == {"0/n_obs/c/0/0": "cannot be decoded"}


def test_a_shard_that_is_gone_is_named_and_so_is_what_was_made_of_it(stored):
    stored.store.delete("0/n_obs/c/0/0")
    found = problems(stored)
    assert found["0/n_obs/c/0/0"] == "is not 0 just where the saliency has no data"
    assert found["1/n_obs/c/0/0"] == "is not made of level 0"


@pytest.mark.parametrize(("code", "count"), [(255, 5), (9, 0)])
def test_a_count_without_data_and_data_without_a_count_are_named(tmp_path, code, count):
    wrong = COUNTS.copy()
    row, col = np.argwhere(code == CODES)[0]
    wrong[row, col] = count
    found = problems(write(tmp_path, counts=wrong))
    assert found[f"0/n_obs/c/{row // 48}/{col // 48}"] == "is not 0 just where the saliency has no data"


def test_a_level_that_is_not_made_of_the_one_below_is_named_and_that_one_is_not(stored):
    level = counts_level(stored.levels[1])
    window = Window(0, 24, 0, 24)
    right = stored.read(level, window)
    assert right.all()
    stored.store.write(level.key(window), level.shards.encode(right + 1))
    found = problems(stored)
    assert found["1/n_obs/c/0/0"] == "is not made of level 0"
    assert not any(key.startswith("0/") for key in found)


def test_saliency_that_cannot_be_decoded_is_left_to_who_looks_at_it(stored):
    stored.store.write("0/saliency/c/0/0", b"damaged")
    assert problems(stored) == {}
