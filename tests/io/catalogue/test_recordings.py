"""What workers told of the records of a run's scenes."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.io.catalogue.recordings import Recordings
from sgddiff_batch.protocols import Recorded, SceneRecord

A = SceneRecord("a.tif", "v", "k", "a.tif/v-k.zarr", valid_px=3)
B = SceneRecord("b.tif", "v", "k", None, "torn")


def test_records_and_what_is_shown_are_those_that_were_told():
    told = Recordings()
    told.add(Recorded(A, {"source": "s"}))
    told.add(Recorded(B))
    assert dict(told.told()[0]) == {"a.tif": A, "b.tif": B}
    assert dict(told.told()[1]) == {"a.tif": {"source": "s"}}
    assert told.told()[1].get("b.tif") is None
    assert (len(told.told()[0]), len(told.told()[1])) == (2, 1)
    before = told.told()[0]
    told.add(Recorded(replace(A, scene_id="c.tif")))
    assert (list(before), list(told.told()[0])) == (["a.tif", "b.tif"], ["a.tif", "b.tif", "c.tif"])


def test_a_scene_that_was_told_of_twice_counts_as_it_was_told_last():
    told = Recordings()
    told.add(Recorded(A, {"source": "s"}))
    before = told.told()[1]
    later = replace(A, valid_px=4)
    told.add(Recorded(later))
    assert dict(told.told()[0]) == {"a.tif": later}
    assert dict(told.told()[1]) == {}
    assert dict(before) == {"a.tif": {"source": "s"}}, "it changed under somebody's hands"


def test_where_nothing_was_told_there_is_nothing():
    assert (dict(Recordings().told()[0]), dict(Recordings().told()[1])) == ({}, {})


@given(st.dictionaries(st.text(max_size=8), st.none() | st.text(max_size=9000), max_size=40))
def test_whatever_is_shown_comes_out_as_it_went_in(shown):
    told = Recordings()
    for name, text in shown.items():
        told.add(Recorded(replace(A, scene_id=name), None if text is None else {"wkt": text}))
    assert told.told()[1] == {name: {"wkt": text} for name, text in shown.items() if text is not None}
    assert list(told.told()[0]) == sorted(shown, key=lambda name: name.encode())
