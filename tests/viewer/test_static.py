"""The page as files: where it finds the output, what it may read, and what an export never touches."""

from __future__ import annotations

import json

import pytest

from sgddiff_batch.core.query import BucketAccess
from sgddiff_batch.errors import ConfigError
from sgddiff_batch.io.storage import Store, open_store
from sgddiff_batch.viewer import Basemap, static, write_static
from tests.kit.s3 import new_bucket
from tests.viewer.site_examples import add_scene

FILES = {"config.json", "export.json", "index.html", "viewer.css", "viewer.js"}


def config_of(folder):
    return json.loads((folder / "config.json").read_text())


@pytest.mark.parametrize(
    ("target", "place"),
    [
        ("out/_view", "../"),
        ("out", "./"),
        ("view", "../out/"),
        ("deep/er/view", "../../../out/"),
        ("a b/ä", "../../out/"),
    ],
)
def test_a_page_finds_the_output_from_where_it_lies(shown, tmp_path, page, target, place):
    add_scene(str(tmp_path / "out"), "a.tif", "s3://archive/a.tif")
    written = write_static(str(tmp_path / "out"), str(tmp_path / target), page=page)
    folder = tmp_path / target
    assert written.uri == str(folder / "index.html")
    assert (written.url, written.hosts, written.unseen) == (None, (), ())
    assert {path.name for path in folder.iterdir()} >= FILES
    told = config_of(folder)
    assert told["output"] == place
    assert (folder / place / "catalogue.parquet").is_file()
    assert (told["title"], told["scenes"], told["explain"]) == ("out", [], None)
    assert (folder / "viewer.js").read_bytes() == (page / "viewer.js").read_bytes()


def test_the_policy_of_a_page_names_the_hosts_that_it_reads_alone(shown, tmp_path, page):
    basemap = Basemap("https://tiles.example/{z}/{x}/{y}.png", "me")
    written = write_static(str(shown / "out"), str(tmp_path / "view"), basemap=basemap, page=page)
    assert written.hosts == ("https://tiles.example",)
    index = (tmp_path / "view" / "index.html").read_text()
    assert '<head><meta http-equiv="Content-Security-Policy" content="default-src \'none\'; ' in index
    assert "connect-src 'self' https://tiles.example;" in index
    assert "frame-ancestors" not in index


def test_scenes_are_found_by_the_roots_of_the_archive(shown, tmp_path, page):
    (tmp_path / "scenes").mkdir()
    roots = [str(tmp_path / "scenes"), "https://stac.example/api"]
    written = write_static(str(shown / "out"), str(tmp_path / "view"), roots=roots, page=page)
    places = config_of(tmp_path / "view")["scenes"]
    assert places == [{"prefix": f"{tmp_path}/scenes/", "href": "../scenes/"}]
    assert written.unseen == ("https://stac.example/api",)


def test_a_second_export_replaces_the_first_whole(shown, tmp_path, page):
    view = tmp_path / "view"
    (page / "old.js").write_text("old")
    write_static(str(shown / "out"), str(view), page=page)
    (view / "notes.txt").write_text("somebody's")
    (page / "old.js").unlink()
    (page / "viewer.js").write_text("new")
    write_static(str(shown / "out"), str(view), page=page)
    assert {path.name for path in view.iterdir()} == {*FILES, "notes.txt"}
    assert (view / "viewer.js").read_text() == "new"
    assert set(json.loads((view / "export.json").read_text())["files"]) == FILES - {"export.json"}


def test_an_export_that_was_killed_is_made_good_by_the_next_one(shown, tmp_path, page, monkeypatch):
    view, count = tmp_path / "view", 0
    (page / "old.js").write_text("old")
    while True:
        count += 1
        with monkeypatch.context() as patch:
            patch.setattr(static, "open_store", lambda uri, left=count: dying(uri, left))
            try:
                write_static(str(shown / "out"), str(view), page=page)
                break
            except KilledError:
                (page / "old.js").unlink(missing_ok=True)
    assert count > 5
    assert {path.name for path in view.iterdir()} == FILES


class KilledError(Exception):
    pass


def dying(uri, left):
    """Return a store that is killed before its change of that number."""
    changes = [None] * left

    def check():
        changes.pop()
        if not changes:
            raise KilledError

    store = open_store(uri)
    assert isinstance(store, Store)
    return store.guarded(check)


@pytest.mark.parametrize(
    "target",
    [
        "out/_ledger",
        "out/_ledger/x",
        "out/_areas/monthly",
        "out/_catalogue",
        "out/a.tif/1-2.zarr",
        "x.zarr/view",
        "link/x",
    ],
)
def test_a_mosaic_and_what_runs_keep_are_never_written_to(tmp_path, page, target):
    add_scene(str(tmp_path / "out"), "a.tif", "s3://archive/a.tif")
    (tmp_path / "link").symlink_to(tmp_path / "out" / "_ledger")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ConfigError, match="which is an output's own; give another place"):
        write_static(str(tmp_path / "out"), str(tmp_path / target), page=page)
    assert sorted(tmp_path.rglob("*")) == before


def test_files_of_others_are_not_replaced(shown, tmp_path, page):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text("mine")
    with pytest.raises(ConfigError, match="is there, and of no export"):
        write_static(str(shown / "out"), str(tmp_path / "site"), page=page)
    assert [path.name for path in (tmp_path / "site").iterdir()] == ["index.html"]


@pytest.mark.parametrize(
    "manifest",
    [
        "{",
        "[]",
        '{"format_version": 2, "files": []}',
        '{"format_version": 1, "files": ["../x"]}',
        '{"files": 1}',
    ],
)
def test_a_list_of_files_that_no_export_wrote_removes_nothing(shown, tmp_path, page, manifest):
    (tmp_path / "x").write_text("mine")
    (tmp_path / "view").mkdir()
    (tmp_path / "view" / "export.json").write_text(manifest)
    with pytest.raises(ConfigError, match="is of no export"):
        write_static(str(shown / "out"), str(tmp_path / "view"), page=page)
    assert (tmp_path / "x").read_text() == "mine"


def test_an_output_without_a_catalogue_or_a_page_without_a_head_is_a_mistake(shown, tmp_path, page):
    with pytest.raises(ConfigError, match="no catalogue to show"):
        write_static(str(tmp_path / "none"), str(tmp_path / "view"), page=page)
    (page / "index.html").write_text("<p>")
    with pytest.raises(ConfigError, match="no <head>"):
        write_static(str(shown / "out"), str(tmp_path / "view"), page=page)
    assert not (tmp_path / "view").exists()


def test_a_page_in_a_bucket_is_typed_and_finds_output_and_scenes(
    shown, tmp_path, page, s3_server, monkeypatch
):
    with new_bucket(s3_server, "static", monkeypatch) as filesystem:
        add_scene("s3://static/out", "a.tif", "s3://static/scenes/a.tif")
        written = write_static(
            "s3://static/out", "s3://static/out/_view/", roots=["s3://static/scenes/"], page=page
        )
        assert written.url == f"{s3_server.endpoint}/static/out/_view/index.html"
        types = {name: filesystem.info(f"static/out/_view/{name}")["ContentType"] for name in FILES}
        assert types["index.html"] == "text/html; charset=utf-8"
        assert types["viewer.js"] == "text/javascript; charset=utf-8"
        told = json.loads(filesystem.cat("static/out/_view/config.json"))
        assert told["output"] == "../"
        assert told["scenes"] == [{"prefix": "s3://static/scenes/", "href": "../../scenes/"}]
        # From a folder of this machine the same is read by the addresses of the bucket.
        elsewhere = write_static(
            "s3://static/out", str(tmp_path / "v"), roots=["s3://static/a b/"], page=page
        )
        assert elsewhere.hosts == (s3_server.endpoint,)
        told = config_of(tmp_path / "v")
        assert told["output"] == f"{s3_server.endpoint}/static/out/"
        assert told["scenes"][0]["href"] == f"{s3_server.endpoint}/static/a%20b/"
        paid = BucketAccess({"static": "requester-pays"})
        roots = ["s3://static/scenes/"]
        assert write_static(
            "s3://static/out", str(tmp_path / "v"), roots=roots, access=paid, page=page
        ).unseen
        with pytest.raises(ConfigError, match="cannot read"):
            write_static(str(shown / "out"), "s3://static/elsewhere", page=page)


def test_a_file_in_the_way_is_a_mistake(shown, tmp_path, page):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ConfigError, match="file"):
        write_static(str(shown / "out"), str(tmp_path / "file"), page=page)
    assert (tmp_path / "file").read_text() == "mine"
