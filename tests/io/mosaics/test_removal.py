"""Removing stores: the root says first that nothing is there, and goes last."""

import pytest

from sgddiff_batch.core.grid import Grid
from sgddiff_batch.io.mosaics.removal import empty_root, remove_objects
from sgddiff_batch.io.mosaics.writer import is_committed
from sgddiff_batch.io.storage.store import open_store
from tests.io.mosaic_examples import Killed, build, codes_of, counting_store, mosaic_of

MOSAIC = mosaic_of(Grid(101, 75))
ROOT = f"{MOSAIC.path}/zarr.json"


@pytest.mark.parametrize("path", ["", ".", "a", "../b.zarr", "/etc/x.zarr", "a//b.zarr", "a/../b.zarr"])
def test_what_is_no_path_of_a_mosaic_is_refused(tmp_path, path):
    (tmp_path / "precious").write_text("x")
    with pytest.raises(ValueError, match="not the path of a mosaic"):
        empty_root(open_store(str(tmp_path)), path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["precious"]


def test_nothing_of_a_store_is_left_and_nothing_beside_it_is_touched(tmp_path):
    store = open_store(str(tmp_path))
    build(tmp_path, MOSAIC, codes_of(MOSAIC.grid))
    store.write(f"{MOSAIC.id}/other", b"1")
    empty_root(store, MOSAIC.path)
    assert not is_committed(store, MOSAIC.path)
    remove_objects(store, MOSAIC.path)
    assert store.keys() == [f"{MOSAIC.id}/other"]


def test_a_removal_that_is_killed_anywhere_leaves_a_root_that_says_so_or_nothing(tmp_path):
    for number in range(100):
        folder = tmp_path / str(number)
        build(folder, MOSAIC, codes_of(MOSAIC.grid))
        store = counting_store(folder, die_at=number)
        try:
            empty_root(store, MOSAIC.path)
            remove_objects(store, MOSAIC.path)
        except Killed:
            keys = open_store(str(folder)).keys()
            assert ROOT in keys
            assert number == 0 or not is_committed(open_store(str(folder)), MOSAIC.path)
            continue
        assert number > 2
        assert open_store(str(folder)).keys() == []
        return
    pytest.fail("the removal never ended")


def test_to_remove_what_is_not_there_is_no_error(tmp_path):
    store = open_store(str(tmp_path))
    empty_root(store, MOSAIC.path)
    for _ in range(2):
        remove_objects(store, MOSAIC.path)
    assert store.keys() == []
