"""Items: which asset is the scene, what is known of it, and what is told of those that cannot be used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sgddiff_batch.core.boxes import Box
from sgddiff_batch.core.query import ArchiveQuery, AssetRule, Source
from sgddiff_batch.core.selection import Filters
from sgddiff_batch.core.times import parse_time
from sgddiff_batch.errors import ConfigError, UnsupportedSceneError
from sgddiff_batch.io.sources.listing import Listing, list_archive
from sgddiff_batch.io.stac.allowed_links import allowed_links_of
from sgddiff_batch.io.stac.items import ItemSorter, choose_asset, facts_of, item_name
from tests.kit.listings import put
from tests.kit.stac import make_catalog, make_item, write_documents

BASE = "s3://bucket/c.json"


def listed(path: Path, **more: Any) -> Listing:
    return list_archive(ArchiveQuery((Source(str(path), **more),)))


def new_sorter(**more: Any) -> ItemSorter:
    """A sorter of items of a bucket."""
    source = Source(BASE, **more)
    return ItemSorter(source, allowed_links_of(ArchiveQuery((source,))), "s3://bucket")


class TestSorting:
    def test_two_items_of_one_file_are_one_scene_of_which_the_later_one_knows_more(self) -> None:
        sorter = new_sorter()
        for item_id, day, clouds in (("new", "2026-02-02", 5), ("old", "2026-02-01", 80)):
            more = {"eo:cloud_cover": clouds, "updated": f"{day}T00:00:00Z"}
            sorter.add(make_item(item_id, "a.tif", **more), BASE)
        places = sorter.places()
        assert places.names == {"s3://bucket/a.tif": "a.tif"}
        facts = places.facts["s3://bucket/a.tif"]
        assert (facts.item, facts.cloud_percent) == ("c/new", 5)

    def test_only_the_collections_asked_for_are_taken_and_others_are_no_fault(self) -> None:
        sorter = new_sorter(collections=("wanted",))
        bare = {key: value for key, value in make_item("b", "b.tif").items() if key != "collection"}
        sorter.add(make_item("a", "a.tif", collection="wanted"), BASE, "other")
        sorter.add(bare, BASE, "wanted")
        sorter.add(bare | {"assets": {}}, BASE, "other")
        sorter.add(make_item("c", "c.tif", collection="other"), BASE, "wanted")
        assert list(sorter.places().names.values()) == ["a.tif", "b.tif"]
        assert not sorter.unusable

    def test_a_link_that_may_be_a_plain_name_is_kept_both_ways(self) -> None:
        sorter = new_sorter()
        sorter.add(make_item("a", "a%20b.tif"), BASE)
        sorter.add(make_item("c", "c.tif"), BASE)
        places = sorter.places()
        assert places.names == {"s3://bucket/a b.tif": "a b.tif", "s3://bucket/c.tif": "c.tif"}
        assert places.written == {"s3://bucket/a b.tif": "s3://bucket/a%20b.tif"}

    def test_what_is_no_item_is_lost_and_named_by_its_document(self) -> None:
        sorter = new_sorter()
        sorter.add(7, "s3://bucket/items.json?sig=SECRET")
        sorter.add(make_item("a", "a.tif"), BASE)
        (lost,) = sorter.places().missing
        assert (lost.path, lost.reason, lost.lost) == (
            "?", "an entry of s3://bucket/items.json is no STAC item", True,
        )  # fmt: skip

    def test_reasons_are_counted_without_what_is_of_one_item_alone(self) -> None:
        sorter = new_sorter()
        sorter.add(make_item("a", "a.tif"), BASE)
        for number in range(3):
            sorter.add(make_item(str(number), f"gs://bucket/{number}.tif"), BASE)
        assert sorter.places().unusable == {"its link starts with gs:, which is not spoken": 3}

    def test_a_source_without_items_names_nothing(self) -> None:
        assert new_sorter().places().names == {}

    def test_what_is_told_of_an_item_is_short_and_on_one_line(self) -> None:
        sorter = new_sorter()
        sorter.fail("x\ny" * 999, "why")
        assert len(sorter.missing[0].path) == 300
        assert sorter.missing[0].path.isprintable()


@pytest.mark.parametrize(
    ("item", "name"),
    [
        ({"collection": "c", "id": "a"}, "c/a"),
        ({"id": "a\n"}, "a\\n"),
        ({"collection": "c", "id": 7}, "c"),
        ({"collection": None, "id": ""}, "an item without an id"),
        ({"id": "x" * 999}, "x" * 300),
    ],
)
def test_an_item_is_called_by_its_collection_and_id(item: dict[str, Any], name: str) -> None:
    assert item_name(item) == name


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
