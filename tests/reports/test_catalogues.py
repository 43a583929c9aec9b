"""STAC as public reports describe it: what an item says of its time, its grid, its files and its links."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from sgddiff_batch.core.query import ArchiveQuery, Source
from sgddiff_batch.core.selection import Filters
from sgddiff_batch.core.times import TimeSpan, parse_time
from sgddiff_batch.io.sources.listing import Listing, list_archive
from tests.kit.listings import ids
from tests.kit.stac import make_catalog, make_item, write_documents


def listed(folder: Path, filters: Filters | None = None) -> Listing:
    return list_archive(ArchiveQuery((Source(str(folder / "catalog.json")),), filters=filters or Filters()))


def archive(folder: Path, *names: str, **documents: object) -> Path:
    """Write files that are only listed, and documents by name (``__`` is a slash)."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    write_documents(folder, {f"{name.replace('__', '/')}.json": text for name, text in documents.items()})
    return folder


@pytest.mark.parametrize(
    ("months", "wanted"),
    [(("2026-02", "2026-03"), ["a.tif"]), (("2027-02", "2027-03"), [])],
    ids=["in", "out"],
)
def test_an_item_with_a_span_and_no_date_is_chosen_by_its_span(
    tmp_path: Path, months: tuple[str, str], wanted: list[str]
) -> None:
    """radiantearth/stac-spec#1271, stac-utils/pystac#905."""
    properties = {
        "datetime": None,
        "start_datetime": "2026-01-01T00:00:00Z",
        "end_datetime": "2026-12-31T23:59:59Z",
    }
    item = make_item("a", "./a.tif", **properties)
    archive(tmp_path, "a.tif", catalog=make_catalog("c", {"./i.json": "item"}), i=item)
    start, end = (parse_time(f"{month}-01T00:00:00Z") for month in months)
    span = TimeSpan(start.start_s, end.stop_s)
    assert ids(listed(tmp_path, Filters(time=span))) == wanted


def test_an_item_without_any_date_is_listed_or_told(tmp_path: Path) -> None:
    """DroneDB/Registry#328: no datetime at all, and a box inside a box."""
    item = make_item("a", "./a.tif", bbox=[[-2.8, 53.9, -2.7, 54.0]])
    del item["properties"]["datetime"]
    archive(tmp_path, "a.tif", catalog=make_catalog("c", {"./i.json": "item"}), i=item)
    assert ids(listed(tmp_path)) == ["a.tif"]
    asked = listed(tmp_path, Filters(time=TimeSpan(0.0, math.inf)))
    assert list(asked.left_out) == ["a.tif"]


@pytest.mark.parametrize(
    "more",
    [
        {"proj:epsg": 3577},
        {
            "proj:code": "EPSG:32630",
            "proj:shape": [60, 60],
            "proj:transform": [30, 0, 4e5, 0, -30, 4.4e6, 0, 0, 1],
        },
        {"proj:epsg": None, "proj:transform": "none"},
    ],
    ids=["odc-stac#19", "odc-stac#239", "radiant-mlhub#156"],
)
def test_what_an_item_says_of_its_grid_decides_nothing(tmp_path: Path, more: dict[str, Any]) -> None:
    item = make_item("a", "./a.tif", **more)
    archive(tmp_path, "a.tif", catalog=make_catalog("c", {"./i.json": "item"}), i=item)
    assert ids(listed(tmp_path)) == ["a.tif"]


def test_a_relative_file_counts_from_its_item(tmp_path: Path) -> None:
    """developmentseed/titiler#36."""
    archive(
        tmp_path,
        "north/here/a.tif",
        catalog=make_catalog("c", {"north/catalog.json": "child"}),
        north__catalog=make_catalog("n", {"./items/i.json": "item"}),
        north__items__i=make_item("a", "../here/a.tif"),
    )
    assert ids(listed(tmp_path)) == ["north/here/a.tif"]


def test_a_copy_of_a_published_catalogue_is_read_where_it_lies(tmp_path: Path) -> None:
    """stac-utils/pystac#137: the link to itself names the bucket that it was published in."""
    item = make_item("a", "./a.tif")
    item["links"] = [{"rel": "self", "href": "https://bucket.s3.amazonaws.com/x/i.json"}]
    links = {
        "./x/i.json": "item",
        "https://bucket.s3.amazonaws.com/catalog.json": "self",
        "./catalog.json": "root",
    }
    archive(tmp_path, "x/a.tif", catalog=make_catalog("c", links), x__i=item)
    listing = listed(tmp_path)
    assert ids(listing) == ["x/a.tif"]
    assert listing.is_whole


def test_equal_ids_in_two_collections_are_two_scenes(tmp_path: Path) -> None:
    """stac-utils/stac-fastapi#186, stac-utils/pgstac#84: an id is unique in its collection alone."""
    archive(
        tmp_path,
        "x/a.tif",
        "y/a.tif",
        catalog=make_catalog("c", {"x.json": "child", "y.json": "child"}),
        x=make_catalog("x", {"xi.json": "item"}, type="Collection"),
        y=make_catalog("y", {"yi.json": "item"}, type="Collection"),
        xi=make_item("scene", "x/a.tif", collection="x"),
        yi=make_item("scene", "y/a.tif", collection="y"),
    )
    assert ids(listed(tmp_path)) == ["x/a.tif", "y/a.tif"]


def test_equal_ids_in_one_collection_are_two_scenes_where_the_files_are(tmp_path: Path) -> None:
    """Open-EO/openeo-geopyspark-driver#1480, the other way round."""
    links = {"i.json": "item", "j.json": "item"}
    archive(
        tmp_path,
        "a.tif",
        "b.tif",
        catalog=make_catalog("c", links),
        i=make_item("s", "a.tif"),
        j=make_item("s", "b.tif"),
    )
    assert ids(listed(tmp_path)) == ["a.tif", "b.tif"]


def test_a_link_that_windows_wrote_is_told(tmp_path: Path) -> None:
    """stac-utils/pystac#91: backslashes in links; they mean a folder on one system and a name on another."""
    archive(
        tmp_path,
        "raster/a.tif",
        catalog=make_catalog("c", {".\\raster\\i.json": "item", "./j.json": "item", "./k.json": "item"}),
        raster__i=make_item("a", "./a.tif"),
        j=make_item("j", ".\\raster\\a.tif"),
        k=make_item("k", "./raster/a.tif"),
    )
    listing = listed(tmp_path)
    assert ids(listing) == ["raster/a.tif"]
    told = [*listing.missing, *listing.not_listed, *listing.ignored]
    assert len(told) == 2
    assert all("\\" in file.reason for file in told)


@pytest.mark.parametrize("href", ["./north/", "./north"])
def test_a_link_to_a_folder_is_told(tmp_path: Path, href: str) -> None:
    """geopython/pycsw#995: with and without a slash at its end."""
    links = {href: "child", "i.json": "item"}
    archive(
        tmp_path,
        "a.tif",
        catalog=make_catalog("c", links),
        i=make_item("a", "a.tif"),
        north__catalog=make_catalog("n", {}),
    )
    listing = listed(tmp_path)
    assert ids(listing) == ["a.tif"]
    assert not listing.is_whole
    assert len(listing.not_listed) == 1


def test_a_link_that_is_there_twice_is_followed_once(tmp_path: Path) -> None:
    """stac-utils/pystac#924: each update of a collection adds its links again."""
    catalog = make_catalog("c", {"i.json": "item"})
    catalog["links"] *= 3
    archive(tmp_path, "a.tif", catalog=catalog, i=make_item("a", "a.tif"))
    listing = listed(tmp_path)
    assert ids(listing) == ["a.tif"]
    assert listing.ignored == ()


@pytest.mark.parametrize(
    "media_type",
    [
        "image/vnd.stac.geotiff; cloud-optimized=true",
        "image/geotiff+cog",
        "IMAGE/TIFF; Application=GeoTIFF; profile=cloud-optimized",
        "image/tiff",
        None,
    ],
)
def test_a_tif_counts_by_any_media_type_that_catalogues_have_had(
    tmp_path: Path, media_type: str | None
) -> None:
    """radiantearth/stac-spec#535 and #251; UNDP-Data/geohub#2483."""
    assets = {"image": {"href": "./a.tif", "type": media_type, "roles": ["data"]}}
    item = make_item("a", "", assets=assets)
    archive(tmp_path, "a.tif", catalog=make_catalog("c", {"./i.json": "item"}), i=item)
    assert ids(listed(tmp_path)) == ["a.tif"]


@pytest.mark.parametrize("ends", ["\r\n", "\n"], ids=["zstd#4766", "rimage#376"])
def test_a_list_that_windows_wrote_names_the_same_scenes(tmp_path: Path, ends: str) -> None:
    """With a mark of its byte order, ends of lines of its own, and blanks."""
    archive(tmp_path, "a.tif", "b c.tif")
    lines = ["\ufeffa.tif", "", "b c.tif  ", ""]
    (tmp_path / "list.txt").write_bytes(ends.join(lines).encode())
    listing = list_archive(ArchiveQuery((Source(str(tmp_path / "list.txt")),)))
    assert sorted(ids(listing)) == ["a.tif", "b%20c.tif"]
    assert listing.missing == ()
