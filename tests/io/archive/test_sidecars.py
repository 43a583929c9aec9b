"""Sidecars: ESRI's .xml gives a CRS where the scene has none, and is a part of its version; others not."""

from __future__ import annotations

from pathlib import Path

import pytest
from rasterio.crs import CRS

from sgddiff_batch.core.query import ArchiveQuery, BucketAccess, Source
from sgddiff_batch.core.scene import Scene
from sgddiff_batch.errors import RetryableError
from sgddiff_batch.io.scenes import gdal as gdal_access
from sgddiff_batch.io.scenes.geotiff import GeoTiffReader
from sgddiff_batch.io.sources.listing import list_archive
from tests.kit.scenes import noise, scripted_bucket, write_scene

READER = GeoTiffReader()
ESRI = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<metadata xml:lang="en"><Esri><ArcGISFormat>1.0</ArcGISFormat></Esri><refSysInfo><RefSystem><refSysID>'
    '<identCode code="{code}"/><idCodeSpace>EPSG</idCodeSpace>'
    "</refSysID></RefSystem></refSysInfo></metadata>\n"
)
PAM = "<PAMDataset><SRS>EPSG:3857</SRS></PAMDataset>"
WORLD = "2.0\n0.0\n0.0\n-2.0\n600001.0\n5299999.0\n"


def esri(code: int = 32633) -> str:
    return ESRI.format(code=code)


def scenes_in(folder: Path) -> list[Scene]:
    return list(list_archive(ArchiveQuery((Source(str(folder)),))).scenes)


def crs_of(scene: Scene, reader: GeoTiffReader = READER) -> int | None:
    wkt = reader.profile(scene).grid.crs_wkt
    return CRS.from_wkt(wkt).to_epsg() if wkt else None


class TestTheCrsOfEsri:
    @pytest.mark.parametrize(
        ("beside", "own", "found"),
        [
            ({"a.xml": esri()}, None, 32633),
            ({"a.XML": esri(3035)}, None, 3035),
            ({"a.xml": esri(), "a.tfw": WORLD}, None, 32633),
            ({"a.xml": esri()}, "EPSG:4326", 4326),
            ({"a.xml": esri(), "a.tif.aux.xml": PAM}, None, 3857),
            ({"a.xml": esri(), "a.tif.aux.xml": PAM}, "EPSG:4326", 3857),
            ({"a.tif.xml": esri()}, None, None),
            ({"a.Xml": esri()}, None, None),
            ({"A.xml": esri()}, None, None),
            ({"a.xml": esri(99999999)}, None, None),
            ({"a.xml": "<metadata>"}, None, None),
            ({"a.xml": '<metadata xmlns="x"/>'}, None, None),
            ({"a.prj": CRS.from_epsg(32633).to_wkt()}, None, None),
        ],
    )
    def test_is_that_of_a_scene_without_one(
        self, tmp_path: Path, beside: dict[str, str], own: str | None, found: int | None
    ) -> None:
        write_scene(tmp_path / "a.tif", noise(3, 8, 8), crs=own)
        for name, content in beside.items():
            (tmp_path / name).write_text(content)
        (scene,) = scenes_in(tmp_path)
        assert crs_of(scene) == found

    @pytest.mark.parametrize("name", ["a.xml", "a.XML"])
    def test_is_found_on_s3_too(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        write_scene(tmp_path / "b" / "a.tif", noise(3, 8, 8), crs=None)
        (tmp_path / "b" / name).write_text(esri())
        with scripted_bucket(tmp_path) as (endpoint, _):
            monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
            scene = Scene("a.tif", "s3://b/a.tif", "v1", 1, has_sidecars=True)
            assert crs_of(scene, GeoTiffReader(access=BucketAccess({"b": "anonymous"}))) == 32633

    @pytest.mark.parametrize("status", ["503", "500", "429"])
    def test_is_not_taken_for_absent_where_the_store_fails(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: str
    ) -> None:
        write_scene(tmp_path / "b" / "a.tif", noise(3, 8, 8), crs=None)
        (tmp_path / "b" / "a.xml").write_text(esri())
        reader = GeoTiffReader(access=BucketAccess({"b": "anonymous"}))
        scene = Scene("a.tif", "s3://b/a.tif", "v1", 1, has_sidecars=True)
        with scripted_bucket(tmp_path) as (endpoint, script):
            monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
            monkeypatch.setitem(gdal_access._OPTIONS, "GDAL_HTTP_RETRY_DELAY", "0.01")
            script.write_text(f".xml {status}")
            with pytest.raises(RetryableError, match="did not answer"):
                crs_of(scene, reader)
            script.write_text("")
            assert crs_of(scene, reader) == 32633


@pytest.mark.parametrize(
    ("name", "content", "counts"),
    [
        ("a.xml", esri(), True),
        ("a.XML", esri(), True),
        ("a.xml", "\n<!-- ArcGIS -->\n" + esri().partition("\n")[2], True),
        ("a.xml", '<?xml version="1.0"?><gmd:MD_Metadata/>', False),
        ("a.xml", "", False),
        ("a.tif.xml", esri(), False),
        ("a.prj", "PROJCS[]", False),
        ("b.xml", esri(), False),
    ],
)
def test_a_version_has_what_may_give_a_crs_and_no_other_xml(
    tmp_path: Path, name: str, content: str, counts: bool
) -> None:
    (tmp_path / "a.tif").write_bytes(b"x")
    (plain,) = scenes_in(tmp_path)
    (tmp_path / name).write_text(content)
    (scene,) = scenes_in(tmp_path)
    assert (scene.has_sidecars, scene.version != plain.version) == (counts, counts)
    (tmp_path / name).write_text(content + " ")
    (changed,) = scenes_in(tmp_path)
    assert (changed.version != scene.version) == counts
    listing = list_archive(ArchiveQuery((Source(str(tmp_path)),)))
    assert [file.path for file in listing.ignored] == ([] if counts else [name])
    (looked_up,) = scenes_in(tmp_path / "a.tif")
    assert looked_up.version == changed.version
