from __future__ import annotations

import pytest

from sgddiff_batch.errors import ConfigError
from sgddiff_batch.viewer.addresses import Address, NotServedError
from sgddiff_batch.viewer.policy import Basemap
from sgddiff_batch.viewer.ranges import Span
from sgddiff_batch.viewer.site import open_site
from tests.viewer.site_examples import SHARD, add_scene


def read(site, *parts, **query):
    found = site.find(Address(parts, query))
    return b"".join(found.parts(Span(0, found.size_bytes)))


def test_a_site_has_its_page_and_what_the_page_reads(shown):
    site = open_site(str(shown / "out"), page=shown / "page")
    assert read(site, "").startswith(b"<!doctype html>")
    assert read(site, "viewer.js") == b"fetch('config.json')"
    assert b'"title": "out"' in read(site, "config.json")
    assert read(site, "output", *SHARD.split("/")) == b"codes"
    assert read(site, "output", "catalogue.parquet")[:4] == b"PAR1"
    assert read(site, "scene", str(shown / "scenes" / "a.tif")) == b"II*\0 pixels"


@pytest.mark.parametrize(
    "parts",
    [
        ("viewer.py",),
        (".hidden",),
        ("..", "out"),
        ("..",),
        ("../out/catalogue.parquet",),
        ("/etc/passwd",),
        ("viewer.js", "x"),
        ("output",),
        ("output", "_ledger", "lease.json"),
        ("scene",),
        ("scene", "a", "b"),
        ("api",),
        ("api", "explain"),
        ("api", "other"),
    ],
)
def test_nothing_else_is_there(shown, parts):
    site = open_site(str(shown / "out"), page=shown / "page")
    with pytest.raises(NotServedError):
        site.find(Address(parts))


def test_links_that_lead_out_of_the_output_are_refused(tmp_path, page):
    output = tmp_path / "out"
    add_scene(str(output), "a.tif", "s3://archive/a.tif")
    (tmp_path / "secret").write_text("secret")
    (output / "b.tif").mkdir()
    (output / "b.tif" / "x.zarr").symlink_to(tmp_path)
    (output / "objects.parquet").symlink_to(tmp_path / "secret")
    site = open_site(str(output), page=page, explain=lambda *pixel: {"pixel": pixel})
    for parts in (("b.tif", "x.zarr", "secret"), ("objects.parquet",)):
        with pytest.raises(NotServedError, match="leads out"):
            site.find(Address(("output", *parts)))
    with pytest.raises(NotServedError, match="leads out"):
        read(site, "api", "explain", store="b.tif/x.zarr", row="0", col="0")


def test_an_output_that_is_itself_a_link_is_shown(tmp_path, page, shown):
    (tmp_path / "link").symlink_to(shown / "out")
    assert read(open_site(str(tmp_path / "link"), page=page), "output", *SHARD.split("/")) == b"codes"


def test_a_pixel_is_explained_by_the_uri_of_its_mosaic(shown):
    site = open_site(str(shown / "out"), page=shown / "page", explain=lambda *pixel: {"pixel": pixel})
    told = read(site, "api", "explain", store="a.tif/x.zarr", row="3", col="4")
    assert told.decode() == f'{{"pixel": ["{shown / "out"}/a.tif/x.zarr", 3, 4]}}'
    for query in (
        {},
        {"row": "1"},
        {"row": "-1", "col": "0"},
        {"row": "1e3", "col": "0"},
        {"row": "9" * 99, "col": "0"},
    ):
        with pytest.raises(ValueError, match="must be a whole number"):
            read(site, "api", "explain", store="a.tif/x.zarr", **query)
    with pytest.raises(NotServedError):
        read(site, "api", "explain", store="../x.zarr", row="3", col="4")


def test_only_a_basemap_adds_a_host(shown):
    assert open_site(str(shown / "out"), page=shown / "page").hosts == ()
    basemap = Basemap("https://host/{z}/{x}/{y}.png", "")
    assert open_site(str(shown / "out"), page=shown / "page", basemap=basemap).hosts == ("https://host",)


def test_an_output_without_a_catalogue_is_a_mistake_that_says_what_to_do(tmp_path, page):
    with pytest.raises(ConfigError, match="has no catalogue to show: give the output"):
        open_site(str(tmp_path / "none"), page=page)


def test_a_page_that_was_never_built_is_told(shown, tmp_path):
    with pytest.raises(ConfigError, match="make viewer"):
        open_site(str(shown / "out"), page=tmp_path)
