"""How S3 is asked: both clients are told the same endpoint, and for each bucket how it wants to be asked."""

import pytest
from botocore.exceptions import ClientError

from sgddiff_batch.core.query import BucketAccess
from sgddiff_batch.core.scene import Scene
from sgddiff_batch.io.scenes.gdal import gdal_options
from sgddiff_batch.io.storage.s3_client import code_of, endpoint_of, gdal_access_options, s3_client
from sgddiff_batch.io.storage.store import open_store

ACCESS = BucketAccess({"public": "anonymous"})


def test_gdal_is_told_of_every_access_explicitly():
    # It shows threads that set nothing what another thread set: of an anonymous bucket, for one.
    kinds = {access: gdal_access_options(access, {}) for access in ("own", "anonymous", "requester-pays")}
    assert {frozenset(told) for told in kinds.values()} == {
        frozenset({"AWS_NO_SIGN_REQUEST", "AWS_REQUEST_PAYER"})
    }
    assert kinds["own"] == {"AWS_NO_SIGN_REQUEST": "NO", "AWS_REQUEST_PAYER": ""}
    assert gdal_options(Scene("a", "s3://public/a.tif", "v", 1), {}, ACCESS)["AWS_NO_SIGN_REQUEST"] == "YES"
    assert gdal_options(Scene("a", "s3://other/a.tif", "v", 1), {}, ACCESS)["AWS_NO_SIGN_REQUEST"] == "NO"


def test_what_the_environment_asks_for_everywhere_stays():
    told = gdal_access_options("own", {"AWS_NO_SIGN_REQUEST": "YES", "AWS_REQUEST_PAYER": "requester"})
    assert told == {"AWS_NO_SIGN_REQUEST": "YES", "AWS_REQUEST_PAYER": "requester"}


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("[profile p]\nendpoint_url = http://one:1\n", "http://one:1"),
        ("[profile p]\nservices = s\n[services s]\ns3 =\n  endpoint_url = http://two:2\n", "http://two:2"),
        ("[profile other]\nendpoint_url = http://one:1\n", None),
        ("no config at all", None),
    ],
)
def test_the_endpoint_of_the_profile_is_told_to_both_clients(tmp_path, text, url):
    (tmp_path / "config").write_text(text)
    environment = {"AWS_PROFILE": "p", "AWS_CONFIG_FILE": str(tmp_path / "config")}
    assert endpoint_of(environment) == url
    host = url and url.removeprefix("http://")
    assert gdal_access_options("own", environment).get("AWS_S3_ENDPOINT") == host
    assert endpoint_of({**environment, "AWS_ENDPOINT_URL": "http://mine"}) == "http://mine"


def test_a_profile_is_a_client_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    bare = open_store("s3://b").backend.filesystem
    monkeypatch.setenv("AWS_PROFILE", "p")
    assert open_store("s3://b").backend.filesystem is not bare


def test_the_endpoint_of_s3_goes_before_that_of_all_services_and_none_is_aws():
    both = {"AWS_ENDPOINT_URL": "http://all", "AWS_ENDPOINT_URL_S3": "http://s3"}
    assert endpoint_of(both) == "http://s3"
    assert endpoint_of({"AWS_ENDPOINT_URL": "http://all", "AWS_ENDPOINT_URL_S3": ""}) == "http://all"
    assert endpoint_of({}) is None


@pytest.mark.parametrize(
    ("url", "endpoint", "https"),
    [
        ("http://host:9000", "host:9000", "NO"),
        ("https://host/base/", "host/base", "YES"),
        ("host:9000", "host:9000", "YES"),
        ("https://user:password@host", "host", "YES"),
    ],
)
def test_gdal_is_told_the_endpoint_in_its_parts_and_no_login(url, endpoint, https):
    told = gdal_access_options("own", {"AWS_ENDPOINT_URL": url})
    assert (told["AWS_S3_ENDPOINT"], told["AWS_HTTPS"]) == (endpoint, https)
    assert told["AWS_VIRTUAL_HOSTING"] == "FALSE"
    hosting = {"AWS_ENDPOINT_URL": url, "AWS_VIRTUAL_HOSTING": "TRUE"}
    assert gdal_access_options("own", hosting)["AWS_VIRTUAL_HOSTING"] == "TRUE"


def test_each_access_and_endpoint_has_a_client_of_its_own_and_shares_it():
    ways = [
        (access, {"AWS_ENDPOINT_URL": endpoint})
        for access in ("own", "anonymous", "requester-pays")
        for endpoint in ("http://127.0.0.1:1", "http://127.0.0.1:2")
    ]
    clients = [s3_client(access, environment) for access, environment in ways]
    assert len(set(map(id, clients))) == 6
    assert all(s3_client(*way) is client for way, client in zip(ways, clients, strict=True))


def test_an_anonymous_client_signs_nothing_whatever_profile_is_named():
    told = s3_client("anonymous", {"AWS_PROFILE": "p"}).storage_options
    assert told["anon"] is True
    assert "profile" not in told
    assert s3_client("own", {"AWS_PROFILE": "p"}).storage_options["profile"] == "p"


def test_a_client_gives_up_after_few_tries_and_keeps_no_listing():
    client = s3_client("requester-pays", {})
    assert client.storage_options["config_kwargs"]["retries"]["total_max_attempts"] == 3
    assert client.retries == 2
    assert client.storage_options["use_listings_cache"] is False
    assert client.storage_options["requester_pays"] is True


def test_the_code_of_s3_is_found_behind_the_errors_that_were_made_of_it():
    origin = ClientError({"Error": {"Code": "SlowDown"}}, "GetObject")
    outer, middle = ValueError("outer"), OSError("middle")
    outer.__cause__, middle.__cause__ = middle, origin
    assert code_of(outer) == code_of(origin) == "SlowDown"
    assert code_of(OSError("another")) == code_of(ClientError({"Error": {}}, "GetObject")) == ""
