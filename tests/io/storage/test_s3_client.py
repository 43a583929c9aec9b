"""How S3 is asked: both clients are told the same endpoint, and for each bucket how it wants to be asked."""

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import ClientError, NoCredentialsError
from botocore.httpsession import get_cert_path
from fsspec.asyn import get_loop
from s3fs import S3FileSystem

from sgddiff_batch.core.query import BucketAccess
from sgddiff_batch.core.scene import Scene
from sgddiff_batch.io.scenes.gdal import gdal_options
from sgddiff_batch.io.storage.s3_client import (
    Credentials,
    bucket_client,
    code_of,
    endpoint_of,
    gdal_access_options,
    region_of,
    s3_client,
)
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


@pytest.fixture
def keys(monkeypatch):
    """Credentials of the environment, and nothing else there that says how to ask."""
    for name in (
        "AWS_PROFILE",
        "AWS_SESSION_TOKEN",
        "AWS_DEFAULT_REGION",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
    ):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    S3FileSystem.clear_instance_cache()


def own(endpoint):
    return s3_client("own", {"AWS_ENDPOINT_URL": endpoint} if endpoint else {})


class TestBucketClient:
    @pytest.mark.parametrize(
        ("endpoint", "bucket", "url"),
        [
            ("", "bucket", "https://bucket.s3.amazonaws.com"),
            ("", "with.dots", "https://s3.amazonaws.com/with.dots"),
            ("http://host:9000", "bucket", "http://host:9000/bucket"),
            ("https://host/base/", "bucket", "https://host/base/bucket"),
        ],
    )
    def test_it_asks_at_the_url_of_botocore(self, keys, endpoint, bucket, url):
        client = bucket_client(own(endpoint), bucket)
        assert client.url == url
        assert client.client.config["endpoint"] == client.client.config["endpoint_url_s3"] == url
        assert client.client.client_options["allow_http"] == str(url.startswith("http:")).lower()

    def test_a_config_that_says_how_buckets_are_named_is_followed(self, keys, tmp_path, monkeypatch):
        told = "region = eu-west-3\naws_access_key_id = k\naws_secret_access_key = s\n"
        (tmp_path / "config").write_text(f"[profile p]\n{told}s3 =\n  addressing_style = virtual\n")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
        monkeypatch.setenv("AWS_PROFILE", "p")
        client = bucket_client(
            s3_client("own", {"AWS_PROFILE": "p", "AWS_ENDPOINT_URL": "http://host"}), "bucket"
        )
        assert client.url == "http://bucket.host"
        assert client.client.config["region"] == "eu-west-3"

    def test_time_outs_are_those_of_s3fs_and_none_is_for_the_whole(self, keys):
        options = bucket_client(own("http://host"), "bucket").client.client_options
        assert (options["connect_timeout"], options["read_timeout"]) == ("5s", "15s")
        assert options["timeout"] == "1day"

    def test_it_asks_once_for_the_caller_decides_about_trying_again(self, keys):
        assert bucket_client(own("http://host"), "bucket").client.retry_config["max_retries"] == 0

    @pytest.mark.parametrize(
        ("access", "signs", "pays"),
        [("own", True, False), ("anonymous", False, False), ("requester-pays", True, True)],
    )
    def test_it_asks_in_the_way_of_the_access(self, keys, access, signs, pays):
        told = bucket_client(s3_client(access, {"AWS_ENDPOINT_URL": "http://host"}), "bucket")
        assert told.client.config["skip_signature"] == str(not signs).lower()
        assert told.client.config["request_payer"] == str(pays).lower()
        assert (told.credentials is not None) is signs

    @pytest.mark.parametrize("variable", ["HTTP_PROXY", "ALL_PROXY"])
    def test_where_a_proxy_is_set_s3fs_asks(self, keys, monkeypatch, variable):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
        assert bucket_client(own("http://host"), "bucket") is None
        monkeypatch.setenv("NO_PROXY", "host")
        assert bucket_client(own("http://host"), "bucket") is not None

    def test_where_the_url_has_a_login_s3fs_asks(self, keys):
        assert bucket_client(own("http://user:word@host"), "bucket") is None

    def test_certificates_are_those_that_botocore_trusts_and_s3fs_tells_what_cannot_be_read(
        self, keys, tmp_path, monkeypatch
    ):
        (tmp_path / "mine.pem").write_bytes(Path(get_cert_path(True)).read_bytes())
        monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "mine.pem"))
        assert bucket_client(own("https://host"), "bucket") is not None
        monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "none.pem"))
        S3FileSystem.clear_instance_cache()
        assert bucket_client(own("https://host"), "bucket") is None

    def test_without_credentials_that_is_told(self, keys, tmp_path, monkeypatch):
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
        with pytest.raises(NoCredentialsError):
            bucket_client(own("http://host"), "bucket")


def test_credentials_that_do_not_end_are_asked_for_once_and_others_again_in_time(keys):
    client = own("http://host")
    client.connect()
    told = Credentials(client)()
    assert (told["access_key_id"], told["secret_access_key"], told["token"]) == ("key", "secret", None)
    assert told["expires_at"] is None

    class Session:
        async def get_credentials(self):
            return self

        refresh_needed = True

        async def get_frozen_credentials(self):
            return ReadOnlyCredentials("k", "s", "t")

    told = Credentials(SimpleNamespace(loop=get_loop(), session=Session()))()
    assert told["token"] == "t"
    assert 300 < (told["expires_at"] - datetime.now(UTC)).total_seconds() < 600


def test_the_region_of_a_bucket_is_what_its_reply_or_refusal_says():
    class Client:
        def __init__(self, headers, refuses):
            self.reply, self.refuses = {"Error": {}, "ResponseMetadata": {"HTTPHeaders": headers}}, refuses

        def call_s3(self, method, **_):
            assert method == "head_bucket"
            if self.refuses:
                raise OSError("moved") from ClientError(self.reply, "HeadBucket")
            return self.reply

    for refuses in (False, True):
        assert region_of(Client({"x-amz-bucket-region": "eu-west-1"}, refuses), "b") == "eu-west-1"
        assert region_of(Client({}, refuses), "b") is None
