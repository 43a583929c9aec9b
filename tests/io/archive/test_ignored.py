"""Ignored files as columns are what a list of them is; merged, each is there once, in order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.io.archive.files import IgnoredFile
from sgddiff_batch.io.archive.ignored import IgnoredFiles, merged_ignored

FILES = st.lists(
    st.builds(IgnoredFile, st.text(max_size=2), st.sampled_from(["x", "a", "m"]), st.booleans()), max_size=8
)


@given(FILES)
def test_columns_are_a_sequence_of_files(files):
    columns = IgnoredFiles.of(iter(files))
    assert (columns, list(columns), columns[1:]) == (files, files, files[1:])
    assert [columns[row] for row in range(len(columns))] == files
    assert IgnoredFiles.of(columns) is columns
    assert columns != [*files, "x"]
    assert (columns == 5) is False


@given(st.lists(FILES, max_size=3))
def test_each_file_is_there_once_in_the_order_of_paths_and_reasons(parts):
    merged = merged_ignored(map(iter, parts))
    assert merged == sorted(
        {file for part in parts for file in part}, key=lambda file: (file.path, file.reason, file.lost)
    )
    assert merged_ignored([merged, *parts]) == merged
