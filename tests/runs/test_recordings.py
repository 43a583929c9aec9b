"""What a run holds of its scenes: lists as any other, in a fraction of the memory, and each last record."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.protocols import Recorded, SceneRecord
from sgddiff_batch.runs.recordings import Packed, Recordings

A = SceneRecord("a.tif", "v", "k", "a.tif/v-k.zarr", valid_px=3)
B = SceneRecord("b.tif", "v", "k", None, "torn")


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    number: int


@given(st.lists(st.integers(), max_size=1100))
def test_values_come_out_as_they_went_in(values):
    packed = Packed(values)
    assert list(packed) == values
    assert len(packed) == len(values)
    assert -1 in packed or -1 not in values


def test_rows_of_one_kind_take_a_fraction_of_what_they_take_as_objects():
    packed = Packed(Row(f"north/scene{number:06}.tif", number) for number in range(10_240))
    assert sum(map(len, packed._blocks)) < 40 * len(packed)
    assert Row("north/scene005000.tif", 5000) in packed


def test_who_goes_through_it_sees_what_was_there_when_it_began():
    packed = Packed(range(300))
    rows = iter(packed)
    assert next(rows) == 0
    packed.extend(range(300, 1000))
    assert list(rows) == list(range(1, 300))


def test_many_threads_add_and_read_and_nothing_is_lost_or_twice():
    packed = Packed[int]()

    def work(first):
        for number in range(first, 4000, 8):
            packed.append(number)
            if number % 512 == first:
                assert number in packed

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert sorted(packed) == list(range(4000))


def test_records_and_what_is_shown_are_those_that_were_told():
    told = Recordings()
    told.add(Recorded(A, {"source": "s"}))
    told.add(Recorded(B))
    assert dict(told.table()) == {"a.tif": A, "b.tif": B}
    assert dict(told.shown) == {"a.tif": {"source": "s"}}
    assert told.shown.get("b.tif") is None
    assert (len(told), len(told.shown)) == (2, 1)
    before = told.table()
    told.add(Recorded(replace(A, scene_id="c.tif")))
    assert (list(before), list(told.table())) == (["a.tif", "b.tif"], ["a.tif", "b.tif", "c.tif"])


def test_a_scene_that_was_told_of_twice_counts_as_it_was_told_last():
    told = Recordings()
    told.add(Recorded(A, {"source": "s"}))
    before = told.shown
    later = replace(A, valid_px=4)
    told.add(Recorded(later))
    assert dict(told.table()) == {"a.tif": later}
    assert dict(told.shown) == {}
    assert dict(before) == {"a.tif": {"source": "s"}}, "it changed under somebody's hands"


@given(st.dictionaries(st.text(max_size=8), st.none() | st.text(max_size=9000), max_size=40))
def test_whatever_is_shown_comes_out_as_it_went_in(shown):
    told = Recordings()
    for name, text in shown.items():
        told.add(Recorded(replace(A, scene_id=name), None if text is None else {"wkt": text}))
    assert told.shown == {name: {"wkt": text} for name, text in shown.items() if text is not None}
    assert list(told.table()) == sorted(shown, key=lambda name: name.encode())
