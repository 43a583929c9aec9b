"""Links: relative ones, S3 and named hosts are followed; all else is refused, without its secrets."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sgddiff_batch.core.query import ArchiveQuery, Source
from sgddiff_batch.core.words import shown
from sgddiff_batch.io.stac.allowed_links import AllowedLinks, LinkRefusedError, allowed_links_of, origin

API = "https://stac.example.com/v1/search"
S3 = "s3://bucket/catalog/items/a.json"
ALLOWED = allowed_links_of(
    ArchiveQuery(
        (Source("https://stac.example.com/v1"), Source("s3://bucket/catalog/catalog.json")),
        hosts=("files.example.org", "tiles.s3.eu-central-1.amazonaws.com", "s3.us-west-2.amazonaws.com"),
        buckets={"mirror.example.net:8443": "s3://mirror/root"},
    )
)


@pytest.mark.parametrize(
    ("href", "base", "place"),
    [
        ("../x/a.tif", S3, "s3://bucket/catalog/x/a.tif"),
        ("./a%20b.tif", S3, "s3://bucket/catalog/items/a b.tif"),
        ("a%2520b+c.tif", S3, "s3://bucket/catalog/items/a%20b+c.tif"),
        ("s3://other/x%2Fa%20b.tif?x=1#y", S3, "s3://other/x/a b.tif"),
        ("s3://other/%C3%A9%23%3f.tif", API, "s3://other/é#?.tif"),
        ("100%.tif", S3, "s3://bucket/catalog/items/100%.tif"),
        ("%ff.tif", S3, "s3://bucket/catalog/items/%ff.tif"),
        ("https://tiles.s3.eu-central-1.amazonaws.com/a%2520+.tif", API, "s3://tiles/a%20+.tif"),
        ("s3://other/x.tif", S3, "s3://other/x.tif"),
        ("S3://other/x.tif", API, "s3://other/x.tif"),
        (
            "https://tiles.s3.eu-central-1.amazonaws.com/x/a%20b.tif?X-Amz-Signature=s",
            API,
            "s3://tiles/x/a b.tif",
        ),
        ("https://s3.us-west-2.amazonaws.com/landsat/x.tif", S3, "s3://landsat/x.tif"),
        ("https://MIRROR.example.net:8443/x.tif", API, "s3://mirror/root/x.tif"),
    ],
)
def test_rasters_are_found_in_buckets(href: str, base: str, place: str) -> None:
    assert ALLOWED.scene(href, base) == place


@pytest.mark.parametrize(
    ("href", "base", "words"),
    [
        ("https://elsewhere.example/x.tif", API, "archive.allow_hosts does not name"),
        ("//elsewhere.example/x.tif", API, "archive.allow_hosts does not name"),
        ("//elsewhere.example/x.tif", S3, "archive.allow_folders does not name"),
        ("http://stac.example.com/x.tif", API, "archive.allow_hosts does not name"),
        ("https://stac.example.com:444/x.tif", API, "archive.allow_hosts does not name"),
        ("https://user:secret@stac.example.com/x.tif", API, "no usable URL"),
        ("https://stac.example.com@elsewhere.example/x.tif", API, "no usable URL"),
        ("https://[::1/x.tif", API, "no usable URL"),
        ("https://stac.example.com:99999/x.tif", API, "no usable URL"),
        ("http://169.254.169.254/latest/meta-data", API, "archive.allow_hosts does not name"),
        ("file:///etc/passwd", API, "archive.allow_folders does not name"),
        ("file://elsewhere.example/etc/x.tif", API, "no usable file URL"),
        ("/etc/passwd", S3, "archive.allow_folders does not name"),
        ("/vsicurl/https://elsewhere.example/x.tif", S3, "archive.allow_folders does not name"),
        ("../../../other/x.tif", S3, "leads out of the bucket|names no object"),
        ("../../..", S3, "names no object"),
        ("s3://bucket/../other/x.tif", S3, "'..' part"),
        ("s3://bucket//x.tif", S3, "empty"),
        ("s3:///x.tif", S3, "names no object"),
        ("s3://bucket", S3, "names no object"),
        ("https://tiles.s3.eu-central-1.amazonaws.com/%2e%2e/x.tif", API, "'..' part"),
        ("https://mirror.example.net:8443/%2e%2e/x.tif", API, "'..' part"),
        ("s3://bucket/%2e%2e/x.tif", S3, "'..' part"),
        ("s3://bucket/a%2F..%2F..%2Fx.tif", S3, "'..' part"),
        ("s3://bucket%2Fa/x.tif", S3, "names no object"),
        ("s3://my bucket/x.tif", S3, "names no object"),
        ("s3://bucket/a%00.tif", S3, "names no object"),
        ("..%2F..%2F..%2Fother%2Fx.tif", S3, "leads out of the bucket"),
        ("%2Fetc%2Fpasswd", S3, "archive.allow_folders does not name"),
        ("file:///%2e%2e/etc/passwd", S3, "archive.allow_folders does not name"),
        ("s3://bucket/a.tif?versionId=7", S3, "one version of an object"),
        ("https://tiles.s3.eu-central-1.amazonaws.com/a.tif?versionId=7", API, "one version of an object"),
        ("gs://bucket/x.tif", S3, "gs:, which is not spoken"),
        ("data:image/tiff;base64,AAAA", S3, "data:, which is not spoken"),
        ("https://files.example.org/x.tif", API, "archive.host_buckets"),
        ("x.tif", API, "archive.host_buckets"),
        ("a\nb.tif", S3, "characters"),
        ("..\\x.tif", S3, "characters"),
        ("x" * 5000, S3, "5000 characters"),
        ("", S3, "without an href"),
        (None, S3, "without an href"),
        ({"a": 1}, S3, "without an href"),
    ],
)
def test_what_is_not_named_is_refused(href: object, base: str, words: str) -> None:
    with pytest.raises(LinkRefusedError, match=words) as refusal:
        ALLOWED.scene(href, base)
    assert "secret" not in str(refusal.value)
    assert str(refusal.value).isprintable()


def test_documents_of_named_hosts_are_followed() -> None:
    assert ALLOWED.follow("page2?token=a#top", API) == "https://stac.example.com/v1/page2?token=a"
    assert ALLOWED.follow("https://files.example.org/c.json", API) == "https://files.example.org/c.json"
    assert (
        ALLOWED.follow("https://files.example.org:443/c.json", S3) == "https://files.example.org:443/c.json"
    )


class TestLocal:
    def allowed(self, tmp_path: Path, *more: str) -> AllowedLinks:
        (tmp_path / "archive" / "s").mkdir(parents=True)
        (tmp_path / "else").mkdir()
        (tmp_path / "archive" / "a.tif").touch()
        (tmp_path / "else" / "b.tif").touch()
        return allowed_links_of(
            ArchiveQuery((Source(str(tmp_path / "archive" / "catalog.json")),), folders=more)
        )

    def test_files_below_the_catalogue_are_followed_in_every_spelling(self, tmp_path: Path) -> None:
        allowed, base = self.allowed(tmp_path), str(tmp_path / "archive" / "s" / "item.json")
        wanted = str(tmp_path / "archive" / "a.tif")
        for href in ("../a.tif", wanted, f"file://{wanted}", f"file://localhost{wanted}", ".././a.tif"):
            assert allowed.scene(href, base) == wanted

    @pytest.mark.parametrize(
        "name", ["a b.tif", "é+%20.tif", "100%.tif", "a#b?c.tif", "a\nb.tif", "x\\y.tif"]
    )
    def test_any_name_is_found_by_its_encoded_link(self, tmp_path: Path, name: str) -> None:
        allowed, base = self.allowed(tmp_path), str(tmp_path / "archive" / "s" / "item.json")
        for href in (quote(name), f"../s/{quote(name)}?x#y", f"file://{tmp_path}/archive/s/{quote(name)}"):
            assert allowed.scene(href, base) == str(tmp_path / "archive" / "s" / name)

    @pytest.mark.parametrize(
        "href", ["..%2F..%2Felse%2Fb.tif", "%2e%2e/../else/b.tif", "..%2f%2e%2e/else/b.tif"]
    )
    def test_no_encoding_leads_out(self, tmp_path: Path, href: str) -> None:
        allowed, base = self.allowed(tmp_path), str(tmp_path / "archive" / "s" / "item.json")
        with pytest.raises(LinkRefusedError, match="allow_folders"):
            allowed.scene(href, base)
        with pytest.raises(LinkRefusedError, match="no usable name"):
            allowed.scene("a%00.tif", base)

    def test_a_link_that_leads_from_one_allowed_folder_into_another_is_followed(self, tmp_path: Path) -> None:
        allowed, base = (
            self.allowed(tmp_path, str(tmp_path / "else")),
            str(tmp_path / "archive" / "item.json"),
        )
        (tmp_path / "archive" / "out.tif").symlink_to(tmp_path / "else" / "b.tif")
        assert allowed.scene("out.tif", base) == str(tmp_path / "archive" / "out.tif")

    def test_others_only_where_their_folder_is_named(self, tmp_path: Path) -> None:
        allowed, base = self.allowed(tmp_path), str(tmp_path / "archive" / "item.json")
        with pytest.raises(LinkRefusedError, match="allow_folders"):
            allowed.scene("../else/b.tif", base)
        named = AllowedLinks(folders=(*allowed.folders, str(tmp_path / "else")))
        assert named.scene("../else/b.tif", base) == str(tmp_path / "else" / "b.tif")
        assert named.scene(f"file://{tmp_path}/else/b.tif", S3) == str(tmp_path / "else" / "b.tif")

    def test_a_folder_of_a_like_name_and_a_symbolic_link_are_other_folders(self, tmp_path: Path) -> None:
        allowed, base = self.allowed(tmp_path), str(tmp_path / "archive" / "item.json")
        (tmp_path / "archive2").mkdir()
        (tmp_path / "archive" / "out.tif").symlink_to(tmp_path / "else" / "b.tif")
        (tmp_path / "archive" / "in.tif").symlink_to("a.tif")
        for href in ("../archive2/b.tif", "out.tif"):
            with pytest.raises(LinkRefusedError, match="allow_folders"):
                allowed.scene(href, base)
        assert allowed.scene("in.tif", base).endswith("/archive/in.tif")


@given(st.text(max_size=60), st.sampled_from([API, S3, "/data/archive/item.json"]))
def test_any_text_leads_within_reach_or_is_refused(href: str, base: str) -> None:
    allowed = AllowedLinks(frozenset({"https://stac.example.com:443"}), ("/data/archive",))
    try:
        place = allowed.follow(href, base)
    except LinkRefusedError:
        return
    assert place.startswith(("https://stac.example.com", "s3://", "/data/archive/"))
    assert ".." not in place.split("/") or origin(place)


@given(
    st.text(min_size=1, max_size=30).filter(
        lambda name: name not in (".", "..") and not set(name) & {"/", "\0"}
    )
)
def test_every_name_of_an_object_has_a_link(name: str) -> None:
    try:
        encoded = quote(name)
    except UnicodeEncodeError:
        return
    assert ALLOWED.scene(encoded, S3) == f"s3://bucket/catalog/items/{name}"
    assert ALLOWED.scene(f"s3://other/{encoded}", API) == f"s3://other/{name}"


@pytest.mark.parametrize(
    ("href", "base", "place"),
    [
        ("a%20b.tif", S3, "s3://bucket/catalog/items/a%20b.tif"),
        ("s3://other/a#1.tif", API, "s3://other/a#1.tif"),
        ("a?b.tif", "/data/archive/item.json", "/data/archive/a?b.tif"),
        ("a b.tif", S3, None),
        ("a%20b.tif", API, None),
        ("https://tiles.s3.eu-central-1.amazonaws.com/a%20b.tif", S3, None),
        ("%2e%2e/%2e%2e/%2e%2e/a%20b.tif", S3, None),
        ("..%2F..%2Fa%20b.tif", "/data/archive/item.json", None),
        (None, S3, None),
    ],
)
def test_a_plain_name_is_where_its_writer_may_have_meant(href: object, base: str, place: str | None) -> None:
    allowed = AllowedLinks(ALLOWED.origins, ("/data/archive",))
    assert allowed.as_written(href, base) == place


def test_links_are_shown_without_secrets() -> None:
    assert shown("https://user:key@host/a?sig=1#x") == "https://host/a"
    assert len(shown("x" * 9999)) == 200
