from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from jobs.cli import main
from sgddiff_batch.core.grid import Grid
from sgddiff_batch.io.mosaics.writer import ZarrBlockWriter
from sgddiff_batch.io.storage.store import open_store
from tests.io.mosaic_examples import NORTH_UP, UTM, build, codes_of, mosaic_of
from tests.kit.mosaics import begun

GRID = Grid(101, 75, NORTH_UP, UTM)


def test_the_command_writes_the_file_and_returns_0(tmp_path, capsys):
    uri = build(tmp_path, mosaic_of(GRID), codes_of(GRID))
    assert main(["export", "cog", uri, str(tmp_path / "a.tif")]) == 0
    assert (tmp_path / "a.tif").exists()
    assert capsys.readouterr().err == f"wrote {tmp_path / 'a.tif'}\n"


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
