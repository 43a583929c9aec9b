"""Columns are compared as scenes and records are one by one, and divided as a run's extent says."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core.comparing import compare, divide, is_among
from sgddiff_batch.core.numbers import Numbers
from sgddiff_batch.core.record_columns import RecordColumns
from sgddiff_batch.core.scene import Scene
from sgddiff_batch.core.scene_table import SceneTable
from sgddiff_batch.core.texts import Texts, TextSet
from sgddiff_batch.protocols import SceneRecord
from tests.core.test_record_columns import RECORDS

IDS = st.lists(st.text(max_size=2), unique=True, max_size=12)


@st.composite
def archives(draw: st.DrawFn) -> tuple[list[Scene], list[SceneRecord]]:
    """Scenes and records of which most have one of the other."""
    records = draw(RECORDS)
    ids = [record.scene_id for record in records if draw(st.booleans())] + draw(IDS)
    versions = st.sampled_from(["v1", "v2"])
    return [Scene(one, f"s3://b/{one}", draw(versions), 1) for one in dict.fromkeys(ids)], records


def one_by_one(scenes, records, run_key, again):
    """Return what becomes of each scene: new, unchanged or quarantined."""
    by_id = {record.scene_id: record for record in records}
    found = []
    for scene in scenes:
        record = by_id.get(scene.scene_id)
        is_new = record is None or (record.version, record.run_key) != (scene.version, run_key)
        if is_new or scene.scene_id in again:
            found.append("new")
        else:
            found.append("quarantined" if record.reason else "unchanged")
    return found


@given(archives(), st.sampled_from(["k1", "k2", "k3"]), st.data())
def test_columns_are_compared_as_scenes_are(archive, run_key, data):
    scenes, records = archive
    again = set(data.draw(st.lists(st.sampled_from([s.scene_id for s in scenes] or [""]), max_size=3)))
    table = RecordColumns.of({record.scene_id: record for record in records})
    found = compare(SceneTable.of(scenes), table, run_key, again)
    masks = zip(found.is_new, found.is_unchanged, found.is_quarantined, strict=True)
    named = [
        [n for n, held in zip(("new", "unchanged", "quarantined"), mask, strict=True) if held]
        for mask in masks
    ]
    assert named == [[state] for state in one_by_one(scenes, records, run_key, again)]
    ids = {record.scene_id for record in records}
    assert [table.ids[row] if row >= 0 else None for row in found.record_rows.tolist()] == [
        scene.scene_id if scene.scene_id in ids else None for scene in scenes
    ]


@given(
    IDS,
    st.none() | IDS.map(frozenset),
    IDS.map(frozenset),
    st.none() | st.integers(0, 8),
    st.dictionaries(st.text(max_size=2), st.sampled_from([1.0, 2.0, 3.0, -math.inf])),
    st.booleans(),
)
def test_scenes_are_divided_as_they_are_one_by_one(ids, only, again, limit, since_s, in_columns):
    wanted = [one for one in ids if only is None or one in only]
    ranked = wanted
    if limit is not None and len(wanted) > limit:
        ranked = sorted(wanted, key=lambda one: (one not in again, since_s.get(one, -math.inf), one))
    if in_columns:
        again, since_s = TextSet(sorted(again)), Numbers.of(since_s)
    found = divide(Texts.of(ids), only, again, limit, since_s)
    assert [ids[row] for row in found.done] == ranked[:limit]
    assert [ids[row] for row in found.over_the_limit] == ([] if limit is None else ranked[limit:])
    assert [ids[row] for row in found.not_asked_for] == [one for one in ids if one not in wanted]


@given(IDS, IDS)
def test_ids_are_among_the_chosen(ids, chosen):
    for among in (chosen, set(chosen), iter(chosen), TextSet(chosen)):
        assert is_among(Texts.of(ids), among).tolist() == [one in chosen for one in ids]
