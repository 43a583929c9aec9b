from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image

from jobs.cli import main
from jobs.exits import Exit
from sgddiff_batch.core.grid import Grid
from sgddiff_batch.io.mosaics.writer import ZarrBlockWriter
from sgddiff_batch.io.storage.store import open_store
from tests.io.catalogue.test_mosaics import record, write_ledger
from tests.io.mosaic_examples import NORTH_UP, UTM, build, codes_of, mosaic_of
from tests.kit.mosaics import begun
from tests.runs.areas.test_compose import World

GRID = Grid(101, 75, NORTH_UP, UTM)


def test_the_command_writes_the_file_and_returns_0(tmp_path, capsys):
    uri = build(tmp_path, mosaic_of(GRID), codes_of(GRID))
    assert main(["export", "cog", uri, str(tmp_path / "a.tif")]) == 0
    assert (tmp_path / "a.tif").exists()
    assert capsys.readouterr().err == f"wrote {tmp_path / 'a.tif'}\n"


def test_a_quicklook_has_at_most_the_size_that_is_asked_for(tmp_path, capsys):
    uri = build(tmp_path, mosaic_of(GRID), codes_of(GRID))
    assert main(["export", "png", uri, str(tmp_path / "a.png"), "--size", "60", "--json"]) == 0
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (38, 51)
    said = capsys.readouterr()
    row = {
        "scene_id": None,
        "mosaic": uri,
        "file": str(tmp_path / "a.png"),
        "state": "written",
        "reason": None,
    }
    assert json.loads(said.out) == {"exit_code": 0, "mosaics": [row]}
    assert said.err == f"wrote {tmp_path / 'a.png'}\n"


def test_all_mosaics_go_to_a_folder_those_since_a_day_and_a_second_time_none(tmp_path, capsys):
    out = tmp_path / "out"
    for name, day in (("a.tif", "2026-11-20"), ("b.tif", "2026-11-25")):
        build(out, mosaic_of(GRID, store=f"{name}/v-key.zarr"), codes_of(GRID))
        write_ledger(out, record(name, f"{name}/v-key.zarr", finished_at=day))
    words = ["export", "png", str(out), str(tmp_path / "to"), "--all"]
    assert main([*words, "--since", "2026-11-22"]) == 0
    assert capsys.readouterr().err.splitlines() == [
        f"wrote {tmp_path}/to/b.tif.png",
        "1 mosaic: 1 written, 0 unchanged, 0 failed",
    ]
    Path(out, "a.tif/v-key.zarr/0/saliency/c/0/0").write_bytes(b"damaged")
    assert main([*words, "--json"]) == 1
    said = capsys.readouterr()
    told = json.loads(said.out)
    assert [(row["scene_id"], row["state"]) for row in told["mosaics"]] == [
        ("a.tif", "failed"),
        ("b.tif", "unchanged"),
    ]
    assert told["exit_code"] == 1
    assert said.err.splitlines()[0].startswith("sgddiff export: a.tif: cannot read ")


def test_a_time_without_all_is_refused(tmp_path, capsys):
    assert main(["export", "cog", "m.zarr", "a.tif", "--since", "2026-11-22"]) == 2
    assert "give --all" in capsys.readouterr().err


def test_a_wrong_command_is_one_line_and_returns_2(tmp_path, capsys):
    mosaic = mosaic_of(GRID)
    begun(ZarrBlockWriter(open_store(str(tmp_path))), mosaic, {})
    incomplete = f"{tmp_path}/{mosaic.path}"
    for uri, out in (
        (str(tmp_path / "typo"), "a.tif"),
        (incomplete, "a.tif"),
        ("gs://a/b.zarr", "a.tif"),
        (incomplete, "s3://a/b.tif"),
    ):
        assert main(["export", "cog", uri, str(tmp_path / out) if "://" not in out else out]) == 2
        error = capsys.readouterr().err
        assert error.startswith("sgddiff export: ")
        assert error.count("\n") == 1
    with pytest.raises(SystemExit) as left:
        main(["export", "cog"])
    assert left.value.code == 2


def test_a_failure_of_the_export_is_one_line_and_returns_1(tmp_path, capsys):
    uri = build(tmp_path, mosaic_of(GRID), np.zeros((101, 75), np.uint8))
    Path(uri, "0/saliency/c/0/0").write_bytes(b"damaged")
    assert main(["export", "cog", uri, str(tmp_path / "a.tif")]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "a.tif").exists()


def test_one_file_is_cleared_up_beside_too(tmp_path):
    uri = build(tmp_path / "out", mosaic_of(GRID), codes_of(GRID))
    left = tmp_path / ".a.png.abc.partial"
    left.mkdir()
    (left / "lock").touch()
    os.utime(left / "lock", (1, 1))
    assert main(["export", "png", uri, str(tmp_path / "a.png")]) == 0
    assert not left.exists()


def test_objects_are_exported_by_the_suffix_and_what_cannot_be_ends_with_2(night, tmp_path, capsys):
    assert main(["export", "objects", str(night.output), str(tmp_path / "o.geojson")]) == Exit.WRONG
    assert "sgddiff objects" in capsys.readouterr().err
    assert main(["objects", str(night.output)]) == 0
    capsys.readouterr()
    assert main(["export", "objects", str(night.output), str(tmp_path / "o.geojson"), "--json"]) == 0
    told = capsys.readouterr()
    facts = json.loads(told.out)
    features = json.loads((tmp_path / "o.geojson").read_text())["features"]
    assert facts["objects"] == len(features) > 0
    assert f"wrote {tmp_path / 'o.geojson'}" in told.err
    assert main(["export", "objects", str(night.output), str(tmp_path / "o.shp")]) == Exit.WRONG


def test_an_area_is_exported_by_its_own_place_and_not_with_its_output(tmp_path, capsys):
    world = World(tmp_path)
    world.put("a.tif")
    world.publish()
    assert world.night() == 0
    capsys.readouterr()
    assert main(["export", "cog", world.output.uri, str(tmp_path / "scenes"), "--all"]) == 0
    assert main(["export", "cog", world.area.uri, str(tmp_path / "cells"), "--all"]) == 0
    cells = [f"{name}.tif" for name in world.mosaics()]
    for folder, files in (("scenes", 1), ("cells", len(cells))):
        assert len([*(tmp_path / folder).rglob("*.tif")]) == files > 0
    with rasterio.open(tmp_path / "cells" / cells[0]) as cog:
        assert (cog.count, cog.nodata) == (1, 255)
        assert (cog.read(1) < 255).any()
