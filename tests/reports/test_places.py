"""Where reported files lie: points and areas, rows that go up, turned grids, control points, sidecars."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import shapely
from rasterio.control import GroundControlPoint
from rasterio.transform import Affine

from sgddiff_batch.core.grid import IDENTITY
from sgddiff_batch.core.scene import SceneProfile
from sgddiff_batch.io.geodesy.footprints import Footprint, FootprintMaker
from sgddiff_batch.io.scenes.geotiff import GeoTiffReader
from tests.kit.scenes import scene_of, write_scene
from tests.reports.inputs import H, W, picture

UTM = "EPSG:32610"


def profile_of(path: Path) -> SceneProfile:
    return GeoTiffReader().profile(scene_of(path))


def outline_of(profile: SceneProfile) -> Footprint:
    grid = profile.grid
    footprint = FootprintMaker().footprint(grid.height_px, grid.width_px, grid.transform, grid.crs_wkt)
    assert footprint is not None
    return footprint


def test_a_point_is_the_middle_of_its_pixel(tmp_path: Path) -> None:
    """corteva/rioxarray#805, manaakiwhenua/raster2dggs#69: the tie point is a middle."""
    path = write_scene(
        tmp_path / "a.tif", picture(), crs=UTM, transform=Affine(10, 0, 500_000, 0, -10, 4_000_000)
    )
    data, area = path.read_bytes(), struct.pack("<HHHH", 1025, 0, 1, 1)
    assert data.count(area) == 1
    path.write_bytes(data.replace(area, struct.pack("<HHHH", 1025, 0, 1, 2)))
    found = profile_of(path).grid.transform
    assert (found.c, found.f) == (500_000 - 5, 4_000_000 + 5)


def test_rows_that_go_up_stay_so_and_lie_where_they_are(tmp_path: Path) -> None:
    """rasterio/rasterio#3505: the embeddings of AlphaEarth have their southernmost row first."""
    up = write_scene(
        tmp_path / "up.tif", picture(), crs=UTM, transform=Affine(10, 0, 500_000, 0, 10, 4_000_000)
    )
    down = write_scene(
        tmp_path / "down.tif",
        picture(),
        crs=UTM,
        transform=Affine(10, 0, 500_000, 0, -10, 4_000_000 + 10 * H),
    )
    scene, profile = scene_of(up), profile_of(up)
    pixels, _ = GeoTiffReader().read(scene, profile, profile.grid.window)
    np.testing.assert_array_equal(pixels, picture())
    assert profile.grid.transform.e == 10
    assert outline_of(profile).box == pytest.approx(outline_of(profile_of(down)).box)


@pytest.mark.parametrize(
    ("transform", "corners"),
    [
        pytest.param(
            Affine(-0.5, 0, 600_000, 0, 0.5, 4_000_000),
            [(0, 0), (-0.5 * W, 0), (-0.5 * W, 0.5 * H), (0, 0.5 * H)],
            id="rasterio#3094: from right to left and up",
        ),
        pytest.param(
            Affine(-0.346, 0.291, 600_000, 0.291, 0.346, 4_000_000),
            [
                (0, 0),
                (-0.346 * W, 0.291 * W),
                (-0.346 * W + 0.291 * H, 0.291 * W + 0.346 * H),
                (0.291 * H, 0.346 * H),
            ],
            id="torchgeo#1746: turned and mirrored",
        ),
    ],
)
def test_a_turned_or_mirrored_scene_has_the_area_of_its_corners(
    tmp_path: Path, transform: Affine, corners: list[tuple[float, float]]
) -> None:
    profile = profile_of(write_scene(tmp_path / "a.tif", picture(), crs=UTM, transform=transform))
    assert profile.grid.transform.coefficients == tuple(transform)[:6]
    outline = outline_of(profile)
    assert shapely.from_wkb(outline.wkb).is_valid
    # UTM is true to 4 parts in 10,000.
    assert outline.area_km2 == pytest.approx(shapely.Polygon(corners).area / 1e6, rel=2e-3)


@pytest.mark.parametrize("points", [4, 20], ids=["rasterio#1916", "torchgeo#3009"])
def test_control_points_are_not_taken_for_a_transform(tmp_path: Path, points: int) -> None:
    """An affine transform through them can be kilometres off (cogeotiff/rio-tiler#977)."""
    rows, cols = np.linspace(0, H, points // 2), (0, W)
    gcps = [GroundControlPoint(row, col, 10 + col / 1e3, 50 - row / 1e3) for row in rows for col in cols]
    path = write_scene(tmp_path / "a.tif", picture(), crs="EPSG:4326", transform=None, gcps=gcps)
    profile = profile_of(path)
    assert (profile.grid.transform, profile.grid.crs_wkt) == (IDENTITY, None)
    assert "control points" in profile.notes[0]


def test_a_transform_and_a_crs_in_a_sidecar_alone_are_read(tmp_path: Path) -> None:
    """versatiles-org/versatiles-rs#261."""
    path = write_scene(tmp_path / "a.tif", picture(), crs=None, transform=None)
    Path(f"{path}.aux.xml").write_text(
        "<PAMDataset><SRS>EPSG:32633</SRS><GeoTransform>500000,2,0,5300000,0,-2</GeoTransform></PAMDataset>"
    )
    grid = profile_of(path).grid
    assert grid.transform.coefficients == (2, 0, 500_000, 0, -2, 5_300_000)
    assert grid.crs_wkt is not None
    assert '"EPSG",32633' in grid.crs_wkt


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<PAMDataset><SRS",
        "\0" * 40,
        '<PAMDataset><SRS>PROJCS["broken</SRS></PAMDataset>',
        "<PAMDataset><GeoTransform>a,b</GeoTransform></PAMDataset>",
        '<PAMDataset><PAMRasterBand band="9"><NoDataValue>x</NoDataValue></PAMRasterBand></PAMDataset>',
        '<PAMDataset><PAMRasterBand band="1"><GDALRasterAttributeTable><FieldDefn index="1"/>'
        '<Row index="0"><F>0</F></Row></GDALRasterAttributeTable></PAMRasterBand></PAMDataset>',
    ],
    ids=["empty", "cut off", "zeros", "broken CRS", "broken transform", "no such band", "short table"],
)
def test_a_broken_sidecar_is_no_broken_scene(tmp_path: Path, text: str) -> None:
    """xarray-contrib/xarray-spatial#3520."""
    path = write_scene(tmp_path / "a.tif", picture())
    Path(f"{path}.aux.xml").write_text(text)
    scene, profile = scene_of(path), profile_of(path)
    pixels, valid = GeoTiffReader().read(scene, profile, profile.grid.window)
    np.testing.assert_array_equal(pixels, picture())
    assert valid.all()
    assert (profile.grid.crs_wkt is None) == bool(profile.notes), "what is lost is told"
