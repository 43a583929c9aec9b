"""An output and scenes in a bucket that only the user may read: the page reads them through the server."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote

import pytest

from sgddiff_batch.core.query import BucketAccess
from sgddiff_batch.errors import ConfigError
from sgddiff_batch.io.storage import open_store
from sgddiff_batch.viewer import open_site
from tests.io.catalogue_examples import store_of
from tests.kit.guarded_buckets import CREDENTIALS, guarded_buckets
from tests.kit.s3 import lead_to, new_bucket
from tests.viewer.site_examples import SHARD, add_scene, page_in, served

SCENE = "s3://viewed/scenes/a b%.tif"


@pytest.fixture(scope="module")
def patch():
    with pytest.MonkeyPatch.context() as one:
        yield one


@pytest.fixture(scope="module")
def bucket(s3_server, patch):
    with new_bucket(s3_server, "viewed", patch) as filesystem:
        filesystem.pipe_file(SCENE.removeprefix("s3://"), bytes(range(256)) * 40)
        add_scene("s3://viewed/out", "a.tif", SCENE)
        yield filesystem


@pytest.fixture(scope="module")
def asker(bucket, tmp_path_factory):
    with served("s3://viewed/out", page_in(tmp_path_factory.mktemp("page"))) as one:
        yield one


def test_mosaics_catalogue_and_scenes_come_by_ranges(asker):
    assert asker.get(f"output/{SHARD}", Range="bytes=1-2").body == b"od"
    assert asker.get(f"output/{SHARD}", Range="bytes=-2").body == b"es"
    assert asker.get("output/catalogue.parquet", Range="bytes=-4").body == b"PAR1"
    scene = asker.get(f"scene/{quote(SCENE, safe='')}", Range="bytes=256-259")
    assert (scene.status, scene.body, scene.headers["Content-Type"]) == (206, bytes(range(4)), "image/tiff")
    assert scene.headers["Content-Range"] == "bytes 256-259/10240"
    assert asker.get("config.json").tree["title"] == "out"


def test_no_other_object_of_the_bucket_is_served(asker, bucket):
    bucket.pipe_file("viewed/scenes/b.tif", b"other")
    assert asker.get("scene/s3%3A%2F%2Fviewed%2Fscenes%2Fb.tif").status == 404
    assert asker.get("output/../scenes/b.tif").status == 404
    assert asker.get("output/none/x.zarr/zarr.json").status == 404
    assert asker.get("output/_ledger/scenes/a.tif.json").status == 404


def test_many_parts_are_read_at_once(asker):
    def ask(start):
        return asker.get(f"scene/{quote(SCENE, safe='')}", Range=f"bytes={start}-{start + 9}").body

    with ThreadPoolExecutor(12) as pool:
        assert list(pool.map(ask, range(0, 200))) == [bytes(range(start, start + 10)) for start in range(200)]


def test_an_object_that_is_replaced_has_another_etag_and_never_mixed_bytes(asker, bucket):
    store = open_store("s3://viewed/out")
    store.write("objects.parquet", b"one" * 5)
    first = asker.get("output/objects.parquet")
    store.write("objects.parquet", b"two!" * 5)
    second = asker.get("output/objects.parquet", If_Match=first.headers["ETag"])
    assert (first.body, second.status) == (b"one" * 5, 412)
    assert asker.get("output/objects.parquet", Range="bytes=0-3").body == b"two!"
    store.delete("objects.parquet")


def test_a_mosaic_that_was_removed_is_gone_for_who_asks_for_its_root(asker):
    add_scene("s3://viewed/out", "gone.tif", SCENE)
    root = f"output/{store_of('gone.tif')}/zarr.json"
    assert asker.get(root, "HEAD").status == 200
    open_store("s3://viewed/out").delete_tree(store_of("gone.tif"))
    assert asker.get(root, "HEAD").status == 404


def test_scenes_are_asked_for_as_the_config_says_and_a_refusal_is_told_without_secrets(tmp_path, monkeypatch):
    for bucket in ("public", "paid"):
        (tmp_path / bucket).mkdir()
        (tmp_path / bucket / "a.tif").write_bytes(b"II*\0")
        add_scene(str(tmp_path / "out"), f"{bucket}.tif", f"s3://{bucket}/a.tif")
    access = BucketAccess({"public": "anonymous", "paid": "requester-pays"})
    with guarded_buckets(tmp_path) as endpoint:
        lead_to(CREDENTIALS | {"AWS_ENDPOINT_URL": endpoint}, monkeypatch)
        with served(str(tmp_path / "out"), page_in(tmp_path), access=access) as asker:
            for bucket in ("public", "paid"):
                assert asker.get(f"scene/s3%3A%2F%2F{bucket}%2Fa.tif", Range="bytes=0-1").body == b"II"
        with served(str(tmp_path / "out"), page_in(tmp_path)) as asker:
            refused = asker.get("scene/s3%3A%2F%2Fpaid%2Fa.tif")
            assert refused.status == 502
            assert "paid/a.tif" in refused.tree["error"]
        with pytest.raises(ConfigError, match="public/out") as denied:
            open_site("s3://public/out", page=page_in(tmp_path))
    assert CREDENTIALS["AWS_SECRET_ACCESS_KEY"] not in refused.tree["error"] + str(denied.value)
