"""Windows of whole shards, of codes and of counts: what is not there is the fill value, damage is told."""

import numpy as np
import pytest

from sgddiff_batch.core.grid import Grid
from sgddiff_batch.core.window import Window
from sgddiff_batch.io.mosaics.counts import counts_level
from sgddiff_batch.io.mosaics.metadata import Level
from sgddiff_batch.io.mosaics.reading import DamagedObjectError, read_shard, read_window
from sgddiff_batch.io.mosaics.shards import ShardSpec

CODES = Level(0, Grid(20, 28), ShardSpec(16, 8))
WHOLE = Window(0, 20, 0, 28)


def reading(objects):
    def read(key):
        if key not in objects:
            raise FileNotFoundError(key)
        return objects[key]

    return read


@pytest.mark.parametrize(("level", "fill"), [(CODES, 255), (counts_level(CODES), 0)])
def test_a_window_is_its_shards_and_the_fill_value_where_there_is_none(level, fill):
    values = np.arange(20 * 28).reshape(20, 28).astype(level.shards.dtype) % 251
    values[:16, 16:] = fill
    objects = {}
    for part in WHOLE.split(16):
        data = level.shards.encode(values[part.slices])
        if data is not None:
            objects[level.key(part)] = data
    assert len(objects) == 3
    found = read_window(level, WHOLE, reading(objects))
    assert found.dtype == level.shards.dtype
    np.testing.assert_array_equal(found, values)
    np.testing.assert_array_equal(
        read_window(level, WHOLE, reading(objects), lambda call, parts: [call(p) for p in [*parts][::-1]]),
        values,
    )


@pytest.mark.parametrize("damage", [b"", b"no shard", b"\0" * 500])
def test_damage_is_told_with_its_key(damage):
    part = Window(0, 16, 0, 16)
    objects = {CODES.key(part): damage}
    for read in (read_shard, read_window):
        with pytest.raises(DamagedObjectError) as caught:
            read(CODES, part, reading(objects))
        assert caught.value.key == "0/saliency/c/0/0"
        assert "\n" not in str(caught.value)
