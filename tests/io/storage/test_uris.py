"""What a URI alone tells: no store is asked."""

import os
from pathlib import Path

import pytest

from sgddiff_batch.core.query import OWN, BucketAccess
from sgddiff_batch.errors import ConfigError, UnreadableSceneError
from sgddiff_batch.io.storage.uris import (
    credentials_found,
    gdal_path,
    gdal_settings,
    local_path,
    no_new_folders,
    over_network,
)

PUBLIC = BucketAccess({"public": "anonymous"})


def test_only_local_paths_and_s3_are_spoken():
    assert local_path("/data/a") == Path("/data/a")
    assert local_path("s3://bucket/a") is None
    with pytest.raises(ConfigError, match="ftp"):
        local_path("ftp://host/a")


def test_a_local_path_is_made_full_and_its_links_stay(tmp_path, monkeypatch):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    monkeypatch.chdir(tmp_path)
    assert local_path("link/x/../a.tif") == Path.cwd() / "link" / "a.tif"


@pytest.mark.parametrize(("uri", "asks"), [("/data/a", False), ("a.tif", False), ("s3://bucket/a", True)])
def test_a_bucket_is_asked_over_a_network_and_a_file_is_not(uri, asks):
    assert over_network(uri) is asks


@pytest.mark.parametrize("ask", [over_network, gdal_path, lambda uri: gdal_settings(uri, OWN, {})])
def test_a_scheme_that_is_not_spoken_is_told(ask):
    with pytest.raises(ConfigError, match="starts with ftp://; allowed are local paths and s3://"):
        ask("ftp://host/a.tif")


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("/data/a.tif", "/data/a.tif"),
        ("/vsizip/a.zip/b.tif", "/./vsizip/a.zip/b.tif"),
        ("s3://bucket/x/a b%20#?.tif", "/vsis3/bucket/x/a b%20#?.tif"),
        ("s3://bucket/..a/b..tif", "/vsis3/bucket/..a/b..tif"),
    ],
)
def test_gdal_opens_exactly_what_a_uri_names(uri, name):
    assert gdal_path(uri) == name


def test_a_relative_path_is_none_of_gdals_own_file_systems(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert gdal_path("vsimem/a.tif") == os.path.join(os.path.abspath("vsimem"), "a.tif")  # noqa: PTH100, PTH118


@pytest.mark.parametrize("key", ["x/../a.tif", "./a.tif", "x/.", ".."])
def test_a_key_that_clients_would_resolve_is_not_asked_for(key):
    with pytest.raises(UnreadableSceneError, match="segment and cannot be asked for safely"):
        gdal_path(f"s3://bucket/{key}")


def test_gdal_is_told_the_same_settings_of_every_uri_and_only_their_values_differ():
    told = {uri: gdal_settings(uri, PUBLIC, {}) for uri in ("/data/a", "s3://public/a", "s3://mine/a")}
    assert {frozenset(settings) for settings in told.values()} == {
        frozenset({"CPL_VSIL_CURL_NON_CACHED", "AWS_NO_SIGN_REQUEST", "AWS_REQUEST_PAYER"})
    }
    assert {uri: settings["AWS_NO_SIGN_REQUEST"] for uri, settings in told.items()} == {
        "/data/a": "NO",
        "s3://public/a": "YES",
        "s3://mine/a": "NO",
    }


def test_gdal_keeps_nothing_that_it_read_of_a_bucket():
    assert gdal_settings("s3://mine/a", OWN, {})["CPL_VSIL_CURL_NON_CACHED"] == "/vsis3/"
    assert gdal_settings("/data/a", OWN, {})["CPL_VSIL_CURL_NON_CACHED"] == ""


def test_folders_that_were_made_meanwhile_and_are_empty_go(tmp_path):
    (tmp_path / "there").mkdir()
    with no_new_folders(str(tmp_path / "there" / "new" / "deep")):
        (tmp_path / "there" / "new" / "deep").mkdir(parents=True)
    assert [path.name for path in tmp_path.rglob("*")] == ["there"]


def test_they_go_also_after_an_error_and_what_holds_something_stays(tmp_path):
    def fail():
        (tmp_path / "new" / "deep").mkdir(parents=True)
        (tmp_path / "new" / "a.txt").touch()
        raise OSError("full")

    with pytest.raises(OSError, match="full"), no_new_folders(str(tmp_path / "new" / "deep")):
        fail()
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.txt", "new"]


def test_object_storage_has_no_folders():
    with no_new_folders("s3://bucket/prefix"):
        pass


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, "none in the environment: those of this machine or its role"),
        ({"AWS_ACCESS_KEY_ID": "a"}, "none in the environment: those of this machine or its role"),
        ({"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}, "AWS_ACCESS_KEY_ID of the environment"),
        (
            {"AWS_PROFILE": "x", "AWS_ENDPOINT_URL": "http://u:p@h"},
            "those of the profile x; endpoint http://h",
        ),
    ],
)
def test_a_bucket_says_by_which_credentials_it_is_asked_and_a_folder_needs_none(environment, words):
    assert credentials_found("s3://bucket/a", environment) == words
    assert credentials_found("/data/a", environment) is None
