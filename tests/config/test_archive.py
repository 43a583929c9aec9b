"""The archive section: short as it always was, long where it has to be, and refusals by their keys."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sgddiff_batch.config.job import ArchiveJobConfig, load_config
from sgddiff_batch.core.boxes import Box
from sgddiff_batch.core.query import ArchiveQuery, AssetRule, Source
from sgddiff_batch.core.times import parse_span
from sgddiff_batch.errors import ConfigError

LONG = """
archive:
  uri: s3://scenes/2026
  also:
    - {uri: https://stac.example.com/v1, collections: [s2], asset: visual}
    - {uri: catalog/catalog.json, asset: {role: data}}
  filters:
    datetime: 2026-01-01/..
    bbox: [5, 45, 10, 50]
    cloud_cover_below: 20
    size: [1000, null]
    names: ["*_TCI.tif"]
    exclude: ["test/*"]
  duplicates: {key: "(?P<tile>T..)_N(?P<version>.*)", newest_by: modified}
  allow_hosts: [files.example.com, "localhost:8080"]
  allow_folders: [more]
  host_buckets: {data.example.com: "s3://mirror/data"}
output: {uri: mosaics}
"""


def load(folder: Path, text: str, *assignments: str) -> ArchiveJobConfig:
    (folder / "archive.yaml").write_text(text)
    return load_config(str(folder / "archive.yaml"), assignments)


def test_the_short_form_is_one_source_without_filters(tmp_path: Path) -> None:
    config = load(tmp_path, "archive: {uri: scenes}\noutput: {uri: mosaics}\n")
    assert config.archive.query() == ArchiveQuery((Source(str(tmp_path / "scenes")),))


def test_the_long_form_says_everything(tmp_path: Path) -> None:
    query = load(tmp_path, LONG).archive.query()
    assert query.sources == (
        Source("s3://scenes/2026"),
        Source("https://stac.example.com/v1", collections=("s2",), asset=AssetRule(key="visual")),
        Source(str(tmp_path / "catalog/catalog.json"), asset=AssetRule(role="data")),
    )
    filters = query.filters
    assert (filters.time, filters.box) == (parse_span("2026-01-01/.."), Box(5, 45, 10, 50))
    assert (filters.cloud_below_percent, filters.size_bytes) == (20, (1000, None))
    assert query.duplicates is not None
    assert query.duplicates.key_of("x/T31_N0500.tif") == ("T31",)
    assert query.duplicates.newest_by == "modified"
    assert query.folders == (str(tmp_path / "more"),)
    assert query.buckets == {"data.example.com": "s3://mirror/data"}


@pytest.mark.parametrize(
    ("glob", "wanted", "unwanted"),
    [
        ("*.tif", "a.tif", "a.tiff"),
        ("*_TCI.tif", "d/e/x_TCI.tif", "d/x_TCI.tif/e"),
        ("test/*", "test/a/b.tif", "x/test/a.tif"),
        ("/a*", "a.tif", "d/a.tif"),
        ("[ab].tif", "d/b.tif", "c.tif"),
        ("a+b.tif", "a+b.tif", "aab.tif"),
    ],
)
def test_a_glob_is_for_the_name_and_with_a_slash_for_the_path(
    tmp_path: Path, glob: str, wanted: str, unwanted: str
) -> None:
    config = load(tmp_path, "archive: {uri: a}\noutput: {uri: b}\n", f"archive.filters.names=['{glob}']")
    filters = config.archive.query().filters
    assert filters.unwanted_file(wanted, 1) is None
    assert filters.unwanted_file(unwanted, 1) is not None


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("archive.filters.datetime=soon", ["archive.filters.datetime", "2026-01-31"]),
        ("archive.filters.datetime=2026-02-01/2026-01-01", ["archive.filters.datetime", "before"]),
        ("archive.filters.bbox=[10, 50, 5, 40]", ["archive.filters.bbox", "south"]),
        ("archive.filters.cloud_cover_below=0", ["archive.filters.cloud_cover_below", "greater than 0"]),
        ("archive.filters.size=[5, 1]", ["archive.filters.size", "[5, 1]"]),
        ("archive.filters.clouds=5", ["archive.filters.clouds", "nearest known key"]),
        ("archive.duplicates={key: '('}", ["archive.duplicates.key", "regular expression"]),
        ("archive.duplicates={key: a, newest_by: luck}", ["archive.duplicates.newest_by", "'luck'"]),
        ("archive.allow_hosts=['https://host/path']", ["archive.allow_hosts", "host's name"]),
        ("archive.host_buckets={host: 'https://x'}", ["archive.host_buckets", "s3://bucket"]),
        ("archive.uri=gs://bucket/x", ["archive.uri", "gs://bucket/x"]),
        ("archive.uri=https://me:secret@host/x", ["archive.uri", "without a user's name"]),
        (
            "archive.duplicates={key: '_N(?P<version>[0-9]+)'}",
            ["archive.duplicates.key", "which scene it is"],
        ),
        ("archive.kind=stac-api", ["archive", "stac-api is for https://"]),
        ("archive.also=[{uri: 'https://h/x', kind: prefix}]", ["archive.also", "local paths and s3://"]),
        ("archive.also=[{uri: mosaics}]", ["output.uri", "must not be the archive itself"]),
    ],
)
def test_mistakes_are_told_by_their_keys(tmp_path: Path, assignment: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as refusal:
        load(tmp_path, "archive: {uri: scenes}\noutput: {uri: mosaics}\n", assignment)
    for word in words:
        assert word in str(refusal.value)


def test_dates_that_yaml_reads_as_dates_are_dates(tmp_path: Path) -> None:
    text = "archive: {uri: a, filters: {datetime: 2026-01-31}}\noutput: {uri: b}\n"
    assert load(tmp_path, text).archive.query().filters.time == parse_span("2026-01-31")


PRIVATE = "archive: {uri: 'https://h/v1'}\noutput: {uri: mosaics}\n"


def test_headers_are_named_by_the_variables_that_hold_them(tmp_path: Path) -> None:
    config = load(tmp_path, PRIVATE, "archive.headers_from_env={X-Key: KEY, Authorization: MY_TOKEN}")
    (source,) = config.archive.query().sources
    assert source.headers_from_env == (("Authorization", "MY_TOKEN"), ("X-Key", "KEY"))


@pytest.mark.parametrize(
    "assignment",
    [
        "archive.headers_from_env={Authorization: Bearer s3cr3t}",
        "archive.headers_from_env={Authorization: {s3cr3t: s3cr3t}}",
        "archive.headers_from_env={Authorization: s3cr3t.part.of-a-token}",
        "archive.headers_from_env=Bearer s3cr3t",
        "archive.headers_from_env=[s3cr3t]",
        "archive.headers_from_env={'Authorization: s3cr3t': X}",
        "archive.headers_from_env.Authorization=s3cr3t token",
        "archive.header_from_env={Authorization: s3cr3t token}",
        "archive.also=[{headers_from_env: {Authorization: s3cr3t}}]",
        "archive.also=[{uri: 's3://b/x', headers_from_env: {Authorization: s3cr3t}}]",
        "archive.also=[{uri: 'https://h', headers_from_env: {Host: s3cr3t}}]",
        "archive.also=[{uri: 'https://h', headers_from_env: {A: s3cr3t, a: s3cr3t}}]",
    ],
)
def test_a_secret_in_place_of_a_variable_is_refused_and_not_shown(tmp_path: Path, assignment: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        load(tmp_path, PRIVATE, assignment)
    assert "s3cr3t" not in str(refusal.value)
    assert "archive." in str(refusal.value)


def test_each_bucket_is_asked_as_its_source_or_a_row_says(tmp_path: Path) -> None:
    text = "archive: {uri: 's3://public/x', access: anonymous}\noutput: {uri: mosaics}\n"
    access = load(tmp_path, text, "archive.bucket_access={paid: requester-pays}").archive.query().access
    uris = ("s3://public/y", "s3://paid/x", "s3://other/x")
    assert [access.of(uri) for uri in uris] == ["anonymous", "requester-pays", "own"]


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("archive.bucket_access={b: anonymous}", "the bucket b is given two accesses, anonymous and own"),
        ("archive.also=[{uri: 's3://b/y', access: anonymous}]", "the bucket b is given two accesses"),
        ("archive.also=[{uri: folder, access: anonymous}]", "access anonymous is for s3://, got 'folder'"),
        ("archive.bucket_access={b: free}", "archive.bucket_access"),
        ("archive.bucket_access={'s3://b': own}", "archive.bucket_access"),
    ],
)
def test_a_bucket_is_asked_in_one_way_or_not_at_all(tmp_path: Path, assignment: str, words: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        load(tmp_path, "archive: {uri: 's3://b/x'}\noutput: {uri: mosaics}\n", assignment)
    assert words in str(refusal.value)


def test_every_local_path_of_the_section_is_resolved_and_nothing_else(tmp_path: Path) -> None:
    archive = load(tmp_path, LONG).archive
    moved = archive.with_paths(lambda uri: uri if "://" in uri else f"/moved{uri}")
    assert [source.uri for source in moved.also] == [
        "https://stac.example.com/v1",
        f"/moved{tmp_path}/catalog/catalog.json",
    ]
    assert moved.allow_folders == (f"/moved{tmp_path}/more",)
    assert (moved.uri, moved.host_buckets) == (archive.uri, archive.host_buckets)


def test_a_pattern_of_times_is_told_as_that_of_areas_and_is_no_part_of_the_run_key(tmp_path: Path) -> None:
    text = "archive: {uri: scenes}\noutput: {uri: mosaics}\n"
    assert load(tmp_path, text).archive.query().time_pattern is None
    config = load(tmp_path, text, r"archive.time_pattern='_(\d{8})'")
    assert config.archive.query().time_pattern == re.compile(r"_(\d{8})")
    for wrong, words in (("[", "must be a regular expression"), (r"\d{8}", r"must have a group (...)")):
        with pytest.raises(ConfigError) as refusal:
            load(tmp_path, text, f"archive.time_pattern='{wrong}'")
        assert f"archive.time_pattern: {words}" in str(refusal.value)
