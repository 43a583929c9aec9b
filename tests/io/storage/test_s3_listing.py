"""Listings of S3: every object of every page, its name to the letter, whatever way a page is written."""

import pytest
from fsspec.asyn import sync

from sgddiff_batch.io.storage import s3_listing
from sgddiff_batch.io.storage.s3 import S3Backend
from sgddiff_batch.io.storage.s3_client import s3_client
from tests.kit.broken_s3 import run_broken_s3

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with run_broken_s3(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def server(running, monkeypatch):
    """A server without a script, which the environment leads to."""
    for name, value in running.environment.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    running.script()
    return running


@pytest.fixture
def backend(server):
    return S3Backend(s3_client("own", server.environment))


def put(server, *paths):
    for path in paths:
        server.object(path).write_bytes(path.encode())


def listed(backend, path):
    return list(backend.listed(path))


class TestListed:
    def test_all_pages_are_read_and_nothing_beside_the_prefix(self, server, backend):
        names = [f"list/x/{number}" for number in range(7)]
        put(server, *names, "list/xx", "list/x.tif", "list/w/1")
        found = dict(listed(backend, "list/x"))
        assert list(found) == names
        assert {facts.size_bytes for facts in found.values()} == {len(names[0])}
        assert server.requests() == {"LIST list/x/": 3}

    def test_a_version_is_another_one_where_the_content_is(self, server, backend):
        put(server, "version/x/a")
        ((_, before),) = listed(backend, "version/x")
        server.object("version/x/a").write_bytes(b"another.....")
        ((_, after),) = listed(backend, "version/x")
        assert before.changed_s == after.changed_s == 1_704_067_200
        assert before.version != after.version

    def test_an_object_of_which_too_little_is_told_has_no_version(self):
        rows = s3_listing._rows_of_reply([{"Key": "a", "Size": 3}])
        assert rows.part("b").versions == [None]

    def test_an_empty_prefix_holds_nothing(self, server, backend):
        put(server, "empty/a")
        assert listed(backend, "empty/x") == []

    def test_what_botocore_reads_of_the_same_pages_is_the_same(self, server, backend, monkeypatch):
        put(server, *(f"same/{name}" for name in ("a b", "a+b", "a%20b", "ü/x", "a&b<c>", "q'\\\"")))
        quick = listed(backend, "same")
        taken = []
        monkeypatch.setattr(s3_listing, "rows_of_body", taken.append)
        assert listed(backend, "same") == quick
        assert taken
        assert [name for name, _ in quick] == sorted(
            f"same/{path.name}" if path.parent.name == "same" else "same/ü/x"
            for path in (server.folder / "data/same").rglob("*")
            if path.is_file()
        )

    def test_other_callers_of_the_client_get_their_pages_as_ever(self, server, backend):
        put(server, "others/a/b", "others/a/c")
        assert len(listed(backend, "others/a")) == 2
        assert backend.filesystem.ls("others/a") == ["others/a/b", "others/a/c"]
        reply = sync(backend.filesystem.loop, backend.filesystem._call_s3, "list_objects_v2", Bucket="others")
        assert [info["Key"] for info in reply["Contents"]] == ["a/b", "a/c"]

    @pytest.mark.parametrize("begin", ["", "a", "b/", "none"])
    def test_objects_are_told_one_by_one_as_find_tells_them(self, server, backend, begin):
        put(server, "each/x/a", "each/x/b/c", "each/x/ab", "each/xx", "each/w/a")
        assert list(backend.find_each("each/x", begin)) == list(backend.find("each/x", begin))
        assert list(backend.find_each("each/gone")) == []

    def test_folders_are_told_where_they_are_asked_for(self, server, backend):
        put(server, "folders/x/a", "folders/x/b/c", "folders/x/b/d", "folders/x/e")
        found = list(s3_listing.pages(backend.filesystem, "folders", "x/", "/"))
        assert [key for page in found for key in page.rows.keys] == ["x/a", "x/e"]
        assert {folder for page in found for folder in page.folders} == {"x/b/"}


ROW = (
    "<Contents><Key>{key}</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified>"
    "<ETag>&quot;e-2&quot;</ETag><Size>7</Size><StorageClass>STANDARD</StorageClass></Contents>"
)


def body(*keys, more="", between=""):
    rows = between.join(ROW.format(key=key) for key in keys)
    return f"<?xml version='1.0'?><ListBucketResult><Name>b</Name>{more}{rows}</ListBucketResult>".encode()


class TestRowsOfBody:
    def test_all_that_is_told_of_an_object_is_taken(self):
        rows = s3_listing.rows_of_body(body("a/b.tif", "c"))
        assert rows == s3_listing.Rows(["a/b.tif", "c"], ["e-2"] * 2, [7, 7], [1_767_323_045.0] * 2)
        assert rows.part("bk").versions == ["e-2 7 1767323045.000"] * 2
        assert rows.part("bk").paths == ["bk/a/b.tif", "bk/c"]

    @pytest.mark.parametrize(
        ("written", "key"),
        [("a&amp;b&lt;&#x20;", "a&b< "), ("a%20b", "a%20b"), ("a+b", "a+b"), ("ü//.", "ü//."), ("x/", "x/")],
    )
    def test_a_name_is_taken_to_the_letter(self, written, key):
        assert s3_listing.rows_of_body(body(written)).keys == [key]

    @pytest.mark.parametrize(
        ("written", "key"), [("a%2Fb+c%2B", "a/b c+"), ("%C3%BC%0A%253D", "ü\n%3D"), ("a&amp;b", "a&b")]
    )
    def test_a_name_that_was_asked_for_in_code_is_decoded(self, written, key):
        told = body(written, more="<EncodingType>url</EncodingType>")
        assert s3_listing.rows_of_body(told).keys == [key]

    @pytest.mark.parametrize(
        "told",
        [
            body(),
            body("<![CDATA[a]]>"),
            body("a", "b", between="<CommonPrefixes><Prefix>p/</Prefix></CommonPrefixes>"),
            body("a").replace(b"<Size>7</Size>", b""),
            body("a").replace(b"<Key>", b"<Key xml:space='preserve'>"),
            body("a").replace(b"2026-01-02T03:04:05.000Z", b"Fri, 02 Jan 2026 03:04:05 GMT"),
            body("a", "b").replace(b"<ETag>&quot;e-2&quot;</ETag>", b"", 1),
            body("a").replace(b"Contents>", b"s3:Contents>"),
        ],
    )
    def test_a_page_that_is_written_otherwise_is_left_to_botocore(self, told):
        assert s3_listing.rows_of_body(told) is None


class TestFacts:
    def test_what_tells_contents_apart_is_the_etag_else_size_and_time(self):
        rows = s3_listing.Rows(
            ["a", "b", "c", "gone/"], ["e", "", "", "x"], [7, 8, 9, 0], [5.0, 5.0, 0.0, 1.0]
        )
        assert [(one.path, one.size_bytes, one.identity, one.modified_s) for one in rows.facts("bk")] == [
            ("bk/a", 7, "e", 5.0),
            ("bk/b", 8, [8, "1970-01-01 00:00:05+00:00"], 5.0),
            ("bk/c", 9, [9, ""], None),
        ]
