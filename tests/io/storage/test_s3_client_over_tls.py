"""A store whose certificate an authority of its own signed: one variable names that to all three clients."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import rasterio
from s3fs import S3FileSystem

from sgddiff_batch.core.scene import Scene
from sgddiff_batch.errors import RetryableError
from sgddiff_batch.io.scenes.gdal import gdal_options
from sgddiff_batch.io.storage import open_store
from tests.kit.s3 import S3Server, new_bucket
from tests.kit.scenes import write_scene
from tests.kit.tls import run_tls_before

BUCKET = "tls-bucket"
SCENE = Scene("a.tif", f"s3://{BUCKET}/in/a.tif", "v", 1)


@pytest.fixture(params=["an authority's", "its own"])
def authority(
    request: pytest.FixtureRequest, s3_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """The certificate of who signed for the store, which has a scene; the environment does not name it."""
    front = run_tls_before(s3_server.endpoint, tmp_path, request.param == "its own")
    with new_bucket(s3_server, BUCKET, monkeypatch) as plain, front as (endpoint, authority):
        scene = write_scene(tmp_path / "a.tif", np.full((3, 40, 30), 7, np.uint8))
        plain.put_file(str(scene), f"{BUCKET}/in/a.tif")
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        for name in ("AWS_CA_BUNDLE", "AWS_CONFIG_FILE"):
            monkeypatch.delenv(name, raising=False)
        yield authority
    S3FileSystem.clear_instance_cache()


def asked_by_gdal() -> tuple[int, int]:
    with rasterio.Env(**gdal_options(SCENE, os.environ)), rasterio.open(f"/vsis3/{BUCKET}/in/a.tif") as scene:
        return scene.shape


@pytest.mark.parametrize("named_by", ["variable", "profile"])
def test_one_name_of_an_authority_is_for_all_clients(authority, tmp_path, monkeypatch, named_by):
    if named_by == "variable":
        monkeypatch.setenv("AWS_CA_BUNDLE", str(authority))
    else:
        (tmp_path / "config").write_text(f"[profile private]\nca_bundle = {authority}\n")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
        monkeypatch.setenv("AWS_PROFILE", "private")
        (tmp_path / "keys").write_text(
            "[private]\naws_access_key_id = {AWS_ACCESS_KEY_ID}\n"
            "aws_secret_access_key = {AWS_SECRET_ACCESS_KEY}\n".format(**os.environ)
        )
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "keys"))
    store = open_store(f"s3://{BUCKET}")
    store.write("out/b", b"there")  # by obstore
    assert store.read("out/b") == b"there"
    assert [*store.keys("")] == ["in/a.tif", "out/b"]  # by s3fs
    assert asked_by_gdal() == (40, 30)


def test_an_authority_that_nobody_named_is_not_trusted_and_the_error_says_certificate(authority):
    store = open_store(f"s3://{BUCKET}")
    with pytest.raises(RetryableError, match="certificate is not valid"):
        store.read("in/a.tif")
    with pytest.raises(RetryableError, match="SSL validation failed"):
        [*store.keys("")]
    with pytest.raises(rasterio.errors.RasterioIOError, match="certificate"):
        asked_by_gdal()
