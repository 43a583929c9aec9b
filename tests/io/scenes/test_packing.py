"""What a .aux.xml says of bits and of white is another file's: the samples lie as their own file says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sgddiff_batch.io.scenes.geotiff import GeoTiffReader
from tests.kit.scenes import noise, scene_of, write_scene


def told(path: Path, **items: str) -> Path:
    said = "".join(f'<MDI key="{key}">{value}</MDI>' for key, value in items.items())
    domain = f'<Metadata domain="IMAGE_STRUCTURE">{said}</Metadata>'
    band = f'<PAMRasterBand band="1">{domain}</PAMRasterBand>'
    Path(f"{path}.aux.xml").write_text(f"<PAMDataset>{domain}{band}</PAMDataset>")
    return path


@pytest.mark.parametrize(
    "items", [{"NBITS": "4"}, {"MINISWHITE": "YES"}, {"NBITS": "1", "MINISWHITE": "YES"}]
)
@pytest.mark.parametrize(
    "options", [{}, {"photometric": "MINISWHITE"}, {"nbits": 5, "photometric": "MINISBLACK"}]
)
def test_a_sidecar_changes_neither_bits_nor_white(tmp_path: Path, items: dict, options: dict) -> None:
    samples = noise(1, 30, 40) >> (8 - options.get("nbits", 8))
    reader = GeoTiffReader()
    plain = scene_of(write_scene(tmp_path / "plain.tif", samples, **options))
    scene = scene_of(told(write_scene(tmp_path / "a.tif", samples, **options), **items))
    profile = reader.profile(scene)
    assert profile == reader.profile(plain)
    np.testing.assert_array_equal(
        reader.read(scene, profile, profile.grid.window)[0],
        reader.read(plain, profile, profile.grid.window)[0],
    )


def test_a_sidecar_of_few_bits_does_not_make_a_no_data_value_impossible(tmp_path: Path) -> None:
    samples = noise(1, 30, 40, "uint16") + 4096
    path = told(write_scene(tmp_path / "a.tif", samples, nodata=65535), NBITS="12")
    assert GeoTiffReader().profile(scene_of(path)).mask.nodata == (65535,)
