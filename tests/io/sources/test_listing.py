"""Sources: several of them are one archive; what one lacks is told, and a scene is never in it twice."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import s3fs

from sgddiff_batch.core.boxes import Box
from sgddiff_batch.core.periods import span_of_digits
from sgddiff_batch.core.query import ArchiveQuery, Source
from sgddiff_batch.core.selection import Duplicates, Filters
from sgddiff_batch.core.times import parse_span
from sgddiff_batch.errors import ConfigError
from sgddiff_batch.io.sources.listing import list_archive
from tests.kit.listings import ids, put
from tests.kit.s3 import S3Server, new_bucket
from tests.kit.stac import make_catalog, make_item, write_documents, write_geoparquet


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A folder of four scenes and a catalogue of three: one is not in the folder, two are not in it."""
    folder = tmp_path / "archive"
    put(folder, "a.tif", "b.tif", "new/c.tif", "d.tif")
    write_documents(
        tmp_path / "catalogue",
        {
            "catalog.json": make_catalog("root", {f"{name}.json": "item" for name in "abx"}),
            "a.json": make_item("a", "../archive/a.tif", **{"eo:cloud_cover": 5}),
            "b.json": make_item("b", "../archive/b.tif", datetime="2025-06-01T00:00:00Z"),
            "x.json": make_item("x", "../archive/x.tif"),
        },
    )
    return folder


def sources(archive: Path) -> tuple[Source, Source]:
    return Source(str(archive)), Source(str(archive.parent / "catalogue" / "catalog.json"))


class TestReconciliation:
    def test_what_one_source_lacks_is_told_and_processed_if_it_is_there(self, archive: Path) -> None:
        bucket, catalogue = sources(archive)
        listing = list_archive(ArchiveQuery((bucket, catalogue)))
        assert ids(listing) == ["a.tif", "b.tif", "d.tif", "new/c.tif"]
        assert listing.only_in == {bucket.uri: ("d.tif", "new/c.tif"), catalogue.uri: ()}
        assert {file.path: file.reason for file in listing.missing} == {
            "x.tif": f"it is not in the listing of {archive}"
        }
        assert listing.facts["a.tif"].cloud_percent == 5
        assert listing.facts["a.tif"].modified_s is not None
        assert listing.facts["d.tif"].time is None
        assert ("only in " + bucket.uri, "2") in listing.rows()
        assert ("named, but missing", "1") in listing.rows()

    def test_the_bucket_gives_the_same_scenes_with_a_catalogue_and_without(self, archive: Path) -> None:
        bucket, catalogue = sources(archive)
        assert (
            list_archive(ArchiveQuery((bucket,))).scenes
            == list_archive(ArchiveQuery((bucket, catalogue))).scenes
        )

    def test_the_order_of_the_other_sources_does_not_matter(self, archive: Path) -> None:
        bucket, catalogue = sources(archive)
        entries = archive.parent / "list.txt"
        entries.write_text("archive/a.tif\narchive/gone.tif\narchive/d.tif\n")
        named = Source(str(entries))
        one = list_archive(ArchiveQuery((bucket, catalogue, named)))
        other = list_archive(ArchiveQuery((bucket, named, catalogue)))
        assert (one.scenes, one.facts, one.only_in, one.missing) == (
            other.scenes,
            other.facts,
            other.only_in,
            other.missing,
        )
        assert one.only_in[bucket.uri] == ("new/c.tif",)
        assert [file.path for file in one.missing] == ["gone.tif", "x.tif"]

    def test_scenes_outside_the_first_source_have_their_whole_path(
        self, archive: Path, tmp_path: Path
    ) -> None:
        put(tmp_path, "more/a.tif")
        listing = list_archive(ArchiveQuery((Source(str(archive)), Source(str(tmp_path / "more")))))
        assert f"{tmp_path}/more/a.tif".lstrip("/") in ids(listing)
        assert "a.tif" in ids(listing)
        assert len(ids(listing)) == 5

    def test_what_lies_below_the_output_is_left_out_whoever_names_it(self, archive: Path) -> None:
        bucket, catalogue = sources(archive)
        put(archive, "out/x.tif")
        listing = list_archive(ArchiveQuery((bucket, catalogue)), str(archive / "out"))
        assert "out/x.tif" not in ids(listing)
        entries = archive / "list.txt"
        entries.write_text("out/x.tif\na.tif\n")
        assert ids(list_archive(ArchiveQuery((Source(str(entries)),)), str(archive / "out"))) == ["a.tif"]

    def test_a_part_that_cannot_be_looked_at_makes_the_listing_a_part(
        self, archive: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        scandir = os.scandir

        def closed(path: Path) -> object:
            if Path(path).name == "new":
                raise PermissionError(13, "Permission denied", str(path))
            return scandir(path)

        monkeypatch.setattr(os, "scandir", closed)
        assert not list_archive(ArchiveQuery((Source(str(archive)),))).is_whole


class TestFiltersAndVersions:
    def test_filters_choose_and_what_is_not_known_is_told(self, archive: Path) -> None:
        filters = Filters(time=parse_span("2026-01-01/.."), excluded=(re.compile("d.*"),))
        listing = list_archive(ArchiveQuery(sources(archive), filters))
        assert ids(listing) == ["a.tif"]
        assert listing.left_out == {
            "b.tif": "its time is not asked for",
            "d.tif": "its name is excluded",
            "new/c.tif": "its time is not known, and archive.filters asks for it",
        }
        assert listing.is_whole
        assert ("left out: its name is excluded", "1") in listing.rows()
        report: Any = listing.report()
        assert report["left_out"]["its name is excluded"] == {"scenes": 1, "first": ["d.tif"]}

    def test_files_of_items_that_are_not_wanted_are_not_looked_for(self, archive: Path) -> None:
        _, catalogue = sources(archive)
        filters = Filters(time=parse_span("2020-01-01"), box=Box(10, 50, 11, 51))
        listing = list_archive(ArchiveQuery((catalogue,), filters, folders=(str(archive),)))
        assert listing.scenes == listing.missing == ()
        assert len(listing.left_out) == 3

    def test_the_newest_version_wins_and_the_others_are_named(self, tmp_path: Path) -> None:
        put(tmp_path, "t_N0509.tif", "t_N0510.tif", "u_N0400.tif", "plain.tif")
        rule = Duplicates(re.compile(r"(?P<key>\w+)_N(?P<version>\d{4})"))
        listing = list_archive(ArchiveQuery((Source(str(tmp_path)),), duplicates=rule))
        assert ids(listing) == ["plain.tif", "t_N0510.tif", "u_N0400.tif"]
        assert listing.superseded == {"t_N0509.tif": "t_N0510.tif"}

    def test_names_tell_times_where_no_catalogue_does_and_who_has_none_is_told(self, archive: Path) -> None:
        put(archive, "n_20260110.tif", "n_20250110.tif")
        pattern = re.compile(r"_(\d{8})")
        listing = list_archive(ArchiveQuery(sources(archive), time_pattern=pattern))
        told = {name: facts.time for name, facts in listing.facts.items() if facts.time}
        names = {name: span_of_digits(name) for name in ids(listing) if name.startswith("n_")}
        assert told
        assert dict(listing.times) == {**told, **names}
        undated = sorted(set(ids(listing)) - set(listing.times))
        assert listing.undated == (len(undated), undated[0])
        assert (f"time_pattern finds no time, as in {undated[0]}", str(len(undated))) in listing.rows()
        plain = list_archive(ArchiveQuery(sources(archive)))
        assert (dict(plain.times), plain.undated) == (told, None)

    def test_filters_and_versions_go_by_the_times_of_names(self, tmp_path: Path) -> None:
        put(tmp_path, "a-x_20260110.tif", "a-y_20260109.tif", "b-x_20250101.tif", "c.tif")
        pattern, filters = re.compile(r"_(\d{8})"), Filters(time=parse_span("2026-01-01/.."))
        query = ArchiveQuery((Source(str(tmp_path)),), filters, time_pattern=pattern)
        listing = list_archive(query)
        assert ids(listing) == ["a-x_20260110.tif", "a-y_20260109.tif"]
        assert listing.left_out == {
            "b-x_20250101.tif": "its time is not asked for",
            "c.tif": "its time is not known, and archive.filters asks for it",
        }
        assert listing.undated == (0, "")
        rule = Duplicates(re.compile(r"^(\w)"), "datetime")
        newest = list_archive(replace(query, filters=Filters(), duplicates=rule))
        assert ids(newest) == ["a-x_20260110.tif", "b-x_20250101.tif", "c.tif"]
        assert list(newest.times) == ids(newest)[:2]

    def test_the_file_written_last_wins_where_asked(self, tmp_path: Path) -> None:
        put(tmp_path, "a_1.tif", "a_2.tif")
        os.utime(tmp_path / "a_1.tif", (2e9, 2e9))
        rule = Duplicates(re.compile(r"(\w)_"), "modified")
        assert ids(list_archive(ArchiveQuery((Source(str(tmp_path)),), duplicates=rule))) == ["a_1.tif"]


class TestOnS3:
    @pytest.fixture
    def bucket(self, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[s3fs.S3FileSystem]:
        with new_bucket(s3_server, "sources-bucket", monkeypatch) as filesystem:
            yield filesystem

    def test_bucket_catalogue_and_geoparquet_agree(self, bucket: s3fs.S3FileSystem, tmp_path: Path) -> None:
        put(
            tmp_path,
            "scenes/a.tif",
            "scenes/2/b.tif",
            "scenes/2/b.tif.msk",
            "scenes/only.tif",
            content=b"scene",
        )
        write_documents(
            tmp_path,
            {
                "catalog.json": make_catalog("root", {"items/a.json": "item", "items/b.json": "item"}),
                "items/a.json": make_item("a", "../scenes/a.tif"),
                "items/b.json": make_item("b", "s3://sources-bucket/scenes/2/b.tif"),
            },
        )
        write_geoparquet(tmp_path / "items.parquet", ["scenes/a.tif", "s3://sources-bucket/scenes/gone.tif"])
        bucket.put(f"{tmp_path}/", "sources-bucket/", recursive=True)
        prefix = Source("s3://sources-bucket/scenes")
        catalogue, table = (
            Source("s3://sources-bucket/catalog.json"),
            Source("s3://sources-bucket/items.parquet"),
        )
        whole = list_archive(ArchiveQuery((prefix, catalogue, table)))
        assert ids(whole) == ["2/b.tif", "a.tif", "only.tif"]
        assert whole.scenes == list_archive(ArchiveQuery((prefix,))).scenes
        assert whole.only_in[prefix.uri] == ("only.tif",)
        assert [file.path for file in whole.missing] == ["gone.tif"]
        assert all(facts.modified_s for facts in whole.facts.values())
        alone = list_archive(ArchiveQuery((catalogue,)))
        assert ids(alone) == ["scenes/2/b.tif", "scenes/a.tif"]
        assert {s.uri: s.version for s in alone.scenes}.items() <= {
            s.uri: s.version for s in whole.scenes
        }.items()
        assert alone.scenes[0].has_sidecars
        looked_up = list_archive(ArchiveQuery((table,)))
        assert ids(looked_up) == ["scenes/a.tif"]
        assert "there is no file at" in looked_up.missing[0].reason

    def test_an_object_of_a_bucket_that_is_not_there_does_not_stop_the_rest(
        self, bucket: s3fs.S3FileSystem, tmp_path: Path
    ) -> None:
        items = [make_item("a", "scenes/a.tif"), make_item("b", "s3://no-such-bucket-here/b.tif")]
        write_documents(tmp_path, {"items.json": {"type": "FeatureCollection", "features": items}})
        put(tmp_path, "scenes/a.tif")
        bucket.put(f"{tmp_path}/", "sources-bucket/", recursive=True)
        listing = list_archive(ArchiveQuery((Source("s3://sources-bucket/items.json"),)))
        assert ids(listing) == ["scenes/a.tif"]
        assert len(listing.missing) == 1

    @pytest.mark.parametrize("names", ["a.tif", "a.tif b.tif", "a.tif ab.tif"])
    def test_a_list_of_a_bucket_that_is_not_there_is_a_mistake_of_the_config(
        self, bucket: s3fs.S3FileSystem, tmp_path: Path, names: str
    ) -> None:
        (tmp_path / "l.txt").write_text("\n".join(f"s3://no-such-bucket-here/{n}" for n in names.split()))
        with pytest.raises(ConfigError, match="there is no such bucket"):
            list_archive(ArchiveQuery((Source(str(tmp_path / "l.txt")),)))
        (tmp_path / "l.txt").write_text("s3://sources-bucket/a.tif\ns3://sources-bucket/b.tif\n")
        assert len(list_archive(ArchiveQuery((Source(str(tmp_path / "l.txt")),))).missing) == 2

    def test_one_bucket_that_is_not_there_is_the_matter_of_its_own_entries(
        self, bucket: s3fs.S3FileSystem, tmp_path: Path
    ) -> None:
        put(tmp_path, "good.tif")
        bucket.pipe_file("sources-bucket/a b%20c.tif", b"x")
        bad = ["S3://sources-bucket/a.tif", "s3://no such bucket/a.tif", "s3://no-such-bucket-here/a.tif"]
        bad += ["s3://_x/a.tif", "s3:///a.tif", f"s3://{'b' * 300}/a.tif", "s3://sources-bucket/gone.tif"]
        lines = ["good.tif", "s3://sources-bucket/a b%20c.tif", *bad]
        (tmp_path / "l.txt").write_text("\n".join(lines))
        listing = list_archive(ArchiveQuery((Source(str(tmp_path / "l.txt")),)))
        assert ids(listing) == ["good.tif", "sources-bucket/a%20b%2520c.tif"]
        assert len(listing.missing) == len(bad)
        reasons = {file.path: file.reason for file in listing.missing}
        assert reasons["no-such-bucket-here/a.tif"].endswith(": there is no such bucket")
        assert "starts with S3://" in reasons["S3://sources-bucket/a.tif"]

    def test_links_are_decoded_and_where_nothing_is_then_taken_as_they_are(
        self, bucket: s3fs.S3FileSystem, tmp_path: Path
    ) -> None:
        for name in ("s/the scene.tif", "s/a%20b.tif", "s/both.tif", "s/b%6Fth.tif", "s/é+.tif", "s/q#1.tif"):
            bucket.pipe_file(f"sources-bucket/{name}", b"x")
        hrefs = [
            "s/the%20scene.tif",
            "s3://sources-bucket/s/a%20b.tif",
            "s/b%6Fth.tif",
            "s/%C3%A9+.tif",
            "s/q#1.tif",
        ]
        items = [make_item(str(at), href) for at, href in enumerate(hrefs)]
        document = {"type": "FeatureCollection", "features": items}
        wanted = ["a%2520b.tif", "both.tif", "q%231.tif", "the%20scene.tif", "%C3%A9%2B.tif"]
        write_documents(tmp_path, {"items.json": document})
        write_geoparquet(tmp_path / "i.parquet", hrefs)
        bucket.put(str(tmp_path / "items.json"), "sources-bucket/items.json")
        bucket.put(str(tmp_path / "i.parquet"), "sources-bucket/i.parquet")
        for name in ("items.json", "i.parquet"):
            catalogue = Source(f"s3://sources-bucket/{name}")
            listing = list_archive(ArchiveQuery((catalogue,)))
            assert set(ids(listing)) == {f"s/{one}" for one in wanted}
            assert listing.missing == ()
            both = list_archive(ArchiveQuery((Source("s3://sources-bucket/s"), catalogue)))
            assert set(ids(both)) == {*wanted, "b%256Fth.tif"}
            assert both.missing == ()
            assert both.only_in["s3://sources-bucket/s"] == ("b%256Fth.tif",)

    def test_leavings_are_left_out_and_esris_xml_is_a_part_of_the_version(
        self, bucket: s3fs.S3FileSystem
    ) -> None:
        names = ("a.tif", ".snapshot/x/a.tif", ".snapshot/x/b.tif", "d/.Trash-1/c.tif", "d/__MACOSX/._a.tif")
        for name in (*names, "d/m.zarr/.git/0.tif", ".git/o.zarr/0.tif", "d/._b.tif"):
            bucket.pipe_file(f"sources-bucket/s/{name}", b"x")
        prefix = Source("s3://sources-bucket/s")
        (scene,) = list_archive(ArchiveQuery((prefix,))).scenes
        told = list_archive(ArchiveQuery((prefix,))).ignored
        assert [file.path for file in told] == [
            ".git", ".snapshot", "d/.Trash-1", "d/._b.tif", "d/__MACOSX", "d/m.zarr",
        ]  # fmt: skip
        bucket.pipe_file("sources-bucket/s/a.xml", b"<metadata/>")
        (changed,) = list_archive(ArchiveQuery((prefix,))).scenes
        assert changed.version != scene.version
        assert changed.has_sidecars
        bucket.pipe_file("sources-bucket/s/a.tif.xml", b"<metadata/>")
        assert list_archive(ArchiveQuery((prefix,))).scenes == (changed,)

    @pytest.mark.parametrize("uri", ["no-such-bucket-here/**/*.tif", "no-such-bucket-here/s*/a.tif"])
    def test_a_glob_over_a_bucket_that_is_not_there_is_a_mistake_of_the_config(
        self, bucket: s3fs.S3FileSystem, uri: str
    ) -> None:
        with pytest.raises(ConfigError, match="there is no such bucket"):
            list_archive(ArchiveQuery((Source(f"s3://{uri}"),)))
        with pytest.raises(ConfigError, match="there is nothing at"):
            list_archive(ArchiveQuery((Source("s3://sources-bucket/none/*.tif"),)))
