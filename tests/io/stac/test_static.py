"""Static STAC: what pystac writes is read; bad documents, circles and bombs do not end the walk."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pystac
import pytest

from sgddiff_batch.core.boxes import Box
from sgddiff_batch.core.query import ArchiveQuery, AssetRule, Source
from sgddiff_batch.core.selection import Filters
from sgddiff_batch.core.times import parse_time
from sgddiff_batch.errors import ConfigError, UnsupportedSceneError
from sgddiff_batch.io.sources.listing import Listing, list_archive
from sgddiff_batch.io.stac import static as stac
from sgddiff_batch.io.stac.allowed_links import allowed_links_of
from sgddiff_batch.io.stac.http import Web
from sgddiff_batch.io.stac.items import ItemSorter, choose_asset, facts_of
from tests.kit.stac import make_catalog, make_item, write_documents


def put(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")


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


def tif(*roles: str, **more: object) -> dict[str, object]:
    return {"href": "a.tif", "type": "image/tiff", "roles": list(roles), **more}


MANY = {name: {"href": f"{name}.tif", "type": "image/tiff", "roles": ["data"]} for name in ("B02", "B03")}


class TestItemsThatCannotBeUsed:
    @pytest.mark.parametrize(
        ("bad", "words"),
        [
            ({"assets": MANY}, "more than one GeoTIFF that is plainly the scene (3 times)"),
            ({"assets": {"x": {"href": "x.png"}}}, "no GeoTIFF that is plainly the scene (3 times)"),
            ({"assets": {"x": tif(href="../x.tif")}}, "leads to a local file outside the folders"),
            ({"assets": {"x": tif(href="gs://b/x.tif")}}, "its link starts with gs:, which is not spoken (3"),
            ({"assets": {"x": tif(href=7)}}, "it has a link without an href (3 times)"),
            ({"type": "Feature", "assets": None}, "the item has no assets (3 times)"),
        ],
    )
    def test_a_catalogue_of_nothing_else_is_a_mistake_of_the_config(
        self, tmp_path: Path, bad: dict[str, Any], words: str
    ) -> None:
        items = [make_item(name, "x.tif") | bad for name in "abc"]
        write_documents(tmp_path / "c", {"items.json": {"type": "FeatureCollection", "features": items}})
        with pytest.raises(ConfigError, match="holds nothing that can be used") as refusal:
            listed(tmp_path / "c" / "items.json")
        assert words in str(refusal.value)
        assert "one of them is c/a" in str(refusal.value)

    def test_so_is_one_whose_documents_cannot_be_read(self, tmp_path: Path) -> None:
        document = make_catalog("root", {f"{number}.json": "item" for number in range(3)})
        write_documents(tmp_path, {"catalog.json": document, "0.json": b"{"})
        with pytest.raises(ConfigError, match=r"a document of it cannot be read \(3 times\)"):
            listed(tmp_path / "catalog.json")

    def test_reasons_are_counted_and_some_are_told(self, tmp_path: Path) -> None:
        items = [make_item(str(n), f"https://host{n}.example/a.tif") for n in range(200)]
        write_documents(tmp_path, {"items.json": {"type": "FeatureCollection", "features": items}})
        with pytest.raises(ConfigError, match="; 195 more reasons") as refusal:
            listed(tmp_path / "items.json")
        assert len(str(refusal.value)) < 1500

    def test_a_part_is_counted_in_plan_and_report(self, tmp_path: Path) -> None:
        put(tmp_path, "a.tif")
        items = [
            make_item("a", "a.tif"),
            *(make_item(str(n), f"https://h{n}.example/a.tif") for n in range(200)),
        ]
        items += [make_item(f"m{n}", "", assets=MANY) for n in range(3)]
        write_documents(tmp_path, {"items.json": {"type": "FeatureCollection", "features": items}})
        listing = listed(tmp_path / "items.json")
        reason = "the item has more than one GeoTIFF that is plainly the scene"
        assert (f"catalogue items left out: {reason}", "3") in listing.rows()
        counts = listing.item_counts()
        assert (counts[reason], counts["other reasons"], len(counts)) == (3, 101, 101)

    def test_an_asset_that_is_named_and_no_geotiff_is_counted(self, tmp_path: Path) -> None:
        assets = {"image": {"href": "a.jp2", "type": "image/jp2"}}
        write_documents(tmp_path, {"item.json": make_item("a", "", assets=assets)})
        with pytest.raises(ConfigError, match="its asset is no GeoTIFF, by its type and name"):
            listed(tmp_path / "item.json", asset=AssetRule(key="image"))

    @pytest.mark.parametrize("collections", [(), ("other",)])
    def test_one_without_items_or_with_unwanted_ones_is_no_mistake(
        self, tmp_path: Path, collections: tuple[str, ...]
    ) -> None:
        items = [make_item("a", "", assets={})] if collections else []
        write_documents(tmp_path, {"items.json": {"type": "FeatureCollection", "features": items}})
        assert listed(tmp_path / "items.json", collections=collections).scenes == ()

    def test_nor_is_one_whose_items_are_all_filtered_out(self, tmp_path: Path) -> None:
        items = [make_item("a", "a.tif"), make_item("b", "", assets={})]
        write_documents(tmp_path, {"items.json": {"type": "FeatureCollection", "features": items}})
        source = Source(str(tmp_path / "items.json"))
        listing = list_archive(ArchiveQuery((source,), Filters(box=Box(0, 0, 1, 1))))
        assert list(listing.left_out) == ["a.tif"]


@pytest.mark.parametrize(
    ("href", "media_type"),
    [
        ("visual", "image/tiff; application=geotiff; profile=cloud-optimized"),
        ("visual", "IMAGE/TIFF"),
        ("visual", " image/tiff;application=geotiff"),
        ("scene.img", "image/vnd.stac.geotiff; cloud-optimized=true"),
        ("scene.jp2", "image/tiff"),
        ("scene.tiff?x=1", None),
        ("scene%2ETIF", None),
        ("S.TIF#top", "application/octet-stream"),
    ],
)
def test_an_asset_counts_by_its_type_or_name(tmp_path: Path, href: str, media_type: str | None) -> None:
    name = {"scene.tiff?x=1": "scene.tiff", "scene%2ETIF": "scene.TIF", "S.TIF#top": "S.TIF"}.get(href, href)
    put(tmp_path, name, "list-only")
    asset = {"href": href, **({"type": media_type} if media_type else {})}
    assets = {"data": asset, "thumbnail": {"href": "t.png", "type": "image/png"}}
    write_documents(tmp_path, {"item.json": make_item("a", "", assets=assets)})
    (scene,) = listed(tmp_path / "item.json").scenes
    assert (scene.scene_id, scene.uri) == (name, str(tmp_path / name))
    # Beside a prefix that does not show it, too.
    query = ArchiveQuery((Source(str(tmp_path)), Source(str(tmp_path / "item.json"))))
    both = list_archive(query)
    assert name in [scene.scene_id for scene in both.scenes]
    assert both.missing == ()


class TestAssets:
    @pytest.mark.parametrize(
        ("assets", "rule", "key"),
        [
            ({"x": tif()}, AssetRule(), "x"),
            ({"x": tif("data"), "t": {"href": "t.png"}}, AssetRule(), "x"),
            ({"x": {"href": "x.TIF"}, "t": {"href": "t.png"}}, AssetRule(), "x"),
            ({"visual": tif(), "B01": tif("data")}, AssetRule(), "visual"),
            ({"tci": tif("visual"), "B01": tif("data"), "B02": tif("data")}, AssetRule(), "tci"),
            ({"B01": tif("data"), "mask": tif("cloud")}, AssetRule(), "B01"),
            ({"visual": tif(), "B01": tif("data")}, AssetRule(key="B01"), "B01"),
            ({"visual": tif(), "B01": tif("data")}, AssetRule(role="data"), "B01"),
        ],
    )
    def test_the_scene_is_chosen(self, assets: dict[str, Any], rule: AssetRule, key: str) -> None:
        assert choose_asset({"assets": assets}, rule) is assets[key]

    @pytest.mark.parametrize(
        ("assets", "rule", "words"),
        [
            ({}, AssetRule(), "no GeoTIFF that is plainly the scene; its GeoTIFFs are none"),
            (
                {"a": tif("data"), "b": tif("data")},
                AssetRule(),
                "more than one .* are a, b; name one by archive.asset",
            ),
            ({"a": tif("data"), "b": tif("data")}, AssetRule(role="data"), "more than one"),
            ({"a": tif()}, AssetRule(role="data"), "no GeoTIFF with the role 'data'"),
            ({"a": tif()}, AssetRule(key="visual"), "no asset 'visual'; it has a"),
            ("none", AssetRule(), "no assets"),
            ({"a": 7, "b": {"href": 7, "roles": 7}}, AssetRule(), "no GeoTIFF"),
        ],
    )
    def test_what_is_not_plain_is_refused(self, assets: object, rule: AssetRule, words: str) -> None:
        with pytest.raises(UnsupportedSceneError, match=words):
            choose_asset({"assets": assets}, rule)

    def test_an_alternate_on_s3_is_taken_where_the_href_may_not_be(self, tmp_path: Path) -> None:
        alternate = {
            "bad": 1,
            "web": {"href": "https://x.example/a.tif"},
            "s3": {"href": "s3://bucket/a.tif"},
        }
        asset = tif(href="https://elsewhere.example/a.tif", alternate=alternate)
        sorter = ItemSorter(
            Source("s3://bucket/c.json"),
            allowed_links_of(ArchiveQuery((Source("s3://bucket/c.json"),))),
            "s3://bucket",
        )
        sorter.add(make_item("a", "", assets={"visual": asset}), "s3://bucket/c.json")
        assert sorter.places().names == {"s3://bucket/a.tif": "a.tif"}


class TestFacts:
    def test_spans_boxes_and_clouds_are_known(self) -> None:
        item = make_item(
            "a",
            "a.tif",
            datetime=None,
            start_datetime="2026-01-01",
            end_datetime="2026-01-03T00:00:00Z",
            updated="2026-02-01T00:00:00Z",
            bbox=[177, -20, 0, -178, -15, 9],
            **{"eo:cloud_cover": 0},
        )
        facts = facts_of(item)
        assert facts.time is not None
        assert (facts.time.start_s, facts.time.stop_s) == (
            parse_time("2026-01-01T00:00:00Z").start_s,
            parse_time("2026-01-03T00:00:00Z").stop_s,
        )
        assert facts.boxes == (Box(177, -20, -178, -15),)
        assert (facts.cloud_percent, facts.item) == (0.0, "c/a")
        assert facts.updated_s == parse_time("2026-02-01T00:00:00Z").start_s

    def test_the_box_is_that_of_the_geometry_where_there_is_none(self) -> None:
        ring = [[10, 50], [11, 50, 7], [10.5, 51], [10, 50]]
        item = make_item("a", "a.tif", bbox=None) | {"geometry": {"type": "Polygon", "coordinates": [ring]}}
        assert facts_of(item).boxes == (Box(10, 50, 11, 51),)

    @pytest.mark.parametrize(
        "item",
        [
            {},
            {"properties": 7, "bbox": "1234", "geometry": [], "id": {"a": 1}},
            {"properties": {"datetime": 5, "eo:cloud_cover": "much"}, "bbox": [1, 2, 3]},
            {"properties": {"datetime": "soon", "eo:cloud_cover": float("nan")}, "bbox": [0, 91, 1, 92]},
            {"properties": {"eo:cloud_cover": True}, "bbox": [10**400, 0, 1, 1]},
            {"geometry": {"coordinates": [[[[[[[[[1, 2]]]]]]]]]}},
        ],
    )
    def test_what_an_item_says_wrongly_is_not_known(self, item: dict[str, Any]) -> None:
        facts = facts_of(item)
        assert (facts.time, facts.boxes, facts.cloud_percent, facts.updated_s) == (None, None, None, None)
