from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import rasterio
import rasterio.shutil
from PIL import Image
from rasterio._err import CPLE_AppDefinedError

from sgddiff_batch.core.grid import Grid
from sgddiff_batch.core.scene import escape_scene_id
from sgddiff_batch.errors import ConfigError
from sgddiff_batch.io.catalogue import list_mosaics
from sgddiff_batch.io.mosaics import CogExport, PngExport
from sgddiff_batch.io.storage.store import open_store
from sgddiff_batch.runs import export as exports
from sgddiff_batch.runs.export import Exported, export_all
from tests.io.catalogue.test_mosaics import record, write_ledger
from tests.io.mosaic_examples import NORTH_UP, UTM, build, codes_of, mosaic_of, stored_codes
from tests.kit.outputs import KINDS, output_on

GRID = Grid(60, 40, NORTH_UP, UTM)
IDS = (escape_scene_id("Zürich/übersicht 1.tif"), "harbour/north.tif", "was.tif")


@pytest.fixture
def output(tmp_path):
    """Three mosaics, the last one of a scene whose newest version is in quarantine."""
    for number, scene_id in enumerate(IDS):
        build(tmp_path, mosaic_of(GRID, store=f"{scene_id}/v-key.zarr"), codes_of(GRID, number))
    rows = [
        record(scene_id, f"{scene_id}/v-key.zarr", finished_at=day)
        for scene_id, day in zip(IDS, DAYS, strict=True)
    ]
    write_ledger(tmp_path, *rows[:2], record("was.tif", "was.tif/v-key.zarr", reason="truncated"))
    return tmp_path


DAYS = ("2026-11-20T23:59:59+00:00", "2026-11-21T00:00:00+00:00", "")


def states(rows: list[Exported]) -> dict[str | None, str]:
    return {row.scene_id: row.state for row in rows}


@pytest.mark.parametrize("kind", KINDS)
def test_files_are_named_by_scene_and_a_second_time_left_as_they_are(output, kind, request):
    with output_on(kind, "exports", request) as folder:
        for export in (CogExport(), PngExport(50)):
            rows = list(export_all(str(output), folder, export))
            assert {row.scene_id: (row.file, row.state) for row in rows} == {
                scene_id: (f"{folder}/{scene_id}{export.suffix}", "written") for scene_id in IDS
            }
            assert set(states(list(export_all(str(output), folder, export))).values()) == {"unchanged"}


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_file_in_its_place_is_written_anew(output, kind, request):
    with output_on(kind, "exports-empty", request) as folder:
        open_store(folder).write(f"{IDS[0]}.png", b"")
        assert {row.state for row in export_all(str(output), folder, PngExport())} == {"written"}


def test_a_file_has_the_pixels_of_its_scenes_mosaic(output, tmp_path):
    list(export_all(str(output), str(tmp_path / "to"), CogExport()))
    for scene_id in IDS:
        with rasterio.open(tmp_path / "to" / f"{scene_id}.tif") as cog:
            assert (cog.read(1) == stored_codes(f"{output}/{scene_id}/v-key.zarr")).all()


def test_only_what_is_another_mosaics_or_another_size_is_written_anew(output, tmp_path):
    folder = str(tmp_path / "to")
    list(export_all(str(output), folder, PngExport(50)))
    build(output, mosaic_of(GRID, store=f"{IDS[0]}/w-key.zarr"), codes_of(GRID, 9))
    write_ledger(output, record(IDS[0], f"{IDS[0]}/w-key.zarr"))
    Path(folder, f"{IDS[2]}.png").write_bytes(b"somebody's")
    assert states(list(export_all(str(output), folder, PngExport(50)))) == {
        IDS[0]: "written", IDS[1]: "unchanged", IDS[2]: "written",
    }  # fmt: skip
    assert set(states(list(export_all(str(output), folder, PngExport(20)))).values()) == {"written"}
    with Image.open(f"{folder}/{IDS[0]}.png") as image:
        assert max(image.size) <= 20


def test_since_a_time_are_those_that_were_published_then_or_nobody_knows_when(output, tmp_path):
    write_ledger(output, record(IDS[2], f"{IDS[2]}/v-key.zarr", finished_at=""))
    midnight = 1_795_219_200.0
    rows = list(export_all(str(output), str(tmp_path / "to"), PngExport(), midnight))
    assert [row.scene_id for row in rows] == [*IDS[1:]]


def test_a_mosaic_that_cannot_be_exported_stops_no_other(output, tmp_path):
    Path(output, IDS[0], "v-key.zarr/0/saliency/c/0/0").write_bytes(b"damaged")
    shutil.rmtree(Path(output, IDS[1]))
    rows = list(export_all(str(output), str(tmp_path / "to"), CogExport()))
    assert states(rows) == {IDS[0]: "failed", IDS[1]: "failed", IDS[2]: "written"}
    reasons = [row.reason or "" for row in rows]
    assert "it is damaged" in reasons[0]
    assert "there is no mosaic" in reasons[1]
    assert [path.name for path in (tmp_path / "to").rglob("*") if path.is_file()] == ["was.tif.tif"]


def test_a_mosaic_that_gdal_cannot_write_stops_no_other(output, tmp_path, monkeypatch):
    copy, calls = rasterio.shutil.copy, []

    def once(*args: Any, **flags: Any) -> None:
        calls.append(args)
        if len(calls) == 1:
            raise CPLE_AppDefinedError(3, 1, "no COG of this")
        copy(*args, **flags)

    monkeypatch.setattr(rasterio.shutil, "copy", once)
    rows = list(export_all(str(output), str(tmp_path / "to"), CogExport()))
    assert [row.state for row in rows] == ["failed", "written", "written"]


def test_all_of_a_folder_list_it_once_and_clear_up_in_it(tmp_path, monkeypatch):
    output, to, names = tmp_path / "out", tmp_path / "to", ("a.tif", "b.tif", "c.tif")
    for name in names:
        build(output, mosaic_of(GRID, store=f"{name}/v-key.zarr"), codes_of(GRID))
        write_ledger(output, record(name, f"{name}/v-key.zarr"))
    left = to / ".b.tif.png.abc.partial"
    left.mkdir(parents=True)
    (left / "lock").touch()
    os.utime(left / "lock", (1, 1))
    listed, iterdir = [], Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda path: listed.append(path) or iterdir(path))
    assert {row.state for row in export_all(str(output), str(to), PngExport())} == {"written"}
    assert listed.count(to) == 1
    assert {path.name for path in iterdir(to)} == {f"{name}.png" for name in names}


def test_a_folder_in_the_way_of_a_file_fails_that_one_alone(output, tmp_path):
    (tmp_path / "to" / f"{IDS[0]}.png").mkdir(parents=True)
    rows = list(export_all(str(output), str(tmp_path / "to"), PngExport()))
    assert [row.state for row in rows] == ["failed", "written", "written"]
    assert "there is a folder" in (rows[0].reason or "")


def test_a_folder_that_cannot_be_is_refused_before_any_work(output, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigError, match="cannot write to the folder"):
        next(export_all(str(output), str(tmp_path / "file"), CogExport()))
    with pytest.raises(ConfigError, match="cannot write to the folder"):
        next(export_all(str(output), "/proc/nobody", CogExport()))


def test_an_output_that_no_run_has_written_to_is_refused_and_no_folder_made(tmp_path):
    with pytest.raises(FileNotFoundError, match="give the output"):
        next(export_all(str(tmp_path / "typo"), str(tmp_path / "to"), CogExport()))
    assert not (tmp_path / "to").exists()


@pytest.mark.parametrize("kind", KINDS)
def test_an_id_that_leads_out_of_the_folder_is_refused_and_nothing_written(
    output, kind, request, monkeypatch
):
    entry, *others = list_mosaics(str(output))
    ids = ("../evil", "a/../../evil", "/evil", "", ".", "a//evil", "..\\evil", "evil\0")
    hostile = [replace(entry, scene_id=scene_id) for scene_id in ids]
    monkeypatch.setattr(exports, "list_mosaics", lambda _: [*hostile, *others])
    with output_on(kind, "exports-hostile", request) as uri:
        rows = list(export_all("published", f"{uri}/to", PngExport()))
        assert [row.state for row in rows] == ["failed"] * len(ids) + ["written"] * len(others)
        assert all("leads out of the folder" in (row.reason or "") for row in rows[: len(ids)])
        written = open_store(uri).read_all("")
        assert sorted(written) == sorted(f"to/{other.scene_id}.png" for other in others)
