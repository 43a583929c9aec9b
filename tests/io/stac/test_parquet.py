"""stac-geoparquet: rows are items; what one row says wrongly is not known, and a damaged file is told."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely

from sgddiff_batch.core.boxes import Box
from sgddiff_batch.core.query import ArchiveQuery, AssetRule, Source
from sgddiff_batch.core.selection import Filters
from sgddiff_batch.core.times import parse_span
from sgddiff_batch.errors import ConfigError
from sgddiff_batch.io.archive import Places
from sgddiff_batch.io.sources.listing import list_archive
from sgddiff_batch.io.stac.allowed_links import allowed_links_of
from sgddiff_batch.io.stac.items import ItemSorter
from sgddiff_batch.io.stac.parquet import is_parquet, is_stac_geoparquet, read_items
from tests.kit.listings import ids, put
from tests.kit.stac import write_geoparquet


def read(path: Path) -> Places:
    source = Source(str(path))
    sorter = ItemSorter(source, allowed_links_of(ArchiveQuery((source,))), str(path.parent))
    read_items(str(path), sorter, str(path))
    return sorter.places()


@pytest.mark.parametrize(
    ("uri", "counts"), [("s3://b/i.parquet", True), ("/i.PARQUET", True), ("parquet", False)]
)
def test_a_table_is_told_by_its_suffix(uri: str, counts: bool) -> None:
    assert is_parquet(uri) is counts


def test_a_table_holds_items_if_it_has_their_columns(tmp_path: Path) -> None:
    write_geoparquet(tmp_path / "items.parquet", ["a.tif"])
    pq.write_table(pa.table({"id": ["a"], "uri": ["a.tif"]}), tmp_path / "list.parquet")
    put(tmp_path, "junk.parquet")
    (tmp_path / "items.json").write_bytes((tmp_path / "items.parquet").read_bytes())
    names = ("items.parquet", "list.parquet", "junk.parquet", "items.json", "none.parquet")
    assert [name for name in names if is_stac_geoparquet(str(tmp_path / name))] == ["items.parquet"]


def test_every_row_of_many_is_read(tmp_path: Path) -> None:
    hrefs = [f"{number}.tif" for number in range(2500)]
    assets = [{"visual": {"href": href, "type": "image/tiff"}} for href in hrefs]
    pq.write_table(pa.table({"id": hrefs, "assets": assets}), tmp_path / "i.parquet")
    assert list(read(tmp_path / "i.parquet").names.values()) == hrefs


@pytest.mark.parametrize(
    ("times", "known"),
    [
        (pa.array([datetime(2026, 1, 2, tzinfo=UTC)], pa.timestamp("ms", "UTC")), True),
        (pa.array([1_767_312_000_000_000_001], pa.timestamp("ns", "UTC")), True),
        (pa.array([1_767_312_000], pa.timestamp("s", "Europe/Berlin")), True),
        (pa.array(["2026-01-02T00:00:00Z"]), True),
        (pa.array([None], pa.timestamp("us", "UTC")), False),
        (pa.array([2**62], pa.timestamp("us", "UTC")), False),
        (pa.array([2**50], pa.timestamp("s", "UTC")), False),
        (pa.array([-(2**62)], pa.timestamp("ms")), False),
        (pa.array([1_767_312_000], pa.timestamp("s", "No/Where")), True),
        (pa.array([5]), False),
    ],
)
def test_a_time_that_no_calendar_has_is_not_known_and_its_item_stays(
    tmp_path: Path, times: pa.Array, known: bool
) -> None:
    write_geoparquet(tmp_path / "i.parquet", ["a.tif"], datetime=times)
    (facts,) = read(tmp_path / "i.parquet").facts.values()
    assert (facts.time is not None) is known
    if known:
        assert facts.time is not None
        assert facts.time.start_s == pytest.approx(1_767_312_000)


def test_columns_that_nobody_asks_for_do_not_matter(tmp_path: Path) -> None:
    write_geoparquet(tmp_path / "i.parquet", ["a.tif"], odd=pa.array([2**62], pa.timestamp("us")))
    assert list(read(tmp_path / "i.parquet").names.values()) == ["a.tif"]


def test_one_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be understood as stac-geoparquet"):
        read(tmp_path / "none.parquet")


class TestStacGeoparquet:
    def test_items_are_read_with_time_area_and_cloud(self, tmp_path: Path) -> None:
        put(tmp_path, "s/a.tif", "s/b.tif", "b.tif")
        write_geoparquet(tmp_path / "items.parquet", ["./s/a.tif", "s/b.tif", "s/gone.tif", "../../x.tif"])
        source = Source(str(tmp_path / "items.parquet"))
        listing = list_archive(ArchiveQuery((source,)))
        assert ids(listing) == ["s/a.tif", "s/b.tif"]
        facts = listing.facts["s/b.tif"]
        assert (facts.time, facts.boxes) == (parse_span("2026-01-02T00:00:00Z"), (Box(11, 50, 12, 51),))
        assert (facts.cloud_percent, facts.item) == (10.0, "c/i1")
        assert [file.path for file in listing.missing] == ["s/gone.tif"]
        assert [file.path for file in listing.not_listed] == ["c/i3"]
        chosen = list_archive(ArchiveQuery((source,), Filters(box=Box(11.5, 50, 12, 51))))
        assert ids(chosen) == ["s/b.tif"]
        other = Source(source.uri, "list", asset=AssetRule(key="B01"))
        assert ids(list_archive(ArchiveQuery((other,)))) == ["b.tif"]

    def test_boxes_are_taken_where_there_are_any_and_bad_geometries_are_not_known(
        self, tmp_path: Path
    ) -> None:
        put(tmp_path, "a.tif", "b.tif")
        box = [{"xmin": 1.0, "ymin": 2.0, "xmax": 3.0, "ymax": 4.0}, None]
        write_geoparquet(tmp_path / "i.parquet", ["a.tif", "b.tif"], bbox=box, geometry=[b"\x01junk", None])
        listing = list_archive(ArchiveQuery((Source(str(tmp_path / "i.parquet")),)))
        assert listing.facts["a.tif"].boxes == (Box(1, 2, 3, 4),)
        assert listing.facts["b.tif"].boxes is None

    @pytest.mark.parametrize("box", [None, [-180.0, -18.0, 180.0, -17.0]])
    def test_a_geometry_cut_at_180_covers_its_halves_alone(
        self, tmp_path: Path, box: list[float] | None
    ) -> None:
        put(tmp_path, "a.tif")
        halves = shapely.MultiPolygon([shapely.box(179, -18, 180, -17), shapely.box(-180, -18, -179, -17)])
        boxes = {} if box is None else {"bbox": [box]}
        write_geoparquet(tmp_path / "i.parquet", ["a.tif"], geometry=[shapely.to_wkb(halves)], **boxes)
        source = Source(str(tmp_path / "i.parquet"))
        for west, east, found in ((9, 9.5, []), (179.5, -179.5, ["a.tif"]), (-179.5, -170, ["a.tif"])):
            listing = list_archive(ArchiveQuery((source,), Filters(box=Box(west, -20, east, 20))))
            assert ids(listing) == found

    def test_one_that_is_damaged_is_told(self, tmp_path: Path) -> None:
        write_geoparquet(tmp_path / "i.parquet", ["a.tif"] * 3)
        data = (tmp_path / "i.parquet").read_bytes()
        (tmp_path / "i.parquet").write_bytes(data[:4] + b"\xff" * 400 + data[404:])
        with pytest.raises(ConfigError, match="cannot be understood"):
            list_archive(ArchiveQuery((Source(str(tmp_path / "i.parquet")),)))
        (tmp_path / "i.parquet").write_bytes(data[:-20])
        with pytest.raises(ConfigError, match="cannot be understood"):
            list_archive(ArchiveQuery((Source(str(tmp_path / "i.parquet")),)))
