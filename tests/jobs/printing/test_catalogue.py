"""What is printed of a catalogue: a row a mosaic, a row a generation, and names as they are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jobs.printing import print_generations, print_mosaics
from sgddiff_batch.core.generations import Generation, Pointer
from sgddiff_batch.io.catalogue import MosaicEntry

ENTRY = MosaicEntry(
    scene_id="north/a.tif",
    uri="s3://b/out/north/a.tif/0123-4567.zarr",
    height_px=300,
    width_px=400,
    valid_px=1000,
    salient_px=25,
    version="v",
    run_key="k",
    finished_at="2026-01-01T00:00:00+00:00",
    model_digest="0123456789abcdef" * 4,
)


def rows_of(text):
    """The cells of each row of the body."""
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in text.splitlines() if "│" in line]


def test_a_mosaic_is_a_row_with_size_share_and_model(capsys):
    print_mosaics([ENTRY])
    said = capsys.readouterr().out
    assert "1 mosaic\n" in f"{said.splitlines()[0].strip()}\n"
    [row] = rows_of(said)
    assert row == [
        "north/a.tif", "done", "400 x 300", "2.50%", "2026-01-01T00:00:00+00:00", "0123456789ab", ENTRY.uri,
    ]  # fmt: skip


def test_without_data_or_a_known_model_there_are_dashes(capsys):
    print_mosaics([replace(ENTRY, valid_px=0, salient_px=0, model_digest=None, state="quarantined")])
    [row] = rows_of(capsys.readouterr().out)
    assert (row[1], row[3], row[5]) == ("quarantined", "-", "-")


@pytest.mark.parametrize("folders", [4, 30])
def test_a_uri_is_on_one_line_whole_and_the_other_columns_are_folded_for_it(capsys, folders):
    uri = f"s3://bucket/{'folder/' * folders}a.tif/0123-4567.zarr"
    scene_id = f"{'north/' * 20}a.tif"
    print_mosaics([replace(ENTRY, uri=uri, scene_id=scene_id), ENTRY])
    rows = rows_of(capsys.readouterr().out)
    assert [row[-1] for row in rows if row[-1]] == [uri, ENTRY.uri]
    parts = rows[: [row[-1] for row in rows].index(ENTRY.uri)]
    assert "".join(row[0] for row in parts) == scene_id
    assert len(parts) > 1


def test_brackets_in_a_uri_are_no_markup(capsys):
    print_mosaics([replace(ENTRY, uri="/data/[red]x[/red]/a.zarr")])
    assert "/data/[red]x[/red]/a.zarr" in capsys.readouterr().out


def pointer(current):
    kept = [Generation(n, f"{n}.parquet", "d" * 64, 10 * n, f"run{n}", f"day {n}") for n in (1, 2)]
    return Pointer(current, tuple(kept))


@pytest.mark.parametrize("current", [1, 2])
def test_the_generation_that_readers_see_is_marked(capsys, current):
    print_generations("s3://b/out", pointer(current))
    said = capsys.readouterr().out
    assert "generations of s3://b/out" in said
    assert rows_of(said) == [
        [str(n), str(10 * n), f"day {n}", f"run{n}", "current" if n == current else ""] for n in (1, 2)
    ]


@pytest.mark.parametrize("output", ["/data/[red]out", "/data/[/]out", "/data/:cat:/out"])
def test_the_name_of_an_output_is_printed_as_it_is(capsys, output):
    print_generations(output, pointer(1))
    assert f"generations of {output}" in capsys.readouterr().out
