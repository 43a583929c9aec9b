"""The metadata of groups and arrays is that of zarr-python, key for key in the same order."""

from __future__ import annotations

import json

import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from zarr.codecs import ZstdCodec
from zarr.core.buffer import Buffer
from zarr.storage import MemoryStore

from sgddiff_batch.io.mosaics.nodes import LITTLE, array_node, group_node, node_bytes, zstd
from tests.io.mosaics.zarr_reference import without_spaces

ATTRIBUTES = st.dictionaries(
    st.text(),
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(), st.just([1, "a"])
    ),
    max_size=4,
)
AXES = st.lists(st.integers(1, 10**6), max_size=3)


def stored(objects: dict[str, Buffer], path: str) -> bytes:
    return without_spaces(objects[f"{path}/zarr.json"].to_bytes())


def test_a_group_is_that_of_zarr():
    objects: dict[str, Buffer] = {}
    zarr.create_group(MemoryStore(objects), path="0")
    assert node_bytes(group_node()) == stored(objects, "0")


@given(
    *(AXES, st.sampled_from(["int64", "uint16", "float64"]), st.integers(0, 9)),
    *(st.integers(-5, 22), st.booleans(), st.booleans(), ATTRIBUTES),
)
def test_an_array_is_that_of_zarr(shape, dtype, fill, level, checksum, named, attributes):
    names = tuple(f"axis {number}" for number in range(len(shape))) if named and shape else ()
    objects: dict[str, Buffer] = {}
    zarr.create_array(
        MemoryStore(objects), name="a", shape=shape, chunks=shape, dtype=dtype, fill_value=fill,
        compressors=ZstdCodec(level=level, checksum=checksum), dimension_names=names or None,
        attributes=attributes,
    )  # fmt: skip
    number = float(fill) if dtype == "float64" else fill
    codecs = [LITTLE, zstd(level, checksum=checksum)]
    node = array_node(dtype, shape, shape, number, codecs, attributes, names)
    assert node_bytes(node) == stored(objects, "a")


def test_what_is_no_json_is_refused():
    with pytest.raises(TypeError):
        node_bytes({"a": [{1}]})


@pytest.mark.parametrize("fill", ["NaN", 0])
def test_a_node_is_json_and_owns_what_it_was_made_of(fill):
    attributes, codecs = {"a": 1}, [LITTLE]
    node = array_node("float64", (1,), (1,), fill, codecs, attributes)
    attributes["a"] = 2
    codecs.clear()
    assert json.loads(node_bytes(node)) == node
    assert node["attributes"] == {"a": 1}
    assert node["codecs"] == [LITTLE]
