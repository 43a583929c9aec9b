"""Static STAC: what pystac writes is read; bad documents, circles and bombs do not end the walk."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pystac
import pytest

from sgddiff_batch.core.query import ArchiveQuery, Source
from sgddiff_batch.core.times import parse_time
from sgddiff_batch.errors import ConfigError
from sgddiff_batch.io.sources.listing import Listing, list_archive
from sgddiff_batch.io.stac import static as stac
from sgddiff_batch.io.stac.allowed_links import allowed_links_of
from sgddiff_batch.io.stac.http import Web
from sgddiff_batch.io.stac.items import ItemSorter
from tests.kit.listings import put
from tests.kit.stac import make_catalog, make_item, write_documents


def listed(path: Path, **more: Any) -> Listing:
    return list_archive(ArchiveQuery((Source(str(path), **more),)))


def reasons(listing: Listing) -> dict[str, str]:
    return {file.path: file.reason for file in listing.not_listed}


def pystac_catalog(folder: Path) -> pystac.Catalog:
    """A catalogue of one collection of two items, whose rasters lie beside it."""
    put(folder, "files/a.tif", "files/b.tif")
    extent = pystac.Extent(pystac.SpatialExtent([[0, 0, 1, 1]]), pystac.TemporalExtent([[None, None]]))
    catalog = pystac.Catalog("root", "all of it")
    collection = pystac.Collection("ships", "ships", extent)
    catalog.add_child(collection)
    for name in "ab":
        item = pystac.Item(name, None, None, datetime(2026, 1, 2, tzinfo=UTC), {"eo:cloud_cover": 3.5})
        href = str(folder / "files" / f"{name}.tif")
        item.add_asset("visual", pystac.Asset(href, media_type=pystac.MediaType.COG, roles=["visual"]))
        item.add_asset("thumbnail", pystac.Asset("x.png", media_type=pystac.MediaType.PNG))
        collection.add_item(item)
    catalog.normalize_hrefs(str(folder))
    return catalog


@pytest.mark.parametrize(
    "kind",
    [
        pystac.CatalogType.SELF_CONTAINED,
        pystac.CatalogType.ABSOLUTE_PUBLISHED,
        pystac.CatalogType.RELATIVE_PUBLISHED,
    ],
)
def test_what_pystac_writes_is_read(tmp_path: Path, kind: pystac.CatalogType) -> None:
    catalog = pystac_catalog(tmp_path)
    if kind == pystac.CatalogType.SELF_CONTAINED:
        catalog.make_all_asset_hrefs_relative()
    catalog.save(kind)
    listing = listed(tmp_path / "catalog.json")
    assert [scene.scene_id for scene in listing.scenes] == ["files/a.tif", "files/b.tif"]
    assert listing.missing == listing.not_listed == listing.ignored == ()
    assert listing.is_whole
    facts = listing.facts["files/a.tif"]
    assert (facts.item, facts.cloud_percent, facts.time) == (
        "ships/a",
        3.5,
        parse_time("2026-01-02T00:00:00Z"),
    )
    assert facts.modified_s == (tmp_path / "files/a.tif").stat().st_mtime


def test_ids_and_versions_are_those_of_a_listing_of_the_folder(tmp_path: Path) -> None:
    pystac_catalog(tmp_path).save(pystac.CatalogType.SELF_CONTAINED)
    put(tmp_path, "files/a.tif.msk")
    assert listed(tmp_path / "catalog.json").scenes == listed(tmp_path).scenes


def test_only_the_collections_asked_for_are_walked(tmp_path: Path) -> None:
    put(tmp_path, "a.tif", "b.tif", "c.tif")
    nested = make_catalog("unwanted", {"../c.json": "item", "../wanted.json": "child"}, type="Collection")
    write_documents(
        tmp_path,
        {
            "catalog.json": make_catalog(
                "root", {"unwanted/collection.json": "child", "wanted.json": "child"}
            ),
            "unwanted/collection.json": nested,
            "wanted.json": make_catalog("wanted", {"a.json": "item", "b.json": "item"}, type="Collection"),
            "a.json": make_item("a", "a.tif", collection="wanted"),
            "b.json": {key: value for key, value in make_item("b", "b.tif").items() if key != "collection"},
            "c.json": b"not even JSON",
        },
    )
    listing = listed(tmp_path / "catalog.json", collections=("wanted",))
    assert [scene.scene_id for scene in listing.scenes] == ["a.tif", "b.tif"]
    assert listing.missing == ()


def test_bad_documents_are_missing_with_their_reasons_and_the_walk_goes_on(tmp_path: Path) -> None:
    put(tmp_path, "archive/a.tif", "outside.tif")
    archive = tmp_path / "archive"
    links = dict.fromkeys(
        ("good.json", "gone.json", "broken.json", "deep.json", "list.json", "folder", "../../up.json"), "item"
    )
    links |= {
        "https://elsewhere.example/c.json": "child",
        "file:///etc/passwd": "child",
        "/etc/hosts": "item",
    }
    write_documents(
        archive,
        {
            "catalog.json": make_catalog("root", links)
            | {
                "links": [
                    *make_catalog("root", links)["links"],
                    {"rel": "item"},
                    "no link",
                    {"rel": "child", "href": 7},
                ]
            },
            "good.json": make_item("good", "a.tif"),
            "outside.json": make_item("outside", "../outside.tif"),
            "broken.json": b'{"type": "Feat',
            "deep.json": b"[" * 200_000,
            "list.json": [1, 2, 3],
            "folder/x.json": {},
        },
    )
    listing = listed(archive / "catalog.json")
    assert [scene.scene_id for scene in listing.scenes] == ["a.tif"]
    told = {name.removeprefix(f"{archive}/"): reason for name, reason in reasons(listing).items()}
    assert "it is not there" in told["gone.json"]
    assert "no JSON" in told["broken.json"]
    assert "no JSON" in told["deep.json"]
    assert "no STAC" in told["list.json"]
    assert len(told) == 11
    assert not listing.is_whole


def test_an_item_whose_raster_lies_outside_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "outside.tif")
    put(tmp_path / "archive", "a.tif")
    items = [make_item("x", "../outside.tif"), make_item("y", "..%2Foutside.tif"), make_item("a", "a.tif")]
    write_documents(tmp_path / "archive", {"items.json": {"type": "FeatureCollection", "features": items}})
    listing = listed(tmp_path / "archive" / "items.json")
    assert [scene.scene_id for scene in listing.scenes] == ["a.tif"]
    assert "archive.allow_folders does not name" in reasons(listing)["c/x"]
    assert "archive.allow_folders does not name" in reasons(listing)["c/y"]


def test_a_tree_of_encoded_links_is_walked_and_names_to_the_letter_where_nothing_else_is(
    tmp_path: Path,
) -> None:
    put(tmp_path, "s/é a+b.tif", "s/50%.tif", "s/x%2Fy.tif")
    items = {
        "s/1 a.json": "é%20a+b.tif",
        "s/2%20b.json": "50%.tif",
        "s/3.json": "x%2Fy.tif",
        "s/4#.json": "%2e%2e/no.tif",
    }
    links = {f"../{name}": "item" for name in ("s/1%20a.json", "s/2%20b.json", "s/3.json?v=1", "s/4%23.json")}
    write_documents(
        tmp_path,
        {
            "catalog.json": make_catalog("root", {"my%20ships/c%2Fc.json": "child"}),
            "my ships/c/c.json": make_catalog("c", {f"../{href}": kind for href, kind in links.items()}),
            **{name: make_item(name, href) for name, href in items.items()},
        },
    )
    listing = listed(tmp_path / "catalog.json")
    found = {scene.uri.removeprefix(f"{tmp_path}/") for scene in listing.scenes}
    assert found == {"s/é a+b.tif", "s/50%.tif", "s/x%2Fy.tif"}
    assert [file.path for file in listing.missing] == ["no.tif"]
    assert listing.not_listed == ()


def test_circles_end_and_each_document_is_read_once(tmp_path: Path) -> None:
    put(tmp_path, "a.tif")
    links = {"catalog.json": "child", "./catalog.json": "child", "b.json": "child", "a.json": "item"}
    write_documents(
        tmp_path,
        {
            "catalog.json": make_catalog("root", links),
            "b.json": make_catalog("b", links),
            "a.json": make_item("a", "a.tif"),
        },
    )
    listing = listed(tmp_path / "catalog.json")
    assert len(listing.scenes) == 1
    assert listing.missing == ()


def test_a_catalogue_of_too_many_documents_is_refused(tmp_path: Path) -> None:
    document = make_catalog("root", {f"{i}.json": "item" for i in range(50)})
    write_documents(tmp_path, {"catalog.json": document})
    query = ArchiveQuery((Source(str(tmp_path / "catalog.json")),))
    allowed = allowed_links_of(query)
    sorter = ItemSorter(query.sources[0], allowed, str(tmp_path))
    with pytest.raises(ConfigError, match="more than 20 documents"):
        stac.walk(str(tmp_path / "catalog.json"), document, sorter, Web(allowed), most=20)


def test_a_document_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stac, "MAX_DOCUMENT_BYTES", 1000)
    write_documents(
        tmp_path,
        {
            "catalog.json": make_catalog("root", {"big.json": "item", "a.json": "item"}),
            "big.json": b" " * 2000,
            "a.json": make_item("a", "a.tif"),
        },
    )
    assert "more than 1000 bytes" in reasons(listed(tmp_path / "catalog.json"))[str(tmp_path / "big.json")]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no JSON"),
        (b"[]", "no STAC catalog, collection or item"),
        (b'{"a": 1}', "no STAC catalog, collection or item"),
        (None, "there is no STAC document"),
    ],
)
def test_a_first_document_that_is_none_is_a_mistake_of_the_config(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    if content is not None:
        write_documents(tmp_path, {"catalog.json": content})
    with pytest.raises(ConfigError, match=words):
        listed(tmp_path / "catalog.json")


def test_item_collections_and_old_catalogues_are_read(tmp_path: Path) -> None:
    put(tmp_path, "a.tif", "b.tif")
    items = {"type": "FeatureCollection", "features": [make_item("a", "a.tif"), 5]}
    write_documents(
        tmp_path,
        {
            "items.geojson": items,
            "old.json": {"stac_version": "0.9.0", "links": [{"rel": "child", "href": "items.geojson"}]},
        },
    )
    for name in ("items.geojson", "old.json"):
        listing = listed(tmp_path / name)
        assert [scene.scene_id for scene in listing.scenes] == ["a.tif"]
        assert len(listing.not_listed) == 1


@pytest.mark.parametrize("bad", [{"assets": {}}, {"assets": 3}, {"assets": {"x": {"href": "../x.tif"}}}])
def test_an_item_that_cannot_be_understood_leaves_a_listing_that_is_not_whole_and_no_scene(
    tmp_path: Path, bad: dict[str, Any]
) -> None:
    put(tmp_path / "c", "a.tif", "b.tif")
    items = [make_item("a", "a.tif"), make_item("b", "b.tif") | bad]
    write_documents(tmp_path / "c", {"items.geojson": {"type": "FeatureCollection", "features": items}})
    listing = listed(tmp_path / "c" / "items.geojson")
    assert [scene.scene_id for scene in listing.scenes] == ["a.tif"]
    assert not listing.is_whole
    assert listing.missing == ()
    assert list(reasons(listing)) == ["c/b"]
    assert ("not listed", "1") in listing.rows()
    assert "c/b" in str(listing.report()["not_listed"])
