"""Sidecars: what counts as one, ESRI's .xml too, and where links of their names may lead."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rasterio.crs import CRS

from sgddiff_batch.core.query import ArchiveQuery, BucketAccess, Source
from sgddiff_batch.core.scene import Scene
from sgddiff_batch.errors import RetryableError
from sgddiff_batch.io.archive.sidecars import why_ignored
from sgddiff_batch.io.scenes import gdal as gdal_access
from sgddiff_batch.io.scenes.geotiff import GeoTiffReader
from sgddiff_batch.io.scenes.versions import current_version
from sgddiff_batch.io.sources.listing import Listing, list_archive
from tests.kit.scenes import noise, scripted_bucket, write_scene
from tests.kit.stac import make_item, write_documents

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


LINKED = [
    "a.tif.msk",
    "a.tif.MSK",
    "a.tif.ovr",
    "a.tif.aux.xml",
    "a.aux.xml",
    "a.tfw",
    "a.xml",
    "a.tif.msk.aux.xml",
]
REFUSED = "leads out of the archive, by a link to where archive.allow_folders does not name"


def listed(uri: Path, *allowed: Path) -> Listing:
    return list_archive(ArchiveQuery((Source(str(uri)),), folders=tuple(map(str, allowed))))


class TestALinkBesideAScene:
    @pytest.fixture
    def archive(self, tmp_path: Path) -> Path:
        """A folder with a scene, and one outside of it with what no scene of the archive may show."""
        write_scene(tmp_path / "archive" / "a.tif", noise(3, 8, 8), crs=None)
        write_scene(tmp_path / "archive" / "b.tif", noise(3, 8, 8))
        (tmp_path / "archive" / "list.txt").write_text("a.tif\nb.tif\n")
        (tmp_path / "secret").mkdir()
        write_scene(tmp_path / "secret" / "mask.tif", np.eye(8, dtype=np.uint8)[None] * 255)
        (tmp_path / "secret" / "pam").write_text(PAM)
        return tmp_path / "archive"

    @pytest.mark.parametrize("name", LINKED)
    @pytest.mark.parametrize("source", [".", "*.tif", "list.txt", "a.tif"])
    @pytest.mark.parametrize("also", [(), ("a.wld", "a.tif.ovr")])
    def test_that_leads_out_of_the_archive_refuses_the_scene_and_no_other(
        self, archive: Path, source: str, name: str, also: tuple[str, ...]
    ) -> None:
        for other in {*also} - {name}:
            (archive / other).write_text(WORLD)
        (archive / name).symlink_to(archive.parent / "secret" / "mask.tif")
        listing = listed(archive / source)
        assert [scene.scene_id for scene in listing.scenes] == ([] if source == "a.tif" else ["b.tif"])
        (refused,) = listing.missing
        assert refused.path == "a.tif"
        assert refused.reason.startswith(f"beside it {name} {REFUSED}")
        assert name in [file.path for file in listing.ignored] or source != "."

    def test_is_judged_beside_the_scene_of_a_catalogue_too(self, archive: Path) -> None:
        write_documents(archive, {"item.json": make_item("a", "./a.tif")})
        (archive / "a.tif.msk").symlink_to(archive.parent / "secret" / "mask.tif")
        (refused,) = listed(archive / "item.json").missing
        assert refused.reason.startswith(f"beside it a.tif.msk {REFUSED}")
        (scene,) = listed(archive / "item.json", archive.parent / "secret").scenes
        assert scene.has_sidecars

    @pytest.mark.parametrize("name", LINKED)
    @pytest.mark.parametrize("source", [".", "*.tif", "list.txt", "a.tif"])
    def test_that_leads_into_a_folder_that_is_allowed_is_followed(
        self, archive: Path, source: str, name: str
    ) -> None:
        (archive / name).symlink_to(archive.parent / "secret" / "mask.tif")
        listing = listed(archive / source, archive.parent / "secret")
        assert listing.missing == ()
        assert listing.scenes[0].scene_id == "a.tif"

    @pytest.mark.parametrize("name", ["a.tif.msk", "a.tif.ovr", "a.tif.aux.xml", "a.tfw"])
    @pytest.mark.parametrize("source", [".", "list.txt", "a.tif"])
    def test_that_stays_in_the_archive_is_a_sidecar_and_a_part_of_the_version(
        self, archive: Path, source: str, name: str
    ) -> None:
        plain = listed(archive / source).scenes[0]
        (archive / "real").write_text(WORLD)
        (archive / name).symlink_to("real")
        scene = listed(archive / source).scenes[0]
        assert (scene.has_sidecars, scene.version != plain.version) == (True, True)
        assert current_version(scene) == scene.version

    @pytest.mark.parametrize("name", ["b.msk", "a.Xml", "a.txt", "a.tif.xml", "d/a.tif.msk"])
    def test_of_another_name_is_only_not_followed(self, archive: Path, name: str) -> None:
        (archive / name).parent.mkdir(exist_ok=True)
        (archive / name).symlink_to(archive.parent / "secret" / "mask.tif")
        listing = listed(archive)
        assert [scene.scene_id for scene in listing.scenes] == ["a.tif", "b.tif"]
        assert not any(scene.has_sidecars for scene in listing.scenes)
        assert listing.missing == ()

    def test_that_is_broken_is_not_there(self, archive: Path) -> None:
        (archive / "a.tif.msk").symlink_to("nowhere")
        for source in (".", "list.txt", "a.tif"):
            listing = listed(archive / source)
            assert (listing.missing, listing.scenes[0].has_sidecars) == ((), False)

    def test_is_not_read_where_it_came_after_the_listing_said_there_is_none(self, archive: Path) -> None:
        scene = listed(archive).scenes[0]
        for name, target in {
            "a.tif.msk": "mask.tif",
            "a.tif.ovr": "mask.tif",
            "a.tif.aux.xml": "pam",
        }.items():
            (archive / name).symlink_to(archive.parent / "secret" / target)
        profile = READER.profile(scene)
        assert (profile.mask.rule, profile.grid.crs_wkt) == ("none", None)
        assert READER.read(scene, profile, profile.grid.window)[1].all()


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("d/._a.tif", "it is a resource fork of macOS"),
        ("d/a.TIF.MSK", "it is a sidecar of no scene"),
        ("d/a.png", "it is no .tif or .tiff file"),
    ],
)
def test_a_file_that_is_no_scene_is_told_why(path, reason):
    assert why_ignored(path) == reason
