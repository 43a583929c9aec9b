"""Files of a listing are sorted into columns as they are one by one, and an id and a version cost little."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core.scene import escape_scene_id, is_plain
from sgddiff_batch.core.words import printable
from sgddiff_batch.io.archive.files import LEADS_OUT, ArchiveFile, IgnoredFile
from sgddiff_batch.io.archive.found import (
    FoundScenes,
    _sorted_by_object,
    identity_text,
    sorted_files,
    version_of,
    version_of_one,
)

STEMS = st.sampled_from(["a", "A", "b", "._a", "é", "a b", "_a", "\udcff", "B.x"])
SIDECARS = (".tif.msk", ".tif.msk.aux.xml", ".tfw", ".TFW", ".xml", ".XML", ".aux.xml", ".tif.aux.xml")
ENDS = st.sampled_from([".tif", ".TIF", ".tiff", ".txt", *SIDECARS])
PATHS = st.builds(
    "{}{}{}".format, st.sampled_from(["", "d/", "D/", "x=1/", "_d/", "d/.hidden/"]), STEMS, ENDS
)
IDENTITIES = st.text(max_size=4) | st.sampled_from(["0a", "0a-2", '"', [5, 6]])


@st.composite
def files(draw: st.DrawFn, path: str) -> ArchiveFile:
    modified_s = draw(st.none() | st.floats(0, 9))
    return ArchiveFile(path, f"s3://bucket/{path}", draw(st.integers(0, 9)), draw(IDENTITIES), modified_s)


@st.composite
def listings(draw: st.DrawFn) -> list[ArchiveFile | IgnoredFile]:
    paths = draw(st.lists(PATHS, unique=True, max_size=12))
    reasons = st.sampled_from(["a reason", LEADS_OUT])
    links = st.builds(IgnoredFile, PATHS.map(printable), reasons, st.booleans())
    ignored = draw(st.lists(links, max_size=3))
    return draw(st.permutations([*(draw(files(path)) for path in paths), *ignored]))


@given(listings(), st.sampled_from(["", "*", "d/*", "**/*.tif", "?/a*", "**/a*"]))
def test_columns_hold_what_objects_do(found, glob):
    pattern = glob.split("/") if glob else []
    table, objects = sorted_files(found, pattern), _sorted_by_object(found, pattern)
    assert table.scenes == objects.scenes
    assert (table.ignored, table.missing) == (objects.ignored, objects.missing)
    assert len({one.scene.scene_id for one in table.scenes}) == len(table.scenes)
    assert [one.sources for one in table.scenes] == [{0}] * len(table.scenes)


@given(st.text(), IDENTITIES)
def test_a_version_of_one_file_is_that_of_all_its_files(path, identity):
    file = ArchiveFile(path, "", 1, identity)
    assert json.loads(identity_text(file)) == identity
    assert version_of_one(path, identity_text(file)) == version_of([file])


def test_a_version_is_what_earlier_runs_wrote():
    file = ArchiveFile("d/a.tif", "s3://b/d/a.tif", 1, "0123456789abcdef0123456789abcdef-2")
    assert version_of_one(file.path, identity_text(file)) == version_of([file]) == "74f5d62535646c07"


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), max_size=30))
def test_what_is_plain_is_its_own_id(path):
    if is_plain(path):
        assert escape_scene_id(path) == path


def test_what_lies_below_the_output_is_left_out_of_columns_and_of_objects():
    found = [ArchiveFile(path, f"/r/{path}", 1, "x") for path in ("out/a.tif", "out.tif", "b.tif")]
    table = sorted_files(found)
    for scenes in (table.scenes, tuple(table.scenes)):
        rest = FoundScenes(scenes).outside("/r", "/r/out")
        assert [one.name for one in rest.scenes] == ["b.tif", "out.tif"]
        assert FoundScenes(scenes).outside("/r/scenes", "/r").scenes == ()
